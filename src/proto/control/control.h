/* control.h - the administrator's commands: one table for the running server, the command line, its help and the
 * manual pages.
 *
 * A request is {"verb":"account add","args":{...}}; the reply {"ok":true,"result":...} or
 * {"ok":false,"error":"...","class":"missing","detail":"...","result":what there is} (class: err_name; detail: what the log says, for the
 * administrator is its reader too). Arguments are named as in the table; numbers may come as text. How to add a command: a row in its noun's file; a noun: one file and one row in control.def.
 * Texts are English msgids (N_), translated by the command line. Not good for: deciding who may call - the
 * socket's owner checks that (core/control.c). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct call;
struct control;
struct err;
struct tx;

#define CONTROL_ARGS_LEN 14
#ifndef N_
#define N_(text) text
#endif

enum control_type {
	ARG_TEXT = 1,
	ARG_NUMBER,
	ARG_SIZE,            /* octets; "2G", "500M", "10K" */
	ARG_DATE,            /* "2026-03-01", "2026-03-01T12:00", local time; with Z: UTC */
	ARG_SWITCH,          /* given or not */
	ARG_SECRET,          /* --NAME-file F or "-" on the command line, never in argv */
	ARG_NEW_FILE,        /* the command line makes the file (0600) and passes its descriptor */
	ARG_MANY,            /* a list of texts; the last position takes all that follow, an option may be repeated */
};
enum { ARG_POSITION = 1, ARG_NEEDED = 2 };

struct control_arg {
	const char *name;
	enum control_type type;
	unsigned flags;
	const char *help;
};
enum control_how { CONTROL_READ = 1, CONTROL_WRITE, CONTROL_FREE /* no transaction around it, tx is NULL */,
	CONTROL_ALWAYS /* the same, and while the house is sealed */ };
struct control_command {
	const char *verb, *help;
	enum control_how how;
	int (*run)(struct control *c, struct tx *tx, struct err *e);
	struct control_arg args[CONTROL_ARGS_LEN];       /* ends with name NULL or the array */
};
struct control_noun {
	const char *name, *help;
	const struct control_command *commands;
	size_t n;
};
/* All nouns, ends with NULL. */
extern const struct control_noun *const control_nouns[];
const struct control_noun *control_find_noun(const char *name);
const struct control_command *control_find_command(const struct control_noun *noun, const char *verb);
#define CONTROL_NOUN(id, noun_name, noun_help) \
	const struct control_noun noun_##id = { noun_name, noun_help, commands, sizeof(commands) / sizeof(commands[0]) }

/* The server's side: cmd.verb "account add", cmd.body = arguments; the reply's bytes go to call->out. */
void control_run(struct call *call);
