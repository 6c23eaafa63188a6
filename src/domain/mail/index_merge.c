/* index_merge.c - several segments of the search index become one; emails that are gone are dropped.
 *
 * The new segment is written row after row in transactions of their own while nobody sees it; the last transaction puts
 * it in the place of the old ones, if they are all still there. */
#include <stdlib.h>
#include <string.h>
#include "domain/mail/index_words.h"

#define MERGE_FEW 8            /* so many of one level are joined */
#define MERGE_MOST 16
#define STEP_BUCKETS 64        /* rows of the new segment per transaction */
#define STEP_WORDS 4000        /* of its dictionary */
#define ALIVE_PORTION 5000

/* By emails; those of the last level are left as they are. */
static unsigned level_of(uint64_t emails)
{
	return emails < 64 ? 0 : emails < 512 ? 1 : emails < 4096 ? 2 : 3;
}
#define LEVEL_LAST 3

struct source {
	struct segment s;
	int32_t *to;                   /* document here to document there; -1: gone */
	struct posting_in *rows;       /* of this step */
	size_t n_rows, at;
	uint32_t token;                /* the entry in hand, docs in `docs` */
	uint16_t *docs;
	size_t n_docs;
	bool have;
	struct words_in words;
};

struct merge {
	struct mail_index_builder *b;
	struct arena *a, *scratch;     /* scratch: one step */
	struct index_keys keys;
	uint64_t account_id, only;     /* only: this segment alone */
	struct source v[MERGE_MOST];
	size_t n;
	struct segment out;
	struct span head, rows[STEP_BUCKETS];
	uint32_t bucket;               /* the step's first */
	struct words_out words;
	uint64_t alive_after;
	uint64_t *alive;               /* ids that still exist */
	size_t n_alive, cap_alive;
	bool finished;
	uint64_t dictionary_most;      /* its octets are fewer */
};

/* ---- which ---- */

static int pick(struct tx *tx, void *arg, struct err *e)
{
	struct merge *m = arg;
	struct segment *all;
	MAIL_KEY key = { { 0 } };
	size_t n, count[LEVEL_LAST + 1] = { 0 };

	m->n = 0;
	if (org_key(m->b->org, tx, m->account_id, &key, e) < 0)
		return e->code;
	index_keys_make(&m->keys, &key);
	if (index_segments(tx, m->a, &m->keys, m->account_id, &all, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++)
		count[level_of(all[i].n)]++;
	for (unsigned level = 0; level < LEVEL_LAST && !m->n; level++)
		for (size_t i = 0, docs = 0; i < n && m->n < MERGE_MOST && count[level] >= MERGE_FEW && !m->only; i++) {
			if (level_of(all[i].n) != level || docs + all[i].n > POSTING_DOCS_MAX)
				continue;
			docs += all[i].n;
			m->v[m->n++].s = all[i];
		}
	for (size_t i = 0; i < n && m->only; i++)
		if (all[i].id == m->only)
			m->v[m->n++].s = all[i];
	return 0;
}

static bool few_to_join(struct tx *tx, uint64_t account_id, bool *few_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT count(*) FROM search_segment WHERE account_id = ?1 AND state = 1 AND emails < 4096");

	sql_int(q, 1, (int64_t)account_id);
	if (sql_next(q, e) != 1)
		return false;
	*few_out = sql_col_int(q, 0) < MERGE_FEW;
	return true;
}

/* Cheap: most of the time there is nothing to join. */
static int pick_if_many(struct tx *tx, void *arg, struct err *e)
{
	struct merge *m = arg;
	bool few = false;

	m->n = 0;
	if (!m->only && !few_to_join(tx, m->account_id, &few, e))
		return e->code;
	return few ? 0 : pick(tx, arg, e);
}

/* ---- which emails are still there ---- */

static int read_alive(struct tx *tx, void *arg, struct err *e)
{
	struct merge *m = arg;
	uint64_t last = 0;
	SCOPED_SQL q = NULL;
	int r;

	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].s.n && m->v[i].s.emails[m->v[i].s.n - 1] > last)
			last = m->v[i].s.emails[m->v[i].s.n - 1];
	q = sql_open(tx, "SELECT id FROM email WHERE account_id = ?1 AND id > ?2 AND id <= ?3 ORDER BY id LIMIT 5000");
	_Static_assert(ALIVE_PORTION == 5000, "in the SQL");
	sql_int(q, 1, (int64_t)m->account_id);
	sql_int(q, 2, (int64_t)m->alive_after);
	sql_int(q, 3, (int64_t)last);
	m->finished = true;
	for (unsigned k = 1; (r = sql_next(q, e)) == 1; k++) {
		if (m->n_alive == m->cap_alive) {
			m->cap_alive = 2 * m->cap_alive + 1024;
			m->alive = realloc(m->alive, m->cap_alive * sizeof(*m->alive));
			if (!m->alive)
				abort();
		}
		m->alive[m->n_alive++] = m->alive_after = (uint64_t)sql_col_int(q, 0);
		m->finished = k < ALIVE_PORTION;
	}
	return r < 0 ? r : 0;
}

