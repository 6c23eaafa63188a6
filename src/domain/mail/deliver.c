#include "domain/mail/deliver.h"
#include "domain/mail/mail_impl.h"

/* 1, 0: there is none. */
static int special(struct tx *tx, uint64_t account_id, int what, uint64_t *mailbox_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id FROM mailbox WHERE account_id = ?1 AND special = ?2");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, what);
	r = sql_next(q, e);
	if (r == 1)
		*mailbox_out = (uint64_t)sql_col_int(q, 0);
	return r;
}

/* Junk if it must be and is there, INBOX, or the mailbox named by the sub-address when there is one. */
static int target(struct org *o, struct tx *tx, struct arena *a, const struct delivery *d, uint64_t *mailbox_out, struct err *e)
{
	struct mailbox box;
	struct span name;
	int r;

	if (d->junk) {
		r = special(tx, d->account_id, SPECIAL_JUNK, mailbox_out, e);
		if (r)
			return r < 0 ? r : 0;
	}
	if (d->tag.n && mailbox_name_normal(a, d->tag, &name, NULL) == 0) {
		r = mailbox_lookup(o, tx, a, d->account_id, name, &box, e);

		if (r == 0) {
			*mailbox_out = box.id;
			return 0;
		}
		if (r != ERR_MISSING)
			return r;
		err_clear(e);
	}
	r = special(tx, d->account_id, SPECIAL_INBOX, mailbox_out, e);
	return r < 0 ? r : r ? 0 : err_set(e, ERR_MISSING, "No such user", "no INBOX");
}

/* Asked before anything is written, so that one full account spoils nothing for others. */
int deliver_room(struct tx *tx, uint64_t account_id, uint64_t size, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT quota_bytes, quota_messages, used_bytes, used_messages FROM usage WHERE account_id = ?1");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	r = sql_next(q, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_MISSING, "No such user", "account %llu is gone", (unsigned long long)account_id);
	if ((sql_col_int(q, 0) && sql_col_int(q, 2) + (int64_t)size > sql_col_int(q, 0)) ||
		(sql_col_int(q, 1) && sql_col_int(q, 3) >= sql_col_int(q, 1)))
		return err_set(e, ERR_LIMIT, "Quota exceeded", "account %llu", (unsigned long long)account_id);
	return 0;
}

static int put_all(struct org *o, struct tx *tx, struct arena *a, const struct email_prepared *p, const struct deliver_puts *l,
	struct err *e)
{
	return l->n ? message_put(o, tx, a, p, l->v, l->n, ARENA_ARRAY(a, uint32_t, l->n), NULL, e) : 0;
}

/* One recipient's copies, into `common` unless it has a text of its own. */
static int deliver_one(struct org *o, struct tx *tx, struct arena *a, struct delivery *d, uint64_t mailbox_id, int64_t received_sec,
	struct deliver_puts *common, struct err *e)
{
	struct deliver_puts own = { 0 }, *l = d->message.p ? &own : common;

	if (!d->plan)
		deliver_puts_add(a, l, (struct message_put){ .account_id = d->account_id, .mailbox_id = mailbox_id,
			.received_sec = received_sec, .force = true });
	else if (deliver_planned(o, tx, a, d, mailbox_id, received_sec, l, e) < 0)
		return e->code;
	return put_all(o, tx, a, &d->own, &own, e);
}

static int find_place(struct org *o, struct tx *tx, struct arena *a, uint64_t size, struct delivery *d, uint64_t *mailbox_out,
	struct err *e)
{
	struct err why = ERR_INIT;
	int r = d->force ? 0 : deliver_room(tx, d->account_id, size, &why);

	if (r == 0)
		r = target(o, tx, a, d, mailbox_out, &why);
	d->result = r;
	if (r == ERR_LATER || r == ERR_BROKEN || r == ERR_BUSY)
		return err_set(e, r, why.say, "%s", why.log);
	if (r == 0 && d->reject.p)
		d->result = ERR_DENIED;
	return 0;
}

int deliver(struct org *o, struct tx *tx, struct arena *a, const struct email_prepared *p, struct delivery *to, size_t n,
	int64_t received_sec, struct err *e)
{
	struct deliver_puts common = { ARENA_ARRAY(a, struct message_put, n), 0, n };

	for (size_t i = 0; i < n; i++) {
		uint64_t mailbox_id;

		if (find_place(o, tx, a, p->size, &to[i], &mailbox_id, e) < 0)
			return e->code;
		if (to[i].result == 0 && deliver_one(o, tx, a, &to[i], mailbox_id, received_sec, &common, e) < 0)
			return e->code;
	}
	return put_all(o, tx, a, p, &common, e);
}
