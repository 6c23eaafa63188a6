#include "domain/org/account.h"
#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "base/wire.h"
#include "domain/org/org_impl.h"
#include "domain/org/role.h"

#define TEXT_MAX 1000
#define SEALED_VERSION 1

static int (*on_add)(void *arg, struct tx *tx, uint64_t account_id, enum account_kind kind, struct span language,
	struct err *e);
static void *on_add_arg;

void account_on_add(int (*fn)(void *arg, struct tx *tx, uint64_t account_id, enum account_kind kind,
	struct span language, struct err *e), void *arg)
{
	on_add = fn;
	on_add_arg = arg;
}

/* ---- the sealed column: address, name, language ---- */

static struct span pack(struct arena *a, uint64_t id, const struct seal_key *key, struct span address,
	struct span name, struct span language)
{
	struct span out;
	SCOPED_BUF b;

	buf_init(&b, 4 * TEXT_MAX);
	wire_u8(&b, SEALED_VERSION);
	wire_span(&b, address);
	wire_span(&b, name);
	wire_span(&b, language);
	out = seal_column(a, key, (struct seal_place){ "account", "sealed", id }, buf_span(&b));
	secret_wipe(b.p, b.n);
	return out;
}

static int unpack(struct org *o, struct tx *tx, struct arena *a, struct span sealed, struct account *out,
	struct err *e)
{
	struct span plain;
	struct wire w;
	SCOPED_KEY key;
	int rc;

	if ((rc = org_key(o, tx, out->id, &key, e)) < 0 ||
		(rc = unseal_column(a, &key, (struct seal_place){ "account", "sealed", out->id }, sealed, &plain, e)) < 0)
		return rc;
	w = wire_open(plain);
	if (wire_get_u8(&w) != SEALED_VERSION)
		w.failed = true;
	out->address = wire_get_span(&w, TEXT_MAX);
	out->name = wire_get_span(&w, TEXT_MAX);
	out->language = wire_get_span(&w, TEXT_MAX);
	if (!wire_done(&w))
		return err_set(e, ERR_BROKEN, "Internal error", "account %llu is unreadable", (unsigned long long)out->id);
	return 0;
}

/* ---- making one ---- */

static int check_new(const struct account_new *n, struct err *e)
{
	if (n->kind < ACCOUNT_PERSON || n->kind > ACCOUNT_RESOURCE)
		return err_set(e, ERR_PARAM, "There is no such kind of account", "kind %d", n->kind);
	if (n->kind == ACCOUNT_ROLE && n->password.n)
		return err_set(e, ERR_PARAM, "An office has no password: it is entered through its holder", "role");
	if (n->name.n > TEXT_MAX || n->language.n > 35)
		return err_set(e, ERR_PARAM, "The name is too long", "%zu octets", n->name.n);
	return 0;
}

int account_prepare(struct org *o, struct arena *a, const struct account_new *n, struct account_prepared *out,
	struct err *e)
{
	SCOPED_KEY key;
	int rc;

	memset(&key, 0, sizeof(key));
	*out = (struct account_prepared){ .n = n };
	if ((rc = check_new(n, e)) < 0 || (rc = address_normal(a, n->address, false, &out->address, e)) < 0)
		return rc;
	out->id = store_id(o->store);
	rc = vault_key_new(o->vault, out->id, &key, e);
	if (rc == 0 && n->password.n) {
		SCOPED_SECRET password = { 0 };

		rc = password_prepare_new(n->password, &password, e);
		if (rc == 0)
			rc = vault_password_set(o->vault, a, out->id, secret_span(&password), &out->verifier, e);
	}
	if (rc < 0)
		return rc;
	out->sealed = pack(a, out->id, &key, out->address, n->name, n->language.n ? n->language : SPAN("en"));
	org_key_put(o, out->id, &key);
	return 0;
}

