/* report_mail.h - reports that the house sends to other domains by mail (TLS-RPT, DMARC): composed, signed, queued.
 *
 * One mail: a text for people and a file, gzip-packed. With report_type it is a multipart/report of that type (RFC 8460
 * section 5.3), without a multipart/mixed. It says "TLS-Required: No" and "Auto-Submitted: auto-generated", its sender is the
 * address it comes from, nobody is told when it fails, and it is signed by DKIM when the domain has keys.
 * report_mail_prepare leaves out whoever takes no file of that size: n_to may be 0 afterwards, and there is nothing to put.
 * Two steps, so that no transaction waits: report_mail_prepare outside, report_mail_put in the transaction that notes the
 * report as sent. Ownership: arena; report_mail_fini when done. Errors: ERR_LATER (vault away), ERR_TOOBIG.
 * Not good for: delivery reports (report.h). */
#pragma once
#include "domain/mail/message.h"

#define REPORT_MAIL_TO_MAX 5

struct report_mail {
	const char *hostname;
	struct span from;              /* an address in a domain of ours */
	struct span to[REPORT_MAIL_TO_MAX];
	uint64_t size_max[REPORT_MAIL_TO_MAX]; /* octets of the file as it travels, beyond which this one gets nothing; 0: any */
	size_t n_to;
	struct span subject, text;     /* ASCII, one line; any number of lines, LF */
	struct span fields;            /* further header fields with their CRLF, or none */
	const char *report_type;       /* "tlsrpt", or NULL */
	const char *type;              /* of the file: "application/tlsrpt+gzip" */
	struct span filename, content; /* content: before packing */
	int64_t now_sec;
	struct email_prepared email;   /* by report_mail_prepare */
};
int report_mail_prepare(struct org *o, struct arena *a, struct report_mail *m, struct err *e);
int report_mail_put(struct org *o, struct tx *tx, struct arena *a, const struct report_mail *m, struct err *e);
void report_mail_fini(struct report_mail *m);
/* gzip. */
int report_mail_pack(struct span plain, struct buf *out, struct err *e);
/* The address such reports come from: the setting of this name, or postmaster of the first domain. */
int report_mail_from(struct org *o, struct tx *tx, struct arena *a, const char *setting, struct span *out, struct err *e);
