/* Account keys between the vault's file and the store's rows: moved, swept, compared after a restore. */
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/time.h"
#include "domain/org/org_impl.h"

#define MOVE_MAX 256
#define SETTLED_SEC 600

/* ---- from rows of an older store to the vault ---- */

struct moving {
	struct arena *a;
	uint64_t ids[MOVE_MAX];
	struct span wrapped[MOVE_MAX];
	size_t n;
};

static int read_rows(struct tx *tx, void *arg, struct err *e)
{
	struct moving *m = arg;
	SCOPED_SQL q = sql_open(tx, "SELECT id, wrapped_key FROM account WHERE wrapped_key IS NOT NULL ORDER BY id LIMIT 256");
	int rc;

	_Static_assert(MOVE_MAX == 256, "in the SQL");
	m->n = 0;
	while ((rc = sql_next(q, e)) > 0) {
		m->ids[m->n] = (uint64_t)sql_col_int(q, 0);
		m->wrapped[m->n++] = arena_span(m->a, sql_col(q, 1));
	}
	return rc;
}

static int empty_rows(struct tx *tx, void *arg, struct err *e)
{
	const struct moving *m = arg;

	for (size_t i = 0; i < m->n; i++) {
		struct sql *q = sql_open(tx, "UPDATE account SET wrapped_key = NULL WHERE id = ?1");
		int rc;

		sql_int(q, 1, (int64_t)m->ids[i]);
		rc = sql_run(q, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool moved(struct org *o)
{
	bool done;

	pthread_rwlock_rdlock(&o->lock);
	done = o->moved;
	pthread_rwlock_unlock(&o->lock);
	return done;
}

/* A crash in between leaves a key in both places; the next start goes on. */
static int move_all(struct org *o, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct moving m = { .a = a };
	size_t n = 0;
	int rc;

	while ((rc = store_read(o->store, read_rows, &m, e)) >= 0 && m.n) {
		if ((rc = vault_key_put(o->vault, m.n, m.ids, m.wrapped, e)) < 0 ||
			(rc = store_write(o->store, empty_rows, &m, e)) < 0)
			return rc;
		n += m.n;
		arena_reset(a);
	}
	if (rc < 0)
		return rc;
	if (n)
		log_msg("keys_moved", "%zu account keys from the store to the vault", n);
	pthread_rwlock_wrlock(&o->lock);
	o->moved = true;
	pthread_rwlock_unlock(&o->lock);
	return 0;
}

int org_keys_move(struct org *o, struct err *e)
{
	int rc;

	pthread_mutex_lock(&o->moving);
	rc = moved(o) ? 0 : move_all(o, e);
	pthread_mutex_unlock(&o->moving);
	return rc;
}

static int any_row(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT 1 FROM account WHERE wrapped_key IS NOT NULL LIMIT 1");

	(void)arg;
	return sql_next(q, e);
}

int org_keys_in_vault(struct store *s, struct err *e)
{
	int rc = store_read(s, any_row, NULL, e);

	return rc <= 0 ? rc : err_set(e, ERR_LATER, "The house has to be opened first: account keys are still in the store",
		"account keys in the store");
}

/* ---- what has no account ---- */

static int account_state_of(struct tx *tx, uint64_t id, int64_t *state_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT state FROM account WHERE id = ?1");
	int rc;

	sql_int(q, 1, (int64_t)id);
	rc = sql_next(q, e);
	if (rc > 0)
		*state_out = sql_col_int(q, 0);
	return rc;
}

struct sweeping {
	uint64_t below;
	const uint64_t *ids;
	size_t n, dead_n;
	uint64_t dead[VAULT_IDS_MAX];
};

static int find_dead(struct tx *tx, void *arg, struct err *e)
{
	struct sweeping *s = arg;
	int64_t state;
	int rc = account_state_of(tx, ORG_ACCOUNT_ID, &state, e);

	if (rc <= 0)
		return rc < 0 ? rc : err_set(e, ERR_BROKEN, "Internal error", "keys, but no organisation: nothing is swept");
	s->dead_n = 0;
	for (size_t i = 0; i < s->n; i++) {
		rc = account_state_of(tx, s->ids[i], &state, e);
		if (rc < 0)
			return rc;
		if (rc > 0 ? state == ACCOUNT_REMOVED : s->ids[i] < s->below)
			s->dead[s->dead_n++] = s->ids[i];
	}
	return 0;
}

static int sweep_list(struct org *o, struct sweeping *s, uint64_t *ids, uint64_t *destroyed, struct err *e)
{
	uint64_t after = 0;
	int rc = 0;

	do {
		if ((rc = vault_key_list(o->vault, after, ids, &s->n, e)) < 0 || s->n == 0)
			break;
		s->ids = ids;
		after = ids[s->n - 1];
		rc = store_read(o->store, find_dead, s, e);
		if (rc == 0 && s->dead_n)
			rc = vault_key_destroy(o->vault, s->dead_n, s->dead, e);
		*destroyed += rc == 0 ? s->dead_n : 0;
	} while (rc == 0 && s->n == VAULT_IDS_MAX);
	return rc < 0 ? rc : 0;
}

/* Ids grow. What was made before a mark that is ten minutes old (by the clock that is never set) is an account by now,
 * or will never be one; after a start the first mark is yet to be set, so nothing is. */
static uint64_t orphans_below(struct org *o)
{
	uint64_t mark = store_id(o->store), below;
	int64_t now = time_mono_us();

	pthread_rwlock_wrlock(&o->lock);
	if (!o->mark || now - o->mark_us >= SETTLED_SEC * US_PER_SEC) {
		o->orphans_below = o->mark;
		o->mark = mark;
		o->mark_us = now;
	}
	below = o->orphans_below;
	pthread_rwlock_unlock(&o->lock);
	return below;
}

int org_keys_sweep(struct org *o, uint64_t *destroyed_out, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct sweeping *s = ARENA_NEW(a, struct sweeping);

	*destroyed_out = 0;
	s->below = orphans_below(o);
	return sweep_list(o, s, ARENA_ARRAY(a, uint64_t, VAULT_IDS_MAX), destroyed_out, e);
}

static int is_removed(struct tx *tx, void *arg, struct err *e)
{
	int64_t state = ACCOUNT_ACTIVE;
	int rc = account_state_of(tx, *(uint64_t *)arg, &state, e);

	return rc < 0 ? rc : state == ACCOUNT_REMOVED;
}

int account_remove_key(struct org *o, uint64_t id, struct err *e)
{
	int rc = store_read(o->store, is_removed, &id, e);

	if (rc <= 0)
		return rc < 0 ? rc : err_set(e, ERR_BUSY, "Internal error", "account %llu is not removed", (unsigned long long)id);
	org_forget_account(o, id);
	return vault_key_destroy(o->vault, 1, &id, e);
}

/* ---- after a restore ---- */

struct comparing {
	const uint64_t *ids;
	size_t n;
	uint64_t removed;
};

static int by_id(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return (a > b) - (a < b);
}

static int list_live(struct tx *tx, struct arena *a, uint64_t **out, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, COUNT(*) OVER () FROM account WHERE state <> 3");
	int rc;

	*out = NULL;
	*n_out = 0;
	while ((rc = sql_next(q, e)) > 0) {
		if (!*out)
			*out = ARENA_ARRAY(a, uint64_t, (size_t)sql_col_int(q, 1));
		(*out)[(*n_out)++] = (uint64_t)sql_col_int(q, 0);
	}
	return rc;
}

static int compare(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct comparing *c = arg;
	uint64_t *live;
	size_t n;
	int rc = list_live(tx, a, &live, &n, e);

	c->removed = 0;
	for (size_t i = 0; i < n && rc >= 0; i++)
		if (!bsearch(&live[i], c->ids, c->n, sizeof(*c->ids), by_id)) {
			rc = account_clear(tx, live[i], e);
			c->removed++;
		}
	if (rc < 0)
		return rc;
	rc = sql_run(sql_open(tx, "UPDATE account SET wrapped_key = NULL WHERE wrapped_key IS NOT NULL"), e);
	return rc < 0 ? rc : 0;
}

int org_keys_restored(struct store *s, const uint64_t *ids, size_t n, uint64_t *removed_out, struct err *e)
{
	static const uint64_t house = ORG_ACCOUNT_ID;
	struct comparing c = { ids, n, 0 };
	int rc;

	if (!bsearch(&house, ids, n, sizeof(*ids), by_id))
		return err_set(e, ERR_PARAM, "These keys are incomplete", "the house's own key is not among them");
	rc = store_write(s, compare, &c, e);
	*removed_out = c.removed;
	return rc;
}
