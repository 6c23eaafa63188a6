/* message.c - the message as it arrived becomes the message that is kept: checked against what harms others
 * (smuggling, loops, floods of header fields), with Return-Path and Received in front (RFC 5321 4.4, 3848), on
 * submission with the Date and Message-ID it lacks and without Bcc (RFC 6409 8). The body is copied once. */
#include <string.h>
#include "base/io.h"
#include "base/time.h"
#include "codec/mime/mime_charset.h"
#include "codec/mime/mime_date.h"
#include "codec/mime/mime_header.h"
#include "codec/smtp/smtp_address.h"
#include "codec/smtp/smtp_data.h"
#include "proto/smtp/smtp_int.h"

#define ROOM 8192                        /* for all that comes in front; each piece is bounded */
#define LOOP_FIELD "X-Kontor-Loop"

struct head {
	size_t len;
	bool headless, date, message_id, bcc;
};

static bool flag(const struct smtp_call *c, const char *name)
{
	for (size_t i = 0; i < c->ntok; i++)
		if (c->tok[i].kind == TOK_ATOM && span_eqz(c->tok[i].text, name))
			return true;
	return false;
}

static int check_flags(struct smtp_call *c, struct err *e)
{
	bool binary = c->s->mail->body == BODY_BINARY && c->s->mail->bdat;

	if (flag(c, "TOOBIG") || c->s->mail->bdat_len > SMTP_SIZE_MAX)
		return smtp_no(c, ERR_TOOBIG, 552, "5.3.4", "Message too large", e);
	if (flag(c, "NOSPACE"))
		return smtp_no(c, ERR_LATER, 452, "4.3.1", "No space for the message now, please try again", e);
	if (flag(c, "BARE"))
		return smtp_no(c, ERR_SYNTAX, 550, "5.6.0", "Message has bare LF or CR", e);
	if (flag(c, "NUL") && !binary)
		return smtp_no(c, ERR_SYNTAX, 550, "5.6.0", "Message has NUL octets", e);
	return 0;
}

/* Into fresh memory with ROOM in front. */
static int load(struct smtp_call *c, struct span *out, struct err *e)
{
	const struct cmd *cmd = c->call->cmd;
	uint64_t n = cmd->spool_fd >= 0 ? cmd->spool_len : cmd->body.n;
	char *p;

	if (n > SMTP_SIZE_MAX)
		return smtp_no(c, ERR_TOOBIG, 552, "5.3.4", "Message too large", e);
	p = arena_alloc(c->arena, ROOM + n);
	*out = (struct span){ p + ROOM, n };
	if (cmd->spool_fd >= 0)
		return io_pread_full(cmd->spool_fd, p + ROOM, n, 0, e);
	if (n)
		memcpy(p + ROOM, cmd->body.p, n);
	return 0;
}

/* The gate looks for stray CR and LF after DATA only; a chunk may have them with BODY=BINARYMIME alone. */
static int check_lines(struct smtp_call *c, struct span message, struct err *e)
{
	struct smtp_data d;

	if (!c->s->mail->bdat || c->s->mail->body == BODY_BINARY)
		return 0;
	smtp_data_init(&d);
	smtp_data_chunk(&d, message, true);
	return smtp_data_stray(&d) ? smtp_no(c, ERR_SYNTAX, 550, "5.6.0", "Message has bare LF or CR", e) : 0;
}

static bool is_our_loop(const struct smtp_mail *m, struct span mark)
{
	for (size_t i = 0; i < m->n_rcpts; i++)
		if (m->rcpts[i]->loop[0] && span_eqz(mark, m->rcpts[i]->loop))
			return true;
	return false;
}

static int read_head(struct smtp_call *c, struct span message, struct head *h, struct err *e)
{
	struct span rest;
	struct mime_field f;
	size_t fields = 0, hops = 0;

	*h = (struct head){ .len = mime_header_len(message) };
	if (h->len > SMTP_HEADER_MAX)
		return smtp_no(c, ERR_TOOBIG, 552, "5.3.4", "Header too large", e);
	rest = span_sub(message, 0, h->len);
	while (mime_header_next(&rest, &f)) {
		if (++fields > SMTP_FIELDS_MAX)
			return smtp_no(c, ERR_TOOBIG, 552, "5.3.4", "Too many header fields", e);
		h->headless |= fields == 1 && !f.name.n;
		hops += span_ieqz(f.name, "Received");
		h->date |= span_ieqz(f.name, "Date");
		h->message_id |= span_ieqz(f.name, "Message-ID");
		h->bcc |= span_ieqz(f.name, "Bcc") || span_ieqz(f.name, "Resent-Bcc");
		if (span_ieqz(f.name, LOOP_FIELD) && is_our_loop(c->s->mail, span_trim(f.value)))
			return smtp_no(c, ERR_DENIED, 554, "5.4.6", "The message has been here before", e);
	}
	if (hops >= SMTP_HOPS_MAX)
		return smtp_no(c, ERR_DENIED, 554, "5.4.6", "Too many hops", e);
	return 0;
}

/* ---- what comes in front ---- */

static struct span token(struct arena *a, struct span s)
{
	char *p = arena_dup(a, s.n ? s.p : "", s.n);

	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alpha(p[i]) && !ascii_digit(p[i]) && p[i] != '.' && p[i] != '-' && p[i] != '_')
			p[i] = '?';
	return (struct span){ p, s.n < 60 ? s.n : 60 };
}

