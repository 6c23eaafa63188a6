/* deflate: pieces, rest, bombs, garbage; and a stream that compresses. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include "base/err.h"
#include "base/io.h"
#include "net/deflate.h"
#include "net/stream.h"

/* A whole text through pieces of in_step octets and rooms of `room`, with a rest after each piece. */
static void expand(struct inflater *z, struct span in, size_t in_step, size_t room, struct buf *out)
{
	while (in.n) {
		struct span piece = span_sub(in, 0, in_step);
		size_t used, n;

		in = span_from(in, piece.n);
		do {
			assert_int_equal(inflater_run(z, piece, &used, buf_space(out, room), room, &n), 0);
			buf_grow(out, n);
			piece = span_from(piece, used);
		} while (piece.n || n == room);
		inflater_rest(z);
	}
}

static void test_round_trip(void **state)
{
	static const size_t steps[] = { 1, 7, 65536 };
	struct buf text, folded, back;

	(void)state;
	buf_init(&text, 1 << 20);
	for (unsigned i = 0; i < 5000; i++)
		buf_addf(&text, "a%u FETCH %u (UID FLAGS)\r\n", i, i * 7919 % 1000);
	for (size_t i = 0; i < 3; i++) {
		struct inflater *z = inflater_new();

		buf_init(&folded, 1 << 20);
		buf_init(&back, 1 << 20);
		for (size_t at = 0; at < text.n; at += 60000)
			assert_true(deflate_block(span_sub(buf_span(&text), at, 60000), &folded));
		assert_true(folded.n < text.n / 2);
		expand(z, buf_span(&folded), steps[i], i ? 4096 : 16, &back);
		assert_true(span_eq(buf_span(&back), buf_span(&text)));
		buf_fini(&folded);
		buf_fini(&back);
		inflater_free(z);
	}
	buf_fini(&text);
}

