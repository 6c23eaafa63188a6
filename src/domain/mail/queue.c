#include "domain/mail/queue.h"
#include <string.h>
#include "base/time.h"
#include "base/wire.h"
#include "domain/mail/mail_impl.h"

#define VERSION 1
#define TEXT_MAX 4096
#define HOPS_MAX 16                /* domains looked at for one lease */

/* sealed of a message: version, blob key, sender, envid; of a recipient: version, address, orcpt, last reply. */
static struct span pack_message(struct arena *a, const struct seal_key *house, uint64_t id, const struct seal_key *blob_key,
	const struct queue_entry *q)
{
	struct span out;
	SCOPED_BUF b;

	buf_init(&b, 65536);
	wire_u8(&b, VERSION);
	wire_span(&b, SPAN_BYTES(blob_key->k, SEAL_KEY_LEN));
	wire_span(&b, q->sender);
	wire_span(&b, q->envid);
	out = seal_column(a, house, (struct seal_place){ "queue_message", "sealed", id }, buf_span(&b));
	secret_wipe(b.p, b.n);
	return out;
}

static struct span pack_rcpt(struct arena *a, const struct seal_key *house, uint64_t id, const struct queue_rcpt *r)
{
	SCOPED_BUF b;

	buf_init(&b, 65536);
	wire_u8(&b, VERSION);
	wire_span(&b, r->address);
	wire_span(&b, r->orcpt);
	wire_span(&b, span_sub(r->last_reply, 0, 1000));
	return seal_column(a, house, (struct seal_place){ "queue_recipient", "sealed", id }, buf_span(&b));
}

static int unpack_message(struct arena *a, const struct seal_key *house, struct span sealed, struct queue_entry *q, struct err *e)
{
	struct span plain, key;
	struct wire w;

	if (unseal_column(a, house, (struct seal_place){ "queue_message", "sealed", q->id }, sealed, &plain, e) < 0)
		return e->code;
	w = wire_open(plain);
	if (wire_get_u8(&w) != VERSION)
		w.failed = true;
	key = wire_get_span(&w, SEAL_KEY_LEN);
	q->sender = wire_get_span(&w, TEXT_MAX);
	q->envid = wire_get_span(&w, TEXT_MAX);
	if (!wire_done(&w) || key.n != SEAL_KEY_LEN)
		return err_set(e, ERR_BROKEN, "Internal error", "queue message %llu is unreadable", (unsigned long long)q->id);
	memcpy(q->blob_key.k, key.p, SEAL_KEY_LEN);
	return 0;
}

static int unpack_rcpt(struct arena *a, const struct seal_key *house, struct span sealed, struct queue_rcpt *r, struct err *e)
{
	struct span plain;
	struct wire w;

	if (unseal_column(a, house, (struct seal_place){ "queue_recipient", "sealed", r->id }, sealed, &plain, e) < 0)
		return e->code;
	w = wire_open(plain);
	if (wire_get_u8(&w) != VERSION)
		w.failed = true;
	r->address = wire_get_span(&w, TEXT_MAX);
	r->orcpt = wire_get_span(&w, TEXT_MAX);
	r->last_reply = wire_get_span(&w, TEXT_MAX);
	return wire_done(&w) ? 0 : err_set(e, ERR_BROKEN, "Internal error", "queue recipient %llu is unreadable", (unsigned long long)r->id);
}

static void publish(struct tx *tx, uint64_t message_id)
{
	tx_publish(tx, (struct change){ ORG_ACCOUNT_ID, message_id, FEED_QUEUE, 0 });
}

/* ---- in ---- */

static int add_rcpt(struct tx *tx, struct arena *a, const struct seal_key *house, uint64_t message_id,
	const struct queue_rcpt *r, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	uint64_t id = tx_id(tx);
	ssize_t at = span_rchr(r->address, '@');
	struct sql *q;

	seal_lookup(house, "queue-domain", at < 0 ? r->address : span_from(r->address, (size_t)at + 1), lookup);
	q = sql_open(tx, "INSERT INTO queue_recipient (id, message_id, state, next_sec, lease_sec, attempts, notify, domain, sealed)"
		" VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?7)");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, (int64_t)message_id);
	sql_int(q, 3, r->state ? r->state : QUEUE_READY);
	sql_int(q, 4, r->next_sec);
	sql_int(q, 5, r->notify);
	sql_blob(q, 6, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_blob(q, 7, pack_rcpt(a, house, id, r));
	return sql_run(q, e) < 0 ? e->code : 0;
}

