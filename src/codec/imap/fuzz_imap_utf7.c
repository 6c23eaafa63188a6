/* Any bytes as a mailbox name: one encoding per name, in both directions. */
#include "codec/imap/imap_utf7.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES(p, n), name;
	SCOPED_BUF b;

	buf_init(&b, 1u << 24);
	if (imap_utf7_decode(a, in, &name, NULL) == 0) {
		assert(imap_utf8_valid(name));
		assert(imap_utf7_encode(&b, name, NULL) == 0);
		assert(span_eq(buf_span(&b), in));
	}
	buf_reset(&b);
	if (imap_utf7_encode(&b, in, NULL) == 0) {
		assert(imap_utf7_decode(a, buf_span(&b), &name, NULL) == 0);
		assert(span_eq(name, in));
	}
	(void)imap_mailbox_check(in, '/', NULL);
	return 0;
}
