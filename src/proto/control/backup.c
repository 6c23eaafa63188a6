/* kontor backup FILE. The command line makes FILE and passes its descriptor. */
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

static int backup(struct control *c, struct tx *tx, struct err *e)
{
	int fd = c->call->cmd->spool_fd;
	struct span conf, master;
	SCOPED_BUF head;

	(void)tx;
	buf_init(&head, 3 * BACKUP_FILE_MAX);
	if (fd < 0)
		return err_set(e, ERR_PARAM, N_("There is no file to write to"), "no descriptor");
	if (read_state_file(c, "kontor.conf", &conf, e) < 0 || read_state_file(c, "vault/master", &master, e) < 0)
		return e->code;
	backup_head_write(&head, conf, master);
	if (io_write_full(fd, buf_span(&head), e) < 0 || store_backup(c->call->house->store, fd, e) < 0)
		return e->code;
	if (fsync(fd) < 0)
		return err_errno(e, "fsync");
	control_put_int(c->result, "bytes", (uint64_t)lseek(fd, 0, SEEK_CUR));
	return 0;
}

static const struct control_command commands[] = {
	{ "", N_("write a consistent copy, still sealed, while the server runs"), CONTROL_ALWAYS, backup,
		{ { "file", ARG_NEW_FILE, ARG_POSITION | ARG_NEEDED, N_("file to make; it must not exist") } } },
};
CONTROL_NOUN(backup, "backup", N_("copies of everything; `kontor restore FILE --state DIR` makes a house of one"));
