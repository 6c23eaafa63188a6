#include "later/later.h"
#include <errno.h>
#include <pthread.h>
#include <time.h>
#include "base/log.h"
#include "base/time.h"
#include "domain/mail/queue.h"

#define TURN_SEC 60

static int sweep_blobs(struct house *h, struct err *e)
{
	uint64_t removed = 0;

	if (blob_sweep(h->store, &removed, e) < 0)
		return e->code;
	if (removed)
		log_msg("blobs_swept", "%llu orphans removed", (unsigned long long)removed);
	return 0;
}

static int count_queue(struct tx *tx, void *arg, struct err *e)
{
	return queue_count(tx, arg, e);
}

/* Somebody has to look at what was shunted: said once an hour until it is gone. */
static int watch_queue(struct house *h, struct err *e)
{
	uint64_t counts[5];

	if (store_read(h->store, count_queue, counts, e) < 0)
		return e->code;
	if (counts[QUEUE_SHUNTED])
		log_msg("queue_has_shunted", "%llu recipients wait for somebody to look: kontor queue list",
			(unsigned long long)counts[QUEUE_SHUNTED]);
	return 0;
}

static struct job {
	const char *name;
	int64_t interval_sec;
	int (*fn)(struct house *h, struct err *e);
	int64_t last_us;
} jobs[] = {
	{ "blob_sweep", 3600, sweep_blobs, 0 },
	{ "queue_watch", 3600, watch_queue, 0 },
};

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool started, stopping;
	struct house *house;
} keeper = { .lock = PTHREAD_MUTEX_INITIALIZER, .stop = PTHREAD_COND_INITIALIZER };

int later_turn(struct house *h, int64_t now_us)
{
	int ran = 0;

	if (!org_is_open(h->org))
		return 0;
	for (size_t i = 0; i < sizeof(jobs) / sizeof(*jobs); i++) {
		struct job *j = &jobs[i];
		struct err e = ERR_INIT;

		if (j->last_us && now_us - j->last_us < j->interval_sec * US_PER_SEC)
			continue;
		j->last_us = now_us;
		ran++;
		if (j->fn(h, &e) < 0)
			log_msg("job_failed", "%s: %s: %s", j->name, err_name(e.code), e.log);
	}
	return ran;
}

/* True when it is time to end. */
static bool wait_turn(void)
{
	struct timespec until;
	bool stopping;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TURN_SEC;
	pthread_mutex_lock(&keeper.lock);
	while (!keeper.stopping && pthread_cond_timedwait(&keeper.stop, &keeper.lock, &until) != ETIMEDOUT)
		;
	stopping = keeper.stopping;
	pthread_mutex_unlock(&keeper.lock);
	return stopping;
}

static void *keep(void *arg)
{
	(void)arg;
	while (!wait_turn())
		later_turn(keeper.house, time_mono_us());
	return NULL;
}

void later_start(struct house *h)
{
	keeper.house = h;
	keeper.stopping = false;
	keeper.started = pthread_create(&keeper.thread, NULL, keep, NULL) == 0;
	if (!keeper.started)
		log_msg("later_error", "no thread for the regular jobs");
}

void later_stop(void)
{
	if (!keeper.started)
		return;
	pthread_mutex_lock(&keeper.lock);
	keeper.stopping = true;
	pthread_cond_signal(&keeper.stop);
	pthread_mutex_unlock(&keeper.lock);
	pthread_join(keeper.thread, NULL);
	keeper.started = false;
}
