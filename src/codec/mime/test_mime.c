#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_charset.h"
#include "codec/mime/mime_date.h"
#include "codec/mime/mime_envelope.h"
#include "codec/mime/mime_fold.h"
#include "codec/mime/mime_header.h"
#include "codec/mime/mime_summary.h"
#include "codec/mime/mime_word.h"

static const char odd[] =
	"Received: by x\r\n"
	"Date: Mon, 23 Nov 2026 20:36:35 +0100\r\n"
	"From: \"M\xc3\xbcller, J\xc3\xb6rg\" <joerg@example.org>\r\n"
	"To: Gruppe: a@example.org, =?utf-8?Q?J=C3=BCrgen?= <b@example.org>;\r\n"
	"Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?iso-8859-1?Q?_aus?=\r\n"
	" K\xc3\xb6ln\r\n"
	"Message-ID: <1@example.org>\r\n"
	"Content-Type: multipart/mixed; boundary=\"a\"\r\n"
	"\r\n"
	"preamble\r\n"
	"--a\r\n"
	"Content-Type: text/plain; charset=iso-8859-1\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n"
	"\r\n"
	"Stra=DFe\r\n"
	"two\r\n"
	"--ab\r\n"
	"--a\r\n"
	"Content-Type: message/rfc822\r\n"
	"\r\n"
	"Subject: inner\r\n"
	"\r\n"
	"inner body\r\n"
	"--a--\r\n"
	"epilogue\r\n";

static struct span section(const struct mime_summary *s, struct span msg, const uint32_t *path, size_t n,
	enum mime_section what)
{
	struct err e = ERR_INIT;
	size_t off, len;

	if (mime_summary_section(s, path, n, what, &off, &len, &e) < 0)
		return SPAN_NONE;
	return span_sub(msg, off, len);
}

static void assert_span(struct span got, const char *want)
{
	if (!span_eqz(got, want))
		fail_msg("got \"%.*s\", want \"%s\"", SPAN_F(got), want);
}

static void test_summary(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct span msg = SPAN_BYTES(odd, sizeof(odd) - 1), packed;
	struct mime_summary s;
	struct err e = ERR_INIT;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 65536);
	assert_int_equal(mime_summary_build(a, msg, &packed, &e), 0);
	assert_int_equal(mime_summary_open(packed, &s, &e), 0);
	assert_true(s.has_date);
	assert_int_equal(s.date_sec, 1795462595);
	mime_summary_envelope(&b, &s, false);
	assert_span(buf_span(&b),
		"(\"Mon, 23 Nov 2026 20:36:35 +0100\" "
		"\"=?utf-8?B?R3LDvMOfZSBhdXMgS8O2bG4=?=\" "
		"((\"=?utf-8?B?TcO8bGxlciwgSsO2cmc=?=\" NIL \"joerg\" \"example.org\")) "
		"((\"=?utf-8?B?TcO8bGxlciwgSsO2cmc=?=\" NIL \"joerg\" \"example.org\")) "
		"((\"=?utf-8?B?TcO8bGxlciwgSsO2cmc=?=\" NIL \"joerg\" \"example.org\")) "
		"((NIL NIL \"Gruppe\" NIL)(NIL NIL \"a\" \"example.org\")"
		"(\"=?utf-8?Q?J=C3=BCrgen?=\" NIL \"b\" \"example.org\")(NIL NIL NIL NIL)) "
		"NIL NIL NIL \"<1@example.org>\")");
	buf_reset(&b);
	mime_summary_body(&b, &s, false);
	assert_span(buf_span(&b),
		"((\"text\" \"plain\" (\"charset\" \"iso-8859-1\") NIL NIL \"quoted-printable\" 19 2)"
		"(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 28 "
		"(NIL \"inner\" NIL NIL NIL NIL NIL NIL NIL NIL) "
		"(\"text\" \"plain\" NIL NIL NIL \"7bit\" 10 0) 2) \"mixed\")");
	assert_span(s.subject, "grüsse aus köln");
	assert_true(mime_fold_contains(s.from, mime_fold(a, SPAN("MÜLLER"))));
	assert_span(s.message_id, "<1@example.org>");
	assert_span(section(&s, msg, (uint32_t[]){ 1 }, 1, MIME_SECTION_ALL), "Stra=DFe\r\ntwo\r\n--ab");
	assert_span(section(&s, msg, (uint32_t[]){ 2 }, 1, MIME_SECTION_MIME), "Content-Type: message/rfc822\r\n\r\n");
	assert_span(section(&s, msg, (uint32_t[]){ 2 }, 1, MIME_SECTION_HEADER), "Subject: inner\r\n\r\n");
	assert_span(section(&s, msg, (uint32_t[]){ 2 }, 1, MIME_SECTION_TEXT), "inner body");
	assert_span(section(&s, msg, (uint32_t[]){ 2, 1 }, 2, MIME_SECTION_ALL), "inner body");
	assert_null(section(&s, msg, (uint32_t[]){ 3 }, 1, MIME_SECTION_ALL).p);
	assert_null(section(&s, msg, (uint32_t[]){ 1, 1 }, 2, MIME_SECTION_ALL).p);
	assert_null(section(&s, msg, (uint32_t[]){ 2, 1, 1 }, 3, MIME_SECTION_ALL).p);
	assert_int_equal(section(&s, msg, NULL, 0, MIME_SECTION_ALL).n, msg.n);
	assert_int_equal(section(&s, msg, NULL, 0, MIME_SECTION_HEADER).n + section(&s, msg, NULL, 0,
		MIME_SECTION_TEXT).n, msg.n);
}

