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

/* Two more for what is counted or kept for a time. Steady: the real time that follows a clock that was set (by a minute
 * or more) only when it has stood for a day, so that it neither lifts nor prolongs a limit. It is as wrong as the clock was
 * at the first call; core asks at its start and every few seconds. Past: the earlier of steady and real, for deleting what is
 * old, since that cannot be taken back. Calendar dates (terms, queue, mails) go by the real time. */
int64_t time_steady_sec(void);
int64_t time_past_sec(void);

/* Tests: a fixed real clock, and steady one (us; 0 = the system's again) and an offset added to the monotonic one. */
void time_test_set_real(int64_t us);
void time_test_advance_mono(int64_t us);
/* Tests of a whole house: the real clock is off by the microseconds in this file (8 bytes, this machine's order), which
 * the tester changes at will. Stays open to it when a sandbox closes. -1: errno. */
int time_test_shift(const char *path);

void random_bytes(void *out, size_t n);             /* getrandom; aborts when the kernel has none */
uint64_t random_u64(void);
/* Tests: a deterministic stream from this seed; 0 = the kernel's again. */
void random_test_seed(uint64_t seed);
