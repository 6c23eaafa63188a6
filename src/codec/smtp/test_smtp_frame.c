#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "codec/smtp/smtp_data.h"
#include "codec/smtp/smtp_frame.h"

/* Feeds `in` in steps and writes what came out: lines in [ ], refusals as <class>. */
static void frames(struct span in, size_t step, bool answer, struct buf *out)
{
	struct smtp_frame f;

	smtp_frame_init(&f);
	while (in.n) {
		struct span piece = span_sub(in, 0, step);
		size_t used;
		int r = answer ? smtp_frame_answer(&f, piece, &used) : smtp_frame(&f, piece, &used);

		assert_true(used > 0 && used <= piece.n);
		if (r == 0)
			assert_int_equal(used, piece.n);
		if (r == 1)
			buf_addf(out, "[%.*s]", SPAN_F(smtp_frame_text(&f)));
		else if (r < 0)
			buf_addf(out, "<%s%s>", err_name(r), f.fatal ? " fatal" : "");
		if (f.fatal)
			break;
		in = span_from(in, used);
	}
	if (!smtp_frame_idle(&f) && !f.fatal)
		buf_addz(out, "...");
	smtp_frame_fini(&f);
}

static void check_frames(struct span in, bool answer, const char *want)
{
	static const size_t steps[] = {1, 2, 3, 7, 1000000};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		SCOPED_BUF out;

		buf_init(&out, 1 << 20);
		frames(in, steps[i], answer, &out);
		if (!span_eqz(buf_span(&out), want))
			fail_msg("step %zu: %.*s, want %s", steps[i], SPAN_F(buf_span(&out)), want);
	}
}

static void test_frame_lines(void **state)
{
	(void)state;
	check_frames(SPAN("EHLO a\r\nQUIT\r\n"), false, "[EHLO a][QUIT]");
	check_frames(SPAN("\r\n\r\nNOOP"), false, "[][]...");
	check_frames(SPAN("NOOP\r"), false, "...");
	check_frames(SPAN("a\nb\r\nc\r\n"), false, "<syntax>[c]");
	check_frames(SPAN("\n\r\nc\r\n"), false, "<syntax>[c]");
	check_frames(SPAN("a\rb\r\nc\r\n"), false, "<syntax>[c]");
	check_frames(SPAN("a\r\r\nc\r\n"), false, "<syntax>[c]");
	/* CVE-2026-42395 */
	check_frames(SPAN("XCLIENT a\0b\r\nc\r\n"), false, "<syntax>[c]");
	check_frames(SPAN("dGVzdA==\r\n*\r\n\r\n"), true, "[dGVzdA==][*][]");
}

static void check_long(const char *head, size_t len, bool answer, const char *want)
{
	SCOPED_BUF in;

	buf_init(&in, 1 << 20);
	buf_addz(&in, head);
	buf_fill(&in, 'x', len - in.n - 2);
	buf_addz(&in, "\r\nQ\r\n");
	if (want) {
		check_frames(buf_span(&in), answer, want);
	} else { /* must pass */
		SCOPED_BUF good;

		buf_init(&good, 1 << 20);
		buf_addf(&good, "[%.*s][Q]", (int)len - 2, in.p);
		buf_addc(&good, 0);
		check_frames(buf_span(&in), answer, good.p);
	}
}

static void test_frame_limits(void **state)
{
	(void)state;
	check_long("MAIL ", SMTP_LINE_MAX, false, NULL);
	check_long("MAIL ", SMTP_LINE_MAX + 1, false, "<toobig>[Q]");
	check_long("auth PLAIN ", SMTP_AUTH_LINE_MAX, false, NULL);
	check_long("AUTH PLAIN ", SMTP_AUTH_LINE_MAX + 1, false, "<toobig>[Q]");
	check_long("", SMTP_AUTH_LINE_MAX, true, NULL);
	check_long("", SMTP_AUTH_LINE_MAX + 1, true, "<toobig>[Q]");
	check_long("", SMTP_SWALLOW_MAX, false, "<toobig>[Q]");
	check_long("", SMTP_SWALLOW_MAX + 1, false, "<toobig fatal>");
	check_long("a\n", SMTP_SWALLOW_MAX + 1, false, "<syntax fatal>");
}

