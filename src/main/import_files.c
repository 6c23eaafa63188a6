#include "main/import.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "codec/move/maildir.h"
#include "codec/move/mbox.h"
#include "main/cli_link.h"
#include "main/i18n.h"

#define DEPTH_MAX 32
#define DROP_EVERY (64u << 20)       /* of a mapped file's pages that are done with */
#define PUT_LATER_SEC 86400          /* a file changed so long after it was put there has been copied without its time */

struct walk {
	struct mover *m;
	bool counting;               /* the first round: how much there is */
	struct buf raw, text;        /* of one mail */
	struct span keywords[MAILDIR_LETTERS];
	int rc;
};

struct entry {
	char *name;
	int64_t sec;
};

static int entry_cmp(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	return a->sec != b->sec ? (a->sec > b->sec) - (a->sec < b->sec) : strcmp(a->name, b->name);
}

/* All names of a folder but "." and "..", mails in the order they came. Freed with names_free. */
static size_t names_of(int dirfd, struct entry **out)
{
	DIR *d = fdopendir(dup(dirfd));
	size_t n = 0, cap = 0;
	struct dirent *e;

	*out = NULL;
	if (d)
		rewinddir(d);        /* the descriptor's place is shared with the round before */
	while (d && (e = readdir(d))) {
		struct maildir_name mail;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 256;
			*out = reallocarray(*out, cap, sizeof(**out));
			if (!*out)
				abort();
		}
		(*out)[n].name = strdup(e->d_name);
		if (!(*out)[n].name)
			abort();
		(*out)[n].sec = maildir_name_read(span_str(e->d_name), &mail) ? mail.sec : 0;
		n++;
	}
	if (d)
		closedir(d);
	if (n)
		qsort(*out, n, sizeof(**out), entry_cmp);
	return n;
}

static void names_free(struct entry *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].name);
	free(v);
}