int queue_add(struct org *o, struct tx *tx, struct arena *a, const struct email_prepared *p, bool blob_adopted,
	const struct queue_entry *entry, uint64_t *id_out, struct err *e)
{
	MAIL_KEY house = { { 0 } };
	uint64_t id = tx_id(tx);
	struct sql *q;
	int r = blob_adopted ? blob_ref(tx, p->blob.id, 1, e) : blob_adopt(tx, &p->blob, 1, e);

	if (r < 0 || org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	q = sql_open(tx, "INSERT INTO queue_message (id, blob_id, size, created_sec, expires_sec, warned, flags, account_id, sealed)"
		" VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8)");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, (int64_t)p->blob.id);
	sql_int(q, 3, (int64_t)p->size);
	sql_int(q, 4, entry->created_sec);
	sql_int(q, 5, entry->expires_sec);
	sql_int(q, 6, entry->flags);
	sql_int(q, 7, (int64_t)entry->account_id);
	sql_blob(q, 8, pack_message(a, &house, id, &p->blob.key, entry));
	if (sql_run(q, e) < 0)
		return e->code;
	for (size_t i = 0; i < entry->n_rcpts; i++)
		if (add_rcpt(tx, a, &house, id, &entry->rcpts[i], e) < 0)
			return e->code;
	publish(tx, id);
	*id_out = id;
	return 0;
}

/* ---- reading ---- */

#define RCPT_COLUMNS "id, state, next_sec, attempts, notify, sealed"

static int read_rcpt(struct arena *a, const struct seal_key *house, struct sql *q, struct queue_rcpt *r, struct err *e)
{
	*r = (struct queue_rcpt){ .id = (uint64_t)sql_col_int(q, 0), .state = (enum queue_state)sql_col_int(q, 1),
		.next_sec = sql_col_int(q, 2), .attempts = (unsigned)sql_col_int(q, 3), .notify = (unsigned)sql_col_int(q, 4) };
	return unpack_rcpt(a, house, sql_col(q, 5), r, e);
}

static int read_message(struct tx *tx, struct arena *a, const struct seal_key *house, uint64_t id, struct queue_entry *out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT blob_id, size, created_sec, expires_sec, warned, flags, account_id, sealed"
		" FROM queue_message WHERE id = ?1");
	int r;

	sql_int(q, 1, (int64_t)id);
	r = sql_next(q, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_MISSING, "No such message in the queue", "queue message %llu", (unsigned long long)id);
	*out = (struct queue_entry){ .id = id, .blob_id = (uint64_t)sql_col_int(q, 0), .size = (uint64_t)sql_col_int(q, 1),
		.created_sec = sql_col_int(q, 2), .expires_sec = sql_col_int(q, 3), .warned = (unsigned)sql_col_int(q, 4),
		.flags = (unsigned)sql_col_int(q, 5), .account_id = (uint64_t)sql_col_int(q, 6) };
	return unpack_message(a, house, sql_col(q, 7), out, e);
}

static int add_to(struct arena *a, struct queue_entry *out, size_t *cap, struct queue_rcpt r)
{
	if (out->n_rcpts == *cap) {
		size_t more = *cap ? 2 * *cap : 8;
		struct queue_rcpt *v = ARENA_ARRAY(a, struct queue_rcpt, more);

		if (out->n_rcpts)
			memcpy(v, out->rcpts, out->n_rcpts * sizeof(*v));
		out->rcpts = v;
		*cap = more;
	}
	out->rcpts[out->n_rcpts++] = r;
	return 0;
}

