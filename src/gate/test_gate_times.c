/* The rows of limits.def that are times or count mistakes; as test_gate_limits.c, one test each, named after it. */
#include "gate/test_rig.h"
#include <unistd.h>
#include "bus/link.h"

/* ---- times ---- */

/* From now on the client hears this after so many milliseconds, and that is the end. */
static void goodbye(struct rig *r, struct client *c, const char *said, int64_t from_ms, int64_t to_ms)
{
	int64_t t = rig_now_ms();

	client_hears(c, said);
	client_ends(c);
	rig_after(t, from_ms, to_ms);
	client_close(c);
	rig_stop(r);
}

static void test_proxy_header_sec(void **state)
{
	static const struct span local = SPAN("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
	struct rig r;
	struct client c;
	int64_t t;

	(void)state;
	rig_init(&r);
	r.limits.proxy_header_sec = 1;
	rig_up(&r);
	client_open(&c, r.port[PORT_PROXY]);
	usleep(500000);
	client_say(&c, local);
	rig_reply(&r, rig_cmd(&r, "*GREETING"), NEXT_READ, "hi\r\n");
	client_hears(&c, "hi\r\n");
	client_close(&c);
	t = rig_now_ms();
	client_open(&c, r.port[PORT_PROXY]);
	client_say(&c, span_sub(local, 0, local.n - 1));
	client_ends(&c);
	rig_after(t, 1000, 4000);
	client_close(&c);
	rig_stop(&r);
}

static void test_tls_handshake_sec(void **state)
{
	struct rig r;
	struct client c;
	int64_t t;

	(void)state;
	rig_init(&r);
	r.limits.tls_handshake_sec = 1;
	rig_up(&r);
	client_open(&c, r.port[PORT_IMAPS]);
	usleep(500000);
	client_tls(&c, "mx.example.org");
	rig_reply(&r, rig_cmd(&r, "*GREETING"), NEXT_READ, "hi\r\n");
	client_hears(&c, "hi\r\n");
	client_close(&c);
	t = rig_now_ms();
	client_open(&c, r.port[PORT_IMAPS]);
	client_say(&c, SPAN("\x16\x03\x01\x02"));
	client_ends(&c);
	rig_after(t, 1000, 4000);
	client_close(&c);
	rig_stop(&r);
}

static void test_write_sec(void **state)
{
	struct rig r;
	struct client c;
	int64_t t;

	(void)state;
	rig_init(&r);
	r.limits.write_sec = 2;
	rig_up(&r);
	rig_greet(&r, &c, PORT_IMAP);
	rig_big(&r, &c, NEXT_READ);
	for (int i = 0; i < 4; i++) { /* slow, but it reads: longer than the limit in all */
		usleep(700000);
		client_skip(&c, 8 << 20);
	}
	rig_ask(&r, &c, "n NOOP\r\n", "NOOP", "n OK\r\n");
	rig_big(&r, &c, NEXT_READ);
	t = rig_now_ms();
	assert_true(rig_close(&r)->flags & CMD_CLOSE);
	rig_after(t, 1900, 6000);
	client_close(&c);
	rig_stop(&r);
}

static void test_linger_ms(void **state)
{
	struct rig r;
	struct client c, d;

	(void)state;
	rig_init(&r);
	r.limits.connections_max = 1;
	r.limits.linger_ms = 1000;
	rig_up(&r);
	for (int late = 0; late < 2; late++) {
		rig_greet(&r, &c, PORT_SMTP);
		client_sayz(&c, "QUIT\r\n");
		rig_reply(&r, rig_cmd(&r, "QUIT"), NEXT_CLOSE, "221 bye\r\n");
		client_hears(&c, "221 bye\r\n");
		client_ends(&c);
		rig_refused(&r, PORT_SMTP, RIG_FULL_SMTP); /* its place is still taken */
		if (late)
			usleep(1200000);
		else
			client_close(&c); /* a client that closes is not waited for */
		usleep(100000);
		rig_close(&r);
		rig_greet(&r, &d, PORT_SMTP);
		if (late)
			client_close(&c);
		client_close(&d);
		rig_close(&r);
	}
	rig_stop(&r);
}

static void test_drain_sec(void **state)
{
	struct rig r;
	struct client c, d;
	struct cmd *m;
	int64_t t;

	(void)state;
	rig_init(&r);
	r.limits.drain_sec = 2;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	rig_greet(&r, &d, PORT_SMTP);
	client_sayz(&c, "NOOP\r\n");
	m = rig_cmd(&r, "NOOP");
	client_sayz(&d, "NOOP\r\n");
	rig_cmd(&r, "NOOP"); /* never answered */
	t = rig_now_ms();
	assert_int_equal(link_send(r.link, LINK_DRAIN, SPAN_NONE, -1, NULL), 0);
	usleep(1000000);
	rig_reply(&r, m, NEXT_READ, "250 in time\r\n");
	client_hears(&c, "250 in time\r\n421 4.3.2 mx.example.org Server is restarting, closing\r\n");
	client_ends(&c);
	client_close(&c);
	client_ends(&d);
	rig_after(t, 2000, 6000);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.result, 0);
	r.joined = true;
	client_close(&d);
	rig_stop(&r);
}

