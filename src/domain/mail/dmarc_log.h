/* dmarc_log.h - how mail from outside fared under other domains' DMARC policies, counted by day (UTC), and what they were told.
 *
 * Only domains that want reports (rua=), and never our own. A mail that is taken leaves one row in the transaction that stores
 * it; refused ones wait in memory (dmarc_pile.h). dmarc_log_fold makes counts of both, so that mails of one sender never wait for each
 * other. Bounded: DMARC_DOMAINS_MAX domains a day, DMARC_KINDS_MAX different rows a domain, DMARC_DAY_KINDS_MAX in all; what comes
 * beyond is a number (missed), or nothing. Words are sealed under the house's key; day, numbers and state are clear. Errors: the
 * store's. Not good for: single mails (their Authentication-Results). */
#pragma once
#include "codec/report/dmarc_write.h"
#include "domain/mail/dmarc_pile.h"
#include "domain/org/org.h"

#define DMARC_DOMAINS_MAX 2000
#define DMARC_KINDS_MAX 500
#define DMARC_DAY_KINDS_MAX 50000
#define DMARC_DAYS_KEPT 7
#define DMARC_DAY_SEC 86400

enum dmarc_state { DMARC_WAITS = 0, DMARC_SENT, DMARC_NOBODY /* wants it, or may have it */ };
struct dmarc_seen {
	int64_t day;                   /* since 1970 */
	struct span domain;            /* where the policy was found; A-label */
	struct dmarc_result result;
};
/* Texts longer than 255 octets are cut. */
struct span dmarc_seen_pack(struct arena *a, const struct dmarc_seen *s);
/* One mail; nothing when the setting dmarc_reports is off. */
int dmarc_log_seen(struct org *o, struct tx *tx, struct arena *a, struct span packed, struct err *e);
/* Up to `max` mails and all these refused ones; *n_out: mails counted. */
int dmarc_log_fold(struct org *o, struct tx *tx, struct arena *a, const struct dmarc_pile_row *refused, size_t n_refused, size_t max,
	size_t *n_out, struct err *e);

/* Domains of that day that were not told yet. */
int dmarc_log_due(struct org *o, struct tx *tx, struct arena *a, int64_t day, size_t max, struct span **out, size_t *n_out,
	struct err *e);
/* Settles a domain's day; 1: by this call, 0: it was before. */
int dmarc_log_settle(struct org *o, struct tx *tx, int64_t day, struct span domain, enum dmarc_state state, struct err *e);
struct dmarc_line {
	struct dmarc_seen seen;
	enum dmarc_state state;
	uint64_t missed;               /* of the whole domain and day */
};
/* Of these days (both included), newest first, then by number; domain none: all. */
int dmarc_log_list(struct org *o, struct tx *tx, struct arena *a, int64_t from_day, int64_t to_day, struct span domain, size_t max,
	struct dmarc_line **out, size_t *n_out, struct err *e);
int dmarc_log_forget(struct tx *tx, int64_t before_day, struct err *e);
