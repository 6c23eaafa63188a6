/* Files under blobs/ that no row knows: staged and never adopted, or deleted while a crash came between. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "base/scan.h"
#include "base/time.h"
#include "store/blob.h"
#include "store/store_impl.h"

#define OLD_SEC 3600

struct found {
	uint64_t below;
	uint64_t *ids;
	size_t n;
	uint64_t removed;
};

static int sweep_rows(struct tx *tx, void *arg, struct err *e)
{
	struct found *f = arg;

	for (size_t i = 0; i < f->n; i++) {
		SCOPED_SQL q = sql_open(tx, "SELECT 1 FROM blob WHERE id = ?1");
		int rc;

		sql_int(q, 1, (int64_t)f->ids[i]);
		rc = sql_next(q, e);
		if (rc < 0)
			return rc;
		if (rc > 0)
			f->ids[i] = 0; /* in use */
	}
	return 0;
}

/* Ids grow, and no two runs share a block of them. Old by the clock that is never set are those of earlier runs, and those
 * below a mark that is an hour old: a file of a transaction under way is neither, whatever the time of day. */
static uint64_t old_below(struct store *s)
{
	int64_t now = time_mono_us();
	uint64_t mark = store_id(s), below;

	pthread_mutex_lock(&s->sweep_lock);
	if (now - s->sweep_mark_us > OLD_SEC * US_PER_SEC) {
		s->sweep_below = s->sweep_mark;
		s->sweep_mark = mark;
		s->sweep_mark_us = now;
	}
	below = s->sweep_below;
	pthread_mutex_unlock(&s->sweep_lock);
	return below;
}

static bool is_old(int dirfd, const char *name, uint64_t below, uint64_t *id_out)
{
	struct stat st;
	unsigned char raw[8];
	uint64_t id = 0;

	if (!scan_hex(span_sub(span_str(name), 0, 16), raw, 8))
		return false;
	for (int i = 0; i < 8; i++)
		id = id << 8 | raw[i];
	*id_out = id;
	return id < below && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		time_real_sec() - (int64_t)st.st_mtime > OLD_SEC;
}

static void look(DIR *d, struct arena *a, struct found *f)
{
	size_t cap = 0;
	struct dirent *de;

	while ((de = readdir(d))) {
		struct span name = span_str(de->d_name);
		uint64_t id;

		if ((name.n != 16 && !span_ends(name, SPAN(".tmp"))) || !is_old(dirfd(d), de->d_name, f->below, &id))
			continue;
		if (name.n != 16) {
			f->removed += unlinkat(dirfd(d), de->d_name, 0) == 0;
			continue;
		}
		if (f->n == cap) {
			uint64_t *bigger = ARENA_ARRAY(a, uint64_t, cap ? 2 * cap : 256);

			if (f->n)
				memcpy(bigger, f->ids, f->n * sizeof(*bigger));
			f->ids = bigger;
			cap = cap ? 2 * cap : 256;
		}
		f->ids[f->n++] = id;
	}
}

static int sweep_dir(struct store *s, const char *path, uint64_t below, uint64_t *removed, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct found f = { .below = below };
	int fd = openat(s->dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return 0; /* never made: nothing to sweep */
	}
	look(d, a, &f);
	if (f.n)
		rc = store_read(s, sweep_rows, &f, e);
	for (size_t i = 0; rc == 0 && i < f.n; i++) {
		char file[40];

		blob_path(f.ids[i], file);
		if (f.ids[i] && unlinkat(s->dirfd, file, 0) == 0)
			f.removed++;
	}
	closedir(d);
	*removed += f.removed;
	return rc;
}

int blob_sweep(struct store *s, uint64_t *removed_out, struct err *e)
{
	uint64_t below = old_below(s);

	*removed_out = 0;
	for (unsigned i = 0; i < 256; i++) {
		char path[16];
		int rc;

		snprintf(path, sizeof(path), "blobs/%02x", i);
		rc = sweep_dir(s, path, below, removed_out, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}
