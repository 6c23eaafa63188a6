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

/* Makes the folder when there is none; ERR_EXISTS when something is in it. */
int init_folder(const char *dir, struct err *e);
/* As root: what the processes use becomes their user's. Call again after writing more. */
int init_hand_over(const char *dir, const struct settings *s, struct err *e);

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
