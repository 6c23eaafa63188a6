#include "codec/smtp/smtp_address.h"
#include "domain/org/address.h"
#include "domain/org/org_impl.h"

static int normal(struct arena *a, struct span domain, struct span *out, struct err *e)
{
	if (domain.n == 0 || domain.p[0] == '[' || smtp_domain_unicode(a, domain, out, NULL) < 0)
		return err_set(e, ERR_PARAM, "This is not a domain name", "domain \"%.*s\"", SPAN_F(domain));
	return 0;
}

int domain_id(struct org *o, struct tx *tx, struct span domain, uint64_t *id_out, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	SCOPED_SQL q = NULL;
	int rc = org_lookup(o, tx, "domain", domain, lookup, e);

	if (rc < 0)
		return rc;
	q = sql_open(tx, "SELECT id FROM domain WHERE lookup = ?1");
	sql_blob(q, 1, SPAN_BYTES(lookup, sizeof(lookup)));
	rc = sql_next(q, e);
	if (rc == 0)
		return err_set(e, ERR_MISSING, "This domain is not ours", "no such domain");
	if (rc < 0)
		return rc;
	*id_out = (uint64_t)sql_col_int(q, 0);
	return 0;
}

int domain_find(struct org *o, struct tx *tx, struct span domain, uint64_t *id_out, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct span name;

	return normal(a, domain, &name, e) < 0 ? e->code : domain_id(o, tx, name, id_out, e);
}

bool domain_is_local(struct org *o, struct tx *tx, struct span domain)
{
	SCOPED_ARENA a = arena_new();
	struct err e = ERR_INIT;
	struct span name;
	uint64_t id;

	return normal(a, domain, &name, &e) == 0 && domain_id(o, tx, name, &id, &e) == 0;
}

int domain_add(struct org *o, struct tx *tx, struct span domain, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	unsigned char lookup[SEAL_LOOKUP_LEN];
	struct span name, sealed;
	uint64_t id = tx_id(tx);
	struct sql *q;
	int rc;

	if ((rc = normal(a, domain, &name, e)) < 0 ||
		(rc = org_lookup(o, tx, "domain", name, lookup, e)) < 0 ||
		(rc = house_seal(o, tx, a, (struct seal_place){ "domain", "sealed", id }, name, &sealed, e)) < 0)
		return rc;
	q = sql_open(tx, "INSERT INTO domain (id, lookup, sealed) VALUES (?1, ?2, ?3) ON CONFLICT (lookup) DO NOTHING");
	sql_int(q, 1, (int64_t)id);
	sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_blob(q, 3, sealed);
	rc = sql_run(q, e);
	if (rc == 0)
		return err_set(e, ERR_EXISTS, "This domain is there already", "domain %.*s", SPAN_F(name));
	return rc < 0 ? rc : 0;
}

static int count_addresses(struct tx *tx, uint64_t id, int64_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT COUNT(*) FROM address WHERE domain_id = ?1");
	int rc;

	sql_int(q, 1, (int64_t)id);
	rc = sql_next(q, e);
	*n_out = rc > 0 ? sql_col_int(q, 0) : 0;
	return rc < 0 ? rc : 0;
}

int domain_remove(struct org *o, struct tx *tx, struct span domain, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct span name;
	uint64_t id;
	int64_t n;
	struct sql *q;
	int rc;

	if ((rc = normal(a, domain, &name, e)) < 0 || (rc = domain_id(o, tx, name, &id, e)) < 0 ||
		(rc = count_addresses(tx, id, &n, e)) < 0)
		return rc;
	if (n > 0)
		return err_set(e, ERR_EXISTS, "The domain still has addresses", "domain %.*s: %lld addresses",
			SPAN_F(name), (long long)n);
	q = sql_open(tx, "DELETE FROM dkim_key WHERE domain_id = ?1");
	sql_int(q, 1, (int64_t)id);
	rc = sql_run(q, e);
	if (rc < 0)
		return rc;
	q = sql_open(tx, "DELETE FROM domain WHERE id = ?1");
	sql_int(q, 1, (int64_t)id);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

int domain_list(struct org *o, struct tx *tx, struct arena *a, struct span **out, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, sealed, COUNT(*) OVER () FROM domain ORDER BY id");
	int rc;

	*out = NULL;
	*n_out = 0;
	while ((rc = sql_next(q, e)) > 0) {
		struct seal_place at = { "domain", "sealed", (uint64_t)sql_col_int(q, 0) };

		if (!*out)
			*out = ARENA_ARRAY(a, struct span, (size_t)sql_col_int(q, 2));
		rc = house_unseal(o, tx, a, at, sql_col(q, 1), &(*out)[*n_out], e);
		if (rc < 0)
			break;
		++*n_out;
	}
	return rc;
}
