/* IMAP, metrics, PROXY and TLS through gate_main: the test is supervisor, core and client. */
#include "gate/test_rig.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/io.h"
#include "bus/link.h"
#include "net/deflate.h"
#include "net/test_cert.h"

static void begin(struct rig *r, struct client *c, enum rig_port port)
{
	rig_init(r);
	rig_start(r);
	rig_core_up(r);
	rig_greet(r, c, port);
}

static void end(struct rig *r, struct client *c)
{
	client_close(c);
	rig_stop(r);
}

static void reply_authenticated(struct rig *r, struct cmd *m, const char *text)
{
	struct reply reply;

	reply_init(&reply, m);
	reply_bytes(&reply, span_str(text));
	reply.authenticated = true;
	reply.state = SPAN("account=1");
	rig_reply_full(r, &reply);
}

static void sign_in(struct rig *r, struct client *c)
{
	client_sayz(c, "a LOGIN u p\r\n");
	reply_authenticated(r, rig_cmd(r, "LOGIN"), "a OK\r\n");
	client_hears(c, "a OK\r\n");
}

static void test_literals(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	begin(&r, &c, PORT_IMAP);
	client_sayz(&c, "a1 LOGIN {3}\r\n");
	client_hears(&c, "+ OK\r\n");
	client_sayz(&c, "joe {4+}\r\np \"w\r\na2 noop\r\n");
	m = rig_cmd(&r, "LOGIN");
	assert_true(span_eqz(m->tag, "a1"));
	assert_int_equal(m->ntok, 2);
	assert_true(span_eqz(m->tok[0].text, "joe") && span_eqz(m->tok[1].text, "p \"w"));
	reply_authenticated(&r, m, "a1 OK\r\n");
	m = rig_cmd(&r, "NOOP");
	assert_true(span_eqz(m->tag, "a2"));
	rig_reply(&r, m, NEXT_READ, "a2 OK\r\n");
	client_hears(&c, "a1 OK\r\na2 OK\r\n");
	client_sayz(&c, "a3 NOOP \"open\r\n* x\r\n");
	client_hears(&c, "a3 BAD ");
	end(&r, &c);
}

static void test_spool(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;
	char block[5000], got[5000];

	(void)state;
	begin(&r, &c, PORT_IMAPS);
	sign_in(&r, &c);
	memset(block, 'z', sizeof(block));
	client_sayz(&c, "b APPEND INBOX (\\Seen) {5000000}\r\n");
	client_hears(&c, "+ OK\r\n");
	for (int i = 0; i < 1000; i++)
		client_say(&c, SPAN_BYTES(block, sizeof(block)));
	client_sayz(&c, "\r\n");
	m = rig_cmd(&r, "APPEND");
	assert_int_equal(m->ntok, 5);
	assert_int_equal(m->tok[4].kind, TOK_SPOOL);
	assert_int_equal(m->tok[4].len, 5000000);
	assert_int_equal(m->spool_len, 5000000);
	assert_int_equal(pread(m->spool_fd, got, sizeof(got), 5000000 - 5000), 5000);
	assert_memory_equal(got, block, sizeof(got));
	close(m->spool_fd);
	rig_reply(&r, m, NEXT_READ, "b OK\r\n");
	client_hears(&c, "b OK\r\n");
	end(&r, &c);
}

static void test_spool_full(void **state)
{
	struct rig r;
	struct client c;
	char block[5000];

	(void)state;
	rig_init(&r);
	r.limits.spool_bytes = 1000000;
	rig_start(&r);
	rig_core_up(&r);
	rig_greet(&r, &c, PORT_IMAP);
	sign_in(&r, &c);
	client_sayz(&c, "b APPEND INBOX {5000000}\r\n");
	client_hears(&c, "b NO [LIMIT] No room for this message now, try again later\r\n");
	client_sayz(&c, "c APPEND INBOX {5000000+}\r\n");
	memset(block, 'z', sizeof(block));
	for (int i = 0; i < 1000; i++)
		client_say(&c, SPAN_BYTES(block, sizeof(block)));
	client_sayz(&c, "\r\nd NOOP\r\n");
	client_hears(&c, "c NO [LIMIT] No room for this message now, try again later\r\n");
	rig_reply(&r, rig_cmd(&r, "NOOP"), NEXT_READ, "d OK\r\n");
	client_hears(&c, "d OK\r\n");
	end(&r, &c);
}

