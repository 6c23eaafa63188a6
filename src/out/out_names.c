/* out_names.c - core's questions to the DNS (bus/name_job.h): a few threads ask, one bus session carries both ways. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "bus/name_job.h"
#include "net/resolver.h"
#include "out/out_int.h"
#include "out/sts.h"

#define TIMEOUT_MS 5000               /* one question; core waits twice as long */
#define POLICY_MS 8000                /* look-up and fetch of a policy together */
#define SHARE 8                       /* threads of one zone at a time, so that no dead name server takes all */
#define ANSWERS_MAX (NAME_JOBS_MAX * (NAME_RECORDS_LEN_MAX + 4096))

/* One question, then its answer; freed when core has it. */
struct name_work {
	struct name_work *next;
	struct span zone;             /* the last two labels */
	struct arena *arena;
	struct name_question q;
	struct name_answer a;
};

static enum dns_status status_of(enum resolve_status s)
{
	return s == RESOLVE_FOUND ? DNS_FOUND : s == RESOLVE_NO_NAME ? DNS_NO_NAME : s == RESOLVE_NO_DATA ? DNS_NO_DATA :
		DNS_FAILED;
}

/* Not the DNS' at all, but asked for and answered the same way. */
static void fetch_policy(struct out *o, struct name_work *w)
{
	struct span *v = ARENA_ARRAY(w->arena, struct span, 2);
	bool got = sts_fetch(deliver_sts(o->deliver), w->arena, w->q.name, POLICY_MS, &v[0], &v[1]);

	w->a = (struct name_answer){ .id = w->q.id, .answer = { .status = got ? DNS_FOUND : DNS_FAILED, .v = v, .n = got ? 2 : 0 } };
	if (v[0].n + v[1].n > NAME_RECORDS_LEN_MAX)
		w->a.answer = (struct dns_answer){ .status = DNS_FAILED };
}

static void look_up(struct out *o, struct name_work *w)
{
	struct resolver_records *r = ARENA_NEW(w->arena, struct resolver_records);
	enum resolve_status s;
	size_t len = 0;

	if (w->q.type == DNS_STS_POLICY) {
		fetch_policy(o, w);
		return;
	}
	s = resolver_records(deliver_resolver(o->deliver), w->arena, w->q.name, w->q.type, TIMEOUT_MS, r);
	for (size_t i = 0; i < r->n; i++)
		len += r->v[i].n;
	w->a = (struct name_answer){ .id = w->q.id, .ttl_sec = r->ttl_sec,
		.answer = { .status = status_of(s), .secure = r->secure, .v = r->v, .n = s == RESOLVE_FOUND ? r->n : 0 } };
	if (len > NAME_RECORDS_LEN_MAX)
		w->a.answer = (struct dns_answer){ .status = DNS_FAILED };
}

/* The oldest question whose zone has a thread left. Under lock. */
static struct name_work *take(struct out *o)
{
	for (struct name_work **at = &o->questions; *at; at = &(*at)->next) {
		struct name_work *w = *at;
		unsigned n = 0;

		for (const struct name_work *k = o->asking; k; k = k->next)
			n += span_eq(k->zone, w->zone);
		if (n >= SHARE)
			continue;
		*at = w->next;
		w->next = o->asking;
		o->asking = w;
		return w;
	}
	return NULL;
}

static void asked(struct out *o, struct name_work *w)
{
	struct name_work **at = &o->asking;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	w->next = o->answers;
	o->answers = w;
	pthread_cond_broadcast(&o->names_more);       /* a place in this zone is free */
}

static void *worker(void *arg)
{
	struct out *o = arg;
	uint64_t one = 1;

	for (;;) {
		struct name_work *w = NULL;

		pthread_mutex_lock(&o->names_lock);
		while (!o->names_stop && !(w = take(o)))
			pthread_cond_wait(&o->names_more, &o->names_lock);
		pthread_mutex_unlock(&o->names_lock);
		if (!w)
			return NULL;
		look_up(o, w);
		pthread_mutex_lock(&o->names_lock);
		asked(o, w);
		pthread_mutex_unlock(&o->names_lock);
		if (write(o->wake_fd, &one, sizeof(one)) < 0)
			continue;             /* full counter: the loop is awake anyway */
	}
}

