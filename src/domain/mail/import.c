#include "domain/mail/import.h"
#include <string.h>
#include "base/time.h"
#include "codec/move/move_item.h"
#include "domain/mail/deliver.h"
#include "domain/mail/mail_impl.h"

_Static_assert((int)MOVE_INBOX == SPECIAL_INBOX && (int)MOVE_DRAFTS == SPECIAL_DRAFTS && (int)MOVE_SENT == SPECIAL_SENT &&
	(int)MOVE_JUNK == SPECIAL_JUNK && (int)MOVE_TRASH == SPECIAL_TRASH && (int)MOVE_ARCHIVE == SPECIAL_ARCHIVE, "one numbering");

#define FOLDERS_CACHED 64

struct work {
	struct org *o;
	struct tx *tx;
	struct arena *a;
	uint64_t account_id;
	bool force, again;
	struct import_done *done;
	struct folder {
		struct span name;
		struct mailbox box;
	} v[FOLDERS_CACHED];
	size_t n;
};

static void lookup_of(const struct seal_key *key, struct span source, unsigned char out[SEAL_LOOKUP_LEN])
{
	seal_lookup(key, "import", source, out);
}

int import_known(struct org *o, struct tx *tx, uint64_t account_id, struct import_mail *v, size_t n, struct err *e)
{
	MAIL_KEY key = { { 0 } };

	if (org_key(o, tx, account_id, &key, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		SCOPED_SQL q = sql_open(tx, "SELECT seen_sec FROM import_seen WHERE account_id = ?1 AND lookup = ?2");
		unsigned char lookup[SEAL_LOOKUP_LEN];
		int r;

		lookup_of(&key, v[i].source, lookup);
		sql_int(q, 1, (int64_t)account_id);
		sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
		r = v[i].source.n ? sql_next(q, e) : 0;
		if (r < 0)
			return r;
		v[i].known = r == 1;
	}
	return 0;
}

/* 1: it is new and remembered now, 0: it was there. */
static int remember(struct work *w, const struct seal_key *key, struct span source, struct err *e)
{
	struct sql *q = sql_open(w->tx, "INSERT INTO import_seen (account_id, lookup, seen_sec) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (account_id, lookup) DO NOTHING");
	unsigned char lookup[SEAL_LOOKUP_LEN];

	lookup_of(key, source, lookup);
	sql_int(q, 1, (int64_t)w->account_id);
	sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_int(q, 3, time_real_sec());
	return sql_run(q, e);
}

static int find_or_make(struct work *w, const struct import_mail *m, struct mailbox *out, struct err *e)
{
	enum mailbox_special use = m->special != SPECIAL_NONE ? m->special : (enum mailbox_special)move_special_of(m->folder);
	struct span name;
	int r;

	if (mailbox_name_normal(w->a, m->folder, &name, e) < 0)
		return e->code;
	r = mailbox_lookup(w->o, w->tx, w->a, w->account_id, name, out, e);
	if (r != ERR_MISSING)
		return r;
	err_clear(e);
	if (use != SPECIAL_NONE) {
		r = mailbox_by_special(w->o, w->tx, w->a, w->account_id, use, out, e);
		if (r != ERR_MISSING)
			return r;
		err_clear(e);
	}
	if (mailbox_create(w->o, w->tx, w->a, w->account_id, name, use, out, e) < 0)
		return e->code;
	if (!m->source.n && m->flags & IMPORT_NOT_SUBSCRIBED)
		return 0;
	return mailbox_subscribe(w->o, w->tx, w->a, w->account_id, name, true, e);
}

/* Nearly always that of the mail before. */
static int folder_of(struct work *w, const struct import_mail *m, struct mailbox **out, struct err *e)
{
	struct folder *f;

	for (size_t i = w->n; i; i--)
		if (span_eq(w->v[i - 1].name, m->folder)) {
			*out = &w->v[i - 1].box;
			return 0;
		}
	if (w->n == FOLDERS_CACHED)
		w->n = 0;
	f = &w->v[w->n];
	if (find_or_make(w, m, &f->box, e) < 0)
		return e->code;
	f->name = m->folder;
	w->n++;
	/* Two names may lead to one mailbox: it must have one list of keywords. */
	for (size_t i = 0; i + 1 < w->n; i++)
		if (w->v[i].box.id == f->box.id) {
			f->box = w->v[i].box;
			w->v[i].name = SPAN_NONE;
			w->v[i].box.id = 0;
		}
	*out = &f->box;
	return 0;
}

/* atom: no controls, blanks, ( ) { % * " \ ]; beyond ASCII not either. */
static bool is_keyword(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] == 0x7f || strchr("(){%*\"\\]", s.p[i]))
			return false;
	return s.n && s.n <= 100;
}

static int keyword_bits(struct work *w, struct mailbox *box, struct span words, uint64_t *flags, struct err *e)
{
	while (words.n) {
		struct span word = span_cut(&words, ' ');
		uint64_t bit = 0;

		if (!word.n)
			continue;
		if (is_keyword(word)) {
			int r = mailbox_keyword(w->o, w->tx, w->a, box, word, true, &bit, e);

			if (r < 0 && r != ERR_LIMIT)
				return r;
			err_clear(e);
		}
		*flags |= bit;
		w->done->keywords_left += !bit;
	}
	return 0;
}

static int put_one(struct work *w, const struct seal_key *key, const struct import_mail *m, struct err *e)
{
	struct message_put to = { .account_id = w->account_id, .flags = m->flags, .received_sec = m->received_sec, .force = w->force };
	struct mailbox *box = NULL;
	uint32_t uid;
	int r;

	if (folder_of(w, m, &box, e) < 0)
		return e->code;
	if (!m->source.n)
		return m->flags & IMPORT_SUBSCRIBED ? mailbox_subscribe(w->o, w->tx, w->a, w->account_id, box->name, true, e) : 0;
	if (!w->force && (r = deliver_room(w->tx, w->account_id, m->email->size, e)) < 0) {
		w->done->full = r == ERR_LIMIT;
		return r;
	}
	r = remember(w, key, m->source, e);
	if (r < 0)
		return r;
	if (r == 0 && !w->again) {
		w->done->known++;
		return 0;
	}
	to.mailbox_id = box->id;
	if (keyword_bits(w, box, m->keywords, &to.flags, e) < 0 ||
		message_put(w->o, w->tx, w->a, m->email, &to, 1, &uid, NULL, e) < 0)
		return e->code;
	w->done->imported++;
	return 0;
}

int import_put(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, const struct import_mail *v, size_t n, bool force,
	bool again, struct import_done *out, struct err *e)
{
	struct work *w = ARENA_NEW(a, struct work);
	MAIL_KEY key = { { 0 } };

	*out = (struct import_done){ 0 };
	w->o = o;
	w->tx = tx;
	w->a = a;
	w->account_id = account_id;
	w->done = out;
	w->force = force;
	w->again = again;
	if (org_key(o, tx, account_id, &key, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		if (v[i].known) {
			out->known++;
			continue;
		}
		if (put_one(w, &key, &v[i], e) == 0)
			continue;
		if (!out->full)
			return e->code;
		err_clear(e);
		return 0;
	}
	return 0;
}

static int forget(struct tx *tx, void *arg, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM import_seen WHERE seen_sec < ?1");

	sql_int(q, 1, *(int64_t *)arg);
	return sql_run(q, e);
}

int import_forget(struct store *s, int64_t now_sec, struct err *e)
{
	int64_t edge = now_sec - IMPORT_REMEMBER_SEC;

	return store_write(s, forget, &edge, e);
}
