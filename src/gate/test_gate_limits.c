/* One test per row of limits.def, named after it: what just fits passes, one more gets exactly the answer it must.
 * tools/make-docs names these tests in docs/limits.md. */
#include "gate/test_rig.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/scan.h"
#include "bus/link.h"

/* n octets of message (n >= 2); the command as it reaches core. */
static struct cmd *data(struct rig *r, struct client *c, size_t n)
{
	rig_data(r, c);
	client_fill(c, n - 2);
	client_sayz(c, "\r\n.\r\n");
	return rig_cmd(r, "*MESSAGE");
}

/* ---- the door ---- */

static void test_connections_max(void **state)
{
	struct rig r;
	struct client c[2];

	(void)state;
	rig_init(&r);
	r.limits.connections_max = 2;
	rig_up(&r);
	rig_greet(&r, &c[0], PORT_IMAP);
	rig_greet(&r, &c[1], PORT_SMTP);
	rig_refused(&r, PORT_IMAP, RIG_FULL_IMAP);
	rig_refused(&r, PORT_SMTP, RIG_FULL_SMTP);
	client_close(&c[0]);
	rig_close(&r);
	rig_greet(&r, &c[0], PORT_IMAP);
	client_close(&c[0]);
	client_close(&c[1]);
	rig_stop(&r);
}

static void test_address_connections_max(void **state)
{
	struct rig r;
	struct client c[3];

	(void)state;
	rig_init(&r);
	r.limits.loopback_exempt = 0;
	r.limits.address_connections_max = 3;
	rig_up(&r);
	for (int i = 0; i < 3; i++)
		rig_greet(&r, &c[i], i == 1 ? PORT_IMAP : PORT_SMTP);
	rig_refused(&r, PORT_SMTP, RIG_FULL_SMTP);
	rig_refused(&r, PORT_IMAP, RIG_FULL_IMAP);
	client_close(&c[1]);
	rig_close(&r);
	rig_greet(&r, &c[1], PORT_SMTP);
	for (int i = 0; i < 3; i++)
		client_close(&c[i]);
	rig_stop(&r);
}

static void test_address_accept_burst(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.loopback_exempt = 0;
	r.limits.address_accept_burst = 3;
	r.limits.address_accept_per_min = 1;
	rig_up(&r);
	for (int i = 0; i < 3; i++) {
		rig_greet(&r, &c, PORT_SMTP);
		client_close(&c);
		rig_close(&r);
	}
	rig_refused(&r, PORT_SMTP, RIG_FULL_SMTP);
	rig_stop(&r);
}

static void test_address_accept_per_min(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.loopback_exempt = 0;
	r.limits.address_accept_burst = 1;
	r.limits.address_accept_per_min = 30;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	client_close(&c);
	rig_refused(&r, PORT_SMTP, RIG_FULL_SMTP);
	usleep(2050000); /* one every two seconds */
	rig_greet(&r, &c, PORT_SMTP);
	client_close(&c);
	rig_refused(&r, PORT_SMTP, RIG_FULL_SMTP);
	rig_stop(&r);
}

/* The first `burst` commands at once, each further one in its time; the greeting is no client's command but costs one. */
static void test_address_command_burst(void **state)
{
	struct rig r;
	struct client c;
	int64_t t;

	(void)state;
	rig_init(&r);
	r.limits.loopback_exempt = 0;
	r.limits.address_command_burst = 5;
	r.limits.address_commands_per_sec = 1;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	t = rig_now_ms();
	for (int i = 0; i < 4; i++)
		rig_ask(&r, &c, "NOOP\r\n", "NOOP", "250 fine\r\n");
	rig_after(t, 0, 900);
	rig_ask(&r, &c, "NOOP\r\n", "NOOP", "250 fine\r\n");
	rig_after(t, 800, 5000);
	client_close(&c);
	rig_stop(&r);
}

