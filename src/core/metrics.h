/* metrics.h - counters of the core, printed as Prometheus text.
 *
 * Relaxed atomics; no labels from clients. Not good for: anything decided upon (rates, quotas). */
#pragma once
#include <stdatomic.h>
#include "base/buf.h"

#define METRIC_SERVICES 11
#define METRIC_CLASSES 12             /* 0 fine, 1..11 = -class */
#define METRIC_BUCKETS 10

struct metrics {
	atomic_ullong commands[METRIC_SERVICES][METRIC_CLASSES];
	atomic_ullong micros[METRIC_SERVICES];
	atomic_ullong bucket[METRIC_BUCKETS];    /* run time of commands, cumulative upper bounds in metrics.c */
	atomic_ullong sessions;                  /* now open */
	atomic_ullong notices, refused;
	atomic_ullong scans, scans_failed;       /* messages the scanners were asked about; without an answer */
	int64_t started_sec;
};
void metrics_command(struct metrics *m, unsigned service, int err_class, int64_t run_us);
void metrics_print(const struct metrics *m, struct buf *out);
