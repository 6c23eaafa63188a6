#include "domain/mail/report.h"
#include <stdio.h>
#include "base/time.h"
#include "codec/mime/mime_dsn.h"
#include "codec/mime/mime_header.h"
#include "domain/mail/deliver.h"
#include "domain/mail/mail_impl.h"

#define FULL_MAX 262144u                 /* larger originals come back as header only */
#define REPORT_MAX (8u << 20)
#define EXPIRES_SEC (5 * 86400)

/* The house speaks to people here from inside core, so both languages stand side by side. */
static const struct words {
	const char *from, *subject[5], *intro[5], *postmaster;
} english = {
	"Mail system",
	{ "", "Your mail could not be delivered", "Your mail is delayed", "Your mail was delivered", "Your mail was handed on" },
	{ "", "The following recipients could not be reached. Nothing more will be tried.\n",
	  "The following recipients could not be reached yet. Delivery goes on being tried; you need not do anything.\n",
	  "Your mail was put into the mailbox of the following recipients.\n",
	  "Your mail was handed to the following recipients' servers, which do not confirm delivery.\n" },
	"A delivery report could not be delivered to the sender of the mail.\n",
}, german = {
	"Mailsystem",
	{ "", "Ihre Nachricht konnte nicht zugestellt werden", "Ihre Nachricht verzögert sich", "Ihre Nachricht wurde zugestellt",
	  "Ihre Nachricht wurde weitergegeben" },
	{ "", "Die folgenden Empfänger konnten nicht erreicht werden. Es wird nicht weiter versucht.\n",
	  "Die folgenden Empfänger konnten noch nicht erreicht werden. Die Zustellung wird weiter versucht; Sie brauchen nichts zu tun.\n",
	  "Ihre Nachricht liegt im Postfach der folgenden Empfänger.\n",
	  "Ihre Nachricht wurde an die Server der folgenden Empfänger übergeben; diese bestätigen die Zustellung nicht.\n" },
	"Ein Zustellbericht konnte dem Absender der Nachricht nicht zugestellt werden.\n",
};

static bool wanted(const struct report_rcpt *r)
{
	switch (r->action) {
	case REPORT_FAILED: return r->notify == NOTIFY_DEFAULT || (r->notify & NOTIFY_FAILURE);
	case REPORT_DELAYED: return r->notify == NOTIFY_DEFAULT || (r->notify & NOTIFY_DELAY);
	default: return r->notify & NOTIFY_SUCCESS;
	}
}

static enum mime_dsn_action dsn_action(enum report_action a)
{
	return a == REPORT_FAILED ? MIME_DSN_FAILED : a == REPORT_DELAYED ? MIME_DSN_DELAYED :
		a == REPORT_DELIVERED ? MIME_DSN_DELIVERED : MIME_DSN_RELAYED;
}

/* The reader: the sender, or postmaster for what nobody else may get. */
struct reader {
	struct span address;
	struct recipients to;
	const struct words *words;
	struct span language;
};

