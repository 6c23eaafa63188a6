/* index_find.c - questions to the search index. */
#include <stdlib.h>
#include <string.h>
#include "domain/mail/index_impl.h"

#define GRAMS_ASKED 12        /* of one needle: more would hardly tell more */

struct mail_index {
	struct tx *tx;
	struct arena *a, *scratch;     /* scratch: rows of one segment */
	struct index_keys keys;
	struct segment *segments;
	size_t n;
	uint16_t *docs, *more;         /* room for a segment's documents */
	size_t room;
};

int mail_index_open(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct mail_index **out,
	uint64_t *position_out, struct err *e)
{
	struct mail_index *x = *out = ARENA_NEW(a, struct mail_index);
	MAIL_KEY key = { { 0 } };

	*x = (struct mail_index){ .tx = tx, .a = a };
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

int mail_index_find(struct mail_index *x, unsigned where, struct span needle, struct mail_candidates *out, struct err *e)
{
	uint32_t tokens[WHERE_COUNT][GRAMS_ASKED];
	size_t n_tokens[WHERE_COUNT] = { 0 }, n;
	struct ids all = { 0 };

	for (unsigned w = 0; w < WHERE_COUNT; w++)
		if (where >> w & 1)
			n_tokens[w] = tokens_of(x, w, needle, tokens[w]);
	for (size_t i = 0; i < x->n; i++) {
		const struct segment *s = &x->segments[i];

		for (size_t k = 0; k < s->n_always; k++)
			ids_add(x->a, &all, s->emails[s->always[k]]);
		for (unsigned w = 0; w < WHERE_COUNT; w++) {
			if (!n_tokens[w])
				continue;
			if (segment_find(x, s, tokens[w], n_tokens[w], &n, e) < 0)
				return e->code;
			for (size_t k = 0; k < n; k++)
				ids_add(x->a, &all, s->emails[x->docs[k]]);
		}
	}
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), by_id);
	*out = (struct mail_candidates){ all.v, all.n };
	return 0;
}

bool mail_candidate(const struct mail_candidates *c, uint64_t email_id)
{
	return c->n && bsearch(&email_id, c->ids, c->n, sizeof(*c->ids), by_id);
}
