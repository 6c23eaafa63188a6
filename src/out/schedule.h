/* schedule.h - which job next: fair between destinations, gentle to each.
 *
 * Every destination has a limit of simultaneous connections that grows by good and shrinks by bad experience
 * (start 5, 1 to 20; the idea is Postfix's) and rests after three failures in a row: 1 minute, doubling to
 * 16. Taking goes round the destinations, one job each. Jobs of a resting destination come out at once,
 * marked, so that they go back to the queue instead of waiting here.
 * Pure: no clock, no lock (the caller holds one). Ownership: items are the caller's, linked in here between
 * add and take. Not good for: deciding retry times (core does). */
#pragma once
#include "base/span.h"

#define SCHEDULE_START 5
#define SCHEDULE_MAX 20
#define SCHEDULE_KNOWN_MAX 2000  /* destinations remembered */

struct schedule;
struct schedule_item {
	struct span destination;      /* key: domain or smarthost; lives as long as the item */
	struct schedule_item *next;
};
enum schedule_experience {
	SCHEDULE_GOOD,                /* the server was there and talked */
	SCHEDULE_BAD,                 /* no connection, or it broke */
	SCHEDULE_NEUTRAL,             /* nothing learnt (DNS, our own fault) */
};

struct schedule *schedule_new(unsigned per_destination_max);   /* at most SCHEDULE_MAX */
void schedule_free(struct schedule *s);                        /* items still inside are left alone */
void schedule_add(struct schedule *s, struct schedule_item *item);
/* NULL: nothing to do now. *resting_out: do not dial, answer at once. Every taken item needs a done. */
struct schedule_item *schedule_take(struct schedule *s, int64_t now_us, bool *resting_out);
void schedule_done(struct schedule *s, const struct schedule_item *item, enum schedule_experience x, int64_t now_us);
size_t schedule_waiting(const struct schedule *s);
/* For tests and metrics: 0 when unknown. */
unsigned schedule_limit(const struct schedule *s, struct span destination);
