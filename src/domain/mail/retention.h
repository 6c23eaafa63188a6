/* retention.h - mail that is older than so many days leaves a mailbox by itself.
 *
 * Old by when it came into that mailbox (saved, not received): an old mail that is put into the Trash today stays there for its
 * days, and an import is not gone overnight. What leaves is expunged, so it can be brought back for a while (gone.h) and is then
 * destroyed. A rule is for one mailbox (it follows renames) or for everybody's mailbox of one use; a mailbox's own rule goes first,
 * and 0 days there means: never. Errors: ERR_MISSING no such mailbox. Not good for: holds (mail under a court order). */
#pragma once
#include "domain/mail/message.h"

#define RETENTION_DAYS_MAX 36500

/* account 0, mailbox 0: everybody's of this use. */
struct retention_rule {
	uint64_t account_id, mailbox_id;
	enum mailbox_special special;
	uint64_t days;
};
int retention_set(struct tx *tx, const struct retention_rule *rule, struct err *e);
/* 0 gone, ERR_MISSING there was none. */
int retention_clear(struct tx *tx, const struct retention_rule *rule, struct err *e);
/* All, or one account's. */
int retention_list(struct tx *tx, struct arena *a, uint64_t account_id, struct retention_rule **out, size_t *n_out, struct err *e);

struct retention_due {
	uint64_t mailbox_id, account_id, days, messages, bytes;
};
/* What would go now, by mailbox, some thousand at most. */
int retention_due(struct tx *tx, struct arena *a, int64_t now_sec, struct retention_due **out, size_t *n_out, struct err *e);
int retention_sweep(struct org *o, int64_t now_sec, uint64_t *messages_out, struct err *e);
