#include "domain/org/role.h"
#include <stdlib.h>
#include "domain/org/org_impl.h"

static int kind_of(struct tx *tx, uint64_t id, enum account_kind want, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT kind FROM account WHERE id = ?1 AND state <> 3");
	int rc;

	sql_int(q, 1, (int64_t)id);
	rc = sql_next(q, e);
	if (rc == 0)
		return err_set(e, ERR_MISSING, "No such account", "account %llu", (unsigned long long)id);
	if (rc > 0 && sql_col_int(q, 0) != (int64_t)want)
		return err_set(e, ERR_PARAM, "An office is held by a person", "account %llu is of kind %lld",
			(unsigned long long)id, (long long)sql_col_int(q, 0));
	return rc < 0 ? rc : 0;
}

/* Another term (not `but`) of the same pair that has a second in common with [from, to). */
static int check_overlap(struct tx *tx, const struct term *t, uint64_t but, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id FROM term WHERE role_id = ?1 AND holder_id = ?2 AND id <> ?3"
		" AND (to_sec = 0 OR to_sec > ?4) AND (?5 = 0 OR from_sec < ?5)"
		" AND (to_sec = 0 OR to_sec > from_sec)");
	int rc;

	sql_int(q, 1, (int64_t)t->role_id);
	sql_int(q, 2, (int64_t)t->holder_id);
	sql_int(q, 3, (int64_t)but);
	sql_int(q, 4, t->from_sec);
	sql_int(q, 5, t->to_sec);
	rc = sql_next(q, e);
	if (rc > 0)
		return err_set(e, ERR_EXISTS, "The same person holds this office in that time already", "term %lld",
			(long long)sql_col_int(q, 0));
	return rc;
}

int term_add(struct org *o, struct tx *tx, const struct term *t, uint64_t *id_out, struct err *e)
{
	struct sql *q;
	int rc;

	(void)o;
	if (t->from_sec < 0 || t->to_sec < 0 || (t->to_sec && t->to_sec <= t->from_sec))
		return err_set(e, ERR_PARAM, "The term ends before it starts", "from %lld to %lld", (long long)t->from_sec,
			(long long)t->to_sec);
	if (t->rights == 0 || t->rights & ~(uint32_t)RIGHT_ALL)
		return err_set(e, ERR_PARAM, "A term needs rights", "rights %u", t->rights);
	if ((rc = kind_of(tx, t->role_id, ACCOUNT_ROLE, e)) < 0 ||
		(rc = kind_of(tx, t->holder_id, ACCOUNT_PERSON, e)) < 0 || (rc = check_overlap(tx, t, 0, e)) < 0)
		return rc;
	*id_out = tx_id(tx);
	q = sql_open(tx, "INSERT INTO term (id, role_id, holder_id, from_sec, to_sec, rights)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	sql_int(q, 1, (int64_t)*id_out);
	sql_int(q, 2, (int64_t)t->role_id);
	sql_int(q, 3, (int64_t)t->holder_id);
	sql_int(q, 4, t->from_sec);
	sql_int(q, 5, t->to_sec);
	sql_int(q, 6, t->rights);
	rc = sql_run(q, e);
	if (rc < 0)
		return rc;
	tx_publish(tx, (struct change){ .account_id = t->holder_id, .object_id = t->role_id, .kind = FEED_ORG });
	return 0;
}

static void from_row(struct sql *q, struct term *t)
{
	*t = (struct term){ (uint64_t)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1), (uint64_t)sql_col_int(q, 2),
		sql_col_int(q, 3), sql_col_int(q, 4), (uint32_t)sql_col_int(q, 5) };
}

static int term_get(struct tx *tx, uint64_t term_id, struct term *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, role_id, holder_id, from_sec, to_sec, rights FROM term WHERE id = ?1");
	int rc;

	sql_int(q, 1, (int64_t)term_id);
	rc = sql_next(q, e);
	if (rc == 0)
		return err_set(e, ERR_MISSING, "No such term of office", "term %llu", (unsigned long long)term_id);
	if (rc < 0)
		return rc;
	from_row(q, out);
	return 0;
}

