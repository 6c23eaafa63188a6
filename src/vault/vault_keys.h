/* vault_keys.h - the master key: made, locked up on disk, opened, used, forgotten. Thread-safe.
 *
 * The random master key is wrapped by a key-encrypting key (KEK) in the file `master`; the KEK is Argon2id of a
 * passphrase, or put together from shares, or lies in a file of its own (mode 'k': whoever has the folder has
 * the key). So the way of locking can change without sealing anything anew. In memory the master key sits in
 * guarded, locked pages (sodium_malloc).
 * Errors: ERR_LATER sealed, ERR_DENIED wrong share or passphrase, ERR_EXISTS, ERR_BROKEN damaged file.
 * Not good for: hiding the key from root on a running, open host. */
#pragma once
#include "base/buf.h"
#include "seal/vault_client.h"
#include "vault/vault_share.h"

#define MASTER_FILE "master"

/* The file, version 1: magic, version, mode, need, total, Argon2id cost and salt, check value, wrapped key,
 * share set and one tag per share. */
struct master_file {
	uint8_t mode, need, total;
	uint64_t pw_ops, pw_mem;
	unsigned char salt[16];
	unsigned char check[32];               /* MAC under the master key */
	unsigned char wrapped[SEAL_WRAPPED_LEN];
	uint32_t set_id;
	unsigned char tags[VAULT_SHARES_MAX][SHARE_TAG_LEN];
};
void master_file_encode(struct buf *b, const struct master_file *f);
int master_file_decode(struct span in, struct master_file *out, struct err *e);

struct keys;
struct keys_config {
	int dirfd;
	const char *key_file;                  /* name of the KEK's file for mode 'k' */
	uint64_t pw_ops, pw_mem;               /* Argon2id of new passphrases */
};
/* Reads the file if there is one; ERR_BROKEN when it is damaged (never taken for "no key yet"). */
int keys_load(const struct keys_config *c, struct keys **out, struct err *e);
void keys_free(struct keys *k);
void keys_status(struct keys *k, struct vault_status *out);

/* What a caller wants: mode 'k', 'p' (secret) or 's' (need of total; lines_out gets one line per share). */
struct key_lock {
	char mode;
	struct span secret;
	unsigned need, total;
	struct buf *lines_out;
};
int keys_create(struct keys *k, const struct key_lock *how, struct err *e);
int keys_rewrap(struct keys *k, const struct key_lock *how, struct err *e);
int keys_open(struct keys *k, struct span secret, struct err *e);
void keys_seal(struct keys *k);

int keys_account_new(struct keys *k, uint64_t account_id, struct seal_key *out,
	unsigned char wrapped_out[SEAL_WRAPPED_LEN], struct err *e);
/* The master key's check value, which ties other files to it; false: no master key yet. */
bool keys_check(struct keys *k, unsigned char out[32]);
/* rows: u64 id and wrapped key each; out: the keys, SEAL_KEY_LEN each. */
int keys_account_open(struct keys *k, struct span rows, unsigned char *out, struct err *e);
/* A key of the vault's own for this purpose; the caller wipes it. */
int keys_derive(struct keys *k, const char *purpose, struct seal_key *out, struct err *e);
