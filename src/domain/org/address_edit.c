/* Changing addresses; address.c follows them. */
#include "domain/org/address.h"
#include "domain/org/org_impl.h"
#include "codec/smtp/smtp_address.h"

int address_insert(struct org *o, struct tx *tx, struct arena *a, enum address_kind kind, struct span normalised,
	uint64_t account_id, uint64_t *id_out, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	uint64_t id = tx_id(tx), domain = 0;
	struct span sealed;
	struct sql *q;
	int rc;

	rc = domain_id(o, tx, address_domain(normalised), &domain, e);
	if (rc == ERR_MISSING) {
		err_clear(e);
		return err_set(e, ERR_PARAM, "The domain of this address is not ours", "address %.*s",
			SPAN_F(normalised));
	}
	if (rc < 0 || (rc = org_lookup(o, tx, "address", normalised, lookup, e)) < 0 ||
		(rc = house_seal(o, tx, a, (struct seal_place){ "address", "sealed", id }, normalised, &sealed, e)) < 0)
		return rc;
	q = sql_open(tx, "INSERT INTO address (id, lookup, kind, account_id, domain_id, sealed)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (lookup) DO NOTHING");
	sql_int(q, 1, (int64_t)id);
	sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_int(q, 3, kind);
	sql_int(q, 4, (int64_t)account_id);
	sql_int(q, 5, (int64_t)domain);
	sql_blob(q, 6, sealed);
	rc = sql_run(q, e);
	if (rc == 0)
		return err_set(e, ERR_EXISTS, "This address is taken", "address %.*s", SPAN_F(normalised));
	if (rc > 0)
		*id_out = id;
	return rc < 0 ? rc : 0;
}

int address_add(struct org *o, struct tx *tx, struct span address, uint64_t account_id, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct span normalised, primary;
	uint64_t id;
	int rc;

	if ((rc = address_normal(a, address, false, &normalised, e)) < 0 ||
		(rc = address_primary(o, tx, a, account_id, &primary, e)) < 0)
		return rc;
	return address_insert(o, tx, a, ADDRESS_ADDITIONAL, normalised, account_id, &id, e);
}

/* ---- alias, group, catch-all ---- */

/* Spelling of a target: local part as the owner wrote it (other houses may care), domain as U-label. */
static int target_spelling(struct arena *a, struct span text, struct span *out, struct err *e)
{
	struct smtp_address s;
	struct span domain, normalised;
	int rc = address_normal(a, text, false, &normalised, e);

	if (rc < 0)
		return rc;
	if (smtp_address_split(a, text, &s, e) < 0)
		return e->code;
	if (!s.domain.p) {
		*out = normalised;
		return 0;
	}
	if (s.literal)
		domain = s.domain;
	else if (smtp_domain_unicode(a, s.domain, &domain, e) < 0)
		return e->code;
	*out = smtp_address_join(a, s.local, domain);
	return 0;
}