int term_end(struct org *o, struct tx *tx, uint64_t term_id, int64_t to_sec, struct err *e)
{
	struct term t;
	struct sql *q;
	int rc = term_get(tx, term_id, &t, e);

	(void)o;
	if (rc < 0)
		return rc;
	if (to_sec <= 0 || to_sec < t.from_sec)
		return err_set(e, ERR_PARAM, "The term ends before it starts", "from %lld to %lld", (long long)t.from_sec,
			(long long)to_sec);
	t.to_sec = to_sec;
	if (to_sec > t.from_sec && (rc = check_overlap(tx, &t, term_id, e)) < 0)
		return rc;
	q = sql_open(tx, "UPDATE term SET to_sec = ?2 WHERE id = ?1");
	sql_int(q, 1, (int64_t)term_id);
	sql_int(q, 2, to_sec);
	rc = sql_run(q, e);
	if (rc < 0)
		return rc;
	tx_publish(tx, (struct change){ .account_id = t.holder_id, .object_id = t.role_id, .kind = FEED_ORG });
	return 0;
}

int term_list(struct org *o, struct tx *tx, struct arena *a, uint64_t role_id, uint64_t holder_id,
	struct term **out, size_t *n_out, struct err *e)
{
	/* Two texts, so that each finds its index. */
	SCOPED_SQL q = role_id ?
		sql_open(tx, "SELECT id, role_id, holder_id, from_sec, to_sec, rights, COUNT(*) OVER () FROM term"
			" WHERE role_id = ?1 AND (?2 = 0 OR holder_id = ?2) ORDER BY from_sec, id") :
		sql_open(tx, "SELECT id, role_id, holder_id, from_sec, to_sec, rights, COUNT(*) OVER () FROM term"
			" WHERE holder_id = ?2 AND ?1 = 0 ORDER BY from_sec, id");
	int rc;

	(void)o;
	*out = NULL;
	*n_out = 0;
	sql_int(q, 1, (int64_t)role_id);
	sql_int(q, 2, (int64_t)holder_id);
	while ((rc = sql_next(q, e)) > 0) {
		if (!*out)
			*out = ARENA_ARRAY(a, struct term, (size_t)sql_col_int(q, 6));
		from_row(q, &(*out)[(*n_out)++]);
	}
	return rc;
}

int role_rights(struct tx *tx, uint64_t role_id, uint64_t holder_id, int64_t now_sec, uint32_t *rights_out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT t.rights FROM term t JOIN account c ON c.id = t.role_id"
		" WHERE t.role_id = ?1 AND t.holder_id = ?2 AND t.from_sec <= ?3 AND (t.to_sec = 0 OR t.to_sec > ?3)"
		" AND c.state = 1");
	int rc;

	_Static_assert(ACCOUNT_ACTIVE == 1, "in the SQL");
	*rights_out = 0;
	sql_int(q, 1, (int64_t)role_id);
	sql_int(q, 2, (int64_t)holder_id);
	sql_int(q, 3, now_sec);
	while ((rc = sql_next(q, e)) > 0)
		*rights_out |= (uint32_t)sql_col_int(q, 0);
	return rc;
}

static int by_address(const void *x, const void *y)
{
	return span_cmp(((const struct role_access *)x)->address, ((const struct role_access *)y)->address);
}

int role_access_list(struct org *o, struct tx *tx, struct arena *a, uint64_t holder_id, int64_t now_sec,
	struct role_access **out, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT t.role_id, t.rights, COUNT(*) OVER () FROM term t"
		" JOIN account c ON c.id = t.role_id WHERE t.holder_id = ?1 AND t.from_sec <= ?2"
		" AND (t.to_sec = 0 OR t.to_sec > ?2) AND c.state = 1 ORDER BY t.role_id");
	size_t n = 0;
	int rc;

	*out = NULL;
	*n_out = 0;
	sql_int(q, 1, (int64_t)holder_id);
	sql_int(q, 2, now_sec);
	while ((rc = sql_next(q, e)) > 0) {
		uint64_t role_id = (uint64_t)sql_col_int(q, 0);

		if (!*out)
			*out = ARENA_ARRAY(a, struct role_access, (size_t)sql_col_int(q, 2));
		if (n == 0 || (*out)[n - 1].role_id != role_id)
			(*out)[n++].role_id = role_id;
		(*out)[n - 1].rights |= (uint32_t)sql_col_int(q, 1);
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct account role;

		rc = account_get(o, tx, a, (*out)[i].role_id, &role, e);
		if (rc < 0)
			break;
		(*out)[i].address = role.address;
		(*out)[i].name = role.name;
	}
	if (rc < 0)
		return rc;
	if (n)
		qsort(*out, n, sizeof(**out), by_address);
	*n_out = n;
	return 0;
}
