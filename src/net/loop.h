/* loop.h - the event loop: descriptors, coarse timers, deferred calls. libevent's core, no bufferevents.
 *
 * One loop belongs to one thread. Watches, timers and calls are embedded in their owner's struct; the
 * owner takes them out (fini, stop, cancel) before it frees that struct. Callbacks may do so from inside
 * any callback. Timers are kept in a wheel: setting one costs O(1), they fire up to LOOP_TICK_MS late.
 * loop_new ignores SIGPIPE for the process (sendfile has no flag against it).
 * Not good for: precise timing, blocking work, use from other threads. */
#pragma once
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_TICK_MS 100
#define LOOP_SCRATCH 65536

struct loop;
enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_fd {
	struct event ev;
	struct loop *loop;
	void (*cb)(void *arg, unsigned what);
	void *arg;
	int fd; /* not owned */
	unsigned want;
};

struct loop_timer {
	struct loop_timer *next, **link; /* link NULL: not set */
	int64_t at_ms;
	void (*cb)(void *arg);
	void *arg;
};

struct loop_call {
	struct loop_call *next, **link;
	void (*cb)(void *arg);
	void *arg;
};

struct loop *loop_new(void);
void loop_free(struct loop *l);
void loop_run(struct loop *l); /* until loop_stop */
bool loop_once(struct loop *l, bool wait); /* one round; for tests */
void loop_stop(struct loop *l);
int64_t loop_now_ms(void); /* monotonic */
/* LOOP_SCRATCH bytes for whoever runs right now; no one may expect them to survive a call. */
char *loop_scratch(struct loop *l);

void loop_fd_init(struct loop_fd *w, struct loop *l, int fd, void (*cb)(void *, unsigned), void *arg);
void loop_fd_want(struct loop_fd *w, unsigned what); /* LOOP_READ | LOOP_WRITE, level-triggered */
void loop_fd_fini(struct loop_fd *w); /* before the descriptor is closed */

void loop_timer_init(struct loop_timer *t, void (*cb)(void *), void *arg);
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_ms); /* moves it when set */
void loop_timer_stop(struct loop_timer *t);

/* Runs once, after the callbacks of this round; asking twice is asking once. */
void loop_call_init(struct loop_call *c, void (*cb)(void *), void *arg);
void loop_call_later(struct loop *l, struct loop_call *c);
void loop_call_cancel(struct loop_call *c);
