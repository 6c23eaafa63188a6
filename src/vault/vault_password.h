/* vault_password.h - password verifiers: made, checked, and remembered for ten minutes. Thread-safe.
 *
 * Verifier = sealed, bound to the account id: version, Argon2id string, and SCRAM-SHA-256 (RFC 5802, RFC 7677)
 * iterations, salt, StoredKey, ServerKey. A wrong password and an unknown account cost one whole Argon2id each;
 * a right one costs it once per ten minutes (cache: keyed hash of account, verifier and password under a key
 * of this process, so a new verifier is a miss).
 * Errors: ERR_DENIED wrong, ERR_LATER sealed or no memory for Argon2id, ERR_BROKEN a verifier that does not
 * verify. Not good for: normalising passwords (callers do); counting failures (core does). */
#pragma once
#include "base/arena.h"
#include "vault/vault_keys.h"

#define PASSWORD_CACHE_LEN 16384       /* a fixed table: the oldest of a row gives way */
#define PASSWORD_CACHE_SEC 600
#define SCRAM_ITERATIONS 4096
#define SCRAM_SALT_LEN 16
#define SCRAM_KEY_LEN 32

struct scram_keys {
	unsigned char stored[SCRAM_KEY_LEN], server[SCRAM_KEY_LEN];
};
int scram_derive(struct span password, struct span salt, uint32_t iterations, struct scram_keys *out,
	struct err *e);
/* 0 and the server's signature, or ERR_DENIED. */
int scram_verify(const struct scram_keys *s, struct span auth_message, struct span proof,
	unsigned char signature_out[SCRAM_KEY_LEN], struct err *e);

struct passwords;
struct passwords *passwords_new(struct keys *keys, uint64_t pw_ops, uint64_t pw_mem);
void passwords_free(struct passwords *p);
void passwords_forget(struct passwords *p);            /* empty the cache */

int password_make(struct passwords *p, struct arena *a, uint64_t account_id, struct span password,
	struct span *verifier_out, struct err *e);
/* Quick: 1 when remembered as right, 0 when not, ERR_LATER when sealed. */
int password_known(struct passwords *p, uint64_t account_id, struct span verifier, struct span password,
	struct err *e);
/* Slow: always one Argon2id; verifier none = unknown account. */
int password_check(struct passwords *p, struct arena *a, uint64_t account_id, struct span verifier,
	struct span password, struct err *e);
int password_scram_begin(struct passwords *p, struct arena *a, uint64_t account_id, struct span verifier,
	struct span name, struct span *salt_out, uint32_t *iterations_out, struct err *e);
int password_scram_check(struct passwords *p, struct arena *a, uint64_t account_id, struct span verifier,
	struct span auth_message, struct span proof, unsigned char signature_out[SCRAM_KEY_LEN], struct err *e);
