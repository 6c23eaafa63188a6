/* Any bytes as a stream of commands, whole and in pieces: the same commands come out, and lex. */
#include "codec/imap/imap_lex.h"
#include <assert.h>
#include <string.h>

static const struct imap_limits limits = {
	.line_max = 100,
	.inline_max = 20,
	.literal_max = 50,
	.literal_count_max = 3,
	.command_max = 300,
};

static void lex(struct imap_frame *f)
{
	SCOPED_ARENA a = arena_new();
	struct imap_command cmd;
	struct err e = ERR_INIT;
	size_t count;
	const struct imap_literal *lit = imap_frame_literals(f, &count);
	int r = imap_lex(a, imap_frame_text(f), lit, count, &cmd, &e);

	assert(r == e.code);
	assert(r < 0 || (toks_balanced(&cmd.args) && cmd.tag.n && cmd.verb.n));
}

static void run(struct span in, size_t step, struct buf *log)
{
	struct imap_frame f;

	imap_frame_init(&f, &limits);
	for (size_t at = 0, used; at < in.n; at += used) {
		int r = imap_frame(&f, span_sub(in, at, step), &used);

		assert(used);
		if (r == 0 && f.event == IMAP_FRAME_CONTINUE)
			buf_addf(log, "C%llu", (unsigned long long)f.literal_len);
		if (r == 0 && f.event == IMAP_FRAME_SPOOL)
			buf_add(log, f.spool);
		if (r == 1) {
			buf_addz(log, "=");
			buf_add(log, imap_frame_text(&f));
			lex(&f);
		}
		if (r < 0) {
			buf_addf(log, "!%d%d", r, f.fatal);
			buf_add(log, imap_frame_tag(&f));
		}
		if (r < 0 && f.fatal)
			break;
	}
	imap_frame_fini(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_BUF whole;
	SCOPED_BUF pieces;

	buf_init(&whole, 1u << 24);
	buf_init(&pieces, 1u << 24);
	run(SPAN_BYTES(p, n), n, &whole);
	run(SPAN_BYTES(p, n), n % 7 + 1, &pieces);
	assert(span_eq(buf_span(&whole), buf_span(&pieces)));
	return 0;
}
