/* seal.h - what makes the state directory unreadable: keys, sealed columns, keyed look-ups. Pure, no I/O.
 *
 * Construction: XChaCha20-Poly1305 (libsodium) with random nonces; keyed BLAKE2b for look-ups. Every sealed
 * value is bound by its additional data to table, column and row, so it cannot be moved.
 * Key hierarchy: master (vault only) wraps account keys; account keys seal columns and wrap blob keys; the
 * organisation's own account (ORG_ACCOUNT_ID) seals what belongs to nobody else (domains, queue, settings).
 * Errors: ERR_BROKEN when a value does not verify. Not good for: streams (store/blob.h does chunks). */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define SEAL_KEY_LEN 32
#define SEAL_OVERHEAD 40               /* nonce 24 + tag 16 */
#define SEAL_WRAPPED_LEN (SEAL_KEY_LEN + SEAL_OVERHEAD)
#define SEAL_LOOKUP_LEN 16
#define ORG_ACCOUNT_ID 1

struct seal_key {
	unsigned char k[SEAL_KEY_LEN];
};
void seal_key_new(struct seal_key *out);             /* random */
void seal_key_wipe(struct seal_key *k);
int seal_init(struct err *e);                        /* once per process: libsodium */

/* Where a sealed value lives; names are literals such as "message", "summary". */
struct seal_place {
	const char *table, *column;
	uint64_t row_id;
};
/* Sealed = nonce || ciphertext || tag, in the arena. */
struct span seal_column(struct arena *a, const struct seal_key *k, struct seal_place at, struct span plain);
int unseal_column(struct arena *a, const struct seal_key *k, struct seal_place at, struct span sealed,
	struct span *out, struct err *e);
/* Deterministic keyed hash of a normalised name or address, for equality look-ups. kind is a literal. */
void seal_lookup(const struct seal_key *k, const char *kind, struct span text, unsigned char out[SEAL_LOOKUP_LEN]);
/* A key under a key: 72 bytes; owner_id binds it (account id, blob id). */
void seal_key_wrap(const struct seal_key *under, uint64_t owner_id, const struct seal_key *k,
	unsigned char out[SEAL_WRAPPED_LEN]);
int seal_key_unwrap(const struct seal_key *under, uint64_t owner_id, struct span wrapped,
	struct seal_key *out, struct err *e);
/* Keyed MAC (32 bytes) for session tickets. */
void seal_mac(const struct seal_key *k, const char *kind, struct span text, unsigned char out[32]);
