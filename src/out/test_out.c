/* out as a whole: the test is supervisor and core, a scripted peer (or Debian's smtp-sink) is the world. */
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "bus/bus_codec.h"
#include "bus/link.h"
#include "bus/name_job.h"
#include "out/out.h"
#include "out/out_int.h"
#include "out/test_peer.h"

static const char hosts[] = "A good.example 127.0.0.1\nA other.example 127.0.0.1\n";
static const struct smtp_timeouts quick = { 2000, 2000, 2000, 2000, 2000, 2000 };

struct rig {
	struct out_config conf;
	int link;
	pthread_t thread;
	int rc;
	bool sandboxed;
	struct bus_conn bus;
	struct arena *a;
	struct bus_msg *m;
};

static bool entered;

static void enter(void)
{
	entered = true;
}

static void *run(void *arg)
{
	struct rig *r = arg;

	r->rc = out_main(&r->conf, NULL);
	return NULL;
}

static void link_expect(struct rig *r, enum link_kind kind)
{
	struct pollfd p = { .fd = r->link, .events = POLLIN };
	struct link_msg m;

	assert_int_equal(poll(&p, 1, 8000), 1);
	assert_int_equal(link_recv(r->link, r->a, &m, NULL), 1);
	assert_int_equal(m.kind, kind);
}

static void bus_give(struct rig *r)
{
	int pair[2];

	link_expect(r, LINK_NEED_BUS);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(link_send(r->link, LINK_BUS, SPAN_NONE, pair[1], NULL), 0);
	close(pair[1]);
	io_nonblock(pair[0]);
	bus_conn_init(&r->bus, pair[0]);
}

/* LEASE and NAMES are always under way, each in its session. */
static bool other(const struct bus_msg *m, const char *verb)
{
	return m->kind == BUS_CMD && span_eqz(m->cmd.verb, strcmp(verb, "NAMES") ? "NAMES" : "LEASE");
}

/* The next command of this verb; the others are an error, but for the standing offer to take names. */
static const struct cmd *expect(struct rig *r, const char *verb)
{
	for (;;) {
		struct pollfd p = { .fd = r->bus.fd, .events = POLLIN };
		int rc = bus_recv_copy(&r->bus, r->a, r->m);

		assert_true(rc >= 0);
		if (rc == 1 && (r->m->kind == BUS_HELLO || other(r->m, verb)))
			continue;
		if (rc == 1) {
			assert_int_equal(r->m->kind, BUS_CMD);
			assert_int_equal(r->m->cmd.service, SVC_OUT);
			assert_true(span_eqz(r->m->cmd.verb, verb));
			return &r->m->cmd;
		}
		assert_int_equal(poll(&p, 1, 8000), 1);
		assert_true(bus_fill(&r->bus) > 0);
	}
}

static void answer(struct rig *r, const struct cmd *c, struct span bytes, int fd, uint64_t len)
{
	struct reply *reply = ARENA_NEW(r->a, struct reply);

	reply_init(reply, c);
	if (bytes.n)
		reply_bytes(reply, bytes);
	if (fd >= 0)
		reply->seg[reply->nseg++] = (struct segment){ .fd = fd, .len = len };
	bus_put_reply(&r->bus, reply);
	assert_int_equal(bus_flush(&r->bus), 0);
}

/* Core cannot now (sealed, disk full): said by the mood, as the reply has no bytes either way. */
static void answer_not_now(struct rig *r, const struct cmd *c)
{
	struct reply *reply = ARENA_NEW(r->a, struct reply);

	reply_init(reply, c);
	reply->mood = MOOD_BAD_COMMAND;
	bus_put_reply(&r->bus, reply);
	assert_int_equal(bus_flush(&r->bus), 0);
}

static void give_job(struct rig *r, const struct cmd *c, uint64_t id, const char *domain, const char *text)
{
	struct out_rcpt rcpt = { .id = id * 10, .address = arena_printf(r->a, "anna@%s", domain) };
	struct out_job j = { .message_id = id, .size = strlen(text), .sender = SPAN("me@us.example"),
		.domain = span_str(domain), .rcpts = &rcpt, .n_rcpts = 1 };
	int fd = io_memfd("test");
	SCOPED_BUF b;

	buf_init(&b, 65536);
	out_job_encode(&b, &j);
	assert_int_equal(io_write_full(fd, span_str(text), NULL), 0);
	answer(r, c, arena_span(r->a, buf_span(&b)), fd, strlen(text));
}

