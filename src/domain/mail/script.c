/* script.c - scripts in the store. */
#include <string.h>
#include "codec/mime/mime_charset.h"
#include "domain/mail/mail_impl.h"
#include "domain/mail/script.h"

#define DAY_SEC 86400

static int name_ok(struct span name, struct err *e)
{
	bool bad = !name.n || name.n > SCRIPT_NAME_MAX || !mime_utf8_valid(name);

	for (size_t i = 0; i < name.n && !bad; i++)
		bad = (unsigned char)name.p[i] < 32 || name.p[i] == 127 ||
			(name.p[i] == '\xC2' && i + 1 < name.n && (unsigned char)name.p[i + 1] < 0xA0);   /* RFC 5804 section 1.6 */
	return bad ? err_set(e, ERR_PARAM, "This is no name for a script", "script name") : 0;
}

/* The row of a name: id, octets, change number. 1, 0. */
struct row {
	uint64_t id, size, changed;
};

static int find(struct org *o, struct tx *tx, uint64_t account_id, struct span name, struct row *out, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY key = { { 0 } };
	int r;

	if (org_key(o, tx, account_id, &key, e) < 0)
		return e->code;
	seal_lookup(&key, "sieve", name, lookup);
	SCOPED_SQL q = sql_open(tx, "SELECT id, size, changed FROM sieve_script WHERE account_id = ?1 AND lookup = ?2");

	sql_int(q, 1, (int64_t)account_id);
	sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
	r = sql_next(q, e);
	if (r == 1)
		*out = (struct row){ (uint64_t)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1), (uint64_t)sql_col_int(q, 2) };
	return r;
}

static int must_find(struct org *o, struct tx *tx, uint64_t account_id, struct span name, struct row *out, struct err *e)
{
	int r = find(o, tx, account_id, name, out, e);

	return r == 0 ? err_set(e, ERR_MISSING, "There is no script of this name", "script of account %llu",
		(unsigned long long)account_id) : r < 0 ? r : 0;
}

static int active_id(struct tx *tx, uint64_t account_id, uint64_t *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT active_id FROM sieve_account WHERE account_id = ?1");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	r = sql_next(q, e);
	*out = r == 1 ? (uint64_t)sql_col_int(q, 0) : 0;
	return r < 0 ? r : 0;
}

int script_active(struct tx *tx, uint64_t account_id, int64_t now_sec, struct script_active *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT s.id, s.changed, a.day, a.sent FROM sieve_account a"
		" JOIN sieve_script s ON s.id = a.active_id WHERE a.account_id = ?1");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	r = sql_next(q, e);
	if (r == 1)
		*out = (struct script_active){ (uint64_t)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1),
			sql_col_int(q, 2) == now_sec / DAY_SEC ? (unsigned)sql_col_int(q, 3) : 0 };
	return r;
}

int script_for_event(struct org *o, struct tx *tx, uint64_t account_id, struct span name, int64_t now_sec, struct script_active *out,
	struct err *e)
{
	int r = script_named(o, tx, account_id, name, &out->id, &out->changed, e);

	if (r <= 0)
		return r;
	SCOPED_SQL q = sql_open(tx, "SELECT day, sent FROM sieve_account WHERE account_id = ?1");

	sql_int(q, 1, (int64_t)account_id);
	r = sql_next(q, e);
	out->sent = r == 1 && sql_col_int(q, 0) == now_sec / DAY_SEC ? (unsigned)sql_col_int(q, 1) : 0;
	return r < 0 ? r : 1;
}

int script_any(struct tx *tx, uint64_t account_id, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT 1 FROM sieve_script WHERE account_id = ?1 LIMIT 1");

	sql_int(q, 1, (int64_t)account_id);
	return sql_next(q, e);
}

/* The sealed column: name length, name, text. */
static struct span pack(struct arena *a, const struct seal_key *key, uint64_t id, struct span name, struct span text)
{
	struct span plain = arena_printf(a, "%zu:%.*s", name.n, SPAN_F(name));
	char *p = arena_alloc(a, plain.n + text.n + 1);