static void test_idle(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;
	uint64_t id;

	(void)state;
	begin(&r, &c, PORT_IMAP);
	sign_in(&r, &c);
	client_sayz(&c, "i IDLE\r\n");
	m = rig_cmd(&r, "IDLE");
	id = m->session;
	rig_reply(&r, m, NEXT_IDLE, "+ idling\r\n");
	client_hears(&c, "+ idling\r\n");
	rig_notice(&r, id, NOTICE_CHANGED);
	m = rig_cmd(&r, "*SYNC");
	rig_notice(&r, id, NOTICE_CHANGED); /* while it runs */
	rig_reply(&r, m, NEXT_IDLE, "* 1 EXISTS\r\n");
	m = rig_cmd(&r, "*SYNC");
	client_sayz(&c, "done\r\n"); /* waits for the sync */
	rig_reply(&r, m, NEXT_IDLE, "* 2 EXISTS\r\n");
	m = rig_cmd(&r, "*DONE");
	assert_true(span_eqz(m->tag, "i"));
	assert_int_equal(m->ntok, 0);
	rig_reply(&r, m, NEXT_READ, "i OK\r\n");
	client_hears(&c, "* 1 EXISTS\r\n* 2 EXISTS\r\ni OK\r\n");
	rig_notice(&r, id, NOTICE_CHANGED); /* not idle: ignored */
	client_sayz(&c, "j IDLE\r\n");
	m = rig_cmd(&r, "IDLE");
	rig_reply(&r, m, NEXT_IDLE, "+ idling\r\n");
	client_hears(&c, "+ idling\r\n");
	client_sayz(&c, "k NOOP\r\n");
	m = rig_cmd(&r, "*DONE");
	assert_true(rig_has_tok(m, "BAD"));
	rig_reply(&r, m, NEXT_READ, "j BAD\r\n");
	client_hears(&c, "j BAD\r\n");
	rig_notice(&r, id, NOTICE_CLOSE);
	client_hears(&c, "* BYE Session ended by the server\r\n");
	client_ends(&c);
	end(&r, &c);
}

static void test_notify(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;
	uint64_t id;

	(void)state;
	rig_init(&r);
	r.limits.imap_notify_ms = 1;
	rig_up(&r);
	rig_greet(&r, &c, PORT_IMAP);
	sign_in(&r, &c);
	client_sayz(&c, "n NOTIFY SET (personal (MessageNew MessageExpunge))\r\n");
	m = rig_cmd(&r, "NOTIFY");
	id = m->session;
	rig_reply(&r, m, NEXT_NOTIFY, "n OK\r\n");
	client_hears(&c, "n OK\r\n");
	rig_notice(&r, id, NOTICE_CHANGED); /* nobody is in IDLE */
	m = rig_cmd(&r, "*NOTICE");
	assert_true(m->tag.n == 0 && m->ntok == 0);
	rig_reply(&r, m, NEXT_NOTIFY, "* STATUS a (MESSAGES 1)\r\n");
	client_hears(&c, "* STATUS a (MESSAGES 1)\r\n");
	client_sayz(&c, "o NO"); /* in the middle of a command: after it, and then it is core's */
	usleep(100000);
	rig_notice(&r, id, NOTICE_CHANGED);
	usleep(100000);
	client_sayz(&c, "OP\r\n");
	rig_reply(&r, rig_cmd(&r, "NOOP"), NEXT_NOTIFY, "* STATUS a (MESSAGES 2)\r\no OK\r\n");
	client_hears(&c, "* STATUS a (MESSAGES 2)\r\no OK\r\n");
	client_sayz(&c, "p NOOP\r\n"); /* a notice while a command runs: asked for after it */
	m = rig_cmd(&r, "NOOP");
	rig_notice(&r, id, NOTICE_CHANGED);
	rig_reply(&r, m, NEXT_NOTIFY, "p OK\r\n");
	client_hears(&c, "p OK\r\n");
	rig_reply(&r, rig_cmd(&r, "*NOTICE"), NEXT_NOTIFY, "");
	client_sayz(&c, "i IDLE\r\n");
	rig_reply(&r, rig_cmd(&r, "IDLE"), NEXT_IDLE, "+ idling\r\n");
	client_hears(&c, "+ idling\r\n");
	rig_notice(&r, id, NOTICE_CHANGED);
	rig_reply(&r, rig_cmd(&r, "*SYNC"), NEXT_IDLE, "* STATUS a (MESSAGES 3)\r\n");
	client_hears(&c, "* STATUS a (MESSAGES 3)\r\n");
	client_sayz(&c, "DONE\r\n");
	rig_reply(&r, rig_cmd(&r, "*DONE"), NEXT_NOTIFY, "i OK\r\n");
	client_hears(&c, "i OK\r\n");
	rig_core_down(&r);
	rig_core_up(&r);
	m = rig_cmd(&r, "*NOTICE"); /* the new core hears of it by itself */
	assert_true(m->flags & CMD_OPEN);
	rig_reply(&r, m, NEXT_NOTIFY, "* OK [NOTIFICATIONOVERFLOW]\r\n");
	client_hears(&c, "* OK [NOTIFICATIONOVERFLOW]\r\n");
	rig_ask(&r, &c, "q NOOP\r\n", "NOOP", "q OK\r\n"); /* NEXT_READ: it is over */
	rig_notice(&r, id, NOTICE_CHANGED);
	rig_ask(&r, &c, "r NOOP\r\n", "NOOP", "r OK\r\n");
	end(&r, &c);
}

