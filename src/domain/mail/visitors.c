#include "domain/mail/visitors.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "base/time.h"

#define MINUTE_US (60 * US_PER_SEC)
#define HOUR_US (60 * MINUTE_US)

struct visitor {
	unsigned char network[PEER_NETWORK_LEN];
	int64_t first_us, minute_us, hour_us;         /* since when: known, this minute, this hour is counted */
	uint32_t messages, known, unknown;
	UT_hash_handle hh;
};

struct visitors {
	pthread_mutex_t lock;
	struct visitor *all;                          /* oldest first */
};

struct visitors *visitors_new(void)
{
	struct visitors *v = calloc(1, sizeof(*v));

	if (!v)
		abort();
	pthread_mutex_init(&v->lock, NULL);
	return v;
}

void visitors_free(struct visitors *v)
{
	struct visitor *k, *next;

	HASH_ITER(hh, v->all, k, next) {
		HASH_DEL(v->all, k);
		free(k);
	}
	pthread_mutex_destroy(&v->lock);
	free(v);
}

/* Under lock. */
static struct visitor *visitor_get(struct visitors *v, const unsigned char *network, int64_t now_us)
{
	struct visitor *k;

	HASH_FIND(hh, v->all, network, PEER_NETWORK_LEN, k);
	if (!k) {
		if (HASH_COUNT(v->all) >= VISITORS_MAX) {
			k = v->all;
			HASH_DEL(v->all, k);
		} else {
			k = malloc(sizeof(*k));
		}
		if (!k)
			abort();
		memset(k, 0, sizeof(*k));
		memcpy(k->network, network, PEER_NETWORK_LEN);
		k->first_us = k->minute_us = k->hour_us = now_us;
		HASH_ADD(hh, v->all, network, PEER_NETWORK_LEN, k);
	}
	if (now_us - k->minute_us >= MINUTE_US) {
		k->minute_us = now_us;
		k->messages = 0;
	}
	if (now_us - k->hour_us >= HOUR_US) {
		k->hour_us = now_us;
		k->known = k->unknown = 0;
	}
	return k;
}

bool visitors_message(struct visitors *v, const unsigned char network[PEER_NETWORK_LEN], const struct visitor_limits *l,
	int64_t now_us)
{
	struct visitor *k;
	uint64_t max;
	bool fine;

	pthread_mutex_lock(&v->lock);
	k = visitor_get(v, network, now_us);
	max = now_us - k->first_us < HOUR_US ? l->new_minute : l->minute;
	fine = !max || k->messages < max;
	k->messages += fine;
	pthread_mutex_unlock(&v->lock);
	return fine;
}

bool visitors_welcome(struct visitors *v, const unsigned char network[PEER_NETWORK_LEN], const struct visitor_limits *l,
	int64_t now_us)
{
	struct visitor *k;
	bool fine;

	pthread_mutex_lock(&v->lock);
	k = visitor_get(v, network, now_us);
	fine = !l->unknown_hour || k->unknown < l->unknown_hour || k->unknown <= k->known;
	pthread_mutex_unlock(&v->lock);
	return fine;
}

void visitors_recipient(struct visitors *v, const unsigned char network[PEER_NETWORK_LEN], bool known, int64_t now_us)
{
	struct visitor *k;

	pthread_mutex_lock(&v->lock);
	k = visitor_get(v, network, now_us);
	if (known)
		k->known++;
	else
		k->unknown++;
	pthread_mutex_unlock(&v->lock);
}
