/* smtp_text.c - what is put in front of a message: Return-Path, marks against loops, Received (RFC 5321 4.4, RFC 9228), and
 * what submission adds (RFC 6409 section 8). */
#include <string.h>
#include "base/time.h"
#include "codec/mime/mime_date.h"
#include "codec/mime/mime_header.h"
#include "domain/mail/queue.h"
#include "proto/smtp/smtp_int.h"

#define PREFIX_MAX 32768

/* RFC 3848, 6531: the word after "with". */
static void add_with(struct buf *b, const struct call *c, const struct smtp_session *s)
{
	bool lmtp = c->session->service == SVC_LMTP;

	if (s->mail.utf8)
		buf_addz(b, lmtp ? "UTF8LMTP" : "UTF8SMTP");
	else
		buf_addz(b, lmtp ? "LMTP" : s->esmtp ? "ESMTP" : "SMTP");
	if (c->session->peer.tls)
		buf_addc(b, 'S');
	if (c->session->account_id)
		buf_addc(b, 'A');
}

static void add_received(struct buf *b, const struct call *c, const struct smtp_session *s)
{
	const struct peer *p = &c->session->peer;
	bool v6 = span_chr(p->address, ':') >= 0;

	if (c->session->account_id) /* where somebody sits is nobody's business */
		buf_addf(b, "Received: from [127.0.0.1] by %s", c->house->hostname);
	else
		buf_addf(b, "Received: from %s ([%s%.*s])\r\n\tby %s", s->helo, v6 ? "IPv6:" : "", SPAN_F(p->address),
			c->house->hostname);
	buf_addz(b, " with ");
	add_with(b, c, s);
	buf_addf(b, " id %llx", (unsigned long long)store_id(c->house->store));
	if (p->tls)
		buf_addf(b, "\r\n\t(%.*s %.*s)", SPAN_F(p->tls_version), SPAN_F(p->tls_cipher));
	if (s->mail.n == 1)
		buf_addf(b, "\r\n\tfor <%.*s>", SPAN_F(s->mail.rcpts[0].address));
	buf_addz(b, ";\r\n\t");
	mime_date_format(b, time_real_sec(), 0);
	buf_addz(b, "\r\n");
}

static void add_missing(struct buf *b, const struct call *c, struct span header)
{
	struct mime_field f;

	if (c->session->service != SVC_SUBMISSION)
		return;
	if (!mime_header_find(header, "Date", &f)) {
		buf_addz(b, "Date: ");
		mime_date_format(b, time_real_sec(), 0);
		buf_addz(b, "\r\n");
	}
	if (!mime_header_find(header, "Message-ID", &f))
		buf_addf(b, "Message-ID: <%016llx%016llx@%s>\r\n", (unsigned long long)random_u64(),
			(unsigned long long)random_u64(), c->house->hostname);
}

/* Without a header of its own the text would become part of ours. */
static bool headless(struct span header)
{
	struct mime_field f;

	return mime_header_next(&header, &f) && !f.name.n;
}

static struct span join(struct arena *a, struct span x, struct span y, struct span z)
{
	char *p = arena_alloc(a, x.n + y.n + z.n + 1);

	memcpy(p, x.p, x.n);
	if (y.n)
		memcpy(p + x.n, y.p, y.n);
	if (z.n)
		memcpy(p + x.n + y.n, z.p, z.n);
	return SPAN_BYTES(p, x.n + y.n + z.n);
}

int smtp_text(struct call *c, struct span body, struct span checked, bool outside, struct smtp_text *out, struct err *e)
{
	struct smtp_session *s = smtp_session(c);
	size_t head = mime_header_len(body);
	struct span header = smtpd_check_strip(c, span_sub(body, 0, head)), rest = span_from(body, head);
	SCOPED_BUF trace, path, clean, marks = { 0 };

	buf_init(&trace, PREFIX_MAX);
	buf_init(&path, PREFIX_MAX);
	buf_init(&clean, head + 64);
	buf_add(&trace, checked);
	add_received(&trace, c, s);
	add_missing(&trace, c, header);
	if (headless(header))
		buf_addz(&trace, "\r\n");
	buf_addf(&path, "Return-Path: <%.*s>\r\n", SPAN_F(s->mail.sender));
	buf_add(&path, buf_span(&trace));
	if (c->session->service == SVC_SUBMISSION && mime_header_count(header, "Bcc")) {
		mime_header_without(&clean, header, "Bcc");
		if (head >= 2 && span_ends(header, SPAN("\r\n\r\n")))
			buf_addz(&clean, "\r\n");
		header = arena_span(c->arena, buf_span(&clean));
	}
	if (trace.failed || path.failed || clean.failed)
		return err_set(e, ERR_TOOBIG, "Header too large", "trace fields");
	out->local = join(c->arena, buf_span(&path), header, rest);
	if (!outside)
		return 0;
	buf_init(&marks, PREFIX_MAX + SMTP_RCPT_MAX * 64);
	for (size_t i = 0; i < s->mail.n; i++)
		if (s->mail.rcpts[i].loop[0])
			buf_addf(&marks, SMTP_LOOP_FIELD ": %s\r\n", s->mail.rcpts[i].loop);
	buf_add(&marks, buf_span(&trace));
	out->outside = join(c->arena, buf_span(&marks), header, rest);
	return 0;
}