static void test_core_restart(void **state)
{
	struct rig r;
	struct client c, d;
	struct cmd *m;

	(void)state;
	begin(&r, &c, PORT_IMAP);
	sign_in(&r, &c);
	rig_greet(&r, &d, PORT_IMAP);
	client_sayz(&c, "i IDLE\r\n");
	rig_reply(&r, rig_cmd(&r, "IDLE"), NEXT_IDLE, "+ idling\r\n");
	client_hears(&c, "+ idling\r\n");
	client_sayz(&d, "x SELECT INBOX\r\n");
	rig_cmd(&r, "SELECT");
	rig_core_down(&r);
	client_hears(&d, "x NO [UNAVAILABLE] Server is restarting, please try again\r\n");
	rig_core_up(&r);
	m = rig_cmd(&r, "*SYNC"); /* the idle session comes back by itself */
	assert_true(m->flags & CMD_OPEN);
	assert_true(span_eqz(m->state, "account=1") && span_eqz(m->tag, "i"));
	rig_reply(&r, m, NEXT_IDLE, "* 3 EXISTS\r\n");
	client_hears(&c, "* 3 EXISTS\r\n");
	client_sayz(&d, "y NOOP\r\n");
	m = rig_cmd(&r, "NOOP");
	assert_true(m->flags & CMD_OPEN);
	rig_reply(&r, m, NEXT_READ, "y OK\r\n");
	client_hears(&d, "y OK\r\n");
	rig_core_down(&r);
	usleep(100000);
	client_sayz(&d, "z LOGOUT\r\n");
	client_hears(&d, "* BYE Logging out\r\nz OK LOGOUT completed\r\n");
	client_ends(&d);
	client_close(&d);
	client_sayz(&c, "DONE\r\n");
	client_hears(&c, "i NO [UNAVAILABLE] Server is restarting, please try again\r\n");
	end(&r, &c);
}