	memcpy(p, plain.p, plain.n);
	if (text.n)
		memcpy(p + plain.n, text.p, text.n);
	return seal_column(a, key, (struct seal_place){ "sieve_script", "sealed", id }, SPAN_BYTES(p, plain.n + text.n));
}

static int unpack(struct arena *a, const struct seal_key *key, uint64_t id, struct span sealed, struct span *name_out,
	struct span *text_out, struct err *e)
{
	struct span plain, len;
	size_t n = 0;

	if (unseal_column(a, key, (struct seal_place){ "sieve_script", "sealed", id }, sealed, &plain, e) < 0)
		return e->code;
	len = span_cut(&plain, ':');
	for (size_t i = 0; i < len.n && i < 4; i++)
		n = n * 10 + (size_t)(len.p[i] - '0');
	*name_out = span_sub(plain, 0, n);
	*text_out = span_from(plain, n);
	return 0;
}

int script_load(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, uint64_t id, struct span *text_out, struct err *e)
{
	MAIL_KEY key = { { 0 } };
	struct span name;
	int r;

	if (org_key(o, tx, account_id, &key, e) < 0)
		return e->code;
	SCOPED_SQL q = sql_open(tx, "SELECT sealed FROM sieve_script WHERE id = ?1 AND account_id = ?2");

	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, (int64_t)account_id);
	r = sql_next(q, e);
	if (r != 1)
		return r < 0 ? r : err_set(e, ERR_MISSING, "There is no script of this name", "script %llu", (unsigned long long)id);
	return unpack(a, &key, id, sql_col(q, 0), &name, text_out, e);
}

int script_list(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct script_row **out, size_t *n_out,
	struct err *e)
{
	MAIL_KEY key = { { 0 } };
	uint64_t active;
	int r;

	*n_out = 0;
	*out = ARENA_ARRAY(a, struct script_row, SCRIPT_MAX);
	if (org_key(o, tx, account_id, &key, e) < 0 || active_id(tx, account_id, &active, e) < 0)
		return e->code;
	SCOPED_SQL q = sql_open(tx, "SELECT id, size, sealed FROM sieve_script WHERE account_id = ?1 ORDER BY id");

	sql_int(q, 1, (int64_t)account_id);
	while ((r = sql_next(q, e)) == 1 && *n_out < SCRIPT_MAX) {
		struct script_row *row = &(*out)[*n_out];
		struct span text;

		row->id = (uint64_t)sql_col_int(q, 0);
		row->size = (uint64_t)sql_col_int(q, 1);
		row->active = row->id == active;
		if (unpack(a, &key, row->id, sql_col(q, 2), &row->name, &text, e) < 0)
			return e->code;
		++*n_out;
	}
	return r < 0 ? r : 0;
}

int script_get(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span name, struct span *text_out,
	struct err *e)
{
	struct row row;
	int r = must_find(o, tx, account_id, name, &row, e);

	return r < 0 ? r : script_load(o, tx, a, account_id, row.id, text_out, e);
}

int script_check(struct arena *a, struct span text, struct span *why_out, struct err *e)
{
	struct sieve_limits limits = SIEVE_LIMITS;
	SCOPED_ARENA tree = arena_new();
	struct sieve_script *s;
	struct sieve_error why;
	int r;

	limits.script_len = SCRIPT_BYTES_MAX;
	r = sieve_compile(tree, text, &limits, &s, &why);
	*why_out = SPAN_NONE;
	if (r == 0)
		return 0;
	*why_out = why.line ? arena_printf(a, "line %u, column %u: %s", why.line, why.column, why.text) :
		arena_printf(a, "%s", why.text);
	return err_set(e, r, r == ERR_TOOBIG && !why.line ? "The script is too large" : "The script has an error", "%.*s", SPAN_F(*why_out));
}

