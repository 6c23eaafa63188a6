/* take.c - responsibility for a message is taken in one transaction, or not at all (RFC 5321 4.2.5, 6.1): local
 * copies, the queue for recipients outside, reports, counters. The reply leaves after the commit.
 *
 * Who turns out to be full only now (behind an alias, or between RCPT and here) makes the attempt start over
 * without him: LMTP hears of it in his reply, SMTP's sender by a report in the same transaction - or, when nobody
 * at all can have the message, in the reply. */
#include "base/time.h"
#include "domain/mail/report.h"
#include "proto/smtp/smtp_int.h"

#define ATTEMPTS_MAX 8

struct taking {
	struct smtp_call *c;
	struct smtp_mail *m;
	uint64_t id;
	int64_t now_sec;
	struct smtp_text text;
	struct email_prepared local, queued;
	bool has_local, has_queued;
	struct report report;
	struct report_ready ready;
	size_t n_here, n_outside;
	bool over, send_limit;               /* why the transaction was given up */
};

/* ---- reports ---- */

/* LMTP's own recipients hear of a failure in their reply. */
static bool told_by_reply(const struct taking *t, const struct smtp_target *to)
{
	return smtp_is_lmtp(t->c) && t->m->rcpts[to->rcpt]->account_id == to->account_id;
}

static void add_row(struct taking *t, const struct smtp_rcpt *r, enum mime_dsn_action action, struct span status)
{
	if (report_wanted(r->notify, action))
		t->report.rows[t->report.n++] = (struct mime_dsn_recipient){ .address = r->address,
			.original = r->orcpt, .action = action, .status = status, .last_attempt_sec = t->now_sec };
}

static void plan_success(struct taking *t, const struct smtp_rcpt *r)
{
	const struct smtp_target *only = r->n == 1 ? t->m->targets[r->first] : NULL;

	if (!r->here || (only && (!only->account_id || only->failed)))
		return;
	add_row(t, r, r->n > 1 ? MIME_DSN_EXPANDED : MIME_DSN_DELIVERED, SPAN("2.0.0"));
}

static void plan_report(struct taking *t)
{
	struct smtp_mail *m = t->m;

	t->report = (struct report){ .sender = m->sender, .envid = m->envid, .hostname = t->c->call->house->hostname,
		.arrival_sec = t->now_sec, .now_sec = t->now_sec, .message = t->text.message,
		.flags = (m->ret_full ? QUEUE_RET_FULL : 0) | (m->ret_hdrs ? QUEUE_RET_HDRS : 0) |
			(m->utf8 ? QUEUE_UTF8 : 0),
		.rows = ARENA_ARRAY(t->c->arena, struct mime_dsn_recipient, m->n_targets + m->n_rcpts) };
	for (size_t i = 0; i < m->n_targets; i++) {
		const struct smtp_target *to = m->targets[i];

		if (to->failed && !told_by_reply(t, to))
			add_row(t, m->rcpts[to->rcpt], MIME_DSN_FAILED,
				to->failed == ERR_LIMIT ? SPAN("5.2.2") : SPAN("5.1.1"));
	}
	for (size_t i = 0; i < m->n_rcpts && m->sender.n; i++)
		plan_success(t, m->rcpts[i]);
}

static int find_reader(struct tx *tx, void *arg, struct err *e)
{
	struct taking *t = arg;

	return report_find(t->c->org, tx, t->c->arena, &t->report, &t->ready, e);
}

static int make_report(struct taking *t, struct err *e)
{
	report_fini(&t->ready);
	plan_report(t);
	if (!t->report.n)
		return 0;
	if (store_read(t->c->store, find_reader, t, e) < 0)
		return e->code;
	return report_prepare(t->c->org, t->c->arena, &t->report, &t->ready, e);
}

/* ---- the transaction ---- */