static int find_reader(struct org *o, struct tx *tx, struct arena *a, struct span address, struct reader *out, struct err *e)
{
	struct err why = ERR_INIT;
	struct account account;

	*out = (struct reader){ .address = address, .language = SPAN("en"), .words = &english };
	if (org_setting_get(o, tx, a, "organisation.language", &out->language, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	err_clear(&why);
	if (address_resolve(o, tx, a, address, &out->to, &why) < 0) {
		if (why.code == ERR_LATER || why.code == ERR_BROKEN)
			return err_set(e, why.code, why.say, "%s", why.log);
		out->to.n = 0;
		if (why.code != ERR_DENIED && span_eqz(address, "postmaster"))
			return 1; /* nobody to tell */
		if (why.code != ERR_DENIED) /* an address of ours that is gone */
			return find_reader(o, tx, a, SPAN("postmaster"), out, e);
		out->to.v = ARENA_NEW(a, struct recipient);
		out->to.v[0] = (struct recipient){ .address = address };
		out->to.n = 1;
	} else if (out->to.n == 1 && out->to.v[0].account_id) {
		if (account_get(o, tx, a, out->to.v[0].account_id, &account, e) < 0)
			return e->code;
		out->language = account.language;
	}
	if (span_istarts(out->language, SPAN("de")))
		out->words = &german;
	else
		out->language = SPAN("en");
	return 0;
}

static void text_of(struct buf *b, const struct reader *reader, const struct report_rcpt *rows, size_t n, bool to_postmaster)
{
	if (to_postmaster)
		buf_addz(b, reader->words->postmaster);
	for (int action = REPORT_FAILED; action <= REPORT_RELAYED; action++) {
		bool said = false;

		for (size_t i = 0; i < n; i++) {
			if ((int)rows[i].action != action)
				continue;
			if (!said)
				buf_addf(b, "%s%s\n", b->n ? "\n" : "", reader->words->intro[action]);
			said = true;
			buf_addf(b, "  <%.*s>", SPAN_F(rows[i].address));
			if (rows[i].reply.n)
				buf_addf(b, ": %.*s", SPAN_F(rows[i].reply));
			buf_addc(b, '\n');
		}
	}
}

static int compose(struct arena *a, const struct report *r, const struct reader *reader, const struct report_rcpt *rows, size_t n,
	bool to_postmaster, struct buf *out, struct err *e)
{
	struct mime_dsn_recipient *rcpts = ARENA_ARRAY(a, struct mime_dsn_recipient, n);
	bool full = !(r->flags & QUEUE_RET_HDRS) && r->message.n <= FULL_MAX;
	struct mime_dsn d = { .reporting_mta = span_str(r->hostname), .envelope_id = r->envid, .to = reader->address,
		.from = arena_printf(a, "MAILER-DAEMON@%s", r->hostname), .from_name = span_str(reader->words->from),
		.subject = span_str(reader->words->subject[rows[0].action]), .language = reader->language,
		.message_id = arena_printf(a, "<%016llx.%llx@%s>", (unsigned long long)random_u64(),
			(unsigned long long)time_real_us(), r->hostname),
		.boundary = arena_printf(a, "=_%016llx%016llx", (unsigned long long)random_u64(), (unsigned long long)random_u64()),
		.date_sec = time_real_sec(), .arrival_sec = r->arrival_sec, .recipients = rcpts, .recipient_count = n, .full = full,
		.original = full ? r->message : span_sub(r->message, 0, mime_header_len(span_sub(r->message, 0, FULL_MAX))),
		.utf8 = r->flags & QUEUE_UTF8 };
	SCOPED_BUF text;

	for (size_t i = 0; i < n; i++)
		rcpts[i] = (struct mime_dsn_recipient){ .address = rows[i].address, .original = rows[i].orcpt,
			.action = dsn_action(rows[i].action), .status = rows[i].status, .remote_mta = rows[i].remote_mta,
			.diagnostic = rows[i].reply, .last_attempt_sec = time_real_sec(), .retry_until_sec = rows[i].until_sec };
	buf_init(&text, REPORT_MAX);
	text_of(&text, reader, rows, n, to_postmaster);
	d.text = arena_span(a, buf_span(&text));
	return mime_dsn_compose(a, &d, out, e);
}

/* A report has the null sender: it is delivered here or queued. When it fails, postmaster reads of it, and there it
 * ends (`last`): nothing goes round. */
static int put_report(struct org *o, struct tx *tx, struct arena *a, const struct reader *reader, struct span message,
	unsigned flags, bool last, struct err *e)
{
	struct email_prepared p = { 0 };
	struct delivery *local = ARENA_ARRAY(a, struct delivery, reader->to.n);
	int64_t now = time_real_sec();
	struct queue_entry q = { .created_sec = now, .expires_sec = now + EXPIRES_SEC, .flags = QUEUE_DSN | (flags & QUEUE_UTF8),
		.rcpts = ARENA_ARRAY(a, struct queue_rcpt, reader->to.n) };
	size_t n = 0;
	uint64_t id;
	int r;

	for (size_t i = 0; i < reader->to.n; i++) {
		if (reader->to.v[i].account_id)
			local[n++] = (struct delivery){ .account_id = reader->to.v[i].account_id, .force = true };
		else
			q.rcpts[q.n_rcpts++] = (struct queue_rcpt){ .address = reader->to.v[i].address, .next_sec = now,
				.notify = last ? NOTIFY_NEVER : NOTIFY_DEFAULT };
	}
	if (!q.n_rcpts)                  /* final delivery notes the sender, RFC 5321 section 4.4 */
		message = arena_printf(a, "Return-Path: <>\r\n%.*s", SPAN_F(message));
	r = email_prepare(o, a, message, &p, e);
	if (r == 0 && n)
		r = deliver(o, tx, a, &p, local, n, now, e);
	if (r == 0 && q.n_rcpts)
		r = queue_add(o, tx, a, &p, n > 0 && local[0].result == 0, &q, &id, e);
	email_prepared_fini(&p);
	return r;
}

int report_send(struct org *o, struct tx *tx, struct arena *a, const struct report *r, struct err *e)
{
	struct report_rcpt *rows = ARENA_ARRAY(a, struct report_rcpt, r->n_rcpts);
	bool to_postmaster = !r->sender.n;
	struct reader reader;
	SCOPED_BUF out;
	size_t n = 0;
	int x;

	buf_init(&out, REPORT_MAX);
	for (size_t i = 0; i < r->n_rcpts; i++) {
		if (wanted(&r->rcpts[i]) && (!to_postmaster || r->rcpts[i].action == REPORT_FAILED))
			rows[n++] = r->rcpts[i];
	}
	if (!n)
		return 0;
	x = find_reader(o, tx, a, to_postmaster ? SPAN("postmaster") : r->sender, &reader, e);
	if (x != 0)
		return x < 0 ? x : 0;
	if (compose(a, r, &reader, rows, n, to_postmaster, &out, e) < 0)
		return e->code;
	return put_report(o, tx, a, &reader, buf_span(&out), r->flags, to_postmaster || span_eqz(reader.address, "postmaster"), e);
}
