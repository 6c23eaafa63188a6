#include "domain/mail/index_words.h"
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "codec/find/word.h"

#define TEXT_ROWS (1u << BUCKET_BITS_MAX)      /* buckets from here: words of block after block ... */
#define LIST_ROWS (2u << BUCKET_BITS_MAX)      /* ... and their documents */
#define BLOCKS_MAX (1u << BUCKET_BITS_MAX)
#define BLOCK_GOAL (24u << 10)
#define DOC_WORDS_MAX 65536u
#define WORDS_BYTES_MAX (16u << 20)

static const bool covered[WHERE_COUNT] = { [WHERE_FROM] = true, [WHERE_SUBJECT] = true, [WHERE_BODY] = true };

bool index_words_cover(enum mail_where where, struct span needle)
{
	return covered[where] && word_inside(needle, where == WHERE_FROM);
}

static char place_char(enum mail_where where)
{
	return (char)(where + 1);
}

static struct seal_place place_of(uint64_t segment_id, uint32_t bucket)
{
	return (struct seal_place){ "search_row", bucket < LIST_ROWS ? "words" : "lists",
		segment_id << BUCKET_BITS_MAX | (bucket & (BLOCKS_MAX - 1)) };
}

/* 0: there is no such row. */
static int row_read(struct tx *tx, struct arena *a, const struct index_keys *k, uint64_t segment_id, uint32_t bucket,
	struct span *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT sealed FROM search_row WHERE segment_id = ?1 AND bucket = ?2");
	int r;

	sql_int(q, 1, (int64_t)segment_id);
	sql_int(q, 2, bucket);
	r = sql_next(q, e);
	if (r <= 0)
		return r;
	return unseal_column(a, &k->seal, place_of(segment_id, bucket), sql_col(q, 0), out, e) < 0 ? e->code : 1;
}

/* The block's lists; words without them are a broken store, or somebody has forgotten the index meanwhile. */
static int lists_read(struct tx *tx, struct arena *a, const struct index_keys *k, const struct segment *s, uint32_t block,
	struct posting_in *out, struct err *e)
{
	int r;

	*out = (struct posting_in){ SPAN_NONE, (uint32_t)s->n, 0 };
	r = row_read(tx, a, k, s->id, LIST_ROWS + block, &out->in, e);
	return r < 0 ? r : r == 0 ? err_set(e, ERR_GONE, "Internal error", "search segment %llu: no lists of block %u",
		(unsigned long long)s->id, block) : 0;
}

static int list_next(struct posting_in *i, uint32_t line, uint16_t *docs, size_t *n, struct err *e)
{
	uint32_t token;
	int r = posting_next(i, &token, docs, n, e);

	return r < 0 ? r : r == 0 || token != line ? err_set(e, ERR_BROKEN, "Internal error", "search index: bad lists of words") : 0;
}

/* ---- asking ---- */

struct look {
	struct tx *tx;
	struct arena *scratch;
	const struct index_keys *k;
	const struct segment *s;
	char place;
	struct span needle;
	uint16_t *docs;
	bool *marks;
	size_t marked;
};

static int block_find(struct look *w, uint32_t block, struct span text, struct err *e)
{
	struct word_look look = { text, 0 };
	struct posting_in lists = { 0 };
	uint32_t line, at = 0;
	size_t n;

	while (w->marked < w->s->n && word_find(&look, w->place, w->needle, &line)) {
		if (!lists.docs && lists_read(w->tx, w->scratch, w->k, w->s, block, &lists, e) < 0)
			return e->code;
		for (; at < line; at++)
			if (list_next(&lists, at, NULL, &n, e) < 0)
				return e->code;
		if (list_next(&lists, at++, w->docs, &n, e) < 0)
			return e->code;
		for (size_t i = 0; i < n; i++) {
			w->marked += !w->marks[w->docs[i]];
			w->marks[w->docs[i]] = true;
		}
	}
	return 0;
}

int index_words_find(struct tx *tx, struct arena *scratch, const struct index_keys *k, const struct segment *s, enum mail_where where,
	struct span needle, uint16_t *docs, bool *marks, size_t *marked_out, struct err *e)
{
	struct look w = { tx, scratch, k, s, place_char(where), needle, docs, marks, 0 };
	struct span text, last;
	int r = 0;

