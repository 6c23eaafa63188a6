#include "later/indexer.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include "base/log.h"
#include "base/time.h"
#include "bus/call.h"
#include "domain/mail/mail_index.h"
#include "later/text_client.h"

#define LOOK_MS 2000
#define MANY 64                /* emails that wait: worth a segment at once */
#define SOON_SEC 60            /* for fewer */
#define TIDY_SEC 3600
#define BUSY_PER_SEC 40        /* changes of the house */
#define REST 9                 /* while busy: times as long as the work was */
#define REST_MAX_MS 2000

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;                     /* under lock */
	struct house *house;
	struct mail_index_builder *builder;
	struct text_client text;
	atomic_ullong changes;
	atomic_bool hurry;         /* somebody waits for a new index */
	/* the thread's own */
	uint64_t seen, seen_soon;      /* changes at the last looks */
	int64_t soon_us, tidy_us, said_us;
	uint64_t pace_changes;
	int64_t pace_us;               /* work began */
} ix = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

void indexer_changed(const struct change *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c[i].kind == FEED_INDEX)
			atomic_store(&ix.hurry, true);
	atomic_fetch_add_explicit(&ix.changes, n, memory_order_relaxed);
}

/* False: stop. */
static bool rest(int64_t ms)
{
	struct timespec until;
	bool stop;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&ix.lock);
	while (!ix.stop && ms > 0 && pthread_cond_clockwait(&ix.wake, &ix.lock, CLOCK_MONOTONIC, &until) == 0)
		;
	stop = ix.stop;
	pthread_mutex_unlock(&ix.lock);
	return !stop;
}

static bool pace(void *arg)
{
	uint64_t changes = atomic_load_explicit(&ix.changes, memory_order_relaxed);
	int64_t now_us = time_mono_us(), work_ms = (now_us - ix.pace_us) / 1000;
	bool busy = (changes - ix.pace_changes) * US_PER_SEC > (uint64_t)(now_us - ix.pace_us + 1) * BUSY_PER_SEC, on;

	(void)arg;
	if (work_ms < 5)
		return rest(0);
	on = rest(!busy ? 0 : REST * work_ms < REST_MAX_MS ? REST * work_ms : REST_MAX_MS);
	ix.pace_changes = atomic_load_explicit(&ix.changes, memory_order_relaxed);
	ix.pace_us = time_mono_us();
	return on;
}

static int index_account(uint64_t account_id, struct err *e)
{
	size_t done;
	int r;

	do {
		r = mail_index_build(ix.builder, account_id, &done, e);
	} while (r == 0 && done >= MANY);
	while (r == 0 && (r = mail_index_merge(ix.builder, account_id, e)) == 1)
		r = 0;
	return r;
}

/* A failure of one account does not keep the others waiting; the last is said, once a minute. */
static void look(unsigned min)
{
	uint64_t ids[100], after = 0;
	struct err e = ERR_INIT, failed = ERR_INIT;
	size_t n;

	do {
		if (mail_index_behind(ix.house->store, after, min, ids, &n, &e) < 0)
			failed = e;
		for (size_t i = 0; i < n && rest(0); i++) {
			err_clear(&e);
			if (index_account(ids[i], &e) < 0)
				failed = e;
			after = ids[i];
		}
	} while (n == 100 && rest(0));
	while (rest(0) && !failed.code && mail_index_sweep(ix.house->store, &failed) == 1)
		;
	if (failed.code == ERR_LATER)
		atomic_store(&ix.hurry, true); /* at the next look */
	if (failed.code && time_mono_us() - ix.said_us > 60 * US_PER_SEC) {
		ix.said_us = time_mono_us();
		log_msg("index", "%s", failed.log);
	}
}

static int read_off(struct tx *tx, void *arg, struct err *e)
{
	return mail_index_is_off(ix.house->org, tx, arg, e);
}

static void step(void)
{
	uint64_t changes = atomic_load_explicit(&ix.changes, memory_order_relaxed);
	int64_t now_us = time_mono_us();
	struct err e = ERR_INIT;
	bool off = false;

	if (!org_is_open(ix.house->org) || store_read(ix.house->store, read_off, &off, &e) < 0 || off)
		return;
	ix.pace_us = now_us;
	ix.pace_changes = ix.seen;
	if (atomic_exchange(&ix.hurry, false) || (now_us - ix.soon_us > SOON_SEC * US_PER_SEC && changes != ix.seen_soon)) {
		ix.soon_us = now_us;
		ix.seen = ix.seen_soon = changes;
		look(1);
	} else if (changes != ix.seen) {
		ix.seen = changes;
		look(MANY);
	}
	if (now_us - ix.tidy_us > TIDY_SEC * US_PER_SEC) {
		ix.tidy_us = now_us;
		if (mail_index_tidy(ix.builder, &e) < 0)
			log_msg("index", "%s", e.log);
	}
}

static void *loop(void *arg)
{
	struct err e = ERR_INIT;

	(void)arg;
	if (mail_index_recover(ix.house->store, &e) < 0)
		log_msg("index", "%s", e.log);
	while (rest(LOOK_MS))
		step();
	return NULL;
}

void indexer_start(struct house *h)
{
	ix.house = h;
	ix.stop = false;
	ix.builder = mail_index_builder_new(h->org);
	ix.hurry = true;           /* what has come while we were not there */
	ix.tidy_us = time_mono_us();
	mail_index_pace(ix.builder, pace, NULL);
	text_client_init(&ix.text, h->text_path);
	if (h->text_path)
		mail_index_texts(ix.builder, text_client_ask, &ix.text);
	if (pthread_create(&ix.thread, NULL, loop, NULL))
		abort();
}

void indexer_stop(void)
{
	pthread_mutex_lock(&ix.lock);
	ix.stop = true;
	pthread_cond_signal(&ix.wake);
	pthread_mutex_unlock(&ix.lock);
	pthread_join(ix.thread, NULL);
	mail_index_builder_free(ix.builder);
	text_client_fini(&ix.text);
}