static int read_entry(struct org *o, struct tx *tx, struct arena *a, uint64_t id, struct queue_entry *out, struct err *e)
{
	MAIL_KEY house = { { 0 } };
	size_t cap = 0;
	int r;

	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0 || read_message(tx, a, &house, id, out, e) < 0)
		return e->code;
	SCOPED_SQL q = sql_open(tx, "SELECT " RCPT_COLUMNS " FROM queue_recipient WHERE message_id = ?1 ORDER BY id");

	sql_int(q, 1, (int64_t)id);
	while ((r = sql_next(q, e)) == 1) {
		struct queue_rcpt rcpt;

		if (read_rcpt(a, &house, q, &rcpt, e) < 0)
			return e->code;
		add_to(a, out, &cap, rcpt);
	}
	return r;
}

int queue_get(struct org *o, struct tx *tx, struct arena *a, uint64_t message_id, struct queue_entry *out, struct err *e)
{
	return read_entry(o, tx, a, message_id, out, e);
}

int queue_list(struct org *o, struct tx *tx, struct arena *a, uint64_t after_id, size_t max, struct queue_entry **out,
	size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id FROM queue_message WHERE id > ?1 ORDER BY id LIMIT ?2");
	int r;

	*out = ARENA_ARRAY(a, struct queue_entry, max);
	*n_out = 0;
	sql_int(q, 1, (int64_t)after_id);
	sql_int(q, 2, (int64_t)max);
	while ((r = sql_next(q, e)) == 1) {
		uint64_t id = (uint64_t)sql_col_int(q, 0);
		int x = read_entry(o, tx, a, id, &(*out)[*n_out], e);

		if (x == ERR_BROKEN) { /* unreadable: its number is enough to remove it */
			err_clear(e);
			(*out)[*n_out] = (struct queue_entry){ .id = id };
		} else if (x < 0) {
			return x;
		}
		++*n_out;
	}
	return r;
}

/* ---- leases ---- */

struct group {                    /* one message's recipients in one domain */
	uint64_t message_id;
	struct span domain;
};

/* What has waited longest; 1, 0 nothing is due. */
static int oldest(struct tx *tx, struct arena *a, int64_t now_sec, struct group *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT message_id, domain FROM queue_recipient WHERE state = ?1 AND next_sec <= ?2"
		" ORDER BY next_sec LIMIT 1");
	int r;

	sql_int(q, 1, QUEUE_READY);
	sql_int(q, 2, now_sec);
	r = sql_next(q, e);
	if (r == 1)
		*out = (struct group){ (uint64_t)sql_col_int(q, 0), arena_span(a, sql_col(q, 1)) };
	return r;
}

/* 1: this domain has its share of the leases. */
static int has_share(struct tx *tx, struct span domain, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT 1 FROM queue_recipient WHERE state = ?1 AND domain = ?2 LIMIT 1 OFFSET ?3");

	sql_int(q, 1, QUEUE_LEASED);
	sql_blob(q, 2, domain);
	sql_int(q, 3, QUEUE_SHARE - 1);
	return sql_next(q, e);
}

/* The next domain behind `after` that has anybody ready, with its oldest; 1, 0 none. */
static int next_domain(struct tx *tx, struct arena *a, struct span after, struct group *out, int64_t *next_sec_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT message_id, domain, next_sec FROM queue_recipient WHERE state = ?1 AND domain > ?2"
		" ORDER BY domain, next_sec LIMIT 1");
	int r;

	sql_int(q, 1, QUEUE_READY);
	sql_blob(q, 2, after);
	r = sql_next(q, e);
	if (r == 1) {
		*out = (struct group){ (uint64_t)sql_col_int(q, 0), arena_span(a, sql_col(q, 1)) };
		*next_sec_out = sql_col_int(q, 2);
	}
	return r;
}

/* The oldest, unless its domain has its share: then another domain is looked for from a random place on (they lie there
 * by keyed hash), a few steps far, so that a lease never costs more. */
