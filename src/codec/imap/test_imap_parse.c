#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "codec/imap/imap_lex.h"
#include "codec/imap/imap_search.h"
#include "codec/imap/imap_sort.h"
#include "codec/imap/imap_section.h"

static struct imap_args lex(struct arena *a, struct span text)
{
	struct imap_command cmd;
	struct err e = ERR_INIT;

	if (imap_lex(a, text, NULL, 0, &cmd, &e) < 0)
		fail_msg("%.*s: %s", SPAN_F(text), e.say);
	return imap_args(cmd.args.v, cmd.args.n);
}

static struct imap_args lexz(struct arena *a, const char *text)
{
	return lex(a, arena_printf(a, "a X %s", text));
}

static void test_args(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct imap_args g = lexz(a, "atom \"str\" NIL nil 42 (in (deep) \"x\") last"), in;
	struct span s;
	uint64_t n;

	(void)state;
	assert_false(imap_args_string(&g, &s));
	assert_false(imap_args_number(&g, &n, 0, 9));
	assert_false(imap_args_word(&g, "at"));
	assert_true(imap_args_word(&g, "ATOM"));
	assert_false(imap_args_atom(&g, &s));
	assert_true(imap_args_nstring(&g, &s) && span_eqz(s, "str"));
	assert_true(imap_args_nstring(&g, &s) && !s.p);
	assert_true(imap_args_astring(&g, &s) && span_eqz(s, "nil"));
	assert_false(imap_args_number(&g, &n, 0, 41));
	assert_false(imap_args_number(&g, &n, 43, 50));
	assert_true(imap_args_number(&g, &n, 42, 42) && n == 42);
	assert_true(imap_args_is_list(&g));
	assert_false(imap_args_astring(&g, &s));
	assert_true(imap_args_list(&g, &in));
	assert_true(imap_args_word(&in, "in"));
	assert_true(imap_args_skip(&in));
	assert_true(imap_args_string(&in, &s) && imap_args_end(&in) && !imap_args_skip(&in));
	assert_int_equal(imap_args_done(&in, NULL), 0);
	assert_int_equal(imap_args_done(&g, NULL), ERR_SYNTAX);
	assert_true(imap_args_atom(&g, &s) && span_eqz(s, "last"));
	assert_int_equal(imap_args_done(&g, NULL), 0);
	assert_null(imap_args_peek(&g));
	g = lexz(a, "(x)");
	assert_true(imap_args_open(&g) && !imap_args_close(&g) && imap_args_atom(&g, &s));
	assert_true(imap_args_end(&g) && imap_args_close(&g) && !imap_args_open(&g));
}

static void test_args_distrust(void **state)
{
	static const struct tok open[] = {{.kind = TOK_OPEN}, {.kind = TOK_ATOM, .text = {"x", 1}}};
	static const struct tok close[] = {
		{.kind = TOK_CLOSE}, {.kind = TOK_ATOM, .text = {"x", 1}}};
	static const struct tok odd[] = {{.kind = TOK_ATOM, .text = {"x\r\ny", 4}},
		{.kind = TOK_STRING, .text = {"x\0y", 3}}, {.kind = TOK_ATOM}, {.kind = 200},
		{.kind = TOK_SPOOL, .len = 5}};
	struct imap_args g = imap_args(open, 2), in;
	struct span s;

	(void)state;
	assert_false(imap_args_list(&g, &in));
	assert_false(imap_args_skip(&g));
	g = imap_args(close, 2);
	assert_true(imap_args_end(&g));
	assert_false(imap_args_astring(&g, &s));
	assert_int_equal(imap_args_done(&g, NULL), ERR_SYNTAX);
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		g = imap_args(&odd[i], 1);
		assert_false(imap_args_astring(&g, &s));
		assert_false(imap_args_atom(&g, &s));
		assert_false(imap_args_nstring(&g, &s));
		assert_true(imap_args_skip(&g));
	}
}

