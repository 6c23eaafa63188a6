#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "codec/imap/imap_reply.h"
#include "codec/move/move_item.h"

/* All replies of a stream, cut every `step` octets; bodies and texts one after the other. Gives the last result. */
static int run(struct span in, size_t step, struct buf *texts, struct buf *bodies)
{
	struct imap_reply r;
	int rc = 0;

	imap_reply_init(&r);
	while (in.n && rc >= 0) {
		size_t used;

		rc = imap_reply(&r, span_sub(in, 0, step), &used);
		buf_add(bodies, r.piece);
		in = span_from(in, used);
		if (rc == 1)
			buf_addf(texts, "%.*s|", SPAN_F(imap_reply_text(&r)));
	}
	imap_reply_fini(&r);
	return rc;
}

static void test_frame(void **state)
{
	static const char in[] = "* OK ready {5}\r\n* LIST () \".\" {5}\r\nA\r\nBC\r\n"
		"* 1 FETCH (UID 4 BODY[] {7}\r\na: b\r\n\n FLAGS (\\Seen))\r\n* 2 FETCH (BODY[] {0}\r\n)\na1 NO what {3}\r\n+ go {9}\r\n";

	(void)state;
	for (size_t step = 1; step < sizeof(in); step++) {
		SCOPED_BUF texts, bodies;

		buf_init(&texts, 4096);
		buf_init(&bodies, 4096);
		assert_int_equal(run(SPAN_BYTES(in, sizeof(in) - 1), step, &texts, &bodies), 1);
		assert_true(span_eqz(buf_span(&texts), "* OK ready {5}|* LIST () \".\" {5}\r\nA\r\nBC|"
			"* 1 FETCH (UID 4 BODY[] {*}\r\n FLAGS (\\Seen))|* 2 FETCH (BODY[] {*}\r\n)|a1 NO what {3}|+ go {9}|"));
		assert_true(span_eqz(buf_span(&bodies), "a: b\r\n\n"));
	}
}

static void test_bounds(void **state)
{
	static const struct { const char *in; int rc; } rows[] = {
		{ "* LIST () \".\" {65537}\r\n", ERR_TOOBIG },
		{ "* 1 FETCH (BODY[] {4294967295}\r\nx", 0 },
		{ "* 1 FETCH (BODY[] {1}\r\nx BODY[] {1}\r\n", ERR_SYNTAX },
		{ "* 1 FETCH (BODY[] {4294967296}\r\n", 1 },          /* no literal: the reply ends there and cannot be read */
	};
	SCOPED_BUF texts, bodies, many;

	(void)state;
	buf_init(&texts, 8 << 20);
	buf_init(&bodies, 4096);
	buf_init(&many, 8 << 20);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(run(span_str(rows[i].in), 1000, &texts, &bodies), rows[i].rc);
	assert_int_equal(run(SPAN("* a\0b\r\n"), 3, &texts, &bodies), ERR_SYNTAX);
	buf_fill(&many, 'x', IMAP_REPLY_TEXT_MAX + 1);
	assert_int_equal(run(buf_span(&many), 65536, &texts, &bodies), ERR_TOOBIG);
	buf_reset(&many);
	buf_addz(&many, "* X (");
	for (int i = 0; i <= IMAP_REPLY_LITERALS_MAX; i++)
		buf_addz(&many, "{1}\r\nx ");
	assert_int_equal(run(buf_span(&many), 65536, &texts, &bodies), ERR_TOOBIG);
	buf_reset(&many);
	buf_addf(&many, "* X {%d}\r\n", IMAP_REPLY_INLINE_MAX);
	buf_fill(&many, 'x', IMAP_REPLY_INLINE_MAX);
	buf_addz(&many, "\r\n");
	assert_int_equal(run(buf_span(&many), 65536, &texts, &bodies), 1);
}

