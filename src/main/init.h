/* init.h - a new organisation in an empty folder: settings, master key, store, first administrator.
 *
 * Runs without a server: the vault works in a thread of this process. Errors are sentences for people:
 * ERR_EXISTS (folder not empty), ERR_PARAM (bad domain or address). */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "main/settings.h"
#include "seal/vault_client.h"

struct init_options {
	const char *dir;
	struct span domain, admin, name, password, language;
	char seal;                     /* 'k' key file, 'p' passphrase, 's' shares */
	struct span passphrase;
	unsigned need, total;
	const char *conf;              /* lines for kontor.conf before the template, or NULL */
};
/* Shares, one per line, for 's'. */
int init_organisation(const struct init_options *o, struct buf *shares_out, struct err *e);

/* DIR from a backup file and its account keys, which must not exist or be empty. keys: name of their file, NULL: FILE.keys.
 * The keys may be newer than the backup: accounts removed since are removed. conf: lines that replace those of the
 * backup's kontor.conf, or NULL.
 * ERR_SYNTAX (no backup, damaged), ERR_MISSING (no keys), ERR_EXISTS. What was locked by a key file needs that file put in place by hand. */
struct restore_result {
	bool needs_key;                /* the master key's own file has to be put there by hand */
	uint64_t removed;              /* accounts of the backup without key: removed since */
};
int restore_organisation(const char *dir, const char *file, const char *keys, const char *conf,
	struct restore_result *out, struct err *e);

/* Everything the processes use belongs to their user from now on; only root has something to do. */
int init_hand_over(const char *dir, const struct settings *s, struct err *e);
int init_folder(const char *dir, struct err *e);

/* A house without gates, for init and demo: vault thread, store, organisation; open and migrated. */
struct offline {
	int dirfd;
	struct vault_client *vault;
	struct store *store;
	struct org *org;
	struct settings settings;
};
int offline_open(struct arena *a, const char *dir, struct offline *out, struct err *e);
void offline_close(struct offline *o);
