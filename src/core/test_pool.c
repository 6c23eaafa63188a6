/* Lanes: what waits is bounded, one account cannot take all threads, others overtake it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>
#include "base/err.h"
#include "core/pool.h"

static sem_t go;
static atomic_int running[3], ended;

static void wait_to_go(void *arg)
{
	atomic_int *mine = arg;

	atomic_fetch_add(mine, 1);
	while (sem_wait(&go) < 0)
		;
	atomic_fetch_sub(mine, 1);
	atomic_fetch_add(&ended, 1);
}

static void becomes(atomic_int *n, int want)
{
	for (int i = 0; i < 2000 && atomic_load(n) != want; i++)
		usleep(5000);
	assert_int_equal(atomic_load(n), want);
}

static void let_go(int n)
{
	while (n--)
		sem_post(&go);
}

static void test_per_key(void **state)
{
	const struct lane_config lane = { "probe", 4, 10, 2 };
	struct pool *p = pool_new(&lane, 1);

	(void)state;
	atomic_store(&ended, 0);
	sem_init(&go, 0, 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(pool_submit(p, 0, 7, wait_to_go, &running[0]), 0);
	becomes(&running[0], 2);
	assert_int_equal(pool_waiting(p, 0), 3);
	assert_int_equal(pool_submit(p, 0, 8, wait_to_go, &running[1]), 0); /* overtakes the three */
	becomes(&running[1], 1);
	assert_int_equal(pool_submit(p, 0, 0, wait_to_go, &running[2]), 0); /* nobody's work is not capped */
	becomes(&running[2], 1);
	assert_int_equal(atomic_load(&running[0]), 2);
	assert_int_equal(pool_waiting(p, 0), 3);
	let_go(7);
	pool_drain(p);
	assert_int_equal(atomic_load(&ended), 7);
	pool_free(p);
	sem_destroy(&go);
}

static void test_queue_max(void **state)
{
	const struct lane_config lanes[] = { { "full", 1, 3, 0 }, { "other", 1, 3, 0 } };
	struct pool *p = pool_new(lanes, 2);

	(void)state;
	atomic_store(&ended, 0);
	sem_init(&go, 0, 0);
	assert_int_equal(pool_submit(p, 0, 1, wait_to_go, &running[0]), 0);
	becomes(&running[0], 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pool_submit(p, 0, 1, wait_to_go, &running[0]), 0);
	assert_int_equal(pool_submit(p, 0, 1, wait_to_go, &running[0]), ERR_LATER);
	assert_int_equal(pool_submit(p, 1, 1, wait_to_go, &running[1]), 0); /* a full lane is no other's matter */
	becomes(&running[1], 1);
	let_go(5);
	pool_drain(p);
	assert_int_equal(atomic_load(&ended), 5);
	assert_int_equal(pool_submit(p, 0, 1, wait_to_go, &running[0]), 0);
	let_go(1);
	pool_free(p);
	assert_int_equal(atomic_load(&ended), 6);
	sem_destroy(&go);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_per_key), cmocka_unit_test(test_queue_max) };

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
