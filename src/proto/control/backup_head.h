/* backup_head.h - the front of a backup file: magic line, kontor.conf, the vault's master file (wrapped, no key file), their
 * BLAKE2b-256 (finds damage, not malice). Version 2: the account keys lie in a file of their own; in version 1
 * they lay in the store's rows.
 *
 * The store's own stream follows (store/backup.h). Errors: ERR_SYNTAX (no backup of ours). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define BACKUP_FILE_MAX 65536
#define BACKUP_KEYS_MAX (128u << 20)
#define BACKUP_HEAD_SUM 32

void backup_head_write(struct buf *b, struct span conf, struct span master);
/* Reads exactly the front from fd; the store's stream is next. */
int backup_head_read(int fd, struct arena *a, unsigned *version_out, struct span *conf_out, struct span *master_out,
	struct err *e);
