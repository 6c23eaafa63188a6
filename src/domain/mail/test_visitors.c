#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "base/time.h"
#include "domain/mail/visitors.h"

#define MINUTE_US (60 * US_PER_SEC)

static const struct visitor_limits limits = { .new_minute = 3, .minute = 5, .unknown_hour = 4 };

static void test_messages(void **state)
{
	unsigned char one[PEER_NETWORK_LEN] = { 4, 1 }, two[PEER_NETWORK_LEN] = { 4, 2 };
	struct visitors *v = visitors_new();
	struct visitor_limits none = { 0 };
	int64_t now = 1;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(visitors_message(v, one, &limits, now));
	assert_false(visitors_message(v, one, &limits, now));
	assert_true(visitors_message(v, two, &limits, now));
	assert_true(visitors_message(v, one, &none, now));
	now += MINUTE_US;
	assert_true(visitors_message(v, one, &limits, now));
	now += 60 * MINUTE_US;         /* an old acquaintance */
	for (int i = 0; i < 5; i++)
		assert_true(visitors_message(v, one, &limits, now));
	assert_false(visitors_message(v, one, &limits, now));
	visitors_free(v);
}

static void test_harvest(void **state)
{
	unsigned char one[PEER_NETWORK_LEN] = { 4, 1 };
	struct visitors *v = visitors_new();
	int64_t now = 1;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_true(visitors_welcome(v, one, &limits, now));
		visitors_recipient(v, one, false, now);
	}
	assert_false(visitors_welcome(v, one, &limits, now));
	for (int i = 0; i < 4; i++)    /* one who writes to many of us may have some old addresses */
		visitors_recipient(v, one, true, now);
	assert_true(visitors_welcome(v, one, &limits, now));
	visitors_recipient(v, one, false, now);
	assert_false(visitors_welcome(v, one, &limits, now));
	assert_true(visitors_welcome(v, one, &limits, now + 60 * MINUTE_US));
	visitors_free(v);
}

static void test_logins(void **state)
{
	unsigned char net[PEER_NETWORK_LEN] = { 4 };
	struct visitors *v = visitors_new();
	unsigned sending;

	(void)state;
	for (unsigned i = 1; i <= VISITOR_NETWORKS + 5; i++) {
		unsigned n = i < VISITOR_NETWORKS ? i : VISITOR_NETWORKS;

		net[3] = (unsigned char)i;
		assert_int_equal(visitors_login(v, 7, net, i % 2, 1, &sending), n);
		assert_int_equal(sending, (n + 1) / 2);
	}
	net[3] = 1;
	assert_int_equal(visitors_login(v, 8, net, false, 1, &sending), 1);
	assert_int_equal(sending, 0);
	assert_int_equal(visitors_login(v, 8, net, true, 1, &sending), 1);
	assert_int_equal(sending, 1);
	assert_int_equal(visitors_login(v, 7, net, false, 1, &sending), VISITOR_NETWORKS);
	assert_int_equal(sending, VISITOR_NETWORKS / 2);
	assert_int_equal(visitors_login(v, 7, net, false, 1 + 60 * MINUTE_US, &sending), 1);
	assert_int_equal(sending, 0);
	visitors_free(v);
}

static void test_bound(void **state)
{
	struct visitors *v = visitors_new();
	unsigned char net[PEER_NETWORK_LEN] = { 6 };

	(void)state;
	for (uint32_t i = 0; i <= VISITORS_MAX; i++) {
		unsigned char first[PEER_NETWORK_LEN] = { 6 };

		if (i == VISITORS_MAX)
			assert_false(visitors_message(v, first, &limits, 1));  /* the first is remembered until one more comes */
		memcpy(net + 1, &i, sizeof(i));
		for (int k = 0; k < 3; k++)
			assert_true(visitors_message(v, net, &limits, 1));
	}
	assert_false(visitors_message(v, net, &limits, 1));
	memset(net + 1, 0, sizeof(net) - 1);
	assert_true(visitors_message(v, net, &limits, 1));
	visitors_free(v);
}

static void test_login_bound(void **state)
{
	unsigned char net[PEER_NETWORK_LEN] = { 4 };
	struct visitors *v = visitors_new();
	unsigned sending;

	(void)state;
	for (uint64_t id = 1; id <= VISITORS_MAX; id++)
		assert_int_equal(visitors_login(v, id, net, false, 1, &sending), 1);
	net[1] = 1;
	assert_int_equal(visitors_login(v, 1, net, false, 1, &sending), 2);
	assert_int_equal(visitors_login(v, VISITORS_MAX + 1, net, false, 1, &sending), 1);
	net[1] = 2;
	assert_int_equal(visitors_login(v, 1, net, false, 1, &sending), 1);      /* forgotten */
	visitors_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_messages), cmocka_unit_test(test_harvest), cmocka_unit_test(test_bound),
		cmocka_unit_test(test_logins), cmocka_unit_test(test_login_bound) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