static const struct {
	const char *in, *want;
} fetch_rows[] = {
	{"FLAGS", "FLAGSp "},
	{"fast", "FLAGSp INTERNALDATEp RFC822.SIZEp "},
	{"ALL", "FLAGSp INTERNALDATEp RFC822.SIZEp ENVELOPEp "},
	{"FULL", "FLAGSp INTERNALDATEp RFC822.SIZEp ENVELOPEp BODYp "},
	{"(uid bodystructure BODY modseq EMAILID THREADID SAVEDATE)",
		"UIDp BODYSTRUCTUREp BODYp MODSEQp EMAILIDp THREADIDp SAVEDATEp "},
	{"(RFC822 RFC822.HEADER RFC822.TEXT)", "RFC822 RFC822.HEADERp RFC822.TEXT "},
	{"(BODY[] BODY.PEEK[] body.peek[1.2.text]<5.10>)",
		"BODY[] BODY[]p BODY[1.2.TEXT]<5>p "},
	{"(BODY[1.MIME] BODY[HEADER])", "BODY[1.MIME] BODY[HEADER] "},
	{"BODY[2.HEADER.FIELDS.NOT (A \"b c\" \"d\\\"\")]<0.1>",
		"BODY[2.HEADER.FIELDS.NOT (A \"b c\" \"d\\\"\")]<0> "},
	{"(BINARY[1]<3.4> BINARY.PEEK[] BINARY.SIZE[1.2])",
		"BINARY[1]<3> BINARY[]p BINARY.SIZE[1.2]p "},
	{"(PREVIEW PREVIEW (LAZY) UID)", "PREVIEWp PREVIEWpl UIDp "},
	{"PREVIEW (LAZY)", "PREVIEWpl "},
	{"PREVIEW (CHANGEDSINCE 1)", "PREVIEWp "},
	{"", "-8"},
	{"()", "-8"},
	{"NIL", "-8"},
	{"\"FLAGS\"", "-8"},
	{"(FLAGS (UID))", "-8"},
	{"(ALL)", "-8"},
	{"FOO", "-8"},
	{"FLAGS[]", "-8"},
	{"BODY.PEEK", "-8"},
	{"BINARY", "-8"},
	{"BODY[MIME]", "-8"},
	{"BODY[0]", "-8"},
	{"BODY[01]", "-8"},
	{"BODY[1.]", "-8"},
	{"BODY[1..2]", "-8"},
	{"BODY[.1]", "-8"},
	{"BODY[1TEXT]", "-8"},
	{"BODY[4294967296]", "-8"},
	{"BODY[TEXT.1]", "-8"},
	{"BODY[HEADER.FIELDS]", "-8"},
	{"BODY[HEADER.FIELDS ()]", "-8"},
	{"BODY[HEADER.FIELDS (A]", "-8"},
	{"BODY[HEADER.FIELDS (A) ]", "-8"},
	{"BODY[HEADER.FIELDS (A\"B\")]", "-8"},
	{"BODY[HEADER.FIELDS (\"\")]", "-8"},
	{"BODY[HEADER (A)]", "-8"},
	{"BODY[]<1>", "-8"},
	{"BODY[]<1.0>", "-8"},
	{"BODY[]<1.2>x", "-8"},
	{"BODY[]x", "-8"},
	{"BODY[]<9223372036854775808.2>", "-8"},
	{"BINARY[TEXT]", "-8"},
	{"BINARY.SIZE[1]<0.1>", "-8"},
	{"BODY[1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1]",
		"BODY[1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1] "},
	{"BODY[1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1]", "-5"},
};

static void test_fetch(void **state)
{
	/* in -> labels, each with p when it peeks, l when lazy; or the error's number */

	(void)state;
	for (size_t i = 0; i < sizeof(fetch_rows) / sizeof(*fetch_rows); i++) {
		SCOPED_ARENA a = arena_new();
		struct imap_args g = lexz(a, fetch_rows[i].in);
		struct imap_fetch_item *v = NULL;
		size_t n = 0;
		SCOPED_BUF out;
		int r = imap_fetch_parse(a, &g, &v, &n, NULL);

		buf_init(&out, 1000);
		if (r < 0)
			buf_addf(&out, "%d", r);
		for (size_t k = 0; r == 0 && k < n; k++) {
			imap_fetch_label(&out, &v[k]);
			buf_addf(&out, "%s%s ", v[k].peek ? "p" : "", v[k].lazy ? "l" : "");
		}
		if (!span_eqz(buf_span(&out), fetch_rows[i].want))
			fail_msg("%s: got %.*s", fetch_rows[i].in, SPAN_F(buf_span(&out)));
	}
}