static void give_none(struct rig *r, const struct cmd *c, int64_t next_due_sec)
{
	struct out_job j = { .next_due_sec = next_due_sec };
	SCOPED_BUF b;

	buf_init(&b, 65536);
	out_job_encode(&b, &j);
	answer(r, c, arena_span(r->a, buf_span(&b)), -1, 0);
}

static void result_is(struct rig *r, const struct cmd *c, uint64_t id, enum out_outcome outcome)
{
	struct out_result result;

	assert_int_equal(out_result_decode(r->a, c->body, &result, NULL), 0);
	assert_int_equal(result.message_id, id);
	assert_int_equal(result.n_rows, 1);
	assert_int_equal(result.rows[0].rcpt_id, id * 10);
	assert_int_equal(result.rows[0].outcome, outcome);
}

static void rig_open_with(struct rig *r, uint16_t port, unsigned workers)
{
	int pair[2];

	memset(r, 0, sizeof(*r));
	entered = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	r->link = pair[0];
	r->a = arena_new();
	r->m = ARENA_NEW(r->a, struct bus_msg);
	r->conf = (struct out_config){ .name = "out", .link_fd = pair[1], .hostname = "us.example", .workers = workers,
		.port = port, .hosts = SPAN_BYTES(hosts, sizeof(hosts) - 1), .timeouts = &quick, .drain_ms = 5000,
		.enter_sandbox = enter };
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
	link_expect(r, LINK_READY);
	assert_true(entered);
	bus_give(r);
}

static void rig_open(struct rig *r, uint16_t port)
{
	rig_open_with(r, port, 3);
}

static void rig_close(struct rig *r, int rc)
{
	pthread_join(r->thread, NULL);
	assert_int_equal(r->rc, rc);
	bus_conn_fini(&r->bus);
	close(r->link);
	arena_free(r->a);
}

static size_t threads(void)
{
	DIR *d = opendir("/proc/self/task");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_workers_bound(void **state)
{
	size_t n[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct rig r;

		rig_open_with(&r, 25, OUT_WORKERS_MAX - 1 + i);
		n[i] = threads();
		assert_int_equal(link_send(r.link, LINK_DRAIN, SPAN_NONE, -1, NULL), 0);
		rig_close(&r, 0);
	}
	assert_int_equal(n[1], n[0] + 1);
	assert_int_equal(n[2], n[1]);
}

/* Questions go out with the reply, answers come with the next command; a notice makes it ask again. */
static void test_names(void **state)
{
	struct name_question q[3] = { { 7, DNS_A, SPAN("good.example") }, { 8, DNS_TXT, SPAN("good.example") },
		{ 9, DNS_A, SPAN("no.example") } };
	struct name_answer *v;
	struct notice n = { .kind = NOTICE_CHANGED };
	unsigned seen = 0;
	struct rig r;
	const struct cmd *c;
	size_t got;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 65536);
	name_questions_encode(&b, q, 3);
	rig_open(&r, 1);
	c = expect(&r, "NAMES");
	assert_int_equal(name_answers_decode(r.a, c->body, &v, &got, NULL), 0);
	assert_int_equal(got, 0);
	answer(&r, c, arena_span(r.a, buf_span(&b)), -1, 0);
	buf_reset(&b);
	name_questions_encode(&b, NULL, 0);
	while (seen != 7) {
		c = expect(&r, "NAMES");
		assert_int_equal(name_answers_decode(r.a, c->body, &v, &got, NULL), 0);
		for (size_t i = 0; i < got; i++) {
			seen |= 1u << (v[i].id - 7);
			assert_int_equal(v[i].answer.status, v[i].id == 7 ? DNS_FOUND : v[i].id == 8 ? DNS_NO_DATA : DNS_NO_NAME);
			assert_int_equal(v[i].answer.n, v[i].id == 7);
			assert_true(v[i].id != 7 || span_eq(v[i].answer.v[0], SPAN("\x7f\0\0\1")));
		}
		answer(&r, c, arena_span(r.a, buf_span(&b)), -1, 0);
	}
	n.session = c->session;
	bus_put_notice(&r.bus, &n);
	assert_int_equal(bus_flush(&r.bus), 0);
	expect(&r, "NAMES");
	assert_int_equal(link_send(r.link, LINK_DRAIN, SPAN_NONE, -1, NULL), 0);
	rig_close(&r, 0);
}

