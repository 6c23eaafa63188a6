/* deliver_plan.c - what a script has planned is done: places found, copies put, mails sent, things remembered. */
#include <string.h>
#include "base/scan.h"
#include "domain/mail/filter_int.h"
#include "domain/mail/forward.h"
#include "domain/mail/mail_impl.h"
#include "domain/org/address.h"

#define EXPIRES_SEC (5 * 86400)

enum mailbox_special deliver_special(struct span use)
{
	static const struct { const char *name; enum mailbox_special special; } known[] = { { "\\Drafts", SPECIAL_DRAFTS },
		{ "\\Sent", SPECIAL_SENT }, { "\\Junk", SPECIAL_JUNK }, { "\\Trash", SPECIAL_TRASH }, { "\\Archive", SPECIAL_ARCHIVE },
		{ "\\Flagged", SPECIAL_FLAGGED }, { "\\All", SPECIAL_ALL }, { "\\Important", SPECIAL_IMPORTANT } };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (span_ieqz(use, known[i].name))
			return known[i].special;
	return SPECIAL_NONE;
}

uint64_t deliver_mailbox_id(struct span id)
{
	uint64_t v = 0;

	return scan_char(&id, 'F') && span_num(id, &v, 1, INT64_MAX) ? v : 0;
}

void deliver_puts_add(struct arena *a, struct deliver_puts *l, struct message_put put)
{
	if (l->n == l->cap) {
		struct message_put *more = ARENA_ARRAY(a, struct message_put, 2 * l->cap + 8);

		if (l->n)
			memcpy(more, l->v, l->n * sizeof(*more));
		l->v = more;
		l->cap = 2 * l->cap + 8;
	}
	l->v[l->n++] = put;
}

struct work {
	struct org *org;
	struct tx *tx;
	struct arena *a;
	struct delivery *d;
	int64_t received_sec;
};

/* 0 found; ERR_MISSING: not there (nothing in e). */
static int soft(int r, struct err *e)
{
	if (r == ERR_MISSING || r == ERR_PARAM || r == ERR_DENIED || r == ERR_EXISTS || r == ERR_LIMIT) {
		err_clear(e);
		return ERR_MISSING;
	}
	return r;
}

/* Own mailboxes only: what is shared with somebody is not filed into by the script of another. */
static int by_name(struct work *w, const struct filter_put *put, struct mailbox *out, struct err *e)
{
	struct span inner;
	int r;

	if (mailbox_name_normal(w->a, put->target, &inner, NULL) < 0)
		return ERR_MISSING;
	r = soft(mailbox_lookup(w->org, w->tx, w->a, w->d->account_id, inner, out, e), e);
	if (r != ERR_MISSING || !put->create || span_eqz(inner, MAILBOX_SHARED) || span_starts(inner, SPAN(MAILBOX_SHARED "/")))
		return r;
	r = soft(mailbox_create(w->org, w->tx, w->a, w->d->account_id, inner, deliver_special(put->special_use), out, e), e);
	if (r == 0)
		r = mailbox_subscribe(w->org, w->tx, w->a, w->d->account_id, inner, true, e);
	return r;
}

/* :mailboxid, then :specialuse, then the name; none of them: ERR_MISSING. */
static int place(struct work *w, const struct filter_put *put, struct mailbox *out, struct err *e)
{
	uint64_t id = deliver_mailbox_id(put->mailbox_id);
	enum mailbox_special special = deliver_special(put->special_use);
	int r = ERR_MISSING;

	if (id)
		r = soft(mailbox_get(w->org, w->tx, w->a, id, out, e), e);
	if (r == 0 && out->account_id == w->d->account_id)
		return 0;
	if (r != 0 && r != ERR_MISSING)
		return r;
	r = special ? soft(mailbox_by_special(w->org, w->tx, w->a, w->d->account_id, special, out, e), e) : ERR_MISSING;
	if (r == ERR_MISSING)
		r = by_name(w, put, out, e);
	return r;
}

int deliver_flag_bits(struct org *o, struct tx *tx, struct arena *a, struct mailbox *box, const struct span *flags, size_t n,
	uint64_t *out, struct err *e)
{
	static const struct { const char *name; uint64_t bit; } system[] = { { "\\Seen", FLAG_SEEN }, { "\\Answered", FLAG_ANSWERED },
		{ "\\Flagged", FLAG_FLAGGED }, { "\\Deleted", FLAG_DELETED }, { "\\Draft", FLAG_DRAFT } };

	*out = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t bit = 0;

		for (size_t k = 0; k < sizeof(system) / sizeof(*system); k++)
			if (span_ieqz(flags[i], system[k].name))
				bit = system[k].bit;
		if (!bit && *flags[i].p != '\\') {
			int r = soft(mailbox_keyword(o, tx, a, box, flags[i], true, &bit, e), e);

			if (r < 0 && r != ERR_MISSING)
				return r;
		}
		*out |= bit;
	}
	return 0;
}

