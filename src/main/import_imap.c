/* import_imap.c - mails of another IMAP server: folder by folder, in windows of sequence numbers; what each window holds is asked
 * of core first, only the rest is fetched. A mail is named by its user, folder, UIDVALIDITY, UID and date there - not by the server's name, which may change. */
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "base/io.h"
#include "base/scan.h"
#include "base/secret.h"
#include "base/time.h"
#include "codec/imap/imap_utf7.h"
#include "codec/move/maildir.h"
#include "main/cli_link.h"
#include "main/i18n.h"
#include "main/imap_client.h"
#include "main/import.h"

#define WINDOW 500
#define FOLDERS_MAX 10000
#define NAME_BYTES_MAX 2000
#define PATIENCE_SEC 120
#define DIALS_MAX 6                  /* in vain, one after the other */
#define REFUSALS_MAX 2               /* a mail that costs the connection so often is left there */

struct folder {
	struct span wire, name;      /* as the server says it; ours, '/' between levels */
	unsigned attributes;
	char delimiter;
	bool subscribed;
};
struct row {
	uint32_t uid;
	unsigned flags;
	bool dated, done;
	int64_t sec;
	uint64_t size;
	struct span keywords;
	unsigned char id[32];
};
struct pull {
	struct mover *m;
	struct imap_remote at;
	struct imap_client c;
	struct arena *names, *rows_arena;
	struct folder *folders;
	size_t n_folders, lsub_at;
	struct imap_space spaces[IMAP_SPACES_MAX];
	size_t n_spaces;
	struct buf text;             /* a mail with its line ends mended */
	unsigned dials;              /* in vain, so far */
	/* the folder under way */
	const struct folder *f;
	bool selected, begun, sticky, ordered, resync, single, gone;
	uint32_t validity, exists, next, step, step_until, done_uid;
	struct row rows[WINDOW];
	size_t n_rows;               /* places in rows; uid 0: nothing came */
	bool loaded, empty;
	uint32_t refused_uid;
	unsigned refusals;
};

/* What a step returns: 0, LOST (dial again), STOP (m->failure says why). */
enum { STOP = -100, LOST = -101 };

static int stop(struct pull *p, const char *say, const char *detail)
{
	if (!p->m->failure)
		p->m->failure = cli_failure(say, detail);
	return STOP;
}

static int broken_off(struct pull *p, struct err *e)
{
	p->selected = false;
	if (e->code == ERR_DENIED)
		return stop(p, e->say, e->log);
	return LOST;
}

/* 1 an answer, 0 the command's end. */
static int hear(struct pull *p, struct err *e)
{
	int rc = imap_client_next(&p->c, e);

	if (rc < 0)
		return broken_off(p, e);
	if (rc == 1 && p->selected && p->c.answer.says == IMAP_SAYS_EXISTS)
		p->exists = p->c.answer.number;
	if (rc == 1 && p->selected && p->c.answer.says == IMAP_SAYS_EXPUNGE && p->exists) {
		p->exists--;
		p->next -= p->c.answer.number < p->next && p->next > 1;
	}
	return rc;
}

static int say(struct pull *p, struct span command, struct err *e)
{
	return imap_client_say(&p->c, command, e) < 0 ? broken_off(p, e) : 0;
}

static bool good(const struct pull *p)
{
	return p->c.answer.condition == IMAP_COND_OK;
}

static void skip(struct pull *p, uint32_t uid, const char *why)
{
	SCOPED_ARENA a = arena_new();

	p->dials = 0;
	mover_skip(p->m, arena_strz(a, uid ? arena_printf(a, "%.*s, UID %u", SPAN_F(p->f->name), uid) : p->f->name), why);
}

/* ---- folders ---- */

