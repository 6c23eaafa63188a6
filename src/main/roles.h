/* roles.h - what a re-executed child does: read its boot text, give up what it does not need, run its role.
 *
 * role_main is entered with argv[1] = "@NAME" and never returns to the command line. */
#pragma once

int role_main(const char *name);
