/* vault_client.h - what core may ask the vault over its socket; thread-safe, blocking, bounded waits.
 *
 * The vault holds the master key and never gives it out; core gets account keys unwrapped and caches them.
 * Passwords are hashed and compared in the vault only. Errors: ERR_LATER (sealed, or the vault is being
 * restarted: callers answer "temporarily unavailable"), ERR_DENIED (wrong share or password).
 * Passwords are compared byte by byte: callers normalise them first (NFC or SASLprep), the same way each time.
 * Waits: 5 s for an answer, 60 s where Argon2 or the disk is at work, 3 s for a lost connection to come back; requests
 * that were under way are sent again, except create and rewrap.
 * Not good for: the gate (it has no key and no socket to the vault). */
#pragma once
#include "base/secret.h"
#include "seal/seal.h"

struct vault_client;

/* sock: connected stream socket from the supervisor, owned by the client from now on (-1: ask reconnect at
 * once); reconnect: asks for a new one after the vault restarted (returns fd or -1), may be NULL; it runs
 * in the client's own thread. Free only when no other thread is inside a call. */
struct vault_client *vault_client_new(int sock, int (*reconnect)(void *arg), void *arg);
void vault_client_free(struct vault_client *v);

enum vault_state { VAULT_SEALED = 0, VAULT_OPEN = 1, VAULT_EMPTY = 2 /* no master key made yet */ };
struct vault_status {
	enum vault_state state;
	uint8_t mode;             /* 'k' key file, 'p' passphrase, 's' shares */
	uint8_t need, have, total;  /* shares */
};
int vault_status(struct vault_client *v, struct vault_status *out, struct err *e);
/* Make the master key. mode 'k','p' (secret = passphrase) or 's' with 2 <= need <= total <= VAULT_SHARES_MAX;
 * shares_out: array of `total` printable lines (arena) for 's', else may be NULL. Open afterwards.
 * ERR_EXISTS when there is a master key already. When the answer with the shares is lost on its way (ERR_LATER,
 * status says open), ask for new ones with vault_rewrap. */
#define VAULT_SHARES_MAX 16
int vault_create(struct vault_client *v, struct arena *a, char mode, struct span secret, unsigned need,
	unsigned total, struct span *shares_out, struct err *e);
/* Keep the master key, change how it is locked up; the vault must be open. Old shares and passphrases are
 * worth nothing with the new file (but still open an old copy of it). */
int vault_rewrap(struct vault_client *v, struct arena *a, char mode, struct span secret, unsigned need,
	unsigned total, struct span *shares_out, struct err *e);
/* A passphrase, or one share of several: out->state and out->have say how far it is. A share given twice
 * counts once. Already open: 0 whatever is given. Mode 'k' needs no secret. */
int vault_open(struct vault_client *v, struct span secret_or_share, struct vault_status *out, struct err *e);
int vault_seal(struct vault_client *v, struct err *e);            /* forget the master key */

/* Account keys live in the vault's own file (wrapped by the master key) and nowhere else. New: durable when this
 * returns, so before the transaction that uses it; an account that has one already gets that one (a request sent
 * again). Open: n in one round trip, ERR_MISSING when one was never made or is destroyed. Put: keys that lay
 * elsewhere before, each wrapped for its account; those that are there already stay. Destroy: gone from the file
 * when it returns; missing ones do not matter. List: ids above `after`, increasing; VAULT_IDS_MAX: perhaps more. */
#define VAULT_KEYS_MAX 512                             /* account keys in one request */
#define VAULT_IDS_MAX (VAULT_KEYS_MAX * SEAL_KEY_LEN / 8) /* account ids in one answer */
int vault_key_new(struct vault_client *v, uint64_t account_id, struct seal_key *key_out, struct err *e);
int vault_key_open(struct vault_client *v, size_t n, const uint64_t *account_ids, struct seal_key *keys_out,
	struct err *e);
int vault_key_put(struct vault_client *v, size_t n, const uint64_t *account_ids, const struct span *wrapped,
	struct err *e);
int vault_key_destroy(struct vault_client *v, size_t n, const uint64_t *account_ids, struct err *e);
int vault_key_list(struct vault_client *v, uint64_t after, uint64_t ids_out[VAULT_IDS_MAX], size_t *n_out,
	struct err *e);

/* Verifier: opaque sealed bytes to keep in the account's row (Argon2id string and SCRAM-SHA-256 keys). */
int vault_password_set(struct vault_client *v, struct arena *a, uint64_t account_id, struct span password,
	struct span *verifier_out, struct err *e);
/* 0 right, ERR_DENIED wrong. Verifier none = unknown account: ERR_DENIED for the same price. A short-lived keyed cache of verified passwords sits in the vault. */
int vault_password_check(struct vault_client *v, uint64_t account_id, struct span verifier,
	struct span password, struct err *e);
/* SCRAM-SHA-256: salt and iterations to announce (a made-up constant pair for unknown names is the
 * vault's business too: pass verifier none and the name), then proof check giving the server signature. auth_message
 * as in RFC 5802 section 3; client_proof is the decoded 32 bytes. */
int vault_scram_begin(struct vault_client *v, struct arena *a, uint64_t account_id, struct span verifier,
	struct span name, struct span *salt_out, uint32_t *iterations_out, struct err *e);
int vault_scram_check(struct vault_client *v, uint64_t account_id, struct span verifier,
	struct span auth_message, struct span client_proof, unsigned char server_signature_out[32], struct err *e);

/* Keys that sign mail (DKIM): the private half comes back sealed by the vault and bound to key_id; public half:
 * SubjectPublicKeyInfo for RSA, 32 octets for Ed25519. hash: a SHA-256. */
enum { VAULT_DKIM_RSA = 1, VAULT_DKIM_ED25519 };
int vault_dkim_new(struct vault_client *v, struct arena *a, uint64_t key_id, unsigned kind, struct span *sealed_out,
	struct span *public_out, struct err *e);
int vault_dkim_sign(struct vault_client *v, struct arena *a, uint64_t key_id, struct span sealed, struct span hash,
	struct span *signature_out, struct err *e);
