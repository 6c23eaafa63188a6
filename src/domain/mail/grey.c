/* grey.c - the grey list (RFC 6647): who nobody knows has to come twice. */
#include "domain/mail/mail_impl.h"
#include "domain/mail/sender.h"

#define DAY_SEC 86400
#define ACCOUNTS_MAX 20                /* of one mail that are noted */

/* account 0: the pair of network and domain alone, once it has passed. */
static int key_of(struct org *o, struct tx *tx, struct arena *a, const struct grey *g, uint64_t account_id,
	unsigned char out[SEAL_LOOKUP_LEN], struct err *e)
{
	unsigned char net[PEER_NETWORK_LEN];
	struct span text;

	peer_network(g->ip, net);
	text = arena_printf(a, "%02x%02x%02x%02x%02x%02x%02x%02x%02x %llu %.*s", net[0], net[1], net[2], net[3], net[4], net[5], net[6],
		net[7], net[8], (unsigned long long)account_id, SPAN_F(g->domain));
	return org_lookup(o, tx, "greylist", text, out, e);
}

struct row {
	int64_t first_sec, seen_sec;
	bool passed;
};

static int read_row(struct tx *tx, const unsigned char key[SEAL_LOOKUP_LEN], struct row *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT first_sec, seen_sec, passed FROM greylist WHERE lookup = ?1");
	int r;

	sql_blob(q, 1, SPAN_BYTES((const char *)key, SEAL_LOOKUP_LEN));
	r = sql_next(q, e);
	if (r == 1)
		*out = (struct row){ sql_col_int(q, 0), sql_col_int(q, 1), sql_col_int(q, 2) != 0 };
	return r;
}

static int write_row(struct tx *tx, const unsigned char key[SEAL_LOOKUP_LEN], const struct row *row, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO greylist (lookup, first_sec, seen_sec, passed) VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT (lookup) DO UPDATE SET first_sec = excluded.first_sec, seen_sec = excluded.seen_sec, passed = excluded.passed");

	sql_blob(q, 1, SPAN_BYTES((const char *)key, SEAL_LOOKUP_LEN));
	sql_int(q, 2, row->first_sec);
	sql_int(q, 3, row->seen_sec);
	sql_int(q, 4, row->passed);
	return sql_run(q, e) < 0 ? e->code : 0;
}

/* 1: waited long enough, and not too long. 0: noted, or noted before and too early. */
static int waited(struct org *o, struct tx *tx, struct arena *a, const struct grey *g, uint64_t account_id, struct err *e)
{
	unsigned char key[SEAL_LOOKUP_LEN];
	struct row row;
	int64_t age_sec;
	int r;

	if (key_of(o, tx, a, g, account_id, key, e) < 0 || (r = read_row(tx, key, &row, e)) < 0)
		return e->code;
	age_sec = r ? g->now_sec - row.first_sec : 0;
	if (r && age_sec >= g->wait_sec && age_sec <= GREY_WINDOW_SEC)
		return 1;
	if (r && age_sec >= 0 && age_sec < g->wait_sec)
		return 0;
	if (tx_writes(tx) && write_row(tx, key, &(struct row){ g->now_sec, g->now_sec, false }, e) < 0)
		return e->code;
	return 0;
}

int grey_passes(struct org *o, struct tx *tx, struct arena *a, const struct grey *g, struct err *e)
{
	unsigned char pair[SEAL_LOOKUP_LEN];
	struct row row = { g->now_sec, g->now_sec, true };
	size_t n = g->n < ACCOUNTS_MAX ? g->n : ACCOUNTS_MAX;
	bool any = false;
	int r;

	if (key_of(o, tx, a, g, 0, pair, e) < 0 || (r = read_row(tx, pair, &row, e)) < 0)
		return e->code;
	if (r && row.passed) {
		row.seen_sec = g->now_sec - row.seen_sec > DAY_SEC ? g->now_sec : row.seen_sec;
		return tx_writes(tx) && row.seen_sec == g->now_sec && write_row(tx, pair, &row, e) < 0 ? e->code : 1;
	}
	for (size_t i = 0; i < n; i++) {
		r = waited(o, tx, a, g, g->accounts[i], e);
		if (r < 0)
			return r;
		any |= r == 1;
	}
	row = (struct row){ g->now_sec, g->now_sec, true };
	if (!any || !tx_writes(tx))
		return any ? 2 : 0;
	return write_row(tx, pair, &row, e) < 0 ? e->code : 1;
}