static void test_damaged(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct span packed;
	struct mime_summary s;
	char copy[4096];

	(void)state;
	assert_int_equal(mime_summary_build(a, SPAN_BYTES(odd, sizeof(odd) - 1), &packed, NULL), 0);
	assert_true(packed.n < sizeof(copy));
	for (size_t n = 0; n < packed.n; n++)
		assert_int_equal(mime_summary_open(span_sub(packed, 0, n), &s, NULL), ERR_SYNTAX);
	memcpy(copy, packed.p, packed.n);
	*(char *)memchr(copy + 24, 'M', packed.n - 24) = '\n';
	assert_int_equal(mime_summary_open(SPAN_BYTES(copy, packed.n), &s, NULL), ERR_SYNTAX);
}

static void test_structure_attacks(void **state)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	struct mime_part *root;
	unsigned depth = 0;

	(void)state;
	buf_init(&b, 8 << 20);
	for (int i = 0; i < 3000; i++)
		buf_addf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
	assert_int_equal(mime_parse(a, buf_span(&b), NULL, &root, NULL), 0);
	for (struct mime_part *p = root; p; p = p->child)
		depth++;
	assert_true(depth <= 32);
	buf_reset(&b);
	buf_addz(&b, "Content-Type: multipart/mixed; boundary=x\n\n");
	for (int i = 0; i < 50000; i++)
		buf_addz(&b, "--x\n\n\n");
	assert_int_equal(mime_parse(a, buf_span(&b), NULL, &root, NULL), 0);
	assert_true(root->truncated);
	buf_reset(&b);
	buf_addz(&b, "Content-Type: text/plain");
	for (int i = 0; i < 50000; i++)
		buf_addf(&b, "; name*%d=x", i);
	buf_addz(&b, "\n\n");
	assert_int_equal(mime_parse(a, buf_span(&b), NULL, &root, NULL), 0);
	assert_int_equal(root->param_count, 64);
}

/* Multiparts in each other: how many levels the tree has, and whether the last one is a leaf that hides the rest. */
static unsigned levels(struct arena *a, int nested, bool *truncated)
{
	SCOPED_BUF b;
	struct mime_part *p;
	unsigned n = 1;

	buf_init(&b, 8 << 20);
	for (int i = 0; i < nested; i++)
		buf_addf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
	buf_addz(&b, "\ntext\n");
	assert_int_equal(mime_parse(a, arena_span(a, buf_span(&b)), NULL, &p, NULL), 0);
	for (; p->child; p = p->child)
		n++;
	*truncated = p->truncated;
	return n;
}

static struct mime_part *flat(struct arena *a, unsigned children, unsigned params)
{
	SCOPED_BUF b;
	struct mime_part *root;

	buf_init(&b, 8 << 20);
	buf_addz(&b, "Content-Type: multipart/mixed; boundary=x");
	for (unsigned i = 1; i < params; i++)
		buf_addf(&b, "; p%u=v", i);
	buf_addz(&b, "\n\n");
	for (unsigned i = 0; i < children; i++)
		buf_addz(&b, "--x\n\nt\n");
	buf_addz(&b, "--x--\n");
	assert_int_equal(mime_parse(a, arena_span(a, buf_span(&b)), NULL, &root, NULL), 0);
	return root;
}

static unsigned count_children(const struct mime_part *root)
{
	unsigned n = 0;

	for (const struct mime_part *p = root->child; p; p = p->next)
		n++;
	return n;
}

