#include "codec/mime/mime_dsn.h"
#include "codec/base64.h"
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_charset.h"
#include "codec/mime/mime_date.h"
#include "codec/mime/mime_header.h"
#include "codec/mime/mime_word.h"
#include "codec/smtp/smtp_xtext.h"

/* report = multipart/report: text for people, delivery-status for programs, what was sent (RFC
 * 6522) delivery-status-content = per-message-fields 1*( CRLF per-recipient-fields ) (RFC 3464)
 * per-message-fields = [ original-envelope-id-field CRLF ] reporting-mta-field CRLF [
 * arrival-date-field CRLF ] per-recipient-fields = [ original-recipient-field CRLF ]
 * final-recipient-field CRLF action-field CRLF status-field CRLF [ remote-mta-field CRLF ] [
 * diagnostic-code-field CRLF ] [ last-attempt-date-field CRLF ] [ will-retry-until-field CRLF ] */

struct writer {
	struct arena *a;
	const struct mime_dsn *dsn;
	struct buf *b;
};

static const char *action_name(enum mime_dsn_action action)
{
	static const char *const names[] = {
		"failed", "delayed", "delivered", "relayed", "expanded"};

	return names[action];
}

/* One line, no controls; ASCII, or UTF-8 where the reader takes it. */
static struct span clean(struct writer *w, struct span s)
{
	bool utf8 = w->dsn->utf8 && mime_utf8_valid(s);
	char *to = arena_dup(w->a, s.p ? s.p : "", s.n);

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)to[i];

		if (c < 32 || c == 127)
			to[i] = ' ';
		else if (c > 127 && !utf8)
			to[i] = '?';
	}
	return (struct span){to, s.n};
}

static void field(struct writer *w, const char *name, const char *type, struct span value)
{
	if (value.n)
		mime_header_add(
			w->b, name, arena_printf(w->a, "%s%.*s", type, SPAN_F(clean(w, value))));
}

static void date_field(struct writer *w, const char *name, int64_t sec)
{
	SCOPED_BUF b;

	buf_init(&b, 100);
	if (!sec)
		return;
	mime_date_format(&b, sec, 0);
	mime_header_add(w->b, name, buf_span(&b));
}

/* "rfc822;a@b", or "utf-8;..." in the spelling that the reader's side can carry (RFC 6533 section
 * 3). */
static void address_field(struct writer *w, const char *name, struct span type, struct span address)
{
	struct smtp_orcpt o = {.type = type, .address = address};
	SCOPED_BUF b;

	buf_init(&b, 16384);
	if (!address.n)
		return;
	if (mime_ascii(address) || w->dsn->utf8) {
		buf_add(&b, mime_ascii(address) ? type : SPAN("utf-8"));
		buf_addc(&b, ';');
		buf_add(&b, address);
	} else {
		smtp_orcpt_write(&b, &o, false);
	}
	field(w, name, "", buf_span(&b));
}

static struct span strip(struct span s)
{
	while (s.n && s.p[0] == '<')
		s = span_from(s, 1);
	while (s.n && s.p[s.n - 1] == '>')
		s.n--;
	return s;
}

static void word_field(
	struct writer *w, const char *name, struct span text, bool phrase, struct span address)
{
	SCOPED_BUF b;

	buf_init(&b, 65536);
	if (text.n)
		mime_word_encode(&b, text, phrase);
	if (address.n)
		buf_addf(&b, "%s<%.*s>", text.n ? " " : "", SPAN_F(strip(address)));
	if (b.n)
		mime_header_add(w->b, name, buf_span(&b));
	w->b->failed = w->b->failed || b.failed;
}

static void write_header(struct writer *w)
{
	const struct mime_dsn *d = w->dsn;

	word_field(w, "From", d->from_name, true, d->from);
	word_field(w, "To", SPAN_NONE, true, d->to);
	word_field(w, "Subject", d->subject, false, SPAN_NONE);
	date_field(w, "Date", d->date_sec);
	word_field(w, "Message-ID", SPAN_NONE, false, d->message_id);
	mime_header_add(w->b, "Auto-Submitted", SPAN("auto-replied"));
	mime_header_add(w->b, "MIME-Version", SPAN("1.0"));
	mime_header_add(w->b, "Content-Type",
		arena_printf(w->a,
			"multipart/report; report-type=delivery-status; boundary=\"%.*s\"",
			SPAN_F(d->boundary)));
	buf_addz(w->b, "\r\n");
}