static int fetch_many(const char *head, const char *each, int count, const char *foot)
{
	SCOPED_ARENA a = arena_new();
	struct imap_fetch_item *v;
	struct imap_args g;
	size_t n;
	SCOPED_BUF b;

	buf_init(&b, 100000);
	buf_addf(&b, "a FETCH 1 %s", head);
	for (int i = 0; i < count; i++)
		buf_addz(&b, each);
	buf_addz(&b, foot);
	g = lex(a, buf_span(&b));
	imap_args_skip(&g);
	return imap_fetch_parse(a, &g, &v, &n, NULL);
}

static void test_fetch_limits(void **state)
{
	struct imap_fetch_mods m;
	struct imap_args g;
	SCOPED_ARENA a = arena_new();

	(void)state;
	assert_int_equal(fetch_many("(", "UID ", IMAP_FETCH_ITEMS_MAX, ")"), 0);
	assert_int_equal(fetch_many("(", "UID ", IMAP_FETCH_ITEMS_MAX + 1, ")"), ERR_LIMIT);
	assert_int_equal(fetch_many("BODY[HEADER.FIELDS (", "A ", IMAP_FETCH_NAMES_MAX, ")]"), 0);
	assert_int_equal(fetch_many("BODY[HEADER.FIELDS (", "A ", IMAP_FETCH_NAMES_MAX + 1, ")]"),
		ERR_LIMIT);
	assert_int_equal(fetch_many("BODY[HEADER.FIELDS (", "A", IMAP_FETCH_NAME_MAX, ")]"), 0);
	assert_int_equal(
		fetch_many("BODY[HEADER.FIELDS (", "A", IMAP_FETCH_NAME_MAX + 1, ")]"), ERR_LIMIT);
	g = lexz(a, "");
	assert_int_equal(imap_fetch_mods_parse(&g, &m, NULL), 0);
	assert_false(m.has_changedsince || m.vanished);
	g = lexz(a, "(CHANGEDSINCE 12345 VANISHED)");
	assert_int_equal(imap_fetch_mods_parse(&g, &m, NULL), 0);
	assert_true(m.has_changedsince && m.vanished && m.changedsince == 12345);
	assert_int_equal(imap_args_done(&g, NULL), 0);
	g = lexz(a, "(CHANGEDSINCE 1 CHANGEDSINCE 2)");
	assert_int_equal(imap_fetch_mods_parse(&g, &m, NULL), ERR_SYNTAX);
	g = lexz(a, "(CHANGEDSINCE 9223372036854775808)");
	assert_int_equal(imap_fetch_mods_parse(&g, &m, NULL), ERR_SYNTAX);
	g = lexz(a, "()");
	assert_int_equal(imap_fetch_mods_parse(&g, &m, NULL), ERR_SYNTAX);
}

static void print_key(struct buf *b, const struct imap_search_key *k)
{
	buf_addf(b, "%s%d", k->fuzzy ? "~" : "", (int)k->kind);
	if (k->name.p)
		buf_addf(b, ":%.*s", SPAN_F(k->name));
	if (k->value.p)
		buf_addf(b, "=%.*s", SPAN_F(k->value));
	if (k->set.p)
		buf_addf(b, "#%.*s", SPAN_F(k->set));
	if (k->num)
		buf_addf(b, "n%d", (int)k->num);
	if (k->day)
		buf_addf(b, "d%d", (int)k->day);
	if (k->child) {
		buf_addc(b, '(');
		for (const struct imap_search_key *c = k->child; c; c = c->next) {
			if (c != k->child)
				buf_addc(b, ' ');
			print_key(b, c);
		}
		buf_addc(b, ')');
	}
}