/* A client that keeps its window refers back over a rest. */
static void test_window_outlives_rest(void **state)
{
	static const char line[] = "A0001 SELECT \"a mailbox with a long name that is said twice\"\r\n";
	char wire[1000], got[1000];
	z_stream d = { 0 };
	struct inflater *z = inflater_new();
	size_t used, n, second = 0;

	(void)state;
	assert_int_equal(deflateInit2(&d, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	for (int i = 0; i < 2; i++) {
		d.next_in = (Bytef *)(uintptr_t)line;
		d.avail_in = sizeof(line) - 1;
		d.next_out = (Bytef *)wire;
		d.avail_out = sizeof(wire);
		assert_int_equal(deflate(&d, Z_SYNC_FLUSH), Z_OK);
		second = sizeof(wire) - d.avail_out;
		assert_int_equal(inflater_run(z, SPAN_BYTES(wire, second), &used, got, sizeof(got), &n), 0);
		assert_true(span_eqz(SPAN_BYTES(got, n), line));
		inflater_rest(z);
	}
	assert_true(second < 20);
	deflateEnd(&d);
	inflater_free(z);
}

static void test_bounds(void **state)
{
	static char zeros[60000];
	struct inflater *z = inflater_new();
	struct buf bomb;
	char out[512];
	size_t used, n;

	(void)state;
	buf_init(&bomb, 1 << 17);
	assert_true(deflate_block(SPAN_BYTES(zeros, sizeof(zeros)), &bomb));
	assert_true(bomb.n < 600);
	assert_int_equal(inflater_run(z, buf_span(&bomb), &used, out, sizeof(out), &n), 0);
	assert_int_equal(n, sizeof(out)); /* no more than there is room for */
	inflater_free(z);
	buf_fini(&bomb);
	z = inflater_new();
	for (int i = 0; i < 1000; i++) { /* blocks of nothing */
		assert_int_equal(inflater_run(z, SPAN("\0\0\0\xff\xff\0\0\0\xff\xff"), &used, out, sizeof(out), &n), 0);
		assert_int_equal(used, 10);
		assert_int_equal(n, 0);
		inflater_rest(z);
	}
	assert_int_equal(inflater_run(z, SPAN("\xff\xff\xff"), &used, out, sizeof(out), &n), ERR_SYNTAX);
	inflater_free(z);
	z = inflater_new(); /* the last block */
	assert_int_equal(inflater_run(z, SPAN("\1\0\0\xff\xff"), &used, out, sizeof(out), &n), ERR_SYNTAX);
	inflater_free(z);
}

/* What was said before does not change how long the next block is. */
static void test_nothing_carried_over(void **state)
{
	static const char secret[] = "X-Token: 7e5d2c1b9a8f7e6d5c4b3a291807f6e5d4c3b2a1\r\n";
	struct buf one, two;
	size_t first;

	(void)state;
	buf_init(&one, 4096);
	buf_init(&two, 4096);
	assert_true(deflate_block(span_str(secret), &one));
	first = one.n;
	assert_true(deflate_block(span_str(secret), &one)); /* after itself */
	assert_true(deflate_block(span_str(secret), &two)); /* alone */
	assert_int_equal(one.n - first, two.n);
	assert_memory_equal(one.p + first, two.p, two.n);
	buf_fini(&one);
	buf_fini(&two);
}

/* ---- a stream ---- */

struct side {
	struct stream s;
	struct buf got;
	bool keep, gone;
	size_t most;
};

static void on_input(void *arg)
{
	struct side *d = arg;
	struct span in = stream_input(&d->s);

	if (in.n > d->most)
		d->most = in.n;
	if (d->keep)
		return;
	buf_add(&d->got, in);
	stream_consume(&d->s, in.n);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void on_gone(void *arg, const char *why)
{
	(void)why;
	((struct side *)arg)->gone = true;
}

static const struct stream_ops ops = { on_input, nothing, nothing, on_gone };

static void test_stream(void **state)
{
	struct loop *loop = loop_new();
	struct side a = { 0 }, b = { 0 };
	int sv[2], fd = io_memfd("body");
	char block[1000];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	buf_init(&a.got, 1u << 24);
	buf_init(&b.got, 1u << 24);
	stream_init(&a.s, loop, sv[0], 8192, &ops, &a);
	stream_init(&b.s, loop, sv[1], 8192, &ops, &b);
	stream_writez(&a.s, "plain ");
	stream_deflate(&a.s);
	stream_writez(&a.s, "folded");
	stream_reply_ends(&a.s);
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 3000; i++)
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	stream_write_fd(&a.s, fd, 0, 3000000);
	for (int i = 0; i < 20; i++)
		loop_once(loop, false);
	assert_true(span_starts(buf_span(&b.got), SPAN("plain ")));
	assert_true(b.got.n < 40000); /* three million x */
	assert_int_equal(a.s.bytes_out, b.got.n);
	assert_int_equal(a.s.out_len, 0);
	/* and back: b says the same bytes, a expands them, its room is the bound */
	stream_write(&b.s, span_from(buf_span(&b.got), 6));
	a.keep = true;
	for (int i = 0; i < 20; i++)
		loop_once(loop, false);
	assert_int_equal(a.most, 8192);
	a.keep = false;
	on_input(&a);
	for (int i = 0; i < 5000 && a.got.n < 3000006; i++)
		loop_once(loop, false);
	assert_int_equal(a.got.n, 3000006);
	assert_int_equal(a.most, 8192);
	assert_true(span_starts(buf_span(&a.got), SPAN("foldedxxx")));
	stream_rest(&a.s);
	stream_writez(&b.s, "\xff\xff\xff\xff");
	for (int i = 0; i < 5; i++)
		loop_once(loop, false);
	assert_true(a.gone);
	stream_fini(&b.s);
	buf_fini(&a.got);
	buf_fini(&b.got);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_window_outlives_rest),
		cmocka_unit_test(test_bounds), cmocka_unit_test(test_nothing_carried_over), cmocka_unit_test(test_stream),
	};

	return cmocka_run_group_tests_name("deflate", tests, NULL, NULL);
}