/* 20 MiB in twenty replies, to a reader that rests: core must not be asked ahead of the reader. */
static void stream_to(struct rig *r, struct client *c)
{
	enum { PART = 1 << 20, PARTS = 20 };
	char *part = malloc(PART), *got = malloc(PART);
	struct cmd *m;
	size_t total = 0;

	client_sayz(c, "f FETCH 1:* BODY[]\r\n");
	m = rig_cmd(r, "FETCH");
	for (int i = 0; i < PARTS; i++) {
		struct reply reply;
		int fd = io_memfd("part");

		memset(part, 'a' + i, PART);
		assert_int_equal(write(fd, part, PART), PART);
		reply_init(&reply, m);
		reply.seg[reply.nseg++] = (struct segment){ .fd = fd, .off = 0, .len = PART / 2 };
		reply_bytes(&reply, SPAN_BYTES(part, PART / 2));
		reply.next = i < PARTS - 1 ? NEXT_MORE : NEXT_READ;
		reply.cursor = (uint64_t)i + 1;
		rig_reply_full(r, &reply);
		if (i % 8 == 0)
			usleep(50000);
		for (size_t n = 0; n < PART;) {
			size_t k = client_read(c, got, PART - n);

			assert_true(k > 0 && got[0] == 'a' + i && got[k - 1] == 'a' + i);
			n += k;
			total += k;
		}
		if (reply.next != NEXT_MORE)
			break;
		m = rig_cmd(r, "FETCH");
		assert_true(m->flags & CMD_MORE);
		assert_int_equal(m->cursor, i + 1);
		assert_true(span_eqz(m->tag, "f"));
	}
	assert_int_equal(total, PARTS * PART);
	free(part);
	free(got);
}

static void test_more(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	begin(&r, &c, PORT_IMAP);
	stream_to(&r, &c);
	client_close(&c);
	rig_greet(&r, &c, PORT_IMAPS);
	stream_to(&r, &c);
	end(&r, &c);
}

static void test_more_waits(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;
	char *part = calloc(1, 4u << 20);
	struct reply reply;
	int n;

	(void)state;
	begin(&r, &c, PORT_IMAP);
	client_sayz(&c, "f FETCH 1:* BODY[]\r\n");
	m = rig_cmd(&r, "FETCH");
	for (n = 0; n < 16; n++) { /* the sockets' buffers take a few MiB, then nothing may be asked */
		int r1;

		reply_init(&reply, m);
		reply_bytes(&reply, SPAN_BYTES(part, 2u << 20));
		reply.next = NEXT_MORE;
		rig_reply_full(&r, &reply);
		usleep(200000);
		r1 = (int)recv(r.bus.fd, part, 1, MSG_DONTWAIT | MSG_PEEK);
		part[0] = 0;
		if (r1 <= 0)
			break;
		m = rig_cmd(&r, "FETCH");
	}
	assert_true(n < 16);
	free(part);
	end(&r, &c);
}

static void test_starttls(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	begin(&r, &c, PORT_IMAP);
	client_sayz(&c, "s STARTTLS\r\nevil LOGIN a b\r\n"); /* injected before the handshake */
	m = rig_cmd(&r, "STARTTLS");
	rig_reply(&r, m, NEXT_STARTTLS, "s OK go\r\n");
	client_hears(&c, "s OK go\r\n");
	client_tls(&c, "mx.example.org");
	client_sayz(&c, "t CAPABILITY\r\n");
	m = rig_cmd(&r, "CAPABILITY");
	assert_true(span_eqz(m->tag, "t"));
	assert_true(m->flags & CMD_OPEN);
	assert_null(m->state.p);
	assert_true(m->peer.tls && span_eqz(m->peer.tls_version, "TLSv1.3"));
	assert_true(span_eqz(m->peer.sni, "mx.example.org"));
	{
		uint8_t mine[TLS_BINDING_LEN];

		assert_true(tls_binding(c.ssl, mine));
		assert_true(span_eq(m->peer.channel_binding, SPAN_BYTES(mine, sizeof(mine))));
	}
	rig_reply(&r, m, NEXT_READ, "t OK\r\n");
	client_hears(&c, "t OK\r\n");
	end(&r, &c);
}

static bool served(struct rig *r, const char *name, struct span chain)
{
	struct client c;
	BIO *bio = BIO_new_mem_buf(chain.p, (int)chain.n);
	X509 *want = PEM_read_bio_X509(bio, NULL, NULL, NULL), *got;
	bool same;

	client_open(&c, r->port[PORT_IMAPS]);
	client_tls(&c, name);
	got = SSL_get1_peer_certificate(c.ssl);
	same = X509_cmp(want, got) == 0;
	X509_free(got);
	X509_free(want);
	BIO_free(bio);
	rig_reply(r, rig_cmd(r, "*GREETING"), NEXT_CLOSE, "bye\r\n");
	client_hears(&c, "bye\r\n");
	client_ends(&c);
	client_close(&c);
	return same;
}

