/* arc.h - is the chain of ARC sets in a header whole? (RFC 8617)
 *
 * At most ARC_SETS_MAX sets; anything malformed is DKIM_FAIL, for a chain is whole or worth nothing. Results in the
 * arena. Not good for: trusting what the chain says - who sealed it decides that. */
#pragma once
#include "codec/mailauth/dkim.h"

#define ARC_SETS_MAX 50

struct arc_verdict {
	enum dkim_result result;      /* DKIM_NONE, DKIM_PASS, DKIM_FAIL, DKIM_TEMPERROR */
	const char *why;
	unsigned sets;
	struct span domain;           /* who made the last seal, when it passed */
	struct span results;          /* value of the newest ARC-Authentication-Results behind its instance */
};
/* 0 or MAILAUTH_MORE. */
int arc_verify(struct arena *a, const struct dkim_mail *mail, const struct dns_source *dns, struct arc_verdict *out);
