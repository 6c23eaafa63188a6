#include "base/time.h"
#include "domain/org/org_impl.h"
#include "domain/org/role.h"

struct creating {
	struct org *o;
	const struct org_first *f;
	struct account_prepared admin;
};

static int insert_house(struct tx *tx, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO account (id, kind, state, chapter_id, created_sec, send_limit)"
		" VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT (id) DO NOTHING");
	int rc;

	sql_int(q, 1, ORG_ACCOUNT_ID);
	sql_int(q, 2, ACCOUNT_ORG);
	sql_int(q, 3, ACCOUNT_ACTIVE);
	sql_int(q, 4, ORG_ROOT_CHAPTER_ID);
	sql_int(q, 5, time_real_sec());
	rc = sql_run(q, e);
	if (rc == 0)
		return err_set(e, ERR_EXISTS, "There is an organisation already", "account %d exists", ORG_ACCOUNT_ID);
	return rc < 0 ? rc : 0;
}

static int create_fn(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct creating *c = arg;
	const struct org_first *f = c->f;
	struct org *o = c->o;
	struct span name = f->name.n ? f->name : f->domain;
	int rc;

	if ((rc = insert_house(tx, e)) < 0 ||
		(rc = org_setting_set(o, tx, "organisation.name", name, e)) < 0 ||
		(rc = org_setting_set(o, tx, "organisation.language", f->language.n ? f->language : SPAN("en"), e)) < 0 ||
		(rc = domain_add(o, tx, f->domain, e)) < 0 ||
		(rc = chapter_insert(o, tx, ORG_ROOT_CHAPTER_ID, 0, name, SPAN_NONE, e)) < 0 ||
		(rc = account_insert(o, tx, a, &c->admin, e)) < 0)
		return rc;
	return admin_set(o, tx, c->admin.id, ORG_ROOT_CHAPTER_ID, ADMIN_ALL, e);
}

static int house_is_there(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT 1 FROM account WHERE id = ?1");

	(void)arg;
	sql_int(q, 1, ORG_ACCOUNT_ID);
	return sql_next(q, e);
}

int org_create(struct org *o, const struct org_first *f, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_KEY house;
	struct creating c = { .o = o, .f = f };
	struct account_new admin = { .kind = ACCOUNT_PERSON, .address = f->admin_address, .name = f->admin_name,
		.language = f->language, .password = f->password };
	int rc = store_read(o->store, house_is_there, NULL, e);

	if (rc > 0)
		return err_set(e, ERR_EXISTS, "There is an organisation already", "account %d exists", ORG_ACCOUNT_ID);
	if (rc < 0 || (rc = vault_key_new(o->vault, ORG_ACCOUNT_ID, &house, e)) < 0)
		return rc;
	org_key_put(o, ORG_ACCOUNT_ID, &house);
	rc = account_prepare(o, a, &admin, &c.admin, e);
	if (rc == 0)
		rc = store_write(o->store, create_fn, &c, e);
	if (rc < 0)
		org_forget(o);
	return rc;
}
