#include "domain/mail/sts_keep.h"
#include "base/wire.h"
#include "codec/mailtls/sts.h"
#include "domain/mail/mail_impl.h"

#define DAY_SEC 86400
#define AGAIN_SEC 3600

static struct seal_place place_of(uint64_t id)
{
	return (struct seal_place){ "sts_policy", "sealed", id };
}

static int read_row(struct arena *a, const struct seal_key *house, struct sql *q, struct sts_kept *out, struct err *e)
{
	struct span plain;
	struct wire w;

	if (unseal_column(a, house, place_of((uint64_t)sql_col_int(q, 0)), sql_col(q, 2), &plain, e) < 0)
		return e->code;
	w = wire_open(plain);
	*out = (struct sts_kept){ .until_sec = sql_col_int(q, 1) };
	out->domain = wire_get_span(&w, 256);
	out->id = wire_get_span(&w, STS_ID_MAX);
	out->text = wire_get_span(&w, STS_POLICY_MAX);
	return wire_done(&w) ? 0 : err_set(e, ERR_BROKEN, "Internal error", "a row of sts_policy is unreadable");
}

int sts_keep_get(struct org *o, struct tx *tx, struct arena *a, struct span domain, int64_t now_sec, struct sts_kept *out, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY house = { { 0 } };
	SCOPED_SQL q = sql_open(tx, "SELECT id, until_sec, sealed FROM sts_policy WHERE lookup = ?1 AND until_sec > ?2");
	int r;

	*out = (struct sts_kept){ 0 };
	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	seal_lookup(&house, "sts-domain", domain, lookup);
	sql_blob(q, 1, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_int(q, 2, now_sec);
	r = sql_next(q, e);
	if (r == 1 && read_row(a, &house, q, out, e) < 0)
		return e->code;
	return r;
}

int sts_keep_put(struct org *o, struct tx *tx, struct arena *a, struct span domain, struct span id, struct span text, int64_t now_sec,
	struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	struct sts_policy *p = ARENA_NEW(a, struct sts_policy);
	MAIL_KEY house = { { 0 } };
	uint64_t row = tx_id(tx);
	struct sql *q;
	SCOPED_BUF b;

	buf_init(&b, 2 * STS_POLICY_MAX);
	if (sts_policy_parse(a, text, p, NULL) < 0)
		return 0;
	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	wire_span(&b, domain);
	wire_span(&b, id);
	wire_span(&b, text);
	seal_lookup(&house, "sts-domain", domain, lookup);
	q = sql_open(tx, "DELETE FROM sts_policy WHERE lookup = ?1");
	sql_blob(q, 1, SPAN_BYTES(lookup, sizeof(lookup)));
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "INSERT INTO sts_policy (id, lookup, until_sec, refresh_sec, sealed) VALUES (?1, ?2, ?3, ?4, ?5)");
	sql_int(q, 1, (int64_t)row);
	sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_int(q, 3, now_sec + p->max_age_sec);
	sql_int(q, 4, now_sec + (p->max_age_sec / 2 < DAY_SEC ? p->max_age_sec / 2 : DAY_SEC));
	sql_blob(q, 5, seal_column(a, &house, place_of(row), buf_span(&b)));
	return sql_run(q, e) < 0 ? e->code : 0;
}

int sts_keep_due(struct org *o, struct tx *tx, struct arena *a, int64_t now_sec, size_t max, struct sts_kept **out, size_t *n_out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, until_sec, sealed FROM sts_policy WHERE refresh_sec <= ?1 ORDER BY refresh_sec LIMIT ?2");
	uint64_t *ids = ARENA_ARRAY(a, uint64_t, max);
	MAIL_KEY house = { { 0 } };
	int r;

	*out = ARENA_ARRAY(a, struct sts_kept, max);
	*n_out = 0;
	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	sql_int(q, 1, now_sec);
	sql_int(q, 2, (int64_t)max);
	while ((r = sql_next(q, e)) == 1 && *n_out < max) {
		ids[*n_out] = (uint64_t)sql_col_int(q, 0);
		if (read_row(a, &house, q, &(*out)[*n_out], e) < 0)
			return e->code;
		++*n_out;
	}
	for (size_t i = 0; i < *n_out && r >= 0; i++) {
		struct sql *u = sql_open(tx, "UPDATE sts_policy SET refresh_sec = ?2 WHERE id = ?1");

		sql_int(u, 1, (int64_t)ids[i]);
		sql_int(u, 2, now_sec + AGAIN_SEC);
		r = sql_run(u, e);
	}
	return r < 0 ? r : 0;
}

int sts_keep_forget(struct tx *tx, int64_t now_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM sts_policy WHERE until_sec <= ?1");

	sql_int(q, 1, now_sec);
	return sql_run(q, e) < 0 ? e->code : 0;
}
