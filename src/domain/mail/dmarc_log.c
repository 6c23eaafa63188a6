#include "domain/mail/dmarc_log.h"
#include "base/wire.h"
#include "domain/mail/mail_impl.h"
#include "domain/org/address.h"

#define TEXT_MAX 255
#define PACKED_MAX 16384
#define VERSION 1

static struct seal_place place_of(const char *table, uint64_t id)
{
	return (struct seal_place){ table, "sealed", id };
}

static struct span hash_of(const struct seal_key *house, const char *kind, struct span text, unsigned char out[SEAL_LOOKUP_LEN])
{
	seal_lookup(house, kind, text, out);
	return SPAN_BYTES(out, SEAL_LOOKUP_LEN);
}

/* ---- one row as octets ---- */

static void put_text(struct buf *b, struct span s)
{
	wire_span(b, span_sub(s, 0, TEXT_MAX));
}

static void put_auth(struct buf *b, const struct dmarc_auth *v)
{
	put_text(b, v->domain);
	put_text(b, v->selector);
	put_text(b, v->result);
}

struct span dmarc_seen_pack(struct arena *a, const struct dmarc_seen *s)
{
	const struct dmarc_result *r = &s->result;
	SCOPED_BUF b;

	buf_init(&b, PACKED_MAX);
	wire_u8(&b, VERSION);
	wire_u64(&b, (uint64_t)s->day);
	put_text(&b, s->domain);
	put_text(&b, r->source_ip);
	put_text(&b, r->disposition);
	wire_u8(&b, (uint8_t)(r->dkim | r->spf << 1));
	put_text(&b, r->reason);
	put_text(&b, r->comment);
	put_text(&b, r->header_from);
	put_text(&b, r->envelope_from);
	wire_u8(&b, (uint8_t)r->n_signatures);
	for (size_t i = 0; i < r->n_signatures; i++)
		put_auth(&b, &r->signatures[i]);
	put_auth(&b, &r->spf_auth);
	return b.failed ? SPAN_NONE : arena_span(a, buf_span(&b));
}

static struct dmarc_auth get_auth(struct wire *w)
{
	struct dmarc_auth v;

	v.domain = wire_get_span(w, TEXT_MAX);
	v.selector = wire_get_span(w, TEXT_MAX);
	v.result = wire_get_span(w, TEXT_MAX);
	return v;
}

static int unpack(struct span packed, struct dmarc_seen *s, struct err *e)
{
	struct dmarc_result *r = &s->result;
	struct wire w = wire_open(packed);
	uint8_t version = wire_get_u8(&w), passes;

	*s = (struct dmarc_seen){ .day = (int64_t)wire_get_u64(&w) };
	s->domain = wire_get_span(&w, TEXT_MAX);
	r->source_ip = wire_get_span(&w, TEXT_MAX);
	r->disposition = wire_get_span(&w, TEXT_MAX);
	passes = wire_get_u8(&w);
	r->dkim = passes & 1;
	r->spf = passes & 2;
	r->reason = wire_get_span(&w, TEXT_MAX);
	r->comment = wire_get_span(&w, TEXT_MAX);
	r->header_from = wire_get_span(&w, TEXT_MAX);
	r->envelope_from = wire_get_span(&w, TEXT_MAX);
	r->n_signatures = wire_get_u8(&w);
	for (size_t i = 0; i < r->n_signatures && i < DMARC_SIGNATURES_LEN; i++)
		r->signatures[i] = get_auth(&w);
	r->spf_auth = get_auth(&w);
	return version == VERSION && r->n_signatures <= DMARC_SIGNATURES_LEN && wire_done(&w) ? 0 :
		err_set(e, ERR_BROKEN, "Internal error", "a row about dmarc is unreadable");
}

/* ---- mail by mail ---- */

