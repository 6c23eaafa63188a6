/* report.h - delivery status notifications: who must hear of what, composed and put where it belongs.
 *
 * Rules of RFC 3461: failures unless NOTIFY says otherwise, delays and successes when asked, never to the null
 * sender - a failed report goes to postmaster instead. One report for all rows; German or English by the reader's
 * account, else the organisation's language. RET and ENVID are obeyed; a large original is returned as header.
 * Runs inside the transaction that makes the outcome true. Not good for: list bounces (domain/lists). */
#pragma once
#include "domain/mail/queue.h"

enum report_action { REPORT_FAILED = 1, REPORT_DELAYED, REPORT_DELIVERED, REPORT_RELAYED };

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
	struct span message;              /* the original */
	const struct report_rcpt *rcpts;
	size_t n_rcpts;
};
int report_send(struct org *o, struct tx *tx, struct arena *a, const struct report *r, struct err *e);
