/* tlsa.h - TLSA records as mail may use them (RFC 6698, 7672 section 3.1). Pure.
 *
 * Usable: usages DANE-TA(2) and DANE-EE(3), selectors 0 and 1, matching 0 (whole), 1 (SHA-256), 2 (SHA-512) with data of
 * the right length. PKIX-TA(0) and PKIX-EE(1) are not for mail. Not good for: checking a certificate (OpenSSL does). */
#pragma once
#include "base/buf.h"

bool tlsa_usable(struct span record);
/* "3 1 1 0123...", as reports want it; a record that is too short or too long is left out. */
bool tlsa_text(struct buf *b, struct span record);