static int drop_targets(struct tx *tx, uint64_t address_id, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM address_target WHERE address_id = ?1");
	int rc;

	sql_int(q, 1, (int64_t)address_id);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

static int put_target(struct org *o, struct tx *tx, struct arena *a, uint64_t address_id, size_t position,
	struct span target, struct err *e)
{
	struct span text, sealed;
	struct sql *q;
	int rc;

	if ((rc = target_spelling(a, target, &text, e)) < 0 ||
		(rc = house_seal(o, tx, a, (struct seal_place){ "address_target", "sealed", address_id }, text,
			&sealed, e)) < 0)
		return rc;
	q = sql_open(tx, "INSERT INTO address_target (address_id, position, sealed) VALUES (?1, ?2, ?3)");
	sql_int(q, 1, (int64_t)address_id);
	sql_int(q, 2, (int64_t)position);
	sql_blob(q, 3, sealed);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

static int set_kind(struct tx *tx, uint64_t address_id, enum address_kind kind, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE address SET kind = ?2 WHERE id = ?1");
	int rc;

	sql_int(q, 1, (int64_t)address_id);
	sql_int(q, 2, kind);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

int address_set(struct org *o, struct tx *tx, enum address_kind kind, struct span address,
	const struct span *targets, size_t n, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct err none = ERR_INIT;
	struct address_hit hit;
	struct span normalised;
	uint64_t id = 0;
	int rc;

	if (kind < ADDRESS_ALIAS || (kind == ADDRESS_ALIAS && n == 0))
		return err_set(e, ERR_PARAM, "An alias needs a target", "address_set");
	if (n > ADDRESS_EXPAND_MAX)
		return err_set(e, ERR_LIMIT, "Too many targets", "%zu targets", n);
	rc = address_normal(a, address, true, &normalised, e);
	if (rc < 0)
		return rc;
	rc = address_hit(o, tx, normalised, &hit, &none);
	if (rc == ERR_MISSING) {
		rc = address_insert(o, tx, a, kind, normalised, 0, &id, e);
	} else if (rc < 0) {
		return err_set(e, rc, none.say, "%s", none.log);
	} else if (hit.kind < ADDRESS_ALIAS) {
		return err_set(e, ERR_EXISTS, "This address is taken", "belongs to account %llu",
			(unsigned long long)hit.account_id);
	} else {
		id = hit.id;
		rc = drop_targets(tx, id, e);
		if (rc == 0)
			rc = set_kind(tx, id, kind, e);
	}
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = put_target(o, tx, a, id, i, targets[i], e);
	return rc;
}

int address_remove(struct org *o, struct tx *tx, struct span address, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct address_hit hit;
	struct span normalised;
	struct sql *q;
	int rc;

	if ((rc = address_normal(a, address, true, &normalised, e)) < 0 ||
		(rc = address_hit(o, tx, normalised, &hit, e)) < 0)
		return rc;
	if (hit.kind == ADDRESS_PRIMARY)
		return err_set(e, ERR_DENIED, "This is the main address of an account", "account %llu",
			(unsigned long long)hit.account_id);
	rc = drop_targets(tx, hit.id, e);
	if (rc < 0)
		return rc;
	q = sql_open(tx, "DELETE FROM address WHERE id = ?1");
	sql_int(q, 1, (int64_t)hit.id);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

/* ---- the list ---- */

static int list_targets(struct org *o, struct tx *tx, struct arena *a, struct address_row *rows,
	const uint64_t *ids, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		SCOPED_SQL q = NULL;
		int rc;

		if (rows[i].kind < ADDRESS_ALIAS)
			continue;
		q = sql_open(tx, "SELECT position, sealed, COUNT(*) OVER () FROM address_target"
			" WHERE address_id = ?1 ORDER BY position");
		sql_int(q, 1, (int64_t)ids[i]);
		while ((rc = sql_next(q, e)) > 0) {
			struct address_row *r = &rows[i];

			if (!r->targets)
				r->targets = ARENA_ARRAY(a, struct span, (size_t)sql_col_int(q, 2));
			rc = house_unseal(o, tx, a, (struct seal_place){ "address_target", "sealed", ids[i] },
				sql_col(q, 1), &r->targets[r->n_targets], e);
			if (rc < 0)
				return rc;
			r->n_targets++;
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

int address_list(struct org *o, struct tx *tx, struct arena *a, struct address_row **out, size_t *n_out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, kind, account_id, sealed, COUNT(*) OVER () FROM address"
		" ORDER BY domain_id, id");
	uint64_t *ids = NULL;
	size_t n = 0;
	int rc;

	*out = NULL;
	while ((rc = sql_next(q, e)) > 0) {
		uint64_t id = (uint64_t)sql_col_int(q, 0);
		struct address_row *r;

		if (!*out) {
			*out = ARENA_ARRAY(a, struct address_row, (size_t)sql_col_int(q, 4));
			ids = ARENA_ARRAY(a, uint64_t, (size_t)sql_col_int(q, 4));
		}
		r = &(*out)[n];
		ids[n++] = id;
		r->kind = (enum address_kind)sql_col_int(q, 1);
		r->account_id = (uint64_t)sql_col_int(q, 2);
		rc = house_unseal(o, tx, a, (struct seal_place){ "address", "sealed", id }, sql_col(q, 3),
			&r->address, e);
		if (rc < 0)
			return rc;
	}
	*n_out = n;
	return rc < 0 ? rc : list_targets(o, tx, a, *out, ids, n, e);
}

int address_find_group(struct org *o, struct tx *tx, struct arena *a, struct span address, struct address_row **out,
	struct err *e)
{
	struct address_hit hit;
	struct span normalised;
	int rc;

	if ((rc = address_normal(a, address, false, &normalised, e)) < 0 ||
		(rc = address_hit(o, tx, normalised, &hit, e)) < 0)
		return rc;
	if (hit.kind != ADDRESS_GROUP)
		return err_set(e, ERR_MISSING, "No such group", "address is of kind %d", hit.kind);
	*out = ARENA_NEW(a, struct address_row);
	**out = (struct address_row){ .id = hit.id, .kind = ADDRESS_GROUP, .address = normalised };
	return list_targets(o, tx, a, *out, &hit.id, 1, e);
}

int address_name(struct org *o, struct tx *tx, struct arena *a, uint64_t address_id, struct span *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT sealed FROM address WHERE id = ?1");
	int rc;

	sql_int(q, 1, (int64_t)address_id);
	rc = sql_next(q, e);
	if (rc == 0)
		return err_set(e, ERR_MISSING, "No such address", "address %llu", (unsigned long long)address_id);
	return rc < 0 ? rc : house_unseal(o, tx, a, (struct seal_place){ "address", "sealed", address_id }, sql_col(q, 0), out, e);
}

int address_group_has(struct org *o, struct tx *tx, struct arena *a, uint64_t group_id, uint64_t account_id, bool *yes_out,
	struct err *e)
{
	struct span name;
	int rc = address_name(o, tx, a, group_id, &name, e);

	*yes_out = false;
	if (rc == 0)
		rc = address_leads_to(o, tx, a, name, account_id, yes_out, e);
	if (rc == ERR_MISSING || rc == ERR_LIMIT) {
		err_clear(e);
		rc = 0;
	}
	return rc;
}

bool address_same(struct arena *a, struct span x, struct span y)
{
	struct span nx, ny;

	return address_normal(a, x, false, &nx, NULL) == 0 && address_normal(a, y, false, &ny, NULL) == 0 &&
		span_eq(nx, ny);
}
