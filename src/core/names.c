/* names.c - the DNS as core sees it: a cache, questions for `out`, and commands that wait for answers.
 *
 * Bounded: NAMES_MAX entries (the oldest give way), PARKED_MAX commands, WAIT_MS for a command all told. A question
 * nobody answers costs the wait once; then "no answer" is remembered for a moment. Lock: names.lock; core.reg and the
 * pool's are taken inside it by nobody - what is due is collected under the lock and handed on after it. */
#include "core/core_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/scan.h"
#include "base/time.h"
#include "bus/name_job.h"

#define NAMES_MAX 20000
#define PARKED_MAX 2000
#define WAIT_MS 10000
#define TTL_MIN_SEC 5
#define TTL_MAX_SEC 3600
#define TTL_NEGATIVE_SEC 60
#define TTL_FAILED_SEC 10

enum state { WANTED, ASKED, KNOWN };

struct entry {
	char key[8 + DNS_NAME_MAX];       /* type in decimal, blank, name */
	uint64_t id;
	enum state state;
	unsigned waiting;                 /* parked commands and threads; not evicted while any */
	int64_t expires_us;
	struct dns_answer answer;         /* one block of its own */
	UT_hash_handle hh, hh_id;
};

/* What one run missed. In the call's arena. */
struct name_want {
	struct name_want *next;
	struct entry *entry;
};

struct parked {
	struct parked *next;
	struct job *job;
	struct name_want *wants;
};

struct names {
	struct core *core;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;              /* the thread; those in names_wait */
	struct entry *by_key, *by_id;
	size_t wanted;                    /* entries in that state */
	uint64_t last_id, session;        /* session that asks for us */
	struct parked *parked;
	size_t n_parked;
	bool stop;
};

/* ---- the cache; under lock ---- */

static void entry_free(struct names *n, struct entry *k)
{
	HASH_DELETE(hh, n->by_key, k);
	HASH_DELETE(hh_id, n->by_id, k);
	n->wanted -= k->state == WANTED;
	free((void *)k->answer.v);
	free(k);
}

static void make_room(struct names *n)
{
	struct entry *k, *next;

	if (HASH_COUNT(n->by_key) < NAMES_MAX)
		return;
	HASH_ITER(hh, n->by_key, k, next) {       /* oldest first */
		if (k->waiting)
			continue;
		entry_free(n, k);
		if (HASH_COUNT(n->by_key) < NAMES_MAX - NAMES_MAX / 10)
			break;
	}
}

static struct entry *entry_get(struct names *n, struct span name, int type)
{
	char key[sizeof(((struct entry *)0)->key)];
	int len = snprintf(key, sizeof(key), "%d %.*s", type & 0xffff, SPAN_F(name));
	struct entry *k;

	if (len >= (int)sizeof(key))
		return NULL;
	HASH_FIND(hh, n->by_key, key, (size_t)len, k);
	if (k && k->state == KNOWN && k->expires_us < time_mono_us() && !k->waiting) {
		entry_free(n, k);
		k = NULL;
	}
	if (k)
		return k;
	make_room(n);
	k = calloc(1, sizeof(*k));
	if (!k)
		abort();
	memcpy(k->key, key, (size_t)len);
	k->id = ++n->last_id;
	n->wanted++;
	HASH_ADD(hh, n->by_key, key, (size_t)len, k);
	HASH_ADD(hh_id, n->by_id, id, sizeof(k->id), k);
	return k;
}

/* One block: the spans, then their octets. */
static void answer_keep(struct names *n, struct entry *k, const struct dns_answer *from, uint32_t ttl_sec)
{
	size_t len = from->n * sizeof(struct span) + 1;
	struct span *v;
	char *at;

	for (size_t i = 0; i < from->n; i++)
		len += from->v[i].n;
	v = malloc(len);
	if (!v)
		abort();
	at = (char *)(v + from->n);
	for (size_t i = 0; i < from->n; i++) {
		v[i] = SPAN_BYTES(at, from->v[i].n);
		if (from->v[i].n)
			memcpy(at, from->v[i].p, from->v[i].n);
		at += from->v[i].n;
	}
	free((void *)k->answer.v);
	k->answer = *from;
	k->answer.v = v;
	n->wanted -= k->state == WANTED;
	k->state = KNOWN;
	if (from->status == DNS_FAILED)
		ttl_sec = TTL_FAILED_SEC;
	else if (from->status != DNS_FOUND)
		ttl_sec = TTL_NEGATIVE_SEC;
	else if (ttl_sec < TTL_MIN_SEC || ttl_sec > TTL_MAX_SEC)
		ttl_sec = ttl_sec < TTL_MIN_SEC ? TTL_MIN_SEC : TTL_MAX_SEC;
	k->expires_us = time_mono_us() + ttl_sec * US_PER_SEC;
}

