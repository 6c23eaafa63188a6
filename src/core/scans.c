/* scans.c - messages on their way to the spam filter and the virus scanner: `out` fetches them, commands wait for the answer.
 *
 * Bounded: SCANS_MAX at a time, SCANS_LEN_MAX octets in memory files, WAIT_MS for each; what has no place or no answer in time
 * is SCAN_FAILED and the handler decides. What is to be learned waits for nobody and may be dropped. Lock: scans.lock; the
 * registry's and the pool's are taken inside it by nobody. */
#include "core/core_int.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>
#include "base/io.h"
#include "base/time.h"
#include "bus/scan_job.h"

#define SCANS_MAX 400
#define LEARN_MAX 100                      /* of them, those to be learned */
#define SCANS_LEN_MAX (512ull << 20)
#define WAIT_MS 40000

enum state { WANTED, ASKED, ANSWERED };

struct scan {
	struct scan *next, *prev;
	struct scan_job job;               /* spans in the arena */
	struct scan_result result;         /* the same */
	struct arena *arena;
	enum state state;
	int fd;
	int64_t until_us;
	struct job *parked;                /* the command that waits, or NULL */
	bool nobody;                       /* to be learned: freed with its answer */
};

struct scans {
	struct core *core;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct scan *all;
	size_t n, n_learn;
	uint64_t len, last_id, session;
	bool stop;
};

/* Under lock. */
static void scan_free(struct scans *q, struct scan *s)
{
	DL_DELETE(q->all, s);
	q->n--;
	q->n_learn -= s->nobody;
	q->len -= s->job.size;
	io_close(&s->fd);
	arena_free(s->arena);                /* the scan itself lives in it */
}

static void job_copy(struct arena *a, struct scan_job *out, const struct scan_job *from)
{
	const struct scan_envelope *v = &from->envelope;
	struct span *rcpts = ARENA_ARRAY(a, struct span, v->n_rcpts + 1);

	for (size_t i = 0; i < v->n_rcpts; i++)
		rcpts[i] = arena_span(a, v->rcpts[i]);
	*out = *from;
	out->envelope = (struct scan_envelope){ arena_span(a, v->ip), arena_span(a, v->helo), arena_span(a, v->sender),
		arena_span(a, v->user), rcpts, v->n_rcpts };
}

static void result_copy(struct arena *a, struct scan_result *out, const struct scan_result *from)
{
	*out = *from;
	out->spam.words = arena_span(a, from->spam.words);
	out->spam.message = arena_span(a, from->spam.message);
	out->virus = arena_span(a, from->virus);
}

/* NULL: no room. */
static struct scan *scan_new(struct scans *q, const struct scan_job *job, struct span message, bool nobody)
{
	struct arena *a = arena_new();
	struct scan *s = ARENA_NEW(a, struct scan);
	bool room;

	s->arena = a;
	s->nobody = nobody;
	s->fd = io_memfd("scan");
	job_copy(a, &s->job, job);
	s->job.size = message.n;
	s->until_us = time_mono_us() + WAIT_MS * 1000;
	room = s->fd >= 0 && io_write_full(s->fd, message, NULL) == 0;
	pthread_mutex_lock(&q->lock);
	room = room && !q->stop && q->n < SCANS_MAX && q->len + message.n <= SCANS_LEN_MAX && (!nobody || q->n_learn < LEARN_MAX);
	if (room) {
		s->job.id = ++q->last_id;
		DL_APPEND(q->all, s);
		q->n++;
		q->n_learn += nobody;
		q->len += message.n;
	}
	pthread_mutex_unlock(&q->lock);
	if (room)
		return s;
	io_close(&s->fd);
	arena_free(a);
	return NULL;
}

/* ---- for handlers ---- */

static void failed(const struct scan_job *job, struct scan_result *out)
{
	*out = (struct scan_result){ .spam_state = job->what & SCAN_FOR_SPAM ? SCAN_FAILED : SCAN_NOT_ASKED,
		.virus_state = job->what & SCAN_FOR_VIRUS ? SCAN_FAILED : SCAN_NOT_ASKED };
}

static bool find(struct call *c, const struct scan_job *job, struct span message, struct scan_result *out)
{
	struct core *core = c->house->core;
	struct scans *q = core->scans;
	bool answered;

	failed(job, out);
	if (!c->scan) {
		c->scan = scan_new(q, job, message, false);
		if (c->scan)
			return false;
		atomic_fetch_add_explicit(&core->metrics.scans_failed, 1, memory_order_relaxed);
		return true;
	}
	pthread_mutex_lock(&q->lock);
	answered = c->scan->state == ANSWERED;
	if (answered)
		result_copy(c->arena, out, &c->scan->result);
	pthread_mutex_unlock(&q->lock);
	atomic_fetch_add_explicit(answered && out->spam_state != SCAN_FAILED && out->virus_state != SCAN_FAILED ? &core->metrics.scans :
		&core->metrics.scans_failed, 1, memory_order_relaxed);
	return true;
}

static bool learn(struct house *h, unsigned what, struct span message)
{
	struct scan_job job = { .what = what };

	if (!scan_new(h->core->scans, &job, message, true))
		return false;
	feed_tell(h->core, WATCH_SCANS);
	return true;
}