static int put_local(struct taking *t, struct tx *tx, struct err *e)
{
	struct smtp_mail *m = t->m;
	struct delivery *d = ARENA_ARRAY(t->c->arena, struct delivery, m->n_targets);
	size_t n = 0, k = 0;

	for (size_t i = 0; i < m->n_targets; i++)
		if (m->targets[i]->account_id && !m->targets[i]->failed)
			d[n++] = (struct delivery){ .account_id = m->targets[i]->account_id, .tag = m->targets[i]->tag };
	if (!n)
		return 0;
	if (deliver(t->c->org, tx, t->c->arena, &t->local, d, n, t->now_sec, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++)
		t->over |= d[i].result < 0;
	if (!t->over)
		return 0;
	for (size_t i = 0; i < m->n_targets; i++)
		if (m->targets[i]->account_id && !m->targets[i]->failed)
			m->targets[i]->failed = d[k++].result;
	return err_set(e, ERR_LIMIT, "Mailbox is full", "a recipient failed at delivery");
}

static struct queue_rcpt queue_row(struct taking *t, const struct smtp_target *to)
{
	const struct smtp_rcpt *r = t->m->rcpts[to->rcpt];
	struct queue_rcpt q = { .address = to->address, .orcpt = r->orcpt, .notify = r->notify, .next_sec = t->now_sec };

	if (r->here && !q.orcpt.n)
		q.orcpt = arena_printf(t->c->arena, "rfc822;%.*s", SPAN_F(r->address));
	if (r->n > 1 && (r->notify & NOTIFY_SUCCESS)) { /* "expanded" has told it (RFC 3461 5.2.7.3) */
		q.notify &= ~(unsigned)NOTIFY_SUCCESS;
		if (!q.notify)
			q.notify = NOTIFY_NEVER;
	}
	return q;
}

static int put_queue(struct taking *t, struct tx *tx, struct err *e)
{
	struct smtp_mail *m = t->m;
	struct queue_entry q = { .id = t->id, .account_id = t->c->call->session->account_id, .created_sec = t->now_sec,
		.expires_sec = t->now_sec + QUEUE_LIFE_SEC, .sender = m->sender, .envid = m->envid,
		.flags = (m->utf8 ? QUEUE_UTF8 : 0) | (t->text.eight_bit ? QUEUE_8BIT : 0) |
			(m->body == BODY_BINARY ? QUEUE_BINARY : 0) | (m->ret_full ? QUEUE_RET_FULL : 0) |
			(m->ret_hdrs ? QUEUE_RET_HDRS : 0),
		.rcpts = ARENA_ARRAY(t->c->arena, struct queue_rcpt, t->n_outside) };
	uint64_t id;

	for (size_t i = 0; i < m->n_targets; i++)
		if (!m->targets[i]->account_id)
			q.rcpts[q.n_rcpts++] = queue_row(t, m->targets[i]);
	if (!q.n_rcpts)
		return 0;
	if (smtp_is_submission(t->c) &&
		account_count_sent(tx, q.account_id, (uint32_t)q.n_rcpts, t->now_sec, e) < 0) {
		t->send_limit = e->code == ERR_LIMIT;
		return e->code;
	}
	return queue_add(t->c->org, tx, t->c->arena, &t->queued, false, &q, &id, e);
}

static int settle(struct tx *tx, void *arg, struct err *e)
{
	struct taking *t = arg;

	t->over = t->send_limit = false;
	if (put_local(t, tx, e) < 0 || put_queue(t, tx, e) < 0)
		return e->code;
	return t->report.n ? report_put(t->c->org, tx, t->c->arena, &t->report, &t->ready, e) : 0;
}

/* ---- around it ---- */

static int prepare(struct taking *t, struct err *e)
{
	struct smtp_mail *m = t->m;

	for (size_t i = 0; i < m->n_targets; i++)
		if (m->targets[i]->account_id)
			t->n_here++;
		else
			t->n_outside++;
	if (t->n_here) {
		if (email_prepare(t->c->org, t->c->arena, t->text.local, &t->local, e) < 0)
			return e->code;
		t->has_local = true;
	}
	if (t->n_outside) {
		t->queued.size = t->text.queued.n;
		if (blob_stage(t->c->store, t->c->arena, t->text.queued, &t->queued.blob, e) < 0)
			return e->code;
		t->has_queued = true;
	}
	return 0;
}

static bool all_failed(const struct taking *t)
{
	for (size_t i = 0; i < t->m->n_targets; i++)
		if (!t->m->targets[i]->failed)
			return false;
	return true;
}

static int attempt(struct taking *t, struct err *e)
{
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		err_clear(e);
		if (make_report(t, e) < 0)
			return e->code;
		if (store_write(t->c->store, settle, t, e) == 0)
			return 0;
		if (t->send_limit)
			return smtp_no(t->c, ERR_LIMIT, 450, "4.7.1", "Sending limit of this hour reached", e);
		if (!t->over)
			return e->code;
		if (all_failed(t) && !smtp_is_lmtp(t->c)) {
			bool full = t->m->targets[0]->failed == ERR_LIMIT;

			return smtp_no(t->c, ERR_LIMIT, full ? 552 : 550, full ? "5.2.2" : "5.1.1",
				full ? "Mailbox is full" : "No such user here", e);
		}
	}
	return smtp_no(t->c, ERR_LATER, 451, "4.3.0", "Recipients change, please try again", e);
}

static int say_lmtp(struct taking *t)
{
	for (size_t i = 0; i < t->m->n_rcpts; i++) {
		const struct smtp_rcpt *r = t->m->rcpts[i];
		const struct smtp_target *to = r->account_id ? smtp_mail_account(t->m, r->account_id) : NULL;

		if (to && to->failed == ERR_LIMIT)
			smtp_say(t->c, 452, "4.2.2", "Mailbox is full");
		else if (to && to->failed)
			smtp_error_line(t->c, to->failed);
		else
			buf_addf(t->c->out, "250 2.0.0 Accepted as %llu\r\n", (unsigned long long)t->id);
	}
	return 0;
}

static int say_done(struct taking *t)
{
	if (smtp_is_lmtp(t->c))
		return say_lmtp(t);
	buf_addf(t->c->out, "250 2.0.0 %s as %llu\r\n", t->n_outside ? "Queued" : "Accepted", (unsigned long long)t->id);
	return 0;
}

/* LMTP: one answer for each recipient; the last one is said by the caller. */
static void repeat_error(struct taking *t, const struct err *e)
{
	for (size_t i = 1; i < t->m->n_rcpts && smtp_is_lmtp(t->c); i++)
		smtp_error(t->c, e);
}

int smtp_take(struct smtp_call *c, struct err *e)
{
	struct taking t = { .c = c, .m = c->s->mail, .id = store_id(c->store), .now_sec = time_real_sec() };
	int r;

	r = smtp_message_text(c, t.id, &t.text, e);
	if (r == 0)
		r = prepare(&t, e);
	if (r == 0)
		r = attempt(&t, e);
	if (r == 0)
		say_done(&t);
	else
		repeat_error(&t, e);
	report_fini(&t.ready);
	if (t.has_local)
		email_prepared_fini(&t.local);
	if (t.has_queued)
		email_prepared_fini(&t.queued);
	smtp_mail_end(c->s);
	return r;
}
