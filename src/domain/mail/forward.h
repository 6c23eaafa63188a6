/* forward.h - the envelope sender of mail that is passed on to the outside (SRS, codec/smtp/srs.h).
 *
 * An alias, a group or a script sends somebody's mail on from here: SPF of the sender's domain would fail at the
 * target, so the sender becomes an address of our first domain from which bounces find their way back. Such an address is
 * good for FORWARD_DAYS, only for bounces, and only when we made it: its hash is keyed by the house. Senders too long for a
 * local part are kept sealed under a number until then.
 * Never rewritten: the null sender, senders in our own domains. Errors: ERR_MISSING (forged, or too old), ERR_LATER.
 * Not good for: mail our people send (that is from here already), the From field. */
#pragma once
#include "domain/org/org.h"

#define FORWARD_DAYS 21

/* In a writing transaction: a long sender is noted. */
int forward_sender(struct org *o, struct tx *tx, struct arena *a, struct span sender, int64_t now_sec, struct span *out,
	struct err *e);
/* 1: an address of ours made by forward_sender, stands for *out; 0: no such address. */
int forward_origin(struct org *o, struct tx *tx, struct arena *a, struct span address, int64_t now_sec, struct span *out,
	struct err *e);
int forward_forget(struct tx *tx, int64_t now_sec, struct err *e);       /* long senders whose time is over */
