/* SMTP through gate_main: the test is supervisor, core and client. */
#include "gate/test_rig.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <time.h>
#include "bus/link.h"

static void begin(struct rig *r, struct client *c)
{
	rig_init(r);
	rig_start(r);
	rig_core_up(r);
	rig_greet(r, c, PORT_SMTP);
}

static void end(struct rig *r, struct client *c)
{
	client_close(c);
	rig_stop(r);
	assert_int_equal(r->result, ERR_GONE);
}

static void answer(struct rig *r, const char *verb, const char *text)
{
	rig_reply(r, rig_cmd(r, verb), NEXT_READ, text);
}

static void test_pipelining(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	begin(&r, &c);
	client_sayz(&c, "EHLO a.example\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example> NOTIFY=NEVER\r\nDATA\r\n");
	answer(&r, "EHLO", "250 ok\r\n");
	m = rig_cmd(&r, "MAIL");
	assert_false(m->flags & CMD_OPEN);
	assert_true(span_eqz(m->tok[0].text, "a@a.example"));
	rig_reply(&r, m, NEXT_READ, "250 m\r\n");
	m = rig_cmd(&r, "RCPT");
	assert_int_equal(m->ntok, 2);
	assert_true(span_eqz(m->tok[1].text, "NOTIFY") && span_eqz(m->tok[1].value, "NEVER"));
	rig_reply(&r, m, NEXT_READ, "250 r\r\n");
	rig_reply(&r, rig_cmd(&r, "DATA"), NEXT_DATA, "354 go\r\n");
	client_hears(&c, "250 ok\r\n250 m\r\n250 r\r\n354 go\r\n");
	client_sayz(&c, "Subject: x\r\n\r\n..dot\r\nl\xc3\xa4nger\r\n.\r\nQUIT\r\n");
	m = rig_cmd(&r, "*MESSAGE");
	assert_true(m->flags & CMD_INTERNAL);
	assert_true(span_eqz(m->body, "Subject: x\r\n\r\n.dot\r\nl\xc3\xa4nger\r\n"));
	assert_int_equal(m->ntok, 1);
	assert_true(rig_has_tok(m, "8BIT"));
	rig_reply(&r, m, NEXT_READ, "250 queued\r\n");
	rig_reply(&r, rig_cmd(&r, "QUIT"), NEXT_CLOSE, "221 bye\r\n");
	client_hears(&c, "250 queued\r\n221 bye\r\n");
	client_ends(&c);
	assert_int_equal(rig_close(&r)->session, m->session);
	end(&r, &c);
}

static void to_data(struct rig *r, struct client *c)
{
	client_sayz(c, "DATA\r\n");
	rig_reply(r, rig_cmd(r, "DATA"), NEXT_DATA, "354 go\r\n");
	client_hears(c, "354 go\r\n");
}

static void test_smuggling(void **state)
{
	static const char *const ends[] = { "\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n" };
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	begin(&r, &c);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		to_data(&r, &c);
		client_sayz(&c, "first");
		client_sayz(&c, ends[i]);
		client_sayz(&c, "MAIL FROM:<evil@a.example>\r\n.\r\nNOOP\r\n");
		m = rig_cmd(&r, "*MESSAGE");
		assert_true(rig_has_tok(m, "BARE"));
		assert_true(span_find(m->body, SPAN("evil")) > 0);
		rig_reply(&r, m, NEXT_READ, "550 bare\r\n");
		answer(&r, "NOOP", "250 noop\r\n");
		client_hears(&c, "550 bare\r\n250 noop\r\n");
	}
	client_sayz(&c, "NO\nOP\r\nNOOP\nQUIT\r\n");
	client_hears(&c, "500 5.5.2 Bare LF received\r\n500 5.5.2 Bare LF received\r\n");
	end(&r, &c);
}

