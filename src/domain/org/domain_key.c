#include "domain/org/domain_key.h"
#include "base/wire.h"
#include "codec/base64.h"
#include "codec/smtp/smtp_address.h"
#include "domain/org/org_impl.h"

#define TEXT_MAX 2048
#define TURN 2                        /* keys made together */

static int our_domain(struct org *o, struct tx *tx, struct arena *a, struct span domain, uint64_t *id_out, struct err *e)
{
	struct span name;

	if (!domain.n || smtp_domain_unicode(a, domain, &name, NULL) < 0)
		return err_set(e, ERR_PARAM, "This is not a domain name", "domain \"%.*s\"", SPAN_F(domain));
	return domain_id(o, tx, name, id_out, e);
}

static int row_read(struct org *o, struct tx *tx, struct arena *a, struct sql *q, struct domain_key *k, struct err *e)
{
	struct span text;
	struct wire w;

	k->id = (uint64_t)sql_col_int(q, 0);
	k->kind = (unsigned)sql_col_int(q, 1);
	k->from_sec = sql_col_int(q, 2);
	k->to_sec = sql_col_int(q, 3);
	k->gone_sec = sql_col_int(q, 4);
	k->secret = arena_span(a, sql_col(q, 6));
	if (house_unseal(o, tx, a, (struct seal_place){ "dkim_key", "sealed", k->id }, sql_col(q, 5), &text, e) < 0)
		return e ? e->code : ERR_BROKEN;
	w = wire_open(text);
	k->selector = wire_get_span(&w, 63);
	k->public_half = wire_get_span(&w, TEXT_MAX);
	return wire_done(&w) ? 0 : err_set(e, ERR_BROKEN, "Internal error", "dkim_key row is malformed");
}

int domain_key_list(struct org *o, struct tx *tx, struct arena *a, struct span domain, int64_t now_sec,
	struct domain_key **out, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = NULL;
	uint64_t id;
	int rc = our_domain(o, tx, a, domain, &id, e);

	*out = NULL;
	*n_out = 0;
	if (rc < 0)
		return rc;
	q = sql_open(tx, "SELECT id, kind, from_sec, to_sec, gone_sec, sealed, secret, COUNT(*) OVER () FROM dkim_key"
		" WHERE domain_id = ?1 AND gone_sec > ?2 ORDER BY id");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, now_sec);
	while ((rc = sql_next(q, e)) > 0) {
		if (!*out)
			*out = ARENA_ARRAY(a, struct domain_key, (size_t)sql_col_int(q, 7));
		rc = row_read(o, tx, a, q, &(*out)[(*n_out)++], e);
		if (rc < 0)
			break;
	}
	return rc;
}

struct rotate {
	struct org *o;
	struct arena *a;
	struct span domain;
	bool at_once;
	int64_t now_sec;
	struct domain_key made[TURN];
};