int script_room(struct org *o, struct tx *tx, uint64_t account_id, struct span name, uint64_t size, struct err *e)
{
	struct row row = { 0 };
	int r;

	if (name_ok(name, e) < 0 || (r = find(o, tx, account_id, name, &row, e)) < 0)
		return e->code;
	if (size > SCRIPT_BYTES_MAX)
		return err_set(e, ERR_TOOBIG, "The script is too large", "%llu octets", (unsigned long long)size);
	SCOPED_SQL q = sql_open(tx, "SELECT count(*), coalesce(sum(size), 0) FROM sieve_script WHERE account_id = ?1");

	sql_int(q, 1, (int64_t)account_id);
	if (sql_next(q, e) < 0)
		return e->code;
	if (r == 0 && sql_col_int(q, 0) >= SCRIPT_MAX)
		return err_set(e, ERR_LIMIT, "There are too many scripts", "account %llu", (unsigned long long)account_id);
	if ((uint64_t)sql_col_int(q, 1) - row.size + size > SCRIPT_TOTAL_MAX)
		return err_set(e, ERR_LIMIT, "The scripts are too large together", "account %llu", (unsigned long long)account_id);
	return 0;
}

int script_put(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span name, struct span text, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY key = { { 0 } };
	struct row row = { 0 };
	struct sql *q;
	int r;

	if (script_room(o, tx, account_id, name, text.n, e) < 0 || (r = find(o, tx, account_id, name, &row, e)) < 0 ||
		org_key(o, tx, account_id, &key, e) < 0)
		return e->code;
	seal_lookup(&key, "sieve", name, lookup);
	if (r == 0)
		row.id = tx_id(tx);
	q = sql_open(tx, "INSERT INTO sieve_script (id, account_id, lookup, size, changed, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT (account_id, lookup) DO UPDATE SET size = excluded.size, changed = excluded.changed,"
		" sealed = excluded.sealed");
	sql_int(q, 1, (int64_t)row.id);
	sql_int(q, 2, (int64_t)account_id);
	sql_blob(q, 3, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_int(q, 4, (int64_t)text.n);
	sql_int(q, 5, (int64_t)tx_id(tx));
	sql_blob(q, 6, pack(a, &key, row.id, name, text));
	r = sql_run(q, e);
	return r < 0 ? r : 0;
}

int script_activate(struct org *o, struct tx *tx, uint64_t account_id, struct span name_or_none, struct err *e)
{
	struct row row = { 0 };
	struct sql *q;
	int r;

	if (name_or_none.n && must_find(o, tx, account_id, name_or_none, &row, e) < 0)
		return e->code;
	q = sql_open(tx, "INSERT INTO sieve_account (account_id, active_id, day, sent) VALUES (?1, ?2, 0, 0)"
		" ON CONFLICT (account_id) DO UPDATE SET active_id = excluded.active_id");
	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, (int64_t)row.id);
	r = sql_run(q, e);
	return r < 0 ? r : 0;
}

int script_remove(struct org *o, struct tx *tx, uint64_t account_id, struct span name, struct err *e)
{
	struct row row;
	uint64_t active;
	struct sql *q;
	int r;

	if (must_find(o, tx, account_id, name, &row, e) < 0 || active_id(tx, account_id, &active, e) < 0)
		return e->code;
	if (row.id == active)
		return err_set(e, ERR_DENIED, "The active script cannot be deleted", "script %llu", (unsigned long long)row.id);
	q = sql_open(tx, "DELETE FROM sieve_script WHERE id = ?1");
	sql_int(q, 1, (int64_t)row.id);
	r = sql_run(q, e);
	return r < 0 ? r : 0;
}