/* What just fits, and one more. */
static void test_bounds(void **state)
{
	const struct mime_limits l = MIME_LIMITS;
	SCOPED_ARENA a = arena_new();
	struct mime_part *root;
	bool truncated;

	(void)state;
	assert_int_equal(levels(a, (int)l.depth - 1, &truncated), l.depth);
	assert_false(truncated);
	assert_int_equal(levels(a, (int)l.depth, &truncated), l.depth);
	assert_true(truncated);
	root = flat(a, l.parts - 1, 1);
	assert_int_equal(count_children(root), l.parts - 1);
	assert_false(root->truncated);
	root = flat(a, l.parts, 1);
	assert_int_equal(count_children(root), l.parts - 1);
	assert_true(root->truncated);
	assert_int_equal(flat(a, 1, l.params)->param_count, l.params);
	assert_int_equal(flat(a, 1, l.params + 1)->param_count, l.params);
}

static void test_words(void **state)
{
	static const char *const rows[][2] = {
		{ "plain", "plain" }, { "=?utf-8?B?R3LDvMOfZQ==?=", "Grüße" },
		{ "=?ISO-8859-1*de?q?a=FCb_c?= x", "aüb c x" },
		{ "=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü" }, { "=?utf-8?Q?broken", "=?utf-8?Q?broken" },
		{ "a =?x?= b", "a =?x?= b" }, { "K\xf6ln", "Köln" }, { "=?nonsense?Q?=FC?=", "ü" },
		{ "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本" },
	};
	SCOPED_ARENA a = arena_new();
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_span(mime_word_decode(a, span_str(rows[i][0])), rows[i][1]);
	buf_init(&b, 4096);
	mime_word_encode(&b, SPAN("Grüße aus Köln, ganz schön lang und noch länger als eine Zeile"), false);
	assert_null(memchr(b.p, (char)0xc3, b.n));
	assert_span(mime_word_decode(a, buf_span(&b)),
		"Grüße aus Köln, ganz schön lang und noch länger als eine Zeile");
	buf_fini(&b);
}

static void test_params(void **state)
{
	static const char *const rows[][2] = {
		{ "attachment; filename=a.txt", "a.txt" }, { "x; filename=\"a \\\"b\\\"\"", "a \"b\"" },
		{ "x; filename*=utf-8'de'%C3%9Cbung.pdf", "Übung.pdf" },
		{ "x; filename*0*=iso-8859-1''%DC; filename*1=\"bung\"; filename*2=.pdf", "Übung.pdf" },
		{ "x; filename*1=b; filename*0=a", "ab" }, { "x; filename*9999=b", NULL }, { "x", NULL },
	};
	SCOPED_ARENA a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct mime_param *p;
		struct span head, v;
		size_t n;

		mime_params_parse(a, span_str(rows[i][0]), 64, &head, &p, &n);
		v = mime_param_value(a, p, n, "filename");
		if (rows[i][1])
			assert_span(v, rows[i][1]);
		else
			assert_null(v.p);
	}
}

static void test_dates(void **state)
{
	static const struct { const char *text; int64_t sec; } rows[] = {
		{ "Mon, 23 Nov 2026 20:36:35 +0100", 1795462595 }, { "23 Nov 2026 19:36:35 GMT", 1795462595 },
		{ "Mon, 23 Nov 26 19:36:35 (x (y)) UT", 1795462595 }, { "1 Jan 1970 00:00 +0000", 0 },
		{ "Fri, 21 Nov 97 09(comment):   55  :  06 -0600", 880127706 },
		{ "Thu, 1 Jan 1970 01:00:00 CET", 0 },
	};
	static const char *const bad[] = { "", "Mon", "32 Jan 2020 00:00:00 +0000", "30 Feb 2020", "1 Foo 2020",
		"(", "1 Jan 2020 10:61:00 +0000" };
	SCOPED_BUF b;
	int64_t sec;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(mime_date_parse(span_str(rows[i].text), &sec, NULL, NULL), 0);
		assert_int_equal(sec, rows[i].sec);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(mime_date_parse(span_str(bad[i]), &sec, NULL, NULL), ERR_SYNTAX);
	mime_date_format(&b, 1795462595, 60);
	assert_span(buf_span(&b), "Mon, 23 Nov 2026 20:36:35 +0100");
}