static int by_id(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static ssize_t place_of(const uint64_t *ids, size_t n, uint64_t id)
{
	const uint64_t *p = n ? bsearch(&id, ids, n, sizeof(*ids), by_id) : NULL;

	return p ? p - ids : -1;
}

/* The new segment's documents, and for each old one its new number. */
static void number_anew(struct merge *m)
{
	size_t all = 0;
	bool *always, *unsure;

	for (size_t i = 0; i < m->n; i++)
		all += m->v[i].s.n;
	m->out.emails = ARENA_ARRAY(m->a, uint64_t, all + 1);
	for (size_t i = 0; i < m->n; i++)
		for (size_t d = 0; d < m->v[i].s.n; d++)
			if (place_of(m->alive, m->n_alive, m->v[i].s.emails[d]) >= 0)
				m->out.emails[m->out.n++] = m->v[i].s.emails[d];
	qsort(m->out.emails, m->out.n, sizeof(uint64_t), by_id);
	always = ARENA_ARRAY(m->a, bool, m->out.n + 1);
	unsure = ARENA_ARRAY(m->a, bool, m->out.n + 1);
	for (size_t i = 0; i < m->n; i++) {
		struct source *f = &m->v[i];

		f->to = ARENA_ARRAY(m->a, int32_t, f->s.n + 1);
		f->docs = ARENA_ARRAY(m->a, uint16_t, f->s.n + 1);
		for (size_t d = 0; d < f->s.n; d++)
			f->to[d] = (int32_t)place_of(m->out.emails, m->out.n, f->s.emails[d]);
		for (size_t k = 0; k < f->s.n_always; k++)
			if (f->to[f->s.always[k]] >= 0)
				always[f->to[f->s.always[k]]] = true;
		for (size_t k = 0; k < f->s.n_unsure; k++)
			if (f->to[f->s.unsure[k]] >= 0)
				unsure[f->to[f->s.unsure[k]]] = true;
		m->out.bytes += f->s.bytes;
	}
	m->out.always = ARENA_ARRAY(m->a, uint64_t, m->out.n + 1);
	m->out.unsure = ARENA_ARRAY(m->a, uint64_t, m->out.n + 1);
	for (size_t d = 0; d < m->out.n; d++) {
		if (always[d])
			m->out.always[m->out.n_always++] = d;
		if (unsure[d])
			m->out.unsure[m->out.n_unsure++] = d;
	}
	m->out.bits = index_bits_for(m->out.bytes);
	m->dictionary_most = m->out.bytes;
	m->out.bytes = 0; /* counted as they are written */
}

/* ---- one step ---- */

/* Rows of the old segments that hold tokens of [bucket, end) of the new one. */
static int read_rows(struct tx *tx, void *arg, struct err *e)
{
	struct merge *m = arg;
	uint32_t last_bucket = m->bucket + STEP_BUCKETS - 1;
	uint32_t first = (uint32_t)bucket_base(m->bucket, m->out.bits), last;

	if (last_bucket >= 1u << m->out.bits)
		last_bucket = (1u << m->out.bits) - 1;
	last = (uint32_t)(bucket_base(last_bucket, m->out.bits) + (UINT64_C(1) << (32 - m->out.bits)) - 1);
	for (size_t i = 0; i < m->n; i++) {
		struct source *f = &m->v[i];
		uint32_t lo = bucket_of(first, f->s.bits), hi = bucket_of(last, f->s.bits);

		f->rows = ARENA_ARRAY(m->scratch, struct posting_in, hi - lo + 1);
		f->n_rows = f->at = 0;
		for (uint32_t b = lo; b <= hi; b++)
			if (index_row_read(tx, m->scratch, &m->keys, &f->s, b, &f->rows[f->n_rows++], e) < 0)
				return e->code;
	}
	return 0;
}

/* The source's next entry at or above `first`. */
static int advance(struct source *f, uint32_t first, struct err *e)
{
	int r;

	f->have = false;
	while (f->at < f->n_rows) {
		r = posting_next(&f->rows[f->at], &f->token, f->docs, &f->n_docs, e);
		if (r < 0)
			return r;
		if (r == 0)
			f->at++;
		else if (f->token >= first) {
			f->have = true;
			return 0;
		}
	}
	return 0;
}

static int by_doc(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* Documents of an old segment with their new numbers; false: they are no longer in order. */
static bool renumber(const struct source *f, const uint16_t *old, size_t n, uint16_t *docs, size_t *n_out)
{
	bool sorted = true;

	for (size_t k = 0; k < n; k++) {
		int32_t d = f->to[old[k]];

		if (d < 0)
			continue;
		sorted = sorted && (!*n_out || docs[*n_out - 1] < d);
		docs[(*n_out)++] = (uint16_t)d;
	}
	return sorted;
}

/* Documents of the least token in hand, with their new numbers. False: nothing is in hand. */
static bool take(struct merge *m, uint32_t first, uint32_t *token_out, uint16_t *docs, size_t *n_out, int *r, struct err *e)
{
	bool any = false, sorted = true;

	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].have && (!any || m->v[i].token < *token_out)) {
			*token_out = m->v[i].token;
			any = true;
		}
	*n_out = 0;
	for (size_t i = 0; i < m->n && any; i++) {
		struct source *f = &m->v[i];

		if (!f->have || f->token != *token_out)
			continue;
		sorted = renumber(f, f->docs, f->n_docs, docs, n_out) && sorted;
		*r = advance(f, first, e);
		if (*r < 0)
			return false;
	}
	if (!sorted)
		qsort(docs, *n_out, sizeof(*docs), by_doc);
	return any;
}

