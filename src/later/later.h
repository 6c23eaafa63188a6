/* later.h - what happens by the clock: one thread, one table of jobs, each bounded and logged when it fails.
 *
 * Jobs run only while the house is open. Not good for: anything somebody waits for. */
#pragma once

struct house;
void later_start(struct house *h);
void later_stop(void);
