/* time.h - clock and randomness come in here, so tests own them.
 *
 * Units in names: _us microseconds, _ms, _sec. Real time is UTC since 1970 and may jump; mono never
 * goes back. Not good for: calendar arithmetic (codec/date.h). */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define US_PER_SEC 1000000LL

int64_t time_real_us(void);
int64_t time_mono_us(void);
static inline int64_t time_real_sec(void)
{
	return time_real_us() / US_PER_SEC;
}

/* Tests: a fixed real clock (us; 0 = the system's again) and an offset added to the monotonic one. */
void time_test_set_real(int64_t us);
void time_test_advance_mono(int64_t us);
/* Tests of a whole house: the real clock is off by the microseconds in this file (8 bytes, this machine's order), which
 * the tester changes at will. Stays open to it when a sandbox closes. -1: errno. */
int time_test_shift(const char *path);

void random_bytes(void *out, size_t n);             /* getrandom; aborts when the kernel has none */
uint64_t random_u64(void);
/* Tests: a deterministic stream from this seed; 0 = the kernel's again. */
void random_test_seed(uint64_t seed);
