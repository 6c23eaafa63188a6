/* Is the house sealed? Asked whenever somebody new is there: the vault (a new one may be sealed), or a gate (its clients
 * may have come from an earlier core). One thread, since the vault's answer may take its time. */
#include "core/core_int.h"
#include <stdlib.h>
#include <time.h>
#include "domain/org/org.h"

#define AGAIN_MS 100

struct seal_watch {
	struct core *core;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool due, stop;
};

/* True while it is due or an answer is missing. */
static bool wait_due(struct seal_watch *w, bool missing)
{
	struct timespec until;
	bool go_on;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += AGAIN_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&w->lock);
	while (!w->due && !w->stop)
		if (!missing)
			pthread_cond_wait(&w->wake, &w->lock);
		else if (pthread_cond_clockwait(&w->wake, &w->lock, CLOCK_MONOTONIC, &until) != 0)
			break;
	w->due = false;
	go_on = !w->stop;
	pthread_mutex_unlock(&w->lock);
	return go_on;
}

static void *loop(void *arg)
{
	struct seal_watch *w = arg;
	struct house *h = &w->core->house;
	bool missing = false;

	while (wait_due(w, missing)) {
		struct vault_status s;
		struct err e = ERR_INIT;

		missing = vault_status(h->vault, &s, &e) < 0;
		if (missing || s.state == VAULT_OPEN)
			continue;
		org_forget(h->org);
		feed_sealed(h);
	}
	return NULL;
}

int seal_watch_start(struct core *c, struct err *e)
{
	struct seal_watch *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	w->core = c;
	w->due = true;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	atomic_store(&c->seal_watch, w);
	return pthread_create(&w->thread, NULL, loop, w) ? err_set(e, ERR_BROKEN, "", "no thread to watch the seal") : 0;
}

void seal_watch_look(struct core *c)
{
	struct seal_watch *w = atomic_load(&c->seal_watch);

	if (!w)
		return; /* it looks anyway when it starts */
	pthread_mutex_lock(&w->lock);
	w->due = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void seal_watch_stop(struct core *c)
{
	struct seal_watch *w = c->seal_watch;

	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
}
