/* index_build.c - emails become a segment of the search index; what waits, what is dropped. */
#include <stdlib.h>
#include <string.h>
#include "codec/mime/mime_fold.h"
#include "domain/mail/index_words.h"

#define READ_PORTION 64
#define SEGMENT_EMAILS 1024
#define SEGMENT_POSTINGS (2u << 20)
#define MESSAGE_INDEXED_MAX (128u << 20)
#define TEXT_INDEXED_MAX (4u << 20)    /* of longer texts nothing is indexed: every question gets the email */
#define KEPT_MAX (8u << 20)            /* text of attachments, per segment */
#define SWEEP_ROWS 500

struct mail_index_builder *mail_index_builder_new(struct org *o)
{
	struct mail_index_builder *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->org = o;
	b->store = org_store(o);
	for (unsigned i = 0; i < WHERE_COUNT; i++)
		gram_init(&b->grams[i]);
	b->words = words_new();
	return b;
}

void mail_index_builder_free(struct mail_index_builder *b)
{
	for (unsigned i = 0; i < WHERE_COUNT; i++)
		gram_fini(&b->grams[i]);
	words_free(b->words);
	free(b->postings);
	free(b);
}

void mail_index_texts(struct mail_index_builder *b,
	int (*read)(void *arg, struct arena *a, struct span document, struct span *out, struct err *e), void *arg)
{
	b->read = read;
	b->read_arg = arg;
}

void mail_index_pace(struct mail_index_builder *b, bool (*pace)(void *arg), void *arg)
{
	b->pace = pace;
	b->pace_arg = arg;
}

bool index_go_on(const struct mail_index_builder *b)
{
	return !b->pace || b->pace(b->pace_arg);
}

struct kept {
	struct kept *next;
	uint64_t email_id;
	struct span text;
};

struct build {
	struct mail_index_builder *b;
	uint64_t account_id, from, to;         /* ids of emails: after `from`, up to `to` */
	struct arena *a;
	struct index_keys keys;
	struct segment s;
	uint64_t emails[SEGMENT_EMAILS], always[SEGMENT_EMAILS], unsure[SEGMENT_EMAILS];
	size_t portion;
	struct span head, *rows;
	struct words_out words;
	struct arena *documents_arena;
	struct span_list documents;            /* of the next email: to be read before it is added */
	bool documents_read;
	struct span text;                      /* what was in them */
	struct kept *kept;
	size_t kept_len;
};

static void reserve(struct mail_index_builder *b, size_t more)
{
	if (b->n + more <= b->cap)
		return;
	b->cap = 2 * b->cap > b->n + more ? 2 * b->cap : b->n + more + 65536;
	b->postings = realloc(b->postings, b->cap * sizeof(*b->postings));
	if (!b->postings)
		abort();
}

static void add_text(void *arg, enum mail_where where, struct span folded)
{
	struct build *w = arg;

	gram_add(&w->b->grams[where], folded);
	words_add(w->b->words, where, folded, (uint16_t)w->s.n);
}

static bool grams_of(struct build *w, struct arena *a, struct tx *tx, uint64_t email_id, uint64_t blob_id, struct span sealed,
	struct err *e)
{
	struct mime_summary summary;
	MAIL_KEY key = { { 0 } };
	struct span message;
	bool full = false;

	if (email_open(a, &w->keys.seal, email_id, sealed, &key, &summary, e) < 0 || summary.message_len > MESSAGE_INDEXED_MAX ||
		blob_read(tx, a, blob_id, &key, &message, e) < 0)
		return false;
	if (w->b->read && !w->documents_read) {
		index_documents(w->documents_arena, message, &w->documents);
		if (w->documents.n)
			return true;
	}
	add_text(w, WHERE_BODY, mime_fold(a, w->text));
	if (mail_text_each(a, &summary, message, TEXT_INDEXED_MAX, add_text, w, e) < 0)
		return false;
	for (unsigned i = 0; i < WHERE_COUNT; i++)
		full |= w->b->grams[i].full;
	return !full;
}

/* One email: its postings, or its place among those that are always looked at (too large, unreadable). */
static int add_email(struct build *w, struct arena *a, struct tx *tx, uint64_t email_id, uint64_t blob_id, struct span sealed,
	struct err *e)
{
	struct mail_index_builder *b = w->b;
	struct err own = ERR_INIT;
	uint64_t doc = w->s.n;
	bool good = grams_of(w, a, tx, email_id, blob_id, sealed, &own);

