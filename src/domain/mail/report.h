/* report.h - delivery status notifications: who must hear of what, composed and put where it belongs.
 *
 * Rules of RFC 3461: failures unless NOTIFY says otherwise, delays and successes when asked, never to the null
 * sender - a failed report goes to postmaster instead. One report for all rows; German or English by the reader's
 * account, else the organisation's language. RET and ENVID are obeyed; a large original is returned as header.
 *
 * Three steps, so that no transaction waits for composing and sealing:
 *	report_find   in any transaction: who reads it, and whether anybody must (1) or not (0)
 *	report_prepare  outside: composes, runs the readers' scripts, compresses, seals
 *	report_put    in the transaction that makes the outcome true
 * A draft that nobody must read may go through all three; nothing happens. A report to
 * postmaster about a report is the end: his script files it, it sends nothing. Ownership: spans live in the arena and the
 * caller's rows; report_draft_fini when done. Not good for: list bounces (domain/lists). */
#pragma once
#include "domain/mail/filter.h"
#include "domain/mail/queue.h"
#include "domain/mail/sign.h"
#include "domain/org/address.h"

#define REPORT_FULL_MAX 262144u          /* larger originals come back as header only */

enum report_action { REPORT_FAILED = 1, REPORT_DELAYED, REPORT_DELIVERED, REPORT_RELAYED,
	REPORT_EXPANDED /* a group: its members are not reported one by one */ };

struct report_rcpt {
	struct span address, orcpt;
	unsigned notify;
	enum report_action action;
	struct span status, reply, remote_mta;
	int64_t until_sec;                /* delayed: how long we go on trying */
};
struct report {
	const char *hostname;
	struct span sender, envid;
	int64_t arrival_sec;
	unsigned flags;                   /* QUEUE_RET_*, QUEUE_UTF8, QUEUE_DSN: the message is a report itself */
	struct span message;              /* the original; of a larger one than REPORT_FULL_MAX, its beginning */
	const struct report_rcpt *rcpts;
	size_t n_rcpts;
};
struct report_draft {
	struct report_rcpt *rows;         /* those somebody must hear of */
	size_t n;
	bool to_postmaster, german;
	struct span address, language;    /* the reader's */
	struct recipients to;
	struct mail_signer signer;        /* when it goes outside */
	struct email_prepared email;
	struct delivery *local;           /* of `to`, those here, with what their scripts want */
	size_t n_local;
};
/* How much of an original of this size to give as message. */
uint64_t report_original_len(uint64_t size);
int report_find(struct org *o, struct tx *tx, struct arena *a, const struct report *r, struct report_draft *out, struct err *e);
int report_prepare(struct mail *m, struct arena *a, const struct report *r, struct report_draft *d, struct err *e);
int report_put(struct org *o, struct tx *tx, struct arena *a, const struct report *r, const struct report_draft *d,
	struct err *e);
void report_draft_fini(struct report_draft *d);
