#include "domain/mail/retention.h"
#include "domain/mail/mail_impl.h"

#define DAY_SEC 86400
#define BATCH 500
#define LISTED_MAX 20000
#define DUE_MAX 5000

static void bind(struct sql *q, const struct retention_rule *r)
{
	sql_int(q, 1, (int64_t)r->account_id);
	sql_int(q, 2, (int64_t)r->mailbox_id);
	sql_int(q, 3, r->special);
}

int retention_set(struct tx *tx, const struct retention_rule *rule, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO retention (account_id, mailbox_id, special, days) VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT (account_id, mailbox_id, special) DO UPDATE SET days = ?4");

	bind(q, rule);
	sql_int(q, 4, (int64_t)rule->days);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int retention_clear(struct tx *tx, const struct retention_rule *rule, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM retention WHERE account_id = ?1 AND mailbox_id = ?2 AND special = ?3");
	int r;

	bind(q, rule);
	r = sql_run(q, e);
	return r < 0 ? r : r ? 0 : err_set(e, ERR_MISSING, "There is no such rule", "retention");
}

int retention_list(struct tx *tx, struct arena *a, uint64_t account_id, struct retention_rule **out, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT account_id, mailbox_id, special, days FROM retention r WHERE (account_id = ?1 OR ?1 = 0)"
		" AND (mailbox_id = 0 OR EXISTS (SELECT 1 FROM mailbox b WHERE b.id = r.mailbox_id))"
		" ORDER BY account_id, special, mailbox_id LIMIT ?2");
	int r;

	*n_out = 0;
	*out = ARENA_ARRAY(a, struct retention_rule, LISTED_MAX);
	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, LISTED_MAX);
	while ((r = sql_next(q, e)) == 1)
		(*out)[(*n_out)++] = (struct retention_rule){ (uint64_t)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1),
			(enum mailbox_special)sql_col_int(q, 2), (uint64_t)sql_col_int(q, 3) };
	return r;
}

/* The next mailbox behind `after` that a rule is for: its own one, or that of its use. 1, 0 no more. */
static int next_box(struct tx *tx, uint64_t after, struct retention_due *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT b.id, b.account_id, coalesce(o.days, s.days) FROM mailbox b"
		" JOIN account a ON a.id = b.account_id AND a.state <> 3"
		" LEFT JOIN retention o ON o.account_id = b.account_id AND o.mailbox_id = b.id AND o.special = 0"
		" LEFT JOIN retention s ON s.account_id = 0 AND s.mailbox_id = 0 AND s.special = b.special AND b.special <> 0"
		" WHERE b.id > ?1 AND coalesce(o.days, s.days, 0) > 0 ORDER BY b.id LIMIT 1");
	int r;

	_Static_assert(ACCOUNT_REMOVED == 3, "in the SQL");
	sql_int(q, 1, (int64_t)after);
	r = sql_next(q, e);
	if (r == 1)
		*out = (struct retention_due){ .mailbox_id = (uint64_t)sql_col_int(q, 0), .account_id = (uint64_t)sql_col_int(q, 1),
			.days = (uint64_t)sql_col_int(q, 2) };
	return r;
}

static int count_due(struct tx *tx, int64_t now_sec, struct retention_due *d, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT count(*), coalesce(sum(size), 0) FROM message WHERE mailbox_id = ?1 AND saved_sec < ?2");
	int r;

	sql_int(q, 1, (int64_t)d->mailbox_id);
	sql_int(q, 2, now_sec - (int64_t)d->days * DAY_SEC);
	r = sql_next(q, e);
	if (r == 1) {
		d->messages = (uint64_t)sql_col_int(q, 0);
		d->bytes = (uint64_t)sql_col_int(q, 1);
	}
	return r < 0 ? r : 0;
}

int retention_due(struct tx *tx, struct arena *a, int64_t now_sec, struct retention_due **out, size_t *n_out, struct err *e)
{
	struct retention_due d = { .mailbox_id = 0 };
	int r = 0;

	*n_out = 0;
	*out = ARENA_ARRAY(a, struct retention_due, DUE_MAX);
	while (*n_out < DUE_MAX && (r = next_box(tx, d.mailbox_id, &d, e)) == 1) {
		if (count_due(tx, now_sec, &d, e) < 0)
			return e->code;
		if (d.messages)
			(*out)[(*n_out)++] = d;
	}
	return r < 0 ? r : 0;
}

/* ---- the sweep: one mailbox after the other, some hundred mails in a transaction ---- */

struct sweep {
	struct org *o;
	int64_t now_sec;
	struct retention_due at;
	bool end;
	uint64_t n;
};

static int step(struct tx *tx, void *arg, struct err *e)
{
	struct sweep *s = arg;
	int r = next_box(tx, s->at.mailbox_id, &s->at, e);

	s->end = r == 0;
	return r < 0 ? r : r == 0 ? 0 : count_due(tx, s->now_sec, &s->at, e);
}

static int old_uids(struct tx *tx, struct arena *a, const struct sweep *s, struct imap_set *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT uid FROM message WHERE mailbox_id = ?1 AND saved_sec < ?2 ORDER BY uid LIMIT ?3");
	int r;

	sql_int(q, 1, (int64_t)s->at.mailbox_id);
	sql_int(q, 2, s->now_sec - (int64_t)s->at.days * DAY_SEC);
	sql_int(q, 3, BATCH);
	while ((r = sql_next(q, e)) == 1)
		imap_set_add(a, out, (uint32_t)sql_col_int(q, 0));
	return r;
}

static int expunge(struct tx *tx, void *arg, struct err *e)
{
	struct sweep *s = arg;
	SCOPED_ARENA a = arena_new();
	struct imap_set uids = { 0 }, gone;
	struct mailbox box;
	uint64_t modseq;
	int r = mailbox_state(tx, s->at.mailbox_id, &box, e);

	s->n = 0;
	if (r == ERR_MISSING) {
		err_clear(e);
		return 0;
	}
	if (r < 0 || old_uids(tx, a, s, &uids, e) < 0)
		return e->code;
	for (size_t i = 0; i < uids.n; i++)
		s->n += uids.v[i].hi - uids.v[i].lo + 1;
	return s->n ? message_expunge(s->o, tx, a, &box, &uids, true, &gone, &modseq, e) : 0;
}

int retention_sweep(struct org *o, int64_t now_sec, uint64_t *messages_out, struct err *e)
{
	struct sweep s = { .o = o, .now_sec = now_sec };

	*messages_out = 0;
	for (;;) {
		if (store_read(org_store(o), step, &s, e) < 0)
			return e->code;
		if (s.end)
			return 0;
		for (uint64_t left = s.at.messages; left; left -= s.n < left ? s.n : left) {
			if (store_write(org_store(o), expunge, &s, e) < 0)
				return e->code;
			if (!s.n)
				break;
			*messages_out += s.n;
		}
	}
}
