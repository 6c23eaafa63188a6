/* cli.h - kontor NOUN VERB [ARGUMENTS]: one request to the running server, by the table in proto/control.
 *
 * Exit status: 0, 1 with one line on stderr, 2 for a wrong command line. Options anywhere: --state DIR (or
 * KONTOR_STATE), --json. Not good for: work on a stopped server (main/offline.c). */
#pragma once
#include <jansson.h>
#include "proto/control/control.h"

int cli_main(int argc, char **argv);

/* cli_status.c: rows of processes; NULL when no supervisor runs on this folder. */
json_t *cli_processes(const char *state);
/* cli_print.c: the result for people - rows as columns, an object as lines, a list as lines. */
void cli_print(json_t *result);
/* cli_help.c: for people, and as roff; noun NULL: all. */
void cli_help(const struct control_noun *noun);
void cli_man(const struct control_noun *noun);
void cli_usage(const struct control_noun *noun, const struct control_command *m);   /* one line on stderr */
/* import.c: kontor mail import; a reply as the server would give it. */
json_t *cli_import(const char *state, json_t *args);
/* export.c: kontor mail export. */
json_t *cli_export(const char *state, json_t *args);
