/* Changing accounts; account.c makes and reads them. */
#include "base/time.h"
#include "domain/org/org_impl.h"

static int missing(uint64_t id, struct err *e)
{
	return err_set(e, ERR_MISSING, "No such account", "account %llu", (unsigned long long)id);
}

static int protect_house(uint64_t id, struct err *e)
{
	if (id == ORG_ACCOUNT_ID)
		return err_set(e, ERR_DENIED, "This is the house's own account", "account %d", ORG_ACCOUNT_ID);
	return 0;
}

int account_set_state(struct org *o, struct tx *tx, uint64_t id, enum account_state state, struct err *e)
{
	struct sql *q;
	int rc;

	if (state != ACCOUNT_ACTIVE && state != ACCOUNT_LOCKED)
		return state == ACCOUNT_REMOVED ? account_remove(o, tx, id, e) :
			err_set(e, ERR_PARAM, "There is no such state", "state %d", state);
	if ((rc = protect_house(id, e)) < 0)
		return rc;
	q = sql_open(tx, "UPDATE account SET state = ?2 WHERE id = ?1 AND state <> 3");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, state);
	rc = sql_run(q, e);
	if (rc <= 0)
		return rc < 0 ? rc : missing(id, e);
	tx_publish(tx, (struct change){ .account_id = id, .kind = FEED_ORG });
	return admin_need_one(tx, e);
}

int account_set_limits(struct org *o, struct tx *tx, uint64_t id, uint64_t quota_bytes, uint64_t quota_messages,
	uint32_t send_limit, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE account SET send_limit = ?2 WHERE id = ?1 AND state <> 3");
	int rc;

	(void)o;
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, send_limit);
	rc = sql_run(q, e);
	if (rc <= 0)
		return rc < 0 ? rc : missing(id, e);
	q = sql_open(tx, "UPDATE usage SET quota_bytes = ?2, quota_messages = ?3 WHERE account_id = ?1");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, (int64_t)quota_bytes);
	sql_int(q, 3, (int64_t)quota_messages);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

/* Statements with one parameter, the account's id. */
static const char *const remove_sql[] = {
	"UPDATE account SET state = 3, wrapped_key = NULL, verifier = NULL, sealed = NULL WHERE id = ?1",
	"DELETE FROM address WHERE account_id = ?1",
	"DELETE FROM term WHERE role_id = ?1 OR holder_id = ?1",
	"DELETE FROM admin_right WHERE account_id = ?1",
	"DELETE FROM app_password WHERE account_id = ?1",
	"DELETE FROM send_count WHERE account_id = ?1",
	"DELETE FROM usage WHERE account_id = ?1",
};

static int is_there(struct tx *tx, uint64_t id, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT 1 FROM account WHERE id = ?1 AND state <> 3");
	int rc;

	sql_int(q, 1, (int64_t)id);
	rc = sql_next(q, e);
	return rc == 0 ? missing(id, e) : rc < 0 ? rc : 0;
}

