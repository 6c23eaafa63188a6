#include "domain/mail/order_cache.h"
#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct order_key key(uint64_t mailbox, uint32_t uidnext)
{
	struct order_key k;

	memset(&k, 0, sizeof(k));
	k.mailbox_id = mailbox;
	k.uidnext = uidnext;
	return k;
}

static void test_get_and_put(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct order_cache *c = order_cache_new();
	struct order_key k = key(1, 4), other = key(1, 5);
	uint32_t uids[] = { 3, 1, 2 }, fewer[] = { 9 };
	size_t len = 0;
	uint32_t *got;

	(void)state;
	assert_null(order_cache_get(c, a, &k, &len));
	order_cache_put(c, &k, uids, sizeof(uids));
	got = order_cache_get(c, a, &k, &len);
	assert_non_null(got);
	assert_int_equal(len, sizeof(uids));
	assert_memory_equal(got, uids, sizeof(uids));
	assert_null(order_cache_get(c, a, &other, &len));
	order_cache_put(c, &k, fewer, sizeof(fewer));
	got = order_cache_get(c, a, &k, &len);
	assert_int_equal(len, sizeof(fewer));
	assert_int_equal(got[0], 9);
	order_cache_free(c);
}

/* Five fit, nine do not: what was used last stays. */
static void test_bound(void **state)
{
	struct arena *a = arena_new();
	struct order_cache *c = order_cache_new();
	size_t len, big = ORDER_CACHE_MAX / 6;
	char *data = calloc(1, ORDER_CACHE_MAX);
	struct order_key k;

	(void)state;
	for (uint32_t i = 1; i <= 5; i++) {
		k = key(i, 1);
		order_cache_put(c, &k, data, big);
	}
	k = key(1, 1);
	assert_non_null(order_cache_get(c, a, &k, &len));
	for (uint32_t i = 6; i <= 9; i++) {
		k = key(i, 1);
		order_cache_put(c, &k, data, big);
	}
	for (uint32_t i = 1; i <= 9; i++) {
		k = key(i, 1);
		if (i == 1 || i > 5)
			assert_non_null(order_cache_get(c, a, &k, &len));
		else
			assert_null(order_cache_get(c, a, &k, &len));
	}
	k = key(10, 1);
	order_cache_put(c, &k, data, ORDER_CACHE_MAX / 4 + 1);
	assert_null(order_cache_get(c, a, &k, &len));
	free(data);
	order_cache_free(c);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_get_and_put), cmocka_unit_test(test_bound) };

	return cmocka_run_group_tests_name("order_cache", tests, NULL, NULL);
}
