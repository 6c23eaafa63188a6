/* mail_check.h - does all mail open, do counters and references tell the truth? Read-only, needs the house open.
 *
 * Walks the bodies in portions with short read transactions, so it runs beside the service; each comparison of counters
 * is one snapshot. A broken message is named and the next one looked at. References to blobs and the usage of accounts
 * are counted as mail alone makes them: widen references() when another domain keeps blobs. Errors: ERR_LATER (sealed).
 * Not good for: the form of rows and blobs (store_check). */
#pragma once
#include "domain/org/org.h"

int mail_check(struct org *o, struct store *s, void (*say)(void *arg, const char *problem), void *arg, uint64_t *problems_out,
	struct err *e);
