/* gone.h - expunged mail that can still be brought back, for `undelete_days` (setting; default 14, 0: not at all).
 *
 * An expunged message's row moves to gone_message and keeps its reference to the email; so does the mailbox's sealed row when
 * that is deleted. Not counted to the quota; bounded instead: of an account with a quota at most as much as that again (never less
 * than GONE_FREE_BYTES), the oldest go first (gone_sweep, every quarter of an hour). MOVE into another account keeps nothing:
 * the mail is there. Errors: ERR_LIMIT quota, ERR_MISSING no such mailbox, ERR_LATER. Not good for: removed accounts - their key
 * is destroyed at once, the sweep removes the rows. */
#pragma once
#include "domain/mail/message.h"

#define GONE_DAYS 14
#define GONE_DAYS_MAX 3650
#define GONE_FREE_BYTES (1024LL * 1024 * 1024)

/* 0: expunged is gone at once. */
int gone_keep_days(struct org *o, struct tx *tx, struct arena *a, uint64_t *days_out, struct err *e);

struct gone_filter {
	uint64_t account_id;
	struct span mailbox;              /* name; none: all */
	int64_t since_sec;                /* expunged then or later */
};
struct gone_box {
	uint64_t mailbox_id;
	struct span name;
	uint64_t messages, bytes;
	int64_t first_sec, last_sec;      /* expunged */
};
int gone_list(struct org *o, struct tx *tx, struct arena *a, const struct gone_filter *f, struct gone_box **out, size_t *n_out,
	struct err *e);
/* Some hundred at once into the mailbox they were in, made again if need be; how many: 0, no more. */
int gone_restore(struct org *o, struct tx *tx, struct arena *a, const struct gone_filter *f, uint64_t *restored_out, struct err *e);
/* What is over its time, over its bound, or of removed accounts; ends after `batches` transactions at the latest. */
int gone_sweep(struct org *o, int64_t now_sec, unsigned batches, uint64_t *messages_out, struct err *e);
