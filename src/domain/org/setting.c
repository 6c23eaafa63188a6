#include "domain/org/org_impl.h"

static struct seal_place place_of(const char *name)
{
	return (struct seal_place){ "setting", name, 0 };
}

int org_setting_get(struct org *o, struct tx *tx, struct arena *a, const char *name, struct span *out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT value FROM setting WHERE name = ?1");
	int rc;

	sql_text(q, 1, span_str(name));
	rc = sql_next(q, e);
	if (rc == 0)
		return err_set(e, ERR_MISSING, "This setting has no value", "setting %s", name);
	return rc < 0 ? rc : house_unseal(o, tx, a, place_of(name), sql_col(q, 0), out, e);
}

int org_setting_set(struct org *o, struct tx *tx, const char *name, struct span value, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct span sealed;
	struct sql *q;
	int rc = house_seal(o, tx, a, place_of(name), value, &sealed, e);

	if (rc < 0)
		return rc;
	q = sql_open(tx, "INSERT INTO setting (name, value) VALUES (?1, ?2)"
		" ON CONFLICT (name) DO UPDATE SET value = excluded.value");
	sql_text(q, 1, span_str(name));
	sql_blob(q, 2, sealed);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}
