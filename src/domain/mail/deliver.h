/* deliver.h - final delivery to accounts: which mailbox, one blob for all, one transaction.
 *
 * The caller (SMTP, LMTP, queue, DSN) has the final recipients (org/address.h). Errors per recipient are in its
 * row; the call fails only as a whole (ERR_LATER, ERR_BROKEN). Not good for: outside recipients (queue.h). */
#pragma once
#include "domain/mail/message.h"
#include "domain/org/address.h"

struct delivery {
	uint64_t account_id;
	struct span tag;                  /* "+tag": delivered to the mailbox of that name when it exists */
	int result;                       /* 0 or class: ERR_LIMIT quota, ERR_MISSING account gone */
	bool junk;                        /* not to INBOX but to the mailbox for junk, when there is one */
	bool force;                       /* also beyond the quota (reports) */
};
/* Room for one more message of this size now? ERR_LIMIT, ERR_MISSING. Asks counters only, no key. */
int deliver_room(struct tx *tx, uint64_t account_id, uint64_t size, struct err *e);
int deliver(struct org *o, struct tx *tx, struct arena *a, const struct email_prepared *p, struct delivery *to,
	size_t n, int64_t received_sec, struct err *e);