static void test_smtp_command_sec(void **state)
{
	struct rig r;
	struct client c;
	int64_t t;

	(void)state;
	rig_init(&r);
	r.limits.smtp_command_sec = 1;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	usleep(500000);
	rig_ask(&r, &c, "NOOP\r\n", "NOOP", "250 ok\r\n");
	t = rig_now_ms();
	client_sayz(&c, "NOO"); /* half a line is none */
	client_hears(&c, "421 4.4.2 mx.example.org Timeout, closing\r\n");
	client_ends(&c);
	rig_after(t, 1000, 4000);
	client_close(&c);
	rig_stop(&r);
}

static void test_smtp_data_sec(void **state)
{
	struct rig r;
	struct client c;
	int64_t t;

	(void)state;
	for (int bdat = 0; bdat < 2; bdat++) {
		rig_init(&r);
		r.limits.smtp_data_sec = 1;
		rig_up(&r);
		rig_greet(&r, &c, PORT_SMTP);
		if (bdat)
			client_sayz(&c, "BDAT 1000 LAST\r\n");
		else
			rig_data(&r, &c);
		for (int i = 0; i < 3; i++) { /* each block has its own second */
			usleep(500000);
			client_sayz(&c, "Subject: slow\r\n");
		}
		t = rig_now_ms();
		client_hears(&c, "421 4.4.2 mx.example.org Timeout, closing\r\n");
		client_ends(&c);
		rig_after(t, 1000, 4000);
		rig_close(&r); /* and no message before it */
		client_close(&c);
		rig_stop(&r);
	}
}

static void test_imap_pre_auth_sec(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.imap_pre_auth_sec = 1;
	rig_up(&r);
	rig_greet(&r, &c, PORT_IMAP);
	usleep(500000);
	rig_ask(&r, &c, "a NOOP\r\n", "NOOP", "a OK\r\n");
	goodbye(&r, &c, "* BYE Autologout; idle for too long\r\n", 1000, 4000);
}

static void test_imap_notify_ms(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;
	uint64_t id;
	int64_t t;

	(void)state;
	rig_init(&r);
	r.limits.imap_notify_ms = 1000;
	rig_up(&r);
	rig_greet(&r, &c, PORT_IMAP);
	rig_sign_in(&r, &c);
	client_sayz(&c, "n NOTIFY SET (personal (MailboxName))\r\n");
	m = rig_cmd(&r, "NOTIFY");
	id = m->session;
	rig_reply(&r, m, NEXT_NOTIFY, "n OK\r\n");
	client_hears(&c, "n OK\r\n");
	t = rig_now_ms();
	rig_notice(&r, id, NOTICE_CHANGED);
	rig_reply(&r, rig_cmd(&r, "*NOTICE"), NEXT_NOTIFY, "* LIST 1\r\n"); /* the first at once */
	client_hears(&c, "* LIST 1\r\n");
	rig_notice(&r, id, NOTICE_CHANGED);
	usleep(300000);
	rig_notice(&r, id, NOTICE_CHANGED);
	rig_reply(&r, rig_cmd(&r, "*NOTICE"), NEXT_NOTIFY, "* LIST 2\r\n"); /* both together, later */
	client_hears(&c, "* LIST 2\r\n");
	rig_after(t, 1000, 6000);
	client_sayz(&c, "o NOOP\r\n");
	rig_reply(&r, rig_any(&r), NEXT_NOTIFY, "o OK\r\n"); /* nothing came in between */
	client_hears(&c, "o OK\r\n");
	client_close(&c);
	rig_stop(&r);
}

