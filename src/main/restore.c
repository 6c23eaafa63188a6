/* restore.c - a new folder from a backup: settings, the wrapped master key, the store. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "main/init.h"
#include "proto/control/backup_head.h"
#include "store/store.h"
#include "vault/vault.h"

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

static int put_files(int dirfd, struct span conf, struct span master, const char *more, struct err *e)
{
	SCOPED_BUF b;

	buf_init(&b, 1u << 20);
	while (conf.n) {
		struct span line = span_cut(&conf, '\n');

		if (names(span_str(more), line))
			continue;
		buf_add(&b, line);
		buf_addc(&b, '\n');
	}
	buf_addz(&b, more ? more : "");
	if (mkdirat(dirfd, "vault", 0700) < 0 || mkdirat(dirfd, "run", 0711) < 0)
		return err_errno(e, "mkdir");
	return io_write_file_durable(dirfd, "kontor.conf", buf_span(&b), 0644, e) < 0 ||
		io_write_file_durable(dirfd, "vault/master", master, 0600, e) < 0 ? e->code : 0;
}

static int fill(struct arena *a, const char *dir, int in, const char *conf, struct span old, struct span master,
	struct err *e)
{
	SCOPED_FD dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	struct settings s;
	struct store_config sc = { .dir = dir, .readers = 1 };

	if (dirfd < 0)
		return err_errno(e, dir);
	if (put_files(dirfd, old, master, conf, e) < 0 || settings_read(a, dirfd, &s, e) < 0)
		return e->code;
	sc.url = s.store;
	sc.dirfd = dirfd;
	if (store_restore(&sc, in, e) < 0)
		return e->code;
	return init_hand_over(dir, &s, e);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level ? remove(path) : 0;
}

int restore_organisation(const char *dir, const char *file, const char *conf, bool *needs_key_out, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_FD in = open(file, O_RDONLY | O_CLOEXEC);
	struct span old, master;

	if (in < 0)
		return err_set(e, ERR_MISSING, "No such file", "%s: %m", file);
	if (backup_head_read(in, a, &old, &master, e) < 0 || init_folder(dir, e) < 0)
		return e->code;
	*needs_key_out = vault_file_mode(master) == 'k';
	if (fill(a, dir, in, conf, old, master, e) == 0)
		return 0;
	nftw(dir, remove_one, 16, FTW_PHYS | FTW_DEPTH); /* it was empty before: all in it is ours */
	return e->code;
}
