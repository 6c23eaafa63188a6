/* report_pack.h - the containers in which reports travel: gzip, zip with one file, or the bare text.
 *
 * Pure. What comes out is bounded by max, whatever the container claims. Errors: ERR_SYNTAX (broken, encrypted, other
 * methods, several files), ERR_TOOBIG. Sources: RFC 1952, RFC 1951, PKWARE APPNOTE 4. Not good for: archives in general. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* out must have been made with its maximum. */
int report_unpack(struct span packed, struct buf *out, struct err *e);
