#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_charset.h"
#include "codec/mime/mime_dsn.h"
#include "codec/mime/mime_header.h"
#include "codec/mime/mime_parse.h"
#include "codec/mime/mime_word.h"

static const struct mime_dsn_recipient people[] = {
	{.address = SPAN("bob@example.net"),
		.original = SPAN("rfc822;b+b@example.org"),
		.action = MIME_DSN_FAILED,
		.status = SPAN("5.1.1"),
		.remote_mta = SPAN("mx.example.net"),
		.diagnostic =
			SPAN("550 5.1.1 No such user\r\nAction: delivered\n\nFinal-Recipient: x"),
		.last_attempt_sec = 1764000000},
	{.address = SPAN("j\xc3\xb6rg@example.net"),
		.action = MIME_DSN_DELAYED,
		.status = SPAN("4.4.1"),
		.diagnostic = SPAN("450 sp\xc3\xa4ter"),
		.retry_until_sec = 1764400000},
};

static const struct mime_dsn base = {
	.reporting_mta = SPAN("mail.example.org"),
	.envelope_id = SPAN("QQ314159"),
	.from = SPAN("MAILER-DAEMON@example.org"),
	.to = SPAN("ann@example.org"),
	.from_name = SPAN("Postsystem \xc3\xbc, Mail"),
	.subject = SPAN("Unzustellbar:\r\nX-Evil: 1"),
	.text = SPAN("Lieber Absender\n.\nGr\xc3\xbc\xc3\x9f"
		     "e\n"),
	.language = SPAN("de"),
	.message_id = SPAN("<1@example.org>"),
	.boundary = SPAN("=_b1"),
	.date_sec = 1764000001,
	.arrival_sec = 1763999999,
	.recipients = people,
	.recipient_count = 2,
	.original = SPAN("From: ann@example.org\r\nSubject: hi\r\n\r\nbody\r\n"),
};

/* What a reader makes of the report. */
struct report {
	struct buf bytes;
	struct span header;
	struct mime_part *root, *part[3];
	struct span body[3];
};

static void compose(struct arena *a, const struct mime_dsn *d, struct report *r)
{
	struct err e = ERR_INIT;
	struct mime_limits limits = MIME_LIMITS;
	struct mime_part *p;
	size_t n = 0;
	struct span all;

	buf_init(&r->bytes, 1 << 20);
	assert_int_equal(mime_dsn_compose(a, d, &r->bytes, &e), 0);
	all = buf_span(&r->bytes);
	for (size_t i = 0; i < all.n; i++)
		assert_false(all.p[i] == '\n' && (i == 0 || all.p[i - 1] != '\r'));
	assert_int_equal(mime_parse(a, all, &limits, &r->root, &e), 0);
	assert_true(span_ieqz(r->root->type, "multipart") && span_ieqz(r->root->subtype, "report"));
	assert_true(
		span_eqz(mime_param_value(a, r->root->params, r->root->param_count, "report-type"),
			"delivery-status"));
	for (p = r->root->child; p; p = p->next) {
		assert_true(n < 3);
		r->part[n] = p;
		r->body[n++] = mime_body_decode(
			a, span_sub(all, p->body_off, p->body_len), p->encoding, 1 << 20);
	}
	assert_int_equal(n, 3);
	r->header = span_sub(all, r->root->head_off, r->root->head_len);
}

static void assert_type(const struct report *r, int part, const char *type, const char *subtype,
	const char *encoding)
{
	assert_true(span_ieqz(r->part[part]->type, type));
	if (!span_ieqz(r->part[part]->subtype, subtype))
		fail_msg("%.*s, want %s", SPAN_F(r->part[part]->subtype), subtype);
	assert_true(span_ieqz(r->part[part]->encoding, encoding));
}

/* Value of a field in the block-th blank-line separated block of a part. */
static void assert_field(
	struct arena *a, struct span body, int block, const char *name, const char *want)
{
	struct mime_field f;
	struct span value;

	for (; block; block--)
		body = span_from(body, mime_header_len(body));
	if (!mime_header_find(body, name, &f)) {
		assert_null(want);
		return;
	}
	value = mime_header_unfold(a, f.value);
	if (!want || !span_eqz(value, want))
		fail_msg("%s: \"%.*s\", want \"%s\"", name, SPAN_F(value), want ? want : "none");
	assert_int_equal(mime_header_count(span_sub(body, 0, mime_header_len(body)), name), 1);
}

