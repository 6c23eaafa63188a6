#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "codec/imap/imap_frame.h"
#include "codec/imap/imap_lex.h"

static const struct imap_limits small = {
	.line_max = 60,
	.inline_max = 10,
	.literal_max = 100,
	.literal_count_max = 3,
	.command_max = 200,
};

/* Feeds all in pieces of `step` bytes and writes down what happened:
 * C continue, S spooled bytes, = complete text, ! refusal, # fatal. */
static void run(struct buf *log, struct span in, size_t step)
{
	struct imap_frame f;
	SCOPED_BUF spool;
	size_t at = 0;

	buf_init(&spool, 1000);
	imap_frame_init(&f, &small);
	while (at < in.n) {
		struct span piece = span_sub(in, at, step);
		size_t used;
		int r = imap_frame(&f, piece, &used);

		at += used;
		assert_true(used <= piece.n);
		if (r == 0 && f.event == IMAP_FRAME_CONTINUE)
			buf_addf(log, "C%d ", (int)f.literal_len);
		if (r == 0 && f.event == IMAP_FRAME_SPOOL)
			buf_add(&spool, f.spool);
		if (r == 0 && f.event == IMAP_FRAME_MORE)
			assert_int_equal(used, piece.n);
		if (r == 1) {
			size_t count;
			const struct imap_literal *lit = imap_frame_literals(&f, &count);

			buf_addf(log, "=%.*s|", SPAN_F(imap_frame_text(&f)));
			for (size_t i = 0; i < count; i++)
				buf_addf(log, "%zu+%d%s%s%s ", lit[i].at, (int)lit[i].len,
					lit[i].spooled ? "s" : "", lit[i].binary ? "b" : "",
					lit[i].has_nul ? "0" : "");
			assert_int_equal(f.spool_len, spool.n);
			buf_addf(log, "S%.*s;", SPAN_F(buf_span(&spool)));
			buf_reset(&spool);
		}
		if (r < 0) {
			buf_addf(log, "!%d %.*s;", r, SPAN_F(imap_frame_tag(&f)));
			buf_reset(&spool);
			if (f.fatal) {
				buf_addz(log, "#");
				break;
			}
		}
	}
	if (!imap_frame_idle(&f))
		buf_addz(log, "...");
	imap_frame_fini(&f);
}