static const struct {
	const char *in, *want; /* kinds by number, see imap_search.h */
} search_rows[] = {
	{"ALL", "1"},
	{"seen", "8:\\Seen"},
	{"UNSEEN", "4(8:\\Seen)"},
	{"NEW", "2(9 4(8:\\Seen))"},
	{"OLD", "4(9)"},
	{"RECENT DRAFT", "2(9 8:\\Draft)"},
	{"KEYWORD $Junk UNKEYWORD x", "2(8:$Junk 4(8:x))"},
	{"FROM smith", "10:From=smith"},
	{"HEADER X-A \"\"", "10:X-A="},
	{"BODY \"a b\" TEXT nil", "2(11=a b 12=nil)"},
	{"1:*,5", "5#1:*,5"},
	{"*", "5#*"},
	{"UID 3,4", "6#3,4"},
	{"$", "7"},
	{"UID $", "7"},
	{"UIDAFTER 25000 UIDBEFORE 7", "2(6#25001:4294967295 6#1:6)"},
	{"UIDAFTER 4294967295 UIDBEFORE 1", "2(4(1) 4(1))"},
	{"UIDAFTER 0", "-8"},
	{"UIDBEFORE *", "-8"},
	{"OR 1 (2 NOT 3)", "3(5#1 2(5#2 4(5#3)))"},
	{"((1))", "5#1"},
	{"SINCE 2-Jan-1970 SENTON \"3-jan-1970\"", "2(15d1 17d2)"},
	{"LARGER 5 SMALLER 6 YOUNGER 7 OLDER 8", "2(23n5 24n6 25n7 26n8)"},
	{"MODSEQ 9", "27n9"},
	{"MODSEQ \"/flags/\\\\draft\" all 9", "27:/flags/\\draftn9"},
	{"EMAILID M1_a-B THREADID T2", "2(28=M1_a-B 29=T2)"},
	{"SAVEDBEFORE 2-Jan-1970 SAVEDATESUPPORTED", "2(19d1 22)"},
	{"RETURN () CHARSET UTF-8 ALL", "r1UTF-8 1"},
	{"RETURN (MIN max COUNT) ALL", "r14 1"},
	{"RETURN (SAVE) $", "r16 7"},
	{"FUZZY (SUBJECT a OR BODY b SEEN) FROM c", "2(~2(~10:Subject=a ~3(~11=b ~8:\\Seen)) 10:From=c)"},
	{"NOT FUZZY NEW 1", "2(4(~2(~9 ~4(~8:\\Seen))) 5#1)"},
	{"RETURN (RELEVANCY ALL) FUZZY BODY x", "r65 ~11=x"},
	{"RETURN (RELEVANCY) BODY x", "-8"},
	{"OR FILTER on-the-road 1", "3(30:on-the-road 5#1)"},
	{"FILTER a/b", "-8"},
	{"FILTER \"a\"", "-8"},
	{"FUZZY", "-8"},
	{"", "-8"},
	{"()", "-8"},
	{"FOO", "-8"},
	{"\"ALL\"", "-8"},
	{"NOT", "-8"},
	{"OR 1", "-8"},
	{"(OR 1) 2", "-8"},
	{"0", "-8"},
	{"1,,2", "-8"},
	{"UID x", "-8"},
	{"UID", "-8"},
	{"FROM", "-8"},
	{"HEADER \"\" x", "-8"},
	{"KEYWORD \\Seen", "-8"},
	{"KEYWORD \"x\"", "-8"},
	{"ON 31-Feb-2020", "-8"},
	{"LARGER -1", "-8"},
	{"YOUNGER 0", "-8"},
	{"MODSEQ \"/flags/x\" 9", "-8"},
	{"EMAILID a+b", "-8"},
	{"EMAILID \"\"", "-8"},
	{"RETURN (FOO) ALL", "-8"},
	{"RETURN ALL", "-8"},
	{"CHARSET", "-8"},
	{"CHARSET UTF-8", "-8"},
};

static void test_search(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(search_rows) / sizeof(*search_rows); i++) {
		SCOPED_ARENA a = arena_new();
		struct imap_args g = lexz(a, search_rows[i].in);
		struct imap_search s;
		SCOPED_BUF out;
		int r = imap_search_parse(a, &g, &s, NULL);

		buf_init(&out, 1000);
		if (r < 0)
			buf_addf(&out, "%d", r);
		else if (s.has_return)
			buf_addf(&out, "r%u%.*s ", s.ret, SPAN_F(s.charset));
		if (r == 0)
			print_key(&out, s.root);
		if (!span_eqz(buf_span(&out), search_rows[i].want))
			fail_msg("%s: got %.*s", search_rows[i].in, SPAN_F(buf_span(&out)));
		if (r == 0) {
			assert_int_equal(
				s.has_saved, span_find(buf_span(&out), SPAN("7")) >= 0 &&
						     span_chr(span_str(search_rows[i].in), '$') >= 0 &&
						     !s.root->name.p && !s.root->child);
			assert_int_equal(s.has_modseq, s.root->kind == IMAP_SEARCH_MODSEQ);
			assert_int_equal(imap_args_done(&g, NULL), 0);
		}
	}
}

