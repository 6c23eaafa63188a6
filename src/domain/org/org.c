#include "domain/org/org_impl.h"
#include <stdlib.h>
#include <uthash.h>

struct key_entry {
	uint64_t id;
	bool buried;
	struct seal_key key;
	UT_hash_handle hh;
};

struct org *org_new(struct store *s, struct vault_client *v)
{
	struct org *o = calloc(1, sizeof(*o));

	if (!o)
		abort();
	o->store = s;
	o->vault = v;
	o->guard = guard_new();
	pthread_rwlock_init(&o->lock, NULL);
	pthread_mutex_init(&o->moving, NULL);
	return o;
}

void org_free(struct org *o)
{
	if (!o)
		return;
	org_forget(o);
	guard_free(o->guard);
	pthread_rwlock_destroy(&o->lock);
	pthread_mutex_destroy(&o->moving);
	free(o);
}

struct vault_client *org_vault(struct org *o)
{
	return o->vault;
}

struct store *org_store(struct org *o)
{
	return o->store;
}

/* ---- the cache of keys ---- */

void org_forget(struct org *o)
{
	struct key_entry *k, *next;

	pthread_rwlock_wrlock(&o->lock);
	o->epoch++;
	HASH_ITER(hh, o->keys, k, next) {
		HASH_DEL(o->keys, k);
		seal_key_wipe(&k->key);
		free(k);
	}
	pthread_rwlock_unlock(&o->lock);
}

void org_forget_account(struct org *o, uint64_t account_id)
{
	struct key_entry *k;

	pthread_rwlock_wrlock(&o->lock);
	HASH_FIND(hh, o->keys, &account_id, sizeof(account_id), k);
	if (k) {
		seal_key_wipe(&k->key);
		if (!k->buried) {
			HASH_DEL(o->keys, k);
			free(k);
		}
	}
	pthread_rwlock_unlock(&o->lock);
}

/* With the lock held for writing. */
static struct key_entry *entry_for(struct org *o, uint64_t account_id)
{
	struct key_entry *k;

	HASH_FIND(hh, o->keys, &account_id, sizeof(account_id), k);
	if (k)
		return k;
	k = calloc(1, sizeof(*k));
	if (!k)
		abort();
	k->id = account_id;
	HASH_ADD(hh, o->keys, id, sizeof(k->id), k);
	return k;
}

void org_key_put(struct org *o, uint64_t account_id, const struct seal_key *key)
{
	pthread_rwlock_wrlock(&o->lock);
	entry_for(o, account_id)->key = *key;
	pthread_rwlock_unlock(&o->lock);
}

/* A reader with an older snapshot may fetch the key once more: it must not come back into the cache. If the
 * removal is rolled back, the account works on, only without cache until the next start. */
void org_key_bury(struct org *o, uint64_t account_id)
{
	struct key_entry *k;

	pthread_rwlock_wrlock(&o->lock);
	k = entry_for(o, account_id);
	k->buried = true;
	seal_key_wipe(&k->key);
	pthread_rwlock_unlock(&o->lock);
}

/* What was fetched from the vault since `epoch`; dropped when the house was sealed meanwhile. */
static void keep_keys(struct org *o, uint64_t epoch, size_t n, const uint64_t *ids, const struct seal_key *keys)
{
	pthread_rwlock_wrlock(&o->lock);
	for (size_t i = 0; i < n && o->epoch == epoch; i++) {
		struct key_entry *k = entry_for(o, ids[i]);

		if (!k->buried)
			k->key = keys[i];
	}
	pthread_rwlock_unlock(&o->lock);
}

static int fetch_keys(struct org *o, uint64_t epoch, size_t n, const uint64_t *ids, struct seal_key *out, struct err *e)
{
	int rc = vault_key_open(o->vault, n, ids, out, e);

	if (rc == 0)
		keep_keys(o, epoch, n, ids, out);
	return rc;
}

/* False when not cached. */
static bool cached_key(struct org *o, uint64_t id, struct seal_key *out)
{
	struct key_entry *k;

	HASH_FIND(hh, o->keys, &id, sizeof(id), k);
	if (!k || k->buried)
		return false;
	*out = k->key;
	return true;
}

int org_key(struct org *o, struct tx *tx, uint64_t account_id, struct seal_key *out, struct err *e)
{
	uint64_t epoch;
	bool have;

	(void)tx;
	pthread_rwlock_rdlock(&o->lock);
	have = cached_key(o, account_id, out);
	epoch = o->epoch;
	pthread_rwlock_unlock(&o->lock);
	return have ? 0 : fetch_keys(o, epoch, 1, &account_id, out, e);
}

int org_keys(struct org *o, struct tx *tx, size_t n, const uint64_t *account_ids, struct seal_key *out,
	struct err *e)
{
	SCOPED_ARENA a = arena_new();
	uint64_t *ids = ARENA_ARRAY(a, uint64_t, n + 1), epoch;
	size_t *at = ARENA_ARRAY(a, size_t, n + 1), missing = 0;
	struct seal_key *got;
	int rc;

	(void)tx;
	pthread_rwlock_rdlock(&o->lock);
	epoch = o->epoch;
	for (size_t i = 0; i < n; i++)
		if (!cached_key(o, account_ids[i], &out[i])) {
			at[missing] = i;
			ids[missing++] = account_ids[i];
		}
	pthread_rwlock_unlock(&o->lock);
	if (missing == 0)
		return 0;
	got = calloc(missing, sizeof(*got));
	if (!got)
		abort();
	rc = fetch_keys(o, epoch, missing, ids, got, e);
	for (size_t i = 0; i < missing && rc == 0; i++)
		out[at[i]] = got[i];
	secret_wipe(got, missing * sizeof(*got));
	free(got);
	if (rc < 0)
		secret_wipe(out, n * sizeof(*out));
	return rc;
}

bool org_is_open(struct org *o)
{
	SCOPED_KEY k;
	struct err e = ERR_INIT;
	bool have;

	pthread_rwlock_rdlock(&o->lock);
	have = cached_key(o, ORG_ACCOUNT_ID, &k) && o->moved;
	pthread_rwlock_unlock(&o->lock);
	return have || (org_keys_move(o, &e) == 0 && org_key(o, NULL, ORG_ACCOUNT_ID, &k, &e) == 0);
}

/* ---- the house's key at work ---- */

int org_lookup(struct org *o, struct tx *tx, const char *kind, struct span name,
	unsigned char out[SEAL_LOOKUP_LEN], struct err *e)
{
	SCOPED_KEY k;
	int rc = org_key(o, tx, ORG_ACCOUNT_ID, &k, e);

	if (rc == 0)
		seal_lookup(&k, kind, name, out);
	return rc;
}

int house_seal(struct org *o, struct tx *tx, struct arena *a, struct seal_place at, struct span plain,
	struct span *out, struct err *e)
{
	SCOPED_KEY k;
	int rc = org_key(o, tx, ORG_ACCOUNT_ID, &k, e);

	if (rc == 0)
		*out = seal_column(a, &k, at, plain);
	return rc;
}

int house_unseal(struct org *o, struct tx *tx, struct arena *a, struct seal_place at, struct span sealed,
	struct span *out, struct err *e)
{
	SCOPED_KEY k;
	int rc = org_key(o, tx, ORG_ACCOUNT_ID, &k, e);

	return rc == 0 ? unseal_column(a, &k, at, sealed, out, e) : rc;
}
