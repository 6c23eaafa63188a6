/* mail_check.h - does all mail open, and do the counters tell the truth? Read-only, needs the house open.
 *
 * Every email is unsealed, its body opened and measured, waiting mail too; counters of mailboxes, usage of accounts,
 * references of emails and blobs are counted again, rows of the search index opened and read. Walks in portions with short reads, so it runs beside the service;
 * what is compared comes from one snapshot. Problems name ids only. Errors: ERR_LATER (sealed meanwhile).
 * Not good for: the form of rows and blobs (store_check), repairing. */
#pragma once
#include "domain/org/org.h"

int mail_check(struct org *o, struct store *s, void (*say)(void *arg, const char *problem), void *arg, uint64_t *problems_out,
	struct err *e);