int out_names_start(struct out *o, struct err *e)
{
	sigset_t all, old;
	int bad = 0;

	pthread_mutex_init(&o->names_lock, NULL);
	pthread_cond_init(&o->names_more, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (o->n_names_threads < OUT_NAMES_THREADS && !bad) {
		bad = pthread_create(&o->names_threads[o->n_names_threads], NULL, worker, o);
		o->n_names_threads += !bad;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return o->n_names_threads ? 0 : err_set(e, ERR_BROKEN, "", "thread: %d", bad);
}

static void free_all(struct name_work *w)
{
	for (struct name_work *next; w; w = next) {
		next = w->next;
		arena_free(w->arena);         /* the work itself lives in it */
	}
}

void out_names_join(struct out *o)
{
	pthread_mutex_lock(&o->names_lock);
	o->names_stop = true;
	pthread_cond_broadcast(&o->names_more);
	pthread_mutex_unlock(&o->names_lock);
	for (unsigned i = 0; i < o->n_names_threads; i++)
		pthread_join(o->names_threads[i], NULL);
	free_all(o->questions);
	free_all(o->answers);
	pthread_mutex_destroy(&o->names_lock);
	pthread_cond_destroy(&o->names_more);
}

/* The answers that are there, encoded; false: none. */
static bool take_answers(struct out *o, struct buf *b)
{
	struct name_answer v[NAME_JOBS_MAX];
	struct name_work *list = NULL;
	size_t n = 0;

	pthread_mutex_lock(&o->names_lock);
	while (o->answers && n < NAME_JOBS_MAX) {
		struct name_work *w = o->answers;

		o->answers = w->next;
		w->next = list;
		list = w;
		v[n++] = w->a;
	}
	pthread_mutex_unlock(&o->names_lock);
	name_answers_encode(b, v, n);
	free_all(list);
	return n > 0;
}

bool out_names_next(struct out *o, struct buf *body)
{
	bool any;

	if (o->naming || time_mono_us() < o->names_at_us)
		return false;
	buf_init(body, ANSWERS_MAX);
	any = take_answers(o, body);
	if (any || o->names_changed) {
		o->naming = true;
		o->names_changed = false;
		return true;
	}
	buf_fini(body);
	return false;
}

static void question_add(struct out *o, const struct name_question *q)
{
	struct arena *a = arena_new();
	struct name_work *w = ARENA_NEW(a, struct name_work), **end = &o->questions;
	size_t from, dots = 0;

	w->arena = a;
	w->q = *q;
	w->q.name = arena_span(a, q->name);
	for (from = w->q.name.n; from > 0; from--)
		if (w->q.name.p[from - 1] == '.' && ++dots == 2)
			break;
	w->zone = span_from(w->q.name, from);
	while (*end)
		end = &(*end)->next;
	*end = w;
}

void out_names_reply(struct out *o, const struct reply *r)
{
	SCOPED_ARENA a = arena_new();
	struct name_question *v;
	struct err e = ERR_INIT;
	size_t n;

	o->naming = false;
	if (r->mood || r->nseg != 1 || r->seg[0].fd >= 0) {
		o->names_at_us = time_mono_us() + US_PER_SEC;       /* sealed or overloaded; its own waiting ends by itself */
		o->names_changed = true;
		return;
	}
	if (name_questions_decode(a, r->seg[0].bytes, &v, &n, &e) < 0) {
		log_msg("names_error", "%s", e.log);
		return;
	}
	pthread_mutex_lock(&o->names_lock);
	for (size_t i = 0; i < n; i++)
		question_add(o, &v[i]);
	pthread_cond_broadcast(&o->names_more);
	pthread_mutex_unlock(&o->names_lock);
	o->names_changed |= n == NAME_JOBS_MAX;                     /* there may be more */
}
