#include "domain/mail/report.h"
#include "base/time.h"
#include "codec/mime/mime_header.h"

#define FULL_UNASKED_LEN 65536            /* without RET a failed message comes back whole up to here */

bool report_wanted(unsigned notify, enum mime_dsn_action action)
{
	if (notify & NOTIFY_NEVER)
		return false;
	switch (action) {
	case MIME_DSN_FAILED:
		return notify == NOTIFY_DEFAULT || (notify & NOTIFY_FAILURE);
	case MIME_DSN_DELAYED:
		return notify == NOTIFY_DEFAULT || (notify & NOTIFY_DELAY);
	default:
		return notify & NOTIFY_SUCCESS;
	}
}

static int house_language(struct org *o, struct tx *tx, struct arena *a, struct span *out, struct err *e)
{
	int r = org_setting_get(o, tx, a, "organisation.language", out, e);

	if (r == ERR_MISSING) {
		err_clear(e);
		*out = SPAN("en");
		return 0;
	}
	return r;
}

int report_find(struct org *o, struct tx *tx, struct arena *a, const struct report *r, struct report_ready *out,
	struct err *e)
{
	struct err why = ERR_INIT;
	struct account who;
	int found = ERR_MISSING;

	*out = (struct report_ready){ .reader = r->sender };
	if (house_language(o, tx, a, &out->language, e) < 0)
		return e->code;
	if (r->sender.n)
		found = address_resolve(o, tx, a, r->sender, &out->to, &why);
	if (found == ERR_LATER || found == ERR_BROKEN || found == ERR_BUSY)
		return err_set(e, found, why.say, "%s", why.log);
	if (found == ERR_DENIED) { /* not ours */
		out->to.v = ARENA_NEW(a, struct recipient);
		out->to.v[0].address = r->sender;
		out->to.n = out->to.cap = 1;
		return 0;
	}
	if (found < 0) {
		out->reader = SPAN("postmaster");
		if (address_resolve(o, tx, a, out->reader, &out->to, e) < 0)
			return e->code;
	}
	if (out->to.n == 1 && out->to.v[0].account_id) {
		if (account_get(o, tx, a, out->to.v[0].account_id, &who, e) < 0)
			return e->code;
		if (who.language.n)
			out->language = who.language;
	}
	return 0;
}

static bool only_local(const struct recipients *to)
{
	for (size_t i = 0; i < to->n; i++)
		if (!to->v[i].account_id)
			return false;
	return true;
}

static bool any_failed(const struct report *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->rows[i].action == MIME_DSN_FAILED)
			return true;
	return false;
}

int report_prepare(struct org *o, struct arena *a, const struct report *r, struct report_ready *out, struct err *e)
{
	bool full = (r->flags & QUEUE_RET_FULL) || (!(r->flags & QUEUE_RET_HDRS) && r->message.n <= FULL_UNASKED_LEN);
	struct mime_dsn d = {
		.reporting_mta = span_str(r->hostname), .envelope_id = r->envid, .to = out->reader,
		.from = arena_printf(a, "MAILER-DAEMON@%s", r->hostname),
		.from_name = span_istarts(out->language, SPAN("de")) ? SPAN("Postdienst") : SPAN("Mail Delivery"),
		.subject = report_subject(r, out->language), .text = report_text(a, r, out->language),
		.language = out->language, .date_sec = r->now_sec, .arrival_sec = r->arrival_sec, .recipients = r->rows,
		.recipient_count = r->n, .original = r->message, .full = full && any_failed(r),
		.utf8 = (r->flags & QUEUE_UTF8) || only_local(&out->to),
	};
	SCOPED_BUF b;

	if (span_chr(out->reader, '@') < 0)
		d.to = arena_printf(a, "%.*s@%s", SPAN_F(out->reader), r->hostname);
	d.message_id = arena_printf(a, "<%016llx.%llx@%s>", (unsigned long long)random_u64(),
		(unsigned long long)r->now_sec, r->hostname);
	d.boundary = arena_printf(a, "=_%016llx%016llx", (unsigned long long)random_u64(),
		(unsigned long long)random_u64());
	buf_init(&b, r->message.n + d.text.n * 3 + r->n * 8192 + (1u << 20));
	if (only_local(&out->to))
		buf_addz(&b, "Return-Path: <>\r\n");
	if (mime_dsn_compose(a, &d, &b, e) < 0)
		return e->code;
	out->text = arena_span(a, buf_span(&b));
	if (email_prepare(o, a, out->text, &out->mail, e) < 0)
		return e->code;
	out->prepared = true;
	return 0;
}

static int put_queue(struct org *o, struct tx *tx, struct arena *a, const struct report *r,
	const struct report_ready *ready, const struct recipient *outside, size_t n, bool adopted, struct err *e)
{
	struct queue_rcpt *rcpts = ARENA_ARRAY(a, struct queue_rcpt, n);
	struct queue_entry q = { .created_sec = r->now_sec, .expires_sec = r->now_sec + QUEUE_LIFE_SEC,
		.flags = QUEUE_DSN | QUEUE_8BIT | (r->flags & QUEUE_UTF8), .rcpts = rcpts, .n_rcpts = n };
	uint64_t id;

	for (size_t i = 0; i < n; i++)
		rcpts[i] = (struct queue_rcpt){ .address = outside[i].address, .next_sec = r->now_sec,
			.notify = r->sender.n ? NOTIFY_DEFAULT : NOTIFY_NEVER }; /* a double bounce ends here */
	return queue_add(o, tx, a, &ready->mail, adopted, &q, &id, e);
}

int report_put(struct org *o, struct tx *tx, struct arena *a, const struct report *r, const struct report_ready *ready,
	struct err *e)
{
	struct delivery *here = ARENA_ARRAY(a, struct delivery, ready->to.n);
	struct recipient *outside = ARENA_ARRAY(a, struct recipient, ready->to.n);
	size_t n_here = 0, n_outside = 0, done = 0;

	for (size_t i = 0; i < ready->to.n; i++) {
		const struct recipient *t = &ready->to.v[i];

		if (t->account_id)
			here[n_here++] = (struct delivery){ .account_id = t->account_id, .tag = t->tag, .force = true };
		else
			outside[n_outside++] = *t;
	}
	if (n_here && deliver(o, tx, a, &ready->mail, here, n_here, r->now_sec, e) < 0)
		return e->code;
	for (size_t i = 0; i < n_here; i++)
		done += here[i].result == 0;
	if (n_outside)
		return put_queue(o, tx, a, r, ready, outside, n_outside, done > 0, e);
	return done ? 0 : err_set(e, ERR_MISSING, "Nobody reads the report", "no reader of the report could be reached");
}

void report_fini(struct report_ready *ready)
{
	if (ready->prepared)
		email_prepared_fini(&ready->mail);
	ready->prepared = false;
}
