/* Any bytes as a head: what is taken has one Host, no control in its fields, and the end is found however it comes in. */
#include "codec/http/http_head.h"
#include "codec/http/http_write.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES(p, n), value;
	struct http_request_head h;
	size_t seen = 0, whole = 0, end;

	for (size_t i = 0; i <= n && !whole; i++)
		whole = http_head_end(span_sub(in, 0, i), &seen);
	seen = 0;
	end = http_head_end(in, &seen);
	assert(whole == end);
	if (http_head_parse(span_sub(in, 0, end), &h) == 0) {
		assert(h.path.n && h.n <= HTTP_REQUEST_FIELDS_MAX && (h.minor == 0 || h.host.n));
		assert(!(http_head_field(&h, "Content-Length").n && http_head_field(&h, "Transfer-Encoding").n));
		for (size_t i = 0; i < h.n; i++)
			assert(span_chr(h.field[i].value, '\n') < 0 && span_chr(h.field[i].value, '\r') < 0);
		value = http_form_value(a, h.query, "email", true);
		assert(value.n <= h.query.n);
	}
	return 0;
}
