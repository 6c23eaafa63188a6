/* restore.c - a new folder from a backup: settings, the wrapped master key, the account keys, the store. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "domain/org/org.h"
#include "main/init.h"
#include "proto/control/backup_head.h"
#include "store/store.h"
#include "vault/vault_accounts.h"
#include "vault/vault_keys.h"

/* Does one of the lines set what this line sets? */
static bool names(struct span lines, struct span line)
{
	struct span name = span_trim(span_cut(&line, '='));

	while (lines.n) {
		struct span one = span_cut(&lines, '\n');

		if (name.n && span_eq(span_trim(span_cut(&one, '=')), name))
			return true;
	}
	return false;
}

struct restoring {
	struct arena *a;
	int in;
	unsigned version;
	struct span conf, master;      /* of the backup */
	struct buf keys;               /* the keys' file; empty when there is none */
	struct accounts_file accounts;
	const char *more;              /* lines for kontor.conf */
};

static int put_files(const struct restoring *r, int dirfd, struct err *e)
{
	SCOPED_FD vault = -1;
	struct span conf = r->conf;
	SCOPED_BUF b;

	buf_init(&b, 1u << 20);
	while (conf.n) {
		struct span line = span_cut(&conf, '\n');

		if (names(span_str(r->more), line))
			continue;
		buf_add(&b, line);
		buf_addc(&b, '\n');
	}
	buf_addz(&b, r->more ? r->more : "");
	if (mkdirat(dirfd, "vault", 0700) < 0 || mkdirat(dirfd, "run", 0711) < 0)
		return err_errno(e, "mkdir");
	vault = openat(dirfd, "vault", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (vault < 0)
		return err_errno(e, "vault");
	if (r->keys.n && io_write_file_durable(vault, ACCOUNTS_FILE, buf_span(&r->keys), 0600, e) < 0)
		return e->code;
	return io_write_file_durable(vault, MASTER_FILE, r->master, 0600, e) < 0 ||
		io_write_file_durable(dirfd, "kontor.conf", buf_span(&b), 0644, e) < 0 ? e->code : 0;
}

/* Accounts whose key is not among the newest keys were removed after the backup. */
static int compare_keys(const struct restoring *r, const struct store_config *sc, uint64_t *removed_out, struct err *e)
{
	size_t n = accounts_file_count(&r->accounts);
	uint64_t *ids = ARENA_ARRAY(r->a, uint64_t, n + 1);
	struct store *store;
	int rc;

	for (size_t i = 0; i < n; i++)
		ids[i] = accounts_file_id(&r->accounts, i);
	rc = store_open(sc, &store, e);
	if (rc < 0)
		return rc;
	rc = org_keys_restored(store, ids, n, removed_out, e);
	store_close(store);
	return rc;
}

static int fill(const struct restoring *r, const char *dir, uint64_t *removed_out, struct err *e)
{
	SCOPED_FD dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	struct settings s;
	struct store_config sc = { .dir = dir, .readers = 1 };

	if (dirfd < 0)
		return err_errno(e, dir);
	if (put_files(r, dirfd, e) < 0 || settings_read(r->a, dirfd, &s, e) < 0)
		return e->code;
	sc.url = s.store;
	sc.dirfd = dirfd;
	if (store_restore(&sc, r->in, e) < 0 || (r->keys.n && compare_keys(r, &sc, removed_out, e) < 0))
		return e->code;
	return init_hand_over(dir, &s, e);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level ? remove(path) : 0;
}

/* Read and compared before anything is made. Backups of version 1 have their keys inside and may do without. */
static int read_keys(struct restoring *r, const char *file, const char *keys, struct err *e)
{
	struct span path = keys ? span_str(keys) : arena_printf(r->a, "%s.keys", file);
	struct master_file master;
	struct err why = ERR_INIT;
	int rc = io_read_file(AT_FDCWD, arena_strz(r->a, path), &r->keys, &why);

	if (rc == ERR_MISSING && r->version == 1 && !keys)
		return 0;
	if (rc < 0)
		return err_set(e, rc, "The account keys cannot be read",
			"%.*s: the account keys of this backup (or newer ones) are needed: --keys FILE (%s)", SPAN_F(path), why.log);
	if (accounts_file_decode(buf_span(&r->keys), &r->accounts, NULL) < 0)
		return err_set(e, ERR_SYNTAX, "These are no account keys", "%.*s: no account keys, or damaged", SPAN_F(path));
	if (master_file_decode(r->master, &master, e) < 0)
		return e->code;
	return memcmp(master.check, r->accounts.check, sizeof(master.check)) == 0 ? 0 :
		err_set(e, ERR_PARAM, "These keys belong to another house", "%.*s: keys of another house", SPAN_F(path));
}

int restore_organisation(const char *dir, const char *file, const char *keys, const char *conf,
	struct restore_result *out, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_FD in = open(file, O_RDONLY | O_CLOEXEC);
	struct restoring r = { .a = a, .in = in, .more = conf };

	*out = (struct restore_result){ 0 };
	buf_init(&r.keys, BACKUP_KEYS_MAX);
	if (in < 0)
		return err_set(e, ERR_MISSING, "No such file", "%s: %m", file);
	if (backup_head_read(in, a, &r.version, &r.conf, &r.master, e) == 0 && read_keys(&r, file, keys, e) == 0 &&
		init_folder(dir, e) == 0) {
		struct master_file master;

		out->needs_key = master_file_decode(r.master, &master, NULL) == 0 && master.mode == 'k';
		if (fill(&r, dir, &out->removed, e) < 0)
			nftw(dir, remove_one, 16, FTW_PHYS | FTW_DEPTH); /* it was empty before: all in it is ours */
	}
	buf_fini(&r.keys);
	return e->code;
}
