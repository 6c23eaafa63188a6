/* tls_report.h - reports on TLS to other domains (RFC 8460): one a day and domain, to whom its TXT record names.
 *
 * The caller asks the DNS; this writes the JSON, the mail around it (report_mail.h) or what `out` POSTs to a URL, tried for a day
 * (RFC 8460 section 5.5), and settles the day, all in one transaction. Mail that carries such reports is not counted itself: it says "TLS-Required: No", and what says so is not.
 * Errors: ERR_LATER. Not good for: reports that come in. */
#pragma once
#include "codec/mailtls/tlsrpt.h"
#include "domain/mail/tls_log.h"

#define TLS_REPORT_SPREAD_SEC 14400    /* reports of a day leave within this time, so that not everybody writes at midnight */

struct tls_report {
	const char *hostname;
	struct span domain;            /* A-label */
	int64_t day, now_sec;
	struct tlsrpt_record to;       /* nobody wants it: the day is settled without */
};
/* When the report of this day may leave, at the earliest. Differs from domain to domain. */
int64_t tls_report_due_sec(int64_t day, struct span domain);
/* 1: queued, 0: nobody wants it, or it was settled before. Outside any transaction. */
int tls_report_send(struct org *o, struct arena *a, const struct tls_report *r, struct err *e);
/* The JSON, for tests and the curious. */
struct span tls_report_json(struct arena *a, const struct tls_report *r, struct span organisation, struct span contact,
	struct span report_id, const struct tls_row *rows, size_t n);
