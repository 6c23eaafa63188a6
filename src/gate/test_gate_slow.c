/* Core does not answer in time: the client hears a temporary failure, the late answer harms nobody. */
#include "gate/test_rig.h"
#include <string.h>
#include <unistd.h>
#include "base/io.h"

#define SMTP_SLOW "421 4.3.0 mx.example.org Server takes too long, try again later\r\n"
#define IMAP_SLOW "* BYE [UNAVAILABLE] Server takes too long, try again later\r\n"

static void begin(struct rig *r)
{
	rig_start(r);
	rig_core_up(r);
}

/* A session that lives on shows that the gate took the late reply, and that it was for nobody. */
static void late_reply(struct rig *r, const struct cmd *late)
{
	struct client d;
	struct reply reply;
	int fd = io_memfd("late");

	assert_int_equal(write(fd, "late", 4), 4);
	reply_init(&reply, late);
	reply_bytes(&reply, SPAN("late\r\n"));
	reply.seg[reply.nseg++] = (struct segment){ .fd = fd, .len = 4 };
	rig_reply_full(r, &reply);
	rig_greet(r, &d, PORT_SMTP);
	client_sayz(&d, "NOOP\r\n");
	rig_reply(r, rig_cmd(r, "NOOP"), NEXT_READ, "250 ok\r\n");
	client_hears(&d, "250 ok\r\n");
	client_close(&d);
}

static void test_core_sec(void **state)
{
	struct rig r;
	struct client c;
	struct cmd m;

	(void)state;
	rig_init(&r);
	r.limits.core_sec = 1;
	r.limits.core_bulk_sec = 60;
	begin(&r);
	rig_greet(&r, &c, PORT_SMTP);
	client_sayz(&c, "RCPT TO:<b@b.example>\r\nNOOP\r\n");
	m = *rig_cmd(&r, "RCPT");
	client_hears(&c, SMTP_SLOW); /* and no word to NOOP, whose turn never came */
	client_ends(&c);
	assert_int_equal(rig_close(&r)->session, m.session);
	late_reply(&r, &m);
	client_close(&c);
	client_open(&c, r.port[PORT_SMTP]); /* the greeting is a command, too */
	m = *rig_cmd(&r, "*GREETING");
	client_hears(&c, SMTP_SLOW);
	client_ends(&c);
	client_close(&c);
	rig_stop(&r);
}

/* While the client has not closed yet, the late reply finds the connection on its way out. */
static void test_late_before_the_end(void **state)
{
	struct rig r;
	struct client c;
	struct cmd m;

	(void)state;
	rig_init(&r);
	r.limits.core_sec = 1;
	r.limits.core_bulk_sec = 60;
	begin(&r);
	rig_greet(&r, &c, PORT_IMAP);
	client_sayz(&c, "a NOOP\r\n");
	m = *rig_cmd(&r, "NOOP");
	client_hears(&c, "a NO [UNAVAILABLE] Server takes too long, please try again\r\n" IMAP_SLOW);
	assert_int_equal(rig_close(&r)->session, m.session);
	late_reply(&r, &m);
	client_ends(&c);
	client_close(&c);
	rig_stop(&r);
}

static void test_core_bulk_sec(void **state)
{
	struct rig r;
	struct client c, d;

	(void)state;
	rig_init(&r);
	r.limits.core_sec = 1;
	r.limits.core_bulk_sec = 3;
	begin(&r);
	rig_greet(&r, &c, PORT_SMTP);
	client_sayz(&c, "DATA\r\n");
	rig_reply(&r, rig_cmd(&r, "DATA"), NEXT_DATA, "354 go\r\n");
	client_hears(&c, "354 go\r\n");
	client_sayz(&c, "text\r\n.\r\n");
	{
		struct cmd *m = rig_cmd(&r, "*MESSAGE");

		usleep(1800000);
		rig_reply(&r, m, NEXT_READ, "250 queued\r\n");
	}
	client_hears(&c, "250 queued\r\n");
	rig_greet(&r, &d, PORT_IMAP);
	client_sayz(&d, "a UID COPY 1:* x\r\n");
	rig_cmd(&r, "UID COPY");
	client_hears(&d, "a NO [UNAVAILABLE] Server takes too long, please try again\r\n" IMAP_SLOW);
	client_ends(&d);
	client_close(&d);
	client_close(&c);
	rig_stop(&r);
}

/* Each part of a long answer has its own time, and a *SYNC nobody waits for ends with BYE alone. */
static void test_parts_and_idle(void **state)
{
	struct rig r;
	struct client c;
	struct reply reply;
	struct cmd *m;
	uint64_t id;

	(void)state;
	rig_init(&r);
	r.limits.core_sec = 2;
	r.limits.core_bulk_sec = 60;
	begin(&r);
	id = rig_greet(&r, &c, PORT_IMAP);
	client_sayz(&c, "a FETCH 1:* FLAGS\r\n");
	m = rig_cmd(&r, "FETCH");
	for (int i = 0; i < 3; i++) {
		usleep(1000000);
		reply_init(&reply, m);
		reply_bytes(&reply, SPAN("* 1 FETCH ()\r\n"));
		reply.next = NEXT_MORE;
		rig_reply_full(&r, &reply);
		client_hears(&c, "* 1 FETCH ()\r\n");
		m = rig_cmd(&r, "FETCH");
	}
	rig_reply(&r, m, NEXT_READ, "a OK\r\n");
	client_sayz(&c, "b IDLE\r\n");
	rig_reply(&r, rig_cmd(&r, "IDLE"), NEXT_IDLE, "+ idling\r\n");
	client_hears(&c, "a OK\r\n+ idling\r\n");
	rig_notice(&r, id, NOTICE_CHANGED);
	rig_cmd(&r, "*SYNC");
	client_hears(&c, IMAP_SLOW);
	client_ends(&c);
	client_close(&c);
	rig_stop(&r);
}