static int insert_row(struct tx *tx, const struct account_prepared *p, uint64_t chapter_id, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO account (id, kind, state, chapter_id, created_sec, send_limit,"
		" verifier, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
	int rc;

	sql_int(q, 1, (int64_t)p->id);
	sql_int(q, 2, p->n->kind);
	sql_int(q, 3, ACCOUNT_ACTIVE);
	sql_int(q, 4, (int64_t)chapter_id);
	sql_int(q, 5, time_real_sec());
	sql_int(q, 6, p->n->send_limit);
	sql_blob(q, 7, p->verifier);
	sql_blob(q, 8, p->sealed);
	rc = sql_run(q, e);
	if (rc < 0)
		return rc;
	q = sql_open(tx, "INSERT INTO usage (account_id, quota_bytes, quota_messages, used_bytes, used_messages, modseq)"
		" VALUES (?1, ?2, ?3, 0, 0, 1)");
	sql_int(q, 1, (int64_t)p->id);
	sql_int(q, 2, (int64_t)p->n->quota_bytes);
	sql_int(q, 3, (int64_t)p->n->quota_messages);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

int account_insert(struct org *o, struct tx *tx, struct arena *a, const struct account_prepared *p, struct err *e)
{
	uint64_t chapter = p->n->chapter_id ? p->n->chapter_id : ORG_ROOT_CHAPTER_ID, address_id;
	bool there;
	int rc = chapter_within(tx, chapter, chapter, &there, e);

	if (rc < 0)
		return rc;
	if (!there)
		return err_set(e, ERR_MISSING, "No such chapter", "chapter %llu", (unsigned long long)chapter);
	if ((rc = insert_row(tx, p, chapter, e)) < 0 ||
		(rc = address_insert(o, tx, a, ADDRESS_PRIMARY, p->address, p->id, &address_id, e)) < 0)
		return rc;
	return on_add ? on_add(on_add_arg, tx, p->id, p->n->kind, p->n->language.n ? p->n->language : SPAN("en"), e) : 0;
}

struct adding {
	struct org *o;
	struct account_prepared p;
};

static int add_fn(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct adding *ad = arg;
	int rc = account_insert(ad->o, tx, a, &ad->p, e);

	if (rc == 0)
		tx_publish(tx, (struct change){ .account_id = ad->p.id, .kind = FEED_ORG });
	return rc;
}

int account_add(struct org *o, const struct account_new *n, uint64_t *id_out, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct adding ad = { .o = o };
	int rc = account_prepare(o, a, n, &ad.p, e);

	if (rc == 0)
		rc = store_write(o->store, add_fn, &ad, e);
	if (rc < 0) {
		org_forget_account(o, ad.p.id);
		return rc;
	}
	*id_out = ad.p.id;
	return 0;
}

/* ---- reading ---- */

#define COLUMNS "c.id, c.kind, c.state, c.chapter_id, c.created_sec, c.send_limit, c.verifier, u.quota_bytes," \
	" u.quota_messages, u.used_bytes, u.used_messages, u.modseq, c.sealed"

static int from_row(struct org *o, struct tx *tx, struct arena *a, struct sql *q, struct account *out, struct err *e)
{
	*out = (struct account){
		.id = (uint64_t)sql_col_int(q, 0),
		.kind = (enum account_kind)sql_col_int(q, 1),
		.state = (enum account_state)sql_col_int(q, 2),
		.chapter_id = (uint64_t)sql_col_int(q, 3),
		.created_sec = sql_col_int(q, 4),
		.send_limit = (uint32_t)sql_col_int(q, 5),
		.has_password = !sql_col_null(q, 6),
		.quota_bytes = (uint64_t)sql_col_int(q, 7),
		.quota_messages = (uint64_t)sql_col_int(q, 8),
		.used_bytes = (uint64_t)sql_col_int(q, 9),
		.used_messages = (uint64_t)sql_col_int(q, 10),
		.modseq = (uint64_t)sql_col_int(q, 11),
	};
	return unpack(o, tx, a, sql_col(q, 12), out, e);
}

int account_get(struct org *o, struct tx *tx, struct arena *a, uint64_t id, struct account *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT " COLUMNS " FROM account c JOIN usage u ON u.account_id = c.id"
		" WHERE c.id = ?1 AND c.state <> 3");
	int rc;

	_Static_assert(ACCOUNT_REMOVED == 3, "in the SQL");
	sql_int(q, 1, (int64_t)id);
	rc = sql_next(q, e);
	if (rc == 0)
		return err_set(e, ERR_MISSING, "No such account", "account %llu", (unsigned long long)id);
	return rc < 0 ? rc : from_row(o, tx, a, q, out, e);
}

int account_find(struct org *o, struct tx *tx, struct arena *a, struct span address, bool tagged,
	struct account *out, struct err *e)
{
	struct address_hit hit;
	struct span normalised;
	bool was_tagged;
	int rc = address_normal(a, address, false, &normalised, e);

	if (rc < 0)
		return rc;
	rc = tagged ? address_hit_tagged(o, tx, a, normalised, &hit, &was_tagged, e) :
		address_hit(o, tx, normalised, &hit, e);
	if (rc < 0)
		return rc;
	if (hit.kind > ADDRESS_ADDITIONAL)
		return err_set(e, ERR_MISSING, "No such account", "address is an alias or a group");
	return account_get(o, tx, a, hit.account_id, out, e);
}

/* All keys in one trip, so that from_row finds each in the cache. */
static int warm_keys(struct org *o, struct tx *tx, struct arena *a, uint64_t chapter_id, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "WITH RECURSIVE below (id) AS (SELECT id FROM chapter WHERE id = ?1"
		" UNION SELECT c.id FROM chapter c JOIN below ON c.parent_id = below.id)"
		" SELECT c.id, COUNT(*) OVER () FROM account c WHERE c.kind <> 0 AND c.state <> 3"
		" AND c.chapter_id IN (SELECT id FROM below)");
	struct seal_key *keys;
	uint64_t *ids = NULL;
	size_t n = 0;
	int rc;

	sql_int(q, 1, (int64_t)chapter_id);
	while ((rc = sql_next(q, e)) > 0) {
		if (!ids)
			ids = ARENA_ARRAY(a, uint64_t, (size_t)sql_col_int(q, 1));
		ids[n++] = (uint64_t)sql_col_int(q, 0);
	}
	*n_out = n;
	if (rc < 0 || n == 0)
		return rc;
	keys = calloc(n, sizeof(*keys));
	if (!keys)
		abort();
	rc = org_keys(o, tx, n, ids, keys, e);
	secret_wipe(keys, n * sizeof(*keys));
	free(keys);
	return rc;
}