	if (w->documents.n && !w->documents_read)
		return 0;
	if (w->text.n) {
		struct kept *k = ARENA_NEW(w->a, struct kept);

		*k = (struct kept){ w->kept, email_id, w->text };
		w->kept = k;
		w->kept_len += w->text.n;
	}
	w->text = SPAN_NONE;
	w->documents_read = false;
	w->documents.n = 0;
	if (!good) {
		if (own.code == ERR_LATER)
			return err_set(e, own.code, own.say, "%s", own.log);
		w->always[w->s.n_always++] = doc;
		(void)words_done(b->words);
	} else {
		if (!words_done(b->words))
			w->unsure[w->s.n_unsure++] = doc;
		for (unsigned i = 0; i < WHERE_COUNT; i++) {
			reserve(b, b->grams[i].n);
			for (size_t k = 0; k < b->grams[i].n; k++)
				b->postings[b->n++] = (uint64_t)index_token(&w->keys, i, b->grams[i].v[k]) << 16 | doc;
		}
	}
	for (unsigned i = 0; i < WHERE_COUNT; i++)
		gram_reset(&b->grams[i]);
	w->emails[w->s.n++] = email_id;
	w->to = email_id;
	return 0;
}

static bool is_full(const struct build *w)
{
	return w->s.n >= SEGMENT_EMAILS || w->b->n >= SEGMENT_POSTINGS || w->kept_len >= KEPT_MAX || words_full(w->b->words);
}

static int read_portion(struct tx *tx, void *arg, struct err *e)
{
	struct build *w = arg;
	SCOPED_ARENA scratch = arena_new();
	SCOPED_SQL q = NULL;
	int r = 0;

	w->portion = 0;
	if (!w->s.n) {
		MAIL_KEY key = { { 0 } };

		if (index_position(tx, w->account_id, &w->from, e) < 0 || org_key(w->b->org, tx, w->account_id, &key, e) < 0)
			return e->code;
		w->to = w->from;
		index_keys_make(&w->keys, &key);
	}
	q = sql_open(tx, "SELECT id, blob_id, sealed FROM email WHERE account_id = ?1 AND id > ?2 ORDER BY id LIMIT 64");
	_Static_assert(READ_PORTION == 64, "in the SQL");
	sql_int(q, 1, (int64_t)w->account_id);
	sql_int(q, 2, (int64_t)w->to);
	while (!(w->documents.n && !w->documents_read) && (r = sql_next(q, e)) == 1 && !is_full(w)) {
		if (add_email(w, scratch, tx, (uint64_t)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1), sql_col(q, 2), e) < 0)
			return e->code;
		arena_reset(scratch);
		w->portion++;
	}
	return r < 0 ? r : 0;
}

/* By token; documents came in order and stay so. Four rounds of eight bits. */
static void sort_postings(struct mail_index_builder *b)
{
	uint64_t *to = malloc((b->n + 1) * sizeof(*to)), *from = b->postings, *other;

	if (!to)
		abort();
	for (unsigned shift = 16; shift < 48; shift += 8) {
		size_t at[257] = { 0 };

		for (size_t i = 0; i < b->n; i++)
			at[(from[i] >> shift & 255) + 1]++;
		for (unsigned i = 1; i < 257; i++)
			at[i] += at[i - 1];
		for (size_t i = 0; i < b->n; i++)
			to[at[from[i] >> shift & 255]++] = from[i];
		other = from;
		from = to;
		to = other;
	}
	free(to); /* after an even number of rounds `from` is the builder's own again */
}

/* Rows of bucket after bucket; *bytes_out their plain octets. */
static void make_rows(struct build *w, unsigned bits, bool seal, uint64_t *bytes_out)
{
	const struct mail_index_builder *b = w->b;
	uint16_t *docs = ARENA_ARRAY(w->a, uint16_t, w->s.n + 1);
	size_t i = 0;
	SCOPED_BUF row;

	buf_init(&row, 1u << 28);
	*bytes_out = 0;
	for (uint32_t bucket = 0; bucket < 1u << bits; bucket++) {
		struct posting_out o = { &row, (uint32_t)w->s.n, bucket_base(bucket, bits) };

		buf_reset(&row);
		while (i < b->n && bucket_of((uint32_t)(b->postings[i] >> 16), bits) == bucket) {
			uint32_t token = (uint32_t)(b->postings[i] >> 16);
			size_t n = 0;

			for (; i < b->n && (uint32_t)(b->postings[i] >> 16) == token; i++)
				if (!n || docs[n - 1] != (uint16_t)b->postings[i]) /* two runs, one token */
					docs[n++] = (uint16_t)b->postings[i];
			posting_add(&o, token, docs, n);
		}
		*bytes_out += row.n;
		if (seal && row.n)
			w->rows[bucket] = index_row_seal(w->a, &w->keys, w->s.id, bucket, buf_span(&row));
	}
}