static void test_addresses(void **state)
{
	static const char *const rows[][4] = { /* value, name, local, domain of the first */
		{ "a@b", "", "a", "b" }, { "\"A, B\" <a@b>", "A, B", "a", "b" },
		{ "a@b (Comment)", "Comment", "a", "b" }, { "A. B <\"x y\"@[1.2.3.4]>", "A. B", "x y", "[1.2.3.4]" },
		{ "<@r,@s:a@b>", "", "a", "b" }, { "a . b @ c . d", "", "a.b", "c.d" }, { "nobody", "", "nobody", "" },
		{ "x <a@b", "x", "a", "b" },
	};
	SCOPED_ARENA a = arena_new();
	struct mime_addresses l;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		mime_addresses_parse(a, span_str(rows[i][0]), &l);
		assert_int_equal(l.count, 1);
		assert_span(l.rows[0].name, rows[i][1]);
		assert_span(l.rows[0].local, rows[i][2]);
		assert_span(l.rows[0].domain, rows[i][3]);
	}
	mime_addresses_parse(a, SPAN("undisclosed-recipients:;"), &l);
	assert_int_equal(l.count, 2);
	assert_true(l.rows[0].group_start && l.rows[1].group_end);
	mime_addresses_parse(a, SPAN(",,, ,"), &l);
	assert_int_equal(l.count, 0);
}

/* What comes behind the bound is dropped; a group is closed all the same. */
static void test_address_bound(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct mime_addresses l;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 100000);
	for (int i = 0; i < MIME_ADDRESSES_MAX; i++)
		buf_addf(&b, "a%d@b,", i);
	mime_addresses_parse(a, buf_span(&b), &l);
	assert_int_equal(l.count, MIME_ADDRESSES_MAX);
	buf_addz(&b, "last@b");
	mime_addresses_parse(a, buf_span(&b), &l);
	assert_int_equal(l.count, MIME_ADDRESSES_MAX);
	assert_span(l.rows[MIME_ADDRESSES_MAX - 1].local, arena_strz(a, arena_printf(a, "a%d", MIME_ADDRESSES_MAX - 1)));
	mime_addresses_parse(a, arena_printf(a, "g:%.*s", SPAN_F(buf_span(&b))), &l);
	assert_int_equal(l.count, MIME_ADDRESSES_MAX);
	assert_true(l.rows[0].group_start && l.rows[MIME_ADDRESSES_MAX - 1].group_end);
}

static void test_header(void **state)
{
	struct span h = SPAN("A: 1\r\nB : 2\r\n 3\r\nbroken\r\na: 4\r\n\r\nbody");
	struct span names[] = { SPAN("A") };
	struct mime_field f;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(mime_header_len(h), h.n - 4);
	assert_int_equal(mime_header_count(h, "a"), 2);
	assert_true(mime_header_find(h, "b", &f));
	assert_span(f.value, " 2\r\n 3");
	mime_header_filter(&b, h, names, 1, false);
	assert_span(buf_span(&b), "A: 1\r\na: 4\r\n\r\n");
	buf_reset(&b);
	mime_header_filter(&b, h, names, 1, true);
	assert_span(buf_span(&b), "B : 2\r\n 3\r\nbroken\r\n\r\n");
	buf_reset(&b);
	mime_header_add(&b, "X", SPAN("a\r\nEvil: b"));
	assert_span(buf_span(&b), "X: a Evil: b\r\n");
}

static void test_bodies(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct mime_part *root;
	struct span html = SPAN("Content-Type: text/html; charset=utf-8\n\n<style>no</style><p>Gr&uuml;n <b>x</b>y");
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	assert_span(mime_body_decode(a, SPAN("SGFs\r\nbG8="), SPAN("BASE64"), 100), "Hallo");
	assert_span(mime_body_decode(a, SPAN("SGFsbG8="), SPAN("base64"), 3), "Hal");
	assert_span(mime_body_decode(a, SPAN("a=\r\nb=3D=zz="), SPAN("quoted-printable"), 100), "ab==zz");
	assert_span(mime_body_decode(a, SPAN("begin 644 x\n#0V%T\n`\nend\n"), SPAN("x-uuencode"), 100), "Cat");
	assert_int_equal(mime_parse(a, html, NULL, &root, NULL), 0);
	assert_true(mime_fold_contains(mime_message_text(a, html, root, 1000), SPAN("Grün xy")));
	mime_qp_encode(&b, SPAN("ü = \nx"));
	assert_span(buf_span(&b), "=C3=BC =3D=20\r\nx\r\n");
	assert_span(mime_fold(a, SPAN("GRÜSSE")), "grüsse");
	assert_span(mime_fold(a, SPAN("Gru\xcc\x88\xc3\x9f" "e")), "grüsse");
	assert_false(mime_utf8_valid(SPAN("\xff\x80\x80\x80\x80\x80\x80\x80\x80\x80")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summary), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_structure_attacks), cmocka_unit_test(test_bounds), cmocka_unit_test(test_words),
		cmocka_unit_test(test_params), cmocka_unit_test(test_dates), cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_bound),
		cmocka_unit_test(test_header), cmocka_unit_test(test_bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
