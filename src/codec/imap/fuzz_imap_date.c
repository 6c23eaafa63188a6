/* Any text as date-time and date: what is read can be written and means the same again. */
#include "codec/imap/imap_date.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	int64_t sec, again, day;
	int zone, zone_again;
	SCOPED_BUF b;

	buf_init(&b, 100);
	if (imap_date_time_parse(SPAN_BYTES(p, n), &sec, &zone, NULL) == 0) {
		imap_date_time_format(&b, sec, zone);
		assert(imap_date_time_parse(
			       span_sub(buf_span(&b), 1, b.n - 2), &again, &zone_again, NULL) == 0);
		assert(again == sec && zone_again == zone);
	}
	(void)imap_date_parse(SPAN_BYTES(p, n), &day, NULL);
	if (n < 12)
		return 0;
	memcpy(&sec, p, 8);
	memcpy(&zone, p + 8, 4);
	buf_reset(&b);
	imap_date_time_format(&b, sec, zone);
	assert(imap_date_time_parse(
		       span_sub(buf_span(&b), 1, b.n - 2), &again, &zone_again, NULL) == 0);
	return 0;
}
