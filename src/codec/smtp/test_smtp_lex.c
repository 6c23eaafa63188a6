#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "base/buf.h"
#include "codec/smtp/smtp_lex.h"

/* "MAIL s:a@b p:SIZE=1 u8" or "501 5.5.4" */
static void lex(struct span line, struct buf *out)
{
	SCOPED_ARENA a = arena_new();
	struct smtp_command c;
	struct err e = ERR_INIT;
	int r = smtp_lex(a, line, &c, &e);

	if (r < 0) {
		assert_true(e.code == r && e.say[0]);
		buf_addf(out, "%u %s", c.code, c.status);
		return;
	}
	assert_int_equal(c.code, 0);
	assert_false(c.args.failed);
	buf_add(out, c.word);
	for (size_t i = 0; i < c.args.n; i++) {
		const struct tok *t = &c.args.v[i];

		buf_addf(out, " %c:%.*s",
			t->kind == TOK_ATOM   ? 'a'
			: t->kind == TOK_PAIR ? 'p'
					      : 's',
			SPAN_F(t->text));
		if (t->value.p)
			buf_addf(out, "=%.*s", SPAN_F(t->value));
	}
	if (c.utf8)
		buf_addz(out, " u8");
}

static void check(struct span line, const char *want)
{
	SCOPED_BUF out;

	buf_init(&out, 1 << 20);
	lex(line, &out);
	if (!span_eqz(buf_span(&out), want))
		fail_msg("\"%.*s\" gave \"%.*s\", want \"%s\"", SPAN_F(line),
			SPAN_F(buf_span(&out)), want);
}