static void begin_part(struct writer *w, const char *type, const char *encoding)
{
	buf_addf(w->b, "\r\n--%.*s\r\n", SPAN_F(w->dsn->boundary));
	mime_header_add(w->b, "Content-Type", span_str(type));
	mime_header_add(w->b, "Content-Transfer-Encoding", span_str(encoding));
}

static void write_text(struct writer *w)
{
	begin_part(w, "text/plain; charset=utf-8", "quoted-printable");
	field(w, "Content-Language", "", w->dsn->language);
	buf_addz(w->b, "\r\n");
	mime_qp_encode(w->b, w->dsn->text);
}

static void write_recipient(struct writer *w, const struct mime_dsn_recipient *r)
{
	struct span original = r->original;
	struct span type = span_cut(&original, ';');

	buf_addz(w->b, "\r\n");
	address_field(w, "Original-Recipient", type, original);
	address_field(w, "Final-Recipient", SPAN("rfc822"), r->address);
	mime_header_add(w->b, "Action", span_str(action_name(r->action)));
	field(w, "Status", "", r->status);
	field(w, "Remote-MTA", "dns; ", r->remote_mta);
	field(w, "Diagnostic-Code", "smtp; ", r->diagnostic);
	date_field(w, "Last-Attempt-Date", r->last_attempt_sec);
	date_field(w, "Will-Retry-Until", r->retry_until_sec);
}

static void write_status(struct writer *w)
{
	const struct mime_dsn *d = w->dsn;
	bool global = false;

	for (size_t i = 0; i < d->recipient_count && d->utf8; i++)
		global = global || !mime_ascii(d->recipients[i].address) ||
			 !mime_ascii(d->recipients[i].original) ||
			 !mime_ascii(d->recipients[i].diagnostic);
	begin_part(w, global ? "message/global-delivery-status" : "message/delivery-status",
		global ? "8bit" : "7bit");
	buf_addz(w->b, "\r\n");
	field(w, "Original-Envelope-Id", "", d->envelope_id);
	field(w, "Reporting-MTA", "dns; ", d->reporting_mta);
	date_field(w, "Arrival-Date", d->arrival_sec);
	for (size_t i = 0; i < d->recipient_count; i++)
		write_recipient(w, &d->recipients[i]);
}

/* A header with raw UTF-8 is message/global*, which may be encoded for a side that has no SMTPUTF8.
 */
static void write_original(struct writer *w)
{
	const struct mime_dsn *d = w->dsn;
	struct span head = span_sub(d->original, 0, mime_header_len(d->original));
	struct span sent = d->full ? d->original : head;
	bool global = !mime_ascii(head);
	bool encode = global && !d->utf8;
	const char *type = d->full ? (global ? "message/global" : "message/rfc822")
				   : (global ? "message/global-headers" : "text/rfc822-headers");

	if (!sent.n)
		return;
	begin_part(w, type, encode ? "base64" : mime_ascii(sent) ? "7bit" : "8bit");
	buf_addz(w->b, "\r\n");
	if (encode)
		base64_encode(w->b, sent, 76);
	else
		buf_add(w->b, sent);
}

static bool boundary_ok(const struct mime_dsn *d)
{
	if (!d->boundary.n || d->boundary.n > 70)
		return false;
	for (size_t i = 0; i < d->boundary.n; i++) {
		char c = d->boundary.p[i];

		if (!ascii_alpha(c) && !ascii_digit(c) && c != '-' && c != '_' && c != '=' &&
			c != '.')
			return false;
	}
	return span_find(d->original, d->boundary) < 0 && span_find(d->text, d->boundary) < 0;
}

int mime_dsn_compose(struct arena *a, const struct mime_dsn *dsn, struct buf *out, struct err *e)
{
	struct writer w = {.a = a, .dsn = dsn, .b = out};

	if (!boundary_ok(dsn))
		return err_set(e, ERR_PARAM, "Internal error",
			"boundary \"%.*s\" is no token or occurs in the message",
			SPAN_F(dsn->boundary));
	write_header(&w);
	write_text(&w);
	write_status(&w);
	write_original(&w);
	buf_addf(out, "\r\n--%.*s--\r\n", SPAN_F(dsn->boundary));
	if (out->failed)
		return err_set(e, ERR_TOOBIG, "Message too large", "DSN over %zu octets", out->max);
	return 0;
}