static void test_big_data(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;
	char line[1000], got[2000];
	uint64_t total = 0;

	(void)state;
	begin(&r, &c);
	memset(line, 'x', sizeof(line));
	memcpy(line + 998, "\r\n", 2);
	to_data(&r, &c);
	for (int i = 0; i < 3000; i++, total += 1000)
		client_say(&c, SPAN_BYTES(line, 1000));
	client_sayz(&c, ".\r\n");
	m = rig_cmd(&r, "*MESSAGE");
	assert_null(m->body.p);
	assert_true(m->spool_fd >= 0);
	assert_int_equal(m->spool_len, total);
	assert_int_equal(m->ntok, 0);
	assert_int_equal(pread(m->spool_fd, got, 2000, (off_t)total - 2000), 2000);
	assert_memory_equal(got, line, 1000);
	assert_memory_equal(got + 1000, line, 1000);
	close(m->spool_fd);
	rig_reply(&r, m, NEXT_READ, "250 ok\r\n");
	client_hears(&c, "250 ok\r\n");
	end(&r, &c);
}

static void test_limits_of_bodies(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;
	char block[4096];

	(void)state;
	rig_init(&r);
	r.limits.smtp_message_bytes = 100000;
	r.limits.spool_bytes = 50000;
	rig_start(&r);
	rig_core_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	memset(block, 'y', sizeof(block));
	to_data(&r, &c);
	for (int i = 0; i < 15; i++)
		client_say(&c, SPAN_BYTES(block, sizeof(block)));
	client_sayz(&c, "\r\n.\r\n");
	m = rig_cmd(&r, "*MESSAGE");
	assert_true(rig_has_tok(m, "NOSPACE") && rig_has_tok(m, "LONG"));
	assert_true(m->spool_fd < 0 && !m->body.n);
	rig_reply(&r, m, NEXT_READ, "452 full\r\n");
	client_hears(&c, "452 full\r\n");
	client_sayz(&c, "BDAT 40000\r\n"); /* room is free again */
	client_say(&c, SPAN_BYTES(block, 4096));
	for (int i = 0; i < 9; i++)
		client_say(&c, SPAN_BYTES(block, 3989 + (i == 0)));
	client_sayz(&c, "xy");
	m = rig_cmd(&r, "BDAT");
	assert_int_equal(m->ntok, 1);
	rig_reply(&r, m, NEXT_READ, "250 chunk\r\n");
	client_hears(&c, "250 chunk\r\n");
	client_close(&c);
	rig_stop(&r);
}

static void test_too_big(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	rig_init(&r);
	r.limits.smtp_message_bytes = 10;
	rig_start(&r);
	rig_core_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	to_data(&r, &c);
	client_sayz(&c, "0123456789012345\r\n.\r\nNOOP\r\n");
	m = rig_cmd(&r, "*MESSAGE");
	assert_true(rig_has_tok(m, "TOOBIG"));
	assert_int_equal(m->body.n, 0);
	rig_reply(&r, m, NEXT_READ, "552 big\r\n");
	answer(&r, "NOOP", "250 noop\r\n");
	client_hears(&c, "552 big\r\n250 noop\r\n");
	end(&r, &c);
}

static void test_bdat(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	begin(&r, &c);
	client_sayz(&c, "BDAT 5\r\nab\r\ncBDAT 3 LAST\r\nd\n.NOOP\r\n");
	m = rig_cmd(&r, "BDAT");
	assert_int_equal(m->ntok, 1);
	assert_true(span_eqz(m->tok[0].text, "5") && !m->body.n);
	rig_reply(&r, m, NEXT_READ, "250 1\r\n");
	m = rig_cmd(&r, "BDAT");
	assert_true(span_eqz(m->tok[0].text, "3") && span_eqz(m->tok[1].text, "LAST"));
	assert_int_equal(m->ntok, 2);
	assert_true(span_eqz(m->body, "ab\r\ncd\n."));
	rig_reply(&r, m, NEXT_READ, "250 2\r\n");
	answer(&r, "NOOP", "250 n\r\n");
	client_hears(&c, "250 1\r\n250 2\r\n250 n\r\n");
	/* refused: what came before is forgotten */
	client_sayz(&c, "BDAT 2\r\nxxBDAT 0 LAST\r\n");
	m = rig_cmd(&r, "BDAT");
	{
		struct reply reply;

		reply_init(&reply, m);
		reply_bytes(&reply, SPAN("503 no\r\n"));
		reply.mood = MOOD_BAD_COMMAND;
		rig_reply_full(&r, &reply);
	}
	m = rig_cmd(&r, "BDAT");
	assert_true(m->body.p && m->body.n == 0);
	rig_reply(&r, m, NEXT_READ, "250 e\r\n");
	client_hears(&c, "503 no\r\n250 e\r\n");
	end(&r, &c);
}

