/* Any text as a sequence set: what is read can be written and read again, unchanged. */
#include "codec/imap/imap_set.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES(p, n);
	struct imap_set s, again;
	SCOPED_BUF b;
	int r = imap_set_parse(a, in, n % 3 * 50, &s, NULL);

	buf_init(&b, 1u << 20);
	assert(r == ERR_LIMIT || (r == 0) == imap_set_valid(in));
	if (r < 0)
		return 0;
	for (size_t i = 0; i < s.n; i++) {
		assert(s.v[i].lo && s.v[i].lo <= s.v[i].hi);
		assert(!i || s.v[i].lo > (uint64_t)s.v[i - 1].hi + 1);
		assert(imap_set_contains(&s, s.v[i].lo) && imap_set_contains(&s, s.v[i].hi));
	}
	imap_set_format(&b, &s);
	if (s.n && !b.failed) {
		assert(imap_set_parse(a, buf_span(&b), 1, &again, NULL) == 0);
		assert(again.n == s.n && imap_set_count(&again) == imap_set_count(&s));
	}
	imap_set_clip(&s, 10, 20);
	assert(imap_set_count(&s) <= 11);
	return 0;
}
