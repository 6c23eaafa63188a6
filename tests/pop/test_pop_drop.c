/* The maildrop of POP3 at its bound: so many messages are shown, the oldest. */
#include <stdlib.h>
#include <string.h>
#include "proto/pop/pop_int.h"
#include "script/house.h"

static struct script_house house;

static int start(void **state)
{
	(void)state;
	script_house_open(&house, NULL, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	script_house_close(&house);
	return 0;
}

static void shows(struct pop_session *s)
{
	SCOPED_ARENA a = arena_new();
	struct session session = { .id = 1, .service = SVC_POP, .account_id = house.anna, .proto = s };
	struct cmd cmd = { .service = SVC_POP, .verb = SPAN("PASS") };
	struct reply *r = ARENA_NEW(a, struct reply);
	SCOPED_BUF out;
	struct call c = { .arena = a, .house = &house.house, .session = &session, .cmd = &cmd, .reply = r, .out = &out };

	buf_init(&out, 1u << 20);
	pop_signed_in(&c);
	assert_true(span_starts(buf_span(&out), SPAN("+OK Welcome, ")));
}

static void test_bound(void **state)
{
	(void)state;
	for (uint32_t n = POP_MESSAGES_MAX; n <= POP_MESSAGES_MAX + 1; n++) {
		struct pop_session s = { .n = 0 };

		script_house_fill(&house, n == POP_MESSAGES_MAX ? 1 : n, n, 1);
		shows(&s);
		assert_int_equal(s.n, POP_MESSAGES_MAX);
		assert_int_equal(s.v[s.n - 1].uid, POP_MESSAGES_MAX);
		free(s.v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bound) };

	return cmocka_run_group_tests(tests, start, stop);
}
