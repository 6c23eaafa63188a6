/* restore.c - a new folder from a backup: settings, the wrapped master key, the store. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "main/init.h"
#include "proto/control/backup_head.h"
#include "store/store.h"

static int put_files(int dirfd, struct span conf, struct span master, const char *more, struct err *e)
{
	SCOPED_BUF b;

	buf_init(&b, 1u << 20);
	if (more)
		buf_addf(&b, "%s\n", more);
	buf_add(&b, conf);
	if (mkdirat(dirfd, "vault", 0700) < 0 || mkdirat(dirfd, "run", 0711) < 0)
		return err_errno(e, "mkdir");
	return io_write_file_durable(dirfd, "kontor.conf", buf_span(&b), 0644, e) < 0 ||
		io_write_file_durable(dirfd, "vault/master", master, 0600, e) < 0 ? e->code : 0;
}

int restore_organisation(const char *dir, const char *file, const char *conf, bool *needs_key_out, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_FD in = open(file, O_RDONLY | O_CLOEXEC);
	SCOPED_FD dirfd = -1;
	struct span old, master;
	struct settings s;
	struct store_config sc = { .dir = dir, .readers = 1 };

	if (in < 0)
		return err_set(e, ERR_MISSING, "No such file", "%s: %m", file);
	if (backup_head_read(in, a, &old, &master, e) < 0 || init_make_folder(dir, e) < 0)
		return e->code;
	dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (dirfd < 0)
		return err_errno(e, dir);
	if (put_files(dirfd, old, master, conf, e) < 0 || settings_read(a, dirfd, &s, e) < 0)
		return e->code;
	sc.url = s.store;
	sc.dirfd = dirfd;
	if (store_restore(&sc, in, e) < 0)
		return e->code;
	*needs_key_out = span_find(master, SPAN("master.key")) >= 0 || (master.n && span_chr(span_sub(master, 0, 64), 'k') >= 0);
	return init_hand_over(dir, &s, e);
}
