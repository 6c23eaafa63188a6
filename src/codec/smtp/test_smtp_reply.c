#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "codec/smtp/smtp_reply.h"
#include "codec/smtp/smtp_xtext.h"

static void replies(struct span in, size_t step, struct buf *out)
{
	struct smtp_reply r;
	int got = 0;

	smtp_reply_init(&r);
	while (in.n && got >= 0) {
		size_t used;

		got = smtp_reply(&r, span_sub(in, 0, step), &used);

		assert_true(used);
		in = span_from(in, used);
		if (got == 1)
			buf_addf(out, "(%u|%.*s|%.*s)", r.code, SPAN_F(r.status), SPAN_F(r.text));
		if (got < 0)
			buf_addf(out, "<%s>", err_name(got));
	}
	if (got >= 0 && !smtp_reply_idle(&r))
		buf_addz(out, "...");
	smtp_reply_fini(&r);
}

static void check(struct span in, const char *want)
{
	static const size_t steps[] = {1, 2, 5, 100000};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		SCOPED_BUF out;

		buf_init(&out, 1 << 20);
		replies(in, steps[i], &out);
		if (!span_eqz(buf_span(&out), want))
			fail_msg("step %zu: %.*s, want %s", steps[i], SPAN_F(buf_span(&out)), want);
	}
}

static void test_read(void **state)
{
	(void)state;
	check(SPAN("220 hi\r\n250-a\r\n250 b\r\n"), "(220||hi)(250||a\nb)");
	check(SPAN("250\r\n"), "(250||)");
	check(SPAN("550 5.1.1 No\r\n"), "(550|5.1.1|No)");
	check(SPAN("550-5.1.1 No\r\n550-such\r\n550 5.1.1 one\r\n"), "(550|5.1.1|No\nsuch\none)");
	check(SPAN("550 4.1.1 class does not fit\r\n"), "(550||4.1.1 class does not fit)");
	check(SPAN("250 2.0.0\r\n"), "(250|2.0.0|)");
	check(SPAN("250 2.0.0x\r\n"), "(250||2.0.0x)");
	check(SPAN("250 a\n"), "(250||a)");
	check(SPAN("250 a\033[2J\xff\r\n"), "(250||a?[2J?)");
	check(SPAN("250 \xc3\xa4\r\n"), "(250||\xc3\xa4)");
	check(SPAN("250-a\r\n"), "...");
	check(SPAN("250-a\r\n251 b\r\n"), "<syntax>");
	check(SPAN("HTTP/1.1 400\r\n"), "<syntax>");
	check(SPAN("25\r\n"), "<syntax>");
	check(SPAN("+50 a\r\n"), "<syntax>");
	check(SPAN("260x\r\n"), "<syntax>");
	check(SPAN("150 a\r\n"), "<syntax>");
	check(SPAN("260 a\r\n"), "<syntax>");
	check(SPAN("\r\n"), "<syntax>");
}

static void test_read_limits(void **state)
{
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_addz(&b, "250 ");
	buf_fill(&b, 'x', SMTP_REPLY_LINE);
	check(buf_span(&b), "<toobig>");
	buf_reset(&b);
	for (int i = 0; i < SMTP_REPLY_MAX; i++)
		buf_addz(&b, "250-\r\n");
	check(buf_span(&b), "<toobig>");
	for (size_t n = SMTP_REPLY_MAX; n <= SMTP_REPLY_MAX + 1; n++) {       /* of lines without text: nothing but line ends comes out */
		SCOPED_BUF want;

		buf_init(&want, SMTP_REPLY_MAX);
		buf_reset(&b);
		buf_addz(&want, "(250||");
		while (b.n + 6 + 5 <= n) {
			buf_addz(&b, "250-\r\n");
			buf_addc(&want, '\n');
		}
		buf_addz(&b, "250 ");
		for (; b.n + 1 < n; buf_addc(&want, 'x'))
			buf_addc(&b, 'x');
		buf_addz(&b, "\n");
		buf_addc(&want, ')');
		buf_addc(&want, 0);
		check(buf_span(&b), n > SMTP_REPLY_MAX ? "<toobig>" : want.p);
	}
}

