/* A client's octets, first octet: how they are cut. Whole and in pieces must agree. */
#include <assert.h>
#include "codec/smtp/smtp_data.h"
#include "codec/smtp/smtp_frame.h"

static void lines(struct span in, size_t step, struct buf *out)
{
	struct smtp_frame f;

	smtp_frame_init(&f);
	while (in.n && !f.fatal) {
		struct span piece = span_sub(in, 0, step);
		size_t used;
		int r = smtp_frame(&f, piece, &used);

		assert(used && used <= piece.n);
		if (r) {
			buf_addf(out, "%d:", r);
			buf_add(out, smtp_frame_text(&f));
		}
		in = span_from(in, used);
	}
	smtp_frame_fini(&f);
}

static void body(struct span in, size_t step, struct buf *out)
{
	struct smtp_data d;
	struct smtp_stuff s;
	int r = 0;

	smtp_data_init(&d);
	for (struct span rest = in; rest.n && !r;) {
		size_t used;

		r = smtp_data(&d, span_sub(rest, 0, step), &used);
		assert(used || d.run.n);
		buf_add(out, d.run);
		rest = span_from(rest, used);
	}
	buf_addf(out, "%d %ju %ju %ju %d%d%d", r, (uintmax_t)d.bare_cr, (uintmax_t)d.bare_lf,
		(uintmax_t)d.line_longest, d.eight_bit, d.nul, d.line_open);
	smtp_stuff_init(&s);
	for (struct span rest = in; rest.n;) {
		size_t used;

		smtp_stuff(&s, span_sub(rest, 0, step), &used);
		assert(used || s.run.n);
		buf_add(out, s.run);
		rest = span_from(rest, used);
	}
	buf_add(out, smtp_stuff_end(&s));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_BUF one;
	SCOPED_BUF two;
	struct span in;

	buf_init(&one, 1 << 24);
	buf_init(&two, 1 << 24);
	if (n < 1)
		return 0;
	in = SPAN_BYTES(p + 1, n - 1);
	lines(in, in.n, &one);
	lines(in, p[0] % 16 + 1u, &two);
	body(in, in.n, &one);
	body(in, p[0] % 16 + 1u, &two);
	assert(span_eq(buf_span(&one), buf_span(&two)));
	return 0;
}
