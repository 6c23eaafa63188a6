#include "base/io.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/time.h"

int io_read_full(int fd, void *p, size_t n, struct err *e)
{
	char *to = p;

	while (n) {
		ssize_t r = read(fd, to, n);

		if (r == 0)
			return err_set(e, ERR_GONE, "", "read: end of file");
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(e, "read");
		to += r;
		n -= (size_t)r;
	}
	return 0;
}

int io_write_full(int fd, struct span s, struct err *e)
{
	while (s.n) {
		ssize_t r = write(fd, s.p, s.n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return errno == EPIPE ? err_set(e, ERR_GONE, "", "write: closed") :
						err_errno(e, "write");
		s = span_from(s, (size_t)r);
	}
	return 0;
}

int io_pread_full(int fd, void *p, size_t n, uint64_t off, struct err *e)
{
	char *to = p;

	while (n) {
		ssize_t r = pread(fd, to, n, (off_t)off);

		if (r == 0)
			return err_set(e, ERR_BROKEN, "Internal error", "pread: short file");
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(e, "pread");
		to += r;
		off += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

int io_read_file(int dirfd, const char *path, struct buf *out, struct err *e)
{
	SCOPED_FD fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_MISSING, "No such file", "open %s: missing", path);
	if (fd < 0)
		return err_errno(e, path);
	for (;;) {
		char tmp[8192];
		ssize_t r = read(fd, tmp, sizeof(tmp));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(e, path);
		if (r == 0)
			return 0;
		if (!buf_add(out, (struct span){ tmp, (size_t)r }))
			return err_set(e, ERR_TOOBIG, "File too large", "read %s: over %zu bytes",
				path, out->max);
	}
}

int io_fsync_dir(int dirfd, struct err *e)
{
	SCOPED_FD fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(e, "fsync directory");
	return 0;
}

int io_write_file_durable(int dirfd, const char *path, struct span s, unsigned mode, struct err *e)
{
	char tmp[4096];
	int n = snprintf(tmp, sizeof(tmp), "%s.%016llx.tmp", path, (unsigned long long)random_u64());
	SCOPED_FD fd = -1;
	int r;

	if (n < 0 || (size_t)n >= sizeof(tmp))
		return err_set(e, ERR_PARAM, "Path too long", "path too long");
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return err_errno(e, tmp);
	r = io_write_full(fd, s, e);
	if (r == 0 && fsync(fd) < 0)
		r = err_errno(e, "fsync");
	if (r == 0 && renameat(dirfd, tmp, dirfd, path) < 0)
		r = err_errno(e, "rename");
	if (r < 0) {
		unlinkat(dirfd, tmp, 0);
		return r;
	}
	if (strchr(path, '/'))
		return 0; /* the caller syncs the directory it knows */
	return io_fsync_dir(dirfd, e);
}

int io_nonblock(int fd)
{
	int fl = fcntl(fd, F_GETFL);

	return fl < 0 ? -1 : fcntl(fd, F_SETFL, fl | O_NONBLOCK);
}

int io_memfd(const char *name)
{
	return memfd_create(name, MFD_CLOEXEC);
}

ssize_t io_send_fds(int sock, struct span s, const int *fds, size_t nfds)
{
	char ctl[CMSG_SPACE(sizeof(int) * IO_FDS_MAX)] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { (void *)(uintptr_t)s.p, s.n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t r;

	if (nfds > IO_FDS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (nfds) {
		struct cmsghdr *c;

		m.msg_control = ctl;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	do {
		r = sendmsg(sock, &m, MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	return r;
}

ssize_t io_recv_fds(int sock, void *p, size_t n, int *fds, size_t *nfds_out)
{
	char ctl[CMSG_SPACE(sizeof(int) * IO_FDS_MAX)] __attribute__((aligned(8)));
	struct iovec iov = { p, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl,
		.msg_controllen = sizeof(ctl) };
	ssize_t r;

	*nfds_out = 0;
	do {
		r = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return r;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds + *nfds_out, CMSG_DATA(c), count * sizeof(int));
		*nfds_out += count;
	}
	return r;
}
