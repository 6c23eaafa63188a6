#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/time.h"
#include "out/schedule.h"

#define A SPAN("a.example")
#define B SPAN("b.example")

static void test_fair(void **state)
{
	struct schedule *s = schedule_new(20);
	struct schedule_item a[4] = { { A }, { A }, { A }, { A } }, b = { B };
	bool resting;

	(void)state;
	for (int i = 0; i < 4; i++)
		schedule_add(s, &a[i]);
	schedule_add(s, &b);
	assert_int_equal(schedule_waiting(s), 5);
	assert_ptr_equal(schedule_take(s, 0, &resting), &a[0]);
	assert_ptr_equal(schedule_take(s, 0, &resting), &b);
	assert_ptr_equal(schedule_take(s, 0, &resting), &a[1]);
	assert_ptr_equal(schedule_take(s, 0, &resting), &a[2]);
	assert_ptr_equal(schedule_take(s, 0, &resting), &a[3]);
	assert_null(schedule_take(s, 0, &resting));
	schedule_free(s);
}

static void test_limit(void **state)
{
	struct schedule *s = schedule_new(8);
	struct schedule_item v[200];
	bool resting;

	(void)state;
	for (int i = 0; i < 200; i++) {
		v[i].destination = A;
		schedule_add(s, &v[i]);
	}
	for (int i = 0; i < SCHEDULE_START; i++)
		assert_non_null(schedule_take(s, 0, &resting));
	assert_null(schedule_take(s, 0, &resting));          /* the first five are under way */
	for (int i = 0; i < 60; i++) {
		schedule_done(s, &v[0], SCHEDULE_GOOD, 0);
		assert_non_null(schedule_take(s, 0, &resting));
	}
	assert_int_equal(schedule_limit(s, A), 8);
	schedule_done(s, &v[0], SCHEDULE_BAD, 0);
	assert_int_equal(schedule_limit(s, A), 7);
	schedule_free(s);
}

/* Whatever is wished for, one destination never gets more. */
static void test_limit_bound(void **state)
{
	struct schedule *s = schedule_new(SCHEDULE_MAX + 1);
	struct schedule_item v[2000];
	bool resting;
	int taken = 0;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		v[i].destination = A;
		schedule_add(s, &v[i]);
	}
	while (taken < 1000) {
		while (schedule_take(s, 0, &resting))
			taken++;
		schedule_done(s, &v[0], SCHEDULE_GOOD, 0);
	}
	assert_int_equal(schedule_limit(s, A), SCHEDULE_MAX);
	schedule_free(s);
}

static void test_rest(void **state)
{
	struct schedule *s = schedule_new(20);
	struct schedule_item v[8], other = { B };
	int64_t now_us = 1000;
	bool resting;

	(void)state;
	for (int i = 0; i < 8; i++) {
		v[i].destination = A;
		schedule_add(s, &v[i]);
	}
	schedule_add(s, &other);
	for (int i = 0; i < 3; i++) {
		struct schedule_item *it = schedule_take(s, now_us, &resting);

		if (it == &other)
			it = schedule_take(s, now_us, &resting);
		assert_false(resting);
		schedule_done(s, it, SCHEDULE_BAD, now_us);
	}
	assert_non_null(schedule_take(s, now_us, &resting));
	assert_true(resting);                                 /* handed back without dialling */
	schedule_done(s, &v[3], SCHEDULE_NEUTRAL, now_us);
	now_us += 61 * US_PER_SEC;
	assert_non_null(schedule_take(s, now_us, &resting));
	assert_false(resting);
	assert_null(schedule_take(s, now_us, &resting));      /* one tries alone */
	schedule_done(s, &v[4], SCHEDULE_BAD, now_us);
	now_us += 61 * US_PER_SEC;
	assert_non_null(schedule_take(s, now_us, &resting));
	assert_true(resting);                                 /* the second rest is longer */
	schedule_done(s, &v[5], SCHEDULE_NEUTRAL, now_us);
	now_us += 61 * US_PER_SEC;
	assert_non_null(schedule_take(s, now_us, &resting));
	assert_false(resting);
	schedule_done(s, &v[6], SCHEDULE_GOOD, now_us);
	assert_non_null(schedule_take(s, now_us, &resting));
	schedule_free(s);
}

static void test_many(void **state)
{
	struct schedule *s = schedule_new(20);
	char name[32];
	bool resting;

	(void)state;
	for (int i = 0; i <= SCHEDULE_KNOWN_MAX; i++) {
		struct schedule_item it = { { name, (size_t)snprintf(name, sizeof(name), "d%d.example", i) }, NULL };

		schedule_add(s, &it);
		assert_ptr_equal(schedule_take(s, 0, &resting), &it);
		schedule_done(s, &it, i % 2 ? SCHEDULE_BAD : SCHEDULE_GOOD, 0);
		assert_int_equal(schedule_limit(s, SPAN("d0.example")) == 0, i == SCHEDULE_KNOWN_MAX);  /* then forgotten */
	}
	schedule_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_fair), cmocka_unit_test(test_limit), cmocka_unit_test(test_limit_bound),
		cmocka_unit_test(test_rest), cmocka_unit_test(test_many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
