/* A server's octets, first octet: how they are cut. Whole and in pieces agree; every reply is read. */
#include <assert.h>
#include "codec/imap/imap_reply.h"

static void answer(struct arena *a, const struct imap_reply *r, struct buf *out)
{
	struct imap_answer x;
	SCOPED_BUF quoted;

	buf_init(&quoted, 1 << 22);
	buf_addf(out, "[%zu %d]", imap_reply_text(r).n, r->has_body);
	if (imap_answer_parse(a, imap_reply_text(r), &x, NULL) < 0)
		return;
	assert(x.list.name.n <= IMAP_REPLY_TEXT_MAX && x.fetch.keywords.n <= 8000 && x.n_spaces <= IMAP_SPACES_MAX);
	imap_quoted_add(&quoted, x.list.name);
	(void)imap_words_have(x.words, "IDLE");
}

static void read_all(struct span in, size_t step, struct buf *out)
{
	SCOPED_ARENA a = arena_new();
	struct imap_reply r;
	int got = 0;

	imap_reply_init(&r);
	while (in.n && got >= 0) {
		struct span part = span_sub(in, 0, step);
		size_t used;

		got = imap_reply(&r, part, &used);
		assert(used <= part.n && (used || got < 0));
		assert(!r.piece.n || (r.piece.p >= part.p && r.piece.p + r.piece.n <= part.p + part.n));
		buf_add(out, r.piece);
		in = span_from(in, used);
		if (got == 1) {
			answer(a, &r, out);
			arena_reset(a);
		}
	}
	buf_addf(out, "%d", got);
	imap_reply_fini(&r);
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
	return 0;
}
