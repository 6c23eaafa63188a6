/* body.h - can this message go to that peer as it is, and if not, its form for an old one.
 *
 * A peer without 8BITMIME gets a single-part text as quoted-printable; anything else with 8-bit octets is
 * refused (5.6.3): multipart and nested messages are not rewritten. Headers are never changed beyond
 * Content-Transfer-Encoding. Pure; results in the buf. Sources: RFC 6152, RFC 2045 section 6.7, RFC 6531.
 * Not good for: signed messages (a signature over the old form breaks), downgrading UTF-8 headers. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define BODY_CONVERT_MAX (32u << 20)

bool body_eight_bit(struct span s);
bool body_header_utf8(struct span message);           /* octets above 127 in the header */
/* ERR_PARAM: not convertible. out is empty before. */
int body_to_seven_bit(struct span message, struct buf *out, struct err *e);