static void test_caps(void **state)
{
	struct smtp_caps c;

	(void)state;
	smtp_caps_parse(SPAN("mx.example PIPELINING\nsize 10240000\nAUTH PLAIN SCRAM-SHA-256-PLUS "
			     "X\nstarttls\n"
			     "LIMITS RCPTMAX=20 MAILMAX=x RCPTDOMAINMAX=1 "
			     "RCPTMAX=0\nXFOO\nENHANCEDSTATUSCODES\nCHUNKING"),
		&c);
	assert_int_equal(c.flags, SMTP_CAP_SIZE | SMTP_CAP_AUTH | SMTP_CAP_STARTTLS |
					  SMTP_CAP_LIMITS | SMTP_CAP_STATUS | SMTP_CAP_CHUNKING);
	assert_int_equal(c.auth, SMTP_AUTH_PLAIN | SMTP_AUTH_SCRAM_SHA_256_PLUS);
	assert_int_equal(c.size_max, 10240000);
	assert_int_equal(c.rcpt_max, 20);
	assert_int_equal(c.mail_max, 0);
	assert_int_equal(c.rcpt_domain_max, 1);
	smtp_caps_parse(
		SPAN("mx.example\nAUTH=LOGIN\nSIZE\nSIZEX 1\n8BITMIME\nDSN\nSMTPUTF8\nPIPELINING"),
		&c);
	assert_int_equal(c.auth, SMTP_AUTH_LOGIN);
	assert_int_equal(c.flags, SMTP_CAP_AUTH | SMTP_CAP_SIZE | SMTP_CAP_8BITMIME | SMTP_CAP_DSN |
					  SMTP_CAP_SMTPUTF8 | SMTP_CAP_PIPELINING);
	smtp_caps_parse(SPAN("SIZE 5"), &c);
	assert_int_equal(c.flags, 0);
}

static void written(const char *want, unsigned code, const char *status, struct span text)
{
	SCOPED_BUF b;

	buf_init(&b, 10000);
	assert_true(smtp_reply_write(&b, code, status, text));
	if (!span_eqz(buf_span(&b), want))
		fail_msg("%.*s", SPAN_F(buf_span(&b)));
}

