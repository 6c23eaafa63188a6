/* Any container: what comes out is never more than was allowed. */
#include "codec/report/report_pack.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_BUF b;

	buf_init(&b, 100000);
	if (report_unpack(SPAN_BYTES(p, n), &b, NULL) == 0)
		assert(!b.failed && b.n <= 100000);
	return 0;
}
