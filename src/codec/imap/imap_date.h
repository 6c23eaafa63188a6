/* imap_date.h - IMAP's "date-time" (INTERNALDATE, APPEND) and "date" (SEARCH).
 *
 * Units: seconds since 1970-01-01 UTC, days since 1970-01-01, zone in minutes east of UTC. Years
 * 1..9999; a leap second is read as the second before. Errors: ERR_SYNTAX. Source: RFC 9051
 * section 9 (date-time, date). Not good for: Date: header fields (RFC 5322 dates, codec/mime). */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* " 7-Feb-1994 21:52:25 -0800", without the quotes */
int imap_date_time_parse(struct span s, int64_t *sec_out, int *zone_min_out, struct err *e);
void imap_date_time_format(struct buf *b, int64_t sec, int zone_min); /* writes the quotes too */
/* "7-Feb-1994" */
int imap_date_parse(struct span s, int64_t *day_out, struct err *e);
int64_t imap_day_of(int64_t sec, int zone_min); /* local day of an instant */
