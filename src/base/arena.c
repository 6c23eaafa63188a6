#include "base/arena.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/secret.h"

#define BLOCK_MIN 4096
#define BLOCK_MAX (256 * 1024)

struct block {
	struct block *prev;
	size_t cap, used;
	char data[] __attribute__((aligned(16)));
};

struct arena {
	struct block *top;
	size_t next_cap, total;
};

static struct block *block_new(size_t cap, struct block *prev)
{
	struct block *b = malloc(sizeof(*b) + cap);

	if (!b)
		abort();
	*b = (struct block){ .prev = prev, .cap = cap };
	return b;
}

struct arena *arena_new(void)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (!a)
		abort();
	a->next_cap = BLOCK_MIN;
	return a;
}

void arena_reset(struct arena *a)
{
	while (a->top && a->top->prev) {
		struct block *b = a->top;
		a->top = b->prev;
		free(b);
	}
	if (a->top && a->top->cap > BLOCK_MIN) {
		free(a->top);
		a->top = NULL;
	}
	if (a->top)
		a->top->used = 0;
	a->next_cap = BLOCK_MIN;
	a->total = 0;
}

void arena_wipe(struct arena *a)
{
	for (struct block *b = a->top; b; b = b->prev)
		secret_wipe(b->data, b->used);
	arena_reset(a);
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	while (a->top) {
		struct block *b = a->top;
		a->top = b->prev;
		free(b);
	}
	free(a);
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p;

	assert(n < SIZE_MAX / 2);
	n = n ? (n + 15) & ~(size_t)15 : 16;
	if (!a->top || a->top->cap - a->top->used < n) {
		a->top = block_new(n > a->next_cap ? n : a->next_cap, a->top);
		if (a->next_cap < BLOCK_MAX)
			a->next_cap *= 2;
	}
	p = a->top->data + a->top->used;
	a->top->used += n;
	a->total += n;
	memset(p, 0, n);
	return p;
}

void *arena_array(struct arena *a, size_t size, size_t count)
{
	size_t n;

	if (__builtin_mul_overflow(size, count, &n))
		abort();
	return arena_alloc(a, n);
}

void *arena_dup(struct arena *a, const void *p, size_t n)
{
	void *q = arena_alloc(a, n);

	if (n)
		memcpy(q, p, n);
	return q;
}

struct span arena_span(struct arena *a, struct span s)
{
	return s.n ? (struct span){ arena_dup(a, s.p, s.n), s.n } : (struct span){ s.p ? "" : NULL, 0 };
}

char *arena_strz(struct arena *a, struct span s)
{
	char *z = arena_alloc(a, s.n + 1);

	if (s.n)
		memcpy(z, s.p, s.n);
	return z;
}

struct span arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	int n;
	char *z;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	z = arena_alloc(a, (size_t)n + 1);
	vsnprintf(z, (size_t)n + 1, fmt, again);
	va_end(again);
	return (struct span){ z, (size_t)n };
}

size_t arena_used(const struct arena *a)
{
	return a->total;
}
