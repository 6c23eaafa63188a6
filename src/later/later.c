#include "later/later.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include "base/log.h"
#include "base/time.h"
#include "bus/call.h"
#include "domain/mail/event.h"
#include "domain/mail/forward.h"
#include "domain/mail/gone.h"
#include "domain/mail/import.h"
#include "domain/mail/hold.h"
#include "domain/mail/mail_sweep.h"
#include "domain/mail/report_in.h"
#include "domain/mail/sender.h"
#include "domain/mail/retention.h"
#include "domain/org/org.h"
#include "later/dmarc_jobs.h"
#include "later/tls_jobs.h"
#include "store/blob.h"

static int sweep_blobs(struct house *h, struct err *e)
{
	uint64_t removed;

	return blob_sweep(h->store, &removed, e);
}

static int sweep_keys(struct house *h, struct err *e)
{
	uint64_t destroyed = 0;
	int rc = org_keys_sweep(h->org, &destroyed, e);

	if (destroyed)
		log_msg("key_sweep", "%llu account keys destroyed", (unsigned long long)destroyed);
	return rc;
}

#define SWEEP_BATCHES 2000              /* a million messages an hour */

static int sweep_removed(struct house *h, struct err *e)
{
	uint64_t messages = 0;
	int rc = mail_sweep_removed(h->store, SWEEP_BATCHES, &messages, e);

	if (messages)
		log_msg("removed_sweep", "%llu messages of removed accounts", (unsigned long long)messages);
	return rc;
}

static int sweep_gone(struct house *h, struct err *e)
{
	uint64_t messages = 0;
	int rc = gone_sweep(h->org, time_past_sec(), SWEEP_BATCHES, &messages, e);

	if (messages)
		log_msg("gone_sweep", "%llu expunged messages", (unsigned long long)messages);
	return rc;
}

static int sweep_retention(struct house *h, struct err *e)
{
	uint64_t messages = 0;
	int rc = retention_sweep(h->org, time_past_sec(), &messages, e);

	if (messages)
		log_msg("retention", "%llu messages", (unsigned long long)messages);
	return rc;
}

static int forget_counts(struct tx *tx, void *arg, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM send_count WHERE hour < ?1");

	(void)arg;
	sql_int(q, 1, time_past_sec() / 3600 - 48);
	return sql_run(q, e);
}

static int sweep_counts(struct house *h, struct err *e)
{
	return store_write(h->store, forget_counts, NULL, e);
}

static int sweep_imports(struct house *h, struct err *e)
{
	return import_forget(h->store, time_past_sec(), e);
}

static int forget_senders(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return forward_forget(tx, time_past_sec(), e);
}

static int sweep_senders(struct house *h, struct err *e)
{
	return store_write(h->store, forget_senders, NULL, e);
}

static int forget_known(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return sender_sweep(tx, time_past_sec(), e) < 0 || hold_forget(tx, time_past_sec(), e) < 0 ? e->code : 0;
}

static int sweep_known(struct house *h, struct err *e)
{
	return store_write(h->store, forget_known, NULL, e);
}

#define EVENTS_BATCH 1000               /* messages; an account's scripts have a budget an hour besides */

/* What a command has left, or core when it died between a command and its scripts. */
static int run_events(struct house *h, struct err *e)
{
	unsigned n;

	return event_run(h->mail, h->hostname, 0, EVENTS_BATCH, &n, e);
}

static int tell_held(struct house *h, struct err *e)
{
	return hold_tell(h->mail, h->hostname, e);
}

struct forget {
	struct org *org;
	struct arena *arena;
};

static int forget_reports(struct tx *tx, void *arg, struct err *e)
{
	struct forget *f = arg;

	return report_in_forget(f->org, tx, f->arena, time_past_sec(), e);
}

static int sweep_reports(struct house *h, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct forget f = { h->org, a };

	return store_write(h->store, forget_reports, &f, e);
}

static const struct later_job {
	const char *name;
	int64_t every_sec;
	int (*run)(struct house *h, struct err *e);
} jobs[] = {
	{ "blob_sweep", 3600, sweep_blobs },
	{ "key_sweep", 3600, sweep_keys },
	{ "removed_sweep", 900, sweep_removed },
	{ "hold_tell", 5, tell_held },
	{ "mail_events", 5, run_events },
	{ "sender_sweep", 3600, sweep_known },
	{ "gone_sweep", 900, sweep_gone },
	{ "retention_sweep", 3600, sweep_retention },
	{ "send_count_sweep", 86400, sweep_counts },
	{ "forward_sweep", 86400, sweep_senders },
	{ "sts_refresh", 300, tls_refresh_run },
	{ "tls_reports", 15, tls_reports_run },
	{ "tls_sweep", 3600, tls_forget_run },
	{ "dmarc_fold", 5, dmarc_fold_run },
	{ "dmarc_reports", 15, dmarc_reports_run },
	{ "dmarc_sweep", 3600, dmarc_forget_run },
	{ "import_sweep", 86400, sweep_imports },
	{ "report_sweep", 86400, sweep_reports },
};
#define JOBS (sizeof(jobs) / sizeof(*jobs))

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
	struct house *house;
	int64_t last_us[JOBS];
} later = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

static void run_due(void)
{
	time_steady_sec();                   /* sees a clock that was set, also while nobody needs it */
	for (size_t i = 0; i < JOBS; i++) {
		struct err e = ERR_INIT;

		if (time_mono_us() - later.last_us[i] < jobs[i].every_sec * US_PER_SEC || !org_is_open(later.house->org))
			continue;
		later.last_us[i] = time_mono_us();
		if (jobs[i].run(later.house, &e) < 0)
			log_msg("later", "%s: %s", jobs[i].name, e.log);
	}
}

static void *loop(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&later.lock);
	while (!later.stop) {
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += 5;
		pthread_cond_clockwait(&later.wake, &later.lock, CLOCK_MONOTONIC, &until);
		if (later.stop)
			break;
		pthread_mutex_unlock(&later.lock);
		run_due();
		pthread_mutex_lock(&later.lock);
	}
	pthread_mutex_unlock(&later.lock);
	return NULL;
}

void later_start(struct house *h)
{
	later.house = h;
	later.stop = false;
	for (size_t i = 0; i < JOBS; i++)
		later.last_us[i] = time_mono_us();
	if (pthread_create(&later.thread, NULL, loop, NULL))
		abort();
}

void later_stop(void)
{
	struct err e = ERR_INIT;

	pthread_mutex_lock(&later.lock);
	later.stop = true;
	pthread_cond_signal(&later.wake);
	pthread_mutex_unlock(&later.lock);
	pthread_join(later.thread, NULL);
	if (org_is_open(later.house->org) && dmarc_fold_run(later.house, &e) < 0)
		log_msg("later", "dmarc_fold: %s", e.log);
}