/* Core's time for a command begins anew whenever it says that it is still at work. */
static void test_signs_of_life(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	rig_init(&r);
	r.limits.core_bulk_sec = 2;
	rig_up(&r);
	rig_greet(&r, &c, PORT_IMAP);
	rig_sign_in(&r, &c);
	client_sayz(&c, "s SEARCH BODY x\r\nt NOOP\r\n");
	m = rig_cmd(&r, "SEARCH");
	for (int i = 0; i < 3; i++) {
		usleep(1200000);
		rig_reply(&r, m, NEXT_WAIT, "* OK [INPROGRESS (\"s\" 1 9)] Still at work\r\n");
		client_hears(&c, "* OK [INPROGRESS (\"s\" 1 9)] Still at work\r\n");
	}
	rig_reply(&r, m, NEXT_READ, "* SEARCH\r\ns OK\r\n");
	client_hears(&c, "* SEARCH\r\ns OK\r\n");
	m = rig_cmd(&r, "NOOP"); /* not before */
	rig_reply(&r, m, NEXT_READ, "t OK\r\n");
	client_hears(&c, "t OK\r\n");
	client_close(&c);
	rig_stop(&r);
}

static void test_imap_post_auth_sec(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.imap_pre_auth_sec = 1;
	r.limits.imap_post_auth_sec = 2;
	rig_up(&r);
	rig_greet(&r, &c, PORT_IMAP);
	rig_sign_in(&r, &c);
	usleep(1500000);
	rig_ask(&r, &c, "n NOOP\r\n", "NOOP", "n OK\r\n");
	goodbye(&r, &c, "* BYE Autologout; idle for too long\r\n", 2000, 6000);
}

static void test_pop_pre_auth_sec(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.pop_pre_auth_sec = 1;
	rig_up(&r);
	rig_greet(&r, &c, PORT_POP);
	usleep(500000);
	rig_ask(&r, &c, "CAPA\r\n", "CAPA", "+OK\r\n.\r\n");
	goodbye(&r, &c, "-ERR Autologout; idle for too long\r\n", 1000, 4000);
}

static void test_pop_post_auth_sec(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.pop_pre_auth_sec = 1;
	r.limits.pop_post_auth_sec = 2;
	rig_up(&r);
	rig_greet(&r, &c, PORT_POP);
	rig_let_in(&r, &c, "PASS secret\r\n", "PASS", "+OK\r\n");
	usleep(1500000);
	rig_ask(&r, &c, "NOOP\r\n", "NOOP", "+OK\r\n");
	goodbye(&r, &c, "-ERR Autologout; idle for too long\r\n", 2000, 6000);
}

