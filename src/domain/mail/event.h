/* event.h - Sieve at IMAP events (RFC 6785): what happened to messages is noted in its transaction, scripts run after it.
 *
 * Which script: the owner's of the name that is in /shared/imapsieve/script of the mailbox, else of the server -
 * /private/ (the owner's own choice for all mailboxes) before /shared/. An empty name, or one that is not there: none.
 * Only IMAP commands note events; what a script does is no event, so nothing goes round. A script works on one message and in one
 * transaction that also takes the note away: after a crash it has run or will run, once. keep says the flags of the message;
 * fileinto copies it, redirect sends it, and without keep it gets \Deleted. A script that fails, is used up (filter.h: budgets)
 * or finds the message gone changes nothing. Notes older than EVENT_KEEP_SEC are dropped.
 * Rows hold ids, flags and times. Errors: ERR_LATER (sealed), ERR_BROKEN. Not good for: delivery (filter.h). */
#pragma once
#include "domain/mail/mail_view.h"
#include "domain/mail/message.h"

#define EVENT_RANGES_MAX 1000          /* runs of UIDs that one command may note; beyond they have no script */
#define EVENT_KEEP_SEC 86400
#define EVENT_ENTRY "imapsieve/script"

enum event_cause { EVENT_APPEND = 1, EVENT_COPY, EVENT_FLAG };
/* In the transaction of the change. flags: those that changed (EVENT_FLAG). 1: noted; 0: there is no script for it. */
int event_note(struct org *o, struct tx *tx, struct arena *a, uint64_t actor_id, const struct mailbox *box, enum event_cause cause,
	const struct imap_set *uids, uint64_t flags, struct err *e);
/* The same for messages whose flags message_flag has changed: each change by itself. */
int event_note_flags(struct org *o, struct tx *tx, struct arena *a, uint64_t actor_id, const struct mailbox *box,
	const struct flags_changed *changed, size_t n, struct err *e);
/* Outside transactions: scripts of noted events of an account (0: of all) for at most `max` messages; how many there were. */
int event_run(struct mail *m, const char *hostname, uint64_t account_id, unsigned max, unsigned *n_out, struct err *e);