/* Two connections of one address share it; many commands in one packet are nothing but many commands. */
static void test_address_commands_per_sec(void **state)
{
	struct rig r;
	struct client c, d;
	int64_t t;

	(void)state;
	rig_init(&r);
	r.limits.loopback_exempt = 0;
	r.limits.address_command_burst = 2;
	r.limits.address_commands_per_sec = 10;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	rig_greet(&r, &d, PORT_SMTP);
	t = rig_now_ms();
	client_sayz(&c, "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n");
	for (int i = 0; i < 6; i++)
		rig_reply(&r, rig_cmd(&r, "NOOP"), NEXT_READ, "250 fine\r\n");
	rig_ask(&r, &d, "NOOP\r\n", "NOOP", "250 fine\r\n");
	rig_after(t, 500, 10000);
	client_close(&c);
	client_close(&d);
	rig_stop(&r);
}

static void test_loopback_exempt(void **state)
{
	struct rig r;
	struct client c, d;

	(void)state;
	for (int exempt = 0; exempt < 2; exempt++) {
		rig_init(&r);
		r.limits.loopback_exempt = (uint64_t)exempt;
		r.limits.address_connections_max = 1;
		r.limits.address_accept_per_min = 1;
		rig_up(&r);
		rig_greet(&r, &c, PORT_SMTP);
		if (exempt) {
			rig_greet(&r, &d, PORT_SMTP);
			client_close(&d);
		} else {
			rig_refused(&r, PORT_SMTP, RIG_FULL_SMTP);
		}
		client_close(&c);
		rig_stop(&r);
	}
}

static unsigned refusals;
static void count_refusals(struct span line)
{
	if (span_find(line, SPAN("event=refused")) >= 0)
		__atomic_add_fetch(&refusals, 1, __ATOMIC_SEQ_CST);
}

static void test_refusal_logs_per_sec(void **state)
{
	struct rig r;
	struct client c;
	struct timespec t;

	(void)state;
	rig_init(&r);
	r.limits.loopback_exempt = 0;
	r.limits.address_connections_max = 1;
	r.limits.refusal_logs_per_sec = 2;
	log_test_sink(count_refusals);
	rig_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	for (unsigned second = 1; second < 3; second++) {
		clock_gettime(CLOCK_REALTIME, &t);
		usleep(1000000 - (unsigned)(t.tv_nsec / 1000) + 5000); /* at a second's beginning */
		for (int i = 0; i < 5; i++) {
			rig_refused(&r, PORT_SMTP, RIG_FULL_SMTP);
			if (i < 2)
				assert_int_equal(refusals, 2 * (second - 1) + (unsigned)i + 1);
		}
		assert_int_equal(refusals, 2 * second);
	}
	client_close(&c);
	rig_stop(&r);
}

/* ---- room ---- */

static int64_t logged_in; /* "in" of the last connection's line: what the gate has read */
static void watch_input(struct span line)
{
	ssize_t at = span_find(line, SPAN(" in="));
	struct span rest = span_from(line, at < 0 ? line.n : (size_t)at + 4);
	uint64_t n;

	if (at >= 0 && span_num(span_cut(&rest, ' '), &n, 0, INT64_MAX))
		logged_in = (int64_t)n;
}

static void test_input_bytes(void **state)
{
	static const struct {
		size_t sent;
		int64_t taken;
	} rows[] = { { 4095, 4095 }, { 4096, 4096 }, { 4097, 4096 }, { 50000, 4096 } };
	struct rig r;
	struct client c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rig_init(&r);
		r.limits.input_bytes = 4096;
		log_test_sink(watch_input);
		rig_up(&r);
		rig_greet(&r, &c, PORT_SMTP);
		client_sayz(&c, "NOOP\r\n");
		rig_cmd(&r, "NOOP"); /* while it runs */
		client_fill(&c, rows[i].sent);
		usleep(200000);
		rig_stop(&r);
		assert_int_equal(logged_in - 6, rows[i].taken);
		client_close(&c);
	}
}