int account_clear(struct tx *tx, uint64_t id, struct err *e)
{
	for (size_t i = 0; i < sizeof(remove_sql) / sizeof(remove_sql[0]); i++) {
		struct sql *q = sql_open(tx, remove_sql[i]);
		int rc;

		sql_int(q, 1, (int64_t)id);
		rc = sql_run(q, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int account_remove(struct org *o, struct tx *tx, uint64_t id, struct err *e)
{
	int rc;

	if ((rc = protect_house(id, e)) < 0 || (rc = is_there(tx, id, e)) < 0 || (rc = account_clear(tx, id, e)) < 0 ||
		(rc = admin_need_one(tx, e)) < 0)
		return rc;
	org_key_bury(o, id);
	tx_publish(tx, (struct change){ .account_id = id, .kind = FEED_ORG });
	return 0;
}

/* ---- password ---- */

struct setting_password {
	uint64_t id;
	struct span verifier;
};

static int check_password_owner(struct tx *tx, void *arg, struct err *e)
{
	struct setting_password *s = arg;
	SCOPED_SQL q = sql_open(tx, "SELECT kind FROM account WHERE id = ?1 AND state <> 3");
	int rc;

	sql_int(q, 1, (int64_t)s->id);
	rc = sql_next(q, e);
	if (rc <= 0)
		return rc < 0 ? rc : missing(s->id, e);
	if (sql_col_int(q, 0) != ACCOUNT_PERSON && sql_col_int(q, 0) != ACCOUNT_RESOURCE)
		return err_set(e, ERR_PARAM, "An office has no password: it is entered through its holder", "kind %lld",
			(long long)sql_col_int(q, 0));
	return 0;
}

static int password_fn(struct tx *tx, void *arg, struct err *e)
{
	struct setting_password *s = arg;
	struct sql *q = sql_open(tx, "UPDATE account SET verifier = ?2 WHERE id = ?1 AND state <> 3");
	int rc;

	sql_int(q, 1, (int64_t)s->id);
	sql_blob(q, 2, s->verifier);
	rc = sql_run(q, e);
	return rc < 0 ? rc : rc == 0 ? missing(s->id, e) : 0;
}

int account_set_password(struct org *o, uint64_t id, struct span password, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_SECRET prepared = { 0 };
	struct setting_password s = { .id = id };
	int rc = store_read(o->store, check_password_owner, &s, e);

	if (rc == 0 && password.n) {
		rc = password_prepare_new(password, &prepared, e);
		if (rc == 0)
			rc = vault_password_set(o->vault, a, id, secret_span(&prepared), &s.verifier, e);
	}
	return rc < 0 ? rc : store_write(o->store, password_fn, &s, e);
}

/* ---- counters ---- */

int account_use(struct tx *tx, uint64_t id, int64_t bytes, int64_t messages, bool force, uint64_t *modseq_out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "UPDATE usage SET used_bytes = used_bytes + ?2, used_messages = used_messages + ?3,"
		" modseq = modseq + 1 WHERE account_id = ?1 AND (?4 = 1"
		" OR ((?2 <= 0 OR quota_bytes = 0 OR used_bytes + ?2 <= quota_bytes)"
		" AND (?3 <= 0 OR quota_messages = 0 OR used_messages + ?3 <= quota_messages))) RETURNING modseq");
	int rc;

	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, bytes);
	sql_int(q, 3, messages);
	sql_int(q, 4, force);
	rc = sql_next(q, e);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		rc = is_there(tx, id, e);
		return rc < 0 ? rc : err_set(e, ERR_LIMIT, "Quota exceeded", "account %llu", (unsigned long long)id);
	}
	*modseq_out = (uint64_t)sql_col_int(q, 0);
	return 0;
}

int account_send_limit(struct tx *tx, uint64_t id, uint32_t *limit_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT send_limit FROM account WHERE id = ?1 AND state <> 3");
	int rc;

	sql_int(q, 1, (int64_t)id);
	rc = sql_next(q, e);
	if (rc <= 0)
		return rc < 0 ? rc : missing(id, e);
	*limit_out = (uint32_t)sql_col_int(q, 0);
	return 0;
}

static int forget_hours(struct tx *tx, uint64_t id, int64_t hour, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM send_count WHERE account_id = ?1 AND hour <> ?2");
	int rc;

	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, hour);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

static int count_hour(struct tx *tx, uint64_t id, int64_t hour, uint32_t recipients, int64_t *now_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "INSERT INTO send_count (account_id, hour, recipients) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (account_id, hour) DO UPDATE SET recipients = send_count.recipients + excluded.recipients"
		" RETURNING recipients");
	int rc;

	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, hour);
	sql_int(q, 3, recipients);
	rc = sql_next(q, e);
	*now_out = rc > 0 ? sql_col_int(q, 0) : 0;
	return rc < 0 ? rc : 0;
}

int account_count_sent(struct tx *tx, uint64_t id, uint32_t recipients, int64_t now_sec, struct err *e)
{
	int64_t hour = now_sec / 3600, sent;
	uint32_t limit = 0;
	int rc = account_send_limit(tx, id, &limit, e);

	if (rc < 0 || limit == 0)
		return rc;
	rc = count_hour(tx, id, hour, recipients, &sent, e);
	if (rc < 0)
		return rc;
	if (sent > (int64_t)limit)
		return err_set(e, ERR_LIMIT, "Sending limit of this hour reached", "account %llu: %lld of %u",
			(unsigned long long)id, (long long)sent, limit);
	return sent == (int64_t)recipients ? forget_hours(tx, id, hour, e) : 0;
}
