#include "codec/mime/mime_fold.h"
#include "base/wire.h"
#include "domain/org/org_impl.h"
#include "domain/org/role.h"

#define CHAPTER_TEXT_MAX 1000
#define CHAPTERS_MAX 10000

static int unpack(struct span plain, struct chapter *c, struct err *e)
{
	struct wire w = wire_open(plain);

	c->name = wire_get_span(&w, CHAPTER_TEXT_MAX);
	c->code = wire_get_span(&w, CHAPTER_TEXT_MAX);
	if (!wire_done(&w))
		return err_set(e, ERR_BROKEN, "Internal error", "chapter %llu is unreadable", (unsigned long long)c->id);
	return 0;
}

int chapter_list(struct org *o, struct tx *tx, struct arena *a, struct chapter **out, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, parent_id, sealed, COUNT(*) OVER () FROM chapter ORDER BY id");
	struct span plain;
	int rc;

	*out = NULL;
	*n_out = 0;
	while ((rc = sql_next(q, e)) > 0) {
		struct chapter *c;

		if (!*out)
			*out = ARENA_ARRAY(a, struct chapter, (size_t)sql_col_int(q, 3));
		c = &(*out)[(*n_out)++];
		c->id = (uint64_t)sql_col_int(q, 0);
		c->parent_id = (uint64_t)sql_col_int(q, 1);
		rc = house_unseal(o, tx, a, (struct seal_place){ "chapter", "sealed", c->id }, sql_col(q, 2), &plain, e);
		if (rc < 0 || (rc = unpack(plain, c, e)) < 0)
			break;
	}
	return rc;
}

int chapter_find(struct org *o, struct tx *tx, struct arena *a, struct span name_or_code, struct chapter *out,
	struct err *e)
{
	struct span want = mime_fold(a, name_or_code);
	struct chapter *list;
	size_t n;
	int rc = chapter_list(o, tx, a, &list, &n, e);

	if (rc < 0)
		return rc;
	for (int by_name = 0; by_name < 2; by_name++)
		for (size_t i = 0; i < n; i++) {
			struct span have = by_name ? list[i].name : list[i].code;

			if (have.n && span_eq(mime_fold(a, have), want)) {
				*out = list[i];
				return 0;
			}
		}
	return err_set(e, ERR_MISSING, "No such chapter", "chapter \"%.*s\"", SPAN_F(name_or_code));
}

static int check_new(struct org *o, struct tx *tx, struct arena *a, uint64_t parent_id, struct span name,
	struct span code, struct err *e)
{
	struct span fold_name = mime_fold(a, name), fold_code = mime_fold(a, code);
	bool parent = false;
	struct chapter *list;
	size_t n;
	int rc = chapter_list(o, tx, a, &list, &n, e);

	if (rc < 0)
		return rc;
	if (n >= CHAPTERS_MAX)
		return err_set(e, ERR_LIMIT, "Too many chapters", "%zu chapters", n);
	for (size_t i = 0; i < n; i++) {
		parent |= list[i].id == parent_id;
		if (span_eq(mime_fold(a, list[i].name), fold_name) ||
			(code.n && span_eq(mime_fold(a, list[i].code), fold_code)))
			return err_set(e, ERR_EXISTS, "There is such a chapter already", "chapter %llu",
				(unsigned long long)list[i].id);
	}
	if (!parent && parent_id != 0)
		return err_set(e, ERR_MISSING, "No such chapter", "parent %llu", (unsigned long long)parent_id);
	return 0;
}

int chapter_insert(struct org *o, struct tx *tx, uint64_t id, uint64_t parent_id, struct span name,
	struct span code, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	struct span sealed;
	struct sql *q;
	int rc;

	buf_init(&b, 2 * CHAPTER_TEXT_MAX + 8);
	wire_span(&b, name);
	wire_span(&b, code);
	if (name.n == 0 || name.n > CHAPTER_TEXT_MAX || code.n > CHAPTER_TEXT_MAX || b.failed)
		return err_set(e, ERR_PARAM, "A chapter needs a name of reasonable length", "name %zu, code %zu", name.n,
			code.n);
	rc = check_new(o, tx, a, parent_id, name, code, e);
	if (rc < 0)
		return rc;
	rc = house_seal(o, tx, a, (struct seal_place){ "chapter", "sealed", id }, buf_span(&b), &sealed, e);
	if (rc < 0)
		return rc;
	q = sql_open(tx, "INSERT INTO chapter (id, parent_id, sealed) VALUES (?1, ?2, ?3)");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, (int64_t)parent_id);
	sql_blob(q, 3, sealed);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

