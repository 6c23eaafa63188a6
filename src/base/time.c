#include "base/time.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t test_real_us, test_mono_us;
static _Atomic uint64_t test_seed;
static const _Atomic int64_t *test_shift;    /* set before threads */

static int64_t clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * US_PER_SEC + ts.tv_nsec / 1000;
}

int64_t time_real_us(void)
{
	int64_t fixed = atomic_load_explicit(&test_real_us, memory_order_relaxed);

	if (fixed)
		return fixed;
	return clock_us(CLOCK_REALTIME) + (test_shift ? atomic_load_explicit(test_shift, memory_order_relaxed) : 0);
}

int64_t time_mono_us(void)
{
	return clock_us(CLOCK_MONOTONIC) +
		atomic_load_explicit(&test_mono_us, memory_order_relaxed);
}

#define STEP_US (60 * US_PER_SEC)
#define STOOD_US (86400 * US_PER_SEC)

static int64_t distance(int64_t a, int64_t b)
{
	return a < b ? b - a : a - b;
}

int64_t time_steady_sec(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int64_t apart_us, set_us, since_us;      /* real - mono: that which counts, and one that was set, since when */
	static bool known;
	int64_t mono = time_mono_us(), real = time_real_us(), now;

	if (atomic_load_explicit(&test_real_us, memory_order_relaxed))
		return real / US_PER_SEC;
	pthread_mutex_lock(&lock);
	if (!known || distance(real - mono, apart_us) < STEP_US) {
		apart_us = set_us = real - mono;
		known = true;
	} else if (distance(real - mono, set_us) >= STEP_US) {
		set_us = real - mono;
		since_us = mono;
	} else if (mono - since_us >= STOOD_US) {
		apart_us = real - mono;
	}
	now = mono + apart_us;
	pthread_mutex_unlock(&lock);
	return now / US_PER_SEC;
}

int64_t time_past_sec(void)
{
	int64_t steady = time_steady_sec(), real = time_real_sec();

	return steady < real ? steady : real;
}

int time_test_shift(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p = MAP_FAILED;

	if (fd < 0)
		return -1;
	errno = EINVAL;
	if (fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof(*test_shift))
		p = mmap(NULL, sizeof(*test_shift), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return -1;
	test_shift = p;
	return 0;
}

void time_test_set_real(int64_t us)
{
	atomic_store(&test_real_us, us);
}

void time_test_advance_mono(int64_t us)
{
	atomic_fetch_add(&test_mono_us, us);
}

static uint64_t splitmix(void)
{
	uint64_t z = atomic_fetch_add(&test_seed, 0x9e3779b97f4a7c15u) + 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void random_bytes(void *out, size_t n)
{
	unsigned char *p = out;

	if (atomic_load_explicit(&test_seed, memory_order_relaxed)) {
		for (size_t i = 0; i < n; i++)
			p[i] = (unsigned char)splitmix();
		return;
	}
	while (n) {
		ssize_t r = getrandom(p, n, 0);

		if (r < 0 && errno != EINTR)
			abort();
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		}
	}
}

uint64_t random_u64(void)
{
	uint64_t v;

	random_bytes(&v, sizeof(v));
	return v;
}

void random_test_seed(uint64_t seed)
{
	atomic_store(&test_seed, seed);
}
