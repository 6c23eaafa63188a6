#include "domain/mail/journal.h"
#include <string.h>
#include "base/time.h"
#include "codec/mime/mime_charset.h"
#include "codec/mime/mime_date.h"
#include "codec/mime/mime_header.h"

#define TEXT_MAX (16u << 20)             /* of rows: ADDRESS_EXPAND_MAX addresses twice */
#define SUBJECT_MAX 800
#define HEADER_LOOK 65536
#define LINE_MAX_LEN 998                 /* RFC 5322 section 2.1.1 */

static int setting(struct org *o, struct tx *tx, struct arena *a, const char *name, struct span *out, struct err *e)
{
	int r = org_setting_get(o, tx, a, name, out, e);

	if (r != ERR_MISSING)
		return r;
	err_clear(e);
	*out = SPAN_NONE;
	return 0;
}

static struct span domain_of(struct span address)
{
	ssize_t at = span_rchr(address, '@');

	return at < 0 ? SPAN_NONE : span_from(address, (size_t)at + 1);
}

/* An address, or a domain. */
static bool is_meant(struct arena *a, struct span entry, struct span address)
{
	if (!address.n)
		return false;
	return span_chr(entry, '@') < 0 ? span_ieq(entry, domain_of(address)) : address_same(a, entry, address);
}

static bool in_scope(struct arena *a, struct span only, const struct journal_mail *m)
{
	bool any = false;

	while (only.n) {
		struct span entry = span_cut(&only, ' ');

		if (!entry.n)
			continue;
		any = true;
		if (is_meant(a, entry, m->sender))
			return true;
		for (size_t i = 0; i < m->n; i++)
			if (is_meant(a, entry, m->rows[i].rcpt) || is_meant(a, entry, m->rows[i].to.address))
				return true;
	}
	return !any;
}

static bool is_reader(const struct recipients *readers, uint64_t account_id)
{
	for (size_t i = 0; i < readers->n; i++)
		if (account_id && readers->v[i].account_id == account_id)
			return true;
	return false;
}

/* From the journal, or to nobody but it. */
static bool is_own(const struct recipients *readers, const struct journal_mail *m)
{
	if (is_reader(readers, m->account_id))
		return true;
	for (size_t i = 0; i < m->n; i++)
		if (!is_reader(readers, m->rows[i].to.account_id))
			return false;
	return true;
}

static int find_readers(struct org *o, struct tx *tx, struct arena *a, struct span address, struct recipients *out, struct err *e)
{
	struct err why = ERR_INIT;

	*out = (struct recipients){ 0 };
	if (address_resolve(o, tx, a, address, out, &why) < 0 && (why.code == ERR_LATER || why.code == ERR_BROKEN || why.code == ERR_BUSY))
		return err_set(e, why.code, why.say, "%s", why.log);
	for (size_t i = 0; i < out->n; i++)
		if (!out->v[i].account_id)
			out->n = 0;
	return out->n ? 0 : err_set(e, ERR_MISSING, "The journal cannot be reached", "the journal's address leads to no account here");
}

int journal_find(struct org *o, struct tx *tx, struct arena *a, const struct journal_mail *m, struct journal *out, struct err *e)
{
	struct recipients readers;
	struct span only;

	*out = (struct journal){ .n = 0 };
	if (setting(o, tx, a, "journal", &out->address, e) < 0)
		return e->code;
	out->address = span_trim(out->address);
	if (!out->address.n || !m->n)
		return 0;
	if (setting(o, tx, a, "journal.only", &only, e) < 0)
		return e->code;
	if (!in_scope(a, only, m))
		return 0;
	if (find_readers(o, tx, a, out->address, &readers, e) < 0) {
		if (e->code != ERR_MISSING)
			return e->code;
		err_clear(e);
		return err_set(e, ERR_LATER, "The journal cannot be reached", "the journal's address leads to no account here");
	}
	if (is_own(&readers, m))
		return 0;
	out->n = readers.n;
	out->to = ARENA_ARRAY(a, struct delivery, readers.n);
	for (size_t i = 0; i < readers.n; i++)
		out->to[i] = (struct delivery){ .account_id = readers.v[i].account_id, .tag = readers.v[i].tag, .force = true };
	return 0;
}

/* The field's value on one line, bounded; what is no text becomes '?'. */
static void add_value(struct buf *b, struct span header, const char *name)
{
	struct mime_field f;
	struct span s;
	bool utf8;

	if (!mime_header_find(header, name, &f))
		return;
	s = span_sub(span_trim(f.value), 0, SUBJECT_MAX);
	utf8 = mime_utf8_valid(s);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\r' && s.p[i] != '\n')
			buf_addc(b, s.p[i] == '\t' ? ' ' : (unsigned char)s.p[i] < 32 || s.p[i] == 127 || ((unsigned char)s.p[i] > 127 && !utf8) ? '?' : s.p[i]);
}