static int open_dir(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* An ordinary file, no link, nothing that blocks. */
static int open_file(int at, const char *name, struct stat *st)
{
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

/* What names a mail at its source: where it lies and what it says. */
static struct span source_id(struct arena *a, char kind, struct span folder, struct span unique, struct span text)
{
	unsigned char *id = arena_alloc(a, 32);
	crypto_generichash_state h;
	uint64_t lens[2] = { folder.n, unique.n };

	crypto_generichash_init(&h, NULL, 0, 32);
	crypto_generichash_update(&h, (const unsigned char *)&kind, 1);
	crypto_generichash_update(&h, (const unsigned char *)lens, sizeof(lens));
	crypto_generichash_update(&h, (const unsigned char *)folder.p, folder.n);
	crypto_generichash_update(&h, (const unsigned char *)unique.p, unique.n);
	crypto_generichash_update(&h, (const unsigned char *)text.p, text.n);
	crypto_generichash_final(&h, id, 32);
	return SPAN_BYTES(id, 32);
}

static const char *is_packed(struct span s)
{
	static const char *const magic[] = { "\x1f\x8b", "BZh", "\x28\xb5\x2f\xfd", "\xfd" "7zXZ", "Dovecot-LZ4" };

	for (size_t i = 0; i < sizeof(magic) / sizeof(*magic); i++)
		if (span_starts(s, span_str(magic[i])))
			return N_("compressed: unpack it first");
	return s.n ? NULL : N_("empty");
}

static bool read_whole(int fd, uint64_t size, struct buf *b)
{
	char *p;

	buf_reset(b);
	p = buf_space(b, size);
	if (!p || (size && io_pread_full(fd, p, size, 0, NULL) < 0))
		return false;
	buf_grow(b, size);
	return true;
}

static struct span join(struct arena *a, struct span path, struct span name)
{
	return path.n && name.n ? arena_printf(a, "%.*s/%.*s", SPAN_F(path), SPAN_F(name)) : path.n ? path : name;
}

static int skip(struct walk *w, struct span folder, const char *name, const char *why)
{
	SCOPED_ARENA a = arena_new();

	mover_skip(w->m, arena_strz(a, join(a, folder, span_str(name))), why);
	return 0;
}

static int give(struct walk *w, struct move_item *item, struct span folder)
{
	item->kind = MOVE_MESSAGE;
	item->folder = folder.n ? folder : SPAN("INBOX");
	return mover_add(w->m, item);
}

/* ---- Maildir ---- */

static void add_keywords(const struct walk *w, const struct maildir_name *name, struct buf *b)
{
	if (name->forwarded)
		buf_addz(b, "$Forwarded");
	for (int i = 0; i < MAILDIR_LETTERS; i++)
		if (name->letters >> i & 1 && w->keywords[i].n)
			buf_addf(b, "%s%.*s", b->n ? " " : "", SPAN_F(w->keywords[i]));
}

/* The file's time; where it was set long after the mail came (a copy without times), what the mail says. */
static int64_t maildir_date(const struct maildir_name *name, const struct stat *st, struct span text)
{
	int64_t sec = st->st_mtim.tv_sec;

	if (name->sec && sec > name->sec + PUT_LATER_SEC && !move_date_of(text, &sec))
		sec = name->sec;
	return sec;
}

static int maildir_mail(struct walk *w, int dirfd, struct span folder, const char *file, bool fresh)
{
	SCOPED_ARENA a = arena_new();
	struct stat st;
	struct maildir_name name;
	struct move_item item = { .received_sec = 0 };
	SCOPED_FD fd = open_file(dirfd, file, &st);
	SCOPED_BUF words;
	const char *why;

	buf_init(&words, 65536);
	if (fd < 0)
		return skip(w, folder, file, errno == ENOENT ? N_("gone meanwhile") : strerror(errno));
	mover_progress(w->m, (uint64_t)st.st_size);
	if ((uint64_t)st.st_size > MOVER_MAIL_MAX)
		return skip(w, folder, file, N_("too large"));
	if (!read_whole(fd, (uint64_t)st.st_size, &w->raw))
		return skip(w, folder, file, N_("cannot be read"));
	why = is_packed(buf_span(&w->raw));
	if (why)
		return skip(w, folder, file, why);
	maildir_name_read(span_str(file), &name);
	add_keywords(w, &name, &words);
	buf_reset(&w->text);
	move_to_crlf(&w->text, buf_span(&w->raw));
	if (w->text.failed || w->text.n > MOVER_MAIL_MAX)
		return skip(w, folder, file, N_("too large"));
	item.flags = fresh ? 0 : name.flags;
	item.keywords = buf_span(&words);
	item.received_sec = maildir_date(&name, &st, buf_span(&w->text));
	item.source = source_id(a, 'd', folder, name.unique, buf_span(&w->text));
	item.body = buf_span(&w->text);
	return give(w, &item, folder);
}

static int maildir_part(struct walk *w, int at, struct span folder, const char *part)
{
	SCOPED_FD fd = open_dir(at, part);
	struct entry *v;
	size_t n;
	int rc = 0;

	if (fd < 0)
		return 0;
	n = names_of(fd, &v);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct stat st;

		if (v[i].name[0] == '.')
			continue;
		if (!w->counting)
			rc = maildir_mail(w, fd, folder, v[i].name, strcmp(part, "new") == 0);
		else if (fstatat(fd, v[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			w->m->total_bytes += (uint64_t)st.st_size;
	}
	names_free(v, n);
	return rc;
}

static int put_folder(struct walk *w, struct span folder)
{
	struct move_item item = { .kind = MOVE_FOLDER, .folder = folder.n ? folder : SPAN("INBOX") };

	return w->counting ? 0 : mover_add(w->m, &item);
}

static int maildir(struct walk *w, int at, struct span folder)
{
	SCOPED_BUF text;
	SCOPED_FD fd = -1;
	struct stat st;

	buf_init(&text, 65536);
	fd = open_file(at, "dovecot-keywords", &st);
	if (fd >= 0 && st.st_size < 65536)
		read_whole(fd, (uint64_t)st.st_size, &text);
	maildir_keywords_read(buf_span(&text), w->keywords);
	if (put_folder(w, folder) < 0 || maildir_part(w, at, folder, "cur") < 0 || maildir_part(w, at, folder, "new") < 0)
		return -1;
	memset(w->keywords, 0, sizeof(w->keywords));
	return 0;
}

/* ---- mbox and EML ---- */

static int mbox_mail(struct walk *w, struct span folder, const char *file, struct mbox_mail *mail)
{
	SCOPED_ARENA a = arena_new();
	struct move_item item = { .received_sec = mail->sec };
	SCOPED_BUF words;

	buf_init(&words, 65536);
	if (mail->internal)
		return 0;
	if (mail->raw.n > MOVER_MAIL_MAX)
		return skip(w, folder, arena_strz(a, arena_printf(a, "%s, %zu", file, mail->off)), N_("too large"));
	buf_reset(&w->text);
	mbox_unpack(mail, &w->text, &words);
	if (w->text.failed || w->text.n > MOVER_MAIL_MAX || !w->text.n)
		return skip(w, folder, arena_strz(a, arena_printf(a, "%s, %zu", file, mail->off)),
			w->text.n ? N_("too large") : N_("empty"));
	item.flags = mail->flags;
	item.keywords = buf_span(&words);
	item.source = source_id(a, 'm', folder, SPAN_BYTES(&mail->off, sizeof(mail->off)), buf_span(&w->text));
	item.body = buf_span(&w->text);
	return give(w, &item, folder);
}

static int mbox_file(struct walk *w, struct span folder, const char *file, int fd, uint64_t size)
{
	struct mbox m = { .at = 0 };
	struct mbox_mail mail;
	size_t dropped = 0;
	void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	int rc = put_folder(w, folder), r = 0;

	if (p == MAP_FAILED)
		return skip(w, folder, file, strerror(errno));
	m.in = SPAN_BYTES(p, size);
	while (rc == 0 && (r = mbox_next(&m, &mail, NULL)) == 1) {
		rc = mbox_mail(w, folder, file, &mail);
		mover_progress(w->m, m.at - mail.off);
		if (m.at - dropped > DROP_EVERY) {
			size_t edge = m.at & ~(size_t)4095;

			madvise((char *)p + dropped, edge - dropped, MADV_DONTNEED);
			dropped = edge;
		}
	}
	munmap(p, size);
	return r < 0 ? skip(w, folder, file, N_("this is no mbox file to its end")) : rc;
}

static int eml_file(struct walk *w, struct span folder, const char *file, int fd, const struct stat *st)
{
	SCOPED_ARENA a = arena_new();
	struct move_item item = { .received_sec = st->st_mtim.tv_sec };

	mover_progress(w->m, (uint64_t)st->st_size);
	if ((uint64_t)st->st_size > MOVER_MAIL_MAX)
		return skip(w, folder, file, N_("too large"));
	if (!st->st_size || !read_whole(fd, (uint64_t)st->st_size, &w->raw))
		return skip(w, folder, file, st->st_size ? N_("cannot be read") : N_("empty"));
	buf_reset(&w->text);
	move_to_crlf(&w->text, buf_span(&w->raw));
	if (w->text.failed || w->text.n > MOVER_MAIL_MAX)
		return skip(w, folder, file, N_("too large"));
	move_date_of(buf_span(&w->text), &item.received_sec);
	item.source = source_id(a, 'e', folder, span_str(file), buf_span(&w->text));
	item.body = buf_span(&w->text);
	return give(w, &item, folder);
}

static struct span without(struct span name, const char *const *ends)
{
	for (; *ends; ends++) {
		size_t n = strlen(*ends);

		if (name.n > n && span_ieqz(span_from(name, name.n - n), *ends))
			return span_sub(name, 0, name.n - n);
	}
	return name;
}

/* "%2E", "%25": what our mbox export writes for dots and percent signs that would mislead. */
static struct span level_of(struct arena *a, const char *name, const char *const *ends)
{
	struct span s = without(span_str(name), ends);
	SCOPED_BUF b;

	buf_init(&b, 4096);
	while (s.n) {
		bool dot = span_istarts(s, SPAN("%2E")), percent = span_starts(s, SPAN("%25"));

		buf_addc(&b, dot ? '.' : percent ? '%' : s.p[0]);
		s = span_from(s, dot || percent ? 3 : 1);
	}
	return maildir_folder_read(a, buf_span(&b), false);
}

static const char *const file_ends[] = { ".mbox", ".mbx", ".eml", NULL };
static const char *const folder_ends[] = { ".sbd", ".mbox", NULL };

/* A file outside of Maildirs: an mbox is a folder of its own, an EML lies in the folder it is in. */
static int file(struct walk *w, int at, struct span path, const char *name, bool alone)
{
	SCOPED_ARENA a = arena_new();
	struct stat st;
	SCOPED_FD fd = open_file(at, name, &st);
	char head[1024];
	ssize_t n = fd < 0 ? 0 : pread(fd, head, sizeof(head), 0);
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	bool eml = without(span_str(name), (const char *const[]){ ".eml", NULL }).n < strlen(name);

	if (fd < 0)
		return !alone && (errno == ELOOP || errno == EINVAL) ? 0 : w->counting ? 0 : skip(w, path, name, strerror(errno));
	if (n > 0 && !eml && mbox_starts(SPAN_BYTES(head, (size_t)n))) {
		struct span folder = alone && w->m->into.n ? SPAN_NONE : join(a, path, level_of(a, base, file_ends));

		w->m->total_bytes += w->counting ? (uint64_t)st.st_size : 0;
		return w->counting ? 0 : mbox_file(w, folder, name, fd, (uint64_t)st.st_size);
	}
	if (!st.st_size && without(span_str(name), (const char *const[]){ ".mbox", NULL }).n < strlen(name))
		return put_folder(w, join(a, path, level_of(a, base, file_ends)));
	if (!eml && !alone)
		return 0;
	w->m->total_bytes += w->counting ? (uint64_t)st.st_size : 0;
	return w->counting ? 0 : eml_file(w, path, base, fd, &st);
}

static int folder(struct walk *w, int at, struct span path, int depth)
{
	bool is_maildir = faccessat(at, "cur", F_OK, 0) == 0 || faccessat(at, "new", F_OK, 0) == 0;
	struct entry *v;
	size_t n = names_of(at, &v);
	int rc = is_maildir ? maildir(w, at, path) : 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const char *name = v[i].name;
		SCOPED_ARENA a = arena_new();
		SCOPED_FD fd = open_dir(at, name);

		if (is_maildir && (strcmp(name, "cur") == 0 || strcmp(name, "new") == 0 || strcmp(name, "tmp") == 0))
			continue;
		if (fd < 0 && !is_maildir)
			rc = file(w, at, path, name, false);
		else if (fd >= 0 && depth < DEPTH_MAX && (name[0] != '.' || faccessat(fd, "cur", F_OK, 0) == 0))
			rc = folder(w, fd, join(a, path, name[0] == '.' ? maildir_folder_read(a, span_str(name), true) :
				level_of(a, name, folder_ends)), depth + 1);
	}
	names_free(v, n);
	return rc;
}

static int both_rounds(struct walk *w, const char *path)
{
	SCOPED_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && access(path, R_OK) < 0) {
		w->m->failure = cli_failure(strerror(errno), path);
		return -1;
	}
	for (int round = 0; round < 2; round++) {
		w->counting = round == 0;
		if ((fd >= 0 ? folder(w, fd, SPAN_NONE, 0) : file(w, AT_FDCWD, SPAN_NONE, path, true)) < 0)
			return -1;
	}
	return 0;
}

int import_files(struct mover *m, const char *path)
{
	struct walk w = { .m = m };
	int rc;

	buf_init(&w.raw, MOVER_MAIL_MAX + 1);
	buf_init(&w.text, 2ull * MOVER_MAIL_MAX);
	rc = both_rounds(&w, path);
	buf_fini(&w.raw);
	buf_fini(&w.text);
	return rc;
}
