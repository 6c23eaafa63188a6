/* buf.h - a growing byte buffer with a maximum and sticky failure: append ten times, check once.
 *
 * Ownership: the buffer owns its bytes; buf_fini frees them (use SCOPED_BUF). A buffer that would exceed
 * `max` sets `failed` and ignores further appends. A buffer through which passwords pass is marked with
 * buf_secret. Not good for: secrets that stay (secret.h locks them in memory). */
#pragma once
#include "base/span.h"

struct buf {
	char *p;
	size_t n, cap, max;
	bool failed, secret;
};

void buf_init(struct buf *b, size_t max);
void buf_secret(struct buf *b);                     /* after buf_init: bytes dropped, outgrown or freed are wiped */
void buf_fini(struct buf *b);
void buf_reset(struct buf *b);                      /* n = 0, failed = false, memory kept */
bool buf_add(struct buf *b, struct span s);         /* false when failed */
bool buf_addz(struct buf *b, const char *z);
bool buf_addc(struct buf *b, char c);
bool buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool buf_addu(struct buf *b, uint64_t n);           /* decimal */
bool buf_fill(struct buf *b, char c, size_t count);
char *buf_space(struct buf *b, size_t n);           /* n writable bytes at the end (not counted yet) or NULL */
void buf_grow(struct buf *b, size_t n);             /* count n bytes written into buf_space */
void buf_eat(struct buf *b, size_t n);              /* drop n bytes at the front */
struct span buf_span(const struct buf *b);
#define SCOPED_BUF __attribute__((cleanup(buf_fini))) struct buf
