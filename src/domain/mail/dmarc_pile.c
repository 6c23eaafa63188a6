#include "domain/mail/dmarc_pile.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct entry {
	uint64_t count;
	UT_hash_handle hh;
	size_t n;
	char packed[];
};

struct dmarc_pile {
	pthread_mutex_t lock;
	struct entry *rows;
};

struct dmarc_pile *dmarc_pile_new(void)
{
	struct dmarc_pile *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

static void drop(struct dmarc_pile *p, struct entry *e)
{
	HASH_DEL(p->rows, e);
	free(e);
}

void dmarc_pile_free(struct dmarc_pile *p)
{
	struct entry *e, *next;

	HASH_ITER(hh, p->rows, e, next)
		drop(p, e);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct entry *entry_new(struct dmarc_pile *p, struct span packed)
{
	struct entry *e = calloc(1, sizeof(*e) + packed.n);

	if (!e)
		abort();
	e->n = packed.n;
	memcpy(e->packed, packed.p, packed.n);
	HASH_ADD_KEYPTR(hh, p->rows, e->packed, (unsigned)e->n, e);
	return e;
}

void dmarc_pile_add(struct dmarc_pile *p, struct span packed, uint64_t count)
{
	struct entry *e;

	if (!packed.n)
		return;
	pthread_mutex_lock(&p->lock);
	HASH_FIND(hh, p->rows, packed.p, (unsigned)packed.n, e);
	if (!e && HASH_COUNT(p->rows) < DMARC_PILE_MAX)
		e = entry_new(p, packed);
	if (e)
		e->count += count;
	pthread_mutex_unlock(&p->lock);
}

void dmarc_pile_take(struct dmarc_pile *p, struct arena *a, struct dmarc_pile_row **out, size_t *n_out)
{
	struct entry *e, *next;

	pthread_mutex_lock(&p->lock);
	*out = ARENA_ARRAY(a, struct dmarc_pile_row, HASH_COUNT(p->rows) + 1);
	*n_out = 0;
	HASH_ITER(hh, p->rows, e, next) {
		(*out)[(*n_out)++] = (struct dmarc_pile_row){ arena_span(a, SPAN_BYTES(e->packed, e->n)), e->count };
		drop(p, e);
	}
	pthread_mutex_unlock(&p->lock);
}
