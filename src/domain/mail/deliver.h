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
	int result;                       /* 0 or class: ERR_LIMIT quota, ERR_MISSING account gone, ERR_DENIED its script rejects it */
	bool junk;                        /* not to INBOX but to the mailbox for junk, when there is one */
	bool force;                       /* also beyond the quota (reports) */
	/* for scripts (filter.h) */
	struct span address;              /* the account's primary address */
	struct span rcpt;                 /* RCPT TO, when it led straight to the account */
	struct filter_plan *plan;         /* NULL: no script */
	struct span reject;               /* the script's words, with result ERR_DENIED */
	struct span message;              /* redirected here by another's script after it was edited; else none */
	struct email_prepared own;        /* of `message` */
};
/* "\Junk" and the like; SPECIAL_NONE when unknown. A MAILBOXID as IMAP shows it; 0: none. */
enum mailbox_special deliver_special(struct span use);
uint64_t deliver_mailbox_id(struct span id);
/* Room for one more message of this size now? ERR_LIMIT, ERR_MISSING. Asks counters only, no key. */
int deliver_room(struct tx *tx, uint64_t account_id, uint64_t size, struct err *e);
int deliver(struct org *o, struct tx *tx, struct arena *a, const struct email_prepared *p, struct delivery *to,
	size_t n, int64_t received_sec, struct err *e);
