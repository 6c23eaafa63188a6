/* tls_jobs.h - other domains' TLS by the clock: MTA-STS policies fetched again before they end, reports on TLS sent.
 *
 * Both ask names through `out` (house->name_find) and stop at the first that has no answer, to go on when they run next; so
 * they hold up the other jobs by one wait at most. Errors: the store's. Not good for: what deliveries need at once. */
#pragma once
#include "bus/call.h"

#define TLS_JOBS_MAX 50                /* domains a run */

int tls_refresh_run(struct house *h, struct err *e);
int tls_reports_run(struct house *h, struct err *e);
int tls_forget_run(struct house *h, struct err *e);
