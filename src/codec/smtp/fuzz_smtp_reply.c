/* A server's octets, first octet: how they are cut. Whole and in pieces agree; what was read can be
 * written again as lines within bounds. Also as the value of DSN parameters. */
#include <assert.h>
#include "codec/smtp/smtp_reply.h"
#include "codec/smtp/smtp_xtext.h"

static void read_all(struct span in, size_t step, struct buf *out)
{
	struct smtp_reply r;
	struct smtp_caps c;
	int got = 0;

	smtp_reply_init(&r);
	while (in.n && got >= 0) {
		size_t used;

		got = smtp_reply(&r, span_sub(in, 0, step), &used);
		in = span_from(in, used);
		if (got)
			buf_addf(out, "%d", got);
		if (got == 1) {
			smtp_caps_parse(r.text, &c);
			smtp_reply_write(out, r.code, r.status.n ? r.status_text : NULL, r.text);
		}
	}
	smtp_reply_fini(&r);
}

static void parameters(struct span in)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	struct smtp_orcpt one, two;
	struct err e = ERR_INIT;
	struct span s;
	unsigned flags;

	buf_init(&b, 1 << 20);
	(void)smtp_notify_parse(in, &flags, &e);
	(void)smtp_envid_parse(a, in, &s, &e);
	if (smtp_orcpt_parse(a, in, &one, &e) < 0 || !smtp_orcpt_write(&b, &one, false))
		return;
	if (b.n <= SMTP_ORCPT_MAX) {
		assert(smtp_orcpt_parse(a, buf_span(&b), &two, &e) == 0);
		assert(span_eq(one.address, two.address));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_BUF one;
	SCOPED_BUF two;

	buf_init(&one, 1 << 24);
	buf_init(&two, 1 << 24);
	if (n < 1)
		return 0;
	read_all(SPAN_BYTES(p + 1, n - 1), n, &one);
	read_all(SPAN_BYTES(p + 1, n - 1), p[0] % 16 + 1u, &two);
	assert(span_eq(buf_span(&one), buf_span(&two)));
	parameters(SPAN_BYTES(p + 1, n - 1));
	return 0;
}
