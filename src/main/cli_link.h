/* cli_link.h - requests to the running server through DIR/run/control (proto/control/control.h).
 *
 * Replies are new references. Not good for: requests with secrets whose text must be wiped (cli.c does that). */
#pragma once
#include <jansson.h>
#include "base/buf.h"

#define CLI_REPLY_MAX (64u << 20)

int cli_dial(const char *state);                 /* or -1 with errno */
/* file: a descriptor that travels with the first octet, or -1. */
bool cli_send(int fd, int file, const char *request);
bool cli_receive(int fd, struct buf *reply);
/* Asked now, answered later: the descriptor between, -1 goes into cli_ask_end as well. */
int cli_ask_begin(const char *state, const char *verb, json_t *args, int file);
json_t *cli_ask_end(int fd);
/* {"ok":false,...} as the server would say it. */
json_t *cli_failure(const char *text, const char *detail);
