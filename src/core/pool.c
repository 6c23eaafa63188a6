#include "core/pool.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>
#include "base/err.h"

#define KEYS 1024   /* running-count buckets; a collision only caps two accounts together */

struct job {
	TAILQ_ENTRY(job) link;
	uint64_t key;
	void (*fn)(void *);
	void *arg;
};

struct lane {
	struct lane_config c;
	pthread_mutex_t lock;
	pthread_cond_t work, idle;
	TAILQ_HEAD(, job) queue;
	size_t waiting, running;
	bool stop;
	uint16_t busy[KEYS];
	pthread_t *threads;
};

struct pool {
	size_t n;
	struct lane lanes[];
};

static struct job *take(struct lane *l)
{
	struct job *j;

	TAILQ_FOREACH(j, &l->queue, link) {
		if (!l->c.per_key || !j->key || l->busy[j->key % KEYS] < l->c.per_key)
			break;
	}
	if (!j)
		return NULL;
	TAILQ_REMOVE(&l->queue, j, link);
	l->waiting--;
	l->running++;
	if (j->key)
		l->busy[j->key % KEYS]++;
	return j;
}

static void *worker(void *arg)
{
	struct lane *l = arg;

	pthread_mutex_lock(&l->lock);
	for (;;) {
		struct job *j = take(l);

		if (!j && l->stop && !l->waiting)
			break;
		if (!j) {
			pthread_cond_wait(&l->work, &l->lock);
			continue;
		}
		pthread_mutex_unlock(&l->lock);
		j->fn(j->arg);
		pthread_mutex_lock(&l->lock);
		l->running--;
		if (j->key)
			l->busy[j->key % KEYS]--;
		free(j);
		if (l->waiting)
			pthread_cond_signal(&l->work); /* a job may have waited for this key */
		if (!l->waiting && !l->running)
			pthread_cond_broadcast(&l->idle);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

struct pool *pool_new(const struct lane_config *lanes, size_t n)
{
	struct pool *p = calloc(1, sizeof(*p) + n * sizeof(*p->lanes));

	if (!p)
		abort();
	p->n = n;
	for (size_t i = 0; i < n; i++) {
		struct lane *l = &p->lanes[i];

		l->c = lanes[i];
		pthread_mutex_init(&l->lock, NULL);
		pthread_cond_init(&l->work, NULL);
		pthread_cond_init(&l->idle, NULL);
		TAILQ_INIT(&l->queue);
		l->threads = calloc(l->c.threads, sizeof(*l->threads));
		for (unsigned t = 0; t < l->c.threads; t++)
			if (!l->threads || pthread_create(&l->threads[t], NULL, worker, l))
				abort();
	}
	return p;
}

int pool_submit(struct pool *p, size_t lane, uint64_t key, void (*fn)(void *), void *arg)
{
	struct lane *l = &p->lanes[lane];
	struct job *j = malloc(sizeof(*j));
	int r = 0;

	if (!j)
		abort();
	*j = (struct job){ .key = key, .fn = fn, .arg = arg };
	pthread_mutex_lock(&l->lock);
	if (l->waiting >= l->c.queue_max || l->stop) {
		r = ERR_LATER;
	} else {
		TAILQ_INSERT_TAIL(&l->queue, j, link);
		l->waiting++;
		pthread_cond_signal(&l->work);
	}
	pthread_mutex_unlock(&l->lock);
	if (r)
		free(j);
	return r;
}

size_t pool_waiting(struct pool *p, size_t lane)
{
	struct lane *l = &p->lanes[lane];
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = l->waiting;
	pthread_mutex_unlock(&l->lock);
	return n;
}

void pool_drain(struct pool *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct lane *l = &p->lanes[i];

		pthread_mutex_lock(&l->lock);
		while (l->waiting || l->running)
			pthread_cond_wait(&l->idle, &l->lock);
		pthread_mutex_unlock(&l->lock);
	}
}

void pool_free(struct pool *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct lane *l = &p->lanes[i];

		pthread_mutex_lock(&l->lock);
		l->stop = true;
		pthread_cond_broadcast(&l->work);
		pthread_mutex_unlock(&l->lock);
		for (unsigned t = 0; t < l->c.threads; t++)
			pthread_join(l->threads[t], NULL);
		free(l->threads);
		pthread_mutex_destroy(&l->lock);
		pthread_cond_destroy(&l->work);
		pthread_cond_destroy(&l->idle);
	}
	free(p);
}
