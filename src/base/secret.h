/* secret.h - key bytes and passwords: locked in memory where the system allows, wiped at release.
 *
 * Ownership: secret_fini wipes and frees (use SCOPED_SECRET). Never in an arena, never printed or logged.
 * Not good for: large data (each secret is its own mapping). */
#pragma once
#include "base/span.h"

struct secret {
	unsigned char *p;
	size_t n;
};

void secret_init(struct secret *s, size_t n);            /* n zero bytes */
void secret_copy(struct secret *s, struct span from);    /* init + copy */
void secret_fini(struct secret *s);
void secret_wipe(void *p, size_t n);                     /* not optimised away */
struct span secret_span(const struct secret *s);
#define SCOPED_SECRET __attribute__((cleanup(secret_fini))) struct secret
