/* sts.h - MTA-STS: the TXT record that names a policy, and the policy itself (RFC 8461 section 3). Pure.
 *
 * A policy's patterns are kept in lower case, without final dot; `*.` stands for exactly one label. Unknown keys are passed
 * over, a repeated key counts once (but mx). Bounds: STS_POLICY_MAX octets, STS_MX_MAX patterns.
 * Ownership: spans in the arena. Errors: ERR_SYNTAX, ERR_TOOBIG. Not good for: fetching (out/sts.h). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define STS_ID_MAX 32
#define STS_POLICY_MAX 65536
#define STS_MX_MAX 50
#define STS_AGE_MAX_SEC 31557600       /* a year */

enum sts_mode { STS_NONE = 1, STS_TESTING, STS_ENFORCE };
struct sts_policy {
	enum sts_mode mode;
	int64_t max_age_sec;
	struct span mx[STS_MX_MAX];
	size_t n_mx;
};
/* Of all TXT records of _mta-sts.DOMAIN: the id, when exactly one is a policy's. */
bool sts_record(const struct span *txt, size_t n, struct span *id_out);
int sts_policy_parse(struct arena *a, struct span text, struct sts_policy *out, struct err *e);
/* The same policy in as few octets as it needs; "\n" between lines. */
void sts_policy_write(struct buf *b, const struct sts_policy *p);
/* host: A-label, lower case, without final dot. */
bool sts_match(const struct sts_policy *p, struct span host);
