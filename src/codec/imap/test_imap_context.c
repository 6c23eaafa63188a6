#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/buf.h"
#include "codec/imap/imap_context.h"
#include "codec/imap/imap_lex.h"

static struct imap_search parse(struct arena *a, const char *text)
{
	struct imap_command cmd;
	struct imap_search q;
	struct imap_args g;

	assert_int_equal(imap_lex(a, arena_printf(a, "a SEARCH %s", text), NULL, 0, &cmd, NULL), 0);
	g = imap_args(cmd.args.v, cmd.args.n);
	assert_int_equal(imap_search_parse(a, &g, &q, NULL), 0);
	return q;
}

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		enum imap_context_kind kind;
	} rows[] = { { "ALL", IMAP_CONTEXT_FIXED }, { "FROM x BODY y", IMAP_CONTEXT_FIXED }, { "UNSEEN", IMAP_CONTEXT_FLAGS },
		{ "OR FROM x (NOT KEYWORD y)", IMAP_CONTEXT_FLAGS }, { "MODSEQ 5", IMAP_CONTEXT_FLAGS }, { "1:3", IMAP_CONTEXT_NOT },
		{ "UNSEEN OR ALL NOT 2", IMAP_CONTEXT_NOT }, { "$", IMAP_CONTEXT_NOT }, { "YOUNGER 60", IMAP_CONTEXT_NOT },
		{ "NOT OLDER 60", IMAP_CONTEXT_NOT }, { "UID 1:3,7", IMAP_CONTEXT_FIXED }, { "UID 2:*", IMAP_CONTEXT_FIXED },
		{ "UID *:10", IMAP_CONTEXT_FIXED }, { "UID 11:*", IMAP_CONTEXT_NOT }, { "UID *", IMAP_CONTEXT_NOT },
		{ "UID 1,*:*", IMAP_CONTEXT_NOT }, { "FUZZY SUBJECT x", IMAP_CONTEXT_FIXED } };
	SCOPED_ARENA a = arena_new();
	struct imap_search q;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		q = parse(a, rows[i].text);
		if (imap_context_kind(&q, 10) != rows[i].kind)
			fail_msg("%s", rows[i].text);
	}
	q = parse(a, "UID 1:*");
	assert_int_equal(imap_context_kind(&q, 0), IMAP_CONTEXT_FIXED);
}

static void test_copy(void **state)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_ARENA b = arena_new();
	struct imap_search q = parse(a, "RETURN (UPDATE) CHARSET UTF-8 OR SUBJECT eins (HEADER X zwei UID 3:4)"), c;

	(void)state;
	imap_search_copy(b, &q, &c);
	arena_wipe(a);
	assert_true(c.ret == IMAP_RETURN_UPDATE && span_eqz(c.charset, "UTF-8") && c.root->kind == IMAP_SEARCH_OR);
	assert_true(span_eqz(c.root->child->value, "eins"));
	assert_int_equal(c.root->child->next->kind, IMAP_SEARCH_AND);
	assert_true(span_eqz(c.root->child->next->child->name, "X") && span_eqz(c.root->child->next->child->value, "zwei"));
	assert_true(span_eqz(c.root->child->next->child->next->set, "3:4"));
}

static struct imap_set set(struct arena *a, const char *text)
{
	struct imap_set s = { 0 };

	if (*text)
		assert_int_equal(imap_set_parse(a, span_str(text), 100, &s, NULL), 0);
	return s;
}

static void is(const struct imap_set *s, const char *text)
{
	SCOPED_BUF b;

	buf_init(&b, 1000);
	imap_set_format(&b, s);
	if (!span_eqz(buf_span(&b), text))
		fail_msg("%.*s instead of %s", SPAN_F(buf_span(&b)), text);
}

static void test_change(void **state)
{
	static const char *const rows[][6] = { /* found, looked, hits; removed, added, now */
		{ "1:5,8", "3,9:10", "9", "3", "9", "1:2,4:5,8:9" },
		{ "", "1:4", "2:3", "", "2:3", "2:3" },
		{ "2:3", "2:3", "", "2:3", "", "" },
		{ "5:6", "1:9", "1,5,9", "6", "1,9", "1,5,9" },
		{ "1:3", "1:3", "1:3", "", "", "1:3" },
		{ "4", "", "", "", "", "4" },
	};
	SCOPED_ARENA a = arena_new();
	struct imap_context_change c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct imap_set found = set(a, rows[i][0]), looked = set(a, rows[i][1]), hits = set(a, rows[i][2]);

		imap_context_change(a, &found, &looked, &hits, &c);
		is(&c.removed, rows[i][3]);
		is(&c.added, rows[i][4]);
		is(&c.now, rows[i][5]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_kinds), cmocka_unit_test(test_copy), cmocka_unit_test(test_change) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