static int make_rows(struct merge *m, struct err *e)
{
	uint16_t *docs = ARENA_ARRAY(m->scratch, uint16_t, POSTING_DOCS_MAX + 1);
	uint32_t first = (uint32_t)bucket_base(m->bucket, m->out.bits), token = 0, bucket;
	size_t n;
	int r = 0;
	SCOPED_BUF b;
	struct posting_out o = { &b, (uint32_t)m->out.n, 0 };
	bool more;

	buf_init(&b, 1u << 28);
	memset(m->rows, 0, sizeof(m->rows));
	for (size_t i = 0; i < m->n; i++)
		if (advance(&m->v[i], first, e) < 0)
			return e->code;
	more = take(m, first, &token, docs, &n, &r, e);
	for (bucket = m->bucket; bucket < m->bucket + STEP_BUCKETS && bucket < 1u << m->out.bits; bucket++) {
		buf_reset(&b);
		o.next = bucket_base(bucket, m->out.bits);
		for (; more && bucket_of(token, m->out.bits) == bucket; more = take(m, first, &token, docs, &n, &r, e))
			if (n)
				posting_add(&o, token, docs, n);
		m->out.bytes += b.n;
		if (b.n)
			m->rows[bucket - m->bucket] = index_row_seal(m->scratch, &m->keys, m->out.id, bucket, buf_span(&b));
	}
	return r;
}