static int retire(struct tx *tx, uint64_t domain_id, int64_t from_sec, int64_t now_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM dkim_key WHERE domain_id = ?1 AND gone_sec <= ?2");
	int rc;

	sql_int(q, 1, (int64_t)domain_id);
	sql_int(q, 2, now_sec);
	rc = sql_run(q, e);
	if (rc < 0)
		return rc;
	q = sql_open(tx, "UPDATE dkim_key SET to_sec = ?2, gone_sec = ?3 WHERE domain_id = ?1 AND to_sec > ?2");
	sql_int(q, 1, (int64_t)domain_id);
	sql_int(q, 2, from_sec);
	sql_int(q, 3, from_sec + DOMAIN_KEY_STAY_SEC);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

static int insert(struct rotate *r, struct tx *tx, uint64_t domain_id, const struct domain_key *k, int64_t from_sec,
	struct err *e)
{
	struct span sealed;
	struct sql *q;
	SCOPED_BUF b;
	int rc;

	buf_init(&b, TEXT_MAX);
	wire_span(&b, k->selector);
	wire_span(&b, k->public_half);
	rc = house_seal(r->o, tx, r->a, (struct seal_place){ "dkim_key", "sealed", k->id }, buf_span(&b), &sealed, e);
	if (rc < 0)
		return rc;
	q = sql_open(tx, "INSERT INTO dkim_key (id, domain_id, kind, from_sec, to_sec, gone_sec, sealed, secret)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)");
	sql_int(q, 1, (int64_t)k->id);
	sql_int(q, 2, (int64_t)domain_id);
	sql_int(q, 3, k->kind);
	sql_int(q, 4, from_sec);
	sql_int(q, 5, DOMAIN_KEY_FOREVER);
	sql_blob(q, 6, sealed);
	sql_blob(q, 7, k->secret);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

/* When may the next turn begin? 1: at once (the first keys sign from the start), 0: after the lead. */
static int first_or_next(struct rotate *r, struct tx *tx, struct err *e)
{
	struct domain_key *v;
	size_t n;
	bool any = false;

	if (domain_key_list(r->o, tx, r->a, r->domain, r->now_sec, &v, &n, e) < 0)
		return e ? e->code : ERR_BROKEN;
	for (size_t i = 0; i < n; i++) {
		any |= domain_key_signs(&v[i], r->now_sec);
		if (domain_key_waits(&v[i], r->now_sec) && !r->at_once)
			return err_set(e, ERR_EXISTS, "The next keys wait already to be used", "rotation is under way");
	}
	return !any;
}

static int put(struct tx *tx, void *arg, struct err *e)
{
	struct rotate *r = arg;
	int64_t from_sec = r->now_sec;
	uint64_t id;
	int rc = our_domain(r->o, tx, r->a, r->domain, &id, e);

	if (rc == 0)
		rc = first_or_next(r, tx, e);
	if (rc < 0)
		return rc;
	if (!rc && !r->at_once)
		from_sec += DOMAIN_KEY_LEAD_SEC;
	rc = retire(tx, id, from_sec, r->now_sec, e);
	for (size_t i = 0; i < TURN && rc == 0; i++)
		rc = insert(r, tx, id, &r->made[i], from_sec, e);
	return rc;
}

static int ask_domain(struct tx *tx, void *arg, struct err *e)
{
	struct rotate *r = arg;
	uint64_t id;
	int rc = our_domain(r->o, tx, r->a, r->domain, &id, e);

	return rc < 0 ? rc : first_or_next(r, tx, e) < 0 ? e->code : 0;
}

int domain_key_rotate(struct org *o, struct arena *a, struct span domain, bool at_once, int64_t now_sec, struct err *e)
{
	static const unsigned kinds[TURN] = { VAULT_DKIM_RSA, VAULT_DKIM_ED25519 };
	struct rotate r = { .o = o, .a = a, .domain = domain, .at_once = at_once, .now_sec = now_sec };
	int rc = store_read(org_store(o), ask_domain, &r, e);

	for (size_t i = 0; i < TURN && rc == 0; i++) {
		struct domain_key *k = &r.made[i];

		k->id = store_id(org_store(o));
		k->kind = kinds[i];
		k->selector = arena_printf(a, "%c%llx", kinds[i] == VAULT_DKIM_RSA ? 'r' : 'e', (unsigned long long)k->id);
		rc = vault_dkim_new(org_vault(o), a, k->id, k->kind, &k->secret, &k->public_half, e);
	}
	return rc < 0 ? rc : store_write(org_store(o), put, &r, e);
}

struct span domain_key_record(struct arena *a, const struct domain_key *k)
{
	SCOPED_BUF b;

	buf_init(&b, 2 * TEXT_MAX);
	buf_addf(&b, "v=DKIM1; k=%s; p=", k->kind == VAULT_DKIM_RSA ? "rsa" : "ed25519");
	base64_encode(&b, k->public_half, 0);
	return arena_span(a, buf_span(&b));
}
