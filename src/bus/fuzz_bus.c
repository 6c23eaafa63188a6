/* Any bytes as one bus message: never crashes, never reads outside. */
#include "bus/bus_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const int fds[2] = { -1, -1 };
	SCOPED_ARENA a = arena_new();
	struct bus_msg m;

	if (n < 3)
		return 0;
	(void)bus_decode(a, SPAN_BYTES(p, n), fds, p[1] < 2 ? p[1] : 0, &m);
	return 0;
}
