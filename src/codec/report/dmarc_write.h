/* dmarc_write.h - a DMARC aggregate report of ours as XML (RFC 9990 section 2.1, its namespace and order of elements).
 *
 * Pure. Texts may be strangers': escaped, octets that XML or UTF-8 does not allow become '?'. Read again by dmarc_report.h.
 * Errors: ERR_TOOBIG (b is full). Not good for: deciding what is told to whom (domain/mail/dmarc_report.h). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define DMARC_SIGNATURES_LEN 8

struct dmarc_auth {
	struct span domain, selector, result;            /* selector: of DKIM only */
};
struct dmarc_result {                                    /* mails from one address that fared alike */
	struct span source_ip;
	struct span disposition;                         /* what was done: "none", "pass", "quarantine", "reject" */
	bool dkim, spf;                                  /* passed and aligned */
	struct span reason, comment;                     /* why the policy was not done, or none */
	struct span header_from, envelope_from;          /* domains; envelope_from may be none */
	struct dmarc_auth signatures[DMARC_SIGNATURES_LEN];
	size_t n_signatures;
	struct dmarc_auth spf_auth;                      /* domain none: there was none to ask about */
	uint64_t count;
};
struct dmarc_feedback {
	struct span organisation, email, report_id;
	int64_t begin_sec, end_sec;
	struct span error;                               /* for people, or none */
	struct span domain;                              /* where the policy was found */
	const char *p, *sp, *np;
	bool strict_dkim, strict_spf, testing;
	const struct dmarc_result *rows;
	size_t n;
};
int dmarc_report_write(struct buf *b, const struct dmarc_feedback *f, struct err *e);