static void test_bad_lines(void **state)
{
	struct rig r;
	struct client c;
	char line[3000];

	(void)state;
	begin(&r, &c);
	memset(line, 'A', sizeof(line));
	client_say(&c, SPAN_BYTES(line, sizeof(line)));
	client_sayz(&c, "\r\n");
	client_hears(&c, "500 5.5.6 Line too long\r\n");
	client_sayz(&c, "NOOP\r\n");
	answer(&r, "NOOP", "250 n\r\n");
	client_hears(&c, "250 n\r\n");
	for (int i = 0; i < 19; i++)
		client_sayz(&c, "DATA x\r\n");
	for (size_t lines = 0, n; lines < 19;) {
		n = client_read(&c, line, sizeof(line));
		assert_true(n > 0);
		assert_memory_equal(line, "501 5.5.4", 9);
		for (size_t i = 0; i < n; i++)
			lines += line[i] == '\n';
	}
	client_sayz(&c, "NOOP\r\n"); /* 20 bad lines are forgiven */
	answer(&r, "NOOP", "250 n\r\n");
	client_hears(&c, "250 n\r\n");
	client_close(&c);
	rig_close(&r);
	rig_greet(&r, &c, PORT_SMTP);
	for (int i = 0; i < 40; i++)
		client_sayz(&c, "MAIL FROM:<\r\n");
	for (size_t n = 0, got;; n += got) {
		got = client_read(&c, line + n, sizeof(line) - 1 - n);
		line[n + got] = 0;
		if (got == 0) {
			const char *bye = strstr(line, "421 4.7.0 mx.example.org Too many errors, closing\r\n");

			assert_non_null(bye);
			assert_int_equal(strlen(bye), strlen("421 4.7.0 mx.example.org Too many errors, closing\r\n"));
			break;
		}
	}
	end(&r, &c);
}

static void test_endless_line(void **state)
{
	struct rig r;
	struct client c;
	char line[4096];

	(void)state;
	begin(&r, &c);
	memset(line, 'A', sizeof(line));
	for (int i = 0; i < 17; i++)
		client_say(&c, SPAN_BYTES(line, sizeof(line)));
	client_hears(&c, "421 4.7.0 mx.example.org Line without end, closing\r\n");
	client_ends(&c);
	end(&r, &c);
}

static void test_auth(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;
	struct reply reply;

	(void)state;
	rig_init(&r);
	r.limits.auth_delay_ms = 300;
	r.limits.auth_failures_max = 2;
	rig_start(&r);
	rig_core_up(&r);
	rig_greet(&r, &c, PORT_SUBMISSIONS);
	client_sayz(&c, "AUTH PLAIN\r\n");
	for (int i = 0; i < 2; i++) {
		int64_t t = 0;
		struct timespec a, b;

		m = rig_cmd(&r, "AUTH");
		rig_reply(&r, m, NEXT_CONTINUE, "334 \r\n");
		client_hears(&c, "334 \r\n");
		client_sayz(&c, "AGEAYg==\r\nAUTH PLAIN\r\n");
		m = rig_cmd(&r, "*CONTINUE");
		assert_true(span_eqz(m->tok[0].text, "AGEAYg==") && m->tok[0].kind == TOK_STRING);
		reply_init(&reply, m);
		reply_bytes(&reply, SPAN("535 no\r\n"));
		reply.mood = MOOD_AUTH_FAILED;
		clock_gettime(CLOCK_MONOTONIC, &a);
		rig_reply_full(&r, &reply);
		client_hears(&c, "535 no\r\n");
		clock_gettime(CLOCK_MONOTONIC, &b);
		t = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
		assert_true(t >= 290 * (i + 1));
	}
	client_hears(&c, "421 4.7.0 mx.example.org Too many failed sign-ins, closing\r\n");
	client_ends(&c);
	end(&r, &c);
}