static int pick(struct tx *tx, struct arena *a, int64_t now_sec, struct group *out, struct err *e)
{
	unsigned char from[SEAL_LOOKUP_LEN];
	struct span at = SPAN_BYTES(from, sizeof(from));
	bool wrapped = false;
	int r = oldest(tx, a, now_sec, out, e);

	if (r <= 0)
		return r;
	r = has_share(tx, out->domain, e);
	if (r <= 0)
		return r < 0 ? r : 1;
	random_bytes(from, sizeof(from));
	for (int i = 0; i < HOPS_MAX; i++) {
		struct group other;
		int64_t next_sec = 0;

		r = next_domain(tx, a, at, &other, &next_sec, e);
		if (r == 0 && wrapped)
			break;
		if (r == 0) {
			wrapped = true;
			at = SPAN("");
			continue;
		}
		at = other.domain;
		if (r == 1 && next_sec <= now_sec)
			r = has_share(tx, other.domain, e);
		if (r < 0)
			return r;
		if (next_sec <= now_sec && r == 0) {
			*out = other;
			return 1;
		}
	}
	return 1;
}

/* What cannot be read must not stop the others. */
static int shunt(struct tx *tx, uint64_t message_id, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE queue_recipient SET state = ?2, lease_sec = 0 WHERE message_id = ?1");

	err_clear(e);
	sql_int(q, 1, (int64_t)message_id);
	sql_int(q, 2, QUEUE_SHUNTED);
	if (sql_run(q, e) < 0)
		return e->code;
	publish(tx, message_id);
	return 0;
}

static int read_group(struct org *o, struct tx *tx, struct arena *a, const struct group *g, int64_t now_sec,
	struct queue_entry *out, struct err *e)
{
	MAIL_KEY house = { { 0 } };
	SCOPED_SQL q = NULL;
	size_t cap = 0;
	int r = org_key(o, tx, ORG_ACCOUNT_ID, &house, e);

	if (r < 0)
		return r == ERR_MISSING ? err_set(e, ERR_LATER, e->say, "%s", e->log) : r;
	if (read_message(tx, a, &house, g->message_id, out, e) < 0)
		return e->code;
	/* `+`: by the message's index, for a domain's backlog may be long */
	q = sql_open(tx, "SELECT " RCPT_COLUMNS " FROM queue_recipient WHERE message_id = ?1 AND +state = ?2"
		" AND +next_sec <= ?3 AND domain = ?4 ORDER BY id LIMIT ?5");
	sql_int(q, 1, (int64_t)g->message_id);
	sql_int(q, 2, QUEUE_READY);
	sql_int(q, 3, now_sec);
	sql_blob(q, 4, g->domain);
	sql_int(q, 5, QUEUE_GROUP_MAX);
	while ((r = sql_next(q, e)) == 1) {
		struct queue_rcpt rcpt;

		if (read_rcpt(a, &house, q, &rcpt, e) < 0)
			return e->code;
		rcpt.state = QUEUE_LEASED;
		add_to(a, out, &cap, rcpt);
	}
	return r;
}

/* 1 a group is leased, 0 nothing is due, 2 one was shunted. */
static int lease_group(struct org *o, struct tx *tx, struct arena *a, int64_t now_sec, int64_t until_sec,
	struct queue_entry *out, struct err *e)
{
	struct group g = { 0 };
	int r = pick(tx, a, now_sec, &g, e);

	if (r <= 0)
		return r;
	r = read_group(o, tx, a, &g, now_sec, out, e);
	if (r == ERR_BROKEN || r == ERR_MISSING)
		return shunt(tx, g.message_id, e) < 0 ? e->code : 2;
	if (r < 0)
		return r;
	for (size_t i = 0; i < out->n_rcpts; i++) {
		struct sql *u = sql_open(tx, "UPDATE queue_recipient SET state = ?2, lease_sec = ?3, next_sec = ?3 WHERE id = ?1");

		sql_int(u, 1, (int64_t)out->rcpts[i].id);
		sql_int(u, 2, QUEUE_LEASED);
		sql_int(u, 3, until_sec);
		if (sql_run(u, e) < 0)
			return e->code;
	}
	return 1;
}

/* A lost lease is ready again. */
static int release_lost(struct tx *tx, int64_t now_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE queue_recipient SET state = ?1, next_sec = CASE WHEN next_sec > ?4 THEN ?4"
		" ELSE next_sec END WHERE state = ?2 AND next_sec <= ?3");

	sql_int(q, 1, QUEUE_READY);
	sql_int(q, 2, QUEUE_LEASED);
	sql_int(q, 3, now_sec);
	sql_int(q, 4, time_real_sec());
	return sql_run(q, e) < 0 ? e->code : 0;
}

