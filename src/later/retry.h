/* retry.h - when a recipient is tried again, and when no more. Pure; times are real seconds.
 *
 * 5 minutes, doubling to 4 hours, each 20 % earlier or later so that what failed together does not come back
 * together; never past the message's end, which gets one last attempt. After 4 hours the sender is told of the
 * delay, once. Sources: RFC 5321 section 4.5.4.1. Not good for: concurrency (out/schedule.h). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define RETRY_FIRST_SEC 300
#define RETRY_MAX_SEC (4 * 3600)
#define RETRY_WARN_SEC (4 * 3600)

/* attempts: how many have failed before this one. random: any number. */
int64_t retry_next_sec(unsigned attempts, int64_t now_sec, int64_t expires_sec, uint64_t random);
bool retry_expired(int64_t now_sec, int64_t expires_sec);
bool retry_warns(int64_t now_sec, int64_t created_sec, bool warned);
