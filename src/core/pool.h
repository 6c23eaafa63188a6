/* pool.h - lanes: bounded queues, each with its own threads, so that slow kinds of work cannot take the
 * threads of quick ones; at most `per_key` jobs of one key (account) run at a time in a lane.
 *
 * A full lane refuses (ERR_LATER): the caller answers "try again". Not good for: ordering across keys. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;
struct lane_config {
	const char *name;
	unsigned threads;
	size_t queue_max;
	unsigned per_key;             /* 0 = no cap */
};

struct pool *pool_new(const struct lane_config *lanes, size_t n);
/* key 0 is never capped. Returns 0 or ERR_LATER when the lane is full. */
int pool_submit(struct pool *p, size_t lane, uint64_t key, void (*fn)(void *), void *arg);
size_t pool_waiting(struct pool *p, size_t lane);
void pool_drain(struct pool *p);  /* waits until all queues are empty and nothing runs */
void pool_free(struct pool *p);   /* drains, joins */
