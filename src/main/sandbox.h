/* sandbox.h - what a role may still do once it serves: user, root folder, Landlock, system calls.
 *
 * sandbox_user drops root (a no-op for ordinary users); sandbox_enter closes the rest and cannot be undone.
 * As root a role's file system becomes its own folder (chroot); otherwise Landlock allows only that folder.
 * System calls outside the role's list (sandbox.def) kill the process with SIGSYS and leave an audit line.
 * Threads started later inherit all of it. What each role may do is listed in docs/operations.md. */
#pragma once
#include "base/err.h"

enum sandbox_role { SANDBOX_GATE = 1, SANDBOX_CORE = 2, SANDBOX_VAULT = 4, SANDBOX_OUT = 8, SANDBOX_TEXT = 16,
	SANDBOX_READER = 32 /* a child of text, in addition to its parent's filter */ };

/* uid and gid of the user's name; ERR_MISSING with a sentence for people. */
int sandbox_user_find(const char *name, unsigned *uid_out, unsigned *gid_out, struct err *e);
/* New root (NULL: keep) and user; both only as root. */
int sandbox_user(const char *root, unsigned uid, unsigned gid, struct err *e);
/* Only what lies under `folder` (NULL: nothing) can be opened from now on; ignored without Landlock. */
int sandbox_files(const char *folder, struct err *e);
int sandbox_calls(enum sandbox_role role, struct err *e);
