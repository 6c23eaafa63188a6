/* dmarc_send.h - DMARC aggregate reports to other domains (RFC 9990): one a day and domain, to whom its record names.
 *
 * The caller asks the DNS for the record and for leave to write to strangers (RFC 9990 section 4); this writes the XML and the
 * mail around it (report_mail.h) and settles the day, all in one transaction. Policy published: as the record says when the report is made.
 * Errors: ERR_LATER. Not good for: reports that come in. */
#pragma once
#include "codec/mailauth/dmarc.h"
#include "codec/report/mailto.h"
#include "domain/mail/dmarc_log.h"
#include "domain/mail/report_mail.h"

struct dmarc_send {
	const char *hostname;
	struct span domain;            /* A-label */
	int64_t day, now_sec;
	struct dmarc_record policy;
	struct dmarc_rua to[REPORT_MAIL_TO_MAX];
	size_t n_to;                   /* 0: nobody wants it, the day is settled without */
};
/* 1: queued, 0: nobody wants it or takes one so large, or it was settled before. Outside any transaction. */
int dmarc_send(struct org *o, struct arena *a, const struct dmarc_send *s, struct err *e);
