/* autodiscover.h - what Outlook asks (POX autodiscover, version 1): an address, and the form it wants the answer in.
 *
 * Pure. Errors: ERR_SYNTAX, ERR_TOOBIG. Source: [MS-OXDSCLI] 2.2.3. Not good for: writing the answer (proto/http). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct autodiscover {
	struct span address;              /* may be none */
	struct span schema;               /* AcceptableResponseSchema, or none */
};
int autodiscover_parse(struct arena *a, struct span body, struct autodiscover *out, struct err *e);
