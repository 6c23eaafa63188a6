#include "codec/find/posting.h"
#include <assert.h>
#include <string.h>

static void put_varint(struct buf *b, uint64_t v)
{
	char out[10];
	size_t n = 0;

	for (; v >= 128; v >>= 7)
		out[n++] = (char)(v | 128);
	out[n++] = (char)v;
	buf_add(b, (struct span){ out, n });
}

static bool get_varint(struct span *in, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 10 && i < in->n; i++) {
		unsigned char c = (unsigned char)in->p[i];

		if (i == 9 && c > 1)
			return false;
		v |= (uint64_t)(c & 127) << (7 * i);
		if (c < 128) {
			*in = span_from(*in, i + 1);
			*out = v;
			return true;
		}
	}
	return false;
}

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_SYNTAX, "Internal error", "posting list: %s", what);
}

static bool dense(size_t n, uint32_t docs)
{
	return n * 8 > docs;
}

static void put_bitmap(struct posting_out *o, const uint16_t *doc, size_t n)
{
	size_t len = (o->docs + 7) / 8;
	char *p;

	if (!buf_fill(o->b, 0, len))
		return;
	p = o->b->p + o->b->n - len;
	for (size_t i = 0; i < n; i++)
		p[doc[i] / 8] = (char)(p[doc[i] / 8] | 1 << doc[i] % 8);
}

void posting_add(struct posting_out *o, uint32_t token, const uint16_t *doc, size_t n)
{
	uint32_t last = 0;

	assert(token >= o->next && n && doc[n - 1] < o->docs);
	put_varint(o->b, token - o->next);
	put_varint(o->b, n);
	o->next = (uint64_t)token + 1;
	if (dense(n, o->docs)) {
		put_bitmap(o, doc, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		assert(doc[i] >= last);
		put_varint(o->b, doc[i] - last);
		last = doc[i] + 1u;
	}
}

static int get_bitmap(struct posting_in *i, uint16_t *out, size_t n, struct err *e)
{
	size_t len = (i->docs + 7) / 8, k = 0;

	if (i->in.n < len)
		return bad(e, "cut off in a bitmap");
	for (uint32_t d = 0; d < i->docs && out; d++) {
		if (!((unsigned char)i->in.p[d / 8] >> d % 8 & 1))
			continue;
		if (k == n)
			return bad(e, "more bits than counted");
		out[k++] = (uint16_t)d;
	}
	if (out && k != n)
		return bad(e, "fewer bits than counted");
	i->in = span_from(i->in, len);
	return 0;
}

static int get_gaps(struct posting_in *i, uint16_t *out, size_t n, struct err *e)
{
	uint64_t gap, next = 0;

	for (size_t k = 0; k < n; k++) {
		if (!get_varint(&i->in, &gap) || gap >= i->docs - next)
			return bad(e, "a document that is none");
		if (out)
			out[k] = (uint16_t)(next + gap);
		next += gap + 1;
	}
	return 0;
}

int posting_next(struct posting_in *i, uint32_t *token_out, uint16_t *doc_out, size_t *n_out, struct err *e)
{
	uint64_t distance, n;
	int r;

	if (!i->in.n)
		return 0;
	if (!get_varint(&i->in, &distance) || distance > UINT32_MAX || i->next + distance > UINT32_MAX)
		return bad(e, "bad token");
	if (!get_varint(&i->in, &n) || !n || n > i->docs || i->docs > POSTING_DOCS_MAX)
		return bad(e, "bad count");
	*token_out = (uint32_t)(i->next + distance);
	i->next += distance + 1;
	*n_out = (size_t)n;
	r = dense((size_t)n, i->docs) ? get_bitmap(i, doc_out, (size_t)n, e) : get_gaps(i, doc_out, (size_t)n, e);
	return r < 0 ? r : 1;
}

int posting_find(struct posting_in row, uint32_t token, uint16_t *doc_out, size_t *n_out, struct err *e)
{
	struct posting_in at = row;
	uint32_t found;
	int r;

	while ((r = posting_next(&row, &found, NULL, n_out, e)) == 1 && found < token)
		at = row;
	if (r == 1 && found == token)
		return posting_next(&at, &found, doc_out, n_out, e) < 0 ? ERR_SYNTAX : 0;
	*n_out = 0;
	return r < 0 ? r : 0;
}

void posting_ids_write(struct buf *b, const uint64_t *ids, size_t n)
{
	uint64_t next = 0;

	put_varint(b, n);
	for (size_t i = 0; i < n; i++) {
		assert(ids[i] >= next);
		put_varint(b, ids[i] - next);
		next = ids[i] + 1;
	}
}

int posting_ids_read(struct arena *a, struct span *in, size_t max, uint64_t **ids_out, size_t *n_out, struct err *e)
{
	uint64_t n, gap, next = 0;

	if (!get_varint(in, &n) || n > max || n > in->n)
		return bad(e, "bad number of ids");
	*ids_out = ARENA_ARRAY(a, uint64_t, (size_t)n + 1);
	*n_out = (size_t)n;
	for (size_t i = 0; i < n; i++) {
		if (!get_varint(in, &gap) || gap > INT64_MAX - next)
			return bad(e, "bad id");
		(*ids_out)[i] = next + gap;
		next += gap + 1;
	}
	return 0;
}