static int wanted(struct org *o, struct tx *tx, struct arena *a, struct err *e)
{
	struct span on = SPAN_NONE;
	struct err why = ERR_INIT;

	if (org_setting_get(o, tx, a, "dmarc_reports", &on, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	return !span_eqz(on, "off");
}

int dmarc_log_seen(struct org *o, struct tx *tx, struct arena *a, struct span packed, struct err *e)
{
	MAIL_KEY house = { { 0 } };
	uint64_t id = tx_id(tx);
	struct sql *q;
	int r = packed.n ? wanted(o, tx, a, e) : 0;

	if (r <= 0)
		return r;
	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	q = sql_open(tx, "INSERT INTO dmarc_seen (id, sealed) VALUES (?1, ?2)");
	sql_int(q, 1, (int64_t)id);
	sql_blob(q, 2, seal_column(a, &house, place_of("dmarc_seen", id), packed));
	return sql_run(q, e) < 0 ? e->code : 0;
}

/* ---- counts ---- */

struct fold {
	struct org *org;
	struct tx *tx;
	struct arena *arena;
	struct seal_key *house;
	int64_t day, domains, kinds;   /* the day these two belong to; -1 at first */
	struct span domain;            /* its hash */
	int64_t domain_kinds;
};

static int count_rows(struct tx *tx, bool domains, int64_t day, int64_t *out, struct err *e)
{
	SCOPED_SQL q = domains ? sql_open(tx, "SELECT COUNT(*) FROM dmarc_domain WHERE day = ?1") :
		sql_open(tx, "SELECT COUNT(*) FROM dmarc_count WHERE day = ?1");
	int r;

	sql_int(q, 1, day);
	r = sql_next(q, e);
	*out = r == 1 ? sql_col_int(q, 0) : 0;
	return r < 0 ? r : 0;
}

static int add_domain(struct fold *f, const struct dmarc_seen *s, struct err *e)
{
	uint64_t id = tx_id(f->tx);
	struct sql *q;

	if (f->domains >= DMARC_DOMAINS_MAX || domain_is_local(f->org, f->tx, s->domain))
		return 0;
	q = sql_open(f->tx, "INSERT INTO dmarc_domain (id, day, domain, state, kinds, missed, sealed) VALUES (?1, ?2, ?3, 0, 0, 0, ?4)");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, s->day);
	sql_blob(q, 3, f->domain);
	sql_blob(q, 4, seal_column(f->arena, f->house, place_of("dmarc_domain", id), s->domain));
	f->domains++;
	f->domain_kinds = 0;
	return sql_run(q, e) < 0 ? e->code : 1;
}

/* 1: the domain is there, 0: it is not wanted. */
static int find_domain(struct fold *f, const struct dmarc_seen *s, struct err *e)
{
	struct sql *q;
	int r;

	if (f->day != s->day) {
		if (count_rows(f->tx, true, s->day, &f->domains, e) < 0 || count_rows(f->tx, false, s->day, &f->kinds, e) < 0)
			return e->code;
		f->day = s->day;
	}
	q = sql_open(f->tx, "SELECT kinds FROM dmarc_domain WHERE day = ?1 AND domain = ?2");
	sql_int(q, 1, s->day);
	sql_blob(q, 2, f->domain);
	r = sql_next(q, e);
	if (r == 1)
		f->domain_kinds = sql_col_int(q, 0);
	sql_close(q);
	return r ? r : add_domain(f, s, e);
}

static int add_kind(struct fold *f, const struct dmarc_seen *s, struct span packed, struct span lookup, uint64_t count, struct err *e)
{
	bool full = f->domain_kinds >= DMARC_KINDS_MAX || f->kinds >= DMARC_DAY_KINDS_MAX;
	struct sql *q = full ? sql_open(f->tx, "UPDATE dmarc_domain SET missed = missed + ?3 WHERE day = ?1 AND domain = ?2") :
		sql_open(f->tx, "UPDATE dmarc_domain SET kinds = kinds + ?3 WHERE day = ?1 AND domain = ?2");
	uint64_t id = tx_id(f->tx);

	sql_int(q, 1, s->day);
	sql_blob(q, 2, f->domain);
	sql_int(q, 3, full ? (int64_t)count : 1);
	if (sql_run(q, e) < 0 || full)
		return e->code < 0 ? e->code : 0;
	q = sql_open(f->tx, "INSERT INTO dmarc_count (id, day, lookup, domain, messages, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, s->day);
	sql_blob(q, 3, lookup);
	sql_blob(q, 4, f->domain);
	sql_int(q, 5, (int64_t)count);
	sql_blob(q, 6, seal_column(f->arena, f->house, place_of("dmarc_count", id), packed));
	f->kinds++;
	return sql_run(q, e) < 0 ? e->code : 0;
}

static int add(struct fold *f, const struct dmarc_seen *s, struct span packed, uint64_t count, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN], domain[SEAL_LOOKUP_LEN];
	struct span row = hash_of(f->house, "dmarc-row", packed, lookup);
	struct sql *q = sql_open(f->tx, "UPDATE dmarc_count SET messages = messages + ?3 WHERE day = ?1 AND lookup = ?2");
	int r;

	sql_int(q, 1, s->day);
	sql_blob(q, 2, row);
	sql_int(q, 3, (int64_t)count);
	r = sql_run(q, e);
	if (r != 0)
		return r < 0 ? r : 0;
	f->domain = hash_of(f->house, "dmarc-domain", s->domain, domain);
	r = find_domain(f, s, e);
	return r <= 0 ? r : add_kind(f, s, packed, row, count, e);
}

struct journal {
	struct span *sealed;
	uint64_t *ids;
	size_t n;
};

static int read_journal(struct tx *tx, struct arena *a, size_t max, struct journal *j, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, sealed FROM dmarc_seen ORDER BY id LIMIT ?1");
	int r = 0;

	*j = (struct journal){ ARENA_ARRAY(a, struct span, max), ARENA_ARRAY(a, uint64_t, max), 0 };
	sql_int(q, 1, (int64_t)max);
	while (j->n < max && (r = sql_next(q, e)) == 1) {
		j->ids[j->n] = (uint64_t)sql_col_int(q, 0);
		j->sealed[j->n++] = arena_span(a, sql_col(q, 1));
	}
	return r < 0 ? r : 0;
}

static int fold_journal(struct fold *f, const struct journal *j, struct err *e)
{
	struct sql *q;

	for (size_t i = 0; i < j->n; i++) {
		struct err why = ERR_INIT;
		struct dmarc_seen s;
		struct span packed;

		/* a damaged one must not hold up all others */
		if (unseal_column(f->arena, f->house, place_of("dmarc_seen", j->ids[i]), j->sealed[i], &packed, &why) == 0 &&
			unpack(packed, &s, &why) == 0 && add(f, &s, packed, 1, e) < 0)
			return e->code;
	}
	q = sql_open(f->tx, "DELETE FROM dmarc_seen WHERE id <= ?1");
	sql_int(q, 1, j->n ? (int64_t)j->ids[j->n - 1] : 0);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int dmarc_log_fold(struct org *o, struct tx *tx, struct arena *a, const struct dmarc_pile_row *refused, size_t n_refused, size_t max,
	size_t *n_out, struct err *e)
{
	MAIL_KEY house = { { 0 } };
	struct fold f = { .org = o, .tx = tx, .arena = a, .house = &house, .day = -1 };
	struct journal j;
	int on = wanted(o, tx, a, e);

	if (on < 0 || org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0 || read_journal(tx, a, max, &j, e) < 0)
		return e->code;
	*n_out = j.n;
	for (size_t i = 0; on && i < n_refused; i++) {
		struct dmarc_seen s;

		if (unpack(refused[i].packed, &s, e) < 0 || add(&f, &s, refused[i].packed, refused[i].count, e) < 0)
			return e->code;
	}
	return j.n ? fold_journal(&f, &j, e) : 0;
}

/* ---- days ---- */

int dmarc_log_due(struct org *o, struct tx *tx, struct arena *a, int64_t day, size_t max, struct span **out, size_t *n_out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, sealed FROM dmarc_domain WHERE day = ?1 AND state = 0 ORDER BY id LIMIT ?2");
	MAIL_KEY house = { { 0 } };
	int r = 0;

	*out = ARENA_ARRAY(a, struct span, max);
	*n_out = 0;
	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	sql_int(q, 1, day);
	sql_int(q, 2, (int64_t)max);
	while (*n_out < max && (r = sql_next(q, e)) == 1) {
		if (unseal_column(a, &house, place_of("dmarc_domain", (uint64_t)sql_col_int(q, 0)), sql_col(q, 1), &(*out)[*n_out], e) < 0)
			return e->code;
		++*n_out;
	}
	return r < 0 ? r : 0;
}

int dmarc_log_settle(struct org *o, struct tx *tx, int64_t day, struct span domain, enum dmarc_state state, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY house = { { 0 } };
	struct sql *q;
	int r;

	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	q = sql_open(tx, "UPDATE dmarc_domain SET state = ?3 WHERE day = ?1 AND domain = ?2 AND state = 0");
	sql_int(q, 1, day);
	sql_blob(q, 2, hash_of(&house, "dmarc-domain", domain, lookup));
	sql_int(q, 3, state);
	r = sql_run(q, e);
	return r < 0 ? r : r > 0;
}

static int read_lines(struct arena *a, const struct seal_key *house, struct sql *q, size_t max, struct dmarc_line **out, size_t *n_out,
	struct err *e)
{
	int r = 0;

	*out = ARENA_ARRAY(a, struct dmarc_line, max);
	*n_out = 0;
	while (*n_out < max && (r = sql_next(q, e)) == 1) {
		struct dmarc_line *l = &(*out)[*n_out];
		struct span plain;

		if (unseal_column(a, house, place_of("dmarc_count", (uint64_t)sql_col_int(q, 0)), sql_col(q, 4), &plain, e) < 0 ||
			unpack(plain, &l->seen, e) < 0)
			return e->code;
		l->seen.result.count = (uint64_t)sql_col_int(q, 1);
		l->state = (enum dmarc_state)sql_col_int(q, 2);
		l->missed = (uint64_t)sql_col_int(q, 3);
		++*n_out;
	}
	return r < 0 ? r : 0;
}

#define LINES "SELECT c.id, c.messages, d.state, d.missed, c.sealed FROM dmarc_count c JOIN dmarc_domain d" \
	" ON d.day = c.day AND d.domain = c.domain WHERE c.day >= ?1 AND c.day <= ?2 "
#define ORDER "ORDER BY c.day DESC, c.messages DESC, c.id LIMIT ?3"

int dmarc_log_list(struct org *o, struct tx *tx, struct arena *a, int64_t from_day, int64_t to_day, struct span domain, size_t max,
	struct dmarc_line **out, size_t *n_out, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY house = { { 0 } };
	SCOPED_SQL q = NULL;

	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	q = domain.n ? sql_open(tx, LINES "AND c.domain = ?4 " ORDER) : sql_open(tx, LINES ORDER);
	if (domain.n)
		sql_blob(q, 4, hash_of(&house, "dmarc-domain", domain, lookup));
	sql_int(q, 1, from_day);
	sql_int(q, 2, to_day);
	sql_int(q, 3, (int64_t)max);
	return read_lines(a, &house, q, max, out, n_out, e);
}

int dmarc_log_forget(struct tx *tx, int64_t before_day, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM dmarc_count WHERE day < ?1");

	sql_int(q, 1, before_day);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "DELETE FROM dmarc_domain WHERE day < ?1");
	sql_int(q, 1, before_day);
	return sql_run(q, e) < 0 ? e->code : 0;
}