static const struct {
	const char *in, *want;
} frame_rows[] = {
	{"a NOOP\r\n", "=a NOOP|S;"},
	{"a NOOP\nb NOOP\r\n", "=a NOOP|S;=b NOOP|S;"},
	{"a NOO", "..."},
	{"\r\n", "=|S;"},
	{"a X {3}\r\nabc\r\n", "C3 =a X {3}\r\nabc|9+3 S;"},
	{"a X {3+}\r\nabc {0+}\r\n\r\n", "=a X {3+}\r\nabc {0+}\r\n|10+3 20+0 S;"},
	{"a X {0}\r\n\r\n", "C0 =a X {0}\r\n|9+0 S;"},
	/* bodies are no lines: their ends and headers inside them mean nothing */
	{"a X {8+}\r\nz {9+}\r\n\r\nb Y\r\n", "=a X {8+}\r\nz {9+}\r\n|10+8 S;=b Y|S;"},
	{"a X {4+}\r\n{3+}\r\nb Y\r\n", "=a X {4+}\r\n{3+}|10+4 S;=b Y|S;"},
	{"a X ~{3+}\r\nabc\r\n", "=a X ~{3+}\r\nabc|11+3b S;"},
	/* too large for the frame: spooled for APPEND, REPLACE only */
	{"a APPEND x {11+}\r\nhello world\r\n",
		"=a APPEND x {11+}\r\n|18+11s Shello world;"},
	{"a uid  replace 1 x {11+}\r\nhello world\r\n",
		"=a uid  replace 1 x {11+}\r\n|26+11s Shello world;"},
	{"a append x {6+}\r\nabcdef {6+}\r\nghijkl {4+}\r\nmnop\r\n",
		"=a append x {6+}\r\nabcdef {6+}\r\n {4+}\r\nmnop|17+6 30+6s 37+4 "
		"Sghijkl;"},
	{"a LOGIN x {11+}\r\nhello world {2+}\r\nhi\r\nb NOOP\r\n", "!-9 a;=b NOOP|S;"},
	{"a LOGIN x {11}\r\nb NOOP\r\n", "!-9 a;=b NOOP|S;"},
	{"a LOGIN x {11+}\r\nhello world {2}\r\nb NOOP\r\n", "!-9 a;=b NOOP|S;"},
	/* one literal too large: refused at once, read over, or fatal */
	{"a APPEND x {101}\r\nb NOOP\r\n", "!-9 a;=b NOOP|S;"},
	{"a APPEND x {5000}\r\nb NOOP\r\n", "!-9 a;=b NOOP|S;"},
	{"a APPEND x {5000+}\r\nb NOOP\r\n", "!-9 a;#"},
	{"a APPEND x {99999999999999999999}\r\nb NOOP\r\n", "!-9 a;=b NOOP|S;"},
	{"a APPEND x {99999999999999999999+}\r\n", "!-9 a;#"},
	{"a X {1111111111111111111111111111111111111}\r\nb NOOP\r\n", "!-9 a;=b NOOP|S;"},
	{"a X {1111111111111111111111111111111111111+}\r\n", "!-9 a;#"},
	{"a X {0000003+}\r\nabc\r\n", "=a X {0000003+}\r\nabc|16+3 S;"},
	{"a X {1+}\r\na{1+}\r\nb{1+}\r\nc{1+}\r\nd\r\nb NOOP\r\n", "!-5 a;=b NOOP|S;"},
	{"a X {1+}\r\na{1+}\r\nb{1+}\r\nc{1}\r\nb NOOP\r\n", "!-5 a;=b NOOP|S;"},
	/* not headers: the lexer will say so */
	{"a X {}\r\n", "=a X {}|S;"},
	{"a X {+}\r\n", "=a X {+}|S;"},
	{"a X {3 }\r\n", "=a X {3 }|S;"},
	{"a X {-3}\r\n", "=a X {-3}|S;"},
	{"a X 3}\r\n", "=a X 3}|S;"},
	{"a X {3} \r\n", "=a X {3} |S;"},
	{"}\r\n+}\r\n3}\r\n", "=}|S;=+}|S;=3}|S;"},
	{"a X {3}\nb NOOP\r\n", "!-8 a;=b NOOP|S;"},
	{"a X {3+}\nabc\r\n", "!-8 a;#"},
	/* lines too long stay in step */
	{"a 3456789012345678901234567890123456789012345678901234567890\r\nb NOOP\r\n",
		"!-9 a;=b NOOP|S;"},
	{"a 34567890123456789012345678901234567890123456789012345678\r\nb NOOP\r\n",
		"=a 34567890123456789012345678901234567890123456789012345678|S;=b NOOP|S;"},
	{"a 3456789012345678901234567890123456789012345678901234567890 {3+}\r\nx\r\n\r\nb "
	 "NOOP\r\n",
		"!-9 a;=b NOOP|S;"},
	{"a 3456789012345678901234567890123456789012345678901234567890 {3}\r\nb NOOP\r\n",
		"!-9 a;=b NOOP|S;"},
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nb "
	 "NOOP\r\n",
		"!-9 ;=b NOOP|S;"},
};

static void test_frame(void **state)
{
	static const size_t steps[] = {1, 2, 3, 7, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(frame_rows) / sizeof(*frame_rows); i++)
		for (size_t k = 0; k < sizeof(steps) / sizeof(*steps); k++) {
			SCOPED_BUF log;

			buf_init(&log, 10000);
			run(&log, span_str(frame_rows[i].in), steps[k]);
			if (!span_eqz(buf_span(&log), frame_rows[i].want))
				fail_msg("row %zu step %zu: got %.*s want %s", i, steps[k],
					SPAN_F(buf_span(&log)), frame_rows[i].want);
		}
}

