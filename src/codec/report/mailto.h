/* mailto.h - where records in the DNS want reports to be sent: "mailto:" and its address (RFC 6068), lists of them (RFC 9989 rua).
 *
 * Pure. Percent signs are undone, header fields of the URI dropped; what is no address is none. Ownership: arena.
 * Not good for: addresses people typed. */
#pragma once
#include "base/arena.h"

/* Of a whole "mailto:a@b?subject=x"; none when it is not one. */
struct span mailto_address(struct arena *a, struct span uri);

struct dmarc_rua {
	struct span address;
	uint64_t size_max;             /* octets of a report as it travels; UINT64_MAX: not said */
};
/* The value of rua=: "mailto:a@b!10m, mailto:c@d". At most max, in their order; others are passed over. */
size_t dmarc_rua_parse(struct arena *a, struct span value, struct dmarc_rua *out, size_t max);
