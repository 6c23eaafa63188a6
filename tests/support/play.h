/* play.h - scenarios for tests of the domain: one house `h`, and a function that runs in one transaction of it.
 *
 *	static void test_x(struct play *p) { OK(some_call(h.org, p->tx, p->a, ..., &p->e)); }
 *	... play(test_x);
 *
 * The including file opens and closes `h`. Not good for: what spans transactions (call play several times). */
#pragma once
#include <string.h>
#include "support/test_house.h"

static struct test_house h;

/* A scenario runs in one write transaction; with `undo` set when it returns, nothing of it stays. */
struct play {
	struct tx *tx;
	struct arena *a;
	struct err e;
	void *arg;
	bool undo;
};
struct played {
	void (*fn)(struct play *p);
	void *arg;
};

static inline int play_fn(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct played *d = arg;
	struct play p = { .tx = tx, .a = a, .arg = d->arg };

	d->fn(&p);
	return p.undo ? err_set(e, ERR_DENIED, "undone", "undone") : 0;
}

static inline void play_with(void (*fn)(struct play *p), void *arg)
{
	struct played d = { fn, arg };
	struct err e = ERR_INIT;

	if (store_write(h.store, play_fn, &d, &e) < 0 && e.code != ERR_DENIED)
		fail_msg("%s", e.log);
}

static inline void play(void (*fn)(struct play *p))
{
	play_with(fn, NULL);
}

static inline void look_with(void (*fn)(struct play *p), void *arg)
{
	struct played d = { fn, arg };
	struct err e = ERR_INIT;

	if (store_read(h.store, play_fn, &d, &e) < 0)
		fail_msg("%s", e.log);
}

/* The call succeeds, or fails with this class. */
#define OK(call) \
	do { \
		err_clear(&p->e); \
		if ((call) < 0) \
			fail_msg("%s: %s (%s)", #call, p->e.say, p->e.log); \
	} while (0)
#define FAILS(class, call) \
	do { \
		err_clear(&p->e); \
		assert_int_equal((call), (class)); \
		assert_int_equal(p->e.code, (class)); \
		assert_true(p->e.say[0] != 0); \
	} while (0)
#define assert_span(s, z) assert_true(span_eqz((s), (z)))
