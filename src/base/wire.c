#include "base/wire.h"
#include <string.h>

static void put(struct buf *b, uint64_t v, size_t n)
{
	char tmp[8];

	for (size_t i = 0; i < n; i++)
		tmp[i] = (char)(v >> (8 * i));
	buf_add(b, (struct span){ tmp, n });
}

void wire_u8(struct buf *b, uint8_t v)
{
	put(b, v, 1);
}

void wire_u16(struct buf *b, uint16_t v)
{
	put(b, v, 2);
}

void wire_u32(struct buf *b, uint32_t v)
{
	put(b, v, 4);
}

void wire_u64(struct buf *b, uint64_t v)
{
	put(b, v, 8);
}

void wire_span(struct buf *b, struct span s)
{
	if (s.n > UINT32_MAX) {
		b->failed = true;
		return;
	}
	wire_u32(b, (uint32_t)s.n);
	buf_add(b, s);
}

struct wire wire_open(struct span in)
{
	return (struct wire){ in, false };
}

static uint64_t get(struct wire *w, size_t n)
{
	uint64_t v = 0;

	if (w->failed || w->in.n < n) {
		w->failed = true;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)(unsigned char)w->in.p[i] << (8 * i);
	w->in = span_from(w->in, n);
	return v;
}

uint8_t wire_get_u8(struct wire *w)
{
	return (uint8_t)get(w, 1);
}

uint16_t wire_get_u16(struct wire *w)
{
	return (uint16_t)get(w, 2);
}

uint32_t wire_get_u32(struct wire *w)
{
	return (uint32_t)get(w, 4);
}

uint64_t wire_get_u64(struct wire *w)
{
	return get(w, 8);
}

struct span wire_get_span(struct wire *w, size_t max)
{
	uint32_t n = wire_get_u32(w);
	struct span s;

	if (w->failed || n > max || n > w->in.n) {
		w->failed = true;
		return SPAN_NONE;
	}
	s = span_sub(w->in, 0, n);
	w->in = span_from(w->in, n);
	return s;
}

bool wire_done(const struct wire *w)
{
	return !w->failed && w->in.n == 0;
}
