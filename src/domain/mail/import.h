/* import.h - many mails of one account in one transaction, each only once.
 *
 * What names a mail at its source is kept for IMPORT_REMEMBER_SEC as a hash under the account's key, in the transaction that
 * brings the mail: whoever was interrupted starts again and gets the rest. A folder is the account's of that name, else the one
 * for that use (\Sent ...), else made and subscribed. Keywords that no mailbox can have, or no longer, are left out.
 * Errors: ERR_LIMIT (too many mailboxes, or - others wrote meanwhile - quota), ERR_LATER. Not good for: delivery (deliver.h). */
#pragma once
#include "domain/mail/message.h"

#define IMPORT_MAX 4096               /* records in one batch */
#define IMPORT_REMEMBER_SEC (90 * 86400LL)

enum { IMPORT_SUBSCRIBED = 1, IMPORT_NOT_SUBSCRIBED = 2 };

struct import_mail {
	struct span folder;               /* UTF-8, '/' */
	enum mailbox_special special;     /* what its source says; SPECIAL_NONE: the name may say it */
	struct span source;               /* none: a folder alone */
	struct span keywords;             /* blanks between */
	uint64_t flags;                   /* system flags; of a folder alone: IMPORT_SUBSCRIBED ... */
	int64_t received_sec;
	const struct email_prepared *email;
	bool known;                       /* filled by import_known: it came earlier and is passed over */
};
struct import_done {
	uint32_t imported, known, keywords_left;
	bool full;                        /* the rest has no room */
};
int import_known(struct org *o, struct tx *tx, uint64_t account_id, struct import_mail *v, size_t n, struct err *e);
/* force: beyond the quota; again: whatever was brought earlier. */
int import_put(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, const struct import_mail *v, size_t n, bool force,
	bool again, struct import_done *out, struct err *e);
int import_forget(struct store *s, int64_t now_sec, struct err *e);