static int search_many(const char *each, int count, const char *last)
{
	SCOPED_ARENA a = arena_new();
	struct imap_search s;
	struct imap_args g;
	SCOPED_BUF b;

	buf_init(&b, 100000);
	buf_addz(&b, "a SEARCH ");
	for (int i = 0; i < count; i++)
		buf_addz(&b, each);
	buf_addz(&b, last);
	for (int i = 0; each[0] == '(' && i < count; i++)
		buf_addc(&b, ')');
	g = lex(a, buf_span(&b));
	return imap_search_parse(a, &g, &s, NULL);
}

static void test_search_limits(void **state)
{
	(void)state;
	assert_int_equal(search_many("NOT ", IMAP_SEARCH_DEPTH_MAX - 1, "ALL"), 0);
	assert_int_equal(search_many("NOT ", IMAP_SEARCH_DEPTH_MAX, "ALL"), ERR_LIMIT);
	assert_int_equal(search_many("NOT ", 4000, "ALL"), ERR_LIMIT);
	assert_int_equal(search_many("OR 1 ", 1000, "2"), ERR_LIMIT);
	assert_int_equal(search_many("(", IMAP_SEARCH_DEPTH_MAX - 1, "ALL"), 0);
	assert_int_equal(search_many("(", IMAP_SEARCH_DEPTH_MAX, "ALL"), ERR_LIMIT);
	assert_int_equal(search_many("ALL ", IMAP_SEARCH_KEYS_MAX - 2, "ALL"), 0);
	assert_int_equal(search_many("ALL ", IMAP_SEARCH_KEYS_MAX - 1, "ALL"), ERR_LIMIT);
	assert_int_equal(search_many("UNSEEN ", IMAP_SEARCH_KEYS_MAX / 2, "ALL"), ERR_LIMIT);
}

static void test_sort_limit(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct imap_sort s;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 10000);
	for (int over = 0; over < 2; over++) {
		struct imap_args g;

		buf_reset(&b);
		buf_addz(&b, "a SORT (DATE");
		for (int i = 1; i < IMAP_SORT_KEYS_MAX + over; i++)
			buf_addz(&b, " REVERSE SIZE");
		buf_addz(&b, ")");
		g = lex(a, buf_span(&b));
		assert_int_equal(imap_sort_parse(&g, &s, NULL), over ? ERR_LIMIT : 0);
		assert_int_equal(s.n, IMAP_SORT_KEYS_MAX);
	}
}

static void base_is(const char *subject, const char *want, bool reply)
{
	bool got;
	struct span base = imap_base_subject(span_str(subject), &got);

	assert_true(span_eqz(base, want));
	assert_int_equal(got, reply);
}

static void test_base_subject(void **state)
{
	(void)state;
	base_is("", "", false);
	base_is(" hallo ", "hallo", false);
	base_is("re: hallo", "hallo", true);
	base_is("re : fw: fwd:hallo (fwd) (fwd)", "hallo", true);
	base_is("re[2]: hallo", "hallo", true);
	base_is("[liste] [x] re: hallo", "hallo", true);
	base_is("re: [liste] hallo", "hallo", true);
	base_is("[liste]", "[liste]", false);
	base_is("[a] [b]", "[b]", false);
	base_is("[fwd: re: hallo]", "hallo", true);
	base_is("real", "real", false);
	base_is("re:", "", true);
	base_is("[[a] b", "[[a] b", false);
}

static void test_envelope_keys(void **state)
{
	static const char whole[] = "(\"d\" \"s\" ((\"A \\\"B\\\"\" NIL \"a\" \"x\")(NIL NIL \"b\" \"x\")) NIL NIL"
		" ((NIL NIL \"t\" \"y\")) NIL NIL \"<1@x>\" NIL)";
	SCOPED_ARENA a = arena_new();
	struct imap_envelope_keys k;

	(void)state;
	imap_envelope_keys(a, span_str(whole), &k);
	assert_true(span_eqz(k.from.name, "A \"B\"") && span_eqz(k.from.mailbox, "a") && span_eqz(k.to.mailbox, "t"));
	assert_true(!k.cc.mailbox.n && span_eqz(k.in_reply_to, "<1@x>"));
	for (size_t n = 0; n < sizeof(whole) - 1; n++) /* cut anywhere: nothing bad happens */
		imap_envelope_keys(a, span_sub(span_str(whole), 0, n), &k);
	imap_envelope_keys(a, SPAN("(\"\\"), &k);
	assert_false(k.from.mailbox.n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_args_distrust),
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_fetch_limits),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_search_limits),
		cmocka_unit_test(test_sort_limit),
		cmocka_unit_test(test_base_subject),
		cmocka_unit_test(test_envelope_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