static void test_frame_error_name(void **state)
{
	struct smtp_frame f;
	size_t used;

	(void)state;
	smtp_frame_init(&f);
	assert_int_equal(smtp_frame(&f, SPAN("a\nb\r\n"), &used), ERR_SYNTAX);
	assert_string_equal(f.why, "Bare LF received");
	assert_int_equal(smtp_frame_text(&f).n, 0);
	assert_int_equal(smtp_frame(&f, SPAN("AUTH PLAIN x\r\n"), &used), 1);
	assert_null(f.why);
	assert_true(f.secret);
	assert_int_equal(smtp_frame(&f, SPAN("N"), &used), 0);
	assert_false(f.secret);
	assert_false(smtp_frame_idle(&f));
	smtp_frame_fini(&f);
}

/* Feeds in steps; returns what smtp_data left over, or -1 when no end came. */
static ssize_t decode(struct span in, size_t step, struct smtp_data *d, struct buf *out)
{
	smtp_data_init(d);
	while (in.n) {
		struct span piece = span_sub(in, 0, step);
		size_t used;
		int r = smtp_data(d, piece, &used);

		assert_true(used <= piece.n && (used || d->run.n));
		buf_add(out, d->run);
		in = span_from(in, used);
		if (r)
			return (ssize_t)in.n;
	}
	return -1;
}

static struct smtp_data check_data(struct span in, struct span want, ssize_t left)
{
	struct smtp_data first, d;

	for (size_t step = 1; step < in.n + 2; step++) {
		SCOPED_BUF out;

		buf_init(&out, 1 << 20);
		assert_int_equal(decode(in, step, &d, &out), left);
		if (!span_eq(buf_span(&out), want))
			fail_msg("step %zu: \"%.*s\"", step, SPAN_F(buf_span(&out)));
		assert_int_equal(d.size, want.n);
		if (step == 1)
			first = d;
		assert_int_equal(d.bare_cr, first.bare_cr);
		assert_int_equal(d.bare_lf, first.bare_lf);
		assert_int_equal(d.line_longest, first.line_longest);
		assert_int_equal(d.eight_bit, first.eight_bit);
		assert_int_equal(d.nul, first.nul);
		assert_int_equal(d.line_open, first.line_open);
	}
	return first;
}

static void test_data_plain(void **state)
{
	struct smtp_data d;

	(void)state;
	d = check_data(SPAN(".\r\n"), SPAN(""), 0);
	assert_false(smtp_data_stray(&d));
	d = check_data(SPAN("a: b\r\n\r\nlonger line\r\n.\r\nQUIT\r\n"),
		SPAN("a: b\r\n\r\nlonger line\r\n"), 6);
	assert_false(smtp_data_stray(&d) || d.eight_bit || d.nul || d.line_open);
	assert_int_equal(d.line_longest, 11);
	check_data(SPAN("..\r\n...a\r\n.b\r\n.\r\n"), SPAN(".\r\n..a\r\nb\r\n"), 0);
	d = check_data(SPAN("a\r\n.\r"), SPAN("a\r\n"), -1);
	d = check_data(SPAN("\xc3\xa4\r\n.\r\n"), SPAN("\xc3\xa4\r\n"), 0);
	assert_true(d.eight_bit);
	d = check_data(SPAN("a\0b\r\n.\r\n"), SPAN("a\0b\r\n"), 0);
	assert_true(d.nul);
}

/* Every end that some server has taken for the true one; CVE-2023-51764 and its sisters,
 * 2026-33604. */