int queue_release(struct tx *tx, struct err *e)
{
	return release_lost(tx, INT64_MAX, e);
}

int queue_lease(struct org *o, struct tx *tx, struct arena *a, int64_t now_sec, int64_t lease_until_sec, size_t max,
	struct queue_entry **out, size_t *n_out, struct err *e)
{
	int r = 1;

	*out = ARENA_ARRAY(a, struct queue_entry, max);
	*n_out = 0;
	if (release_lost(tx, now_sec, e) < 0)
		return e->code;
	while (*n_out < max && r > 0) {
		r = lease_group(o, tx, a, now_sec, lease_until_sec, &(*out)[*n_out], e);
		*n_out += r == 1;
	}
	return r < 0 ? r : 0;
}

int queue_shift(struct tx *tx, int64_t by_sec, int64_t created_max_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE queue_recipient SET next_sec = next_sec + ?1 WHERE message_id IN"
		" (SELECT id FROM queue_message WHERE created_sec <= ?2)");

	sql_int(q, 1, by_sec);
	sql_int(q, 2, created_max_sec);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "UPDATE queue_message SET created_sec = created_sec + ?1, expires_sec = expires_sec + ?1"
		" WHERE created_sec <= ?2");
	sql_int(q, 1, by_sec);
	sql_int(q, 2, created_max_sec);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int queue_clamp(struct tx *tx, int64_t now_sec, int64_t until_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE queue_recipient SET next_sec = ?1 WHERE state = ?2 AND next_sec > ?3");

	sql_int(q, 1, now_sec);
	sql_int(q, 2, QUEUE_READY);
	sql_int(q, 3, until_sec);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int queue_next_due(struct tx *tx, int64_t *sec_out, struct err *e)
{
	*sec_out = INT64_MAX;
	for (int state = QUEUE_READY; state <= QUEUE_LEASED; state++) {
		SCOPED_SQL q = sql_open(tx, "SELECT next_sec FROM queue_recipient WHERE state = ?1 ORDER BY next_sec LIMIT 1");
		int r;

		sql_int(q, 1, state);
		r = sql_next(q, e);
		if (r < 0)
			return r;
		if (r == 1 && sql_col_int(q, 0) < *sec_out)
			*sec_out = sql_col_int(q, 0);
	}
	return 0;
}

/* ---- out ---- */

int queue_defer(struct org *o, struct tx *tx, struct arena *a, uint64_t rcpt_id, int64_t next_sec, struct span reply,
	struct err *e)
{
	MAIL_KEY house = { { 0 } };
	struct queue_rcpt rcpt;
	struct sql *u;
	int r;

	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	{
		SCOPED_SQL q = sql_open(tx, "SELECT " RCPT_COLUMNS " FROM queue_recipient WHERE id = ?1");

		sql_int(q, 1, (int64_t)rcpt_id);
		r = sql_next(q, e);
		if (r <= 0)
			return r < 0 ? r : err_set(e, ERR_MISSING, "No such recipient", "queue recipient %llu", (unsigned long long)rcpt_id);
		if (read_rcpt(a, &house, q, &rcpt, e) < 0)
			return e->code;
	}
	rcpt.last_reply = reply;
	u = sql_open(tx, "UPDATE queue_recipient SET state = CASE WHEN state = ?2 THEN ?3 ELSE state END, next_sec = ?4,"
		" lease_sec = 0, attempts = attempts + 1, sealed = ?5 WHERE id = ?1");
	sql_int(u, 1, (int64_t)rcpt_id);
	sql_int(u, 2, QUEUE_LEASED);
	sql_int(u, 3, QUEUE_READY);
	sql_int(u, 4, next_sec);
	sql_blob(u, 5, pack_rcpt(a, &house, rcpt_id, &rcpt));
	return sql_run(u, e) < 0 ? e->code : 0;
}

int queue_unlease(struct tx *tx, uint64_t rcpt_id, int64_t next_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE queue_recipient SET state = ?3, next_sec = ?4, lease_sec = 0 WHERE id = ?1 AND state = ?2");

	sql_int(q, 1, (int64_t)rcpt_id);
	sql_int(q, 2, QUEUE_LEASED);
	sql_int(q, 3, QUEUE_READY);
	sql_int(q, 4, next_sec);
	return sql_run(q, e) < 0 ? e->code : 0;
}

static int drop_message(struct tx *tx, uint64_t message_id, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "DELETE FROM queue_message WHERE id = ?1 RETURNING blob_id");
	int r;

	sql_int(q, 1, (int64_t)message_id);
	r = sql_next(q, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_MISSING, "No such message in the queue", "queue message %llu", (unsigned long long)message_id);
	return blob_ref(tx, (uint64_t)sql_col_int(q, 0), -1, e) < 0 ? e->code : 0;
}

