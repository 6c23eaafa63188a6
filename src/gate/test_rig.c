#include "gate/test_rig.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "bus/link.h"
#include "net/test_cert.h"

#define WAIT_MS 15000

static void wait_until(int fd, short what, int64_t end_us)
{
	struct pollfd p = { fd, what, 0 };
	int64_t left_us = end_us - time_mono_us();

	if (poll(&p, 1, left_us > 0 ? (int)(left_us / 1000) : 0) != 1)
		fail_msg("nothing happened for %d ms", WAIT_MS);
}

static void wait_for(int fd, short what)
{
	wait_until(fd, what, time_mono_us() + WAIT_MS * 1000);
}

static int listen_any(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(fd, 4096), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void quiet(struct span line)
{
	if (getenv("GATE_TEST_LOG"))
		(void)!write(2, line.p, line.n);
}

void rig_init(struct rig *r)
{
	static const uint8_t service[PORT_COUNT] = { SVC_SMTP, SVC_IMAP, SVC_SUBMISSION, SVC_LMTP, SVC_METRICS,
		SVC_SMTP, SVC_IMAP, SVC_IMAP, SVC_POP, SVC_SIEVE, SVC_HTTP, SVC_HTTP };
	int sv[2];

	memset(r, 0, sizeof(*r));
	log_test_sink(quiet);
	r->limits = gate_limits_default;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	r->link = sv[0];
	for (int i = 0; i < PORT_COUNT; i++) {
		r->listeners[i].fd = listen_any(&r->port[i]);
		r->listeners[i].service = service[i];
	}
	r->listeners[PORT_SUBMISSIONS].implicit_tls = r->listeners[PORT_IMAPS].implicit_tls = r->listeners[PORT_HTTPS].implicit_tls = true;
	r->listeners[PORT_PROXY].proxy = r->listeners[PORT_PROXY_TLS].proxy = true;
	r->listeners[PORT_PROXY_TLS].implicit_tls = true;
	assert_int_equal(gate_net_parse(SPAN("127.0.0.0/8"), &r->net, NULL), 0);
	r->conf = (struct gate_config){ .name = "gate9", .link_fd = sv[1], .listeners = r->listeners,
		.n_listeners = PORT_COUNT, .hostname = "mx.example.org", .limits = &r->limits,
		.proxy_nets = &r->net, .n_proxy_nets = 1 };
	r->arena = arena_new();
	test_cert("DNS:mx.example.org", &r->chain, &r->key);
}

static void *run(void *arg)
{
	struct rig *r = arg;
	struct err e = ERR_INIT;

	r->result = gate_main(&r->conf, &e);
	return NULL;
}

static void link_expect(struct rig *r, enum link_kind kind)
{
	struct link_msg m;

	wait_for(r->link, POLLIN);
	assert_int_equal(link_recv(r->link, r->arena, &m, NULL), 1);
	assert_int_equal(m.kind, kind);
}

void rig_tls(struct rig *r, const struct tls_cert *certs, size_t n)
{
	struct link_cert lc[LINK_CERTS_MAX];
	SCOPED_BUF b;

	buf_init(&b, LINK_PAYLOAD_MAX);
	for (size_t i = 0; i < n; i++)
		lc[i] = (struct link_cert){ certs[i].chain, certs[i].key };
	link_tls_encode(&b, lc, n);
	assert_int_equal(link_send(r->link, LINK_TLS, buf_span(&b), -1, NULL), 0);
}

void rig_start(struct rig *r)
{
	struct tls_cert c = { buf_span(&r->chain), buf_span(&r->key) };

	if (r->forked) {
		r->pid = fork();
		if (r->pid == 0) {
			close(r->link);
			run(r);
			_exit(r->result == ERR_GONE ? 0 : 1);
		}
		r->joined = true;
		close(r->conf.link_fd);
		for (int i = 0; i < PORT_COUNT; i++)
			close(r->listeners[i].fd);
	} else {
		assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
	}
	link_expect(r, LINK_READY);
	rig_tls(r, &c, 1);
}

void rig_core_up(struct rig *r)
{
	int sv[2], room = 1 << 20;

	link_expect(r, LINK_NEED_BUS);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	bus_conn_init(&r->bus, sv[0]);
	assert_int_equal(link_send(r->link, LINK_BUS, SPAN_NONE, sv[1], NULL), 0);
	close(sv[1]);
	r->bus_up = true;
}

void rig_core_down(struct rig *r)
{
	bus_conn_fini(&r->bus);
	r->bus_up = false;
}

void rig_stop(struct rig *r)
{
	close(r->link);
	if (!r->joined)
		pthread_join(r->thread, NULL);
	if (r->forked) {
		int status;

		assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
		assert_int_equal(status, 0);
	}
	if (r->bus_up)
		rig_core_down(r);
	arena_free(r->arena);
	buf_fini(&r->chain);
	buf_fini(&r->key);
	log_test_sink(NULL);
}

struct cmd *rig_any(struct rig *r)
{
	int64_t end_us = time_mono_us() + WAIT_MS * 1000; /* statistics come for ever */

	for (;;) {
		int n = bus_recv_copy(&r->bus, r->arena, &r->msg);

		if (n == 1 && r->msg.kind == BUS_CMD && !span_eqz(r->msg.cmd.verb, "*STATS")) {
			struct cmd *c = ARENA_NEW(r->arena, struct cmd);

			*c = r->msg.cmd;
			return c;
		}
		assert_true(n >= 0);
		if (n == 1)
			continue;
		wait_until(r->bus.fd, POLLIN, end_us);
		if (bus_fill(&r->bus) < 0)
			fail_msg("the gate closed the bus");
	}
}

struct cmd *rig_cmd(struct rig *r, const char *verb)
{
	for (;;) {
		struct cmd *c = rig_any(r);

		if (c->flags & CMD_CLOSE)
			continue;
		if (!span_eqz(c->verb, verb))
			fail_msg("expected %s, got %.*s", verb, SPAN_F(c->verb));
		return c;
	}
}

struct cmd *rig_close(struct rig *r)
{
	struct cmd *c = rig_any(r);

	if (!(c->flags & CMD_CLOSE))
		fail_msg("expected the end, got %.*s", SPAN_F(c->verb));
	return c;
}

void rig_reply_full(struct rig *r, struct reply *reply)
{
	bus_put_reply(&r->bus, reply);
	while (bus_flush(&r->bus) == 1)
		wait_for(r->bus.fd, POLLOUT);
}

void rig_reply(struct rig *r, const struct cmd *c, uint8_t next, const char *text)
{
	struct reply reply;

	reply_init(&reply, c);
	reply_bytes(&reply, span_str(text));
	reply.next = next;
	rig_reply_full(r, &reply);
}

void rig_notice(struct rig *r, uint64_t session, uint8_t kind)
{
	struct notice n = { session, kind };

	bus_put_notice(&r->bus, &n);
	assert_int_equal(bus_flush(&r->bus), 0);
}

bool rig_has_tok(const struct cmd *c, const char *text)
{
	for (size_t i = 0; i < c->ntok; i++)
		if (span_eqz(c->tok[i].text, text))
			return true;
	return false;
}

/* ---- clients ---- */

void client_open(struct client *c, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	*c = (struct client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	buf_init(&c->got, 1u << 26);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof(a)), 0);
}

