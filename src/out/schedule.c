#include "out/schedule.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "base/time.h"

#define FAILURES_TO_REST 3
#define REST_US (60 * US_PER_SEC)
#define REST_DOUBLINGS 4

struct place {
	UT_hash_handle hh;
	struct schedule_item *first, **end;
	struct place *ring_next, *ring_prev; /* those with items waiting */
	unsigned active, failures, rests;
	double limit;
	int64_t rest_until_us;
	size_t key_len;
	char key[];
};

struct schedule {
	struct place *places; /* hash */
	struct place *turn;   /* ring, NULL: nothing waits */
	double max;
	size_t waiting;
};

struct schedule *schedule_new(unsigned per_destination_max)
{
	struct schedule *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->max = per_destination_max > SCHEDULE_MAX ? SCHEDULE_MAX : per_destination_max ? per_destination_max : 1;
	return s;
}

void schedule_free(struct schedule *s)
{
	struct place *p, *next;

	if (!s)
		return;
	HASH_ITER(hh, s->places, p, next) {
		HASH_DEL(s->places, p);
		free(p);
	}
	free(s);
}

static struct place *place_find(const struct schedule *s, struct span key)
{
	struct place *p;

	HASH_FIND(hh, s->places, key.p, key.n, p);
	return p;
}

/* Forgets idle places when there are too many; first those that taught nothing. */
static void places_trim(struct schedule *s)
{
	for (int round = 0; round < 2 && HASH_COUNT(s->places) >= SCHEDULE_KNOWN_MAX; round++) {
		struct place *p, *next;

		HASH_ITER(hh, s->places, p, next) {
			if (p->active || p->first || (round == 0 && p->failures))
				continue;
			HASH_DEL(s->places, p);
			free(p);
		}
	}
}

static struct place *place_make(struct schedule *s, struct span key)
{
	struct place *p;

	places_trim(s);
	p = calloc(1, sizeof(*p) + key.n + 1);
	if (!p)
		abort();
	memcpy(p->key, key.p, key.n);
	p->key_len = key.n;
	p->limit = SCHEDULE_START < s->max ? SCHEDULE_START : s->max;
	p->end = &p->first;
	HASH_ADD(hh, s->places, key, key.n, p);
	return p;
}

void schedule_add(struct schedule *s, struct schedule_item *item)
{
	struct place *p = place_find(s, item->destination);

	if (!p)
		p = place_make(s, item->destination);
	if (!p->first) {
		if (!s->turn) {
			s->turn = p->ring_next = p->ring_prev = p;
		} else { /* behind everybody: just before whose turn it is */
			p->ring_next = s->turn;
			p->ring_prev = s->turn->ring_prev;
			p->ring_prev->ring_next = p->ring_next->ring_prev = p;
		}
	}
	item->next = NULL;
	*p->end = item;
	p->end = &item->next;
	s->waiting++;
}

static struct schedule_item *pop(struct schedule *s, struct place *p)
{
	struct schedule_item *item = p->first;

	p->first = item->next;
	s->turn = p->ring_next;
	if (!p->first) {
		p->end = &p->first;
		p->ring_prev->ring_next = p->ring_next;
		p->ring_next->ring_prev = p->ring_prev;
		if (s->turn == p)
			s->turn = NULL;
	}
	p->active++;
	s->waiting--;
	return item;
}

struct schedule_item *schedule_take(struct schedule *s, int64_t now_us, bool *resting_out)
{
	struct place *p = s->turn;

	if (!p)
		return NULL;
	do {
		*resting_out = p->rest_until_us > now_us;
		/* after a rest one connection tries first */
		if (*resting_out || p->active < (p->failures ? 1 : (unsigned)p->limit))
			return pop(s, p);
		p = p->ring_next;
	} while (p != s->turn);
	return NULL;
}

void schedule_done(struct schedule *s, const struct schedule_item *item, enum schedule_experience x, int64_t now_us)
{
	struct place *p = place_find(s, item->destination);

	assert(p && p->active);
	p->active--;
	if (x == SCHEDULE_GOOD) {
		p->failures = p->rests = 0;
		p->rest_until_us = 0;
		p->limit += 1 / p->limit;
		if (p->limit > s->max)
			p->limit = s->max;
	} else if (x == SCHEDULE_BAD) {
		p->limit = p->limit > 2 ? p->limit - 1 : 1;
		if (++p->failures >= FAILURES_TO_REST && p->rest_until_us <= now_us) {
			p->rest_until_us = now_us + (REST_US << p->rests);
			if (p->rests < REST_DOUBLINGS)
				p->rests++;
		}
	}
}

size_t schedule_waiting(const struct schedule *s)
{
	return s->waiting;
}

unsigned schedule_limit(const struct schedule *s, struct span destination)
{
	const struct place *p = place_find(s, destination);

	return p ? (unsigned)p->limit : 0;
}