	for (uint32_t block = 0; block < BLOCKS_MAX && w.marked < s->n; block++) {
		arena_reset(scratch);
		r = row_read(tx, scratch, k, s->id, TEXT_ROWS + block, &text, e);
		if (r <= 0 || !text.n || text.p[0] > w.place) /* places come in order */
			break;
		last = span_sub(text, 0, text.n - 1);
		last = span_from(last, (size_t)(span_rchr(last, '\n') + 1));
		if (last.n && last.p[0] < w.place)
			continue;
		if ((r = block_find(&w, block, text, e)) < 0)
			break;
	}
	*marked_out = w.marked;
	return r < 0 ? r : 0;
}

/* ---- building ---- */

struct word {
	UT_hash_handle hh;
	uint32_t number, last_doc, n_docs;     /* last_doc: number + 1 */
	uint32_t from;                         /* of its postings, when they are put in order */
	uint8_t len;
	char placed[];                         /* place, word */
};

struct words {
	struct arena *a;
	struct word *table;
	uint64_t *postings;                    /* word << 16 | document */
	size_t n, cap, done;                   /* done: of complete documents */
	uint32_t count;
	size_t doc_words;
	bool too_many;
	size_t bytes;
};

struct words *words_new(void)
{
	struct words *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	w->a = arena_new();
	return w;
}

void words_reset(struct words *w)
{
	HASH_CLEAR(hh, w->table);
	arena_reset(w->a);
	w->n = w->done = w->bytes = w->doc_words = 0;
	w->count = 0;
	w->too_many = false;
}

void words_free(struct words *w)
{
	words_reset(w);
	arena_free(w->a);
	free(w->postings);
	free(w);
}

static struct word *word_of(struct words *w, char place, struct span text)
{
	char placed[1 + WORD_MAX];
	struct word *x;

	placed[0] = place;
	memcpy(placed + 1, text.p, text.n);
	HASH_FIND(hh, w->table, placed, text.n + 1, x);
	if (x)
		return x;
	x = arena_alloc(w->a, sizeof(*x) + text.n + 1);
	x->number = w->count++;
	x->len = (uint8_t)(text.n + 1);
	memcpy(x->placed, placed, text.n + 1);
	HASH_ADD_KEYPTR(hh, w->table, x->placed, x->len, x);
	w->bytes += sizeof(*x) + x->len;
	return x;
}

static void post(struct words *w, uint32_t word, uint16_t doc)
{
	if (w->n == w->cap) {
		w->cap = 2 * w->cap + 65536;
		w->postings = realloc(w->postings, w->cap * sizeof(*w->postings));
		if (!w->postings)
			abort();
	}
	w->postings[w->n++] = (uint64_t)word << 16 | doc;
}

void words_add(struct words *w, enum mail_where where, struct span text, uint16_t doc)
{
	struct word_cut cut = { text, SPAN_NONE, where == WHERE_FROM };
	struct span found;

	while (covered[where] && !w->too_many && word_next(&cut, &found)) {
		struct word *x = word_of(w, place_char(where), found);

		if (x->last_doc == doc + 1u)
			continue;
		x->last_doc = doc + 1u;
		post(w, x->number, doc);
		w->too_many = ++w->doc_words > DOC_WORDS_MAX;
	}
}

bool words_done(struct words *w)
{
	bool good = !w->too_many;

	if (!good)
		w->n = w->done;
	w->done = w->n;
	w->doc_words = 0;
	w->too_many = false;
	return good;
}

bool words_full(const struct words *w)
{
	return w->bytes >= WORDS_BYTES_MAX;
}

static int by_word(const struct word *x, const struct word *y)
{
	return span_cmp(SPAN_BYTES(x->placed, x->len), SPAN_BYTES(y->placed, y->len));
}