static void test_certificates(void **state)
{
	struct rig r;
	SCOPED_BUF chain;
	SCOPED_BUF key;
	struct tls_cert two[2];
	struct client c;

	(void)state;
	begin(&r, &c, PORT_IMAPS);
	test_cert("DNS:lists.example.org,DNS:*.chapter.example", &chain, &key);
	assert_false(served(&r, "lists.example.org", buf_span(&chain)));
	two[0] = (struct tls_cert){ buf_span(&r.chain), buf_span(&r.key) };
	two[1] = (struct tls_cert){ buf_span(&chain), buf_span(&key) };
	rig_tls(&r, two, 2); /* reload */
	usleep(100000);
	assert_true(served(&r, "lists.example.org", buf_span(&chain)));
	assert_true(served(&r, "North.Chapter.example", buf_span(&chain)));
	assert_true(served(&r, "a.b.chapter.example", buf_span(&r.chain)));
	assert_true(served(&r, "chapter.example", buf_span(&r.chain)));
	assert_true(served(&r, "mx.example.org", buf_span(&r.chain)));
	two[1].key = buf_span(&r.key); /* does not fit: the old set stays */
	rig_tls(&r, two, 2);
	usleep(100000);
	assert_true(served(&r, "lists.example.org", buf_span(&chain)));
	client_sayz(&c, "a NOOP\r\n"); /* the connection of the first set lives on */
	rig_reply(&r, rig_cmd(&r, "NOOP"), NEXT_READ, "a OK\r\n");
	client_hears(&c, "a OK\r\n");
	end(&r, &c);
}

static void test_authenticate(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;
	char *big = malloc(40000);

	(void)state;
	begin(&r, &c, PORT_IMAP);
	client_sayz(&c, "a AUTHENTICATE PLAIN\r\nAGEAYg==\r\n");
	m = rig_cmd(&r, "AUTHENTICATE");
	rig_reply(&r, m, NEXT_CONTINUE, "+ \r\n");
	m = rig_cmd(&r, "*CONTINUE");
	assert_true(span_eqz(m->tag, "a") && span_eqz(m->tok[0].text, "AGEAYg=="));
	rig_reply(&r, m, NEXT_CONTINUE, "+ more\r\n");
	client_hears(&c, "+ \r\n+ more\r\n");
	memset(big, 'A', 40000);
	client_say(&c, SPAN_BYTES(big, 40000));
	client_sayz(&c, "\r\n");
	m = rig_cmd(&r, "*CONTINUE");
	assert_true(span_eqz(m->tok[0].text, "*"));
	rig_reply(&r, m, NEXT_READ, "a BAD too long\r\n");
	client_hears(&c, "a BAD too long\r\n");
	free(big);
	end(&r, &c);
}

static void test_timeout(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	r.limits.imap_pre_auth_sec = 1;
	r.limits.imap_post_auth_sec = 3;
	rig_start(&r);
	rig_core_up(&r);
	rig_greet(&r, &c, PORT_IMAP);
	client_hears(&c, "* BYE Autologout; idle for too long\r\n");
	client_ends(&c);
	client_close(&c);
	rig_greet(&r, &c, PORT_IMAP);
	sign_in(&r, &c);
	usleep(1500000);
	client_sayz(&c, "n NOOP\r\n");
	rig_reply(&r, rig_cmd(&r, "NOOP"), NEXT_READ, "n OK\r\n");
	client_hears(&c, "n OK\r\n");
	end(&r, &c);
}