int queue_finish(struct org *o, struct tx *tx, uint64_t rcpt_id, struct err *e)
{
	uint64_t message;
	int r;

	(void)o;
	{
		SCOPED_SQL q = sql_open(tx, "DELETE FROM queue_recipient WHERE id = ?1 RETURNING message_id");

		sql_int(q, 1, (int64_t)rcpt_id);
		r = sql_next(q, e);
		if (r <= 0)
			return r < 0 ? r : err_set(e, ERR_MISSING, "No such recipient", "queue recipient %llu", (unsigned long long)rcpt_id);
		message = (uint64_t)sql_col_int(q, 0);
	}
	{
		SCOPED_SQL q = sql_open(tx, "SELECT 1 FROM queue_recipient WHERE message_id = ?1 LIMIT 1");

		sql_int(q, 1, (int64_t)message);
		r = sql_next(q, e);
	}
	if (r != 0)
		return r < 0 ? r : 0;
	return drop_message(tx, message, e);
}

static int queue_exists(struct tx *tx, uint64_t message_id, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT 1 FROM queue_message WHERE id = ?1");
	int r;

	sql_int(q, 1, (int64_t)message_id);
	r = sql_next(q, e);
	if (r == 0)
		return err_set(e, ERR_MISSING, "No such message in the queue", "queue message %llu", (unsigned long long)message_id);
	return r < 0 ? r : 0;
}

/* What is being sent right now stays so when it is to become ready: it would go out twice. */
int queue_set_state(struct org *o, struct tx *tx, uint64_t message_id, enum queue_state state, int64_t next_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE queue_recipient SET state = ?2, next_sec = ?3, lease_sec = 0 WHERE message_id = ?1"
		" AND (state <> ?4 OR ?2 <> ?5)");
	int r;

	(void)o;
	sql_int(q, 1, (int64_t)message_id);
	sql_int(q, 2, state);
	sql_int(q, 3, next_sec);
	sql_int(q, 4, QUEUE_LEASED);
	sql_int(q, 5, QUEUE_READY);
	r = sql_run(q, e);
	if (r == 0)
		return queue_exists(tx, message_id, e);
	publish(tx, message_id);
	return r < 0 ? r : 0;
}

int queue_set_warned(struct tx *tx, uint64_t message_id, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE queue_message SET warned = 1 WHERE id = ?1");

	sql_int(q, 1, (int64_t)message_id);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int queue_remove(struct org *o, struct tx *tx, uint64_t message_id, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM queue_recipient WHERE message_id = ?1");

	(void)o;
	sql_int(q, 1, (int64_t)message_id);
	if (sql_run(q, e) < 0)
		return e->code;
	publish(tx, message_id);
	return drop_message(tx, message_id, e);
}

int queue_count(struct tx *tx, uint64_t counts_out[5], struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT state, count(*) FROM queue_recipient GROUP BY state");
	int r;

	memset(counts_out, 0, 5 * sizeof(*counts_out));
	while ((r = sql_next(q, e)) == 1)
		if (sql_col_int(q, 0) > 0 && sql_col_int(q, 0) < 5)
			counts_out[sql_col_int(q, 0)] = (uint64_t)sql_col_int(q, 1);
	return r;
}