static void test_report(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct report r;
	struct mime_field f;

	(void)state;
	compose(a, &base, &r);
	assert_true(mime_ascii(buf_span(&r.bytes)));
	assert_field(a, r.header, 0, "Auto-Submitted", "auto-replied");
	assert_field(a, r.header, 0, "To", "<ann@example.org>");
	assert_field(a, r.header, 0, "Message-ID", "<1@example.org>");
	assert_field(a, r.header, 0, "X-Evil", NULL);
	assert_field(a, r.header, 0, "Date", "Mon, 24 Nov 2025 16:00:01 +0000");
	assert_true(mime_header_find(r.header, "From", &f));
	assert_true(span_eqz(mime_word_decode(a, mime_header_unfold(a, f.value)),
		"Postsystem \xc3\xbc, Mail <MAILER-DAEMON@example.org>"));
	assert_type(&r, 0, "text", "plain", "quoted-printable");
	assert_true(span_eqz(r.part[0]->languages[0], "de"));
	assert_true(span_starts(r.body[0], SPAN("Lieber Absender\r\n.\r\nGr\xc3\xbc\xc3\x9f"
						"e")));
	assert_type(&r, 1, "message", "delivery-status", "7bit");
	assert_field(a, r.body[1], 0, "Reporting-MTA", "dns; mail.example.org");
	assert_field(a, r.body[1], 0, "Original-Envelope-Id", "QQ314159");
	assert_field(a, r.body[1], 0, "Arrival-Date", "Mon, 24 Nov 2025 15:59:59 +0000");
	assert_field(a, r.body[1], 1, "Original-Recipient", "rfc822;b+b@example.org");
	assert_field(a, r.body[1], 1, "Final-Recipient", "rfc822;bob@example.net");
	assert_field(a, r.body[1], 1, "Action", "failed");
	assert_field(a, r.body[1], 1, "Status", "5.1.1");
	assert_field(a, r.body[1], 1, "Remote-MTA", "dns; mx.example.net");
	assert_field(a, r.body[1], 1, "Diagnostic-Code",
		"smtp; 550 5.1.1 No such user Action: delivered Final-Recipient: x");
	assert_field(a, r.body[1], 1, "Last-Attempt-Date", "Mon, 24 Nov 2025 16:00:00 +0000");
	assert_field(a, r.body[1], 1, "Will-Retry-Until", NULL);
	assert_field(a, r.body[1], 2, "Final-Recipient", "utf-8;j\\x{F6}rg@example.net");
	assert_field(a, r.body[1], 2, "Original-Recipient", NULL);
	assert_field(a, r.body[1], 2, "Action", "delayed");
	assert_field(a, r.body[1], 2, "Diagnostic-Code", "smtp; 450 sp??ter");
	assert_field(a, r.body[1], 2, "Will-Retry-Until", "Sat, 29 Nov 2025 07:06:40 +0000");
	assert_type(&r, 2, "text", "rfc822-headers", "7bit");
	assert_true(span_starts(r.body[2], SPAN("From: ann@example.org\r\nSubject: hi\r\n")));
	assert_true(span_find(r.body[2], SPAN("body")) < 0);
	buf_fini(&r.bytes);
}

static void test_utf8(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct mime_dsn d = base;
	struct report r;

	(void)state;
	d.utf8 = d.full = true;
	compose(a, &d, &r);
	assert_type(&r, 1, "message", "global-delivery-status", "8bit");
	assert_field(a, r.body[1], 2, "Final-Recipient", "utf-8;j\xc3\xb6rg@example.net");
	assert_field(a, r.body[1], 2, "Diagnostic-Code", "smtp; 450 sp\xc3\xa4ter");
	assert_type(&r, 2, "message", "rfc822", "7bit");
	assert_true(span_starts(r.body[2], d.original));
	buf_fini(&r.bytes);

	d.original = SPAN("Subject: \xc3\xa4\r\n\r\n\xc3\xb6\r\n");
	compose(a, &d, &r);
	assert_type(&r, 2, "message", "global", "8bit");
	assert_true(span_starts(r.body[2], d.original));
	buf_fini(&r.bytes);

	d.utf8 = false;
	compose(a, &d, &r);
	assert_true(mime_ascii(buf_span(&r.bytes)));
	assert_type(&r, 2, "message", "global", "base64");
	assert_true(span_eq(r.body[2], d.original));
	buf_fini(&r.bytes);

	d.full = false;
	compose(a, &d, &r);
	assert_type(&r, 2, "message", "global-headers", "base64");
	buf_fini(&r.bytes);

	d.full = true;
	d.original = SPAN("Subject: a\r\n\r\n\xc3\xb6\r\n");
	compose(a, &d, &r);
	assert_type(&r, 2, "message", "rfc822", "8bit");
	buf_fini(&r.bytes);
}

static void test_odd(void **state)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF small;
	struct mime_dsn d = base;
	struct err e = ERR_INIT;
	struct report r;

	(void)state;
	d.message_id = SPAN("<<2@example.org>>");
	compose(a, &d, &r);
	assert_field(a, r.header, 0, "Message-ID", "<2@example.org>");
	buf_fini(&r.bytes);
	buf_init(&small, 500);
	assert_int_equal(mime_dsn_compose(a, &d, &small, &e), ERR_TOOBIG);
	err_clear(&e);
	d.original = SPAN("Subject: x\r\n\r\n--=_b1--\r\n");
	assert_int_equal(mime_dsn_compose(a, &d, &small, &e), ERR_PARAM);
	err_clear(&e);
	d.boundary = SPAN("a\"b");
	assert_int_equal(mime_dsn_compose(a, &d, &small, &e), ERR_PARAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
