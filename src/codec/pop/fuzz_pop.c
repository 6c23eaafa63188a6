/* Any line as a command; the same octets as a message: what is stuffed has no line that is only a dot, but the last. */
#include "codec/pop/pop_text.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct pop_command c;
	struct pop_stuff s = { 0 };
	SCOPED_BUF b;

	(void)pop_lex(a, SPAN_BYTES(p, n), &c, NULL);
	assert(pop_top_len(SPAN_BYTES(p, n), n / 2, n ? p[0] : 0) <= n);
	buf_init(&b, 3 * n + 8);
	pop_stuff(&s, &b, SPAN_BYTES(p, n / 2));
	pop_stuff(&s, &b, SPAN_BYTES(p + n / 2, n - n / 2));
	pop_stuff_end(&s, &b);
	assert(!b.failed && b.n >= 3);
	assert(span_find(span_sub(buf_span(&b), 0, b.n - 3), SPAN("\n.\r\n")) < 0);
	return 0;
}
