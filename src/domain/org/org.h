/* org.h - the organisation's shared state in core: account keys, the look-up key, whether we are open.
 *
 * One per process, thread-safe. Keys are unwrapped by the vault once and cached here until the house is
 * sealed (org_forget) or the account is removed. Errors: ERR_LATER (sealed, vault away), ERR_MISSING
 * (no such account, or its key is destroyed). Not good for: rules about one account (account.h). */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "seal/seal.h"
#include "seal/vault_client.h"
#include "store/store.h"

struct org;

struct org *org_new(struct store *s, struct vault_client *v);
void org_free(struct org *o);
struct vault_client *org_vault(struct org *o);
struct store *org_store(struct org *o);

/* True once the organisation's own key could be opened; tries the vault when it was not. */
bool org_is_open(struct org *o);
void org_forget(struct org *o);      /* the house was sealed: drop all keys */
void org_forget_account(struct org *o, uint64_t account_id);

/* Copy of an account's key; wipe it when done (cheap: keys are 32 bytes). ORG_ACCOUNT_ID is the house's. */
int org_key(struct org *o, struct tx *tx, uint64_t account_id, struct seal_key *out, struct err *e);
/* Many at once, one trip to the vault for all that are not cached. */
int org_keys(struct org *o, struct tx *tx, size_t n, const uint64_t *account_ids, struct seal_key *out,
	struct err *e);

/* Keys without an account (its transaction was rolled back) and keys of removed accounts are destroyed in the vault.
 * A key whose account may still be on its way survives: an orphan was made ten minutes ago, since the start. */
int org_keys_sweep(struct org *o, uint64_t *destroyed_out, struct err *e);
/* ERR_LATER: keys still lie in rows of the store (an older kontor's, not opened since). */
int org_keys_in_vault(struct store *s, struct err *e);
/* After a restore, sealed: the accounts of the store that are not among these keys (ids increasing) are removed, and
 * keys in the store's rows count for nothing. */
int org_keys_restored(struct store *s, const uint64_t *ids, size_t n, uint64_t *removed_out, struct err *e);

/* Keyed hash of a name (already normalised) under the house's key; kind is a literal. */
int org_lookup(struct org *o, struct tx *tx, const char *kind, struct span name,
	unsigned char out[SEAL_LOOKUP_LEN], struct err *e);

/* First start: the house's account and key, the first domain, root chapter, first administrator.
 * password may be none. ERR_EXISTS when there is an organisation already. */
struct org_first {
	struct span name, domain, admin_address, admin_name, password, language;
};
int org_create(struct org *o, const struct org_first *f, struct err *e);

/* Run-time settings of the organisation, sealed under the house's key. ERR_MISSING when never set. */
int org_setting_get(struct org *o, struct tx *tx, struct arena *a, const char *name, struct span *out,
	struct err *e);
int org_setting_set(struct org *o, struct tx *tx, const char *name, struct span value, struct err *e);
