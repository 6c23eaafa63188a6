/* export.c - kontor mail export ACCOUNT PATH: into PATH.part, which becomes PATH when all is there. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "codec/imap/imap_utf7.h"
#include "codec/move/maildir.h"
#include "codec/move/mbox.h"
#include "main/cli.h"
#include "main/cli_link.h"
#include "main/i18n.h"
#include "main/mover.h"

struct export {
	struct mover m;                   /* asks, shows progress */
	bool mbox;
	int root, at, file;               /* PATH.part; cur/ of the folder; the folder's mbox */
	struct span words[MAILDIR_LETTERS];
	size_t n_words;
	uint64_t exported, keywords_left;
	struct arena *folder_arena;
	json_t *reply;                    /* of the last question */
};

static int broken(struct export *x, const char *text, const char *detail)
{
	if (!x->m.failure)
		x->m.failure = cli_failure(text, detail);
	return -1;
}

/* One question, one answer, mapped; *map_out is none for an empty one. */
static int ask(struct export *x, const struct move_item *question, struct span *map_out)
{
	SCOPED_FD fd = memfd_create("export", MFD_CLOEXEC);
	SCOPED_BUF head;
	struct stat st;
	void *p;

	buf_init(&head, 65536);
	if (question)
		move_item_head(&head, question);
	if (fd < 0 || io_write_full(fd, buf_span(&head), NULL) < 0)
		return broken(x, strerror(errno), NULL);
	json_decref(x->reply);
	x->reply = cli_ask_end(cli_ask_begin(x->m.state, "mail export", x->m.args, fd));
	if (!json_is_true(json_object_get(x->reply, "ok"))) {
		x->m.failure = json_incref(x->reply);
		return -1;
	}
	*map_out = SPAN_NONE;
	if (fstat(fd, &st) < 0 || !st.st_size)
		return 0;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return broken(x, strerror(errno), NULL);
	*map_out = SPAN_BYTES(p, (size_t)st.st_size);
	return 0;
}

static void unmap(struct span map)
{
	if (map.n)
		munmap((void *)(uintptr_t)map.p, map.n);
}

static int64_t number(const struct export *x, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(x->reply, "result"), name));
}

/* ---- Maildir ---- */

static char letter_of(struct export *x, struct span word)
{
	for (size_t i = 0; i < x->n_words; i++)
		if (span_ieq(x->words[i], word))
			return (char)('a' + i);
	if (x->n_words == MAILDIR_LETTERS)
		return 0;
	x->words[x->n_words] = arena_span(x->folder_arena, word);
	return (char)('a' + x->n_words++);
}

static void put_letters(struct export *x, struct buf *b, const struct move_item *item)
{
	static const struct { unsigned flag; char letter; } rows[] = { { MOVE_DRAFT, 'D' }, { MOVE_FLAGGED, 'F' }, { MOVE_ANSWERED, 'R' },
		{ MOVE_SEEN, 'S' }, { MOVE_DELETED, 'T' } };
	struct span words = item->keywords;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (item->flags & rows[i].flag)
			buf_addc(b, rows[i].letter);
	while (words.n) {
		char letter = letter_of(x, span_cut(&words, ' '));

		if (letter)
			buf_addc(b, letter);
		else
			x->keywords_left++;
	}
}

static int maildir_mail(struct export *x, const struct move_item *item)
{
	struct timespec times[2] = { { .tv_sec = item->received_sec }, { .tv_sec = item->received_sec } };
	SCOPED_BUF name, text;
	SCOPED_FD fd = -1;
	struct err e = ERR_INIT;

	buf_init(&name, 500);
	buf_init(&text, 2ull * item->body.n + 100);
	move_to_lf(&text, item->body);
	buf_addf(&name, "%lld.M%.*s.kontor,S=%zu:2,", (long long)(item->received_sec > 0 ? item->received_sec : 1), SPAN_F(item->source), text.n);
	put_letters(x, &name, item);
	buf_addc(&name, 0);
	fd = name.failed ? -1 : openat(x->at, name.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || io_write_full(fd, buf_span(&text), &e) < 0 || futimens(fd, times) < 0)
		return broken(x, strerror(errno), e.log);
	return 0;
}

