/* vault_dkim.h - keys that sign outgoing mail: made here, used here, and kept elsewhere only sealed.
 *
 * A private key leaves the vault under a key of the vault's own, bound to its id; core keeps those bytes in its store
 * and brings them with each hash to be signed. Thread-safe. Errors: ERR_LATER (sealed), ERR_BROKEN (does not verify).
 * Sources: RFC 6376 section 3.3, 8463. Not good for: certificates. */
#pragma once
#include "seal/vault_client.h"
#include "vault/vault_keys.h"

/* A new key of this kind (VAULT_DKIM_*): sealed private half and public half (SubjectPublicKeyInfo, or 32 octets),
 * both in the arena. */
int dkim_key_make(struct keys *k, struct arena *a, uint64_t key_id, unsigned kind, struct span *sealed_out,
	struct span *public_out, struct err *e);
/* Signs a SHA-256. */
int dkim_key_sign(struct keys *k, struct arena *a, uint64_t key_id, struct span sealed, struct span hash,
	struct span *signature_out, struct err *e);