static void make_segment(struct build *w)
{
	w->s.id = store_id(w->b->store);
	w->s.emails = w->emails;
	w->s.always = w->always;
	w->s.unsure = w->unsure;
	sort_postings(w->b);
	make_rows(w, 0, false, &w->s.bytes);
	w->s.bits = index_bits_for(w->s.bytes);
	w->rows = ARENA_ARRAY(w->a, struct span, (size_t)1 << w->s.bits);
	make_rows(w, w->s.bits, true, &w->s.bytes);
	words_out_init(&w->words, w->a, &w->keys, &w->s, 0);
	words_write(w->b->words, &w->words);
	words_out_fini(&w->words);
	w->s.bytes += w->words.bytes;
	w->head = index_head_seal(w->a, &w->keys, &w->s);
}

/* The position moves from what was read; false: somebody has forgotten the index meanwhile, or the account is removed. */
static int move_position(struct tx *tx, const struct build *w, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO search_account (account_id, position)"
		" SELECT id, ?2 FROM account WHERE id = ?1 AND state <> 3"
		" ON CONFLICT (account_id) DO UPDATE SET position = ?2 WHERE search_account.position = ?3");

	_Static_assert(ACCOUNT_REMOVED == 3, "in the SQL");
	sql_int(q, 1, (int64_t)w->account_id);
	sql_int(q, 2, (int64_t)w->to);
	sql_int(q, 3, (int64_t)w->from);
	return sql_run(q, e);
}

static int write_segment(struct tx *tx, void *arg, struct err *e)
{
	struct build *w = arg;
	int r = move_position(tx, w, e);

	if (r <= 0)
		return r;
	if (index_segment_write(tx, w->account_id, SEGMENT_LIVE, &w->s, w->head, e) < 0)
		return e->code;
	for (uint32_t i = 0; i < 1u << w->s.bits; i++)
		if (w->rows[i].n && index_row_write(tx, w->s.id, i, w->rows[i], e) < 0)
			return e->code;
	if (words_out_write(tx, &w->words, e) < 0)
		return e->code;
	for (const struct kept *k = w->kept; k; k = k->next)
		if (index_text_write(tx, &w->keys, w->a, k->email_id, k->text, e) < 0)
			return e->code;
	return 0;
}

/* Outside the transaction: it may take seconds. */
static int read_documents(struct build *w, struct err *e)
{
	if (!w->documents.n || w->documents_read)
		return 0;
	w->documents_read = true;
	if (index_text_read(w->b, w->documents_arena, &w->documents, &w->text, e) < 0)
		return e->code;
	w->text = arena_span(w->a, w->text);
	arena_reset(w->documents_arena);
	return 0;
}

int mail_index_build(struct mail_index_builder *b, uint64_t account_id, size_t *done_out, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_ARENA documents = arena_new();
	struct build *w = ARENA_NEW(a, struct build);
	bool stopped = false, waits;
	int r;

	*w = (struct build){ .b = b, .account_id = account_id, .a = a, .documents_arena = documents };
	*done_out = b->n = 0;
	words_reset(b->words);
	do {
		r = store_read(b->store, read_portion, w, e);
		waits = w->documents.n && !w->documents_read;
		if (r == 0)
			r = read_documents(w, e);
		stopped = r == 0 && !index_go_on(b);
	} while (r == 0 && !stopped && (w->portion == READ_PORTION || waits) && !is_full(w));
	if (r == 0 && !stopped && w->s.n) {
		make_segment(w);
		r = store_write(b->store, write_segment, w, e);
		if (r == 0)
			*done_out = w->s.n;
	}
	index_keys_wipe(&w->keys);
	return r;
}

/* ---- what waits, what is dropped ---- */

struct behind {
	uint64_t after, *ids;
	unsigned min;
	size_t n;
};