static void test_good(void **state)
{
	static const char *const v[][2] = {
		{"EHLO mail.example.org", "EHLO a:mail.example.org"},
		{"ehlo [192.0.2.1]", "EHLO a:[192.0.2.1]"},
		{"LHLO [IPv6:2001:db8::1]", "LHLO a:[IPv6:2001:db8::1]"},
		{"HELO my_pc", "HELO a:my_pc"},
		{"HELO host.example.", "HELO a:host.example."},
		{"MAIL FROM:<>", "MAIL s:"},
		{"mail from:<Ann@Example.org> size=100 BODY=8BITMIME SMTPUTF8",
			"MAIL s:Ann@Example.org p:SIZE=100 p:BODY=8BITMIME p:SMTPUTF8"},
		{"MAIL FROM: <a@b>  ", "MAIL s:a@b"},
		{"MAIL FROM:<a@b> AUTH=<> ENVID=a+2Bb", "MAIL s:a@b p:AUTH=<> p:ENVID=a+2Bb"},
		{"RCPT TO:<@a.example,@b.example:c@d.example>", "RCPT s:c@d.example"},
		{"RCPT TO:<Postmaster>", "RCPT s:Postmaster"},
		{"RCPT TO:<\"a b>\\\"@\"@c.example> NOTIFY=NEVER",
			"RCPT s:\"a b>\\\"@\"@c.example p:NOTIFY=NEVER"},
		{"RCPT TO:<a@[IPv6:::1]>", "RCPT s:a@[IPv6:::1]"},
		{"RCPT TO:<j\xc3\xb6rg@m\xc3\xbcnchen.example>",
			"RCPT s:j\xc3\xb6rg@m\xc3\xbcnchen.example u8"},
		{"AUTH plain AGEAYg==", "AUTH a:PLAIN s:AGEAYg=="},
		{"AUTH SCRAM-SHA-256-PLUS =", "AUTH a:SCRAM-SHA-256-PLUS s:="},
		{"AUTH LOGIN", "AUTH a:LOGIN"},
		{"BDAT 0 LAST", "BDAT a:0 a:LAST"},
		{"bdat 86 last", "BDAT a:86 a:LAST"},
		{"BDAT 9", "BDAT a:9"},
		{"VRFY \"A B\" <a@b>", "VRFY s:\"A B\" <a@b>"},
		{"VRFY j\xc3\xb6rg SMTPUTF8", "VRFY s:j\xc3\xb6rg p:SMTPUTF8 u8"},
		{"EXPN list", "EXPN s:list"},
		{"HELP", "HELP"},
		{"HELP me", "HELP s:me"},
		{"NOOP ", "NOOP"},
		{"DATA", "DATA"},
		{"RSET \t", "RSET"},
		{"QUIT", "QUIT"},
		{"StartTLS", "STARTTLS"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		check(span_str(v[i][0]), v[i][1]);
}

static const char *const bad_lines[][2] = {
	{"", "500 5.5.2"},
	{" EHLO a", "500 5.5.2"},
	{"GET / HTTP/1.1", "500 5.5.2"},
	{"MAILFROM:<a@b>", "500 5.5.2"},
	{"XCLIENT NAME=a", "500 5.5.2"},
	{"\xff\xfe", "500 5.5.2"},
	{"EHLO", "501 5.5.4"},
	{"EHLO a b", "501 5.5.4"},
	{"EHLO -a", "501 5.5.4"},
	{"EHLO [1.2.3]", "501 5.5.4"},
	{"EHLO [IPv6:zz]", "501 5.5.4"},
	{"EHLO a..b", "501 5.5.4"},
	{"MAIL", "501 5.5.4"},
	{"MAIL <a@b>", "501 5.5.4"},
	{"MAIL TO:<a@b>", "501 5.5.4"},
	{"MAIL FROM:a@b", "501 5.1.7"},
	{"MAIL FROM:<a@b", "501 5.1.7"},
	{"MAIL FROM:<a>", "501 5.1.7"},
	{"MAIL FROM:<a@>", "501 5.1.7"},
	{"MAIL FROM:<@b>", "501 5.1.7"},
	{"MAIL FROM:<a b@c>", "501 5.1.7"},
	{"MAIL FROM:<.a@c>", "501 5.1.7"},
	{"MAIL FROM:<a..b@c>", "501 5.1.7"},
	{"MAIL FROM:<a@b.>", "501 5.1.7"},
	{"MAIL FROM:<a@-b>", "501 5.1.7"},
	{"MAIL FROM:<a@b@c>", "501 5.1.7"},
	{"MAIL FROM:<@x,:a@b>", "501 5.1.7"},
	{"MAIL FROM:<a@[1.2.3.4>", "501 5.1.7"},
	{"MAIL FROM:<\"a@b>", "501 5.1.7"},
	{"MAIL FROM:<\"a\\\">", "501 5.1.7"},
	{"MAIL FROM:<a@b>SIZE=1", "501 5.5.4"},
	{"MAIL FROM:<a@b> SIZE=", "501 5.5.4"},
	{"MAIL FROM:<a@b> =1", "501 5.5.4"},
	{"MAIL FROM:<a@b> SIZE=1 size=2", "501 5.5.4"},
	{"MAIL FROM:<a@b> A=b=c", "501 5.5.4"},
	{"MAIL FROM:<\xc3(@b>", "501 5.5.4"},
	{"MAIL FROM:<a\x01@b>", "501 5.5.4"},
	{"MAIL FROM:<\xc2\x85@b>", "501 5.1.7"},
	{"RCPT TO:<>", "501 5.1.3"},
	{"RCPT TO:<a>", "501 5.1.3"},
	{"DATA now", "501 5.5.4"},
	{"STARTTLS x", "501 5.5.4"},
	{"RSET x", "501 5.5.4"},
	{"QUIT now", "501 5.5.4"},
	{"VRFY", "501 5.5.4"},
	{"VRFY  SMTPUTF8 ", "VRFY s:SMTPUTF8"},
	{"AUTH", "501 5.5.4"},
	{"AUTH PL(AIN", "501 5.5.4"},
	{"AUTH ABCDEFGHIJKLMNOPQRSTU", "501 5.5.4"},
	{"AUTH PLAIN a b", "501 5.5.2"},
	{"AUTH PLAIN a\"b", "501 5.5.2"},
	{"BDAT", "501 5.5.4"},
	{"BDAT -1", "501 5.5.4"},
	{"BDAT 99999999999999999999", "501 5.5.4"},
	{"BDAT 1 LASTLY", "501 5.5.4"},
	{"BDAT 1LAST", "501 5.5.4"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(*bad_lines); i++)
		check(span_str(bad_lines[i][0]), bad_lines[i][1]);
	check(SPAN("MAIL FROM:<a@b\0>"), "501 5.5.4");
	check(SPAN("NOOP\0"), "500 5.5.2");
}

static void path_of(struct buf *b, size_t local, size_t domain)
{
	buf_addz(b, "RCPT TO:<");
	buf_fill(b, 'l', local);
	buf_addc(b, '@');
	for (size_t i = 1; i <= domain; i++)
		buf_addc(b, i % 50 || i == domain ? 'd' : '.');
	buf_addc(b, '>');
}

static void check_path(size_t local, size_t domain, int want)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	struct smtp_command c;
	struct err e = ERR_INIT;

	buf_init(&b, 10000);
	path_of(&b, local, domain);
	assert_int_equal(smtp_lex(a, buf_span(&b), &c, &e), want);
	if (want)
		assert_string_equal(c.status, "5.1.3");
}

/* A path has no room for the longest domain, HELO has. */
static void test_domain_bound(void **state)
{
	char name[SMTP_DOMAIN_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 2 ? '.' : 'a';
	assert_true(smtp_domain_ok(SPAN_BYTES(name, SMTP_DOMAIN_MAX)));
	name[SMTP_DOMAIN_MAX] = 'a';
	assert_false(smtp_domain_ok(SPAN_BYTES(name, SMTP_DOMAIN_MAX + 1)));
}

static void test_limits(void **state)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	struct smtp_command c;
	struct err e = ERR_INIT;

	(void)state;
	check_path(64, 189, 0);
	check_path(64, 190, ERR_TOOBIG);
	check_path(65, 10, ERR_TOOBIG);
	check_path(1, 252, 0);
	check_path(1, 256, ERR_TOOBIG);
	buf_init(&b, 10000);
	buf_addz(&b, "MAIL FROM:<a@b>");
	for (int i = 0; i < SMTP_PARAMS_MAX; i++)
		buf_addf(&b, " P%d", i);
	assert_int_equal(smtp_lex(a, buf_span(&b), &c, &e), 0);
	assert_int_equal(c.args.n, SMTP_PARAMS_MAX + 1);
	buf_addz(&b, " MORE");
	assert_int_equal(smtp_lex(a, buf_span(&b), &c, &e), ERR_SYNTAX);
}

static void test_split(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct smtp_address s;
	struct err e = ERR_INIT;
	struct span user, detail;

	(void)state;
	assert_int_equal(smtp_address_split(a, SPAN("\"a \\\"b\"@[192.0.2.1]"), &s, &e), 0);
	assert_true(span_eqz(s.local, "a \"b") && span_eqz(s.domain, "[192.0.2.1]") && s.literal &&
		    !s.utf8);
	assert_int_equal(smtp_address_split(a, SPAN("postmaster"), &s, &e), 0);
	assert_null(s.domain.p);
	assert_int_equal(smtp_address_split(a, SPAN("a@b c"), &s, &e), ERR_SYNTAX);
	assert_int_equal(smtp_address_split(a, SPAN(""), &s, &e), ERR_SYNTAX);
	assert_int_equal(smtp_address_split(a, SPAN("\"\"@b"), &s, &e), ERR_SYNTAX);
	assert_int_equal(smtp_address_split(a, SPAN("a@b\r\nX: y"), &s, &e), ERR_SYNTAX);
	smtp_subaddress(SPAN("ann+list+x"), &user, &detail);
	assert_true(span_eqz(user, "ann") && span_eqz(detail, "list+x"));
	smtp_subaddress(SPAN("+x"), &user, &detail);
	assert_true(span_eqz(user, "+x") && !detail.p);
	smtp_subaddress(SPAN("ann+"), &user, &detail);
	assert_true(span_eqz(user, "ann") && detail.p && !detail.n);
}

static void test_normalise(void **state)
{
	static const char *const v[][3] = {
		/* input, key, for old peers */
		{"Ann@Example.ORG", "ann@example.org", "Ann@example.org"},
		{"\"ann\"@example.org", "ann@example.org", "ann@example.org"},
		{"\"A b\"@x.example", "\"a b\"@x.example", "\"A b\"@x.example"},
		{"\"\\a\\\\\"@x.example", "\"a\\\\\"@x.example", "\"a\\\\\"@x.example"},
		{"Postmaster", "postmaster", "Postmaster"},
		{"a@xn--mnchen-3ya.example", "a@m\xc3\xbcnchen.example",
			"a@xn--mnchen-3ya.example"},
		{"a@M\xc3\x9cNCHEN.example", "a@m\xc3\xbcnchen.example",
			"a@xn--mnchen-3ya.example"},
		{"a@mu\xcc\x88nchen.example", "a@m\xc3\xbcnchen.example",
			"a@xn--mnchen-3ya.example"},
		{"J\xc3\x96RG@a.example", "j\xc3\xb6rg@a.example", NULL},
		{"Jo\xcc\x88rg@a.example", "j\xc3\xb6rg@a.example", NULL},
		{"stra\xc3\x9f"
		 "e@stra\xc3\x9f"
		 "e.example",
			"stra\xc3\x9f"
			"e@stra\xc3\x9f"
			"e.example",
			NULL},
		{"a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]", "a@[ipv6:2001:db8::1]"},
	};
	SCOPED_ARENA a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		struct err e = ERR_INIT;
		struct span out = SPAN_NONE;

		assert_int_equal(smtp_address_normalise(a, span_str(v[i][0]), &out, &e), 0);
		if (!span_eqz(out, v[i][1]))
			fail_msg("%s gave %.*s", v[i][0], SPAN_F(out));
		assert_int_equal(smtp_address_ascii(a, span_str(v[i][0]), &out, &e),
			v[i][2] ? 0 : ERR_PARAM);
		if (v[i][2] && !span_eqz(out, v[i][2]))
			fail_msg("%s gave %.*s", v[i][0], SPAN_F(out));
	}
}

static void test_domain_bad(void **state)
{
	static const char *const v[] = {
		"xn--a\xc3\xa4.example",
		"xn--zzzzzzzzzzz-.example",
		"a\xe3\x80\x82.example",
		"\xef\xbc\xa0.example",
		"\xd7\x90"
		"a.example" /* mixed direction */,
		"a\xe2\x80\x8d"
		"b.example" /* joiner out of context */,
		"",
		".",
		"a_b.example",
	};
	SCOPED_ARENA a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		struct err e = ERR_INIT;
		struct span out = SPAN_NONE;

		if (smtp_domain_ascii(a, span_str(v[i]), &out, &e) != ERR_SYNTAX)
			fail_msg("%s passed as %.*s", v[i], SPAN_F(out));
		if (smtp_domain_unicode(a, span_str(v[i]), &out, &e) != ERR_SYNTAX)
			fail_msg("%s passed as %.*s", v[i], SPAN_F(out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_domain_bound), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_normalise),
		cmocka_unit_test(test_domain_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
