/* Any octets as needle and text: what the dictionary of a text's words says is what reading the text says. */
#include <assert.h>
#include <string.h>
#include "base/buf.h"
#include "codec/find/word.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span in = SPAN_BYTES(p, n), needle, word;
	struct word_cut cut;
	struct word_look look;
	bool address, found;
	uint32_t line;
	SCOPED_BUF b;

	buf_init(&b, 1u << 20);
	if (n < 2 || n > 8192)
		return 0;
	address = p[0] & 1;
	needle = span_sub(in, 2, p[1] % 40);
	in = span_from(in, 2 + needle.n);
	for (cut = (struct word_cut){ in, SPAN_NONE, address }; word_next(&cut, &word);) {
		assert(word.n && word.n <= WORD_MAX && !memchr(word.p, '\n', word.n));
		buf_addc(&b, 3);
		buf_add(&b, word);
		buf_addc(&b, '\n');
	}
	assert(!b.failed);
	look = (struct word_look){ buf_span(&b), 0 };
	if (word_inside(needle, address)) {
		found = word_find(&look, 3, needle, &line);
		assert(found == (in.n && memmem(in.p, in.n, needle.p, needle.n)));
	} else if (needle.n) {
		look.rest = in; /* any dictionary at all */
		while (word_find(&look, 3, needle, &line))
			assert(line < in.n);
	}
	return 0;
}
