#include "domain/mail/report.h"
#include <stdio.h>
#include "base/time.h"
#include "codec/mime/mime_dsn.h"
#include "codec/mime/mime_header.h"
#include "domain/mail/deliver.h"
#include "domain/mail/forward.h"
#include "domain/mail/mail_impl.h"

#define REPORT_MAX (8u << 20)
#define EXPIRES_SEC (5 * 86400)

/* The house speaks to people here from inside core, so both languages stand side by side. */
static const struct words {
	const char *from, *subject[6], *intro[6], *postmaster;
} english = {
	"Mail system",
	{ "", "Your mail could not be delivered", "Your mail is delayed", "Your mail was delivered", "Your mail was handed on",
	  "Your mail was passed to a group" },
	{ "", "The following recipients could not be reached. Nothing more will be tried.\n",
	  "The following recipients could not be reached yet. Delivery goes on being tried; you need not do anything.\n",
	  "Your mail was put into the mailbox of the following recipients.\n",
	  "Your mail was handed to the following recipients' servers, which do not confirm delivery.\n",
	  "Your mail was passed to all members of the following groups.\n" },
	"A delivery report could not be delivered to the sender of the mail.\n",
}, german = {
	"Mailsystem",
	{ "", "Ihre Nachricht konnte nicht zugestellt werden", "Ihre Nachricht verzögert sich", "Ihre Nachricht wurde zugestellt",
	  "Ihre Nachricht wurde weitergegeben", "Ihre Nachricht ging an eine Gruppe" },
	{ "", "Die folgenden Empfänger konnten nicht erreicht werden. Es wird nicht weiter versucht.\n",
	  "Die folgenden Empfänger konnten noch nicht erreicht werden. Die Zustellung wird weiter versucht; Sie brauchen nichts zu tun.\n",
	  "Ihre Nachricht liegt im Postfach der folgenden Empfänger.\n",
	  "Ihre Nachricht wurde an die Server der folgenden Empfänger übergeben; diese bestätigen die Zustellung nicht.\n",
	  "Ihre Nachricht ging an alle Mitglieder der folgenden Gruppen.\n" },
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
		a == REPORT_DELIVERED ? MIME_DSN_DELIVERED : a == REPORT_EXPANDED ? MIME_DSN_EXPANDED : MIME_DSN_RELAYED;
}