static void test_metrics(void **state)
{
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	rig_init(&r);
	rig_start(&r);
	rig_core_up(&r);
	client_open(&c, r.port[PORT_METRICS]);
	client_sayz(&c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	m = rig_cmd(&r, "*METRICS");
	assert_int_equal(m->service, SVC_METRICS);
	rig_reply(&r, m, NEXT_READ, "up 1\n");
	client_hears(&c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: 5\r\n"
			 "Connection: close\r\n\r\nup 1\n");
	client_ends(&c);
	client_close(&c);
	client_open(&c, r.port[PORT_METRICS]);
	client_sayz(&c, "GET /etc HTTP/1.1\r\n\r\n");
	client_hears(&c, "HTTP/1.1 404 Not Found\r\n");
	client_close(&c);
	client_open(&c, r.port[PORT_METRICS]);
	client_sayz(&c, "POST /metrics HTTP/1.1\r\n\r\n");
	client_hears(&c, "HTTP/1.1 405 Method Not Allowed\r\n");
	client_close(&c);
	client_open(&c, r.port[PORT_METRICS]);
	client_sayz(&c, "\x16\x03\x01 rubbish\r\n\r\n");
	client_hears(&c, "HTTP/1.1 400 Bad Request\r\n");
	end(&r, &c);
}

static void test_proxy(void **state)
{
	static const struct span v4 = SPAN("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x12\x34\0\x19");
	static const struct span v6 = SPAN("\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
		"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x12\x34\0\x19");
	static const struct span local = SPAN("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
	struct rig r;
	struct client c, more[3];
	struct cmd *m;

	(void)state;
	rig_init(&r);
	r.limits.address_connections_max = 2;
	rig_start(&r);
	rig_core_up(&r);
	client_open(&c, r.port[PORT_PROXY]);
	client_say(&c, span_sub(v6, 0, 20));
	usleep(20000);
	client_say(&c, span_from(v6, 20));
	m = rig_cmd(&r, "*GREETING");
	assert_true(span_eqz(m->peer.address, "2001:db8::1"));
	client_close(&c);
	client_open(&c, r.port[PORT_PROXY]);
	client_say(&c, local);
	m = rig_cmd(&r, "*GREETING");
	assert_true(span_eqz(m->peer.address, "127.0.0.1") && m->peer.loopback);
	client_close(&c);
	client_open(&c, r.port[PORT_PROXY]);
	client_sayz(&c, "EHLO x\r\n");
	client_ends(&c);
	client_close(&c);
	client_open(&c, r.port[PORT_PROXY_TLS]); /* header and handshake in one segment */
	client_say_more(&c, v6);
	client_tls(&c, "mx.example.org");
	m = rig_cmd(&r, "*GREETING");
	assert_true(m->peer.tls && span_eqz(m->peer.address, "2001:db8::1"));
	client_close(&c);
	for (int i = 0; i < 3; i++) {
		client_open(&more[i], r.port[PORT_PROXY]);
		client_say(&more[i], v4);
		if (i == 2) { /* the limit per address counts the address behind the proxy */
			client_hears(&more[i], "421 4.7.0 Too many connections, try again later\r\n");
			client_ends(&more[i]);
			break;
		}
		m = rig_cmd(&r, "*GREETING");
		assert_true(span_eqz(m->peer.address, "192.0.2.7"));
		assert_int_equal(m->peer.port, 0x1234);
		assert_int_equal(m->peer.local_port, 25);
		assert_false(m->peer.loopback);
	}
	for (int i = 0; i < 3; i++)
		client_close(&more[i]);
	rig_stop(&r);
}

/* Core reads nothing for a while, and more is said than the bus may keep: all is answered in the end. */
static void test_back_pressure(void **state)
{
	enum { MANY = 40 };
	struct rig r;
	struct client c[MANY];
	char *text = malloc(60000);

	(void)state;
	rig_init(&r);
	r.limits.bus_pending_bytes = 100000;
	rig_start(&r);
	rig_core_up(&r);
	memset(text, 't', 60000);
	for (int i = 0; i < MANY; i++) {
		rig_greet(&r, &c[i], PORT_IMAP);
		sign_in(&r, &c[i]);
	}
	for (int i = 0; i < MANY; i++) {
		client_sayz(&c[i], "a APPEND INBOX {60000+}\r\n");
		client_say(&c[i], SPAN_BYTES(text, 60000));
		client_sayz(&c[i], "\r\nb NOOP\r\n");
	}
	usleep(300000);
	for (int i = 0; i < 2 * MANY; i++) {
		struct cmd *m;
		bool first;

		m = rig_any(&r);
		first = span_eqz(m->verb, "APPEND");
		assert_true(first ? m->tok[m->ntok - 1].text.n == 60000 : span_eqz(m->verb, "NOOP"));
		rig_reply(&r, m, NEXT_READ, first ? "a OK\r\n" : "b OK\r\n");
	}
	for (int i = 0; i < MANY; i++) {
		client_hears(&c[i], "a OK\r\nb OK\r\n");
		client_close(&c[i]);
	}
	free(text);
	rig_stop(&r);
}

static void send_big(struct rig *r, struct client *c)
{
	int fd = io_memfd("big");
	struct reply reply;
	struct cmd *m;

	client_sayz(c, "f FETCH 1 BODY[]\r\n");
	m = rig_cmd(r, "FETCH");
	assert_int_equal(ftruncate(fd, 64 << 20), 0);
	reply_init(&reply, m);
	reply.seg[reply.nseg++] = (struct segment){ .fd = fd, .len = 64 << 20 };
	rig_reply_full(r, &reply);
}

/* A client that does not read what it asked for: the queue is closed by time, or when memory is short. */
static void test_who_does_not_read(void **state)
{
	for (int round = 0; round < 2; round++) {
		struct rig r;
		struct client c, d;

		(void)state;
		rig_init(&r);
		if (round == 0)
			r.limits.write_sec = 1;
		else
			r.limits.output_total_bytes = 10 << 20;
		rig_start(&r);
		rig_core_up(&r);
		rig_greet(&r, &d, PORT_IMAP);
		rig_greet(&r, &c, PORT_IMAP);
		send_big(&r, &c);
		rig_close(&r);
		client_sayz(&d, "a NOOP\r\n"); /* others go on */
		rig_reply(&r, rig_cmd(&r, "NOOP"), NEXT_READ, "a OK\r\n");
		client_hears(&d, "a OK\r\n");
		client_close(&d);
		end(&r, &c);
	}
}

static void test_errors(void **state)
{
	struct rig r;
	struct client c;
	char got[8192];
	size_t n = 0;

	(void)state;
	begin(&r, &c, PORT_IMAP);
	for (int i = 0; i < 40; i++)
		client_sayz(&c, "a (\r\n");
	for (size_t k; (k = client_read(&c, got + n, sizeof(got) - 1 - n)); n += k)
		;
	got[n] = 0;
	assert_memory_equal(got, "a BAD ", 6);
	assert_non_null(strstr(got, "* BYE Too many errors\r\n"));
	assert_true(strlen(strstr(got, "* BYE")) == strlen("* BYE Too many errors\r\n"));
	rig_close(&r);
	end(&r, &c);
}

static void test_untrusted_proxy(void **state)
{
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	assert_int_equal(gate_net_parse(SPAN("10.0.0.0/8"), &r.net, NULL), 0);
	rig_start(&r);
	rig_core_up(&r);
	client_open(&c, r.port[PORT_PROXY]);
	client_ends(&c);
	end(&r, &c);
}

static void test_door(void **state)
{
	struct rig r;
	struct client c[4];

	(void)state;
	rig_init(&r);
	r.limits.loopback_exempt = 0;
	r.limits.address_accept_burst = 3;
	r.limits.address_accept_per_min = 1;
	r.limits.connections_max = 2;
	rig_start(&r);
	rig_core_up(&r);
	rig_greet(&r, &c[0], PORT_IMAP);
	rig_greet(&r, &c[1], PORT_SMTP);
	client_open(&c[2], r.port[PORT_IMAP]); /* more than fit */
	client_hears(&c[2], "* BYE [LIMIT] Too many connections, try again later\r\n");
	client_ends(&c[2]);
	client_close(&c[2]);
	client_close(&c[0]);
	rig_close(&r);
	rig_greet(&r, &c[0], PORT_SMTP);
	client_close(&c[0]);
	rig_close(&r);
	client_open(&c[3], r.port[PORT_SMTP]); /* the fourth in a minute */
	client_hears(&c[3], "421 4.7.0 Too many connections, try again later\r\n");
	client_close(&c[3]);
	client_close(&c[1]);
	rig_stop(&r);
}

/* What the gate sends from here on, expanded. */
static void hears_folded(struct client *c, struct inflater *z, const char *want)
{
	struct span left = span_str(want);
	char octet, got[64];
	size_t used, n;

	while (left.n) {
		assert_int_equal(client_read(c, &octet, 1), 1);
		assert_int_equal(inflater_run(z, SPAN_BYTES(&octet, 1), &used, got, sizeof(got), &n), 0);
		assert_true(span_starts(left, SPAN_BYTES(got, n)));
		left = span_from(left, n);
	}
}

static void say_folded(struct client *c, struct span s)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_true(deflate_block(s, &b));
	client_say(c, buf_span(&b));
	buf_fini(&b);
}

static void compress(struct rig *r, struct client *c)
{
	client_sayz(c, "b COMPRESS DEFLATE\r\n");
	rig_reply(r, rig_cmd(r, "COMPRESS"), NEXT_COMPRESS, "b OK\r\n");
	client_hears(c, "b OK\r\n");
}

static void test_compress(void **state)
{
	struct inflater *z = inflater_new();
	struct rig r;
	struct client c;
	struct cmd *m;

	(void)state;
	begin(&r, &c, PORT_IMAPS);
	sign_in(&r, &c);
	compress(&r, &c);
	say_folded(&c, SPAN("c NOOP\r\nd IDLE\r\n"));
	rig_reply(&r, rig_cmd(&r, "NOOP"), NEXT_READ, "c OK\r\n");
	m = rig_cmd(&r, "IDLE");
	rig_reply(&r, m, NEXT_IDLE, "+ idling\r\n");
	hears_folded(&c, z, "c OK\r\n+ idling\r\n");
	rig_notice(&r, m->session, NOTICE_CHANGED);
	rig_reply(&r, rig_cmd(&r, "*SYNC"), NEXT_IDLE, "* 1 EXISTS\r\n");
	hears_folded(&c, z, "* 1 EXISTS\r\n");
	rig_notice(&r, m->session, NOTICE_CLOSE);
	hears_folded(&c, z, "* BYE Session ended by the server\r\n");
	inflater_free(z);
	end(&r, &c);
}

/* 64 MiB of zeros in 64 KiB: a line that is too long. And garbage. */
static void test_compress_attacks(void **state)
{
	static char zeros[65536];
	struct inflater *z = inflater_new();
	struct buf b;
	struct rig r;
	struct client c;

	(void)state;
	begin(&r, &c, PORT_IMAP);
	sign_in(&r, &c);
	compress(&r, &c);
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 1000; i++)
		assert_true(deflate_block(SPAN_BYTES(zeros, sizeof(zeros)), &b));
	client_say(&c, buf_span(&b));
	buf_fini(&b);
	say_folded(&c, SPAN("\r\n"));
	hears_folded(&c, z, "* BAD Command line too long\r\n");
	client_close(&c);
	rig_close(&r);
	rig_greet(&r, &c, PORT_IMAP);
	sign_in(&r, &c);
	compress(&r, &c);
	client_sayz(&c, "w NOOP\r\n"); /* "w" begins a block of no kind */
	rig_close(&r);
	client_close(&c);
	rig_greet(&r, &c, PORT_IMAP);
	sign_in(&r, &c);
	client_sayz(&c, "b COMPRESS DEFLATE\r\nw NOOP\r\n"); /* sent in clear too early: it counts as compressed */
	rig_reply(&r, rig_cmd(&r, "COMPRESS"), NEXT_COMPRESS, "b OK\r\n");
	rig_close(&r);
	inflater_free(z);
	end(&r, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_literals), cmocka_unit_test(test_spool), cmocka_unit_test(test_spool_full),
		cmocka_unit_test(test_idle), cmocka_unit_test(test_notify), cmocka_unit_test(test_core_restart), cmocka_unit_test(test_more),
		cmocka_unit_test(test_more_waits), cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_certificates), cmocka_unit_test(test_authenticate),
		cmocka_unit_test(test_timeout), cmocka_unit_test(test_metrics), cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_who_does_not_read), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_untrusted_proxy), cmocka_unit_test(test_back_pressure), cmocka_unit_test(test_door),
		cmocka_unit_test(test_compress), cmocka_unit_test(test_compress_attacks),
	};

	return cmocka_run_group_tests_name("gate_imap", tests, NULL, NULL);
}
