/* later.h - the house's regular jobs: a thread that looks at a table once a minute.
 *
 * Each job is bounded and leaves nothing half done when it is cut off. Jobs wait while the house is sealed. A job's
 * failure is logged and tried again at its next turn. Not good for: anything a client waits for. */
#pragma once
#include "bus/call.h"

void later_start(struct house *h);
void later_stop(void);                   /* waits for the job that runs; fine when nothing was started */
/* Tests: one look at the table, as if at mono time now_us. Returns how many jobs ran. */
int later_turn(struct house *h, int64_t now_us);