static void test_core_dies(void **state)
{
	struct peer_server peer = { 0 };
	struct rig r;
	const struct cmd *c;

	(void)state;
	peer_start(&peer, "PIPELINING\nDSN", PEER_GOOD);
	rig_open(&r, peer.port);
	c = expect(&r, "LEASE");
	assert_true(c->flags & CMD_OPEN);
	assert_true(c->ntok == 1 && span_eqz(c->tok[0].text, "FRESH"));
	give_job(&r, c, 1, "good.example", "Subject: one\r\n\r\n1\r\n");
	c = expect(&r, "LEASE");
	assert_int_equal(c->ntok, 0);    /* what is leased may be ours now */
	give_none(&r, c, INT64_MAX);
	result_is(&r, expect(&r, "RESULT"), 1, OUT_SENT);
	assert_int_equal(peer_mails(&peer), 1);
	bus_conn_fini(&r.bus); /* core dies before it says that the result is durable */
	bus_give(&r);
	for (int i = 0; i < 2; i++) { /* either order */
		c = r.m->kind == BUS_CMD && i ? expect(&r, "RESULT") : expect(&r, "LEASE");
		assert_true(c->flags & CMD_OPEN);
		if (!i) {
			give_none(&r, c, INT64_MAX);
			continue;
		}
		result_is(&r, c, 1, OUT_SENT);
		answer_not_now(&r, c);
		c = expect(&r, "RESULT");
		result_is(&r, c, 1, OUT_SENT);
		answer(&r, c, SPAN_NONE, -1, 0);
	}
	assert_int_equal(link_send(r.link, LINK_DRAIN, SPAN_NONE, -1, NULL), 0);
	rig_close(&r, 0);
	assert_int_equal(peer_mails(&peer), 1);
	peer_stop(&peer);
}

static void test_notice(void **state)
{
	struct peer_server peer = { 0 };
	struct rig r;
	const struct cmd *c;
	struct notice n = { .kind = NOTICE_CHANGED };
	int64_t from_us;

	(void)state;
	peer_start(&peer, "PIPELINING", PEER_GOOD);
	rig_open(&r, peer.port);
	c = expect(&r, "LEASE");
	answer(&r, c, SPAN("no job at all"), -1, 0); /* refused, asked again later */
	c = expect(&r, "LEASE");
	assert_false(c->flags & CMD_OPEN);
	n.session = c->session;
	give_none(&r, c, INT64_MAX);
	bus_put_notice(&r.bus, &n);
	bus_flush(&r.bus);
	from_us = time_mono_us();
	c = expect(&r, "LEASE");
	assert_true(time_mono_us() - from_us < US_PER_SEC);
	bus_put_notice(&r.bus, &n); /* while it asks: it must ask once more */
	give_none(&r, c, INT64_MAX);
	c = expect(&r, "LEASE");
	give_none(&r, c, time_real_sec() + 2);
	c = expect(&r, "LEASE"); /* by the clock */
	give_job(&r, c, 5, "nowhere.example", "Subject: x\r\n\r\n");
	give_none(&r, expect(&r, "LEASE"), INT64_MAX);
	c = expect(&r, "RESULT");
	result_is(&r, c, 5, OUT_REFUSED);
	answer(&r, c, SPAN_NONE, -1, 0);
	close(r.link);
	r.link = -1; /* supervisor is gone */
	rig_close(&r, ERR_GONE);
	peer_stop(&peer);
}

