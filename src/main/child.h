/* child.h - start one role of this binary again as a process of its own.
 *
 * The child finds a JSON boot text on descriptor 3, its link to the supervisor on 4, other descriptors from 5 on
 * in the order given; everything else is closed, the environment is empty but for LANG
 * (and the variable below, when set). The ticket key travels in
 * the boot text, which is an anonymous memory file. Not good for: programs that are not kontor. */
#pragma once
#include <jansson.h>
#include <sys/types.h>
#include "base/err.h"

#define CHILD_BOOT_FD 3
#define CHILD_LINK_FD 4
#define CHILD_FDS_AT 5
#define CHILD_FDS_MAX 256

/* For tests only, read from the supervisor's environment: a file with the microseconds by which the real clock of
 * all processes is off (base/time.h). Unset, as always outside tests: the system's clock. */
#define CHILD_TEST_CLOCK "KONTOR_TEST_CLOCK"
int child_test_clock(struct err *e);     /* 1 shifted, 0 not asked for */

/* *link_out: the supervisor's end, non-blocking. argv of the child: kontor @NAME, so ps shows the role. */
int child_start(const char *name, const json_t *boot, const int *fds, size_t n, pid_t *pid_out, int *link_out,
	struct err *e);
/* In the child: reads the boot text and closes it. The caller owns the object. */
json_t *child_boot(struct err *e);