void words_write(struct words *w, struct words_out *o)
{
	struct word **at = ARENA_ARRAY(w->a, struct word *, w->count + 1u);
	uint16_t *docs = malloc((w->n + 1) * sizeof(*docs));
	uint32_t from = 0;

	if (!docs)
		abort();
	HASH_SRT(hh, w->table, by_word);
	for (struct word *x = w->table; x; x = x->hh.next)
		at[x->number] = x;
	for (size_t i = 0; i < w->n; i++)
		at[w->postings[i] >> 16]->n_docs++;
	for (struct word *x = w->table; x; from += x->n_docs, x = x->hh.next)
		x->from = from;
	for (size_t i = 0; i < w->n; i++)
		docs[at[w->postings[i] >> 16]->from++] = (uint16_t)w->postings[i];
	for (struct word *x = w->table; x; x = x->hh.next)
		if (x->n_docs)
			words_out_add(o, SPAN_BYTES(x->placed, x->len), docs + x->from - x->n_docs, x->n_docs);
	words_out_end(o);
	free(docs);
	words_reset(w);
}

/* ---- blocks ---- */

void words_out_init(struct words_out *o, struct arena *a, const struct index_keys *k, const struct segment *s, uint64_t bytes)
{
	*o = (struct words_out){ .a = a, .keys = k, .s = s };
	buf_init(&o->text, 1u << 28);
	buf_init(&o->lists, 1u << 28);
	o->goal = bytes / (BLOCKS_MAX / 2) > BLOCK_GOAL ? (size_t)(bytes / (BLOCKS_MAX / 2)) : BLOCK_GOAL;
	o->list = (struct posting_out){ &o->lists, (uint32_t)s->n, 0 };
}

void words_out_fini(struct words_out *o)
{
	buf_fini(&o->text);
	buf_fini(&o->lists);
}

static void row_add(struct words_out *o, uint32_t bucket, struct span plain)
{
	struct words_row *r = ARENA_NEW(o->a, struct words_row);

	*r = (struct words_row){ o->rows, bucket, seal_column(o->a, &o->keys->seal, place_of(o->s->id, bucket), plain) };
	o->rows = r;
	o->bytes += plain.n;
}

void words_out_end(struct words_out *o)
{
	if (o->text.n) {
		row_add(o, TEXT_ROWS + o->block, buf_span(&o->text));
		row_add(o, LIST_ROWS + o->block, buf_span(&o->lists));
		o->block++;
	}
	buf_reset(&o->text);
	buf_reset(&o->lists);
	o->line = 0;
	o->list.next = 0;
}

void words_out_add(struct words_out *o, struct span placed_word, const uint16_t *docs, size_t n)
{
	buf_add(&o->text, placed_word);
	buf_addc(&o->text, '\n');
	posting_add(&o->list, o->line++, docs, n);
	if (o->text.n >= o->goal && o->block + 1 < BLOCKS_MAX)
		words_out_end(o);
}

int words_out_write(struct tx *tx, const struct words_out *o, struct err *e)
{
	for (const struct words_row *r = o->rows; r; r = r->next)
		if (index_row_write(tx, o->s->id, r->bucket, r->sealed, e) < 0)
			return e->code;
	return 0;
}

/* ---- joining ---- */

void words_in_init(struct words_in *i, struct arena *a, const struct segment *s)
{
	*i = (struct words_in){ .a = arena_new(), .s = s, .docs = ARENA_ARRAY(a, uint16_t, s->n + 1) };
}

void words_in_fini(struct words_in *i)
{
	if (i->a)
		arena_free(i->a);
	i->a = NULL;
}

int words_in_next(struct tx *tx, const struct index_keys *k, struct words_in *i, struct err *e)
{
	int r;

	i->have = false;
	if (!i->text.n) {
		arena_reset(i->a);
		r = i->block < BLOCKS_MAX ? row_read(tx, i->a, k, i->s->id, TEXT_ROWS + i->block, &i->text, e) : 0;
		if (r <= 0 || !i->text.n)
			return r;
		if (lists_read(tx, i->a, k, i->s, i->block++, &i->lists, e) < 0)
			return e->code;
	}
	i->word = span_cut(&i->text, '\n');
	i->have = true;
	return list_next(&i->lists, (uint32_t)i->lists.next, i->docs, &i->n_docs, e);
}
