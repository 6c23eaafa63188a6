/* Files of blobs: written under a temporary name, durable before anybody hears of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "store/store_impl.h"

void blob_path(uint64_t id, char out[40])
{
	snprintf(out, 40, "blobs/%02x/%016llx", (unsigned)(id & 0xff), (unsigned long long)id);
}

static int made_dir(int dirfd, const char *path, const char *parent, struct err *e)
{
	SCOPED_FD up = -1;

	if (mkdirat(dirfd, path, 0700) < 0 && errno != EEXIST)
		return err_errno(e, path);
	up = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up < 0 || fsync(up) < 0)
		return err_errno(e, parent);
	return 0;
}

static int blob_dirs(struct store *s, uint64_t id, struct err *e)
{
	unsigned n = id & 0xff;
	uint64_t bit = 1ULL << (n % 64);
	char dir[16];
	int rc;

	if (atomic_load_explicit(&s->dirs_made[n / 64], memory_order_acquire) & bit)
		return 0;
	snprintf(dir, sizeof(dir), "blobs/%02x", n);
	rc = made_dir(s->dirfd, "blobs", ".", e);
	if (rc == 0)
		rc = made_dir(s->dirfd, dir, "blobs", e);
	if (rc == 0)
		atomic_fetch_or(&s->dirs_made[n / 64], bit);
	return rc;
}

int blob_draft_open(struct store *s, uint64_t id, struct blob_draft *d, struct err *e)
{
	int rc = blob_dirs(s, id, e);

	if (rc < 0)
		return rc;
	blob_path(id, d->path);
	snprintf(d->tmp, sizeof(d->tmp), "%s.tmp", d->path);
	d->fd = openat(s->dirfd, d->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return d->fd < 0 ? err_errno(e, d->tmp) : 0;
}

int blob_draft_put(struct blob_draft *d, struct span s, uint64_t at, struct err *e)
{
	while (s.n) {
		ssize_t w = pwrite(d->fd, s.p, s.n, (off_t)at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return errno == EFBIG ? err_set(e, ERR_LATER, "The store cannot write now, try again later",
				"%s: file size limit", d->tmp) : err_errno(e, d->tmp);
		s = span_from(s, (size_t)w);
		at += (uint64_t)w;
	}
	return 0;
}

int blob_draft_close(struct store *s, struct blob_draft *d, int rc, struct err *e)
{
	char dir[16];
	SCOPED_FD up = -1;

	snprintf(dir, sizeof(dir), "%.8s", d->path);
	if (rc == 0 && fsync(d->fd) < 0)
		rc = err_errno(e, "fsync blob");
	if (close(d->fd) < 0 && rc == 0)
		rc = err_errno(e, "close blob");
	if (rc == 0 && renameat(s->dirfd, d->tmp, s->dirfd, d->path) < 0)
		rc = err_errno(e, "rename blob");
	if (rc < 0) {
		unlinkat(s->dirfd, d->tmp, 0);
		return rc;
	}
	up = openat(s->dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up < 0 || fsync(up) < 0)
		return err_errno(e, "fsync blob directory");
	return 0;
}