/* The reader: the sender, or postmaster for what nobody else may get. 1, or 0: nobody to tell. */
static int find_reader(struct org *o, struct tx *tx, struct arena *a, struct span address, struct report_draft *d, struct err *e)
{
	struct err why = ERR_INIT;
	struct account account;

	if (forward_origin(o, tx, a, address, time_real_sec(), &address, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	err_clear(&why);
	d->address = address;
	d->language = SPAN("en");
	d->to = (struct recipients){ 0 };
	if (org_setting_get(o, tx, a, "organisation.language", &d->language, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	err_clear(&why);
	if (address_resolve(o, tx, a, address, &d->to, &why) < 0) {
		if (why.code == ERR_LATER || why.code == ERR_BROKEN)
			return err_set(e, why.code, why.say, "%s", why.log);
		d->to.n = 0;
		if (why.code != ERR_DENIED && span_eqz(address, "postmaster"))
			return 0;
		if (why.code != ERR_DENIED) /* an address of ours that is gone */
			return find_reader(o, tx, a, SPAN("postmaster"), d, e);
		d->to.v = ARENA_NEW(a, struct recipient);
		d->to.v[0] = (struct recipient){ .address = address };
		d->to.n = 1;
	} else if (d->to.n == 1 && d->to.v[0].account_id) {
		if (account_get(o, tx, a, d->to.v[0].account_id, &account, e) < 0)
			return e->code;
		d->language = account.language;
	}
	d->german = span_istarts(d->language, SPAN("de"));
	if (!d->german)
		d->language = SPAN("en");
	return 1;
}

static const struct words *words_of(const struct report_draft *d)
{
	return d->german ? &german : &english;
}

static void text_of(struct buf *b, const struct report_draft *d)
{
	const struct report_rcpt *rows = d->rows;

	if (d->to_postmaster)
		buf_addz(b, words_of(d)->postmaster);
	for (int action = REPORT_FAILED; action <= REPORT_EXPANDED; action++) {
		bool said = false;

		for (size_t i = 0; i < d->n; i++) {
			if ((int)rows[i].action != action)
				continue;
			if (!said)
				buf_addf(b, "%s%s\n", b->n ? "\n" : "", words_of(d)->intro[action]);
			said = true;
			buf_addf(b, "  <%.*s>", SPAN_F(rows[i].address));
			if (rows[i].reply.n)
				buf_addf(b, ": %.*s", SPAN_F(rows[i].reply));
			buf_addc(b, '\n');
		}
	}
}

static int compose(struct arena *a, const struct report *r, const struct report_draft *draft, struct buf *out, struct err *e)
{
	const struct report_rcpt *rows = draft->rows;
	const struct words *words = words_of(draft);
	struct mime_dsn_recipient *rcpts = ARENA_ARRAY(a, struct mime_dsn_recipient, draft->n);
	bool full = !(r->flags & (QUEUE_RET_HDRS | QUEUE_REQUIRETLS)) && r->message.n <= REPORT_FULL_MAX;
	struct mime_dsn d = { .reporting_mta = span_str(r->hostname), .envelope_id = r->envid, .to = draft->address,
		.from = arena_printf(a, "MAILER-DAEMON@%s", r->hostname), .from_name = span_str(words->from),
		.subject = span_str(words->subject[rows[0].action]), .language = draft->language,
		.message_id = arena_printf(a, "<%016llx.%llx@%s>", (unsigned long long)random_u64(),
			(unsigned long long)time_real_us(), r->hostname),
		.boundary = arena_printf(a, "=_%016llx%016llx", (unsigned long long)random_u64(), (unsigned long long)random_u64()),
		.date_sec = time_real_sec(), .arrival_sec = r->arrival_sec, .recipients = rcpts, .recipient_count = draft->n,
		.full = full, .utf8 = r->flags & QUEUE_UTF8,
		.original = full ? r->message : span_sub(r->message, 0, mime_header_len(span_sub(r->message, 0, REPORT_FULL_MAX))) };
	SCOPED_BUF text;

	for (size_t i = 0; i < draft->n; i++)
		rcpts[i] = (struct mime_dsn_recipient){ .address = rows[i].address, .original = rows[i].orcpt,
			.action = dsn_action(rows[i].action), .status = rows[i].status, .remote_mta = rows[i].remote_mta,
			.diagnostic = rows[i].reply, .last_attempt_sec = time_real_sec(), .retry_until_sec = rows[i].until_sec };
	buf_init(&text, REPORT_MAX);
	text_of(&text, draft);
	d.text = arena_span(a, buf_span(&text));
	return mime_dsn_compose(a, &d, out, e);
}

uint64_t report_original_len(uint64_t size)
{
	return size > REPORT_FULL_MAX ? REPORT_FULL_MAX + 1 : size;
}

static size_t outside(const struct report_draft *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->to.n; i++)
		n += d->to.v[i].account_id == 0;
	return n;
}

int report_find(struct org *o, struct tx *tx, struct arena *a, const struct report *r, struct report_draft *out, struct err *e)
{
	int x;

	*out = (struct report_draft){ .rows = ARENA_ARRAY(a, struct report_rcpt, r->n_rcpts), .to_postmaster = !r->sender.n };
	for (size_t i = 0; i < r->n_rcpts; i++)
		if (wanted(&r->rcpts[i]) && (!out->to_postmaster || r->rcpts[i].action == REPORT_FAILED))
			out->rows[out->n++] = r->rcpts[i];
	if (!out->n)
		return 0;
	x = find_reader(o, tx, a, out->to_postmaster ? SPAN("postmaster") : r->sender, out, e);
	if (x == 0)
		out->n = 0;
	if (x <= 0 || !outside(out))
		return x;
	return mail_signer_of(o, tx, a, span_str(r->hostname), time_real_sec(), &out->signer, e) < 0 ? e->code : x;
}

static bool is_last(const struct report_draft *d)
{
	return d->to_postmaster || span_eqz(d->address, "postmaster");
}

/* message: as it is stored here. */
static int plan_local(struct mail *m, struct arena *a, const struct report *r, struct report_draft *d, struct span message, struct err *e)
{
	struct filter_mail fm = { .hostname = r->hostname, .message = message, .flags = r->flags & (QUEUE_UTF8 | QUEUE_REQUIRETLS),
		.now_sec = time_real_sec(), .ours = true, .quiet = is_last(d), .apart = outside(d) };

	fm.zone_min = filter_zone_min(fm.now_sec);
	d->local = ARENA_ARRAY(a, struct delivery, d->to.n);
	for (size_t i = 0; i < d->to.n; i++)
		if (d->to.v[i].account_id)
			d->local[d->n_local++] = (struct delivery){ .account_id = d->to.v[i].account_id, .address = d->to.v[i].address, .force = true };
	return d->n_local ? filter_plan(m, a, &fm, &d->local, &d->n_local, e) : 0;
}

int report_prepare(struct mail *m, struct arena *a, const struct report *r, struct report_draft *d, struct err *e)
{
	SCOPED_BUF out, stored;
	struct span local, message;

	buf_init(&out, REPORT_MAX);
	buf_init(&stored, REPORT_MAX + 64);
	if (!d->n)
		return 0;
	if (compose(a, r, d, &out, e) < 0)
		return e->code;
	message = buf_span(&out);
	buf_addz(&stored, "Return-Path: <>\r\n");                        /* RFC 5321 section 4.4 */
	buf_add(&stored, message);
	local = arena_span(a, buf_span(&stored));
	if (plan_local(m, a, r, d, local, e) < 0)
		return e->code;
	if (outside(d) && d->signer.n && mail_sign(mail_org(m), a, &d->signer, message, time_real_sec(), &message, e) < 0)
		return e->code;
	return email_prepare(mail_org(m), a, outside(d) ? message : local, &d->email, e);
}

/* A report has the null sender: it is delivered here or queued. When it fails, postmaster reads of it, and there it
 * ends (`last`): nothing goes round. */
int report_put(struct org *o, struct tx *tx, struct arena *a, const struct report *r, const struct report_draft *d,
	struct err *e)
{
	int64_t now = time_real_sec();
	struct queue_entry q = { .created_sec = now, .expires_sec = now + EXPIRES_SEC, .flags = QUEUE_DSN | (r->flags & (QUEUE_UTF8 | QUEUE_REQUIRETLS)) |
		(r->flags & QUEUE_REQUIRETLS ? QUEUE_RET_HDRS : 0),
		.rcpts = ARENA_ARRAY(a, struct queue_rcpt, d->to.n) };
	uint64_t id;

	if (!d->n)
		return 0;
	for (size_t i = 0; i < d->to.n; i++)
		if (!d->to.v[i].account_id)
			q.rcpts[q.n_rcpts++] = (struct queue_rcpt){ .address = d->to.v[i].address, .next_sec = now,
				.notify = is_last(d) ? NOTIFY_NEVER : NOTIFY_DEFAULT };
	if (d->n_local && deliver(o, tx, a, &d->email, d->local, d->n_local, now, e) < 0)
		return e->code;
	return q.n_rcpts ? queue_add(o, tx, a, &d->email, false, &q, &id, e) : 0;
}

void report_draft_fini(struct report_draft *d)
{
	filter_free(d->local, d->n_local);
	email_prepared_fini(&d->email);
}
