/* report.h - delivery status notifications: written in the reader's language, put where they belong.
 *
 * Three steps like every message: report_find reads (who gets it, which language), report_prepare composes and
 * seals outside any transaction, report_put delivers or queues inside the transaction that settles the recipients
 * it tells of. The reader is the sender of the message; a report on a message without sender (a report itself),
 * or whose sender is unknown here, goes to postmaster. Local readers get it even beyond their quota.
 * Errors: ERR_LATER, ERR_BROKEN. Sources: RFC 3461 section 6, 3464. Not good for: deciding what is reported. */
#pragma once
#include "codec/mime/mime_dsn.h"
#include "domain/mail/deliver.h"
#include "domain/mail/queue.h"

struct report {
	struct span sender;               /* of the message told of; empty: postmaster reads it */
	struct span envid;
	const char *hostname;
	int64_t arrival_sec, now_sec;
	struct mime_dsn_recipient *rows;
	size_t n;
	struct span message;              /* told of, or only its header */
	unsigned flags;                   /* QUEUE_RET_*, QUEUE_UTF8 of the message told of */
};
struct report_ready {
	struct recipients to;
	struct span reader, language;     /* address in To: */
	struct span text;
	struct email_prepared mail;
	bool prepared;
};
int report_find(struct org *o, struct tx *tx, struct arena *a, const struct report *r, struct report_ready *out,
	struct err *e);
int report_prepare(struct org *o, struct arena *a, const struct report *r, struct report_ready *out, struct err *e);
int report_put(struct org *o, struct tx *tx, struct arena *a, const struct report *r, const struct report_ready *ready,
	struct err *e);
void report_fini(struct report_ready *ready);
/* Shall this recipient's sender hear of it? notify: NOTIFY_* as asked for. */
bool report_wanted(unsigned notify, enum mime_dsn_action action);
/* Subject and text in "de" or else English. */
struct span report_subject(const struct report *r, struct span language);
struct span report_text(struct arena *a, const struct report *r, struct span language);

#define QUEUE_LIFE_SEC (5 * 86400)        /* RFC 5321 section 4.5.4.1: give up after 4-5 days */
