/* smtp.h - core's side of SMTP (25), submission (587, 465) and LMTP (24): what a session's commands mean.
 *
 * The gate frames, lexes and keeps the connection; a command comes in as tokens and leaves as reply bytes. Table
 * in smtp.c, one cmd_*.c per command, errors in smtp_reply.c; what happens to a message that has arrived: take.c.
 * Sources: RFC 5321, 6409, 2033, 3207, 4954, 1870, 2034, 6152, 3030, 3461, 6531, 9422. Not good for: sockets. */
#pragma once
#include "bus/call.h"

extern const struct proto smtp_proto;