static void test_frame_endless(void **state)
{
	struct imap_frame f;
	size_t used, total = 0;
	int r = 0;

	(void)state;
	imap_frame_init(&f, &small);
	while (r == 0 && total < 10000) {
		r = imap_frame(&f, SPAN("xxxxxxxxxx"), &used);
		total += used;
	}
	assert_int_equal(r, ERR_TOOBIG);
	assert_true(f.fatal);
	assert_true(total <= small.command_max + 10);
	assert_true(f.text.n <= small.line_max);
	imap_frame_fini(&f);
}

static void test_frame_drop_and_line(void **state)
{
	struct imap_frame f;
	struct span in = SPAN("a APPEND x {50}\r\nb NOOP\r\n");
	size_t used;

	(void)state;
	imap_frame_init(&f, &small);
	assert_true(imap_frame_idle(&f));
	assert_int_equal(imap_frame(&f, in, &used), 0);
	assert_int_equal(f.event, IMAP_FRAME_CONTINUE);
	assert_int_equal(f.literal_len, 50);
	assert_false(imap_frame_idle(&f));
	imap_frame_drop(&f);
	assert_true(imap_frame_idle(&f));
	assert_true(span_eqz(imap_frame_tag(&f), "a"));
	assert_int_equal(imap_frame(&f, span_from(in, used), &used), 1);
	assert_true(span_eqz(imap_frame_text(&f), "b NOOP"));
	assert_int_equal(imap_frame_line(&f, SPAN("DO"), &used), 0);
	assert_int_equal(imap_frame_line(&f, SPAN("NE {3}\r\nx"), &used), 1);
	assert_int_equal(used, 8);
	assert_true(span_eqz(imap_frame_text(&f), "DONE {3}"));
	assert_int_equal(imap_frame_line(&f,
				 SPAN("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
				      "xxxxxxxxxxxxx"),
				 &used),
		0);
	assert_int_equal(imap_frame_line(&f, SPAN("\r\n"), &used), ERR_TOOBIG);
	assert_false(f.fatal);
	assert_true(imap_frame_idle(&f));
	imap_frame_fini(&f);
}

/* Before sign-in no client can make us spool. */
static void test_frame_pre_auth(void **state)
{
	struct imap_frame f;
	size_t used;

	(void)state;
	imap_frame_init(&f, &imap_limits_pre_auth);
	assert_int_equal(imap_frame(&f, SPAN("a APPEND x {8193}\r\n"), &used), ERR_TOOBIG);
	assert_false(f.fatal);
	assert_int_equal(imap_frame(&f, SPAN("a APPEND x {8192}\r\n"), &used), 0);
	assert_int_equal(f.event, IMAP_FRAME_CONTINUE);
	imap_frame_drop(&f);
	assert_int_equal(
		imap_frame(&f, SPAN("a APPEND {5+}\r\ninbox {8192}\r\n"), &used), ERR_TOOBIG);
	f.limits = &imap_limits_post_auth;
	assert_int_equal(imap_frame(&f, SPAN("a APPEND x {100000}\r\n"), &used), 0);
	assert_int_equal(f.event, IMAP_FRAME_CONTINUE);
	assert_int_equal(imap_frame(&f, SPAN("12\0"), &used), 0);
	assert_int_equal(f.event, IMAP_FRAME_SPOOL);
	assert_int_equal(f.spool.n, 3);
	assert_true(imap_frame_literals(&f, &used)->has_nul);
	imap_frame_fini(&f);
}

