/* sts_keep.h - MTA-STS policies of other domains, kept for as long as they are good (RFC 8461 section 5.1).
 *
 * `out` fetches them, this remembers them over restarts, so that who suppresses DNS or HTTPS later gains nothing. Sealed
 * under the house's key. Domains are A-labels; times are real seconds. Errors: the store's.
 * Not good for: fetching (out/sts.h), deciding about a server (out/tls_policy.h). */
#pragma once
#include "domain/org/org.h"

struct sts_kept {
	struct span domain, id, text;
	int64_t until_sec;
};
/* 1, or 0: none that is still good. */
int sts_keep_get(struct org *o, struct tx *tx, struct arena *a, struct span domain, int64_t now_sec, struct sts_kept *out, struct err *e);
/* text: as codec/mailtls/sts.h writes it; what cannot be read is not kept. */
int sts_keep_put(struct org *o, struct tx *tx, struct arena *a, struct span domain, struct span id, struct span text, int64_t now_sec,
	struct err *e);
/* Those to be fetched again before they end; asked for again an hour later at the earliest. */
int sts_keep_due(struct org *o, struct tx *tx, struct arena *a, int64_t now_sec, size_t max, struct sts_kept **out, size_t *n_out,
	struct err *e);
int sts_keep_forget(struct tx *tx, int64_t now_sec, struct err *e);       /* those whose time is over */
