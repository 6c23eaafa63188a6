/* Any document: what is taken has an id and no more rows than allowed. */
#include "codec/report/dmarc_report.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct dmarc_report r;

	if (dmarc_report_parse(a, SPAN_BYTES(p, n), &r, NULL) == 0)
		assert(r.report_id.n && r.n <= DMARC_ROWS_MAX);
	return 0;
}
