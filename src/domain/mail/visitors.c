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

struct login {                         /* where one account has signed in from in this hour */
	uint64_t account_id;
	int64_t hour_us;
	unsigned n, n_sending;
	bool sends[VISITOR_NETWORKS];
	unsigned char networks[VISITOR_NETWORKS][PEER_NETWORK_LEN];
	UT_hash_handle hh;
};

struct visitors {
	pthread_mutex_t lock;
	struct visitor *all;                          /* oldest first */
	struct login *logins;                         /* the same */
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
	struct login *l, *more;

	HASH_ITER(hh, v->logins, l, more) {
		HASH_DEL(v->logins, l);
		free(l);
	}
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

unsigned visitors_login(struct visitors *v, uint64_t account_id, const unsigned char network[PEER_NETWORK_LEN], bool sends, int64_t now_us,
	unsigned *sending_out)
{
	struct login *l;
	unsigned n, i = 0;

	pthread_mutex_lock(&v->lock);
	HASH_FIND(hh, v->logins, &account_id, sizeof(account_id), l);
	if (!l) {
		if (HASH_COUNT(v->logins) >= VISITORS_MAX) {
			l = v->logins;
			HASH_DEL(v->logins, l);
		} else {
			l = malloc(sizeof(*l));
		}
		if (!l)
			abort();
		memset(l, 0, sizeof(*l));
		l->account_id = account_id;
		l->hour_us = now_us;
		HASH_ADD(hh, v->logins, account_id, sizeof(l->account_id), l);
	}
	if (now_us - l->hour_us >= HOUR_US) {
		l->hour_us = now_us;
		l->n = l->n_sending = 0;
	}
	while (i < l->n && memcmp(l->networks[i], network, PEER_NETWORK_LEN) != 0)
		i++;
	if (i == l->n && l->n < VISITOR_NETWORKS) {
		l->sends[l->n] = false;
		memcpy(l->networks[l->n++], network, PEER_NETWORK_LEN);
	}
	if (sends && i < l->n && !l->sends[i]) {
		l->sends[i] = true;
		l->n_sending++;
	}
	*sending_out = l->n_sending;
	n = l->n;
	pthread_mutex_unlock(&v->lock);
	return n;
}