static void test_data_smuggling(void **state)
{
	static const struct {
		struct span in, out;
		unsigned cr, lf;
	} v[] = {
		{SPAN("a\n.\nMAIL"), SPAN("a\n.\nMAIL"), 0, 2},
		{SPAN("a\n.\r\nMAIL"), SPAN("a\n.\r\nMAIL"), 0, 1},
		{SPAN("a\r\n.\nMAIL"), SPAN("a\r\n\nMAIL"), 0, 1},
		{SPAN("a\r\n.\rMAIL"), SPAN("a\r\n\rMAIL"), 1, 0},
		{SPAN("a\r.\r\nMAIL"), SPAN("a\r.\r\nMAIL"), 1, 0},
		{SPAN("a\r.\rMAIL"), SPAN("a\r.\rMAIL"), 2, 0},
		{SPAN("a\r\r\n.\r\r\nMAIL"), SPAN("a\r\r\n\r\r\nMAIL"), 2, 0},
		{SPAN("a\r\n\0.\r\nMAIL"), SPAN("a\r\n\0.\r\nMAIL"), 0, 0},
		{SPAN("a\r\n.\0\r\nMAIL"), SPAN("a\r\n\0\r\nMAIL"), 0, 0},
		{SPAN("a\r\n.\r.\r\nMAIL"), SPAN("a\r\n\r.\r\nMAIL"), 1, 0},
		{SPAN("a\n\r.\r\n"), SPAN("a\n\r.\r\n"), 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		struct smtp_data d = check_data(v[i].in, v[i].out, -1);

		assert_int_equal(d.bare_cr, v[i].cr);
		assert_int_equal(d.bare_lf, v[i].lf);
		assert_true(smtp_data_stray(&d) || d.nul);
	}
	check_data(SPAN("a\n.\n\r\n.\r\nX"), SPAN("a\n.\n\r\n"), 1);
}

static void test_data_chunk(void **state)
{
	struct smtp_data d;

	(void)state;
	smtp_data_init(&d);
	smtp_data_chunk(&d, SPAN("ab\r\n.\r"), false);
	smtp_data_chunk(&d, SPAN("\nabc\r\n"), true);
	assert_false(smtp_data_stray(&d) || d.line_open);
	assert_int_equal(d.size, 12);
	assert_int_equal(d.line_longest, 3);
	smtp_data_chunk(&d, SPAN("x\r"), true);
	assert_int_equal(d.bare_cr, 1);
	assert_true(d.line_open);
}

static uint64_t encode(struct span in, size_t step, struct buf *out)
{
	struct smtp_stuff s;

	smtp_stuff_init(&s);
	while (in.n) {
		size_t used;

		smtp_stuff(&s, span_sub(in, 0, step), &used);
		assert_true(used || s.run.n);
		buf_add(out, s.run);
		in = span_from(in, used);
	}
	buf_add(out, smtp_stuff_end(&s));
	return s.stray;
}

static void test_stuff(void **state)
{
	static const struct {
		struct span in, out;
		unsigned stray;
	} v[] = {
		{SPAN(""), SPAN(".\r\n"), 0},
		{SPAN("a\r\n"), SPAN("a\r\n.\r\n"), 0},
		{SPAN("a"), SPAN("a\r\n.\r\n"), 0},
		{SPAN(".\r\n..\r\na.\r\n"), SPAN("..\r\n...\r\na.\r\n.\r\n"), 0},
		{SPAN("a\n.\nb\r\n"), SPAN("a . b\r\n.\r\n"), 2},
		{SPAN("a\r.\rb\r\n"), SPAN("a . b\r\n.\r\n"), 2},
		{SPAN("a\r\r\n.\r"), SPAN("a \r\n.. \r\n.\r\n"), 2},
		{SPAN("\n.\r\n"), SPAN(" .\r\n.\r\n"), 1},
		{SPAN("\r\n\n\r\n.\r\n"), SPAN("\r\n \r\n..\r\n.\r\n"), 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		for (size_t step = 1; step < v[i].in.n + 2; step++) {
			SCOPED_BUF out;

			buf_init(&out, 1000);
			assert_int_equal(encode(v[i].in, step, &out), v[i].stray);
			if (!span_eq(buf_span(&out), v[i].out))
				fail_msg("%zu/%zu: \"%.*s\"", i, step, SPAN_F(buf_span(&out)));
		}
}

/* All strings over four octets: what we send, a strict server reads back, with one end, at the end.
 */
static void test_stuff_then_read(void **state)
{
	static const char octets[] = ".\r\nx";

	(void)state;
	for (unsigned k = 0; k < 4096; k++) {
		SCOPED_BUF wire;
		SCOPED_BUF back;
		struct smtp_data d;
		char text[6];

		for (unsigned i = 0; i < 6; i++)
			text[i] = octets[k >> 2 * i & 3];
		buf_init(&wire, 100);
		buf_init(&back, 100);
		encode((struct span){text, 6}, 4, &wire);
		assert_int_equal(decode(buf_span(&wire), 3, &d, &back), 0);
		assert_false(smtp_data_stray(&d));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame_lines),
		cmocka_unit_test(test_frame_limits),
		cmocka_unit_test(test_frame_error_name),
		cmocka_unit_test(test_data_plain),
		cmocka_unit_test(test_data_smuggling),
		cmocka_unit_test(test_data_chunk),
		cmocka_unit_test(test_stuff),
		cmocka_unit_test(test_stuff_then_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