static int write_rows(struct tx *tx, void *arg, struct err *e)
{
	struct merge *m = arg;

	for (uint32_t i = 0; i < STEP_BUCKETS; i++)
		if (m->rows[i].n && index_row_write(tx, m->out.id, m->bucket + i, m->rows[i], e) < 0)
			return e->code;
	return 0;
}

/* ---- the dictionary ---- */

/* The next word of the sources, without those whose emails are gone. 0: the end. */
static int words_take(struct tx *tx, struct merge *m, uint16_t *docs, struct err *e)
{
	const struct words_in *least = NULL;
	struct span word;
	bool sorted = true;
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].words.have && (!least || span_cmp(m->v[i].words.word, least->word) < 0))
			least = &m->v[i].words;
	if (!least)
		return 0;
	word = arena_span(m->scratch, least->word);
	for (size_t i = 0; i < m->n; i++) {
		struct source *f = &m->v[i];

		if (!f->words.have || !span_eq(f->words.word, word))
			continue;
		sorted = renumber(f, f->words.docs, f->words.n_docs, docs, &n) && sorted;
		if (words_in_next(tx, &m->keys, &f->words, e) < 0)
			return e->code;
	}
	if (!sorted)
		qsort(docs, n, sizeof(*docs), by_doc);
	if (n)
		words_out_add(&m->words, word, docs, n);
	return 1;
}

static int words_read(struct tx *tx, void *arg, struct err *e)
{
	struct merge *m = arg;
	uint16_t *docs = ARENA_ARRAY(m->scratch, uint16_t, POSTING_DOCS_MAX + 1);
	int r = 1;

	for (size_t i = 0; i < m->n; i++)
		if (!m->v[i].words.have && !m->v[i].words.block && words_in_next(tx, &m->keys, &m->v[i].words, e) < 0)
			return e->code;
	for (unsigned i = 0; i < STEP_WORDS && r == 1; i++)
		r = words_take(tx, m, docs, e);
	m->finished = r == 0;
	if (r == 0)
		words_out_end(&m->words);
	return r < 0 ? r : 0;
}

static int words_write_step(struct tx *tx, void *arg, struct err *e)
{
	const struct merge *m = arg;

	return words_out_write(tx, &m->words, e);
}

static int join_words(struct merge *m, bool *stopped, struct err *e)
{
	int r;

	words_out_init(&m->words, m->scratch, &m->keys, &m->out, m->dictionary_most);
	for (size_t i = 0; i < m->n; i++)
		words_in_init(&m->v[i].words, m->a, &m->v[i].s);
	do {
		r = store_read(m->b->store, words_read, m, e);
		if (r == 0)
			r = store_write(m->b->store, words_write_step, m, e);
		m->words.rows = NULL;
		arena_reset(m->scratch);
		*stopped = !index_go_on(m->b);
	} while (r == 0 && !m->finished && !*stopped);
	for (size_t i = 0; i < m->n; i++)
		words_in_fini(&m->v[i].words);
	m->out.bytes += m->words.bytes;
	words_out_fini(&m->words);
	return r;
}

/* ---- begin and end ---- */

static int begin(struct tx *tx, void *arg, struct err *e)
{
	struct merge *m = arg;

	return index_segment_write(tx, m->account_id, SEGMENT_BUILDING, &m->out, m->head, e);
}

static int replace(struct tx *tx, void *arg, struct err *e)
{
	struct merge *m = arg;
	struct sql *q;
	int n;

	for (size_t i = 0; i < m->n; i++) {
		q = sql_open(tx, "UPDATE search_segment SET state = 2 WHERE id = ?1 AND state = 1");
		sql_int(q, 1, (int64_t)m->v[i].s.id);
		n = sql_run(q, e);
		if (n != 1)
			return n < 0 ? n : err_set(e, ERR_GONE, "", "search index was forgotten meanwhile");
	}
	q = sql_open(tx, "UPDATE search_segment SET state = ?2, bytes = ?3 WHERE id = ?1 AND state = 0");
	sql_int(q, 1, (int64_t)m->out.id);
	sql_int(q, 2, m->out.n ? SEGMENT_LIVE : SEGMENT_DEAD);
	sql_int(q, 3, (int64_t)m->out.bytes);
	n = sql_run(q, e);
	return n == 1 ? 0 : n < 0 ? n : err_set(e, ERR_GONE, "", "search index was forgotten meanwhile");
}