static int maildir_open(struct export *x, struct span folder)
{
	static const char *const parts[] = { "cur", "new", "tmp" };
	SCOPED_BUF name;
	SCOPED_FD dir = -1;

	buf_init(&name, 16384);
	maildir_folder_write(&name, folder);
	if (!name.n)
		buf_addc(&name, '.');
	else if (buf_addc(&name, 0) && mkdirat(x->root, name.p, 0700) < 0)
		return broken(x, strerror(errno), name.p);
	buf_addc(&name, 0);
	dir = openat(x->root, name.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < 3 && dir >= 0; i++)
		if (mkdirat(dir, parts[i], 0700) < 0)
			return broken(x, strerror(errno), name.p);
	x->at = dir < 0 ? -1 : openat(dir, "cur", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	x->n_words = 0;
	return x->at < 0 ? broken(x, strerror(errno), name.p) : 0;
}

static int maildir_close(struct export *x)
{
	SCOPED_FD fd = -1;
	SCOPED_BUF b;

	buf_init(&b, 65536);
	for (size_t i = 0; i < x->n_words; i++)
		buf_addf(&b, "%zu %.*s\n", i, SPAN_F(x->words[i]));
	if (b.n)
		fd = openat(x->at, "../dovecot-keywords", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (b.n && (fd < 0 || io_write_full(fd, buf_span(&b), NULL) < 0))
		return broken(x, strerror(errno), "dovecot-keywords");
	io_close(&x->at);
	return 0;
}

/* ---- mbox: "Archiv.mbox", and "Archiv/2026.mbox" for what lies below ---- */

static void put_level(struct buf *b, struct span level)
{
	static const char *const misleading[] = { ".sbd", ".mbox", ".mbx", ".eml" };
	bool hide = level.n && level.p[0] == '.';
	SCOPED_BUF plain;

	buf_init(&plain, 16384);
	imap_utf7_encode(&plain, level, NULL);
	for (size_t i = 0; i < sizeof(misleading) / sizeof(*misleading); i++) {
		struct span end = span_str(misleading[i]);

		hide = hide || (level.n >= end.n && span_ieq(span_from(level, level.n - end.n), end));
	}
	for (size_t i = 0; i < plain.n; i++)
		if (hide && plain.p[i] == '.')
			buf_addz(b, "%2E");
		else
			buf_addc(b, plain.p[i]);
}

static int mbox_open(struct export *x, struct span folder)
{
	SCOPED_BUF path;

	buf_init(&path, PATH_MAX);
	while (folder.n) {
		put_level(&path, span_cut(&folder, '/'));
		if (!folder.n)
			break;
		buf_addc(&path, 0);
		if (path.failed || (mkdirat(x->root, path.p, 0700) < 0 && errno != EEXIST))
			return broken(x, strerror(errno), path.p);
		path.p[path.n - 1] = '/';
	}
	buf_addz(&path, ".mbox");
	buf_addc(&path, 0);
	x->file = path.failed ? -1 : openat(x->root, path.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return x->file < 0 ? broken(x, strerror(errno), path.failed ? NULL : path.p) : 0;
}

static int mbox_mail(struct export *x, const struct move_item *item)
{
	struct err e = ERR_INIT;
	SCOPED_BUF b;

	buf_init(&b, 4ull * item->body.n + 65536);
	mbox_pack(&b, item->body, item->flags, item->keywords, item->received_sec);
	return b.failed || io_write_full(x->file, buf_span(&b), &e) < 0 ? broken(x, strerror(errno), e.log) : 0;
}

/* ---- all of it ---- */

static int one_part(struct export *x, struct span folder, int64_t *after, bool *end)
{
	struct move_item question = { .kind = MOVE_FOLDER, .folder = folder, .received_sec = *after }, item;
	struct span map, rest;
	int rc = ask(x, &question, &map);

	rest = map;
	while (rc == 0 && rest.n) {
		if (move_item_next(&rest, &item, NULL) != 1) {
			rc = broken(x, N_("The answer cannot be read"), NULL);
			break;
		}
		rc = x->mbox ? mbox_mail(x, &item) : maildir_mail(x, &item);
		x->m.seen_mails = ++x->exported;
		mover_progress(&x->m, item.body.n);
	}
	unmap(map);
	if (rc < 0)
		return rc;
	*end = json_is_true(json_object_get(json_object_get(x->reply, "result"), "end"));
	*after = *end ? *after : number(x, "last");
	return 0;
}

static int one_folder(struct export *x, struct span folder)
{
	int64_t after = 0;
	bool end = false;
	int rc;

	arena_reset(x->folder_arena);
	rc = x->mbox ? mbox_open(x, folder) : maildir_open(x, folder);
	while (rc == 0 && !end)
		rc = one_part(x, folder, &after, &end);
	if (rc == 0 && !x->mbox)
		rc = maildir_close(x);
	io_close(&x->at);
	io_close(&x->file);
	return rc;
}

static int all_folders(struct export *x)
{
	struct span map, rest;
	struct move_item item;
	int rc = ask(x, NULL, &map);

	rest = map;
	x->m.total_bytes = rc == 0 ? (uint64_t)number(x, "used_bytes") : 0;
	while (rc == 0 && move_item_next(&rest, &item, NULL) == 1)
		rc = one_folder(x, item.folder);
	unmap(map);
	return rc;
}

static int export_to(struct export *x, const char *path)
{
	char part[PATH_MAX];
	int n = snprintf(part, sizeof(part), "%s.part", path);

	if (n < 0 || (size_t)n >= sizeof(part))
		return broken(x, strerror(ENAMETOOLONG), path);
	if (access(path, F_OK) == 0)
		return broken(x, strerror(EEXIST), path);
	if (mkdir(part, 0700) < 0)
		return broken(x, errno == EEXIST ? N_("An interrupted export lies there; remove it first") : strerror(errno), part);
	x->root = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->root < 0)
		return broken(x, strerror(errno), part);
	if (all_folders(x) < 0)
		return -1;
	if (syncfs(x->root) < 0 || renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
		return broken(x, strerror(errno), path);
	return 0;
}

json_t *cli_export(const char *state, json_t *args)
{
	struct export x = { .root = -1, .at = -1, .file = -1, .folder_arena = arena_new() };
	const char *format = json_string_value(json_object_get(args, "format"));
	json_t *reply;

	mover_begin(&x.m, state, args);
	x.mbox = format && strcmp(format, "mbox") == 0;
	if (format && !x.mbox && strcmp(format, "maildir") != 0)
		broken(&x, N_("The format is maildir or mbox"), format);
	else
		export_to(&x, json_string_value(json_object_get(args, "path")));
	mover_clear(&x.m);
	reply = x.m.failure ? x.m.failure : json_pack("{s:b}", "ok", 1);
	json_object_set_new(reply, "result", json_pack("{s:I}", "exported", (json_int_t)x.exported));
	if (x.keywords_left)
		json_object_set_new(json_object_get(reply, "result"), "keywords_left", json_integer((json_int_t)x.keywords_left));
	json_decref(x.reply);
	io_close(&x.root);
	arena_free(x.folder_arena);
	return reply;
}
