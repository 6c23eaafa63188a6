/* dmarc_report.h - a DMARC aggregate report as XML (RFC 7489 appendix C, RFC 9990).
 *
 * Pure. Texts in the arena, as the reporter wrote them: nothing in them is true because it is there. Unknown elements are
 * passed over. Errors: ERR_SYNTAX (no XML, a document type, no report), ERR_TOOBIG. Not good for: failure reports. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define DMARC_ROWS_MAX 20000

struct dmarc_row {
	struct span source_ip, disposition, dkim, spf;   /* dkim, spf: as evaluated, with alignment */
	struct span header_from;
	uint64_t count;
};
struct dmarc_report {
	struct span organisation, report_id, domain;
	int64_t begin_sec, end_sec;
	struct dmarc_row *rows;
	size_t n, cap;
};
int dmarc_report_parse(struct arena *a, struct span xml, struct dmarc_report *out, struct err *e);