/* "tag|VERB|tokens": a:atom s:string n:nil p:spool ( ) */
static int lex(struct buf *out, struct span in, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct imap_command cmd;
	struct imap_frame f;
	size_t used, count, at = 0;
	const struct imap_literal *lit;
	int r;

	imap_frame_init(&f, &imap_limits_post_auth);
	while ((r = imap_frame(&f, span_from(in, at), &used)) == 0 && used)
		at += used;
	assert_int_equal(r, 1);
	lit = imap_frame_literals(&f, &count);
	r = imap_lex(a, imap_frame_text(&f), lit, count, &cmd, e);
	buf_addf(out, "%.*s|", SPAN_F(cmd.tag));
	if (r == 0) {
		buf_addf(out, "%.*s|", SPAN_F(cmd.verb));
		for (size_t i = 0; i < cmd.args.n; i++) {
			const struct tok *t = &cmd.args.v[i];

			if (t->kind == TOK_SPOOL)
				buf_addf(out, "p:%d+%d ", (int)t->off, (int)t->len);
			else if (t->kind == TOK_OPEN || t->kind == TOK_CLOSE)
				buf_addz(out, t->kind == TOK_OPEN ? "( " : ") ");
			else
				buf_addf(out, "%c:%.*s ", "?as?n"[t->kind], SPAN_F(t->text));
		}
	} else {
		buf_addf(out, "%d", r);
	}
	imap_frame_fini(&f);
	return r;
}

static const struct {
	const char *in, *want;
} lex_rows[] = {
	{"a noop", "a|NOOP|"},
	{"a noop ", "a|NOOP|"},
	{"A.1-]  uid  fetch 1:* (FLAGS)", "A.1-]|UID FETCH|a:1:* ( a:FLAGS ) "},
	{"a LOGIN \"x y\" \"a\\\"\\\\b\"", "a|LOGIN|s:x y s:a\"\\b "},
	{"a LOGIN \"\" NIL", "a|LOGIN|s: n:NIL "},
	{"a LOGIN {1+}\r\nx {3+}\r\ny\"z", "a|LOGIN|s:x s:y\"z "},
	{"a LIST \"\" %.*", "a|LIST|s: a:%.* "},
	{"a STORE 1 +FLAGS.SILENT (\\Seen $Junk)",
		"a|STORE|a:1 a:+FLAGS.SILENT ( a:\\Seen a:$Junk ) "},
	{"a FETCH 1 BODY.PEEK[HEADER.FIELDS (A \"b]\")]<0.9>",
		"a|FETCH|a:1 a:BODY.PEEK[HEADER.FIELDS (A \"b]\")]<0.9> "},
	{"a FETCH 1 (body[header.fields ({2+}\r\nX\" Y)] UID)",
		"a|FETCH|a:1 ( a:body[header.fields (\"X\\\"\" Y)] a:UID ) "},
	{"a SELECT [Gmail]/All", "a|SELECT|a:[Gmail]/All "},
	{"a X ( a ( b ) )", "a|X|( a:a ( a:b ) ) "},
	{"a X () ~{2+}\r\nhi ~x", "a|X|( ) s:hi a:~x "},
	{"a SELECT \"\xc3\xa4\"", "a|SELECT|s:\xc3\xa4 "},
	{"a AUTHENTICATE PLAIN =", "a|AUTHENTICATE|a:PLAIN a:= "},
	{"", "|-8"},
	{" a NOOP", "|-8"},
	{"a", "a|-8"},
	{"a+ NOOP", "|-8"},
	{"a UID", "a|-8"},
	{"a uid ", "a|-8"},
	{"a NOOP(", "a|-8"},
	{"a X \"abc", "a|-8"},
	{"a X \"abc\\", "a|-8"},
	{"a X \"a\\n\"", "a|-8"},
	{"a X \"a\"b", "a|-8"},
	{"a X \"\xe4\"", "a|-8"},
	{"a X \xc3\xa4", "a|-8"},
	{"a X (a)(b)", "a|-8"},
	{"a X (a", "a|-8"},
	{"a X a)", "a|-8"},
	{"a X b\\c", "a|-8"},
	{"a X \\", "a|-8"},
	{"a X {3", "a|-8"},
	{"a X \"{1+}\r\na\"", "a|-8"},
	{"a X b{1+}\r\na", "a|-8"},
	{"a X\t", "a|-8"},
	{"a X b\rc", "a|-8"},
	{"a FETCH 1 BODY[", "a|-8"},
	{"a FETCH 1 BODY[HEADER.FIELDS (\"]", "a|-8"},
};

