#include "base/buf.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/secret.h"

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_secret(struct buf *b)
{
	b->secret = true;
}

void buf_fini(struct buf *b)
{
	if (b->secret && b->p)
		secret_wipe(b->p, b->cap);
	free(b->p);
	*b = (struct buf){ .max = b->max, .secret = b->secret };
}

/* realloc may leave a copy behind. */
static void set_cap(struct buf *b, size_t cap)
{
	char *p = b->secret ? malloc(cap) : realloc(b->p, cap);

	if (!p)
		abort();
	if (b->secret && b->p) {
		memcpy(p, b->p, b->n);
		secret_wipe(b->p, b->cap);
		free(b->p);
	}
	b->p = p;
	b->cap = cap;
}

void buf_reset(struct buf *b)
{
	if (b->secret && b->p)
		secret_wipe(b->p, b->n);
	b->n = 0;
	b->failed = false;
}

char *buf_space(struct buf *b, size_t n)
{
	size_t cap;

	if (b->failed || n > b->max || b->n > b->max - n) {
		b->failed = true;
		return NULL;
	}
	if (b->cap - b->n >= n && b->p)
		return b->p + b->n;
	cap = b->cap ? b->cap * 2 : 256;
	while (cap < b->n + n)
		cap *= 2;
	if (cap > b->max)
		cap = b->max ? b->max : 1;
	set_cap(b, cap);
	return b->p + b->n;
}

void buf_grow(struct buf *b, size_t n)
{
	assert(b->cap - b->n >= n);
	b->n += n;
}

bool buf_add(struct buf *b, struct span s)
{
	char *to = buf_space(b, s.n);

	if (!to)
		return false;
	if (s.n)
		memcpy(to, s.p, s.n);
	b->n += s.n;
	return true;
}

bool buf_addz(struct buf *b, const char *z)
{
	return buf_add(b, span_str(z));
}

bool buf_addc(struct buf *b, char c)
{
	return buf_add(b, (struct span){ &c, 1 });
}

bool buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;
	char *to;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	/* the maximum bounds content; vsnprintf's NUL needs one byte of scratch beyond it */
	if (b->failed || (size_t)n > b->max || b->n > b->max - (size_t)n) {
		b->failed = true;
		return false;
	}
	if (b->cap - b->n < (size_t)n + 1) {
		size_t cap = b->cap ? b->cap * 2 : 256;

		while (cap < b->n + (size_t)n + 1)
			cap *= 2;
		set_cap(b, cap);
	}
	to = b->p + b->n;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
	return true;
}

bool buf_addu(struct buf *b, uint64_t n)
{
	char tmp[20];
	size_t i = sizeof(tmp);

	do {
		tmp[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	return buf_add(b, (struct span){ tmp + i, sizeof(tmp) - i });
}

bool buf_fill(struct buf *b, char c, size_t count)
{
	char *to = buf_space(b, count);

	if (!to)
		return false;
	memset(to, c, count);
	b->n += count;
	return true;
}

void buf_eat(struct buf *b, size_t n)
{
	assert(n <= b->n);
	b->n -= n;
	if (n && b->n)
		memmove(b->p, b->p + n, b->n);
	if (n && b->secret)
		secret_wipe(b->p + b->n, n);
}

struct span buf_span(const struct buf *b)
{
	return (struct span){ b->p ? b->p : "", b->n };
}
