/* index_find.c - questions to the search index. */
#include <stdlib.h>
#include <string.h>
#include "domain/mail/index_words.h"

#define GRAMS_ASKED 12        /* of one needle: more would hardly tell more */
#define FEW 8                 /* candidates that are opened rather than looked up in the dictionary ... */
#define OCTETS_EACH 32768     /* ... and of a large segment one more for so much of it */

struct mail_index {
	struct tx *tx;
	struct arena *a, *scratch;     /* scratch: rows of one segment */
	struct index_keys keys;
	struct segment *segments;
	size_t n;
	uint16_t *docs, *more;         /* room for a segment's documents */
	uint8_t *state;                /* enum mail_candidate of each */
	bool *marks;
	size_t room;
};

int mail_index_is_off(struct org *o, struct tx *tx, bool *off_out, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct span value = SPAN_NONE;
	int r = org_setting_get(o, tx, a, "search_index", &value, e);

	if (r == ERR_MISSING) {
		err_clear(e);
		r = 0;
	}
	*off_out = span_eqz(value, "off");
	return r;
}

int mail_index_open(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct mail_index **out,
	uint64_t *position_out, struct err *e)
{
	struct mail_index *x = *out = ARENA_NEW(a, struct mail_index);
	MAIL_KEY key = { { 0 } };
	bool off;

	*x = (struct mail_index){ .tx = tx, .a = a };
	*position_out = 0;
	if (mail_index_is_off(o, tx, &off, e) < 0)
		return e->code;
	if (off)
		return 0;
	if (index_position(tx, account_id, position_out, e) < 0)
		return e->code;
	if (!*position_out)
		return 0;
	if (org_key(o, tx, account_id, &key, e) < 0)
		return e->code;
	index_keys_make(&x->keys, &key);
	if (index_segments(tx, a, &x->keys, account_id, &x->segments, &x->n, e) < 0)
		return e->code;
	x->scratch = arena_new();
	for (size_t i = 0; i < x->n; i++)
		if (x->segments[i].n > x->room)
			x->room = x->segments[i].n;
	x->docs = ARENA_ARRAY(a, uint16_t, x->room + 1);
	x->more = ARENA_ARRAY(a, uint16_t, x->room + 1);
	x->state = ARENA_ARRAY(a, uint8_t, x->room + 1);
	x->marks = ARENA_ARRAY(a, bool, x->room + 1);
	return 0;
}

void mail_index_close(struct mail_index *x)
{
	if (!x)
		return;
	if (x->scratch)
		arena_free(x->scratch);
	index_keys_wipe(&x->keys);
	x->scratch = NULL;
}

static int by_token(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Runs spread over the needle; rows that several of them need are read once, for tokens are in order. */
static size_t tokens_of(const struct mail_index *x, enum mail_where where, struct span needle, uint32_t out[GRAMS_ASKED])
{
	const unsigned char *p = (const unsigned char *)needle.p;
	size_t all = needle.n - GRAM_LEN + 1, n = all < GRAMS_ASKED ? all : GRAMS_ASKED;

	for (size_t i = 0; i < n; i++) {
		size_t at = n == 1 ? 0 : i * (all - 1) / (n - 1);

		out[i] = index_token(&x->keys, where, (uint32_t)p[at] << 16 | (uint32_t)p[at + 1] << 8 | p[at + 2]);
	}
	qsort(out, n, sizeof(*out), by_token);
	return n;
}

static size_t both(uint16_t *v, size_t n, const uint16_t *w, size_t m)
{
	size_t k = 0;

	for (size_t i = 0, j = 0; i < n && j < m;) {
		if (v[i] == w[j]) {
			v[k++] = v[i++];
			j++;
		} else if (v[i] < w[j]) {
			i++;
		} else {
			j++;
		}
	}
	return k;
}

/* Documents of one segment that have all tokens: x->docs. */
static int segment_find(struct mail_index *x, const struct segment *s, const uint32_t *tokens, size_t n_tokens, size_t *n_out,
	struct err *e)
{
	struct posting_in row = { 0 };
	uint32_t have = UINT32_MAX;
	size_t n;

	*n_out = 0;
	for (size_t i = 0; i < n_tokens; i++) {
		uint32_t bucket = bucket_of(tokens[i], s->bits);

		if (bucket != have) {
			arena_reset(x->scratch);
			if (index_row_read(x->tx, x->scratch, &x->keys, s, bucket, &row, e) < 0)
				return e->code;
			have = bucket;
		}
		if (posting_find(row, tokens[i], i ? x->more : x->docs, &n, e) < 0)
			return e->code;
		*n_out = i ? both(x->docs, *n_out, x->more, n) : n;
		if (!*n_out)
			break;
	}
	return 0;
}

struct ids {
	uint64_t *v;
	size_t n, cap;
};

static void ids_add(struct arena *a, struct ids *l, uint64_t id)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;
		uint64_t *v = ARENA_ARRAY(a, uint64_t, cap);

		if (l->n)
			memcpy(v, l->v, l->n * sizeof(*v));
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = id;
}

