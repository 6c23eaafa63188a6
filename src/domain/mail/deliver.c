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

int deliver(struct org *o, struct tx *tx, struct arena *a, const struct email_prepared *p, struct delivery *to, size_t n,
	int64_t received_sec, struct err *e)
{
	struct message_put *put = ARENA_ARRAY(a, struct message_put, n);
	uint32_t *uids = ARENA_ARRAY(a, uint32_t, n);
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		struct err why = ERR_INIT;
		int r = to[i].force ? 0 : deliver_room(tx, to[i].account_id, p->size, &why);

		put[k] = (struct message_put){ .account_id = to[i].account_id, .received_sec = received_sec, .force = true };
		if (r == 0)
			r = target(o, tx, a, &to[i], &put[k].mailbox_id, &why);
		to[i].result = r;
		if (r == ERR_LATER || r == ERR_BROKEN || r == ERR_BUSY)
			return err_set(e, r, why.say, "%s", why.log);
		k += r == 0;
	}
	return k ? message_put(o, tx, a, p, put, k, uids, NULL, e) : 0;
}
