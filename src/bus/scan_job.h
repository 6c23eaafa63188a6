/* scan_job.h - messages that core wants looked at by a spam filter or a virus scanner, which only `out` may dial.
 *
 * Travels in commands of service SVC_OUT, verb SCAN: the body says how many more jobs `out` takes now and carries results of
 * earlier ones; the reply has the jobs as its first segment and behind it one descriptor a job, in step, with the message.
 * No jobs: the session hears NOTICE_CHANGED. Numbers tie results to jobs; a job not answered before its session ends is given
 * to the next. Decoders distrust their input. Errors: ERR_SYNTAX. Not good for: deciding (proto/smtp/smtp_check.c). */
#pragma once
#include "codec/scan/scan.h"

#define SCAN_JOBS_MAX 8                 /* in one message, a descriptor each */

enum { SCAN_FOR_SPAM = 1, SCAN_FOR_VIRUS = 2, SCAN_LEARN_SPAM = 4, SCAN_LEARN_HAM = 8 };
enum scan_state { SCAN_NOT_ASKED = 0, SCAN_DONE, SCAN_FAILED, SCAN_TOO_LARGE /* for clamd, by its own setting */ };

struct scan_job {
	uint64_t id, size;
	unsigned what;                   /* SCAN_FOR_*, or one SCAN_LEARN_* */
	struct scan_envelope envelope;
};
struct scan_result {
	uint64_t id;
	enum scan_state spam_state, virus_state;
	struct scan_spam spam;
	struct span virus;               /* its name; none: clean */
};
void scan_jobs_encode(struct buf *b, const struct scan_job *v, size_t n);
int scan_jobs_decode(struct arena *a, struct span in, struct scan_job *out, size_t *n_out, struct err *e);
void scan_results_encode(struct buf *b, unsigned wanted, const struct scan_result *v, size_t n);
int scan_results_decode(struct span in, unsigned *wanted_out, struct scan_result *out, size_t *n_out, struct err *e);