static void add_row(struct buf *b, const struct journal_row *r)
{
	if (!r->to.address.n || span_ieq(r->to.address, r->rcpt))
		buf_addf(b, "Recipient: %.*s\r\n", SPAN_F(r->rcpt));
	else
		buf_addf(b, "Recipient: %.*s, Expanded: %.*s\r\n", SPAN_F(r->to.address), SPAN_F(r->rcpt));
}

static void add_text(struct buf *b, const struct journal_mail *m, struct span header)
{
	buf_addf(b, "Sender: %.*s\r\nSubject: ", SPAN_F(m->sender.n ? m->sender : SPAN("<>")));
	add_value(b, header, "Subject");
	buf_addz(b, "\r\nMessage-ID: ");
	add_value(b, header, "Message-ID");
	buf_addz(b, "\r\nAccepted: ");
	mime_date_format(b, m->now_sec, 0);
	buf_addz(b, "\r\n");
	for (size_t i = 0; i < m->n; i++)
		add_row(b, &m->rows[i]);
}

/* RFC 2046 section 5.2.1: 7bit, 8bit or binary. */
static const char *encoding_of(struct span s)
{
	bool eight = false;
	size_t line = 0;

	for (size_t i = 0; i < s.n; i++) {
		line = s.p[i] == '\n' ? 0 : line + 1;
		eight |= (unsigned char)s.p[i] > 127;
		if (!s.p[i] || line > LINE_MAX_LEN + 1)
			return "binary";
	}
	return eight ? "8bit" : "7bit";
}

static void compose(struct buf *b, const struct journal_mail *m, const struct journal *j, struct span message)
{
	struct span header = span_sub(message, 0, mime_header_len(span_sub(message, 0, HEADER_LOOK)));
	unsigned long long r1 = random_u64(), r2 = random_u64();

	buf_addf(b, "Return-Path: <>\r\nFrom: MAILER-DAEMON@%s\r\nTo: %.*s\r\nDate: ", m->hostname, SPAN_F(j->address));
	mime_date_format(b, m->now_sec, 0);
	buf_addz(b, "\r\nSubject: ");
	add_value(b, header, "Subject");
	buf_addf(b, "\r\nMessage-ID: <%016llx.%016llx@%s>\r\nAuto-Submitted: auto-generated\r\nX-MS-Journal-Report:\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/mixed; boundary=\"=_%016llx%016llx\"\r\n\r\n--=_%016llx%016llx\r\n"
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", r1, r2, m->hostname, r1, r2, r1, r2);
	add_text(b, m, header);
	buf_addf(b, "\r\n--=_%016llx%016llx\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: %s\r\n\r\n", r1, r2, encoding_of(message));
	buf_add(b, message);
	buf_addf(b, "\r\n--=_%016llx%016llx--\r\n", r1, r2);
}

int journal_prepare(struct org *o, struct arena *a, const struct journal_mail *m, struct span message, struct journal *j, struct err *e)
{
	SCOPED_BUF b;

	buf_init(&b, message.n + TEXT_MAX);
	if (!j->n)
		return 0;
	compose(&b, m, j, message);
	return b.failed ? err_set(e, ERR_LATER, "Temporary shortage, try again later", "journal copy of %zu octets", message.n) :
		email_prepare(o, a, buf_span(&b), &j->email, e);
}

int journal_put(struct org *o, struct tx *tx, struct arena *a, const struct journal_mail *m, struct journal *j, struct err *e)
{
	if (!j->n)
		return 0;
	if (deliver(o, tx, a, &j->email, j->to, j->n, m->now_sec, e) < 0)
		return e->code;
	for (size_t i = 0; i < j->n; i++)
		if (j->to[i].result < 0)
			return err_set(e, ERR_LATER, "The journal cannot be reached", "journal account %llu: %s", (unsigned long long)j->to[i].account_id,
				err_name(j->to[i].result));
	return 0;
}

void journal_fini(struct journal *j)
{
	email_prepared_fini(&j->email);
}

int journal_check(struct org *o, struct tx *tx, struct arena *a, struct span address, struct err *e)
{
	struct recipients readers;
	struct err why = ERR_INIT;

	if (!span_trim(address).n || find_readers(o, tx, a, span_trim(address), &readers, &why) == 0)
		return 0;
	return err_set(e, why.code == ERR_MISSING ? ERR_PARAM : why.code, why.code == ERR_MISSING ?
		"The journal must be an address that leads to accounts here only" : why.say, "%s", why.log);
}
