/* mail_sweep.h - what removed accounts leave behind: mailboxes, messages, and the bodies nobody else refers to.
 *
 * Nobody can open these rows any more (their key is destroyed), so no key is needed. Small transactions, one after the
 * other, so that nobody waits for it; whatever ends it in between, the next run goes on.
 * Errors: the store's. Not good for: waiting messages of the outbound queue, which are still sent. */
#pragma once
#include "store/store.h"

#define MAIL_SWEEP_BATCH 500

/* messages_out: how many went. Ends after `batches` transactions at the latest. */
int mail_sweep_removed(struct store *s, unsigned batches, uint64_t *messages_out, struct err *e);
