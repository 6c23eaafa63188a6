/* imap_utf7.h - mailbox names on the wire: modified UTF-7 to UTF-8 and back, and what a name may
 * look like.
 *
 * Strict: a name has exactly one encoding, everything else is refused (superfluous shifts, ASCII
 * inside base64, odd surrogates, spare bits, NUL). Ownership: arena or the given buffer. Errors:
 * ERR_SYNTAX (not a valid encoding), ERR_PARAM (name not allowed). Sources: RFC 3501 section
 * 5.1.3, RFC 2152, RFC 9051 section 5.1, RFC 5198. Not good for: plain UTF-7 in mail bodies;
 * Unicode normalisation (the mail domain's rule). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define IMAP_NAME_MAX 1000 /* bytes of a mailbox name in UTF-8 */

int imap_utf7_decode(struct arena *a, struct span utf7, struct span *utf8_out, struct err *e);
/* Appends; ERR_SYNTAX when the input is not UTF-8. */
int imap_utf7_encode(struct buf *b, struct span utf8, struct err *e);
bool imap_utf8_valid(struct span s);

/* May this name exist: UTF-8, 1..IMAP_NAME_MAX bytes, no control characters, no line separators, no
 * wildcards, no empty level (so no delimiter at either end; CREATE takes one trailing delimiter off
 * before it asks). */
int imap_mailbox_check(struct span utf8, char delimiter, struct err *e);
/* A mailbox argument as the client wrote it -> UTF-8: UTF-7 in rev1 sessions, UTF-8 after ENABLE
 * IMAP4rev2 or UTF8=ACCEPT (utf8 = true). "inbox" in any case becomes INBOX. Does not apply
 * imap_mailbox_check. */
int imap_mailbox_decode(
	struct arena *a, struct span wire, bool utf8, struct span *out, struct err *e);