static void test_answers(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct imap_answer x;

	(void)state;
	assert_int_equal(imap_answer_parse(a, SPAN("a7 no [AUTHENTICATIONFAILED] wrong"), &x, NULL), 0);
	assert_int_equal(x.says, IMAP_SAYS_TAGGED);
	assert_int_equal(x.condition, IMAP_COND_NO);
	assert_true(span_eqz(x.tag, "a7") && span_eqz(x.code, "AUTHENTICATIONFAILED") && span_eqz(x.text, "wrong"));
	assert_int_equal(imap_answer_parse(a, SPAN("* OK [UIDVALIDITY 3857529045] UIDs valid"), &x, NULL), 0);
	assert_true(x.says == IMAP_SAYS_STATUS && span_eqz(x.code, "UIDVALIDITY") && span_eqz(x.code_text, "3857529045"));
	assert_int_equal(imap_answer_parse(a, SPAN("* CAPABILITY IMAP4rev1 sasl-ir"), &x, NULL), 0);
	assert_true(imap_words_have(x.words, "SASL-IR") && !imap_words_have(x.words, "SASL"));
	assert_int_equal(imap_answer_parse(a, SPAN("* LIST (\\HasNoChildren \\Sent \\Subscribed) \"\\\\\" \"a \\\"b\\\"\" (\"CHILDINFO\" (\"X\"))"), &x, NULL), 0);
	assert_true(x.list.delimiter == '\\' && x.list.attributes == (IMAP_LIST_SENT | IMAP_LIST_SUBSCRIBED) && span_eqz(x.list.name, "a \"b\""));
	assert_int_equal(imap_answer_parse(a, SPAN("* LSUB () NIL [Gmail]/All"), &x, NULL), 0);
	assert_true(x.says == IMAP_SAYS_LSUB && !x.list.delimiter && span_eqz(x.list.name, "[Gmail]/All"));
	assert_int_equal(imap_answer_parse(a, SPAN("* NAMESPACE ((\"INBOX.\" \".\" \"X\" (\"a\"))) NIL ((\"s.\" \".\")(\"t/\" \"/\"))"), &x, NULL), 0);
	assert_true(x.n_spaces == 3 && span_eqz(x.spaces[0].prefix, "INBOX.") && !x.spaces[0].foreign && x.spaces[2].foreign &&
		x.spaces[2].delimiter == '/');
	assert_int_equal(imap_answer_parse(a, SPAN("* STATUS \"x\" (MESSAGES 12 MAILBOXID (F1) SIZE 99)"), &x, NULL), 0);
	assert_true(x.counts.messages == 12 && x.counts.has_size && x.counts.size == 99);
	assert_int_equal(imap_answer_parse(a, SPAN("* 23 EXISTS"), &x, NULL), 0);
	assert_true(x.says == IMAP_SAYS_EXISTS && x.number == 23);
}

static void test_fetch(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct imap_answer x;

	(void)state;
	assert_int_equal(imap_answer_parse(a, SPAN("* 12 FETCH (FLAGS (\\Seen $Forwarded \\Recent Wichtig) MODSEQ (7) UID 9 ENVELOPE (NIL ((\"a)\" NIL \"b\" {1}\r\n))) x)"
		" INTERNALDATE \" 2-Jan-2024 01:02:03 +0000\" RFC822.SIZE 44 BODY[HEADER.FIELDS (A B)]<0> NIL BODY[] {*}\r\n)"), &x, NULL), 0);
	assert_true(x.number == 12 && x.fetch.uid == 9 && x.fetch.flags == MOVE_SEEN && span_eqz(x.fetch.keywords, "$Forwarded Wichtig"));
	assert_true(x.fetch.dated && x.fetch.sec == 1704157323 && x.fetch.sized && x.fetch.size == 44 && x.fetch.body == IMAP_BODY_STREAMED);
	assert_int_equal(imap_answer_parse(a, SPAN("* 1 FETCH (BODY[] \"Subject: x\" INTERNALDATE \"soon\")"), &x, NULL), 0);
	assert_true(x.fetch.body == IMAP_BODY_TEXT && span_eqz(x.fetch.body_text, "Subject: x") && !x.fetch.dated);
	assert_int_equal(imap_answer_parse(a, SPAN("* 1 FETCH (BODY[] NIL)"), &x, NULL), 0);
	assert_int_equal(x.fetch.body, IMAP_BODY_NIL);
}

static void test_broken(void **state)
{
	static const char *const rows[] = { "", "a1", "a1 MAYBE x", "a1 BYE x", "* LIST", "* LIST (", "* LIST () \"..\" x", "* LIST () \".\" \"x",
		"* LIST () \".\" {9}\r\nx", "* NAMESPACE ((\"\" \"/\")) NIL", "* STATUS x", "* STATUS x (MESSAGES", "* 1 FETCH", "* 1 FETCH (UID 0)",
		"* 1 FETCH (UID 4294967296)", "* 1 FETCH (FLAGS (", "* 1 FETCH (X ((((((((((((((((((((((((((((((((((", "* 99999999999 EXISTS" };
	SCOPED_ARENA a = arena_new();
	struct imap_answer x;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(imap_answer_parse(a, span_str(rows[i]), &x, NULL), ERR_SYNTAX);
}

static void test_quoted(void **state)
{
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 100);
	assert_true(imap_quoted_add(&b, SPAN("a\"b\\c")) && span_eqz(buf_span(&b), "\"a\\\"b\\\\c\""));
	assert_false(imap_quoted_add(&b, SPAN("a\r\nb LOGOUT")));
}

/* So many namespaces are kept, the first ones. */
static void test_spaces(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct imap_answer x;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 10000);
	for (unsigned n = IMAP_SPACES_MAX; n <= IMAP_SPACES_MAX + 1; n++) {
		buf_reset(&b);
		buf_addz(&b, "* NAMESPACE (");
		for (unsigned i = 0; i < n; i++)
			buf_addf(&b, "(\"n%u/\" \"/\")", i);
		buf_addz(&b, ") NIL NIL");
		assert_int_equal(imap_answer_parse(a, buf_span(&b), &x, NULL), 0);
		assert_int_equal(x.n_spaces, IMAP_SPACES_MAX);
		assert_true(span_eqz(x.spaces[0].prefix, "n0/"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_frame), cmocka_unit_test(test_bounds), cmocka_unit_test(test_answers),
		cmocka_unit_test(test_fetch), cmocka_unit_test(test_broken), cmocka_unit_test(test_quoted), cmocka_unit_test(test_spaces) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
