/* org_test.h - one house per group of tests, and a scenario in one transaction per test. */
#pragma once
#include <string.h>
#include "base/time.h"
#include "domain/org/address.h"
#include "domain/org/auth.h"
#include "domain/org/org_schema.h"
#include "domain/org/role.h"
#include "support/test_house.h"

static struct test_house h;

static int start(void **state)
{
	static const struct migration list[] = { { "0001_org", org_schema_1 } };

	(void)state;
	test_house_new(&h, list, 1);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	test_house_free(&h);
	return 0;
}

/* What a scenario needs; the transaction is rolled back or kept as it returns. */
struct play {
	struct tx *tx;
	struct arena *a;
	struct err e;
};
struct played {
	void (*fn)(struct play *p);
};

static inline int play_fn(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct played *d = arg;
	struct play p = { .tx = tx, .a = a };

	(void)e;
	d->fn(&p);
	return 0;
}

static inline void play(void (*fn)(struct play *p))
{
	struct played d = { fn };
	struct err e = ERR_INIT;

	if (store_write(h.store, play_fn, &d, &e) < 0)
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
