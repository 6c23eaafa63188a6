/* hold.h - a stolen password: an account whose mail to outside looks wrong sends nothing more until an administrator says so.
 *
 * Counted by account and hour: recipients outside it never wrote to before, and recipients that servers refused for good. Beyond the
 * bounds (settings submission.hold_new, submission.hold_refused; what it tries beyond its send limit: submission.hold_over; networks of
 * sign-ins: submission.hold_networks, visitors.h) the account is held: all it has in the
 * queue gets the state QUEUE_HELD - nothing is lost -, new submissions are refused, and postmaster is told by mail (hold_tell).
 * Rows hold ids, counters and times. Errors: ERR_MISSING. Not good for: the send limit itself (account.h). */
#pragma once
#include "domain/mail/mail_view.h"
#include "domain/mail/queue.h"
#include "domain/org/address.h"

#define HOLD_NEW 300                   /* an hour */
#define HOLD_REFUSED 30
#define HOLD_OVER 2                    /* times the send limit, in recipients refused for it in an hour */
#define HOLD_OVER_LEAST 10             /* recipients, however small the limit is */
#define HOLD_NETWORKS 12               /* to send; from HOLD_READING times as many when those that only read are counted too: phones wander */
#define HOLD_READING 3

enum hold_reason { HOLD_BY_ADMIN = 1, HOLD_BY_NEW, HOLD_BY_REFUSED, HOLD_BY_NETWORKS, HOLD_BY_LIMIT };
const char *hold_reason_name(enum hold_reason r);
struct hold {
	uint64_t account_id;
	enum hold_reason reason;
	int64_t since_sec;
};
int hold_get(struct tx *tx, uint64_t account_id, struct hold *out, struct err *e);       /* 1 held, 0 not */
int hold_count(struct tx *tx, uint64_t *n_out, struct err *e);                           /* accounts held */
/* Holds the account (again: as before) and what it has in the queue; what is under way may still go. */
int hold_set(struct tx *tx, uint64_t account_id, enum hold_reason reason, int64_t now_sec, struct err *e);
/* Its counters begin anew. drop: what is held is thrown away, else it is due now. ERR_MISSING: not held. */
int hold_release(struct org *o, struct tx *tx, uint64_t account_id, bool drop, int64_t now_sec, struct err *e);
/* Adds to the counters of this hour; beyond a bound the account is held. Called when the mail is in the queue already: one that is
 * held takes it along. 1: the account is held now. */
int hold_watch(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, unsigned fresh, unsigned refused, int64_t now_sec,
	struct err *e);
/* Recipients refused because the account's send limit is reached; a client that comes again and again counts each time. 1: the account
 * is held now. */
int hold_over_limit(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, uint64_t recipients, int64_t now_sec,
	struct err *e);
/* Outside transactions, at each sign-in: from too many networks, and the account is held. What goes wrong is not the client's business. */
void hold_sign_in(struct mail *m, struct arena *a, uint64_t account_id, struct span peer_address, bool sends);
/* A bound from the settings. */
int hold_bound(struct org *o, struct tx *tx, struct arena *a, const char *setting, uint64_t fallback, uint64_t *out, struct err *e);
/* Tells postmaster of accounts held and not told of yet; log: one line each. Outside transactions. */
int hold_tell(struct mail *m, const char *hostname, struct err *e);
int hold_forget(struct tx *tx, int64_t now_sec, struct err *e);                           /* counters of old hours */