static bool core_asked(struct rig *r)
{
	uint8_t b;

	return buf_span(&r->bus.in).n > r->bus.in_used || recv(r->bus.fd, &b, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

static void test_output_low_bytes(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.output_low_bytes = 32 << 20;
	rig_up(&r);
	rig_greet(&r, &c, PORT_IMAP);
	rig_big(&r, &c, NEXT_MORE);
	assert_true(rig_cmd(&r, "FETCH")->flags & CMD_MORE); /* the first byte sent is enough */
	client_close(&c);
	rig_stop(&r);
	rig_init(&r);
	r.limits.output_low_bytes = 4 << 20;
	rig_up(&r);
	rig_greet(&r, &c, PORT_IMAP);
	rig_big(&r, &c, NEXT_MORE);
	usleep(300000);
	assert_false(core_asked(&r)); /* the sockets have taken some MiB, more than 4 wait */
	client_skip(&c, (28 << 20) + 1);
	assert_true(rig_cmd(&r, "FETCH")->flags & CMD_MORE);
	client_close(&c);
	rig_stop(&r);
}

static void test_output_total_bytes(void **state)
{
	struct rig r;
	struct client c, d, idle;

	(void)state;
	rig_init(&r);
	r.limits.output_total_bytes = 40 << 20; /* a queue of up to 32 fits, two (less what sockets take) do not */
	rig_up(&r);
	rig_greet(&r, &idle, PORT_IMAP);
	rig_greet(&r, &c, PORT_IMAP);
	rig_greet(&r, &d, PORT_IMAP);
	rig_big(&r, &c, NEXT_READ);
	usleep(300000);
	assert_false(core_asked(&r));
	rig_big(&r, &d, NEXT_READ);
	rig_close(&r);
	rig_ask(&r, &idle, "a NOOP\r\n", "NOOP", "a OK\r\n"); /* others go on */
	client_close(&c);
	client_close(&d);
	client_close(&idle);
	rig_stop(&r);
}

static void test_smtp_message_bytes(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	rig_init(&r);
	r.limits.smtp_message_bytes = 1000;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	for (size_t n = 1000; n <= 1001; n++) {
		m = data(&r, &c, n);
		assert_int_equal(rig_has_tok(m, "TOOBIG"), n > 1000);
		assert_int_equal(m->body.n, n > 1000 ? 0 : n);
		rig_reply(&r, m, NEXT_READ, "250 ok\r\n");
		client_hears(&c, "250 ok\r\n");
		client_sayz(&c, n > 1000 ? "BDAT 1001 LAST\r\n" : "BDAT 1000 LAST\r\n");
		client_fill(&c, n);
		m = rig_cmd(&r, "BDAT");
		assert_int_equal(rig_has_tok(m, "TOOBIG"), n > 1000);
		assert_int_equal(m->body.n, n > 1000 ? 0 : n);
		rig_reply(&r, m, NEXT_READ, "250 ok\r\n");
		client_hears(&c, "250 ok\r\n");
	}
	client_close(&c);
	rig_stop(&r);
}

static void test_sieve_script_bytes(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	rig_init(&r);
	r.limits.sieve_script_bytes = 1000;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SIEVE);
	rig_let_in(&r, &c, "AUTHENTICATE \"PLAIN\" \"AGEAYg==\"\r\n", "AUTHENTICATE", "OK\r\n");
	client_sayz(&c, "PUTSCRIPT \"s\" {1000+}\r\n");
	client_fill(&c, 1000);
	client_sayz(&c, "\r\n");
	m = rig_cmd(&r, "PUTSCRIPT");
	assert_int_equal(m->ntok, 2);
	assert_int_equal(m->tok[1].text.n, 1000);
	rig_reply(&r, m, NEXT_READ, "OK\r\n");
	client_hears(&c, "OK\r\n");
	client_sayz(&c, "PUTSCRIPT \"s\" {1001+}\r\n");
	client_fill(&c, 1001);
	client_sayz(&c, "\r\n");
	client_hears(&c, "NO (QUOTA/MAXSIZE) \"This is larger than 1000 octets\"\r\n");
	rig_ask(&r, &c, "NOOP\r\n", "NOOP", "OK\r\n");
	client_close(&c);
	rig_stop(&r);
}

static void test_spool_bytes(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	rig_init(&r);
	r.limits.spool_bytes = 100000;
	rig_up(&r);
	rig_greet(&r, &c, PORT_IMAP);
	rig_sign_in(&r, &c);
	client_sayz(&c, "b APPEND INBOX {100001}\r\n");
	client_hears(&c, "b NO [LIMIT] No room for this message now, try again later\r\n");
	client_sayz(&c, "c APPEND INBOX {100000}\r\n");
	client_hears(&c, "+ OK\r\n");
	client_fill(&c, 100000);
	client_sayz(&c, "\r\n");
	m = rig_cmd(&r, "APPEND");
	assert_int_equal(m->spool_len, 100000);
	close(m->spool_fd);
	rig_reply(&r, m, NEXT_READ, "c OK\r\n");
	client_hears(&c, "c OK\r\n");
	client_close(&c);
	rig_close(&r);
	rig_greet(&r, &c, PORT_SMTP);
	for (size_t n = 100000; n <= 100001; n++) {
		m = data(&r, &c, n);
		assert_int_equal(rig_has_tok(m, "NOSPACE"), n > 100000);
		assert_int_equal(m->spool_len, n > 100000 ? 0 : n);
		io_close(&m->spool_fd);
		rig_reply(&r, m, NEXT_READ, "250 ok\r\n");
		client_hears(&c, "250 ok\r\n");
	}
	client_close(&c);
	rig_stop(&r);
}

static void test_spool_address_bytes(void **state)
{
	struct rig r;
	struct client c, d;
	struct cmd *m;

	(void)state;
	for (int exempt = 0; exempt < 2; exempt++) {
		rig_init(&r);
		r.limits.loopback_exempt = (uint64_t)exempt;
		r.limits.spool_address_bytes = 1000;
		rig_up(&r);
		rig_greet(&r, &c, PORT_SMTP);
		rig_greet(&r, &d, PORT_SMTP);
		client_sayz(&c, "BDAT 600\r\n"); /* kept until LAST comes */
		client_fill(&c, 600);
		rig_reply(&r, rig_cmd(&r, "BDAT"), NEXT_READ, "250 chunk\r\n");
		client_hears(&c, "250 chunk\r\n");
		for (size_t n = 400; n <= 401; n++) {
			m = data(&r, &d, n);
			assert_int_equal(rig_has_tok(m, "NOSPACE"), n > 400 && !exempt);
			rig_reply(&r, m, NEXT_READ, "250 ok\r\n");
			client_hears(&d, "250 ok\r\n");
		}
		client_close(&c);
		client_close(&d);
		rig_stop(&r);
	}
}

static void test_spool_inline_bytes(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	rig_init(&r);
	r.limits.spool_inline_bytes = 1000;
	rig_up(&r);
	rig_greet(&r, &c, PORT_SMTP);
	for (size_t n = 1000; n <= 1001; n++) {
		m = data(&r, &c, n);
		assert_int_equal(m->body.n, n > 1000 ? 0 : n);
		assert_int_equal(m->spool_len, n > 1000 ? n : 0);
		assert_int_equal(m->spool_fd >= 0, n > 1000);
		io_close(&m->spool_fd);
		rig_reply(&r, m, NEXT_READ, "250 ok\r\n");
		client_hears(&c, "250 ok\r\n");
	}
	client_close(&c);
	rig_stop(&r);
}

/* ---- HTTP ---- */

#define HTTP_ENDS "Connection: close\r\nContent-Length: 0\r\n\r\n"

/* Status line, a date, the rest. */
static void http_says(struct client *c, const char *status)
{
	client_hears(c, status);
	client_hears(c, "\r\nDate: ");
	client_skip(c, sizeof("Sun, 06 Nov 1994 08:49:37 GMT\r\n") - 1);
	client_hears(c, HTTP_ENDS);
	client_ends(c);
	client_close(c);
}

static void test_http_head_bytes(void **state)
{
	static const char start[] = "GET /x HTTP/1.1\r\nHost: a\r\nX: ";
	struct rig r;
	struct client c;
	struct cmd *m;
	char fill[1000];

	(void)state;
	rig_init(&r);
	r.limits.http_head_bytes = 1000;
	rig_up(&r);
	memset(fill, 'x', sizeof(fill));
	for (size_t more = 0; more < 2; more++) {
		client_open(&c, r.port[PORT_HTTP]);
		client_say_more(&c, SPAN_BYTES(start, sizeof(start) - 1));
		client_say_more(&c, SPAN_BYTES(fill, 1000 - (sizeof(start) - 1) - 4 + more));
		client_sayz(&c, "\r\n\r\n");
		if (more) {
			http_says(&c, "HTTP/1.1 431 Request Header Fields Too Large");
			break;
		}
		m = rig_cmd(&r, "GET");
		assert_true(rig_has_tok(m, "/x"));
		rig_reply(&r, m, NEXT_CLOSE, "HTTP/1.1 204 x\r\n\r\n");
		client_hears(&c, "HTTP/1.1 204 x\r\n\r\n");
		client_ends(&c);
		client_close(&c);
	}
	client_open(&c, r.port[PORT_HTTP]); /* without an end */
	client_say_more(&c, SPAN_BYTES(start, sizeof(start) - 1));
	client_say(&c, SPAN_BYTES(fill, sizeof(fill)));
	http_says(&c, "HTTP/1.1 431 Request Header Fields Too Large");
	rig_stop(&r);
}

static void test_http_body_bytes(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	rig_init(&r);
	r.limits.http_body_bytes = 1000;
	rig_up(&r);
	client_open(&c, r.port[PORT_HTTP]);
	client_sayz(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
	client_hears(&c, "HTTP/1.1 100 Continue\r\n\r\n");
	client_fill(&c, 1000);
	m = rig_cmd(&r, "POST");
	assert_int_equal(m->body.n, 1000);
	rig_reply(&r, m, NEXT_READ, "one\r\n");
	client_sayz(&c, "\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
	client_hears(&c, "one\r\n");
	http_says(&c, "HTTP/1.1 413 Content Too Large");
	rig_stop(&r);
}

/* ---- the bus ---- */

/* Messages of 60,000 octets for a core that does not read: how many leave their connections. A command that had left is
 * interrupted when core goes, the others were never begun. */
static int taken_by_gate(struct rig *r)
{
	enum { MANY = 40 };
	struct client c[MANY];
	int taken = 0;

	rig_up(r);
	for (int i = 0; i < MANY; i++) {
		rig_greet(r, &c[i], PORT_SMTP);
		rig_data(r, &c[i]);
	}
	for (int i = 0; i < MANY; i++) {
		client_fill(&c[i], 60000 - 2);
		client_sayz(&c[i], "\r\n.\r\n");
		usleep(20000); /* one by one: only what the socket does not take is pending */
	}
	usleep(200000);
	rig_core_down(r);
	for (int i = 0; i < MANY; i++) {
		char got[8];

		client_hears(&c[i], "451 4.3.");
		assert_int_equal(client_read(&c[i], got, 1), 1);
		taken += got[0] == '0';
		client_hears(&c[i], got[0] == '0' ? " Interrupted, please try again\r\n" :
						    " Server is restarting, please try again\r\n");
		client_close(&c[i]);
	}
	rig_stop(r);
	return taken;
}

static void test_bus_pending_bytes(void **state)
{
	struct rig r;
	int few, more;

	(void)state;
	rig_init(&r);
	r.limits.bus_pending_bytes = 100000;
	few = taken_by_gate(&r);
	rig_init(&r);
	r.limits.bus_pending_bytes = 100000 + 10 * 60000;
	more = taken_by_gate(&r);
	assert_in_range(few, 2, 10); /* what the socket itself holds, and two more */
	assert_in_range(more - few, 9, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_max),
		cmocka_unit_test(test_address_connections_max),
		cmocka_unit_test(test_address_accept_burst),
		cmocka_unit_test(test_address_accept_per_min),
		cmocka_unit_test(test_address_command_burst),
		cmocka_unit_test(test_address_commands_per_sec),
		cmocka_unit_test(test_loopback_exempt),
		cmocka_unit_test(test_refusal_logs_per_sec),
		cmocka_unit_test(test_input_bytes),
		cmocka_unit_test(test_output_low_bytes),
		cmocka_unit_test(test_output_total_bytes),
		cmocka_unit_test(test_smtp_message_bytes),
		cmocka_unit_test(test_sieve_script_bytes),
		cmocka_unit_test(test_spool_bytes),
		cmocka_unit_test(test_spool_address_bytes),
		cmocka_unit_test(test_spool_inline_bytes),
		cmocka_unit_test(test_http_head_bytes),
		cmocka_unit_test(test_http_body_bytes),
		cmocka_unit_test(test_bus_pending_bytes),
	};

	return cmocka_run_group_tests_name("gate_limits", tests, NULL, NULL);
}