static void test_metrics_sec(void **state)
{
	struct rig r;
	struct client c;
	int64_t t;

	(void)state;
	rig_init(&r);
	r.limits.metrics_sec = 1;
	rig_up(&r);
	client_open(&c, r.port[PORT_METRICS]);
	usleep(500000);
	client_sayz(&c, "GET /metrics HTTP/1.1\r\n\r\n");
	rig_reply(&r, rig_cmd(&r, "*METRICS"), NEXT_READ, "up 1\n");
	client_hears(&c, "HTTP/1.1 200 OK\r\n");
	client_close(&c);
	t = rig_now_ms();
	client_open(&c, r.port[PORT_METRICS]);
	client_sayz(&c, "GET /metrics HTTP/1.1\r\n");
	client_hears(&c, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	client_ends(&c);
	rig_after(t, 1000, 4000);
	client_close(&c);
	rig_stop(&r);
}

/* ---- mistakes ---- */

static void test_bad_commands_max(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.bad_commands_max = 3;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	for (int i = 0; i < 3; i++) {
		client_sayz(&c, "DATA x\r\n");
		client_hears(&c, "501 5.5.4 No argument allowed\r\n");
	}
	rig_ask(&r, &c, "NOOP\r\n", "NOOP", "250 ok\r\n");
	client_sayz(&c, "DATA x\r\nNOOP\r\n");
	client_hears(&c, "501 5.5.4 No argument allowed\r\n421 4.7.0 mx.example.org Too many errors, closing\r\n");
	client_ends(&c);
	client_close(&c);
	rig_close(&r);
	rig_greet(&r, &c, PORT_IMAP);
	for (int i = 0; i < 3; i++) { /* those that core finds count as well */
		struct reply reply;

		client_sayz(&c, "a NONSENSE\r\n");
		reply_init(&reply, rig_cmd(&r, "NONSENSE"));
		reply_bytes(&reply, SPAN("a BAD\r\n"));
		reply.mood = MOOD_BAD_COMMAND;
		rig_reply_full(&r, &reply);
		client_hears(&c, "a BAD\r\n");
	}
	rig_ask(&r, &c, "b NOOP\r\n", "NOOP", "b OK\r\n");
	client_sayz(&c, "c (\r\n");
	client_hears(&c, "c BAD Command missing or malformed\r\n* BYE Too many errors\r\n");
	client_ends(&c);
	client_close(&c);
	rig_stop(&r);
}

static void fail_sign_in(struct rig *r, struct client *c)
{
	struct reply reply;

	client_sayz(c, "AUTH PLAIN AGEAYg==\r\n");
	reply_init(&reply, rig_cmd(r, "AUTH"));
	reply_bytes(&reply, SPAN("535 no\r\n"));
	reply.mood = MOOD_AUTH_FAILED;
	rig_reply_full(r, &reply);
	client_hears(c, "535 no\r\n");
}

static void test_auth_failures_max(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.auth_failures_max = 3;
	r.limits.auth_delay_ms = 1;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SUBMISSIONS);
	fail_sign_in(&r, &c);
	fail_sign_in(&r, &c);
	rig_ask(&r, &c, "NOOP\r\n", "NOOP", "250 ok\r\n");
	fail_sign_in(&r, &c);
	client_hears(&c, "421 4.7.0 mx.example.org Too many failed sign-ins, closing\r\n");
	client_ends(&c);
	client_close(&c);
	rig_stop(&r);
}

static void test_auth_delay_ms(void **state)
{
	struct rig r;
	struct client c;
	int64_t t;

	(void)state;
	rig_init(&r);
	r.limits.auth_delay_ms = 300;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SUBMISSIONS);
	for (int i = 0; i < 3; i++) {
		t = rig_now_ms();
		fail_sign_in(&r, &c);
		rig_after(t, 300 << i, 15000);
	}
	t = rig_now_ms();
	rig_ask(&r, &c, "NOOP\r\n", "NOOP", "250 ok\r\n"); /* what succeeds is not delayed */
	rig_after(t, 0, 1000);
	client_close(&c);
	rig_stop(&r);
}

static void test_auth_delay_max_ms(void **state)
{
	struct rig r;
	struct client c;
	int64_t t;

	(void)state;
	rig_init(&r);
	r.limits.auth_delay_ms = 100;
	r.limits.auth_delay_max_ms = 150;
	r.limits.auth_failures_max = 20;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SUBMISSIONS);
	for (int i = 0; i < 7; i++) { /* without the limit the last would take 6,400 ms */
		t = rig_now_ms();
		fail_sign_in(&r, &c);
		rig_after(t, i ? 150 : 100, 3000);
	}
	client_close(&c);
	rig_stop(&r);
}

/* ---- HTTP ---- */

