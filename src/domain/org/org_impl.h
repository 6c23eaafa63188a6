/* org_impl.h - what the files of domain/org share; nobody outside this folder.
 *
 * The addresses' rows are sealed under the house's key, so that RCPT needs no key of an account; an account's
 * row holds its names again under its own key. */
#pragma once
#include <pthread.h>
#include "domain/org/address.h"

struct key_entry;
struct auth_guard;

struct org {
	struct store *store;
	struct vault_client *vault;
	pthread_rwlock_t lock;
	struct key_entry *keys;       /* uthash by account id */
	uint64_t epoch;               /* grows with org_forget: a key fetched before is not kept */
	pthread_mutex_t moving;       /* one moves, the others wait */
	bool moved;                   /* no key lies in the store any more (org_keys.c) */
	uint64_t orphans_below;       /* keys of lower ids had ten minutes to become accounts */
	uint64_t mark;                /* the next such border, and when it was set */
	int64_t mark_us;
	struct auth_guard *guard;     /* auth_guard.c */
};

/* A key the caller has just been given by the vault. */
void org_key_put(struct org *o, uint64_t account_id, const struct seal_key *k);
/* The key is being destroyed in this transaction: never answered from the cache again. */
void org_key_bury(struct org *o, uint64_t account_id);
static inline void seal_key_cleanup(struct seal_key *k)
{
	seal_key_wipe(k);
}
/* Moves keys from rows of an older store to the vault, which is open; outside a transaction. Once per process. */
int org_keys_move(struct org *o, struct err *e);
/* Deletes what an account's rows say about it, and marks it removed. */
int account_clear(struct tx *tx, uint64_t id, struct err *e);
#define SCOPED_KEY __attribute__((cleanup(seal_key_cleanup))) struct seal_key

/* Seal and open one text under the house's key. */
int house_seal(struct org *o, struct tx *tx, struct arena *a, struct seal_place at, struct span plain,
	struct span *out, struct err *e);
int house_unseal(struct org *o, struct tx *tx, struct arena *a, struct seal_place at, struct span sealed,
	struct span *out, struct err *e);

/* ---- accounts ---- */

/* Made outside the transaction, inserted inside; account_insert may run again. */
struct account_prepared {
	uint64_t id;
	struct span address;          /* normalised */
	struct span sealed, verifier;
	const struct account_new *n;
};
int account_prepare(struct org *o, struct arena *a, const struct account_new *n, struct account_prepared *out,
	struct err *e);
int account_insert(struct org *o, struct tx *tx, struct arena *a, const struct account_prepared *p, struct err *e);

/* ---- addresses ---- */

/* One look-up: what this exact, normalised address is. Without sub-address, catch-all or postmaster rules. */
struct address_hit {
	uint64_t id, account_id;
	int kind;                     /* enum address_kind */
	int account_state, account_kind;
};
int address_hit(struct org *o, struct tx *tx, struct span normalised, struct address_hit *out, struct err *e);
/* The same with the tag cut off when the whole is unknown; *tagged_out says so. */
int address_hit_tagged(struct org *o, struct tx *tx, struct arena *a, struct span normalised,
	struct address_hit *out, bool *tagged_out, struct err *e);
/* Primary address of an account, from the house's own rows. */
int address_primary(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span *out,
	struct err *e);
/* ERR_EXISTS when taken, ERR_PARAM when the domain is not ours. normalised may be "@domain". */
int address_insert(struct org *o, struct tx *tx, struct arena *a, enum address_kind kind, struct span normalised,
	uint64_t account_id, uint64_t *id_out, struct err *e);
/* "@domain" too when `catch_all`. */
int address_normal(struct arena *a, struct span address, bool catch_all, struct span *out, struct err *e);
int domain_id(struct org *o, struct tx *tx, struct span domain, uint64_t *id_out, struct err *e);
struct span address_domain(struct span normalised);

/* ---- chapters ---- */

/* parent 0: the root. */
int chapter_insert(struct org *o, struct tx *tx, uint64_t id, uint64_t parent_id, struct span name,
	struct span code, struct err *e);
/* ERR_DENIED when nobody who may do everything is left. */
int admin_need_one(struct tx *tx, struct err *e);

/* ---- signing in ---- */

/* What the vault is given: NFC, any blank as SP (RFC 8265 section 4.2); refuses control octets. */
int password_prepare(struct span typed, struct secret *out, struct err *e);
int password_prepare_new(struct span typed, struct secret *out, struct err *e);   /* and long enough */
/* When it has the shape of an app password: its letters and their look-up; else letters_out stays empty. */
int app_password_lookup(struct org *o, struct tx *tx, struct span password, unsigned char out[SEAL_LOOKUP_LEN],
	struct secret *letters_out, struct err *e);

struct auth_guard *guard_new(void);
void guard_free(struct auth_guard *g);
/* Is this pair (16-byte keys of login and peer) refused for now? */
bool guard_refuses(struct auth_guard *g, const unsigned char login[SEAL_LOOKUP_LEN],
	const unsigned char peer[SEAL_LOOKUP_LEN]);
void guard_failed(struct auth_guard *g, const unsigned char login[SEAL_LOOKUP_LEN],
	const unsigned char peer[SEAL_LOOKUP_LEN]);
void guard_passed(struct auth_guard *g, const unsigned char login[SEAL_LOOKUP_LEN],
	const unsigned char peer[SEAL_LOOKUP_LEN]);