void client_tls(struct client *c, const char *name)
{
	static SSL_CTX *ctx;
	struct timeval tv = { WAIT_MS / 1000, 0 };

	if (!ctx)
		ctx = SSL_CTX_new(TLS_client_method());
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	c->ssl = SSL_new(ctx);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_tlsext_host_name(c->ssl, name);
	assert_int_equal(SSL_connect(c->ssl), 1);
}

void client_say(struct client *c, struct span s)
{
	while (s.n) {
		ssize_t n = c->ssl ? SSL_write(c->ssl, s.p, (int)s.n) : send(c->fd, s.p, s.n, MSG_NOSIGNAL);

		if (n <= 0)
			fail_msg("cannot send");
		s = span_from(s, (size_t)n);
	}
}

void client_say_more(struct client *c, struct span s)
{
	assert_int_equal(send(c->fd, s.p, s.n, MSG_MORE), s.n);
}

void client_sayz(struct client *c, const char *z)
{
	client_say(c, span_str(z));
}

size_t client_read(struct client *c, char *p, size_t n)
{
	ssize_t r;

	if (!c->ssl || !SSL_has_pending(c->ssl))
		wait_for(c->fd, POLLIN);
	r = c->ssl ? SSL_read(c->ssl, p, (int)n) : recv(c->fd, p, n, 0);
	return r > 0 ? (size_t)r : 0;
}

