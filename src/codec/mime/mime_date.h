/* mime_date.h - Date: fields and the like <-> seconds since 1970 UTC.
 *
 * Lenient reader: obsolete zones, missing weekday, seconds or zone, two-digit years, comments.
 * Errors: ERR_SYNTAX. Sources: RFC 5322 sections 3.3 and 4.3. Not good for: IMAP's date-time
 * (imap_date.h), leap seconds (60 is read as 59). */
#pragma once
#include "base/buf.h"
#include "base/err.h"

int mime_date_parse(struct span text, int64_t *epoch_sec_out, int *zone_min_out, struct err *e);
/* "Mon, 23 Nov 2026 20:36:35 +0100" */
void mime_date_format(struct buf *b, int64_t epoch_sec, int zone_min);
/* Calendar: days since 1970 of a proleptic Gregorian date and back. */
int64_t mime_days_from_civil(int64_t year, unsigned month, unsigned day);
void mime_civil_from_days(int64_t days, int64_t *year_out, unsigned *month_out, unsigned *day_out);
