/* mail_check.h - does all mail open, and do the counters tell the truth? Read-only, needs the house open.
 *
 * Walks in portions with short read transactions, so it runs beside the service; what changes meanwhile is looked at
 * once more before it is called a problem. Not good for: the form of rows and blobs (store_check). */
#pragma once
#include "domain/org/org.h"

int mail_check(struct org *o, struct store *s, void (*say)(void *arg, const char *problem), void *arg, uint64_t *problems_out,
	struct err *e);