int chapter_add(struct org *o, struct tx *tx, uint64_t parent_id, struct span name, struct span code,
	uint64_t *id_out, struct err *e)
{
	*id_out = tx_id(tx);
	return chapter_insert(o, tx, *id_out, parent_id ? parent_id : ORG_ROOT_CHAPTER_ID, name, code, e);
}

int chapter_within(struct tx *tx, uint64_t inner, uint64_t outer, bool *yes_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "WITH RECURSIVE up (id) AS (SELECT id FROM chapter WHERE id = ?1"
		" UNION SELECT c.parent_id FROM chapter c JOIN up ON c.id = up.id)"
		" SELECT COUNT(*) FROM up WHERE id = ?2");
	int rc;

	sql_int(q, 1, (int64_t)inner);
	sql_int(q, 2, (int64_t)outer);
	rc = sql_next(q, e);
	*yes_out = rc > 0 && outer != 0 && sql_col_int(q, 0) > 0;
	return rc < 0 ? rc : 0;
}

/* ---- administration ---- */

int admin_set(struct org *o, struct tx *tx, uint64_t account_id, uint64_t chapter_id, uint32_t rights, struct err *e)
{
	uint64_t chapter = chapter_id ? chapter_id : ORG_ROOT_CHAPTER_ID;
	SCOPED_ARENA a = arena_new();
	struct account who;
	bool there;
	struct sql *q;
	int rc;

	if ((rc = chapter_within(tx, chapter, chapter, &there, e)) < 0 ||
		(rc = account_get(o, tx, a, account_id, &who, e)) < 0)
		return rc;
	if (!there)
		return err_set(e, ERR_MISSING, "No such chapter", "chapter %llu", (unsigned long long)chapter);
	if (rights & ~(uint32_t)ADMIN_ALL || who.kind != ACCOUNT_PERSON)
		return err_set(e, ERR_PARAM, "Only people can be administrators", "kind %d, rights %u", who.kind, rights);
	q = sql_open(tx, "DELETE FROM admin_right WHERE account_id = ?1 AND chapter_id = ?2");
	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, (int64_t)chapter);
	rc = sql_run(q, e);
	if (rc < 0 || rights == 0)
		return rc < 0 ? rc : admin_need_one(tx, e);
	q = sql_open(tx, "INSERT INTO admin_right (account_id, chapter_id, rights) VALUES (?1, ?2, ?3)");
	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, (int64_t)chapter);
	sql_int(q, 3, rights);
	rc = sql_run(q, e);
	return rc < 0 ? rc : admin_need_one(tx, e);
}

int admin_need_one(struct tx *tx, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT COUNT(*) FROM admin_right r JOIN account c ON c.id = r.account_id"
		" WHERE r.chapter_id = ?1 AND (r.rights & ?2) = ?2 AND c.state = ?3");
	int rc;

	sql_int(q, 1, ORG_ROOT_CHAPTER_ID);
	sql_int(q, 2, ADMIN_ALL);
	sql_int(q, 3, ACCOUNT_ACTIVE);
	rc = sql_next(q, e);
	if (rc > 0 && sql_col_int(q, 0) == 0)
		return err_set(e, ERR_DENIED, "This is the last administrator", "no other with all rights");
	return rc < 0 ? rc : 0;
}

int admin_list(struct tx *tx, struct arena *a, struct admin_row **out, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT account_id, chapter_id, rights, COUNT(*) OVER () FROM admin_right"
		" ORDER BY chapter_id, account_id");
	int rc;

	*out = NULL;
	*n_out = 0;
	while ((rc = sql_next(q, e)) > 0) {
		if (!*out)
			*out = ARENA_ARRAY(a, struct admin_row, (size_t)sql_col_int(q, 3));
		(*out)[(*n_out)++] = (struct admin_row){ (uint64_t)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1),
			(uint32_t)sql_col_int(q, 2) };
	}
	return rc;
}

int admin_rights(struct tx *tx, uint64_t account_id, uint64_t chapter_id, uint32_t *rights_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "WITH RECURSIVE up (id) AS (SELECT id FROM chapter WHERE id = ?1"
		" UNION SELECT c.parent_id FROM chapter c JOIN up ON c.id = up.id)"
		" SELECT r.rights FROM admin_right r JOIN up ON up.id = r.chapter_id WHERE r.account_id = ?2");
	int rc;

	*rights_out = 0;
	sql_int(q, 1, (int64_t)(chapter_id ? chapter_id : ORG_ROOT_CHAPTER_ID));
	sql_int(q, 2, (int64_t)account_id);
	while ((rc = sql_next(q, e)) > 0)
		*rights_out |= (uint32_t)sql_col_int(q, 0);
	return rc;
}