/* Sealed by hand: who waits hears it at once, who is in the middle of something when that is over. */
static void test_sealed(void **state)
{
	struct rig r;
	struct client imap, idle, smtp, busy, body;
	struct cmd m;

	(void)state;
	rig_init(&r);
	r.limits.core_sec = 60;
	r.limits.core_bulk_sec = 60;
	begin(&r);
	rig_greet(&r, &imap, PORT_IMAP);
	rig_greet(&r, &idle, PORT_IMAP);
	rig_greet(&r, &smtp, PORT_SMTP);
	rig_greet(&r, &busy, PORT_IMAP);
	rig_greet(&r, &body, PORT_SMTP);
	client_sayz(&idle, "i IDLE\r\n");
	rig_reply(&r, rig_cmd(&r, "IDLE"), NEXT_IDLE, "+ idling\r\n");
	client_hears(&idle, "+ idling\r\n");
	client_sayz(&body, "DATA\r\n");
	rig_reply(&r, rig_cmd(&r, "DATA"), NEXT_DATA, "354 go\r\n");
	client_hears(&body, "354 go\r\n");
	client_sayz(&busy, "b NOOP\r\n");
	m = *rig_cmd(&r, "NOOP");
	rig_notice(&r, NOTICE_EVERY, NOTICE_SEALED);
	client_hears(&imap, "* BYE [UNAVAILABLE] temporarily sealed\r\n");
	client_hears(&idle, "* BYE [UNAVAILABLE] temporarily sealed\r\n");
	client_hears(&smtp, "421 4.3.2 mx.example.org Temporarily sealed, try again later\r\n");
	client_ends(&imap);
	client_ends(&idle);
	client_ends(&smtp);
	rig_reply(&r, &m, NEXT_READ, "b OK\r\n");
	client_hears(&busy, "b OK\r\n* BYE [UNAVAILABLE] temporarily sealed\r\n");
	client_ends(&busy);
	client_sayz(&body, "text\r\n.\r\n");
	rig_reply(&r, rig_cmd(&r, "*MESSAGE"), NEXT_READ, "450 no\r\n");
	client_hears(&body, "450 no\r\n421 4.3.2 mx.example.org Temporarily sealed, try again later\r\n");
	client_ends(&body);
	client_close(&imap);
	client_close(&idle);
	client_close(&smtp);
	client_close(&busy);
	client_close(&body);
	rig_stop(&r);
}

/* The same two farewells as POP3 and ManageSieve say them. */
static void test_other_protocols(void **state)
{
	static const struct {
		enum rig_port port;
		const char *line, *verb, *answer, *slow, *sealed;
	} row[] = {
		{ PORT_POP, "CAPA\r\n", "CAPA", "+OK\r\n.\r\n", "-ERR [SYS/TEMP] Server takes too long, try again later\r\n",
			"-ERR [SYS/TEMP] Temporarily sealed\r\n" },
		{ PORT_SIEVE, "NOOP\r\n", "NOOP", "OK\r\n", "BYE (TRYLATER) \"Server takes too long, try again later\"\r\n",
			"BYE (TRYLATER) \"Temporarily sealed\"\r\n" },
	};
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.core_sec = 1;
	begin(&r);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		rig_greet(&r, &c, row[i].port);
		client_sayz(&c, row[i].line);
		rig_cmd(&r, row[i].verb);
		client_hears(&c, row[i].slow);
		client_ends(&c);
		client_close(&c);
		rig_greet(&r, &c, row[i].port);
		rig_ask(&r, &c, row[i].line, row[i].verb, row[i].answer);
		rig_notice(&r, NOTICE_EVERY, NOTICE_SEALED);
		client_hears(&c, row[i].sealed);
		client_ends(&c);
		client_close(&c);
	}
	rig_stop(&r);
}

#define HTTP_DATE_LEN (sizeof("Sun, 06 Nov 1994 08:49:37 GMT\r\n") - 1)

static void hears_503(struct client *c)
{
	client_hears(c, "HTTP/1.1 503 Service Unavailable\r\nDate: ");
	client_skip(c, HTTP_DATE_LEN);
	client_hears(c, "Connection: close\r\nContent-Length: 0\r\n\r\n");
	client_ends(c);
	client_close(c);
}

/* HTTP greets nobody, so its farewells have a test of their own: core is slow, the house is sealed, core is lost. */
static void test_http(void **state)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	rig_init(&r);
	r.limits.core_sec = 1;
	begin(&r);
	client_open(&c, r.port[PORT_HTTP]);
	client_sayz(&c, get);
	rig_cmd(&r, "GET");
	hears_503(&c);
	client_open(&c, r.port[PORT_HTTP]);
	client_sayz(&c, get);
	m = rig_cmd(&r, "GET");
	rig_reply(&r, m, NEXT_READ, "answer\r\n");
	client_hears(&c, "answer\r\n");
	rig_notice(&r, NOTICE_EVERY, NOTICE_SEALED);
	hears_503(&c);
	client_open(&c, r.port[PORT_HTTP]);
	client_sayz(&c, get);
	rig_cmd(&r, "GET");
	rig_core_down(&r);
	hears_503(&c);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_core_sec), cmocka_unit_test(test_late_before_the_end),
		cmocka_unit_test(test_core_bulk_sec), cmocka_unit_test(test_parts_and_idle),
		cmocka_unit_test(test_sealed), cmocka_unit_test(test_other_protocols),
		cmocka_unit_test(test_http) };

	return cmocka_run_group_tests_name("gate_slow", tests, NULL, NULL);
}
