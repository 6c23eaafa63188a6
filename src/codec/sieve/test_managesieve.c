#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "codec/sieve/managesieve.h"

/* Feeds text octet by octet or at once; the frame's answer. */
static int feed(struct ms_frame *f, struct span in, size_t piece, size_t *taken)
{
	int r = 0;

	*taken = 0;
	while (in.n && r == 0) {
		size_t used;

		r = ms_frame(f, span_sub(in, 0, piece), &used);
		in = span_from(in, used);
		*taken += used;
	}
	return r;
}

static void test_frame(void **state)
{
	static const struct { const char *in; size_t taken; } rows[] = {
		{ "NOOP\r\nrest", 6 },
		{ "PUTSCRIPT \"a\" {5+}\r\nab\r\nc\r\nrest", 27 },
		{ "CHECKSCRIPT {0+}\r\n\r\nrest", 20 },
		{ "PUTSCRIPT {3+}\r\na{9 {2+}\r\nxy\r\n", 30 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t piece = 1; piece < 40; piece += 19) {
			struct ms_frame f;
			size_t taken;

			ms_frame_init(&f, 100);
			assert_true(ms_frame_idle(&f));
			assert_int_equal(feed(&f, span_str(rows[i].in), piece, &taken), 1);
			assert_int_equal(taken, rows[i].taken);
			ms_frame_fini(&f);
		}
}

static void test_bounds(void **state)
{
	struct ms_frame f;
	size_t taken;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 100000);
	buf_addz(&b, "PUTSCRIPT \"a\" {200+}\r\n");
	buf_fill(&b, 'x', 200);
	buf_addz(&b, "\r\n");
	ms_frame_init(&f, 100);
	assert_int_equal(feed(&f, buf_span(&b), 7, &taken), 1);
	assert_true(f.toobig);
	assert_true(ms_frame_text(&f).n < 40);
	ms_frame_reset(&f);
	assert_true(ms_frame_idle(&f) && !f.toobig);
	assert_int_equal(feed(&f, SPAN("X {99999999+}\r\n"), 7, &taken), ERR_SYNTAX);
	assert_true(f.fatal);
	ms_frame_reset(&f);
	buf_reset(&b);
	buf_fill(&b, 'x', MS_LINE_MAX + 1);
	assert_int_equal(feed(&f, buf_span(&b), 1000, &taken), ERR_SYNTAX);
	ms_frame_fini(&f);
}

static void test_literal_bounds(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct ms_frame f;
	size_t taken;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	ms_frame_init(&f, 100);
	for (unsigned n = MS_SKIP_MAX; n <= MS_SKIP_MAX + 1; n++) {
		assert_int_equal(feed(&f, arena_printf(a, "PUTSCRIPT \"a\" {%u+}\r\n", n), 100, &taken), n > MS_SKIP_MAX ? ERR_SYNTAX : 0);
		assert_int_equal(f.fatal, n > MS_SKIP_MAX);
		ms_frame_reset(&f);
	}
	buf_addz(&b, "X");
	for (int i = 0; i < MS_LITERALS_MAX; i++)
		buf_addz(&b, " {1+}\r\ny");
	buf_addz(&b, "\r\n");
	assert_int_equal(feed(&f, buf_span(&b), 5, &taken), 1);
	ms_frame_reset(&f);
	buf_reset(&b);
	buf_addz(&b, "X");
	for (int i = 0; i <= MS_LITERALS_MAX; i++)
		buf_addz(&b, " {1+}\r\ny");
	assert_int_equal(feed(&f, buf_span(&b), 5, &taken), ERR_SYNTAX);
	assert_true(f.fatal);
	ms_frame_fini(&f);
}

static void test_lex(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct ms_command c;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(ms_lex(a, SPAN("putScript \"m\\\"ein\" {5+}\r\nab\r\nc\r\n"), false, &c, &e), 0);
	assert_true(span_eqz(c.verb, "PUTSCRIPT"));
	assert_int_equal(c.args.n, 2);
	assert_true(span_eqz(c.args.v[0].text, "m\"ein"));
	assert_true(span_eqz(c.args.v[1].text, "ab\r\nc"));
	assert_int_equal(ms_lex(a, SPAN("HAVESPACE \"x\" 99\r\n"), false, &c, &e), 0);
	assert_true(c.args.v[1].kind == TOK_ATOM && span_eqz(c.args.v[1].text, "99"));
	assert_int_equal(ms_lex(a, SPAN("{3+}\r\nabc\r\n"), true, &c, &e), 0);
	assert_true(span_eqz(c.args.v[0].text, "abc"));
	static const char *const wrong[] = { "\r\n", "NOOP x\r\n", "NOOP \"x\r\n", "NOOP {3}\r\nabc\r\n", "NOOP {9+}\r\nabc\r\n", "NOOP \"a\"\"b\"\r\n" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		err_clear(&e);
		assert_int_equal(ms_lex(a, span_str(wrong[i]), false, &c, &e), ERR_SYNTAX);
		assert_true(e.say[0]);
	}
}

static void test_string(void **state)
{
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	ms_string(&b, SPAN("a\"\\b"));
	ms_string(&b, SPAN("x\ny"));
	assert_true(span_eqz(buf_span(&b), "\"a\\\"\\\\b\"{3}\r\nx\ny"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_frame), cmocka_unit_test(test_bounds), cmocka_unit_test(test_literal_bounds), cmocka_unit_test(test_lex),
		cmocka_unit_test(test_string) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
