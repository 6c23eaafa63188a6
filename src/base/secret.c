#include "base/secret.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void secret_init(struct secret *s, size_t n)
{
	s->n = n;
	s->p = mmap(NULL, n ? n : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->p == MAP_FAILED)
		abort();
	/* best effort: a container may forbid locking; core dumps are excluded either way */
	(void)mlock(s->p, n ? n : 1);
	(void)madvise(s->p, n ? n : 1, MADV_DONTDUMP);
}

void secret_copy(struct secret *s, struct span from)
{
	secret_init(s, from.n);
	if (from.n)
		memcpy(s->p, from.p, from.n);
}

void secret_fini(struct secret *s)
{
	if (s->p) {
		explicit_bzero(s->p, s->n);
		munmap(s->p, s->n ? s->n : 1);
	}
	*s = (struct secret){ 0 };
}

void secret_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}

struct span secret_span(const struct secret *s)
{
	return SPAN_BYTES(s->p, s->n);
}