void scans_unref(struct core *c, struct scan *s)
{
	struct scans *q = c->scans;

	pthread_mutex_lock(&q->lock);
	scan_free(q, s);
	pthread_mutex_unlock(&q->lock);
}

/* ---- commands that wait ---- */

static void resume(struct job *j)
{
	if (pool_submit(j->core->pool, (size_t)j->lane, j->s->s.account_id, runner_job, j) < 0)
		runner_give_up(j);
}

/* One whose wait is over; NULL: none. Under lock. What nobody waits for any more goes. */
static struct job *collect(struct scans *q, bool all)
{
	int64_t now_us = time_mono_us();
	struct scan *s, *next;

	DL_FOREACH_SAFE(q->all, s, next) {
		bool over = all || s->state == ANSWERED || s->until_us <= now_us;
		struct job *j = s->parked;

		if (!over)
			continue;
		if (s->nobody) {
			scan_free(q, s);
		} else if (j) {
			s->parked = NULL;
			return j;
		}
	}
	return NULL;
}

/* Takes the lock for each, for resuming takes others. */
static void resume_all(struct scans *q, bool all)
{
	struct job *j;

	do {
		pthread_mutex_lock(&q->lock);
		j = collect(q, all);
		pthread_mutex_unlock(&q->lock);
		if (j)
			resume(j);
	} while (j);
}

void scans_park(struct job *j, struct call *c)
{
	struct scans *q = j->core->scans;
	struct scan *s = c->scan;

	j->keep = c->keep;
	j->msg.cmd.flags &= (uint8_t)~CMD_OPEN;
	pthread_mutex_lock(&q->lock);
	s->parked = j;
	if (q->stop)
		s->until_us = 0;
	pthread_cond_broadcast(&q->wake);
	pthread_mutex_unlock(&q->lock);
	feed_tell(q->core, WATCH_SCANS);
}

/* ---- with `out` ---- */

static void session_is(struct scans *q, uint64_t session)
{
	struct scan *s;

	if (q->session == session)
		return;
	q->session = session;
	DL_FOREACH(q->all, s)
		if (s->state == ASKED)
			s->state = WANTED;
}

static void answer_take(struct scans *q, const struct scan_result *r)
{
	struct scan *s;

	DL_FOREACH(q->all, s)
		if (s->job.id == r->id && s->state != ANSWERED) {
			result_copy(s->arena, &s->result, r);
			s->state = ANSWERED;
			return;
		}
}

static size_t jobs_give(struct scans *q, struct call *c, unsigned wanted, struct scan_job *v)
{
	struct scan *s;
	size_t n = 0;

	DL_FOREACH(q->all, s) {
		int fd;

		if (n == wanted)
			break;
		if (s->state != WANTED || (fd = dup(s->fd)) < 0)
			continue;
		job_copy(c->arena, &v[n], &s->job);
		c->reply->seg[1 + n++] = (struct segment){ .fd = fd, .off = 0, .len = s->job.size };
		s->state = ASKED;
	}
	return n;
}

static void exchange(struct call *c)
{
	struct scans *q = c->house->core->scans;
	struct scan_result results[SCAN_JOBS_MAX];
	struct scan_job jobs[SCAN_JOBS_MAX];
	struct err e = ERR_INIT;
	unsigned wanted;
	size_t n, n_jobs;

	c->house->watch(c->house, c->session->id, WATCH_SCANS);
	if (scan_results_decode(c->cmd->body, &wanted, results, &n, &e) < 0)
		err_set(&c->err, e.code, e.say, "%s", e.log);
	pthread_mutex_lock(&q->lock);
	session_is(q, c->session->id);
	for (size_t i = 0; i < n; i++)
		answer_take(q, &results[i]);
	n_jobs = jobs_give(q, c, wanted, jobs);
	pthread_mutex_unlock(&q->lock);
	scan_jobs_encode(c->out, jobs, n_jobs);
	reply_bytes(c->reply, arena_span(c->arena, buf_span(c->out)));
	c->reply->nseg = 1 + n_jobs;
	resume_all(q, false);
}

static void *loop(void *arg)
{
	struct scans *q = arg;

	pthread_mutex_lock(&q->lock);
	while (!q->stop) {
		struct timespec t;

		pthread_mutex_unlock(&q->lock);
		resume_all(q, false);
		pthread_mutex_lock(&q->lock);
		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_sec++;
		if (!q->stop)
			pthread_cond_clockwait(&q->wake, &q->lock, CLOCK_MONOTONIC, &t);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

int scans_start(struct core *c, struct err *e)
{
	struct scans *q = calloc(1, sizeof(*q));

	if (!q)
		abort();
	q->core = c;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->wake, NULL);
	c->scans = q;
	c->house.scanners = c->config->scanners;
	c->house.scan = find;
	c->house.scan_learn = learn;
	c->house.scan_exchange = exchange;
	return pthread_create(&q->thread, NULL, loop, q) ? err_set(e, ERR_BROKEN, "", "no thread for scans") : 0;
}

void scans_stop(struct core *c)
{
	struct scans *q = c->scans;

	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_broadcast(&q->wake);
	pthread_mutex_unlock(&q->lock);
	pthread_join(q->thread, NULL);
	resume_all(q, true);
}
