/* Counting failed sign-ins; kept in memory only, bounded, forgotten at a restart. */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "base/time.h"
#include "domain/org/org_impl.h"

#define WINDOW_US (15 * 60 * US_PER_SEC)
#define PAIR_MAX 10
#define PEER_MAX 100
#define ENTRIES_MAX 65536

struct who {
	unsigned char login[SEAL_LOOKUP_LEN];   /* all zero: any name */
	unsigned char peer[SEAL_LOOKUP_LEN];
};

struct entry {
	struct who who;
	int64_t since_us;             /* first failure of the window */
	unsigned failures;
	UT_hash_handle hh;
};

struct auth_guard {
	pthread_mutex_t lock;
	struct entry *table;          /* in order of insertion */
};

struct auth_guard *guard_new(void)
{
	struct auth_guard *g = calloc(1, sizeof(*g));

	if (!g)
		abort();
	pthread_mutex_init(&g->lock, NULL);
	return g;
}

static void drop(struct auth_guard *g, struct entry *f)
{
	HASH_DEL(g->table, f);
	free(f);
}

void guard_free(struct auth_guard *g)
{
	struct entry *f, *next;

	HASH_ITER(hh, g->table, f, next)
		drop(g, f);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static struct who who_of(const unsigned char *login, const unsigned char *peer)
{
	struct who w = { 0 };

	if (login)
		memcpy(w.login, login, sizeof(w.login));
	memcpy(w.peer, peer, sizeof(w.peer));
	return w;
}

/* The running window, or NULL. */
static struct entry *find(struct auth_guard *g, struct who w)
{
	struct entry *f;

	HASH_FIND(hh, g->table, &w, sizeof(w), f);
	if (f && time_mono_us() - f->since_us >= WINDOW_US) {
		drop(g, f);
		f = NULL;
	}
	return f;
}

bool guard_refuses(struct auth_guard *g, const unsigned char login[SEAL_LOOKUP_LEN],
	const unsigned char peer[SEAL_LOOKUP_LEN])
{
	struct entry *pair, *all;
	bool yes;

	pthread_mutex_lock(&g->lock);
	pair = find(g, who_of(login, peer));
	all = find(g, who_of(NULL, peer));
	yes = (pair && pair->failures >= PAIR_MAX) || (all && all->failures >= PEER_MAX);
	pthread_mutex_unlock(&g->lock);
	return yes;
}

static void count(struct auth_guard *g, struct who w)
{
	struct entry *f = find(g, w);

	if (!f) {
		if (HASH_COUNT(g->table) >= ENTRIES_MAX)
			drop(g, g->table);
		f = calloc(1, sizeof(*f));
		if (!f)
			abort();
		f->who = w;
		f->since_us = time_mono_us();
		HASH_ADD(hh, g->table, who, sizeof(f->who), f);
	}
	f->failures++;
}

void guard_failed(struct auth_guard *g, const unsigned char login[SEAL_LOOKUP_LEN],
	const unsigned char peer[SEAL_LOOKUP_LEN])
{
	pthread_mutex_lock(&g->lock);
	count(g, who_of(login, peer));
	count(g, who_of(NULL, peer));
	pthread_mutex_unlock(&g->lock);
}

/* The peer's own count stays: guessing at one's own account between the guesses must not clear it. */
void guard_passed(struct auth_guard *g, const unsigned char login[SEAL_LOOKUP_LEN],
	const unsigned char peer[SEAL_LOOKUP_LEN])
{
	struct entry *f;

	pthread_mutex_lock(&g->lock);
	f = find(g, who_of(login, peer));
	if (f)
		drop(g, f);
	pthread_mutex_unlock(&g->lock);
}
