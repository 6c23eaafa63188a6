/* io.h - descriptors: whole reads and writes, passing descriptors over UNIX sockets, durable files.
 *
 * All blocking unless said; EINTR is handled. Errors: ERR_GONE (other side closed), ERR_LATER (disk full),
 * ERR_BROKEN. Not good for: client sockets (net/stream.h). */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define IO_FDS_MAX 16

int io_read_full(int fd, void *p, size_t n, struct err *e);
int io_write_full(int fd, struct span s, struct err *e);
int io_pread_full(int fd, void *p, size_t n, uint64_t off, struct err *e);
/* Whole small file into *out (append), refusing more than out->max. ERR_MISSING when absent. */
int io_read_file(int dirfd, const char *path, struct buf *out, struct err *e);
/* Write to a temporary name, fsync, rename, fsync the directory. */
int io_write_file_durable(int dirfd, const char *path, struct span s, unsigned mode, struct err *e);
int io_fsync_dir(int dirfd, struct err *e);
int io_nonblock(int fd);
int io_memfd(const char *name);                     /* anonymous memory file, close-on-exec */

/* Send bytes with nfds descriptors (may be short; returns bytes sent or -1 with errno). */
ssize_t io_send_fds(int sock, struct span s, const int *fds, size_t nfds);
/* Receive; up to IO_FDS_MAX descriptors are stored (close-on-exec), *nfds_out counts them. */
ssize_t io_recv_fds(int sock, void *p, size_t n, int *fds, size_t *nfds_out);

static inline void io_close(int *fd)
{
	extern int close(int);
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
#define SCOPED_FD __attribute__((cleanup(io_close))) int
