#include "domain/mail/mail_sweep.h"
#include "domain/mail/mail_impl.h"

struct sweep {
	uint64_t mailbox_id, account_id;
	int64_t n;                     /* messages of this batch */
	bool done;                     /* nothing is left of any removed account */
};

static int find_mailbox(struct tx *tx, struct sweep *s, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT b.id, b.account_id FROM account a JOIN mailbox b ON b.account_id = a.id"
		" WHERE a.state = 3 ORDER BY b.id LIMIT 1");
	int r;

	_Static_assert(ACCOUNT_REMOVED == 3, "in the SQL");
	r = sql_next(q, e);
	s->done = r == 0;
	if (r > 0) {
		s->mailbox_id = (uint64_t)sql_col_int(q, 0);
		s->account_id = (uint64_t)sql_col_int(q, 1);
	}
	return r < 0 ? r : 0;
}

struct gone {
	int64_t n, unseen, deleted, bytes, last_uid;
};

static int unref_some(struct tx *tx, const struct sweep *s, struct gone *g, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT uid, email_id, flags, size FROM message WHERE mailbox_id = ?1 ORDER BY uid LIMIT 500");
	int r;

	_Static_assert(MAIL_SWEEP_BATCH == 500, "in the SQL");
	sql_int(q, 1, (int64_t)s->mailbox_id);
	while ((r = sql_next(q, e)) == 1) {
		g->n++;
		g->last_uid = sql_col_int(q, 0);
		g->unseen += !(sql_col_int(q, 2) & FLAG_SEEN);
		g->deleted += !!(sql_col_int(q, 2) & FLAG_DELETED);
		g->bytes += sql_col_int(q, 3);
		if (email_unref(tx, (uint64_t)sql_col_int(q, 1), 1, e) < 0)
			return e->code;
	}
	return r;
}

static int delete_some(struct tx *tx, const struct sweep *s, const struct gone *g, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM message WHERE mailbox_id = ?1 AND uid <= ?2");

	sql_int(q, 1, (int64_t)s->mailbox_id);
	sql_int(q, 2, g->last_uid);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "UPDATE mailbox SET messages = messages - ?2, unseen = unseen - ?3, deleted = deleted - ?4,"
		" bytes = bytes - ?5 WHERE id = ?1");
	sql_int(q, 1, (int64_t)s->mailbox_id);
	sql_int(q, 2, g->n);
	sql_int(q, 3, g->unseen);
	sql_int(q, 4, g->deleted);
	sql_int(q, 5, g->bytes);
	return sql_run(q, e) < 0 ? e->code : 0;
}

/* The last batch of a mailbox; what else is the account's goes with the first of them. */
static int delete_mailbox(struct tx *tx, const struct sweep *s, struct err *e)
{
	static const struct {
		const char *sql;
		bool by_account;
	} rows[] = {
		{ "DELETE FROM expunged WHERE mailbox_id = ?1", false },
		{ "DELETE FROM mailbox WHERE id = ?1", false },
		{ "DELETE FROM metadata WHERE mailbox_id = ?1", false },
		{ "DELETE FROM metadata WHERE owner_id = ?1", true },
		{ "DELETE FROM mailbox_acl WHERE owner_id = ?1", true },
		{ "DELETE FROM mailbox_acl WHERE kind = 1 AND grantee_id = ?1", true },
		{ "DELETE FROM subscription WHERE account_id = ?1", true },
		{ "DELETE FROM sieve_script WHERE account_id = ?1", true },
		{ "DELETE FROM sieve_account WHERE account_id = ?1", true },
		{ "DELETE FROM mail_event WHERE account_id = ?1", true },
		{ "DELETE FROM sieve_seen WHERE account_id = ?1", true },
		{ "DELETE FROM outgoing_hold WHERE account_id = ?1", true },
		{ "DELETE FROM outgoing_watch WHERE account_id = ?1", true },
		{ "DELETE FROM outgoing_over WHERE account_id = ?1", true },
		{ "DELETE FROM sender_known WHERE account_id = ?1", true },
		{ "DELETE FROM sender_list WHERE owner_id = ?1", true },
		{ "DELETE FROM retention WHERE account_id = ?1", true },
		{ "DELETE FROM import_seen WHERE account_id = ?1", true },
		{ "DELETE FROM search_account WHERE account_id = ?1", true },
		{ "UPDATE search_segment SET state = 2 WHERE account_id = ?1", true }, /* rows: mail_index_sweep */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct sql *q = sql_open(tx, rows[i].sql);

		sql_int(q, 1, (int64_t)(rows[i].by_account ? s->account_id : s->mailbox_id));
		if (sql_run(q, e) < 0)
			return e->code;
	}
	return 0;
}

static int sweep_batch(struct tx *tx, void *arg, struct err *e)
{
	struct sweep *s = arg;
	struct gone g = { 0 };

	s->n = 0;
	if (find_mailbox(tx, s, e) < 0)
		return e->code;
	if (s->done)
		return 0;
	if (unref_some(tx, s, &g, e) < 0)
		return e->code;
	s->n = g.n;
	return g.n ? delete_some(tx, s, &g, e) : delete_mailbox(tx, s, e);
}

static int any_left(struct tx *tx, void *arg, struct err *e)
{
	return find_mailbox(tx, arg, e);
}

int mail_sweep_removed(struct store *s, unsigned batches, uint64_t *messages_out, struct err *e)
{
	struct sweep w = { 0 };
	int r = store_read(s, any_left, &w, e);        /* nearly always: nothing, and no write for that */

	*messages_out = 0;
	for (; r >= 0 && !w.done && batches; batches--) {
		r = store_write(s, sweep_batch, &w, e);
		*messages_out += r >= 0 ? (uint64_t)w.n : 0;
	}
	return r < 0 ? r : 0;
}