void client_hears(struct client *c, const char *text)
{
	size_t want = strlen(text), n = 0;
	char got[8192];

	assert_true(want < sizeof(got));
	while (n < want) {
		size_t k = client_read(c, got + n, want - n);

		if (k == 0)
			fail_msg("closed after '%.*s', expected '%s'", (int)n, got, text);
		n += k;
		if (memcmp(got, text, n) != 0)
			fail_msg("heard '%.*s', expected '%s'", (int)n, got, text);
	}
}

void client_ends(struct client *c)
{
	char p[256];
	size_t n = client_read(c, p, sizeof(p));

	if (n)
		fail_msg("heard '%.*s', expected the end", (int)n, p);
}

void client_close(struct client *c)
{
	SSL_free(c->ssl);
	buf_fini(&c->got);
	close(c->fd);
	*c = (struct client){ .fd = -1 };
}

uint64_t rig_greet(struct rig *r, struct client *c, enum rig_port port)
{
	struct cmd *cmd;

	client_open(c, r->port[port]);
	if (r->listeners[port].implicit_tls)
		client_tls(c, "mx.example.org");
	cmd = rig_cmd(r, "*GREETING");
	assert_true(cmd->flags & CMD_OPEN);
	rig_reply(r, cmd, NEXT_READ, "hi\r\n");
	client_hears(c, "hi\r\n");
	return cmd->session;
}

/* ---- what many tests do ---- */

void rig_up(struct rig *r)
{
	rig_start(r);
	rig_core_up(r);
}

int64_t rig_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Since t; the machine may be slow, so only "not before" is exact. */
void rig_after(int64_t t, int64_t at_least_ms, int64_t at_most_ms)
{
	int64_t d = rig_now_ms() - t;

	if (d < at_least_ms - 20 || d > at_most_ms)
		fail_msg("after %lld ms, not %lld to %lld", (long long)d, (long long)at_least_ms, (long long)at_most_ms);
}

void rig_ask(struct rig *r, struct client *c, const char *line, const char *verb, const char *answer)
{
	client_sayz(c, line);
	rig_reply(r, rig_cmd(r, verb), NEXT_READ, answer);
	client_hears(c, answer);
}

void rig_let_in(struct rig *r, struct client *c, const char *line, const char *verb, const char *answer)
{
	struct reply reply;

	client_sayz(c, line);
	reply_init(&reply, rig_cmd(r, verb));
	reply_bytes(&reply, span_str(answer));
	reply.authenticated = true;
	rig_reply_full(r, &reply);
	client_hears(c, answer);
}

void rig_sign_in(struct rig *r, struct client *c)
{
	rig_let_in(r, c, "a LOGIN u p\r\n", "LOGIN", "a OK\r\n");
}

void rig_refused(struct rig *r, enum rig_port port, const char *text)
{
	struct client c;

	client_open(&c, r->port[port]);
	client_hears(&c, text);
	client_ends(&c);
	client_close(&c);
}

void client_fill(struct client *c, size_t n)
{
	char block[4096];

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x';
	while (n) {
		size_t now = n < sizeof(block) ? n : sizeof(block);

		client_say(c, SPAN_BYTES(block, now));
		n -= now;
	}
}

void rig_data(struct rig *r, struct client *c)
{
	client_sayz(c, "DATA\r\n");
	rig_reply(r, rig_cmd(r, "DATA"), NEXT_DATA, "354 go\r\n");
	client_hears(c, "354 go\r\n");
}

/* 32 MiB for a client whose socket does not grow to hold them. */
void rig_big(struct rig *r, struct client *c, uint8_t next)
{
	int fd = io_memfd("big"), room = 65536;
	struct reply reply;

	assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	client_sayz(c, "f FETCH 1 BODY[]\r\n");
	reply_init(&reply, rig_cmd(r, "FETCH"));
	assert_int_equal(ftruncate(fd, 32 << 20), 0);
	reply.seg[reply.nseg++] = (struct segment){ .fd = fd, .len = 32 << 20 };
	reply.next = next;
	rig_reply_full(r, &reply);
}

void client_skip(struct client *c, size_t n)
{
	char *p = malloc(1 << 20);

	while (n) {
		size_t k = client_read(c, p, n < 1 << 20 ? n : 1 << 20);

		assert_true(k > 0);
		n -= k;
	}
	free(p);
}
