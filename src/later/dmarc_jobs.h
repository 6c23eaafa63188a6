/* dmarc_jobs.h - DMARC by the clock: what was seen is counted, and told to the domains that want to hear of it.
 *
 * Reports ask names through `out` (house->name_find) and stop at the first without an answer, to go on when they run next. A
 * foreign address gets a report only with leave from its own domain's DNS (RFC 9990 section 4). Errors: the store's.
 * Not good for: what a mail needs at once. */
#pragma once
#include "bus/call.h"

#define DMARC_REPORTS_MAX 200          /* domains a run */

int dmarc_fold_run(struct house *h, struct err *e);
int dmarc_reports_run(struct house *h, struct err *e);
int dmarc_forget_run(struct house *h, struct err *e);
