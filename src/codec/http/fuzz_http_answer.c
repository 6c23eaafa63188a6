/* A server's octets, first octet: how they are cut. Whole and in pieces agree; nothing outgrows its bound. */
#include <assert.h>
#include "codec/http/http_answer.h"

static int run(struct span in, size_t step, struct buf *out)
{
	struct http_head h;
	struct http_body b;
	size_t used = 0, at = step;
	int r = http_head(in, &h, &used);

	if (r <= 0)
		return r;
	assert(used <= in.n && used <= HTTP_HEAD_MAX && h.status >= 100 && h.status < 600);
	http_body_init(&b, &h);
	in = span_from(in, used);
	for (r = 0; r == 0 && (used || at <= in.n + step); in = span_from(in, used)) {
		r = http_body(&b, span_sub(in, 0, at), &used, out);
		assert(used <= in.n);
		at = used ? step : at + step;
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = SPAN_BYTES(data + 1, size - 1);
	SCOPED_BUF whole, cut;
	int r;

	buf_init(&whole, 65536);
	buf_init(&cut, 65536);
	if (!size)
		return 0;
	r = run(in, in.n + 1, &whole);
	if (r == 1) {
		assert(run(in, data[0] + 1u, &cut) == 1);
		assert(span_eq(buf_span(&whole), buf_span(&cut)));
	}
	return 0;
}
