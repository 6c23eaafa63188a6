/* kontor backup FILE: the store, then FILE.keys with the account keys. The command line makes the files and passes
 * their descriptors. */
#include <fcntl.h>
#include <unistd.h>
#include "base/io.h"
#include "proto/control/control_int.h"
#include "proto/control/backup_head.h"

static int read_state_file(struct control *c, const char *path, struct span *out, struct err *e)
{
	SCOPED_BUF b;

	buf_init(&b, BACKUP_FILE_MAX);
	if (io_read_file(c->call->house->dirfd, path, &b, e) < 0)
		return e->code;
	*out = arena_span(c->arena, buf_span(&b));
	return 0;
}

static int done(struct control *c, int fd, struct err *e)
{
	if (fsync(fd) < 0)
		return err_errno(e, "fsync");
	control_put_int(c->result, "bytes", (uint64_t)lseek(fd, 0, SEEK_CUR));
	return 0;
}

static int no_file(struct err *e)
{
	return err_set(e, ERR_PARAM, N_("There is no file to write to"), "no descriptor");
}

static int backup(struct control *c, struct tx *tx, struct err *e)
{
	int fd = c->call->cmd->spool_fd;
	struct span conf, master;
	SCOPED_BUF head;

	(void)tx;
	buf_init(&head, 3 * BACKUP_FILE_MAX);
	if (fd < 0)
		return no_file(e);
	if (org_keys_in_vault(c->call->house->store, e) < 0)
		return e->code;
	if (read_state_file(c, "kontor.conf", &conf, e) < 0 || read_state_file(c, "vault/master", &master, e) < 0)
		return e->code;
	backup_head_write(&head, conf, master);
	if (io_write_full(fd, buf_span(&head), e) < 0 || store_backup(c->call->house->store, fd, e) < 0)
		return e->code;
	return done(c, fd, e);
}

/* The vault replaces its file as a whole, so this is one state of it; made after the store's copy, it holds the key
 * of every account in there that is not removed by now. */
static int backup_keys(struct control *c, struct tx *tx, struct err *e)
{
	int fd = c->call->cmd->spool_fd;
	SCOPED_BUF keys;

	(void)tx;
	buf_init(&keys, BACKUP_KEYS_MAX);
	if (fd < 0)
		return no_file(e);
	if (org_keys_in_vault(c->call->house->store, e) < 0 ||
		io_read_file(c->call->house->dirfd, "vault/accounts", &keys, e) < 0 ||
		io_write_full(fd, buf_span(&keys), e) < 0)
		return e->code;
	return done(c, fd, e);
}

static const struct control_command commands[] = {
	{ "", N_("write a consistent copy, still sealed, while the server runs; FILE.keys gets the account keys, wrapped"),
		CONTROL_ALWAYS, backup,
		{ { "file", ARG_NEW_FILE, ARG_POSITION | ARG_NEEDED, N_("file to make; it must not exist") } } },
	{ "keys", N_("write the account keys alone, wrapped; keep only the newest: who was removed is gone from all backups"),
		CONTROL_ALWAYS, backup_keys,
		{ { "file", ARG_NEW_FILE, ARG_POSITION | ARG_NEEDED, N_("file to make; it must not exist") } } },
};
CONTROL_NOUN(backup, "backup", N_("copies of everything; `kontor restore FILE --state DIR` makes a house of one"));
