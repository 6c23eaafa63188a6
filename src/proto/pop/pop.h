/* pop.h - core's side of POP3: sign-in, a picture of INBOX, reading, and removing at QUIT.
 *
 * Numbers are given out at sign-in and hold for the session; other sessions may change the mailbox meanwhile (a message
 * that went answers -ERR). UIDL is UIDVALIDITY.UID. Nothing is removed without QUIT, also when core restarts: then the
 * session ends with -ERR. At most POP_MESSAGES_MAX messages are shown, the oldest first. Sources: RFC 1939, 2449, 2595,
 * 3206, 5034, 6856. Not good for: other mailboxes, flags. */
#pragma once
#include "bus/call.h"

#define POP_MESSAGES_MAX 100000
extern const struct proto pop_proto;