static int by_id(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

bool mail_index_useful(unsigned where, struct span needle)
{
	for (unsigned w = 0; w < WHERE_COUNT; w++)
		if ((where >> w & 1) && index_words_cover(w, needle))
			return true;
	return needle.n >= GRAM_LEN;
}

static void maybe(struct mail_index *x, size_t doc)
{
	if (x->state[doc] == CANDIDATE_NOT)
		x->state[doc] = CANDIDATE_MAYBE;
}

/* x->docs: what the needle's runs say; without runs every document. */
static int may_have(struct mail_index *x, const struct segment *s, enum mail_where where, struct span needle, size_t *n_out, struct err *e)
{
	uint32_t tokens[GRAMS_ASKED];

	if (needle.n >= GRAM_LEN)
		return segment_find(x, s, tokens, tokens_of(x, where, needle, tokens), n_out, e);
	for (size_t d = 0; d < s->n; d++)
		x->docs[d] = (uint16_t)d;
	*n_out = s->n;
	return 0;
}

/* One place of one segment: few candidates stay such, many are looked up. */
static int place_find(struct mail_index *x, const struct segment *s, enum mail_where where, struct span needle, struct err *e)
{
	size_t n, sure;

	if (may_have(x, s, where, needle, &n, e) < 0)
		return e->code;
	if (n <= FEW + (where == WHERE_BODY ? s->bytes / OCTETS_EACH : 0) || !index_words_cover(where, needle)) {
		for (size_t k = 0; k < n; k++)
			maybe(x, x->docs[k]);
		return 0;
	}
	memset(x->marks, 0, s->n * sizeof(*x->marks));
	for (size_t k = 0; k < n; k++)
		x->marks[x->docs[k]] = true;
	for (size_t k = 0; k < s->n_unsure; k++)
		if (x->marks[s->unsure[k]])
			maybe(x, s->unsure[k]);
	memset(x->marks, 0, s->n * sizeof(*x->marks));
	if (index_words_find(x->tx, x->scratch, &x->keys, s, where, needle, x->docs, x->marks, &sure, e) < 0)
		return e->code;
	for (size_t d = 0; d < s->n && sure; d++)
		if (x->marks[d])
			x->state[d] = CANDIDATE_SURE;
	return 0;
}

int mail_index_find(struct mail_index *x, unsigned where, struct span needle, struct mail_candidates *out, struct err *e)
{
	struct ids all = { 0 };
	bool sorted = true;

	for (size_t i = 0; i < x->n; i++) {
		const struct segment *s = &x->segments[i];

		memset(x->state, CANDIDATE_NOT, s->n * sizeof(*x->state));
		for (size_t k = 0; k < s->n_always; k++)
			maybe(x, s->always[k]);
		for (unsigned w = 0; w < WHERE_COUNT; w++)
			if ((where >> w & 1) && place_find(x, s, w, needle, e) < 0)
				return e->code;
		for (size_t d = 0; d < s->n; d++) {
			if (x->state[d] == CANDIDATE_NOT)
				continue;
			sorted = sorted && (!all.n || all.v[all.n - 1] >> 1 < s->emails[d]);
			ids_add(x->a, &all, s->emails[d] << 1 | (x->state[d] == CANDIDATE_SURE));
		}
	}
	if (!sorted)
		qsort(all.v, all.n, sizeof(*all.v), by_id);
	*out = (struct mail_candidates){ all.v, all.n, 0 };
	return 0;
}

/* The first entry at or above. */
static size_t entry_of(const struct mail_candidates *c, uint64_t v)
{
	size_t lo = 0, hi = c->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->v[mid] < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

enum mail_candidate mail_candidate(struct mail_candidates *c, uint64_t email_id)
{
	uint64_t v = email_id << 1;
	bool here = c->at == c->n || c->v[c->at] >= v;

	if (!(here && (!c->at || c->v[c->at - 1] < v))) {
		if (!here && (c->at + 1 == c->n || c->v[c->at + 1] >= v))
			c->at++;
		else
			c->at = entry_of(c, v);
	}
	if (c->at == c->n || c->v[c->at] >> 1 != email_id)
		return CANDIDATE_NOT;
	return c->v[c->at] & 1 ? CANDIDATE_SURE : CANDIDATE_MAYBE;
}
