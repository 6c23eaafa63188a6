/* A whole gate in one thread: the input says what clients send and what core answers, in any order.
 * First byte: service. Then operations: code, argument, bytes. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/io.h"
#include "base/time.h"
#include "gate/gate_int.h"
#include "net/deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct play {
	struct gate *g;
	struct bus_conn core;
	struct arena *arena;
	struct bus_msg msg;
	struct cmd waiting; /* its spans are gone; session and seq count */
	bool core_up, has_waiting;
	int client;
	struct span in;
	struct buf folded;
};

static uint8_t byte(struct play *p)
{
	uint8_t b = p->in.n ? (uint8_t)p->in.p[0] : 0;

	p->in = span_from(p->in, 1);
	return b;
}

static void core_up(struct play *p)
{
	int sv[2];

	if (p->core_up)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv) < 0)
		abort();
	bus_conn_init(&p->core, sv[0]);
	gate_bus_attach(p->g, sv[1]);
	p->core_up = true;
	p->has_waiting = false;
}

static void core_down(struct play *p)
{
	if (p->core_up)
		bus_conn_fini(&p->core);
	p->core_up = p->has_waiting = false;
}

static void core_listen(struct play *p)
{
	int r;

	if (!p->core_up)
		return;
	if (bus_fill(&p->core) < 0) {
		core_down(p);
		return;
	}
	for (;;) {
		arena_reset(p->arena);
		r = bus_recv(&p->core, p->arena, &p->msg);
		if (r < 0)
			abort(); /* the gate must never send what core cannot read */
		if (r == 0)
			return;
		if (p->msg.kind != BUS_CMD)
			continue;
		if (p->msg.cmd.spool_fd >= 0)
			close(p->msg.cmd.spool_fd);
		if (p->msg.cmd.flags & CMD_CLOSE || p->msg.cmd.session == 0)
			continue;
		if (p->has_waiting && p->msg.cmd.session == p->waiting.session)
			abort(); /* two commands of one session */
		p->waiting = p->msg.cmd;
		p->has_waiting = true;
	}
}

static void core_answer(struct play *p, uint8_t how)
{
	static char big[100000];
	struct reply r;

	if (!p->core_up || !p->has_waiting)
		return;
	reply_init(&r, &p->waiting);
	r.next = how % (NEXT_WAIT + 1);
	r.mood = (how >> 3) % 3;
	r.authenticated = how & 64;
	r.cursor = how;
	r.state = how & 32 ? SPAN("state") : SPAN_NONE;
	reply_bytes(&r, SPAN("200 reply\r\n"));
	if (how & 128) {
		int fd = io_memfd("f");

		if (ftruncate(fd, 40000) < 0)
			abort();
		r.seg[r.nseg++] = (struct segment){ .fd = fd, .off = how, .len = how & 1 ? 39000 : 60000 };
		reply_bytes(&r, SPAN_BYTES(big, sizeof(big)));
	}
	if ((how & 15) == 15)
		r.seq++;
	p->has_waiting = r.seq != p->waiting.seq;
	bus_put_reply(&p->core, &r);
	bus_flush(&p->core);
}

static void turn(struct play *p)
{
	char drop[65536];

	for (int i = 0; i < 4; i++) {
		loop_once(p->g->loop, false);
		core_listen(p);
	}
	while (p->client >= 0 && recv(p->client, drop, sizeof(drop), MSG_DONTWAIT) > 0)
		loop_once(p->g->loop, false);
}

/* Later: what the wheel of timers would call. */
static void pass_time(struct play *p, uint8_t sec)
{
	time_test_advance_mono(sec * 4 * US_PER_SEC);
	for (uint32_t i = 0; i < p->g->n_slots; i++)
		if (p->g->slots[i])
			conn_on_timer(p->g->slots[i]);
}

static void operate(struct play *p)
{
	uint8_t op = byte(p), arg = byte(p);
	struct span s;

	switch (op & 7) {
	case 0: /* nonsense that is almost right is worth more than one op */
	case 1:
	case 2:
		s = span_sub(p->in, 0, (size_t)arg + 1);
		p->in = span_from(p->in, s.n);
		buf_reset(&p->folded);
		if (op & 16 && deflate_block(s, &p->folded))
			s = buf_span(&p->folded);
		for (int i = 0; i < (op & 8 ? 300 : 1) && p->client >= 0 && s.n; i++)
			(void)!send(p->client, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 3:
	case 4:
		core_answer(p, arg);
		break;
	case 5:
		if (arg & 1)
			core_down(p);
		else
			core_up(p);
		break;
	case 6:
		if (p->core_up) {
			struct notice note = { arg & 2 ? NOTICE_EVERY : p->waiting.session,
				arg & 2 ? NOTICE_SEALED : (uint8_t)(1 + (arg & 1)) };

			bus_put_notice(&p->core, &note);
			bus_flush(&p->core);
		}
		break;
	case 7:
		if (arg == 0xff && p->client >= 0)
			shutdown(p->client, SHUT_WR);
		else
			pass_time(p, arg);
		break;
	}
	turn(p);
}

static void no_log(struct span line)
{
	(void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t service[] = { SVC_SMTP, SVC_IMAP, SVC_LMTP, SVC_SIEVE, SVC_POP, SVC_HTTP };
	struct gate_listener l = { .fd = -1 };
	struct gate_config conf = { .name = "gate0", .link_fd = -1, .hostname = "mx.example.org" };
	struct gate_limits limits = gate_limits_default;
	struct sockaddr_storage from = { .ss_family = AF_UNIX };
	struct play *p = calloc(1, sizeof(*p));
	struct gate *g = calloc(1, sizeof(*g));
	struct gate_net all = { .prefix = 0 };
	int sv[2];

	if (!p || !g || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv) < 0)
		abort();
	log_test_sink(no_log);
	p->in = SPAN_BYTES(data, n);
	p->g = g;
	p->client = sv[0];
	p->arena = arena_new();
	buf_init(&p->folded, 4096);
	l.service = service[byte(p) % sizeof(service)];
	l.proxy = n > 1 && data[0] & 4;
	conf.proxy_nets = &all;
	conf.n_proxy_nets = 1;
	limits.smtp_message_bytes = 200000;
	limits.spool_bytes = 300000;
	limits.output_total_bytes = 300000;
	conf.limits = &limits;
	gate_open(g, &conf);
	core_up(p);
	gate_accept(g, &l, sv[1], &from);
	turn(p);
	for (int i = 0; p->in.n && i < 200; i++)
		operate(p);
	close(p->client);
	p->client = -1;
	turn(p);
	core_down(p);
	turn(p);
	gate_close(g);
	if (g->spool_used || g->n_conns)
		abort(); /* what was booked must be given back */
	arena_free(p->arena);
	buf_fini(&p->folded);
	free(p);
	free(g);
	return 0;
}
