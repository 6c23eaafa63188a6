/* tlsrpt.h - where a domain wants TLS reports (RFC 8460 section 3): the TXT record of _smtp._tls.DOMAIN. Pure.
 *
 * Ownership: addresses in the arena, percent signs undone; URLs (codec/http/https_url.h) point into the record. Not good for: DMARC. */
#pragma once
#include "base/arena.h"

#define TLSRPT_ADDRESS_MAX 5

struct tlsrpt_record {
	struct span mailto[TLSRPT_ADDRESS_MAX];
	size_t n;
	struct span https[TLSRPT_ADDRESS_MAX];
	size_t n_https;
};
/* False: no record, several, or none that can be read. */
bool tlsrpt_record(struct arena *a, const struct span *txt, size_t n, struct tlsrpt_record *out);
