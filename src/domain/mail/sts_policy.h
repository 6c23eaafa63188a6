/* sts_policy.h - the MTA-STS policy of our domains (RFC 8461): what is served and what the DNS says of it come from here.
 *
 * The mode is the setting mta_sts_mode (default: testing). Errors: the store's. Not good for: others' policies. */
#pragma once
#include "domain/org/org.h"

#define STS_MAX_AGE_SEC 604800        /* a week: a wrong policy is forgotten soon enough */

struct sts_published {
	struct span mode, text;           /* as served, CRLF */
	struct span id;                   /* another one for each other text */
};
/* hostname: A-label of the server that MX names. */
int sts_policy(struct org *o, struct tx *tx, struct arena *a, struct span hostname, struct sts_published *out, struct err *e);
