/* serve.h - the supervisor: binds the ports, starts the roles, restarts what dies, and does nothing else.
 *
 * Keeps DIR/run/status (one line per process: name pid state restarts since) true for `kontor status`, also
 * while core is down. SIGHUP sends the certificates anew, SIGTERM and SIGINT drain. Errors are for people. */
#pragma once
#include "base/err.h"
#include "main/settings.h"

struct serve_config {
	const char *dir;               /* absolute */
	int dirfd;
	const struct settings *settings;
};
int serve(const struct serve_config *c, struct err *e);
