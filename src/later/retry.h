/* retry.h - when a delivery that failed for now is tried again, and when it is given up. Pure.
 *
 * Waits grow from RETRY_FIRST_SEC by the factor 2 up to RETRY_MAX_SEC, each a little different so that a thousand mails
 * of one outage do not come back in one second. Not good for: destinations (out/schedule.c). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define RETRY_FIRST_SEC 300
#define RETRY_MAX_SEC 14400
#define RETRY_WARN_SEC 14400           /* the sender hears of a delay after this */

/* attempts: how many have failed, this one included; spread: any random number. */
int64_t retry_wait_sec(unsigned attempts, uint64_t spread);
/* Next attempt, or 0: give up, the message expires first. */
int64_t retry_next(int64_t now_sec, int64_t expires_sec, unsigned attempts, uint64_t spread);
bool retry_warn(int64_t now_sec, int64_t created_sec, bool warned);