static void http_times_out(struct rig *r, const char *begun, bool told)
{
	struct client c;
	int64_t t = rig_now_ms();

	client_open(&c, r->port[PORT_HTTP]);
	if (begun)
		client_sayz(&c, begun);
	if (told) {
		client_hears(&c, "HTTP/1.1 408 Request Timeout\r\nDate: ");
		client_skip(&c, sizeof("Sun, 06 Nov 1994 08:49:37 GMT\r\n") - 1);
		client_hears(&c, "Connection: close\r\nContent-Length: 0\r\n\r\n");
	}
	client_ends(&c);
	rig_after(t, 1000, 8000);
	client_close(&c);
}

static void test_http_idle_sec(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.http_idle_sec = 1;
	rig_up(&r);
	http_times_out(&r, NULL, false); /* nothing was asked: nothing is answered */
	rig_stop(&r);
}

static void test_http_head_sec(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.http_head_sec = 1;
	rig_up(&r);
	http_times_out(&r, "GET / HTTP/1.1\r\nHo", true);
	http_times_out(&r, "\r\n", true);
	rig_stop(&r);
}

static void test_http_body_sec(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.http_body_sec = 1;
	rig_up(&r);
	http_times_out(&r, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", true);
	rig_stop(&r);
}

/* ---- the bus ---- */

/* Asked for a connection, says that there is none. */
static void no_bus(struct rig *r, int64_t at_least_ms, int64_t at_most_ms)
{
	int64_t t = rig_now_ms();
	struct link_msg m;

	assert_int_equal(link_recv(r->link, r->arena, &m, NULL), 1);
	assert_int_equal(m.kind, LINK_NEED_BUS);
	rig_after(t, at_least_ms, at_most_ms);
	assert_int_equal(link_send(r->link, LINK_BUS, SPAN_NONE, -1, NULL), 0);
}

static void test_bus_retry_ms(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.bus_retry_ms = 200;
	rig_start(&r);
	no_bus(&r, 0, 5000);
	no_bus(&r, 200, 5000);
	no_bus(&r, 400, 5000);
	no_bus(&r, 800, 5000);
	rig_core_up(&r);
	rig_core_down(&r);
	no_bus(&r, 0, 1200); /* from the beginning again */
	no_bus(&r, 200, 1200);
	rig_stop(&r);
}

static void test_bus_retry_max_ms(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.bus_retry_ms = 100;
	r.limits.bus_retry_max_ms = 150;
	rig_start(&r);
	no_bus(&r, 0, 3000);
	for (int i = 0; i < 8; i++) /* without the limit the last would come after 12,800 ms */
		no_bus(&r, i ? 150 : 100, 3000);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proxy_header_sec),
		cmocka_unit_test(test_tls_handshake_sec),
		cmocka_unit_test(test_write_sec),
		cmocka_unit_test(test_linger_ms),
		cmocka_unit_test(test_drain_sec),
		cmocka_unit_test(test_smtp_command_sec),
		cmocka_unit_test(test_smtp_data_sec),
		cmocka_unit_test(test_imap_pre_auth_sec),
		cmocka_unit_test(test_imap_notify_ms), cmocka_unit_test(test_signs_of_life), cmocka_unit_test(test_imap_post_auth_sec),
		cmocka_unit_test(test_pop_pre_auth_sec),
		cmocka_unit_test(test_pop_post_auth_sec),
		cmocka_unit_test(test_metrics_sec),
		cmocka_unit_test(test_http_idle_sec),
		cmocka_unit_test(test_http_head_sec),
		cmocka_unit_test(test_http_body_sec),
		cmocka_unit_test(test_bad_commands_max),
		cmocka_unit_test(test_auth_failures_max),
		cmocka_unit_test(test_auth_delay_ms),
		cmocka_unit_test(test_auth_delay_max_ms),
		cmocka_unit_test(test_bus_retry_ms),
		cmocka_unit_test(test_bus_retry_max_ms),
	};

	return cmocka_run_group_tests_name("gate_times", tests, NULL, NULL);
}
