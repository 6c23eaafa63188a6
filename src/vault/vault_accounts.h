/* vault_accounts.h - the wrapped keys of all accounts, in one file of the vault's folder. Thread-safe for readers.
 *
 * The file is the only place where an account's key exists: no row of the store and no backup of the store holds
 * it. So removing it here (the file is written anew, the old one is gone) removes the account from every backup,
 * as long as of the copies of this file (FILE.keys of `kontor backup`) only the newest is kept.
 * Every change writes the whole file beside the old one, syncs, renames, syncs the folder: 80 bytes an account.
 * Many changes share one writing: stage them, then commit. Only one thread stages and commits.
 * Errors: ERR_BROKEN a damaged file, or another house's (never taken for empty); ERR_LATER the disk is full.
 * Not good for: wrapping and opening (vault_keys.h); hiding how many accounts there are. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "seal/vault_proto.h"

#define ACCOUNTS_FILE "accounts"
#define ACCOUNTS_MAX 1000000
#define ACCOUNTS_CHECK_LEN 32
/* Magic, version, the master key's check value (vault_keys.h), count, rows by id, BLAKE2b-256 of all that. */
#define ACCOUNTS_FILE_MAX (128 + (size_t)ACCOUNTS_MAX * VAULT_KEY_ROW)

struct accounts_file {
	unsigned char check[ACCOUNTS_CHECK_LEN];
	struct span rows;              /* VAULT_KEY_ROW each, ids increasing */
};
void accounts_file_encode(struct buf *b, const struct accounts_file *f);
/* f->rows points into `in`. */
int accounts_file_decode(struct span in, struct accounts_file *out, struct err *e);
size_t accounts_file_count(const struct accounts_file *f);
uint64_t accounts_file_id(const struct accounts_file *f, size_t i);

struct accounts;
/* Reads the file if there is one and sweeps what a crash left half written; check: what the file must bear, NULL: no
 * master key yet, so no file either. Before the sandbox: it lists the folder. */
int accounts_load(int dirfd, const unsigned char *check, struct accounts **out, struct err *e);
void accounts_free(struct accounts *a);

/* The row (id and wrapped key) of an account; false when there is none. */
bool accounts_find(struct accounts *a, uint64_t account_id, unsigned char row_out[VAULT_KEY_ROW]);
/* Up to max ids above `after`, increasing. */
size_t accounts_list(struct accounts *a, uint64_t after, uint64_t *ids_out, size_t max);

/* Staged changes are seen by nobody before the commit, and are gone when it fails. */
bool accounts_staged(const struct accounts *a, uint64_t account_id);      /* is it there, with what is staged? */
int accounts_stage(struct accounts *a, const unsigned char row[VAULT_KEY_ROW], struct err *e);
void accounts_stage_removal(struct accounts *a, uint64_t account_id);
int accounts_commit(struct accounts *a, const unsigned char check[ACCOUNTS_CHECK_LEN], struct err *e);
