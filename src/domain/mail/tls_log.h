/* tls_log.h - how TLS went with other domains' servers: counts per day (UTC), and which days were reported (RFC 8460).
 *
 * A row is one domain, policy, fault and server; its words are sealed under the house's key, day and count are clear. At most
 * TLS_ROWS_MAX rows a domain and day: what comes beyond is not counted. Domains are A-labels. Errors: the store's.
 * Not good for: single messages (the log has their attempts). */
#pragma once
#include "domain/org/org.h"

#define TLS_ROWS_MAX 200
#define TLS_DAYS_KEPT 30
#define TLS_DAY_SEC 86400

enum tls_policy { TLS_POLICY_NONE = 1, TLS_POLICY_STS, TLS_POLICY_TLSA };
struct tls_row {
	int64_t day;                   /* since 1970 */
	enum tls_policy policy;
	struct span domain, text;      /* text: of the policy, LF between its lines */
	struct span fault;             /* result type of RFC 8460 section 4.3, or none: well */
	struct span mx, ip;
	uint64_t sessions;
};
int tls_log_add(struct org *o, struct tx *tx, struct arena *a, const struct tls_row *row, struct err *e);  /* + row->sessions */
/* Of these days (both included), newest first; domain none: all. */
int tls_log_list(struct org *o, struct tx *tx, struct arena *a, int64_t from_day, int64_t to_day, struct span domain, size_t max,
	struct tls_row **out, size_t *n_out, struct err *e);
/* Domains of that day for which no report was settled yet. */
int tls_log_due(struct org *o, struct tx *tx, struct arena *a, int64_t day, size_t max, struct span **out, size_t *n_out,
	struct err *e);
/* Settles it; 1: by this call, 0: it was before. */
int tls_log_settle(struct org *o, struct tx *tx, int64_t day, struct span domain, struct err *e);
int tls_log_forget(struct tx *tx, int64_t before_day, struct err *e);
