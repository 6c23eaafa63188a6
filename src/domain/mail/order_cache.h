/* order_cache.h - results of SORT and THREAD over whole mailboxes, kept for the next one who asks.
 *
 * What a mailbox's messages are ordered by never changes, so an order holds as long as no message came: the key says for which
 * UIDNEXT (threads: also for how many messages) it was made. Holds UIDs, nothing that a message says. In memory only, at most
 * ORDER_CACHE_MAX bytes, the longest unused goes first; thread-safe. Not good for: results that depend on flags. */
#pragma once
#include "base/arena.h"

#define ORDER_CACHE_MAX (32u << 20)
#define ORDER_WHAT_LEN 16

struct order_cache;
struct order_key {                        /* zeroed before it is filled: compared as bytes */
	uint64_t mailbox_id;
	uint32_t uidvalidity, uidnext, messages;
	uint8_t what[ORDER_WHAT_LEN];     /* which order */
};
struct order_cache *order_cache_new(void);
void order_cache_free(struct order_cache *c);
/* A copy in the arena; NULL: not there. */
void *order_cache_get(struct order_cache *c, struct arena *a, const struct order_key *k, size_t *len_out);
/* Copies; what is larger than a quarter of the cache is not kept. */
void order_cache_put(struct order_cache *c, const struct order_key *k, const void *data, size_t len);