static unsigned special_of(unsigned attributes)
{
	static const struct { unsigned bit, special; } rows[] = { { IMAP_LIST_DRAFTS, MOVE_DRAFTS }, { IMAP_LIST_SENT, MOVE_SENT },
		{ IMAP_LIST_JUNK, MOVE_JUNK }, { IMAP_LIST_TRASH, MOVE_TRASH }, { IMAP_LIST_ARCHIVE, MOVE_ARCHIVE } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (attributes & rows[i].bit)
			return rows[i].special;
	return MOVE_PLAIN;
}

static const struct imap_space *space_of(const struct pull *p, struct span name)
{
	const struct imap_space *best = NULL;

	for (size_t i = 0; i < p->n_spaces; i++)
		if (span_starts(name, p->spaces[i].prefix) && (!best || p->spaces[i].prefix.n > best->prefix.n))
			best = &p->spaces[i];
	return best;
}

static void add_level(struct pull *p, struct buf *b, struct span level, char delimiter)
{
	struct span text = level;

	if (!p->c.utf8 && imap_utf7_decode(p->names, level, &text, NULL) < 0)
		text = level;
	for (size_t i = 0; i < text.n; i++)
		buf_addc(b, text.p[i] == '/' && delimiter != '/' ? '_' : text.p[i]);
}

/* "INBOX.Entw&APw-rfe" with the personal prefix "INBOX." -> "Entwürfe" */
static struct span local_name(struct pull *p, struct span wire, char delimiter, const struct imap_space *space)
{
	SCOPED_BUF b;

	buf_init(&b, 16384);
	if (span_ieqz(wire, "INBOX"))
		return SPAN("INBOX");
	if (space && space->prefix.n && !space->foreign)
		wire = span_from(wire, space->prefix.n);
	while (wire.n) {
		struct span level = delimiter ? span_cut(&wire, delimiter) : wire;

		if (!delimiter)
			wire = SPAN_NONE;
		if (b.n && level.n)
			buf_addc(&b, '/');
		add_level(p, &b, level, delimiter);
	}
	return move_folder_clean(p->names, buf_span(&b));
}

static int add_folder(struct pull *p)
{
	const struct imap_answer *x = &p->c.answer;
	const struct imap_space *space = space_of(p, x->list.name);
	struct folder *f = &p->folders[p->n_folders];

	if (!x->list.name.n || (space && space->foreign))
		return 0;
	if (p->n_folders == FOLDERS_MAX)
		return stop(p, N_("The other server has too many folders"), NULL);
	*f = (struct folder){ .wire = arena_span(p->names, x->list.name), .attributes = x->list.attributes, .delimiter = x->list.delimiter,
		.subscribed = x->list.attributes & IMAP_LIST_SUBSCRIBED };
	f->name = local_name(p, f->wire, f->delimiter, space);
	p->f = f;
	if (f->wire.n > NAME_BYTES_MAX || span_has_nul(f->wire) || span_chr(f->wire, '\n') >= 0 || span_chr(f->wire, '\r') >= 0)
		skip(p, 0, N_("a name that cannot be asked for"));
	else
		p->n_folders++;
	return 0;
}

/* Servers list both in the same order: the search goes on where the last one ended. */
static void subscribe(struct pull *p)
{
	for (size_t i = 0; i < p->n_folders; i++) {
		struct folder *f = &p->folders[(p->lsub_at + i) % p->n_folders];

		if (span_eq(f->wire, p->c.answer.list.name)) {
			f->subscribed = true;
			p->lsub_at = (size_t)(f - p->folders) + 1;
			return;
		}
	}
}

static int list(struct pull *p, const char *command, struct err *e)
{
	int rc = say(p, span_str(command), e);

	while (rc == 0 && (rc = hear(p, e)) == 1) {
		rc = 0;
		if (p->c.answer.says == IMAP_SAYS_NAMESPACE) {
			p->n_spaces = p->c.answer.n_spaces;
			for (size_t i = 0; i < p->n_spaces; i++) {
				p->spaces[i] = p->c.answer.spaces[i];
				p->spaces[i].prefix = arena_span(p->names, span_sub(p->spaces[i].prefix, 0, NAME_BYTES_MAX));
			}
		}
		if (p->c.answer.says == IMAP_SAYS_LIST)
			rc = add_folder(p);
		if (p->c.answer.says == IMAP_SAYS_LSUB)
			subscribe(p);
	}
	return rc;
}

static int list_all(struct pull *p, struct err *e)
{
	bool extended = imap_client_can(&p->c, "LIST-EXTENDED");
	int rc = 0;

	arena_reset(p->names);
	p->n_folders = p->n_spaces = p->lsub_at = 0;
	if (imap_client_can(&p->c, "NAMESPACE"))
		rc = list(p, "NAMESPACE", e);
	if (rc == 0)
		rc = list(p, !extended ? "LIST \"\" \"*\"" : imap_client_can(&p->c, "SPECIAL-USE") ? "LIST \"\" \"*\" RETURN (SUBSCRIBED SPECIAL-USE)" :
			"LIST \"\" \"*\" RETURN (SUBSCRIBED)", e);
	if (rc == 0 && !good(p))
		return stop(p, N_("The other server does not list its folders"), arena_strz(p->names, imap_client_words(&p->c)));
	return rc == 0 && !extended ? list(p, "LSUB \"\" \"*\"", e) : rc;
}

static bool wanted(const struct pull *p, const struct folder *f)
{
	const json_t *names = json_object_get(p->m->wishes, "folder"), *name;
	size_t i;

	json_array_foreach(names, i, name) {
		struct span s = span_str(json_string_value(name));

		if (span_eq(s, f->name) || span_eq(s, f->wire))
			return true;
	}
	return !json_array_size(names);
}

static int count(struct pull *p, struct err *e)
{
	SCOPED_BUF line;
	int rc;

	buf_init(&line, 8192);
	buf_addz(&line, "STATUS ");
	imap_quoted_add(&line, p->f->wire);
	buf_addz(&line, " (MESSAGES)");
	rc = say(p, buf_span(&line), e);
	while (rc == 0 && (rc = hear(p, e)) == 1) {
		if (p->c.answer.says == IMAP_SAYS_COUNTS)
			p->m->total_bytes += p->c.answer.counts.messages;
		rc = 0;
	}
	return rc;
}

static bool selectable(const struct folder *f)
{
	return !(f->attributes & (IMAP_LIST_NOSELECT | IMAP_LIST_NONEXISTENT));
}

/* Which of them are to be brought, how many mails that is. */
static int choose(struct pull *p, struct err *e)
{
	bool asked = json_array_size(json_object_get(p->m->wishes, "folder"));
	size_t n = 0;
	int rc = 0;

	p->m->total_bytes = 0;
	for (size_t i = 0; i < p->n_folders && rc == 0; i++) {
		p->f = &p->folders[i];
		if (!wanted(p, p->f) || !selectable(p->f))
			continue;
		if (!asked && p->f->attributes & (IMAP_LIST_ALL | IMAP_LIST_FLAGGED)) {
			skip(p, 0, N_("a view of other folders' mails; --folder brings it"));
			continue;
		}
		rc = count(p, e);
		p->folders[n++] = p->folders[i];
	}
	p->n_folders = n;
	if (rc == 0 && asked && !n)
		return stop(p, N_("There is no such folder on the other server"), NULL);
	return rc;
}

/* ---- one folder ---- */

static int examine(struct pull *p, struct err *e)
{
	uint32_t before = p->validity;
	SCOPED_BUF line;
	int rc;

	buf_init(&line, 8192);
	buf_addz(&line, "EXAMINE ");
	imap_quoted_add(&line, p->f->wire);
	rc = say(p, buf_span(&line), e);
	p->selected = true;
	p->validity = 0;
	p->sticky = true;
	p->exists = 0;
	while (rc == 0 && (rc = hear(p, e)) == 1) {
		const struct imap_answer *x = &p->c.answer;
		uint64_t n;

		rc = 0;
		if (x->says == IMAP_SAYS_STATUS && span_ieqz(x->code, "UIDVALIDITY") && span_num(x->code_text, &n, 1, UINT32_MAX))
			p->validity = (uint32_t)n;
		if (x->says == IMAP_SAYS_STATUS && span_ieqz(x->code, "UIDNOTSTICKY"))
			p->sticky = false;
	}
	if (rc < 0)
		return rc;
	p->gone = !good(p) || (p->begun && before != p->validity);
	if (p->gone) {
		SCOPED_ARENA a = arena_new();

		skip(p, 0, good(p) ? N_("the folder was made anew meanwhile; run this again") :
			arena_strz(a, imap_client_words(&p->c)));
	}
	return 0;
}

static void name_row(const struct pull *p, struct row *r, struct span text)
{
	uint64_t head[4] = { p->at.user.n, p->f->wire.n, p->validity, r->uid };
	crypto_generichash_state h;
	bool by_uid = p->sticky && p->validity;

	if (!by_uid)
		head[2] = head[3] = 0;
	crypto_generichash_init(&h, NULL, 0, sizeof(r->id));
	crypto_generichash_update(&h, (const unsigned char *)(by_uid ? "i" : "j"), 1);
	crypto_generichash_update(&h, (const unsigned char *)head, sizeof(head));
	crypto_generichash_update(&h, (const unsigned char *)p->at.user.p, p->at.user.n);
	crypto_generichash_update(&h, (const unsigned char *)p->f->wire.p, p->f->wire.n);
	crypto_generichash_update(&h, (const unsigned char *)&r->sec, sizeof(r->sec));
	if (!by_uid)
		crypto_generichash_update(&h, (const unsigned char *)text.p, text.n);
	crypto_generichash_final(&h, r->id, sizeof(r->id));
}

static bool take_row(struct pull *p, uint32_t from, size_t n)
{
	const struct imap_answer *x = &p->c.answer;
	struct row *r;

	if (x->says != IMAP_SAYS_FETCH || x->number < from || x->number - from >= n || !x->fetch.uid)
		return false;
	r = &p->rows[x->number - from];
	if (r->uid)
		return false;
	*r = (struct row){ .uid = x->fetch.uid, .flags = x->fetch.flags, .dated = x->fetch.dated, .sec = x->fetch.sec, .size = x->fetch.size,
		.keywords = arena_span(p->rows_arena, x->fetch.keywords) };
	return true;
}

static int fetch_rows(struct pull *p, uint32_t from, uint32_t to, struct err *e)
{
	SCOPED_BUF line;
	size_t came = 0;
	int rc;

	buf_init(&line, 200);
	p->n_rows = to - from + 1;
	memset(p->rows, 0, sizeof(p->rows));
	arena_reset(p->rows_arena);
	buf_addf(&line, "FETCH %u:%u (UID FLAGS INTERNALDATE RFC822.SIZE)", from, to);
	rc = say(p, buf_span(&line), e);
	while (rc == 0 && (rc = hear(p, e)) == 1) {
		came += take_row(p, from, p->n_rows);
		rc = 0;
	}
	p->empty = !came;
	return rc;
}

static void row_done(struct pull *p, struct row *r)
{
	r->done = true;
	p->dials = 0;
	mover_progress(p->m, 1);
}

/* Rows of earlier rounds, too large ones and those core has are done with. */
static int sift(struct pull *p)
{
	struct span sources[WINDOW] = { SPAN_NONE };
	size_t at[WINDOW], n = 0;
	bool there[WINDOW];

	for (size_t i = 0; i < p->n_rows; i++) {
		struct row *r = &p->rows[i];

		r->done = !r->uid || (p->resync && p->ordered && r->uid <= p->done_uid);
		if (r->done)
			continue;
		p->ordered = p->ordered && r->uid > p->done_uid;
		p->done_uid = r->uid > p->done_uid ? r->uid : p->done_uid;
		if (r->size > MOVER_MAIL_MAX) {
			skip(p, r->uid, N_("too large"));
			row_done(p, r);
		} else if (p->sticky && p->validity) {
			name_row(p, r, SPAN_NONE);
			sources[n] = SPAN_BYTES(r->id, sizeof(r->id));
			at[n++] = i;
		}
	}
	if (mover_there(p->m, sources, n, there) < 0)
		return STOP;
	for (size_t i = 0; i < n; i++)
		if (there[i]) {
			p->m->there++;
			p->m->seen_mails++;
			row_done(p, &p->rows[at[i]]);
		}
	return 0;
}

/* The next window's rows; after a new connection from so far back that the first row must be an old one - else from the start. */
static int load(struct pull *p, struct err *e)
{
	uint32_t from, to;
	int rc;

	if (p->resync && p->next > p->exists)
		p->next = p->exists + 1;
	from = !p->resync ? p->next : p->next > WINDOW ? p->next - WINDOW : 1;
	if (p->step_until < from)
		p->step = WINDOW;
	to = p->exists - from >= p->step ? from + p->step - 1 : p->exists;
	rc = fetch_rows(p, from, to, e);
	if (rc < 0)
		return rc;
	if (!good(p) && p->step > 1) {               /* one of them cannot be given: which? */
		p->step = 1;
		p->step_until = to;
		return 0;
	}
	if (!good(p)) {
		SCOPED_ARENA a = arena_new();
		struct span where = arena_printf(a, "%.*s, %u", SPAN_F(p->f->name), from);

		p->dials = 0;
		mover_skip(p->m, arena_strz(a, where), arena_strz(a, imap_client_words(&p->c)));
	}
	if (good(p) && p->empty) {
		skip(p, 0, N_("the other server does not give the mails it counts"));
		p->gone = true;
		return 0;
	}
	if (p->resync && from > 1 && (!p->rows[0].uid || p->rows[0].uid > p->done_uid)) {
		p->next = 1;
		return 0;
	}
	rc = sift(p);
	p->resync = false;
	p->loaded = rc == 0;
	p->next = to + 1;
	return rc;
}

static int give(struct pull *p, struct row *r, struct span text)
{
	const char *lf = memchr(text.p, '\n', text.n);
	struct move_item item = { .kind = MOVE_MESSAGE, .flags = r->flags, .special = special_of(p->f->attributes), .folder = p->f->name,
		.received_sec = r->sec, .keywords = r->keywords };

	if (!text.n || text.n > MOVER_MAIL_MAX) {
		skip(p, r->uid, text.n ? N_("too large") : N_("empty"));
		row_done(p, r);
		return 0;
	}
	buf_reset(&p->text);
	if (lf && (lf == text.p || lf[-1] != '\r')) {
		move_to_crlf(&p->text, text);
		text = buf_span(&p->text);
	}
	if (!r->dated)
		move_date_of(text, &item.received_sec);
	r->sec = item.received_sec;
	if (!p->sticky || !p->validity)
		name_row(p, r, text);
	item.source = SPAN_BYTES(r->id, sizeof(r->id));
	item.body = text;
	row_done(p, r);
	return mover_add(p->m, &item) < 0 ? STOP : 0;
}

static int take_body(struct pull *p)
{
	const struct imap_answer *x = &p->c.answer;

	if (x->says != IMAP_SAYS_FETCH || !x->fetch.uid || x->fetch.body == IMAP_BODY_NONE)
		return 0;
	for (size_t i = 0; i < p->n_rows; i++) {
		struct row *r = &p->rows[i];

		if (r->uid != x->fetch.uid || r->done)
			continue;
		if (x->fetch.body == IMAP_BODY_STREAMED)
			return give(p, r, buf_span(&p->c.body));
		return give(p, r, x->fetch.body == IMAP_BODY_TEXT ? x->fetch.body_text : SPAN_NONE);
	}
	return 0;
}

/* only: a row, or NULL for all that are not done. */
static int fetch_bodies(struct pull *p, const struct row *only, struct err *e)
{
	SCOPED_BUF line;
	bool any = false;
	int rc;

	buf_init(&line, 16384);
	buf_addz(&line, "UID FETCH ");
	for (size_t i = 0; i < p->n_rows; i++)
		if (!p->rows[i].done && (!only || only == &p->rows[i])) {
			buf_addf(&line, "%s%u", any ? "," : "", p->rows[i].uid);
			any = true;
		}
	buf_addz(&line, " (UID BODY.PEEK[])");
	rc = any ? say(p, buf_span(&line), e) : 0;
	while (any && rc == 0 && (rc = hear(p, e)) == 1)
		rc = take_body(p);
	return rc;
}

static int bodies_one_by_one(struct pull *p, struct err *e)
{
	for (size_t i = 0; i < p->n_rows; i++) {
		struct row *r = &p->rows[i];
		int rc;

		if (r->done)
			continue;
		rc = fetch_bodies(p, r, e);
		if (rc == LOST) {
			p->refusals = p->refused_uid == r->uid ? p->refusals + 1 : 1;
			p->refused_uid = r->uid;
			if (e->code == ERR_TOOBIG || p->refusals >= REFUSALS_MAX) {
				skip(p, r->uid, e->code == ERR_TOOBIG ? N_("too large") : N_("the other server hangs up instead"));
				row_done(p, r);
			}
		}
		if (rc < 0)
			return rc;
		if (!r->done) {
			SCOPED_ARENA a = arena_new();

			skip(p, r->uid, good(p) ? N_("gone meanwhile") : arena_strz(a, imap_client_words(&p->c)));
			row_done(p, r);
		}
	}
	return 0;
}

static int bodies(struct pull *p, struct err *e)
{
	int rc = p->single ? 0 : fetch_bodies(p, NULL, e);

	if (rc < 0) {
		p->single = rc == LOST;
		return rc;
	}
	rc = bodies_one_by_one(p, e);
	if (rc == 0)
		p->single = p->loaded = false;
	return rc;
}

static int put_folder(struct pull *p)
{
	struct move_item item = { .kind = MOVE_FOLDER, .folder = p->f->name, .special = special_of(p->f->attributes),
		.flags = p->f->subscribed ? MOVE_SUBSCRIBED : MOVE_NOT_SUBSCRIBED };

	return mover_add(p->m, &item) < 0 ? STOP : 0;
}

static int folder(struct pull *p, struct err *e)
{
	int rc = p->selected ? 0 : examine(p, e);

	if (rc == 0 && !p->gone && !p->begun) {
		p->begun = true;
		rc = put_folder(p);
	}
	while (rc == 0 && !p->gone && (p->loaded || p->next <= p->exists || (p->resync && p->exists)))
		rc = p->loaded ? bodies(p, e) : load(p, e);
	return rc;
}

/* ---- the whole ---- */

static int dial_again(struct pull *p, struct err *e)
{
	int rc = LOST;

	while (rc == LOST) {
		char detail[sizeof(e->say) + sizeof(e->log) + 8];

		snprintf(detail, sizeof(detail), "%s: %s", _(e->say), e->log);
		if (++p->dials > DIALS_MAX)
			return stop(p, N_("The connection to the other server breaks again and again; run this again later"), detail);
		sleep(1u << (p->dials - 1 > 4 ? 4 : p->dials - 1));
		err_clear(e);
		rc = imap_client_open(&p->c, e) < 0 ? broken_off(p, e) : 0;
	}
	p->selected = false;
	p->resync = p->begun;
	return rc;
}

static int all_folders(struct pull *p)
{
	struct err e = ERR_INIT;
	int rc = 0;

	for (size_t i = 0; i < p->n_folders && rc == 0; i++) {
		p->f = &p->folders[i];
		p->selected = p->begun = p->gone = p->resync = p->single = p->loaded = false;
		p->ordered = true;
		p->validity = p->done_uid = p->refused_uid = p->step_until = 0;
		p->next = 1;
		p->step = WINDOW;
		while ((rc = folder(p, &e)) == LOST && (rc = dial_again(p, &e)) == 0)
			;
	}
	return rc;
}

static int first_answers(struct pull *p)
{
	struct err e = ERR_INIT;
	int rc = imap_client_open(&p->c, &e) < 0 ? stop(p, e.say, e.log) : 0;

	if (rc == 0)
		rc = list_all(p, &e);
	if (rc == 0)
		rc = choose(p, &e);
	return rc == LOST ? stop(p, e.say, e.log) : rc;
}

static int ask_password(struct pull *p, struct secret *out)
{
	SCOPED_FD tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	struct span who = p->at.master.n ? p->at.master : p->at.user;
	struct termios before, silent;
	bool had = tty >= 0 && tcgetattr(tty, &before) == 0;
	SCOPED_SECRET typed = { 0 };
	size_t n = 0;
	char ch;

	if (!had)
		return stop(p, N_("Give the password with --password-file"), NULL);
	dprintf(tty, _("Password of %.*s at %s: "), SPAN_F(who), p->at.host);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(tty, TCSAFLUSH, &silent);
	secret_init(&typed, 1024);
	while (n < typed.n && read(tty, &ch, 1) == 1 && ch != '\n')
		typed.p[n++] = (unsigned char)ch;
	tcsetattr(tty, TCSAFLUSH, &before);
	dprintf(tty, "\n");
	secret_copy(out, SPAN_BYTES(typed.p, n));
	return n ? 0 : stop(p, N_("Give the password with --password-file"), NULL);
}

/* ":" between octets is taken. */
static bool read_pin(const char *text, unsigned char out[32])
{
	char hex[64];
	size_t n = 0;

	for (; *text; text++) {
		if (*text == ':')
			continue;
		if (n == sizeof(hex))
			return false;
		hex[n++] = *text;
	}
	return scan_hex(SPAN_BYTES(hex, n), out, 32);
}

static const char *wish(const struct pull *p, const char *name)
{
	return json_string_value(json_object_get(p->m->wishes, name));
}

/* "imaps://HOST[:PORT][/]"; HOST may be "[::1]". */
static int read_url(struct pull *p, const char *url, struct arena *a)
{
	struct span rest = span_str(url), host;
	bool tls = span_istarts(rest, SPAN("imaps://"));
	uint64_t port;

	rest = span_from(rest, tls ? 8 : 7);
	if (span_ends(rest, SPAN("/")))
		rest.n--;
	if (span_chr(rest, '@') >= 0)
		return stop(p, N_("The name goes into --user, the password into --password-file"), NULL);
	if (span_starts(rest, SPAN("["))) {
		rest = span_from(rest, 1);
		host = span_cut(&rest, ']');
		scan_char(&rest, ':');
	} else {
		host = span_cut(&rest, ':');
	}
	if (!host.n || host.n > 255 || span_chr(host, '/') >= 0 || (rest.n && !span_num(rest, &port, 1, 65535)))
		return stop(p, N_("The source is imaps://HOST[:PORT] or imap://HOST[:PORT]"), url);
	p->at.host = arena_strz(a, host);
	p->at.port = rest.n ? arena_strz(a, rest) : tls ? "993" : "143";
	p->at.security = json_is_true(json_object_get(p->m->wishes, "insecure")) ? IMAP_CLEAR : tls ? IMAP_TLS : IMAP_STARTTLS;
	return tls && p->at.security == IMAP_CLEAR ? stop(p, N_("imaps:// and --insecure contradict each other"), url) : 0;
}

static int read_wishes(struct pull *p, const char *url, struct arena *a)
{
	const char *user = wish(p, "user"), *patience = wish(p, "patience"), *pin = wish(p, "fingerprint");
	uint64_t sec = PATIENCE_SEC;

	p->at.user = span_str(user ? user : wish(p, "account"));
	p->at.master = span_str(wish(p, "master"));
	p->at.ca_file = wish(p, "ca-file");
	p->at.body_max = MOVER_MAIL_MAX;
	p->at.pinned = pin != NULL;
	if (pin && !read_pin(pin, p->at.pin))
		return stop(p, N_("The fingerprint is 64 hexadecimal digits"), pin);
	if (patience && !span_num(span_str(patience), &sec, 1, 86400))
		return stop(p, N_("This is not a number that makes sense here"), patience);
	p->at.patience_us = (int64_t)sec * US_PER_SEC;
	return read_url(p, url, a);
}

bool import_is_imap(const char *source)
{
	return span_istarts(span_str(source), SPAN("imap://")) || span_istarts(span_str(source), SPAN("imaps://"));
}

static void run(struct pull *p, struct secret *password)
{
	struct err e = ERR_INIT;
	json_t *given = json_object_get(p->m->wishes, "password");

	if (given)
		secret_copy(password, SPAN_BYTES(json_string_value(given), json_string_length(given)));
	else if (ask_password(p, password) < 0)
		return;
	p->at.password = secret_span(password);
	imap_client_init(&p->c, &p->at);
	p->folders = calloc(FOLDERS_MAX, sizeof(*p->folders));
	if (!p->folders)
		abort();
	if (first_answers(p) == 0 && all_folders(p) == 0)
		imap_client_say(&p->c, SPAN("LOGOUT"), &e);
	free(p->folders);
	imap_client_fini(&p->c);
}

void import_imap(struct mover *m, const char *url)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_SECRET password = { 0 };
	struct pull *p = ARENA_NEW(a, struct pull);

	signal(SIGPIPE, SIG_IGN);
	p->m = m;
	p->names = arena_new();
	p->rows_arena = arena_new();
	buf_init(&p->text, 2ull * MOVER_MAIL_MAX);
	if (read_wishes(p, url, a) == 0)
		run(p, &password);
	buf_fini(&p->text);
	arena_free(p->names);
	arena_free(p->rows_arena);
}
