#include "later/bounce.h"
#include "later/retry.h"

static const struct queue_rcpt *find_rcpt(const struct queue_entry *q, uint64_t id)
{
	for (size_t i = 0; i < q->n_rcpts; i++)
		if (q->rcpts[i].id == id)
			return &q->rcpts[i];
	return NULL;
}

static bool planned(const struct bounce_plan *p, uint64_t id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->rows[i].rcpt_id == id)
			return true;
	return false;
}

/* "4.7.1" -> "5.7.1": what was temporary has become final. */
static struct span status_of(struct arena *a, const struct out_row *r, char class)
{
	struct span s = arena_span(a, r->status.n >= 5 ? r->status : class == '2' ? SPAN("2.0.0") : class == '4' ?
		SPAN("4.0.0") : SPAN("5.0.0"));

	((char *)(uintptr_t)s.p)[0] = class;
	return s;
}

static void tell(struct arena *a, struct bounce_plan *p, const struct queue_entry *q, const struct queue_rcpt *rcpt,
	const struct out_row *r, enum mime_dsn_action action, int64_t now_sec)
{
	if (!report_wanted(rcpt->notify, action))
		return;
	p->report[p->n_report++] = (struct mime_dsn_recipient){ .address = rcpt->address, .original = rcpt->orcpt,
		.action = action, .remote_mta = r->remote_mta, .diagnostic = r->reply, .last_attempt_sec = now_sec,
		.status = status_of(a, r, action == MIME_DSN_FAILED ? '5' : action == MIME_DSN_DELAYED ? '4' : '2'),
		.retry_until_sec = action == MIME_DSN_DELAYED ? q->expires_sec : 0 };
	p->warned |= action == MIME_DSN_DELAYED;
}

void bounce_plan(struct arena *a, const struct queue_entry *q, const struct out_result *result, int64_t now_sec,
	const uint64_t *randoms, struct bounce_plan *out)
{
	*out = (struct bounce_plan){ .rows = ARENA_ARRAY(a, struct bounce_row, result->n_rows),
		.report = ARENA_ARRAY(a, struct mime_dsn_recipient, result->n_rows) };
	for (size_t i = 0; i < result->n_rows; i++) {
		const struct out_row *r = &result->rows[i];
		const struct queue_rcpt *rcpt = find_rcpt(q, r->rcpt_id);
		struct bounce_row *row = &out->rows[out->n];

		if (!rcpt || planned(out, rcpt->id))
			continue;
		*row = (struct bounce_row){ .rcpt_id = rcpt->id, .reply = r->reply, .fate = FATE_DONE };
		out->n++;
		if (r->outcome == OUT_RELAYED)
			tell(a, out, q, rcpt, r, MIME_DSN_RELAYED, now_sec);
		if (r->outcome == OUT_REFUSED || (r->outcome == OUT_LATER && retry_expired(now_sec, q->expires_sec))) {
			row->fate = FATE_FAILED;
			tell(a, out, q, rcpt, r, MIME_DSN_FAILED, now_sec);
		} else if (r->outcome == OUT_LATER) {
			row->fate = FATE_LATER;
			row->next_sec = retry_next_sec(rcpt->attempts, now_sec, q->expires_sec, randoms[i]);
			if (retry_warns(now_sec, q->created_sec, q->warned) && q->sender.n)
				tell(a, out, q, rcpt, r, MIME_DSN_DELAYED, now_sec);
		}
	}
}