/* A hanging destination does not hold up another. */
static void test_hanging(void **state)
{
	struct peer_server peer = { 0 };
	struct rig r;
	const struct cmd *c;
	unsigned results = 0, leases = 0;

	(void)state;
	peer_start(&peer, "PIPELINING", PEER_HANG_DATA);
	rig_open(&r, peer.port);
	while (results < 5) {
		struct pollfd p = { .fd = r.bus.fd, .events = POLLIN };
		int rc = bus_recv_copy(&r.bus, r.a, r.m);

		assert_true(rc >= 0);
		if (rc == 0) {
			assert_int_equal(poll(&p, 1, 15000), 1);
			assert_true(bus_fill(&r.bus) > 0);
			continue;
		}
		if (r.m->kind != BUS_CMD || other(r.m, "LEASE"))
			continue;
		c = &r.m->cmd;
		if (span_eqz(c->verb, "LEASE")) {
			leases++;
			if (leases <= 5)
				give_job(&r, c, leases, leases == 5 ? "nowhere.example" : "good.example", "Subject: x\r\n\r\na\r\nb\r\n");
			else
				give_none(&r, c, INT64_MAX);
			continue;
		}
		result_is(&r, c, results == 0 ? 5 : c->body.p[0], results == 0 ? OUT_REFUSED : OUT_LATER);
		results++;
		answer(&r, c, SPAN_NONE, -1, 0);
	}
	link_send(r.link, LINK_DRAIN, SPAN_NONE, -1, NULL);
	rig_close(&r, 0);
	assert_int_equal(peer_mails(&peer), 0);
	peer_stop(&peer);
}

/* ---- Debian's smtp-sink ---- */

static pid_t sink_start(const char *dir, uint16_t *port_out)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	char address[32];
	pid_t pid;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	getsockname(fd, (struct sockaddr *)&at, &len);
	close(fd);
	*port_out = ntohs(at.sin_port);
	snprintf(address, sizeof(address), "127.0.0.1:%u", *port_out);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
		if (chdir(dir) == 0)
			execl("/usr/sbin/smtp-sink", "smtp-sink", "-d", "mail.", geteuid() ? "-c" : "-u",
				geteuid() ? address : "nobody", geteuid() ? "10" : address, geteuid() ? NULL : "10", (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 100; i++) { /* until it listens */
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&at, len) == 0)
			i = 100;
		close(fd);
		usleep(20000);
	}
	return pid;
}

static unsigned files_remove(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	for (struct dirent *f; (f = readdir(d));)
		if (!strncmp(f->d_name, "mail.", 5))
			n += unlinkat(dirfd(d), f->d_name, 0) == 0;
	closedir(d);
	rmdir(dir);
	return n;
}

static void test_sink(void **state)
{
	char dir[] = "/tmp/kontor-sink-XXXXXX";
	struct rig r;
	const struct cmd *c;
	uint16_t port;
	unsigned results = 0, leases = 0;
	pid_t pid;

	(void)state;
	if (access("/usr/sbin/smtp-sink", X_OK) < 0)
		skip();
	assert_non_null(mkdtemp(dir));
	chmod(dir, 0777); /* as root it wants to be somebody else */
	pid = sink_start(dir, &port);
	rig_open(&r, port);
	while (results < 20) {
		struct pollfd p = { .fd = r.bus.fd, .events = POLLIN };
		int rc = bus_recv_copy(&r.bus, r.a, r.m);

		assert_true(rc >= 0);
		if (rc == 0) {
			assert_int_equal(poll(&p, 1, 15000), 1);
			assert_true(bus_fill(&r.bus) > 0);
			continue;
		}
		if (r.m->kind != BUS_CMD || other(r.m, "LEASE"))
			continue;
		c = &r.m->cmd;
		if (span_eqz(c->verb, "LEASE") && ++leases <= 20) {
			give_job(&r, c, leases, leases % 2 ? "good.example" : "other.example", "Subject: x\r\n\r\nHello\r\n.\r\n");
		} else if (span_eqz(c->verb, "LEASE")) {
			give_none(&r, c, INT64_MAX);
		} else {
			result_is(&r, c, (unsigned char)c->body.p[0], OUT_SENT); /* it offers DSN */
			results++;
			answer(&r, c, SPAN_NONE, -1, 0);
		}
	}
	link_send(r.link, LINK_DRAIN, SPAN_NONE, -1, NULL);
	rig_close(&r, 0);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	assert_int_equal(files_remove(dir), 20);
}

static void no_log(struct span line)
{
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_workers_bound), cmocka_unit_test(test_names), cmocka_unit_test(test_core_dies), cmocka_unit_test(test_notice),
		cmocka_unit_test(test_hanging), cmocka_unit_test(test_sink) };

	log_test_sink(no_log);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
