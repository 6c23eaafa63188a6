/* bounce.h - what a result means for each recipient, and what the sender is told of it (RFC 3461 section 5.2).
 *
 * bounce_plan is pure: done, again later, or failed; rows of the report that is due, if any. Not good for:
 * composing (domain/mail/report.h). */
#pragma once
#include "bus/out_job.h"
#include "domain/mail/report.h"

enum bounce_fate { FATE_DONE = 1, FATE_FAILED, FATE_LATER };
struct bounce_row {
	uint64_t rcpt_id;
	enum bounce_fate fate;
	int64_t next_sec;                /* FATE_LATER */
	struct span reply;               /* kept with the recipient */
};
struct bounce_plan {
	struct bounce_row *rows;         /* recipients that are still in the queue */
	size_t n;
	struct mime_dsn_recipient *report;
	size_t n_report;
	bool warned;                     /* the report tells of a delay */
};
/* randoms: one number for each row of the result. */
void bounce_plan(struct arena *a, const struct queue_entry *q, const struct out_result *result, int64_t now_sec,
	const uint64_t *randoms, struct bounce_plan *out);
