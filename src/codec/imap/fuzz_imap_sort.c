/* Base subjects only get shorter; an envelope never gives more than it has. */
#include "codec/imap/imap_sort.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct imap_envelope_keys k;
	bool reply;

	assert(imap_base_subject(SPAN_BYTES(p, n), &reply).n <= n);
	imap_envelope_keys(a, SPAN_BYTES(p, n), &k);
	assert(k.from.name.n + k.to.name.n + k.cc.name.n + k.in_reply_to.n <= n);
	return 0;
}