static void test_lex(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lex_rows) / sizeof(*lex_rows); i++) {
		struct err e = ERR_INIT;
		SCOPED_BUF in;
		SCOPED_BUF out;

		buf_init(&in, 1000);
		buf_init(&out, 1000);
		buf_addf(&in, "%s\r\n", lex_rows[i].in);
		lex(&out, buf_span(&in), &e);
		if (!span_eqz(buf_span(&out), lex_rows[i].want))
			fail_msg("row %zu: got %.*s want %s", i, SPAN_F(buf_span(&out)),
				lex_rows[i].want);
	}
}

static void lex_many(const char *head, const char *each, int count, int want)
{
	struct err e = ERR_INIT;
	SCOPED_BUF in;
	SCOPED_BUF out;

	buf_init(&in, 100000);
	buf_init(&out, 100000);
	buf_addz(&in, head);
	for (int i = 0; i < count; i++)
		buf_addz(&in, each);
	for (int i = 0; each[0] == '(' && i < count; i++)
		buf_addz(&in, ")");
	buf_addz(&in, "\r\n");
	assert_int_equal(lex(&out, buf_span(&in), &e), want);
	assert_int_equal(e.code, want);
}

static void test_lex_limits(void **state)
{
	struct err e = ERR_INIT;
	SCOPED_BUF out;

	(void)state;
	lex_many("a X ", "(", TOK_DEPTH_MAX, 0);
	lex_many("a X ", "(", TOK_DEPTH_MAX + 1, ERR_LIMIT);
	lex_many("a X ", "(", 30000, ERR_LIMIT);
	lex_many("a X", " b", TOK_MAX, 0);
	lex_many("a X", " b", TOK_MAX + 1, ERR_LIMIT);
	for (int n = IMAP_TAG_MAX; n <= IMAP_TAG_MAX + 1; n++) {
		SCOPED_ARENA a = arena_new();
		SCOPED_BUF got;

		buf_init(&got, 1000);
		err_clear(&e);
		assert_int_equal(lex(&got, arena_printf(a, "%0*d NOOP\r\n", n, 7), &e), n > IMAP_TAG_MAX ? ERR_SYNTAX : 0);
	}
	err_clear(&e);
	lex_many("a ", "v", IMAP_VERB_MAX, 0);
	lex_many("a ", "v", IMAP_VERB_MAX + 1, ERR_SYNTAX);
	buf_init(&out, 1000);
	assert_int_equal(lex(&out, SPAN("a X {3+}\r\na\0b\r\n"), &e), ERR_SYNTAX);
	assert_int_equal(lex(&out, SPAN("a X ~{3+}\r\na\0b\r\n"), &e), 0);
	assert_int_equal(lex(&out, SPAN("a X \"a\0b\"\r\n"), &e), ERR_SYNTAX);
	buf_reset(&out);
	buf_addz(&out, "a append x {70000+}\r\n");
	{
		SCOPED_BUF in;
		SCOPED_BUF got;

		buf_init(&in, 100000);
		buf_init(&got, 100);
		buf_add(&in, buf_span(&out));
		buf_fill(&in, 'm', 70000);
		buf_addz(&in, "\r\n");
		assert_int_equal(lex(&got, buf_span(&in), &e), 0);
		assert_true(span_eqz(buf_span(&got), "a|APPEND|a:x p:0+70000 "));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_frame_endless),
		cmocka_unit_test(test_frame_drop_and_line),
		cmocka_unit_test(test_frame_pre_auth),
		cmocka_unit_test(test_lex),
		cmocka_unit_test(test_lex_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