static int by_address(const void *x, const void *y)
{
	return span_cmp(((const struct account *)x)->address, ((const struct account *)y)->address);
}

int account_list(struct org *o, struct tx *tx, struct arena *a, uint64_t chapter_id, struct account **out,
	size_t *n_out, struct err *e)
{
	uint64_t chapter = chapter_id ? chapter_id : ORG_ROOT_CHAPTER_ID;
	SCOPED_SQL q = NULL;
	size_t n, i = 0;
	int rc = warm_keys(o, tx, a, chapter, &n, e);

	*out = NULL;
	*n_out = 0;
	if (rc == ERR_MISSING)
		err_clear(e);  /* one has no key: below they are asked for one by one */
	else if (rc < 0)
		return rc;
	if (n == 0)
		return 0;
	*out = ARENA_ARRAY(a, struct account, n);
	q = sql_open(tx, "WITH RECURSIVE below (id) AS (SELECT id FROM chapter WHERE id = ?1"
		" UNION SELECT c.id FROM chapter c JOIN below ON c.parent_id = below.id)"
		" SELECT " COLUMNS " FROM account c JOIN usage u ON u.account_id = c.id WHERE c.kind <> 0"
		" AND c.state <> 3 AND c.chapter_id IN (SELECT id FROM below)");
	sql_int(q, 1, (int64_t)chapter);
	while (i < n && (rc = sql_next(q, e)) > 0) {
		rc = from_row(o, tx, a, q, &(*out)[i], e);
		if (rc < 0 && rc != ERR_MISSING)
			return rc;
		i += rc == 0;
		err_clear(e);
	}
	if (rc < 0 && rc != ERR_MISSING)
		return rc;
	*n_out = i;
	qsort(*out, i, sizeof(**out), by_address);
	return 0;
}
