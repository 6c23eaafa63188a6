/* Any document: what is taken has an id and no more rows than allowed. */
#include "codec/report/tls_report.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct tlsrpt_report r;

	if (tls_report_parse(a, SPAN_BYTES(p, n), &r, NULL) == 0)
		assert(r.report_id.n && r.n <= TLSRPT_ROWS_MAX);
	return 0;
}
