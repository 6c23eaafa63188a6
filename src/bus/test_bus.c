/* bus_codec: every struct survives the socket, descriptors included; broken input is refused. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/io.h"
#include "bus/bus_codec.h"

struct pair {
	struct bus_conn a, b;
};

static void pair_init(struct pair *p)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	bus_conn_init(&p->a, sv[0]);
	bus_conn_init(&p->b, sv[1]);
}

static int pump(struct pair *p, struct arena *arena, struct bus_msg *m)
{
	for (int i = 0; i < 10000; i++) {
		int r = bus_recv(&p->b, arena, m);

		if (r)
			return r;
		assert_true(bus_flush(&p->a) >= 0);
		if (bus_fill(&p->b) < 0)
			return ERR_GONE;
	}
	return 0;
}

static void test_cmd(void **state)
{
	struct pair p;
	struct bus_msg m;
	SCOPED_ARENA a = arena_new();
	struct tok t[] = {
		{ .kind = TOK_ATOM, .text = SPAN("INBOX") }, { .kind = TOK_OPEN },
		{ .kind = TOK_PAIR, .text = SPAN("SIZE"), .value = SPAN("12") },
		{ .kind = TOK_SPOOL, .off = 1, .len = 2 }, { .kind = TOK_CLOSE }, { .kind = TOK_NIL },
	};
	struct cmd c = { .session = 7, .seq = 9, .service = SVC_IMAP, .flags = CMD_OPEN,
		.verb = SPAN("APPEND"), .tag = SPAN("a1"), .tok = t, .ntok = 6, .spool_len = 3,
		.peer = { .address = SPAN("127.0.0.1"), .port = 5, .loopback = true },
		.state = SPAN("st") };
	char got[4] = "";

	(void)state;
	pair_init(&p);
	for (int round = 0; round < 3; round++) {
		c.spool_fd = io_memfd("t");
		assert_int_equal(write(c.spool_fd, "xyz", 3), 3);
		c.seq = 9 + (uint32_t)round;
		bus_put_cmd(&p.a, &c);
	}
	for (int round = 0; round < 3; round++) {
		assert_int_equal(pump(&p, a, &m), 1);
		assert_int_equal(m.kind, BUS_CMD);
		assert_int_equal(m.cmd.seq, 9 + round);
		assert_true(span_eqz(m.cmd.verb, "APPEND"));
		assert_int_equal(m.cmd.ntok, 6);
		assert_true(span_eqz(m.cmd.tok[2].value, "12"));
		assert_int_equal(m.cmd.tok[3].len, 2);
		assert_true(m.cmd.peer.loopback && span_eqz(m.cmd.peer.address, "127.0.0.1"));
		assert_true(span_eqz(m.cmd.state, "st"));
		assert_int_equal(pread(m.cmd.spool_fd, got, 3, 0), 3);
		assert_string_equal(got, "xyz");
		close(m.cmd.spool_fd);
	}
	bus_conn_fini(&p.a);
	bus_conn_fini(&p.b);
}

static bool holds(const struct buf *b, const char *word)
{
	return b->p && memmem(b->p, b->n > 600 ? b->n : 600 < b->cap ? 600 : b->cap, word, strlen(word)) != NULL;
}

/* A password is in the arena of its command and nowhere else. */
static void test_passwords_do_not_stay(void **state)
{
	struct pair p;
	struct bus_msg m;
	SCOPED_ARENA a = arena_new();
	struct tok t[] = { { .kind = TOK_STRING, .text = SPAN("anna") }, { .kind = TOK_STRING, .text = SPAN("hunter-22") } };
	struct cmd c = { .session = 7, .verb = SPAN("LOGIN"), .tag = SPAN("a1"), .tok = t, .ntok = 2, .spool_fd = -1 };

	(void)state;
	pair_init(&p);
	buf_secret(&p.a.out);
	buf_secret(&p.b.in);
	bus_put_cmd(&p.a, &c);
	assert_true(holds(&p.a.out, "hunter"));
	assert_int_equal(bus_flush(&p.a), 0);
	assert_non_null(p.a.out.p);
	assert_false(holds(&p.a.out, "hunter"));
	assert_true(bus_fill(&p.b) > 0);
	assert_true(holds(&p.b.in, "hunter"));
	assert_int_equal(bus_recv_copy(&p.b, a, &m), 1);
	assert_true(span_eqz(m.cmd.tok[1].text, "hunter-22"));
	assert_false(holds(&p.b.in, "hunter"));
	bus_conn_fini(&p.a);
	bus_conn_fini(&p.b);
}

static void test_big_reply(void **state)
{
	struct pair p;
	struct bus_msg m;
	SCOPED_ARENA a = arena_new();
	size_t n = 3u << 20;
	char *big = arena_alloc(a, n);
	struct reply r;
	struct cmd c = { .session = 3, .seq = 4 };

	(void)state;
	pair_init(&p);
	memset(big, 'B', n);
	reply_init(&r, &c);
	reply_bytes(&r, SPAN("* 1 FETCH "));
	reply_bytes(&r, (struct span){ big, n });
	r.next = NEXT_MORE;
	r.cursor = 77;
	bus_put_reply(&p.a, &r);
	assert_int_equal(pump(&p, a, &m), 1);
	assert_int_equal(m.reply.nseg, 2);
	assert_int_equal(m.reply.seg[1].bytes.n, n);
	assert_int_equal(m.reply.cursor, 77);
	assert_int_equal(bus_pending(&p.a), 0);
	bus_conn_fini(&p.a);
	assert_int_equal(pump(&p, a, &m), ERR_GONE);
	bus_conn_fini(&p.b);
}

static void test_refuses(void **state)
{
	static const struct span rows[] = {
		SPAN(""), SPAN("\x09\x00"), SPAN("\x03\x00short"), SPAN("\x02\x01"),
		SPAN("\x03\x00" "12345678\x01trailing"), SPAN("\x01\x00" "12345678" "1234" "\x04\x00"
			"\xff\xff\xff\xff"),
	};
	SCOPED_ARENA a = arena_new();
	struct bus_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(bus_decode(a, rows[i], NULL, 0, &m), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cmd), cmocka_unit_test(test_passwords_do_not_stay),
		cmocka_unit_test(test_big_reply), cmocka_unit_test(test_refuses) };

	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
