#include "domain/mail/hold.h"
#include "base/scan.h"
#include "base/time.h"
#include "domain/mail/mail_impl.h"
#include "domain/mail/visitors.h"
#include "domain/org/account.h"

const char *hold_reason_name(enum hold_reason r)
{
	static const char *const names[] = { "", "administrator", "new recipients", "refused recipients", "sign-ins from many networks",
		"far beyond the send limit" };

	return names[r];
}

int hold_get(struct tx *tx, uint64_t account_id, struct hold *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT reason, since_sec FROM outgoing_hold WHERE account_id = ?1");
	int r;

	*out = (struct hold){ .account_id = account_id };
	sql_int(q, 1, (int64_t)account_id);
	r = sql_next(q, e);
	if (r == 1) {
		out->reason = (enum hold_reason)sql_col_int(q, 0);
		out->since_sec = sql_col_int(q, 1);
	}
	return r;
}

int hold_count(struct tx *tx, uint64_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT COUNT(*) FROM outgoing_hold");
	int r = sql_next(q, e);

	*n_out = r == 1 ? (uint64_t)sql_col_int(q, 0) : 0;
	return r < 0 ? r : 0;
}

static int hold_queue(struct tx *tx, uint64_t account_id, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE queue_recipient SET state = ?2 WHERE state IN (?3, ?4) AND message_id IN"
		" (SELECT id FROM queue_message WHERE account_id = ?1)");

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, QUEUE_HELD);
	sql_int(q, 3, QUEUE_READY);
	sql_int(q, 4, QUEUE_LEASED);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int hold_set(struct tx *tx, uint64_t account_id, enum hold_reason reason, int64_t now_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO outgoing_hold (account_id, reason, since_sec, told) VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT (account_id) DO NOTHING");

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, reason);
	sql_int(q, 3, now_sec);
	sql_int(q, 4, reason == HOLD_BY_ADMIN);      /* who did it knows */
	return sql_run(q, e) < 0 ? e->code : hold_queue(tx, account_id, e);
}

static int release_queue(struct tx *tx, uint64_t account_id, int64_t now_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE queue_recipient SET state = ?2, next_sec = ?3, lease_sec = 0 WHERE state = ?4 AND message_id IN"
		" (SELECT id FROM queue_message WHERE account_id = ?1)");

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, QUEUE_READY);
	sql_int(q, 3, now_sec);
	sql_int(q, 4, QUEUE_HELD);
	if (sql_run(q, e) < 0)
		return e->code;
	tx_publish(tx, (struct change){ ORG_ACCOUNT_ID, account_id, FEED_QUEUE, 0 });
	return 0;
}

/* 1 another one, 0 none. */
static int next_held(struct tx *tx, uint64_t account_id, uint64_t *id_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT m.id FROM queue_message m JOIN queue_recipient r ON r.message_id = m.id"
		" WHERE m.account_id = ?1 AND r.state = ?2 ORDER BY m.id LIMIT 1");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, QUEUE_HELD);
	r = sql_next(q, e);
	*id_out = r == 1 ? (uint64_t)sql_col_int(q, 0) : 0;
	return r;
}

int hold_release(struct org *o, struct tx *tx, uint64_t account_id, bool drop, int64_t now_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM outgoing_hold WHERE account_id = ?1");
	uint64_t id;
	int r;

	sql_int(q, 1, (int64_t)account_id);
	r = sql_run(q, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_MISSING, "This account is not held", "account %llu", (unsigned long long)account_id);
	q = sql_open(tx, "DELETE FROM outgoing_watch WHERE account_id = ?1");
	sql_int(q, 1, (int64_t)account_id);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "DELETE FROM outgoing_over WHERE account_id = ?1");
	sql_int(q, 1, (int64_t)account_id);
	if (sql_run(q, e) < 0)
		return e->code;
	if (!drop)
		return release_queue(tx, account_id, now_sec, e);
	while ((r = next_held(tx, account_id, &id, e)) == 1)
		if (queue_remove(o, tx, id, e) < 0)
			return e->code;
	return r;
}

int hold_bound(struct org *o, struct tx *tx, struct arena *a, const char *setting, uint64_t fallback, uint64_t *out, struct err *e)
{
	struct err why = ERR_INIT;
	struct span value;

	*out = fallback;
	if (org_setting_get(o, tx, a, setting, &value, &why) < 0)
		return why.code == ERR_MISSING ? 0 : err_set(e, why.code, why.say, "%s", why.log);
	span_num(value, out, 0, UINT32_MAX);
	return 0;
}

static int count_up(struct tx *tx, uint64_t account_id, unsigned fresh, unsigned refused, int64_t now_sec, uint64_t *fresh_out,
	uint64_t *refused_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "INSERT INTO outgoing_watch (account_id, hour, fresh, refused) VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT (account_id, hour) DO UPDATE SET fresh = outgoing_watch.fresh + excluded.fresh,"
		" refused = outgoing_watch.refused + excluded.refused RETURNING fresh, refused");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, now_sec / 3600);
	sql_int(q, 3, fresh);
	sql_int(q, 4, refused);
	r = sql_next(q, e);
	*fresh_out = r == 1 ? (uint64_t)sql_col_int(q, 0) : 0;
	*refused_out = r == 1 ? (uint64_t)sql_col_int(q, 1) : 0;
	return r < 0 ? r : 0;
}

