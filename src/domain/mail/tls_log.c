#include "domain/mail/tls_log.h"
#include "base/wire.h"
#include "domain/mail/mail_impl.h"

#define TEXT_MAX 20000

static struct seal_place place_of(uint64_t id)
{
	return (struct seal_place){ "tls_count", "sealed", id };
}

static void pack(struct buf *b, const struct tls_row *r)
{
	wire_u8(b, r->policy);
	wire_span(b, r->domain);
	wire_span(b, r->text);
	wire_span(b, r->fault);
	wire_span(b, r->mx);
	wire_span(b, r->ip);
}

static int unpack(struct span plain, struct tls_row *r, struct err *e)
{
	struct wire w = wire_open(plain);

	r->policy = (enum tls_policy)wire_get_u8(&w);
	r->domain = wire_get_span(&w, 256);
	r->text = wire_get_span(&w, TEXT_MAX);
	r->fault = wire_get_span(&w, 64);
	r->mx = wire_get_span(&w, 256);
	r->ip = wire_get_span(&w, 64);
	return wire_done(&w) && r->policy >= TLS_POLICY_NONE && r->policy <= TLS_POLICY_TLSA ? 0 :
		err_set(e, ERR_BROKEN, "Internal error", "a row of tls_count is unreadable");
}

static struct span hash_of(const struct seal_key *house, const char *kind, struct span text, unsigned char out[SEAL_LOOKUP_LEN])
{
	seal_lookup(house, kind, text, out);
	return SPAN_BYTES(out, SEAL_LOOKUP_LEN);
}

/* Rows of this domain and day: bounded, since a domain chooses its servers' names and policies. */
static int has_room(struct tx *tx, int64_t day, struct span domain, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT COUNT(*) FROM tls_count WHERE day = ?1 AND domain = ?2");
	int r;

	sql_int(q, 1, day);
	sql_blob(q, 2, domain);
	r = sql_next(q, e);
	return r < 0 ? r : sql_col_int(q, 0) < TLS_ROWS_MAX;
}

int tls_log_add(struct org *o, struct tx *tx, struct arena *a, const struct tls_row *row, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN], domain[SEAL_LOOKUP_LEN];
	MAIL_KEY house = { { 0 } };
	uint64_t id = tx_id(tx);
	struct sql *q;
	int r;
	SCOPED_BUF b;

	buf_init(&b, 65536);
	pack(&b, row);
	if (b.failed || org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return b.failed ? 0 : e->code;
	hash_of(&house, "tls-row", buf_span(&b), lookup);
	hash_of(&house, "tls-domain", row->domain, domain);
	q = sql_open(tx, "UPDATE tls_count SET sessions = sessions + ?3 WHERE day = ?1 AND lookup = ?2");
	sql_int(q, 1, row->day);
	sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_int(q, 3, (int64_t)row->sessions);
	r = sql_run(q, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = has_room(tx, row->day, SPAN_BYTES(domain, sizeof(domain)), e);
	if (r <= 0)
		return r;
	q = sql_open(tx, "INSERT INTO tls_count (id, day, lookup, domain, sessions, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, row->day);
	sql_blob(q, 3, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_blob(q, 4, SPAN_BYTES(domain, sizeof(domain)));
	sql_int(q, 5, (int64_t)row->sessions);
	sql_blob(q, 6, seal_column(a, &house, place_of(id), buf_span(&b)));
	return sql_run(q, e) < 0 ? e->code : 0;
}

static int read_rows(struct arena *a, const struct seal_key *house, struct sql *q, size_t max, struct tls_row **out, size_t *n_out,
	struct err *e)
{
	int r = 0;

	*out = ARENA_ARRAY(a, struct tls_row, max);
	*n_out = 0;
	while (*n_out < max && (r = sql_next(q, e)) == 1) {
		struct tls_row *row = &(*out)[*n_out];
		struct span plain;

		row->day = sql_col_int(q, 1);
		row->sessions = (uint64_t)sql_col_int(q, 2);
		if (unseal_column(a, house, place_of((uint64_t)sql_col_int(q, 0)), sql_col(q, 3), &plain, e) < 0 || unpack(plain, row, e) < 0)
			return e->code;
		++*n_out;
	}
	return *n_out < max && r < 0 ? r : 0;
}

int tls_log_list(struct org *o, struct tx *tx, struct arena *a, int64_t from_day, int64_t to_day, struct span domain, size_t max,
	struct tls_row **out, size_t *n_out, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY house = { { 0 } };
	SCOPED_SQL q = NULL;

	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	if (domain.n) {
		q = sql_open(tx, "SELECT id, day, sessions, sealed FROM tls_count WHERE day >= ?1 AND day <= ?2 AND domain = ?4"
			" ORDER BY day DESC, sessions DESC, id LIMIT ?3");
		sql_blob(q, 4, hash_of(&house, "tls-domain", domain, lookup));
	} else {
		q = sql_open(tx, "SELECT id, day, sessions, sealed FROM tls_count WHERE day >= ?1 AND day <= ?2"
			" ORDER BY day DESC, sessions DESC, id LIMIT ?3");
	}
	sql_int(q, 1, from_day);
	sql_int(q, 2, to_day);
	sql_int(q, 3, (int64_t)max);
	return read_rows(a, &house, q, max, out, n_out, e);
}

int tls_log_due(struct org *o, struct tx *tx, struct arena *a, int64_t day, size_t max, struct span **out, size_t *n_out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, day, sessions, sealed FROM tls_count WHERE id IN (SELECT MIN(c.id) FROM tls_count c"
		" WHERE c.day = ?1 AND NOT EXISTS (SELECT 1 FROM tls_report r WHERE r.day = c.day AND r.domain = c.domain)"
		" GROUP BY c.domain) ORDER BY id LIMIT ?2");
	MAIL_KEY house = { { 0 } };
	struct tls_row *rows;

	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	sql_int(q, 1, day);
	sql_int(q, 2, (int64_t)max);
	if (read_rows(a, &house, q, max, &rows, n_out, e) < 0)
		return e->code;
	*out = ARENA_ARRAY(a, struct span, *n_out + 1);
	for (size_t i = 0; i < *n_out; i++)
		(*out)[i] = rows[i].domain;
	return 0;
}

int tls_log_settle(struct org *o, struct tx *tx, int64_t day, struct span domain, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY house = { { 0 } };
	struct sql *q;
	int r;

	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	q = sql_open(tx, "INSERT INTO tls_report (day, domain) VALUES (?1, ?2) ON CONFLICT (day, domain) DO NOTHING");
	sql_int(q, 1, day);
	sql_blob(q, 2, hash_of(&house, "tls-domain", domain, lookup));
	r = sql_run(q, e);
	return r < 0 ? r : r > 0;
}

int tls_log_forget(struct tx *tx, int64_t before_day, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM tls_count WHERE day < ?1");
	int r;

	sql_int(q, 1, before_day);
	r = sql_run(q, e);
	if (r < 0)
		return r;
	q = sql_open(tx, "DELETE FROM tls_report WHERE day < ?1");
	sql_int(q, 1, before_day);
	r = sql_run(q, e);
	return r < 0 ? r : 0;
}