/* One copy: put now when its text is its own, else added to the copies of the common one. inbox: where it goes when its
 * place is not there; 0: then it goes nowhere and 1 comes back. */
static int put_one(struct work *w, const struct filter_put *put, uint64_t inbox, struct deliver_puts *copies, struct err *e)
{
	struct message_put to = { .mailbox_id = inbox, .account_id = w->d->account_id, .received_sec = w->received_sec, .force = true };
	struct mailbox box;
	uint32_t uid;
	int r = put->target.n || put->special_use.n ? place(w, put, &box, e) : ERR_MISSING;

	if (r == 0)
		to.mailbox_id = box.id;
	else if (r != ERR_MISSING)
		return r;
	else if (!inbox)
		return 1;
	else if (put->n_flags && (r = mailbox_get(w->org, w->tx, w->a, inbox, &box, e)) < 0)
		return r;
	if (put->n_flags && deliver_flag_bits(w->org, w->tx, w->a, &box, put->flags, put->n_flags, &to.flags, e) < 0)
		return e->code;
	if (put->message.p || put->out)
		return message_put(w->org, w->tx, w->a, &put->p, &to, 1, &uid, NULL, e);
	for (size_t i = copies->n; i > 0 && copies->v[i - 1].account_id == to.account_id; i--)
		if (copies->v[i - 1].mailbox_id == to.mailbox_id) {
			copies->v[i - 1].flags |= to.flags;     /* two names, one mailbox: one copy */
			return 0;
		}
	deliver_puts_add(w->a, copies, to);
	return 0;
}

/* A mail of the script's own: to people here at once, to others through the queue. */
static int send_out(struct work *w, const struct filter_plan *plan, const struct filter_out *out, struct err *e)
{
	uint64_t id;
	struct queue_entry q = { .account_id = out->redirect ? 0 : w->d->account_id, .created_sec = plan->now_sec,
		.expires_sec = plan->now_sec + EXPIRES_SEC, .flags = out->redirect ? plan->flags : plan->flags & (QUEUE_UTF8 | QUEUE_REQUIRETLS),
		.sender = out->sender, .rcpts = ARENA_ARRAY(w->a, struct queue_rcpt, out->to.n + 1) };

	if (out->redirect && forward_sender(w->org, w->tx, w->a, out->sender, plan->now_sec, &q.sender, e) < 0)
		return e->code;
	if (out->redirect)
		q.rcpts[q.n_rcpts++] = (struct queue_rcpt){ .address = out->rcpt, .next_sec = plan->now_sec };
	for (size_t i = 0; i < out->to.n; i++)
		if (!out->to.v[i].account_id)
			q.rcpts[q.n_rcpts++] = (struct queue_rcpt){ .address = out->to.v[i].address, .next_sec = plan->now_sec };
	if (out->n_local && deliver(w->org, w->tx, w->a, &out->p, out->local, out->n_local, plan->now_sec, e) < 0)
		return e->code;
	return q.n_rcpts ? queue_add(w->org, w->tx, w->a, &out->p, false, &q, &id, e) : 0;
}

static int send_all(struct work *w, struct filter_plan *p, bool *sent, struct err *e)
{
	unsigned n = 0;

	for (size_t i = 0; i < p->n_outs; i++) {
		const struct filter_out *out = &p->outs[i];

		sent[i] = true;
		if (out->answered.n) {
			int r = script_remember(w->org, w->tx, w->d->account_id, SCRIPT_VACATION, out->answered, p->now_sec, out->seconds,
				false, e);

			if (r < 0)
				return r;
			sent[i] = r == 1;
		}
		if (sent[i] && send_out(w, p, out, e) < 0)
			return e->code;
		n += sent[i];
	}
	return n ? script_count_sent(w->tx, w->d->account_id, p->now_sec, n, e) : 0;
}

int deliver_planned(struct org *o, struct tx *tx, struct arena *a, struct delivery *d, uint64_t inbox, int64_t received_sec,
	struct deliver_puts *copies, struct err *e)
{
	struct work w = { o, tx, a, d, received_sec };
	struct filter_plan *p = d->plan;
	bool *sent = ARENA_ARRAY(a, bool, p->n_outs + 1);

	for (size_t i = 0; i < p->n_seen; i++)
		if (script_remember(o, tx, d->account_id, SCRIPT_DUPLICATE, p->seen[i].id, p->now_sec, p->seen[i].seconds, p->seen[i].last, e) < 0)
			return e->code;
	if (send_all(&w, p, sent, e) < 0)
		return e->code;
	for (size_t i = 0; i < p->n_puts; i++) {
		int r = !p->puts[i].out || sent[p->puts[i].out - 1] ? put_one(&w, &p->puts[i], inbox, copies, e) : 0;

		if (r < 0)
			return r;
		p->kept |= r == 1 && !p->puts[i].out;
	}
	return 0;
}