static bool all_known(const struct name_want *w)
{
	for (; w; w = w->next)
		if (w->entry->state != KNOWN)
			return false;
	return true;
}

static void release(struct name_want *w)
{
	for (; w; w = w->next)
		w->entry->waiting--;
}

/* ---- for handlers ---- */

static bool find(struct call *c, struct span name, int type, struct dns_answer *out)
{
	struct names *n = c->house->core->names;
	struct name_want *w;
	struct entry *k;

	*out = (struct dns_answer){ .status = DNS_FAILED };
	pthread_mutex_lock(&n->lock);
	k = entry_get(n, name, type);
	if (k && k->state == KNOWN) {
		struct span *v = arena_dup(c->arena, k->answer.v, k->answer.n * sizeof(*v));

		*out = k->answer;
		for (size_t i = 0; i < k->answer.n; i++)
			v[i] = arena_span(c->arena, v[i]);
		out->v = v;
	} else if (k && !c->names_final) {
		w = ARENA_NEW(c->arena, struct name_want);
		*w = (struct name_want){ c->wants, k };
		c->wants = w;
		k->waiting++;
		pthread_mutex_unlock(&n->lock);
		return false;
	}
	pthread_mutex_unlock(&n->lock);
	return true;
}

void names_unref(struct call *c)
{
	struct names *n = c->house->core->names;

	if (!c->wants)
		return;
	pthread_mutex_lock(&n->lock);
	release(c->wants);
	pthread_mutex_unlock(&n->lock);
	c->wants = NULL;
}

/* A thread of its own: waits right here. */
static int wait_here(struct call *c, struct err *e)
{
	struct names *n = c->house->core->names;
	int64_t until_us = time_mono_us() + WAIT_MS * 1000;

	feed_tell(c->house->core, WATCH_NAMES);
	pthread_mutex_lock(&n->lock);
	while (!all_known(c->wants) && !n->stop && time_mono_us() < until_us) {
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_sec++;
		pthread_cond_clockwait(&n->wake, &n->lock, CLOCK_MONOTONIC, &t);
	}
	c->names_final |= !all_known(c->wants);
	release(c->wants);
	pthread_mutex_unlock(&n->lock);
	c->wants = NULL;
	(void)e;
	return 0;
}

/* ---- commands that wait ---- */

static void resume(struct parked *p)
{
	struct job *j = p->job;

	free(p);
	if (pool_submit(j->core->pool, (size_t)j->lane, j->s->s.account_id, runner_job, j) < 0)
		runner_give_up(j);
}

/* Takes those out whose wait is over (`all`: everybody). Under lock; resumed by the caller without it. */
static struct parked *collect(struct names *n, bool all)
{
	struct parked **at = &n->parked, *due = NULL;
	int64_t now_us = time_mono_us();

	while (*at) {
		struct parked *p = *at;
		bool late = p->job->names_until_us <= now_us;

		if (!all && !late && !all_known(p->wants)) {
			at = &p->next;
			continue;
		}
		p->job->names_final |= all || late;
		release(p->wants);
		*at = p->next;
		n->n_parked--;
		p->next = due;
		due = p;
	}
	return due;
}

static void resume_all(struct parked *due)
{
	for (struct parked *next; due; due = next) {
		next = due->next;
		resume(due);
	}
}

