#include "domain/mail/report_mail.h"
#include <zlib.h>
#include "base/time.h"
#include "codec/base64.h"
#include "codec/mime/mime_date.h"
#include "codec/smtp/smtp_address.h"
#include "domain/mail/queue.h"
#include "domain/mail/sign.h"
#include "domain/org/address.h"

#define MAIL_MAX (16u << 20)
#define EXPIRES_SEC (2 * 86400)
#define GZIP 16                        /* zlib: added to windowBits */

int report_mail_pack(struct span plain, struct buf *out, struct err *e)
{
	z_stream z = { 0 };
	char *space;
	size_t room;
	int r;

	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(e, ERR_BROKEN, "", "zlib does not start");
	room = deflateBound(&z, plain.n);
	space = buf_space(out, room);
	z.next_in = (unsigned char *)plain.p;
	z.avail_in = (unsigned)plain.n;
	z.next_out = (unsigned char *)space;
	z.avail_out = space ? (unsigned)room : 0;
	r = space ? deflate(&z, Z_FINISH) : Z_BUF_ERROR;
	if (r == Z_STREAM_END)
		buf_grow(out, z.total_out);
	deflateEnd(&z);
	return r == Z_STREAM_END ? 0 : err_set(e, ERR_TOOBIG, "", "a report is too large to be packed");
}

static void add_head(struct buf *b, const struct report_mail *m, struct span boundary)
{
	buf_addf(b, "From: <%.*s>\r\nTo: ", SPAN_F(m->from));
	for (size_t i = 0; i < m->n_to; i++)
		buf_addf(b, "%s<%.*s>", i ? ",\r\n " : "", SPAN_F(m->to[i]));
	buf_addf(b, "\r\nSubject: %.*s\r\nDate: ", SPAN_F(m->subject));
	mime_date_format(b, m->now_sec, 0);
	buf_addf(b, "\r\nMessage-ID: <%016llx%016llx@%s>\r\nTLS-Required: No\r\nAuto-Submitted: auto-generated\r\n",
		(unsigned long long)random_u64(), (unsigned long long)random_u64(), m->hostname);
	buf_add(b, m->fields);
	buf_addz(b, "MIME-Version: 1.0\r\nContent-Type: ");
	if (m->report_type)
		buf_addf(b, "multipart/report; report-type=\"%s\";", m->report_type);
	else
		buf_addz(b, "multipart/mixed;");
	buf_addf(b, "\r\n boundary=\"%.*s\"\r\n\r\n", SPAN_F(boundary));
}

/* Whoever takes no file of this size is left out. */
static void leave_out(struct report_mail *m, size_t packed)
{
	size_t coded = (packed + 2) / 3 * 4, all = coded + (coded + 75) / 76 * 2, n = 0;

	for (size_t i = 0; i < m->n_to; i++)
		if (!m->size_max[i] || all <= m->size_max[i])
			m->to[n++] = m->to[i];
	m->n_to = n;
}

static int compose(struct arena *a, struct report_mail *m, struct span *out, struct err *e)
{
	struct span boundary = arena_printf(a, "=_%016llx%016llx", (unsigned long long)random_u64(), (unsigned long long)random_u64());
	struct span text = m->text;
	SCOPED_BUF b, packed;

	buf_init(&b, MAIL_MAX);
	buf_init(&packed, MAIL_MAX);
	if (report_mail_pack(m->content, &packed, e) < 0)
		return e->code;
	leave_out(m, packed.n);
	add_head(&b, m, boundary);
	buf_addf(&b, "--%.*s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", SPAN_F(boundary));
	while (text.n)
		buf_addf(&b, "%.*s\r\n", SPAN_F(span_cut(&text, '\n')));
	buf_addf(&b, "\r\n--%.*s\r\nContent-Type: %s;\r\n name=\"%.*s\"\r\nContent-Disposition: attachment;\r\n filename=\"%.*s\"\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n", SPAN_F(boundary), m->type, SPAN_F(m->filename), SPAN_F(m->filename));
	base64_encode(&b, buf_span(&packed), 76);
	buf_addf(&b, "\r\n--%.*s--\r\n", SPAN_F(boundary));
	*out = arena_span(a, buf_span(&b));
	return b.failed ? err_set(e, ERR_TOOBIG, "", "a report is too large for a mail") : 0;
}

struct signing {
	struct org *org;
	struct arena *arena;
	const struct report_mail *mail;
	struct mail_signer signer;
};

static int find_keys(struct tx *tx, void *arg, struct err *e)
{
	struct signing *s = arg;
	ssize_t at = span_rchr(s->mail->from, '@');

	return mail_signer_of(s->org, tx, s->arena, span_from(s->mail->from, (size_t)(at + 1)), s->mail->now_sec, &s->signer, e);
}

int report_mail_prepare(struct org *o, struct arena *a, struct report_mail *m, struct err *e)
{
	struct signing s = { .org = o, .arena = a, .mail = m };
	struct span message;

	if (m->n_to > REPORT_MAIL_TO_MAX)
		return err_set(e, ERR_TOOBIG, "", "a report to %zu addresses", m->n_to);
	if (compose(a, m, &message, e) < 0 || store_read(org_store(o), find_keys, &s, e) < 0)
		return e->code;
	if (s.signer.n && mail_sign(o, a, &s.signer, message, m->now_sec, &message, e) < 0)
		return e->code;
	return email_prepare(o, a, message, &m->email, e);
}

int report_mail_put(struct org *o, struct tx *tx, struct arena *a, const struct report_mail *m, struct err *e)
{
	struct queue_entry q = { .created_sec = m->now_sec, .expires_sec = m->now_sec + EXPIRES_SEC, .sender = m->from,
		.rcpts = ARENA_ARRAY(a, struct queue_rcpt, m->n_to), .n_rcpts = m->n_to };
	uint64_t id;

	for (size_t i = 0; i < m->n_to; i++)
		q.rcpts[i] = (struct queue_rcpt){ .address = m->to[i], .next_sec = m->now_sec, .notify = NOTIFY_NEVER };
	return queue_add(o, tx, a, &m->email, false, &q, &id, e);
}

void report_mail_fini(struct report_mail *m)
{
	email_prepared_fini(&m->email);
}

int report_mail_from(struct org *o, struct tx *tx, struct arena *a, const char *setting, struct span *out, struct err *e)
{
	struct err why = ERR_INIT;
	struct span *domains, domain;
	size_t n;

	*out = SPAN_NONE;
	if (org_setting_get(o, tx, a, setting, out, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	if (out->n)
		return smtp_address_ascii(a, *out, out, e);
	if (domain_list(o, tx, a, &domains, &n, e) < 0)
		return e->code;
	if (!n)
		return err_set(e, ERR_MISSING, "This domain is not ours", "no domain to send reports from");
	if (smtp_domain_ascii(a, domains[0], &domain, e) < 0)
		return e->code;
	*out = arena_printf(a, "postmaster@%.*s", SPAN_F(domain));
	return 0;
}