static int read_behind(struct tx *tx, void *arg, struct err *e)
{
	struct behind *w = arg;
	SCOPED_SQL q = sql_open(tx, "SELECT a.id FROM account a LEFT JOIN search_account s ON s.account_id = a.id"
		" WHERE a.id > ?1 AND a.state <> 3 AND (SELECT count(*) FROM (SELECT 1 FROM email m WHERE m.account_id = a.id"
		" AND m.id > coalesce(s.position, 0) LIMIT 64) AS few) >= ?2 ORDER BY a.id LIMIT 100");
	int r;

	w->n = 0;
	sql_int(q, 1, (int64_t)w->after);
	sql_int(q, 2, w->min);
	while ((r = sql_next(q, e)) == 1 && w->n < 100)
		w->ids[w->n++] = (uint64_t)sql_col_int(q, 0);
	return r < 0 ? r : 0;
}

int mail_index_behind(struct store *s, uint64_t after, unsigned min, uint64_t ids_out[100], size_t *n_out, struct err *e)
{
	struct behind w = { after, ids_out, min, 0 };
	int r = store_read(s, read_behind, &w, e);

	*n_out = w.n;
	return r;
}

static int drop_unfinished(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return sql_run(sql_open(tx, "UPDATE search_segment SET state = 2 WHERE state = 0"), e) < 0 ? e->code : 0;
}

int mail_index_recover(struct store *s, struct err *e)
{
	_Static_assert(SEGMENT_BUILDING == 0 && SEGMENT_DEAD == 2, "in the SQL");
	return store_write(s, drop_unfinished, NULL, e);
}

static int find_dead(struct tx *tx, void *arg, struct err *e)
{
	uint64_t *id = arg;
	SCOPED_SQL q = sql_open(tx, "SELECT id FROM search_segment WHERE state = 2 LIMIT 1");
	int r = sql_next(q, e);

	*id = r == 1 ? (uint64_t)sql_col_int(q, 0) : 0;
	return r < 0 ? r : 0;
}

static int sweep_rows(struct tx *tx, void *arg, struct err *e)
{
	const uint64_t *id = arg;
	struct sql *q = sql_open(tx, "DELETE FROM search_row WHERE segment_id = ?1 AND bucket IN"
		" (SELECT bucket FROM search_row WHERE segment_id = ?1 ORDER BY bucket LIMIT 500)");
	int n;

	_Static_assert(SWEEP_ROWS == 500, "in the SQL");
	sql_int(q, 1, (int64_t)*id);
	n = sql_run(q, e);
	if (n < 0 || n == SWEEP_ROWS)
		return n < 0 ? n : 0;
	q = sql_open(tx, "DELETE FROM search_segment WHERE id = ?1");
	sql_int(q, 1, (int64_t)*id);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int mail_index_sweep(struct store *s, struct err *e)
{
	uint64_t id;

	if (store_read(s, find_dead, &id, e) < 0)
		return e->code;
	if (!id)
		return 0;
	return store_write(s, sweep_rows, &id, e) < 0 ? e->code : 1;
}

/* ---- for administrators ---- */

int mail_index_state(struct tx *tx, uint64_t account_id, struct mail_index_state *out, struct err *e)
{
	SCOPED_SQL q = NULL;
	uint64_t position;

	if (index_position(tx, account_id, &position, e) < 0)
		return e->code;
	q = sql_open(tx, "SELECT count(*), coalesce(sum(CASE WHEN id > ?2 THEN 1 ELSE 0 END), 0) FROM email WHERE account_id = ?1");
	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, (int64_t)position);
	if (sql_next(q, e) != 1)
		return e->code;
	out->emails = (uint64_t)sql_col_int(q, 0);
	out->waiting = (uint64_t)sql_col_int(q, 1);
	sql_close(q);
	q = sql_open(tx, "SELECT count(*), coalesce(sum(bytes), 0) FROM search_segment WHERE account_id = ?1 AND state = 1");
	sql_int(q, 1, (int64_t)account_id);
	if (sql_next(q, e) != 1)
		return e->code;
	out->segments = (uint64_t)sql_col_int(q, 0);
	out->bytes = (uint64_t)sql_col_int(q, 1);
	return 0;
}

void mail_index_hurry(struct tx *tx)
{
	tx_publish(tx, (struct change){ 0, 0, FEED_INDEX, 0 });
}

int mail_index_forget(struct tx *tx, uint64_t account_id, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE search_segment SET state = 2 WHERE account_id = ?1 OR ?1 = 0");

	sql_int(q, 1, (int64_t)account_id);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "UPDATE search_account SET position = 0 WHERE account_id = ?1 OR ?1 = 0");
	sql_int(q, 1, (int64_t)account_id);
	mail_index_hurry(tx);
	return sql_run(q, e) < 0 ? e->code : 0;
}