bool names_park(struct job *j, struct call *c)
{
	struct names *n = j->core->names;
	struct parked *p = calloc(1, sizeof(*p));
	bool room;

	if (!p)
		abort();
	if (!j->names_until_us)
		j->names_until_us = time_mono_us() + WAIT_MS * 1000;
	j->keep = c->keep;
	j->msg.cmd.flags &= (uint8_t)~CMD_OPEN;       /* the session is open now */
	pthread_mutex_lock(&n->lock);
	room = n->n_parked < PARKED_MAX && !n->stop;
	if (room) {
		*p = (struct parked){ n->parked, j, c->wants };
		n->parked = p;
		n->n_parked++;
	} else {
		release(c->wants);
		free(p);
	}
	pthread_cond_broadcast(&n->wake);              /* answers may have come meanwhile: the thread looks */
	pthread_mutex_unlock(&n->lock);
	c->wants = NULL;
	if (room)
		feed_tell(n->core, WATCH_NAMES);
	return room;
}

/* ---- with `out` ---- */

/* A new session: what the old one took may never be answered. */
static void session_is(struct names *n, uint64_t session)
{
	if (n->session == session)
		return;
	n->session = session;
	for (struct entry *k = n->by_key; k; k = k->hh.next)
		if (k->state == ASKED) {
			k->state = WANTED;
			n->wanted++;
		}
}

static size_t questions(struct names *n, struct arena *a, struct name_question *v)
{
	size_t count = 0;

	for (struct entry *k = n->by_key ? ELMT_FROM_HH(n->by_key->hh.tbl, n->by_key->hh.tbl->tail) : NULL;
		k && n->wanted && count < NAME_JOBS_MAX; k = k->hh.prev) {
		struct span key = arena_span(a, span_str(k->key));
		uint64_t type = 0;

		if (k->state != WANTED)
			continue;
		span_num(span_cut(&key, ' '), &type, 1, 65535);
		v[count++] = (struct name_question){ k->id, (enum dns_type)type, key };
		k->state = ASKED;
		n->wanted--;
	}
	return count;
}

static void exchange(struct call *c)
{
	struct names *n = c->house->core->names;
	struct name_question v[NAME_JOBS_MAX];
	struct name_answer *answers;
	struct parked *due;
	struct err e = ERR_INIT;
	size_t n_answers, count;

	c->house->watch(c->house, c->session->id, WATCH_NAMES);
	if (name_answers_decode(c->arena, c->cmd->body, &answers, &n_answers, &e) < 0)
		err_set(&c->err, e.code, e.say, "%s", e.log);
	pthread_mutex_lock(&n->lock);
	session_is(n, c->session->id);
	for (size_t i = 0; i < n_answers; i++) {
		struct entry *k;

		HASH_FIND(hh_id, n->by_id, &answers[i].id, sizeof(answers[i].id), k);
		if (k && k->state != KNOWN)
			answer_keep(n, k, &answers[i].answer, answers[i].ttl_sec);
	}
	count = questions(n, c->arena, v);
	due = collect(n, false);
	pthread_cond_broadcast(&n->wake);
	pthread_mutex_unlock(&n->lock);
	name_questions_encode(c->out, v, count);
	resume_all(due);
}

/* Looks after those whose time is over, and after what came while somebody was on the way to wait. */
static void *loop(void *arg)
{
	struct names *n = arg;

	pthread_mutex_lock(&n->lock);
	while (!n->stop) {
		struct parked *due = collect(n, false);
		struct timespec t;

		if (due) {
			pthread_mutex_unlock(&n->lock);
			resume_all(due);
			pthread_mutex_lock(&n->lock);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_sec++;
		pthread_cond_clockwait(&n->wake, &n->lock, CLOCK_MONOTONIC, &t);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

int names_start(struct core *c, struct err *e)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		abort();
	n->core = c;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->wake, NULL);
	c->names = n;
	c->house.name_find = find;
	c->house.name_wait = wait_here;
	c->house.name_exchange = exchange;
	return pthread_create(&n->thread, NULL, loop, n) ? err_set(e, ERR_BROKEN, "", "no thread for names") : 0;
}

void names_stop(struct core *c)
{
	struct names *n = c->names;
	struct parked *due;

	pthread_mutex_lock(&n->lock);
	n->stop = true;
	due = collect(n, true);
	pthread_cond_broadcast(&n->wake);
	pthread_mutex_unlock(&n->lock);
	resume_all(due);
	pthread_join(n->thread, NULL);
}