int hold_watch(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, unsigned fresh, unsigned refused, int64_t now_sec,
	struct err *e)
{
	uint64_t n_fresh = 0, n_refused = 0, fresh_max, refused_max;
	struct hold held;
	int r = hold_get(tx, account_id, &held, e);

	if (r)
		return r < 0 || hold_queue(tx, account_id, e) < 0 ? e->code : 1;
	if (!fresh && !refused)
		return 0;
	if (hold_bound(o, tx, a, "submission.hold_new", HOLD_NEW, &fresh_max, e) < 0 ||
		hold_bound(o, tx, a, "submission.hold_refused", HOLD_REFUSED, &refused_max, e) < 0 ||
		count_up(tx, account_id, fresh, refused, now_sec, &n_fresh, &n_refused, e) < 0)
		return e->code;
	if (fresh && fresh_max && n_fresh > fresh_max)
		r = hold_set(tx, account_id, HOLD_BY_NEW, now_sec, e);
	else if (refused && refused_max && n_refused > refused_max)
		r = hold_set(tx, account_id, HOLD_BY_REFUSED, now_sec, e);
	else
		return 0;
	return r < 0 ? r : 1;
}

static int count_over(struct tx *tx, uint64_t account_id, uint64_t recipients, int64_t now_sec, uint64_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "INSERT INTO outgoing_over (account_id, hour, recipients) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (account_id, hour) DO UPDATE SET recipients = outgoing_over.recipients + excluded.recipients"
		" RETURNING recipients");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, now_sec / 3600);
	sql_int(q, 3, (int64_t)recipients);
	r = sql_next(q, e);
	*n_out = r == 1 ? (uint64_t)sql_col_int(q, 0) : 0;
	return r < 0 ? r : 0;
}

int hold_over_limit(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, uint64_t recipients, int64_t now_sec,
	struct err *e)
{
	uint64_t times, n, bound;
	uint32_t limit;
	struct hold held;
	int r = hold_get(tx, account_id, &held, e);

	if (r)
		return r;
	if (hold_bound(o, tx, a, "submission.hold_over", HOLD_OVER, &times, e) < 0 || account_send_limit(tx, account_id, &limit, e) < 0)
		return e->code;
	if (!times || !limit)
		return 0;
	if (count_over(tx, account_id, recipients, now_sec, &n, e) < 0)
		return e->code;
	bound = times * limit;
	if (n <= (bound > HOLD_OVER_LEAST ? bound : HOLD_OVER_LEAST))
		return 0;
	r = hold_set(tx, account_id, HOLD_BY_LIMIT, now_sec, e);
	return r < 0 ? r : 1;
}

/* ---- sign-ins ---- */

struct sign_in {
	struct org *org;
	struct arena *a;
	uint64_t account_id, bound;
};

static int read_networks(struct tx *tx, void *arg, struct err *e)
{
	struct sign_in *s = arg;

	return hold_bound(s->org, tx, s->a, "submission.hold_networks", HOLD_NETWORKS, &s->bound, e);
}

static int hold_for_networks(struct tx *tx, void *arg, struct err *e)
{
	struct sign_in *s = arg;

	return hold_set(tx, s->account_id, HOLD_BY_NETWORKS, time_real_sec(), e);
}

void hold_sign_in(struct mail *m, struct arena *a, uint64_t account_id, struct span peer_address, bool sends)
{
	struct sign_in s = { mail_org(m), a, account_id, 0 };
	unsigned char network[PEER_NETWORK_LEN];
	struct err e = ERR_INIT;
	unsigned n, sending;
	uint64_t reading;

	if (!peer_network(peer_address, network))
		return;
	n = visitors_login(mail_visitors(m), account_id, network, sends, time_mono_us(), &sending);
	if (n < 2 || store_read(org_store(s.org), read_networks, &s, &e) < 0 || !s.bound)
		return;
	reading = s.bound * HOLD_READING < VISITOR_NETWORKS ? s.bound * HOLD_READING : VISITOR_NETWORKS - 1;
	if (sending > s.bound || n > reading)
		store_write(org_store(s.org), hold_for_networks, &s, &e);
}

static int forget(struct tx *tx, const char *sql, int64_t hour, struct err *e)
{
	struct sql *q = sql_open(tx, sql);

	sql_int(q, 1, hour);
	return sql_run(q, e);
}

int hold_forget(struct tx *tx, int64_t now_sec, struct err *e)
{
	int64_t hour = now_sec / 3600 - 2;

	return forget(tx, "DELETE FROM outgoing_watch WHERE hour < ?1", hour, e) < 0 ||
		forget(tx, "DELETE FROM outgoing_over WHERE hour < ?1", hour, e) < 0 ? e->code : 0;
}