static int drop(struct tx *tx, void *arg, struct err *e)
{
	const struct merge *m = arg;
	struct sql *q = sql_open(tx, "UPDATE search_segment SET state = 2 WHERE id = ?1 AND state = 0");

	sql_int(q, 1, (int64_t)m->out.id);
	return sql_run(q, e) < 0 ? e->code : 0;
}

static int step(struct merge *m, struct err *e)
{
	int r = store_read(m->b->store, read_rows, m, e);

	if (r == 0)
		r = make_rows(m, e);
	if (r == 0)
		r = store_write(m->b->store, write_rows, m, e);
	arena_reset(m->scratch);
	return r;
}

static int join(struct merge *m, struct err *e)
{
	struct err ignored = ERR_INIT;
	bool stopped = false;
	int r;

	do
		r = store_read(m->b->store, read_alive, m, e);
	while (r == 0 && !m->finished);
	if (r < 0)
		return r;
	number_anew(m);
	m->out.id = store_id(m->b->store);
	m->head = index_head_seal(m->a, &m->keys, &m->out);
	r = store_write(m->b->store, begin, m, e);
	for (; r == 0 && !stopped && m->bucket < 1u << m->out.bits; m->bucket += STEP_BUCKETS) {
		r = step(m, e);
		stopped = !index_go_on(m->b);
	}
	if (r == 0 && !stopped)
		r = join_words(m, &stopped, e);
	if (r == 0 && !stopped)
		r = store_write(m->b->store, replace, m, e);
	if (r < 0 || stopped)
		store_write(m->b->store, drop, m, &ignored);
	return r < 0 && r != ERR_GONE ? r : stopped || r == ERR_GONE ? 0 : 1;
}

static int merge_run(struct mail_index_builder *b, uint64_t account_id, uint64_t only, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_ARENA scratch = arena_new();
	struct merge *m = ARENA_NEW(a, struct merge);
	int r;

	*m = (struct merge){ .b = b, .a = a, .scratch = scratch, .account_id = account_id, .only = only };
	r = store_read(b->store, pick_if_many, m, e);
	if (r == 0 && m->n)
		r = join(m, e);
	free(m->alive);
	index_keys_wipe(&m->keys);
	return r;
}

int mail_index_merge(struct mail_index_builder *b, uint64_t account_id, struct err *e)
{
	return merge_run(b, account_id, 0, e);
}

struct worn {
	uint64_t id, account_id, after;
};

/* Counts what lies between a segment's first and last: other segments' emails may be among them, then it is left alone. */
static int find_worn(struct tx *tx, void *arg, struct err *e)
{
	struct worn *w = arg;
	SCOPED_SQL q = sql_open(tx, "SELECT s.id, s.account_id FROM search_segment s WHERE s.state = 1 AND s.id > ?1 AND"
		" (SELECT count(*) FROM email m WHERE m.account_id = s.account_id AND m.id >= s.first_id AND m.id <= s.last_id) * 2"
		" < s.emails ORDER BY s.id LIMIT 1");
	int r;

	sql_int(q, 1, (int64_t)w->after);
	r = sql_next(q, e);
	w->id = r == 1 ? (uint64_t)sql_col_int(q, 0) : 0;
	w->account_id = r == 1 ? (uint64_t)sql_col_int(q, 1) : 0;
	return r < 0 ? r : 0;
}

int mail_index_tidy(struct mail_index_builder *b, struct err *e)
{
	struct worn w = { 0 };
	int r;

	do {
		r = store_read(b->store, find_worn, &w, e);
		if (r == 0 && w.id)
			r = merge_run(b, w.account_id, w.id, e);
		w.after = w.id;
	} while (r >= 0 && w.id && index_go_on(b));
	return r < 0 ? r : 0;
}