static void test_core_away(void **state)
{
	struct rig r;
	struct client c, d;
	struct cmd *m;
	struct reply reply;

	(void)state;
	rig_init(&r);
	rig_start(&r);
	client_open(&d, r.port[PORT_SMTP]); /* before there is a core */
	client_hears(&d, "421 4.3.2 mx.example.org Server is restarting, try again later\r\n");
	client_ends(&d);
	client_close(&d);
	rig_core_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	client_sayz(&c, "EHLO a.example\r\n");
	m = rig_cmd(&r, "EHLO");
	reply_init(&reply, m);
	reply_bytes(&reply, SPAN("250 ok\r\n"));
	reply.state = SPAN("helo=a");
	rig_reply_full(&r, &reply);
	client_hears(&c, "250 ok\r\n");
	client_sayz(&c, "MAIL FROM:<>\r\n");
	rig_cmd(&r, "MAIL");
	rig_core_down(&r); /* while the command runs */
	client_hears(&c, "451 4.3.0 Interrupted, please try again\r\n");
	client_sayz(&c, "MAIL FROM:<>\r\n");
	client_hears(&c, "451 4.3.2 Server is restarting, please try again\r\n");
	rig_core_up(&r);
	for (;;) { /* the gate learns of the new bus by and by */
		char got[100];

		client_sayz(&c, "NOOP\r\n");
		usleep(50000);
		if (bus_fill(&r.bus) > 0)
			break;
		client_read(&c, got, sizeof(got));
	}
	m = rig_cmd(&r, "NOOP");
	assert_true(m->flags & CMD_OPEN);
	assert_true(span_eqz(m->state, "helo=a"));
	assert_true(m->peer.loopback && span_eqz(m->peer.address, "127.0.0.1"));
	rig_reply(&r, m, NEXT_READ, "250 again\r\n");
	client_hears(&c, "250 again\r\n");
	client_sayz(&c, "NOOP\r\n");
	m = rig_cmd(&r, "NOOP");
	assert_false(m->flags & CMD_OPEN);
	rig_core_down(&r);
	client_hears(&c, "451 4.3.0 Interrupted, please try again\r\n");
	client_sayz(&c, "QUIT\r\n");
	client_hears(&c, "221 2.0.0 mx.example.org Bye\r\n");
	client_ends(&c);
	end(&r, &c);
}

static void test_timeouts(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.smtp_command_sec = 1;
	r.limits.tls_handshake_sec = 1;
	r.limits.proxy_header_sec = 1;
	rig_start(&r);
	rig_core_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	client_sayz(&c, "NOO");
	client_hears(&c, "421 4.4.2 mx.example.org Timeout, closing\r\n");
	client_ends(&c);
	client_close(&c);
	client_open(&c, r.port[PORT_SUBMISSIONS]);
	client_ends(&c);
	client_close(&c);
	client_open(&c, r.port[PORT_PROXY]);
	client_ends(&c);
	end(&r, &c);
}

static void test_lmtp_and_drain(void **state)
{
	struct rig r;
	struct client c, d;

	(void)state;
	rig_init(&r);
	rig_start(&r);
	rig_core_up(&r);
	rig_greet(&r, &c, PORT_LMTP);
	rig_greet(&r, &d, PORT_SMTP);
	client_sayz(&c, "LHLO x.example\r\n");
	{
		struct cmd *m = rig_cmd(&r, "LHLO");

		assert_int_equal(m->service, SVC_LMTP);
		assert_int_equal(link_send(r.link, LINK_DRAIN, SPAN_NONE, -1, NULL), 0);
		client_hears(&d, "421 4.3.2 mx.example.org Server is restarting, closing\r\n");
		client_ends(&d);
		client_close(&d);
		rig_reply(&r, m, NEXT_READ, "250 ok\r\n");
	}
	client_hears(&c, "250 ok\r\n421 4.3.2 mx.example.org Server is restarting, closing\r\n");
	client_ends(&c);
	client_close(&c);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, 0);
	r.joined = true;
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipelining), cmocka_unit_test(test_smuggling),
		cmocka_unit_test(test_big_data), cmocka_unit_test(test_limits_of_bodies),
		cmocka_unit_test(test_too_big), cmocka_unit_test(test_bdat), cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_endless_line), cmocka_unit_test(test_auth),
		cmocka_unit_test(test_core_away), cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_lmtp_and_drain),
	};

	return cmocka_run_group_tests_name("gate_smtp", tests, NULL, NULL);
}
