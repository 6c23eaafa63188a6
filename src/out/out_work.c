#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/time.h"
#include "out/out_int.h"

#define RESULT_MAX (1u << 20)

void out_report_push(struct out *o, struct report *r)
{
	r->next = NULL;
	*o->reports_end = r;
	o->reports_end = &r->next;
}

static struct report *report_make(const struct out_result *result)
{
	struct report *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	buf_init(&r->body, RESULT_MAX);
	r->message_id = result->message_id;
	out_result_encode(&r->body, result);
	return r;
}

static void work_free(struct work *w)
{
	/* the arena is ours: the password goes before its memory does */
	secret_wipe((char *)w->job.smarthost_password.p, w->job.smarthost_password.n);
	io_close(&w->fd);
	arena_free(w->arena);
}

static enum schedule_experience work_deliver(struct out *o, struct work *w, struct out_result *result)
{
	struct stat st;
	enum schedule_experience x;
	char *map;

	if (fstat(w->fd, &st) < 0 || w->len == 0 || w->off > (uint64_t)st.st_size || w->len > (uint64_t)st.st_size - w->off ||
	    (map = mmap(NULL, w->off + w->len, PROT_READ, MAP_PRIVATE, w->fd, 0)) == MAP_FAILED) {
		log_msg("body_error", "message %llu: descriptor without its bytes", (unsigned long long)w->job.message_id);
		deliver_later(w->arena, &w->job, "4.3.0", "the message could not be read", result);
		return SCHEDULE_NEUTRAL;
	}
	x = deliver_job(o->deliver, w->arena, &w->job, SPAN_BYTES(map + w->off, w->len), result);
	munmap(map, w->off + w->len);
	return x;
}

static void work_one(struct out *o, struct work *w, bool resting, bool draining)
{
	enum schedule_experience x = SCHEDULE_NEUTRAL;
	struct out_result result;
	struct report *r;
	uint64_t one = 1;

	if (draining)
		deliver_later(w->arena, &w->job, "4.3.2", "this server is being restarted", &result);
	else if (resting)
		deliver_later(w->arena, &w->job, "4.4.1", "the destination could not be reached a moment ago", &result);
	else
		x = work_deliver(o, w, &result);
	r = report_make(&result);
	pthread_mutex_lock(&o->lock);
	schedule_done(o->schedule, &w->item, x, time_mono_us());
	out_report_push(o, r);
	o->active--;
	o->held_len -= w->len;
	pthread_cond_broadcast(&o->more);     /* a place of this destination is free */
	pthread_mutex_unlock(&o->lock);
	work_free(w);
	if (write(o->wake_fd, &one, sizeof(one)) < 0)
		return;                       /* full counter: the loop is awake anyway */
}

static void *worker(void *arg)
{
	struct out *o = arg;

	for (;;) {
		struct work *w = NULL;
		bool resting = false, draining;

		pthread_mutex_lock(&o->lock);
		while (!o->stop && !(w = (struct work *)schedule_take(o->schedule, time_mono_us(), &resting)))
			pthread_cond_wait(&o->more, &o->lock);
		if (w)
			o->active++;
		draining = o->draining;
		pthread_mutex_unlock(&o->lock);
		if (!w)
			return NULL;
		work_one(o, w, resting, draining);
	}
}

int out_work_start(struct out *o, struct err *e)
{
	sigset_t all, old;
	int bad = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned want = o->n_workers, i = 0; i < want && !bad; i++) {
		bad = pthread_create(&o->threads[i], NULL, worker, o);
		o->n_workers = i + !bad;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!bad)
		return 0;
	out_work_join(o);
	return err_set(e, ERR_BROKEN, "", "thread: %d", bad);
}

void out_work_join(struct out *o)
{
	pthread_mutex_lock(&o->lock);
	o->stop = true;
	pthread_cond_broadcast(&o->more);
	pthread_mutex_unlock(&o->lock);
	for (unsigned i = 0; i < o->n_workers; i++)
		pthread_join(o->threads[i], NULL);
}
