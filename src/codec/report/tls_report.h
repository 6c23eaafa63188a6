/* tls_report.h - a TLS report as JSON (RFC 8460 section 4.4): per policy, how many sessions went well and what went wrong.
 *
 * Pure. Texts in the arena, as the reporter wrote them. Unknown members are passed over. Errors: ERR_SYNTAX, ERR_TOOBIG. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define TLS_REPORT_MAX (4u << 20)     /* octets of JSON */
#define TLSRPT_ROWS_MAX 10000

struct tlsrpt_row {                      /* one policy's sum (result none) or one kind of failure of it */
	struct span domain, policy, result, mx;
	uint64_t good, failed;
};
struct tlsrpt_report {
	struct span organisation, report_id;
	struct tlsrpt_row *rows;
	size_t n;
};
int tls_report_parse(struct arena *a, struct span json, struct tlsrpt_report *out, struct err *e);