static void test_write(void **state)
{
	char text[1000];
	SCOPED_BUF b;
	SCOPED_BUF back;

	(void)state;
	written("250 2.1.0 Ok\r\n", 250, "2.1.0", SPAN("Ok"));
	written("250-host\r\n250-SIZE 5\r\n250 DSN\r\n", 250, NULL, SPAN("host\r\nSIZE 5\nDSN\n"));
	written("354 \r\n", 354, NULL, SPAN(""));
	written("550-5.0.0 a?250 b\r\n550 5.0.0 c?\r\n", 550, "5.0.0", SPAN("a\r250 b\nc\0"));
	memset(text, 'x', sizeof(text));
	for (int i = 1; i < 999; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	buf_init(&b, 10000);
	buf_init(&back, 10000);
	assert_true(smtp_reply_write(&b, 550, "5.7.1", SPAN_BYTES(text, 999)));
	for (struct span rest = buf_span(&b); rest.n;) {
		assert_true(span_cut(&rest, '\n').n + 1 <= 512);
	}
	replies(buf_span(&b), 1, &back);
	assert_true(span_chr(buf_span(&back), '?') < 0);
	assert_int_equal(back.n, strlen("(550|5.7.1|") + 999 + 1 + strlen("\n)") - 1);
	buf_fini(&b);
	buf_init(&b, 5);
	assert_false(smtp_reply_write(&b, 250, NULL, SPAN("too long")));
}

static void test_xtext(void **state)
{
	static const char *const bad[] = {
		"+", "+4", "+GG", "a=b", "a b", "+0D+0A", "\xc3\xa4", "+FF", "+00", "a\x7f"};
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	struct err e = ERR_INIT;
	struct span s;

	(void)state;
	buf_init(&b, 100);
	assert_true(smtp_xtext_encode(&b, SPAN("a+b=c d\xff")));
	assert_true(span_eqz(buf_span(&b), "a+2Bb+3Dc+20d+FF"));
	assert_int_equal(smtp_xtext_decode(a, SPAN("a+2Bb+3Dc+20d"), &s, &e), 0);
	assert_true(span_eqz(s, "a+b=c d"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (smtp_xtext_decode(a, span_str(bad[i]), &s, &e) != ERR_SYNTAX)
			fail_msg("%s", bad[i]);
}

static void orcpt(const char *in, const char *address, const char *again)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	struct smtp_orcpt o;
	struct err e = ERR_INIT;
	int r = smtp_orcpt_parse(a, span_str(in), &o, &e);

	if (!address) {
		assert_int_equal(r, ERR_SYNTAX);
		return;
	}
	assert_int_equal(r, 0);
	assert_true(span_eqz(o.address, address));
	buf_init(&b, 1000);
	assert_true(smtp_orcpt_write(&b, &o, false));
	if (!span_eqz(buf_span(&b), again))
		fail_msg("%.*s", SPAN_F(buf_span(&b)));
}

static void test_orcpt(void **state)
{
	(void)state;
	orcpt("rfc822;a+2Bb@c.example", "a+b@c.example", "rfc822;a+2Bb@c.example");
	orcpt("utf-8;j\\x{F6}rg\\x{2B}x@a.example", "j\xc3\xb6rg+x@a.example",
		"utf-8;j\\x{F6}rg\\x{2B}x@a.example");
	orcpt("UTF-8;j\xc3\xb6rg@a.example", "j\xc3\xb6rg@a.example", "utf-8;j\\x{F6}rg@a.example");
	orcpt("utf-8;\\x{5C}\\x{1F600}@a", "\\\xf0\x9f\x98\x80@a", "utf-8;\\x{5C}\\x{1F600}@a");
	orcpt("rfc822;", NULL, NULL);
	orcpt("rfc822", NULL, NULL);
	orcpt(";a@b", NULL, NULL);
	orcpt("rfc822;a+0D+0Ab", NULL, NULL);
	orcpt("utf-8;a+b", NULL, NULL);
	orcpt("utf-8;\\x{D800}", NULL, NULL);
	orcpt("utf-8;\\x{110000}", NULL, NULL);
	orcpt("utf-8;\\x{0A}", NULL, NULL);
	orcpt("utf-8;\\x{85}", NULL, NULL);
	orcpt("utf-8;\\x{1234567}", NULL, NULL);
	orcpt("utf-8;\\x{41", NULL, NULL);
	orcpt("utf-8;\xc3(", NULL, NULL);
}

static void test_values(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct err e = ERR_INIT;
	unsigned flags = 99;
	bool full = false;
	char text[600];
	struct smtp_orcpt o;
	struct span s;

	(void)state;
	assert_int_equal(smtp_notify_parse(SPAN("never"), &flags, &e), 0);
	assert_int_equal(flags, SMTP_NOTIFY_NEVER);
	assert_int_equal(smtp_notify_parse(SPAN("SUCCESS,DELAY"), &flags, &e), 0);
	assert_int_equal(flags, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY);
	assert_int_equal(smtp_notify_parse(SPAN("NEVER,DELAY"), &flags, &e), ERR_SYNTAX);
	assert_int_equal(smtp_notify_parse(SPAN("DELAY,"), &flags, &e), ERR_SYNTAX);
	assert_int_equal(smtp_notify_parse(SPAN(",DELAY"), &flags, &e), ERR_SYNTAX);
	assert_int_equal(smtp_notify_parse(SPAN_NONE, &flags, &e), ERR_SYNTAX);
	assert_int_equal(smtp_ret_parse(SPAN("full"), &full, &e), 0);
	assert_true(full);
	assert_int_equal(smtp_ret_parse(SPAN("HDRS"), &full, &e), 0);
	assert_false(full);
	assert_int_equal(smtp_ret_parse(SPAN("NONE"), &full, &e), ERR_SYNTAX);
	memset(text, 'x', sizeof(text));
	assert_int_equal(smtp_envid_parse(a, SPAN_BYTES(text, 100), &s, &e), 0);
	assert_int_equal(smtp_envid_parse(a, SPAN_BYTES(text, 101), &s, &e), ERR_TOOBIG);
	assert_int_equal(smtp_envid_parse(a, SPAN_NONE, &s, &e), ERR_SYNTAX);
	memcpy(text, "rfc822;", 7);
	assert_int_equal(smtp_orcpt_parse(a, SPAN_BYTES(text, 501), &o, &e), ERR_TOOBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_limits),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_xtext),
		cmocka_unit_test(test_orcpt),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
