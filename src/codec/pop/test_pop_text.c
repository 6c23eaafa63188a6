#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "codec/pop/pop_text.h"

static void test_lex(void **state)
{
	static const char *const bad[] = { "", " ", "RE", "RETR\t1", "RETR \001", "A-B", "RETR 1 2 3 4 5 6 7 8 9",
		"ABCDEFGHIJKLMNOPQ" };
	SCOPED_ARENA a = arena_new();
	struct pop_command c;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(pop_lex(a, SPAN("top 1  20"), &c, &e), 0);
	assert_true(span_eqz(c.verb, "TOP") && c.args.n == 2);
	assert_true(span_eqz(c.args.v[0].text, "1") && span_eqz(c.args.v[1].text, "20"));
	assert_int_equal(pop_lex(a, SPAN("PASS a  b "), &c, &e), 0);
	assert_true(c.args.n == 1 && span_eqz(c.args.v[0].text, "a  b "));
	assert_int_equal(pop_lex(a, SPAN("USER J\xc3\xbcrgen"), &c, &e), 0);
	assert_true(span_eqz(c.args.v[0].text, "J\xc3\xbcrgen"));
	assert_int_equal(pop_lex(a, SPAN("QUIT"), &c, &e), 0);
	assert_int_equal(c.args.n, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pop_lex(a, span_str(bad[i]), &c, NULL), ERR_SYNTAX);
}

/* However the message is cut into pieces, the answer is the same. */
static void stuffed_is(const char *in, const char *want)
{
	struct span s = span_str(in);

	for (size_t step = 1; step <= s.n + 1; step++) {
		struct pop_stuff st = { 0 };
		SCOPED_BUF b;

		buf_init(&b, 1000);
		for (size_t at = 0; at < s.n; at += step)
			pop_stuff(&st, &b, span_sub(s, at, step));
		pop_stuff_end(&st, &b);
		assert_true(span_eqz(buf_span(&b), want));
	}
}

static void test_stuff(void **state)
{
	(void)state;
	stuffed_is("", ".\r\n");
	stuffed_is("a\r\n", "a\r\n.\r\n");
	stuffed_is("a", "a\r\n.\r\n");
	stuffed_is("a\r", "a\r\n.\r\n");
	stuffed_is(".\r\n..\r\na.\r\n", "..\r\n...\r\na.\r\n.\r\n");
	stuffed_is("a\n.\nb\r.\r\n", "a\r\n..\r\nb\r.\r\n.\r\n");
	stuffed_is("\r\n\n", "\r\n\r\n.\r\n");
}

static void test_top(void **state)
{
	(void)state;
	assert_int_equal(pop_top_len(SPAN("A: b\r\n\r\n1\r\n2\r\n3"), 8, 0), 8);
	assert_int_equal(pop_top_len(SPAN("A: b\r\n\r\n1\r\n2\r\n3"), 8, 1), 11);
	assert_int_equal(pop_top_len(SPAN("A: b\r\n\r\n1\r\n2\r\n3"), 8, 3), 15);
	assert_int_equal(pop_top_len(SPAN("A: b\r\n\r\n1\r\n2\r\n3"), 8, UINT64_MAX), 15);
	assert_int_equal(pop_top_len(SPAN("A: b"), 8, 1), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lex),
		cmocka_unit_test(test_stuff),
		cmocka_unit_test(test_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
