#include <stdlib.h>
#include "gate/gate_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Whatever is parsed in one piece is parsed when it comes octet by octet, too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct proxy_head h, h2;
	struct span in = SPAN_BYTES(data, n);
	size_t used = 0, used2 = 0;
	int r = proxy_parse(in, &h, &used), r2 = 0;

	for (size_t i = 0; i <= n && r2 == 0; i++)
		r2 = proxy_parse(span_sub(in, 0, i), &h2, &used2);
	if (r != r2 || used != used2 || used > n || proxy_length(in) < PROXY_HEAD)
		abort();
	if (r == 1 && used != proxy_length(in))
		abort();
	return 0;
}
