/* Any octets in front of a connection: in pieces the answer comes at the same octet. */
#include <assert.h>
#include "codec/proxy_v2.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct proxy_v2 out;
	size_t used;
	int whole = proxy_v2(SPAN_BYTES(p, n), &out, &used);

	assert(used <= n && used <= PROXY_V2_MAX);
	for (size_t i = 0; i <= n && i <= PROXY_V2_MAX; i++) {
		size_t eaten;
		int r = proxy_v2(SPAN_BYTES(p, i), &out, &eaten);

		if (r) {
			assert(r == whole && eaten == used);
			break;
		}
	}
	return 0;
}
