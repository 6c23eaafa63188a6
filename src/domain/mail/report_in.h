/* report_in.h - reports that others send us: DMARC aggregates (RFC 9990) and TLS reports (RFC 8460).
 *
 * They come as mail to the address in the setting report_address, which is no mailbox, and are kept packed as they came,
 * sealed under the house's key, with the domain that DMARC found the mail to be from (none: anybody may have written it).
 * A report that came before (domain and id) is kept once. Kept for report_days (default 90).
 * Errors: ERR_SYNTAX (no report in the mail), ERR_TOOBIG, ERR_LIMIT (REPORT_IN_DAY_MAX, _TOTAL_MAX), the store's.
 * Not good for: reports about single mails (DSN: report.h; failure reports). */
#pragma once
#include "codec/report/dmarc_report.h"
#include "codec/report/tls_report.h"
#include "domain/org/org.h"

#define REPORT_IN_PACKED_MAX (1u << 20)
#define REPORT_IN_PLAIN_MAX (16u << 20)
#define REPORT_IN_DAY_MAX 2000        /* reports taken in 24 hours */
#define REPORT_IN_TOTAL_MAX (256 << 20) /* octets kept, packed */
#define REPORT_IN_DAYS 90

enum report_kind { REPORT_IN_DMARC = 1, REPORT_IN_TLS };
struct report_in {
	enum report_kind kind;
	struct span packed;               /* as in the mail, decoded */
	struct span domain, organisation, report_id;
	struct span authentic;            /* domain of the sender that DMARC has confirmed, or none */
	int64_t received_sec;
	struct dmarc_report dmarc;        /* of report_in_list, by kind */
	struct tlsrpt_report tls;
};
/* Is this the address for reports? False when none is set. */
int report_in_address(struct org *o, struct tx *tx, struct arena *a, struct span address, bool *yes_out, struct err *e);
/* Looks into the mail, outside any transaction. */
int report_in_read(struct arena *a, struct span message, struct report_in *out, struct err *e);
int report_in_put(struct org *o, struct tx *tx, struct arena *a, const struct report_in *r, struct err *e);
/* Each of one kind that came since then, unpacked and read, one after the other; the arena is the callback's for one report. */
int report_in_each(struct org *o, struct tx *tx, enum report_kind kind, int64_t since_sec,
	int (*each)(void *arg, const struct report_in *r, struct err *e), void *arg, struct err *e);
int report_in_forget(struct org *o, struct tx *tx, struct arena *a, int64_t now_sec, struct err *e);