/* RFC 3848, RFC 6531 section 4.3 */
static void put_protocol(struct smtp_call *c, struct buf *b)
{
	bool tls = c->call->session->peer.tls, auth = c->call->session->account_id;
	const char *base = smtp_is_lmtp(c) ? "LMTP" : c->s->mail->utf8 ? "SMTP" : c->s->esmtp ? "ESMTP" : "SMTP";

	buf_addf(b, "%s%s%s%s", c->s->mail->utf8 ? "UTF8" : "", base, tls ? "S" : "", auth ? "A" : "");
}

static struct span helo_name(struct smtp_call *c)
{
	struct span name = { c->s->helo, c->s->helo_len }, ascii;

	if (mime_ascii(name))
		return name;
	return smtp_domain_ascii(c->arena, name, &ascii, NULL) < 0 ? SPAN("unknown") : ascii;
}

static void put_received(struct smtp_call *c, uint64_t id, int64_t now_sec, struct buf *b)
{
	const struct peer *p = &c->call->session->peer;
	const struct smtp_mail *m = c->s->mail;

	buf_addf(b, "Received: from %.*s ([%s%.*s])\r\n\tby %s with ", SPAN_F(helo_name(c)),
		span_chr(p->address, ':') >= 0 ? "IPv6:" : "", SPAN_F(span_sub(p->address, 0, 64)),
		c->call->house->hostname);
	put_protocol(c, b);
	if (p->tls)
		buf_addf(b, "\r\n\t(%.*s %.*s)", SPAN_F(token(c->arena, p->tls_version)),
			SPAN_F(token(c->arena, p->tls_cipher)));
	buf_addf(b, "\r\n\tid %llu", (unsigned long long)id);
	if (m->n_rcpts == 1 && (m->utf8 || mime_ascii(m->rcpts[0]->address)))
		buf_addf(b, " for <%.*s>", SPAN_F(m->rcpts[0]->address));
	buf_addz(b, ";\r\n\t");
	mime_date_format(b, now_sec, 0);
	buf_addz(b, "\r\n");
}

static void put_missing(struct smtp_call *c, const struct head *h, uint64_t id, int64_t now_sec, struct buf *b)
{
	if (!h->date) {
		buf_addz(b, "Date: ");
		mime_date_format(b, now_sec, 0);
		buf_addz(b, "\r\n");
	}
	if (!h->message_id)
		buf_addf(b, "Message-ID: <%llu.%016llx@%s>\r\n", (unsigned long long)id,
			(unsigned long long)random_u64(), c->call->house->hostname);
}

/* The header without Bcc, at the end of where it was. */
static struct span drop_bcc(struct smtp_call *c, struct span message, size_t header_len)
{
	char *end = (char *)(uintptr_t)message.p + header_len;
	struct span rest = span_sub(message, 0, header_len);
	struct mime_field f;
	SCOPED_BUF kept;

	(void)c;
	buf_init(&kept, header_len);
	while (mime_header_next(&rest, &f))
		if (!span_ieqz(f.name, "Bcc") && !span_ieqz(f.name, "Resent-Bcc"))
			buf_add(&kept, f.raw);
	buf_add(&kept, rest); /* the blank line */
	memcpy(end - kept.n, kept.p ? kept.p : "", kept.n);
	return (struct span){ end - kept.n, message.n - header_len + kept.n };
}

static struct span put_before(struct span message, struct span front)
{
	char *p = (char *)(uintptr_t)message.p - front.n;

	memcpy(p, front.p, front.n);
	return (struct span){ p, message.n + front.n };
}

/* Only what goes outside carries the markers: a member may send on what it got without being taken for a loop. */
static struct span add_loops(struct smtp_call *c, struct span text)
{
	const struct smtp_mail *m = c->s->mail;
	SCOPED_BUF b;
	char *p;

	buf_init(&b, SMTP_RCPTS_MAX * 64);
	for (size_t i = 0; i < m->n_rcpts; i++)
		if (m->rcpts[i]->loop[0])
			buf_addf(&b, LOOP_FIELD ": %s\r\n", m->rcpts[i]->loop);
	if (!b.n)
		return text;
	p = arena_alloc(c->arena, b.n + text.n);
	memcpy(p, b.p, b.n);
	memcpy(p + b.n, text.p, text.n);
	return (struct span){ p, b.n + text.n };
}

int smtp_message_text(struct smtp_call *c, uint64_t id, struct smtp_text *out, struct err *e)
{
	int64_t now_sec = time_real_sec();
	struct span text, return_path;
	struct head h;
	SCOPED_BUF b;

	buf_init(&b, ROOM - 512);
	if (check_flags(c, e) < 0 || load(c, &text, e) < 0 || check_lines(c, text, e) < 0 || read_head(c, text, &h, e) < 0)
		return e->code;
	out->message = text;
	out->eight_bit = flag(c, "8BIT");
	put_received(c, id, now_sec, &b);
	if (smtp_is_submission(c)) {
		put_missing(c, &h, id, now_sec, &b);
		if (h.bcc)
			text = out->message = drop_bcc(c, text, h.len);
	}
	if (h.headless)
		buf_addz(&b, "\r\n");
	if (b.failed)
		return err_set(e, ERR_BROKEN, "", "front of a message over %zu octets", b.max);
	text = put_before(text, buf_span(&b));
	out->queued = add_loops(c, text);
	return_path = arena_printf(c->arena, "Return-Path: <%.*s>\r\n", SPAN_F(c->s->mail->sender));
	out->local = put_before(text, return_path);
	return 0;
}
