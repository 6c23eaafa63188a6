/* imap.h - core's side of IMAP4rev1 and IMAP4rev2: what a session's commands mean.
 *
 * The gate frames, lexes and keeps the connection; a command comes in as tokens and leaves as reply bytes. Table
 * in imap.c, one cmd_*.c per command or pair, untagged changes in imap_sync.c, errors in imap_reply.c.
 * Sources: RFC 9051, 3501, 7162, 4731, 5182, 5258, 5819, 6154, 8438, 8474, 9208. Not good for: sockets. */
#pragma once
#include "bus/call.h"

extern const struct proto imap_proto;
