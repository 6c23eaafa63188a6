/* A URL that is taken has a UID, and names without control characters. */
#include "codec/imap/imap_url.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct imap_url u;

	if (imap_url_parse(a, SPAN_BYTES(p, n), &u, NULL) < 0)
		return 0;
	assert(u.uid && u.mailbox.n <= n);
	for (size_t i = 0; i < u.mailbox.n; i++)
		assert((unsigned char)u.mailbox.p[i] >= 0x20);
	return 0;
}
