#include "domain/mail/order_cache.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct entry {
	struct order_key key;
	size_t len;
	UT_hash_handle hh;
	_Alignas(8) unsigned char data[];
};

struct order_cache {
	pthread_mutex_t lock;
	struct entry *entries;            /* in order of use: the head is the oldest */
	size_t bytes;
};

struct order_cache *order_cache_new(void)
{
	struct order_cache *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

static void drop(struct order_cache *c, struct entry *x)
{
	HASH_DEL(c->entries, x);
	c->bytes -= sizeof(*x) + x->len;
	free(x);
}

void order_cache_free(struct order_cache *c)
{
	while (c->entries)
		drop(c, c->entries);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void *order_cache_get(struct order_cache *c, struct arena *a, const struct order_key *k, size_t *len_out)
{
	struct entry *x;
	void *copy = NULL;

	pthread_mutex_lock(&c->lock);
	HASH_FIND(hh, c->entries, k, sizeof(*k), x);
	if (x) {
		HASH_DEL(c->entries, x);
		HASH_ADD(hh, c->entries, key, sizeof(x->key), x);
		copy = arena_alloc(a, x->len + 1);
		memcpy(copy, x->data, x->len);
		*len_out = x->len;
	}
	pthread_mutex_unlock(&c->lock);
	return copy;
}

void order_cache_put(struct order_cache *c, const struct order_key *k, const void *data, size_t len)
{
	struct entry *x, *old;

	if (len > ORDER_CACHE_MAX / 4)
		return;
	x = calloc(1, sizeof(*x) + len);
	if (!x)
		abort();
	x->key = *k;
	x->len = len;
	if (len)
		memcpy(x->data, data, len);
	pthread_mutex_lock(&c->lock);
	HASH_FIND(hh, c->entries, k, sizeof(*k), old);
	if (old)
		drop(c, old);
	HASH_ADD(hh, c->entries, key, sizeof(x->key), x);
	c->bytes += sizeof(*x) + len;
	while (c->bytes > ORDER_CACHE_MAX)
		drop(c, c->entries);
	pthread_mutex_unlock(&c->lock);
}
