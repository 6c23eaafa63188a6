/* err.h - one error value, two audiences: `say` may reach a client, `log` never leaves the house.
 *
 * Functions return 0 (or a positive result) or one of these classes, and fill *e once, at the cause.
 * Callers test for the classes they expect by name and pass the rest up unchanged. The class decides the
 * reply (one table per protocol). Libraries never log; the runner logs once per command. */
#pragma once
#include "base/span.h"

enum {
	ERR_PARAM = -1,    /* an argument that makes no sense */
	ERR_DENIED = -2,   /* not allowed */
	ERR_MISSING = -3,  /* no such thing */
	ERR_EXISTS = -4,   /* there already */
	ERR_LIMIT = -5,    /* quota, rate or count used up */
	ERR_BUSY = -6,     /* lost a race: the runner runs the command again */
	ERR_GONE = -7,     /* the other side went away */
	ERR_SYNTAX = -8,   /* unreadable input */
	ERR_TOOBIG = -9,   /* larger than allowed */
	ERR_LATER = -10,   /* temporary: sealed, disk full, DNS dead - try again */
	ERR_BROKEN = -11,  /* our fault or the disk's: "internal error", details in the log */
};

struct err {
	int code;
	char say[160];
	char log[320];
};

#define ERR_INIT { 0, "", "" }

/* Sets class, say (a constant, translatable) and log (printf); returns the class. An error that is
 * already set is overwritten only by ERR_BROKEN. e may be NULL. */
int err_set(struct err *e, int code, const char *say, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int err_errno(struct err *e, const char *what);     /* class from errno: ENOSPC.. LATER, else BROKEN */
void err_clear(struct err *e);
const char *err_name(int code);                     /* "denied", "missing", ... for logs */