int script_rename(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span from, struct span to, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY key = { { 0 } };
	struct row row, there;
	struct span text;
	struct sql *q;
	int r;

	if (name_ok(to, e) < 0 || must_find(o, tx, account_id, from, &row, e) < 0 || (r = find(o, tx, account_id, to, &there, e)) < 0)
		return e->code;
	if (r == 1)
		return err_set(e, ERR_EXISTS, "There is a script of this name already", "script %llu", (unsigned long long)there.id);
	if (org_key(o, tx, account_id, &key, e) < 0 || script_load(o, tx, a, account_id, row.id, &text, e) < 0)
		return e->code;
	seal_lookup(&key, "sieve", to, lookup);
	q = sql_open(tx, "UPDATE sieve_script SET lookup = ?2, sealed = ?3 WHERE id = ?1");
	sql_int(q, 1, (int64_t)row.id);
	sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_blob(q, 3, pack(a, &key, row.id, to, text));
	r = sql_run(q, e);
	return r < 0 ? r : 0;
}

int script_named(struct org *o, struct tx *tx, uint64_t account_id, struct span name, uint64_t *id_out, uint64_t *changed_out,
	struct err *e)
{
	struct row row;
	int r = find(o, tx, account_id, name, &row, e);

	if (r == 1) {
		*id_out = row.id;
		*changed_out = row.changed;
	}
	return r;
}

/* ---- what scripts remember ---- */

static int memory_key(struct org *o, struct tx *tx, uint64_t account_id, enum script_memory kind, struct span id,
	unsigned char lookup[SEAL_LOOKUP_LEN], struct err *e)
{
	MAIL_KEY key = { { 0 } };

	if (org_key(o, tx, account_id, &key, e) < 0)
		return e->code;
	seal_lookup(&key, kind == SCRIPT_VACATION ? "vacation" : "duplicate", id, lookup);
	return 0;
}

int script_remembers(struct org *o, struct tx *tx, uint64_t account_id, enum script_memory kind, struct span id, int64_t now_sec,
	struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];

	if (memory_key(o, tx, account_id, kind, id, lookup, e) < 0)
		return e->code;
	SCOPED_SQL q = sql_open(tx, "SELECT 1 FROM sieve_seen WHERE account_id = ?1 AND kind = ?2 AND lookup = ?3 AND until_sec > ?4");

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, kind);
	sql_blob(q, 3, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_int(q, 4, now_sec);
	return sql_next(q, e);
}

/* What is over goes whenever something new comes: no sweep is needed. */
static int forget_old(struct tx *tx, uint64_t account_id, int64_t now_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM sieve_seen WHERE account_id = ?1 AND until_sec <= ?2");

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, now_sec);
	return sql_run(q, e);
}

int script_remember(struct org *o, struct tx *tx, uint64_t account_id, enum script_memory kind, struct span id, int64_t now_sec,
	int64_t seconds, bool last, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	struct sql *q;
	int r;

	if (forget_old(tx, account_id, now_sec, e) < 0 || memory_key(o, tx, account_id, kind, id, lookup, e) < 0)
		return e->code;
	q = sql_open(tx, "INSERT INTO sieve_seen (account_id, kind, lookup, until_sec) VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT (account_id, kind, lookup) DO NOTHING");
	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, kind);
	sql_blob(q, 3, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_int(q, 4, now_sec + seconds);
	r = sql_run(q, e);
	if (r != 0 || !last)
		return r;
	q = sql_open(tx, "UPDATE sieve_seen SET until_sec = ?4 WHERE account_id = ?1 AND kind = ?2 AND lookup = ?3");
	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, kind);
	sql_blob(q, 3, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_int(q, 4, now_sec + seconds);
	r = sql_run(q, e);
	return r < 0 ? r : 0;
}

int script_count_sent(struct tx *tx, uint64_t account_id, int64_t now_sec, unsigned n, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO sieve_account (account_id, active_id, day, sent) VALUES (?1, 0, ?2, ?3)"
		" ON CONFLICT (account_id) DO UPDATE SET sent = CASE WHEN sieve_account.day = excluded.day"
		" THEN sieve_account.sent + excluded.sent ELSE excluded.sent END, day = excluded.day");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, now_sec / DAY_SEC);
	sql_int(q, 3, n);
	r = sql_run(q, e);
	return r < 0 ? r : 0;
}
