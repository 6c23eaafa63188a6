/* loop, stream and tls: two streams of one loop talk to each other over a socketpair. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/io.h"
#include "base/time.h"
#include "net/stream.h"
#include "net/test_cert.h"

struct side {
	struct stream s;
	struct buf got;
	bool secured, gone, drained, keep;
	const char *why;
};

static void on_input(void *arg)
{
	struct side *d = arg;
	struct span in = stream_input(&d->s);

	if (d->keep)
		return;
	buf_add(&d->got, in);
	stream_consume(&d->s, in.n);
}

static void on_drained(void *arg)
{
	((struct side *)arg)->drained = true;
}

static void on_secured(void *arg)
{
	((struct side *)arg)->secured = true;
}

static void on_gone(void *arg, const char *why)
{
	struct side *d = arg;

	assert_false(d->gone);
	d->gone = true;
	d->why = why;
}

static const struct stream_ops ops = { on_input, on_drained, on_secured, on_gone };

struct pair {
	struct loop *loop;
	struct side a, b; /* a: client, b: server */
};

static void pair_init_kind(struct pair *p, int kind)
{
	int sv[2];

	memset(p, 0, sizeof(*p));
	p->loop = loop_new();
	assert_int_equal(socketpair(AF_UNIX, kind | SOCK_NONBLOCK, 0, sv), 0);
	buf_init(&p->a.got, 1u << 26);
	buf_init(&p->b.got, 1u << 26);
	stream_init(&p->a.s, p->loop, sv[0], 65536, &ops, &p->a);
	stream_init(&p->b.s, p->loop, sv[1], 65536, &ops, &p->b);
}

static void pair_init(struct pair *p)
{
	pair_init_kind(p, SOCK_STREAM);
}

static void turn(struct pair *p, int times)
{
	while (times--)
		loop_once(p->loop, false);
}

static void pair_fini(struct pair *p)
{
	stream_fini(&p->a.s);
	stream_fini(&p->b.s);
	buf_fini(&p->a.got);
	buf_fini(&p->b.got);
	loop_free(p->loop);
}

/* The client's side: a context that trusts one certificate, and a stream that turns to TLS with it. */
static SSL_CTX *client_ctx(struct span root)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	BIO *bio = BIO_new_mem_buf(root.p, (int)root.n);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x), 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	X509_free(x);
	BIO_free(bio);
	return ctx;
}

static SSL *client_ssl(SSL_CTX *ctx, const char *name, bool verify)
{
	SSL *ssl = SSL_new(ctx);

	SSL_set_connect_state(ssl);
	SSL_set_tlsext_host_name(ssl, name);
	if (verify)
		SSL_set1_host(ssl, name);
	SSL_set_verify(ssl, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	return ssl;
}

static void client_tls(struct stream *s, SSL *ssl)
{
	s->ssl = ssl;
	s->want_tls = true;
	loop_call_later(s->loop, &s->kick);
}

static void secure(struct pair *p, struct tls_server *srv, SSL_CTX *cli, const char *name, bool verify)
{
	stream_tls_server(&p->b.s, srv);
	client_tls(&p->a.s, client_ssl(cli, name, verify));
	turn(p, 50);
}

/* ---- loop ---- */

struct ticks {
	struct loop *loop;
	struct loop_timer t[4];
	int fired[4];
	int order[4], n;
};
static struct ticks k;

static void fire(void *arg)
{
	int i = (int)((struct loop_timer *)arg - k.t);

	k.fired[i]++;
	k.order[k.n++] = i;
	if (i == 0)
		loop_timer_stop(&k.t[1]); /* due as well: must not fire */
}

static void test_timers(void **state)
{
	int64_t now = loop_now_ms();

	(void)state;
	memset(&k, 0, sizeof(k));
	k.loop = loop_new();
	for (int i = 0; i < 4; i++)
		loop_timer_init(&k.t[i], fire, &k.t[i]);
	loop_timer_set(k.loop, &k.t[1], now + 500);
	loop_timer_set(k.loop, &k.t[0], now + 150);
	loop_timer_set(k.loop, &k.t[2], now + 300000); /* several turns of the wheel */
	loop_timer_set(k.loop, &k.t[3], now + 250);
	for (int i = 0; i < 8 && k.n < 2; i++)
		loop_once(k.loop, true);
	assert_true(loop_now_ms() - now >= 250 && loop_now_ms() - now < 2000);
	assert_int_equal(k.n, 2);
	assert_int_equal(k.order[0], 0);
	assert_int_equal(k.order[1], 3);
	time_test_advance_mono(250 * US_PER_SEC); /* a long sleep: more ticks than slots */
	for (int i = 0; i < 3; i++)
		loop_once(k.loop, true);
	assert_int_equal(k.n, 2);
	time_test_advance_mono(60 * US_PER_SEC);
	for (int i = 0; i < 3; i++)
		loop_once(k.loop, true);
	assert_int_equal(k.fired[2], 1);
	assert_int_equal(k.fired[1], 0);
	loop_free(k.loop);
}

/* ---- stream ---- */

static void test_coalescing(void **state)
{
	struct pair p;
	int fd = io_memfd("x");

	(void)state;
	pair_init_kind(&p, SOCK_SEQPACKET); /* one system call, one packet */
	assert_int_equal(write(fd, "0123456789", 10), 10);
	stream_writez(&p.a.s, "a1 ");
	stream_writez(&p.a.s, "b2 ");
	stream_write_fd(&p.a.s, fd, 2, 5);
	stream_writez(&p.a.s, " end");
	for (int i = 0; i < 20 && !p.b.got.n; i++)
		loop_once(p.loop, false);
	assert_true(span_eqz(buf_span(&p.b.got), "a1 b2 23456 end"));
	pair_fini(&p);
}

static void test_files(void **state)
{
	struct pair p;
	size_t n = 300000;
	char *text = malloc(n);
	int fd = io_memfd("x");

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct tls_server *srv = NULL;
		SSL_CTX *cli = NULL;
		SCOPED_BUF chain = { 0 };
		SCOPED_BUF key = { 0 };

		pair_init(&p);
		if (round == 1) {
			struct tls_cert c;

			test_cert("DNS:a.example", &chain, &key);
			c = (struct tls_cert){ buf_span(&chain), buf_span(&key) };
			srv = tls_server_new(&c, 1, NULL);
			cli = client_ctx(buf_span(&chain));
			secure(&p, srv, cli, "a.example", true);
			assert_true(p.a.secured && p.b.secured);
		}
		for (size_t i = 0; i < n; i++)
			text[i] = (char)(i * 31 >> 3);
		assert_int_equal(pwrite(fd, text, n, 0), n);
		stream_writez(&p.b.s, "head");
		stream_write_fd(&p.b.s, dup(fd), 1000, n - 1000);
		stream_writez(&p.b.s, "tail");
		stream_notify(&p.b.s, 100);
		assert_false(p.b.drained);
		turn(&p, 300);
		assert_true(p.b.drained);
		assert_int_equal(p.a.got.n, n - 1000 + 8);
		assert_memory_equal(p.a.got.p, "head", 4);
		assert_memory_equal(p.a.got.p + 4, text + 1000, n - 1000);
		assert_memory_equal(p.a.got.p + p.a.got.n - 4, "tail", 4);
		stream_write_fd(&p.b.s, dup(fd), 0, n + 1); /* more than there is: never a short reply */
		turn(&p, 300);
		assert_true(p.b.gone && p.a.s.eof);
		pair_fini(&p);
		tls_server_unref(srv);
		SSL_CTX_free(cli);
	}
	close(fd);
	free(text);
}

static void test_bounded_input(void **state)
{
	struct pair p;
	char *text = calloc(1, 1 << 20);

	(void)state;
	pair_init(&p);
	p.b.keep = true;
	stream_write(&p.a.s, SPAN_BYTES(text, 1 << 20));
	turn(&p, 100);
	assert_int_equal(stream_input(&p.b.s).n, 65536);
	assert_true(p.a.s.out_len > 0);
	p.b.keep = false;
	on_input(&p.b);
	turn(&p, 300);
	assert_int_equal(p.b.got.n, 1 << 20);
	assert_null(p.b.s.in.p); /* released */
	pair_fini(&p);
	free(text);
}

static void test_half_close(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p);
	stream_writez(&p.a.s, "last words");
	stream_finish(&p.a.s);
	stream_writez(&p.a.s, "too late");
	turn(&p, 20);
	assert_true(stream_eof(&p.b.s));
	assert_true(span_eqz(buf_span(&p.b.got), "last words"));
	assert_false(p.a.gone || p.b.gone);
	stream_writez(&p.b.s, "answer to a half-closed peer");
	stream_finish(&p.b.s);
	turn(&p, 20);
	assert_true(p.a.gone && p.b.gone);
	assert_string_equal(p.a.why, "closed");
	pair_fini(&p);
}

static void test_hold(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p);
	stream_hold(&p.a.s, true);
	stream_writez(&p.a.s, "wait");
	turn(&p, 20);
	assert_int_equal(p.b.got.n, 0);
	stream_hold(&p.a.s, false);
	turn(&p, 20);
	assert_true(span_eqz(buf_span(&p.b.got), "wait"));
	pair_fini(&p);
}

/* ---- TLS ---- */

static void good_peer(struct tls_server *srv, SSL_CTX *cli)
{
	struct pair p;
	uint8_t x[TLS_BINDING_LEN], y[TLS_BINDING_LEN];

	pair_init(&p);
	stream_writez(&p.a.s, "injected"); /* read by the server before it turns to TLS: dropped */
	p.b.keep = true;
	turn(&p, 5);
	assert_int_equal(stream_input(&p.b.s).n, 8);
	p.b.keep = false;
	secure(&p, srv, cli, "x.b.example", true);
	assert_true(p.a.secured && p.b.secured);
	assert_int_equal(p.b.got.n, 0);
	assert_true(span_eqz(stream_tls_version(&p.b.s), "TLSv1.3"));
	assert_true(span_eqz(stream_tls_sni(&p.b.s), "x.b.example"));
	assert_true(tls_binding(p.a.s.ssl, x) && tls_binding(p.b.s.ssl, y));
	assert_memory_equal(x, y, sizeof(x));
	stream_writez(&p.a.s, "hello");
	stream_finish(&p.a.s);
	turn(&p, 20);
	assert_true(span_eqz(buf_span(&p.b.got), "hello") && stream_eof(&p.b.s));
	pair_fini(&p);
}

static void test_verify(void **state)
{
	struct pair p;
	SCOPED_BUF chain;
	SCOPED_BUF key;
	SCOPED_BUF other;
	SCOPED_BUF other_key;
	struct tls_cert c;
	struct tls_server *srv;
	SSL_CTX *cli, *stranger;

	(void)state;
	test_cert("DNS:a.example,DNS:*.b.example", &chain, &key);
	test_cert("DNS:a.example", &other, &other_key);
	c = (struct tls_cert){ buf_span(&chain), buf_span(&key) };
	srv = tls_server_new(&c, 1, NULL);
	cli = client_ctx(buf_span(&chain));
	stranger = client_ctx(buf_span(&other));

	good_peer(srv, cli);
	pair_init(&p);
	secure(&p, srv, cli, "c.example", true); /* wrong name */
	assert_true(p.a.gone && p.b.gone);
	pair_fini(&p);

	pair_init(&p);
	secure(&p, srv, stranger, "a.example", true); /* unknown issuer */
	assert_true(p.a.gone);
	pair_fini(&p);

	pair_init(&p);
	secure(&p, srv, stranger, "a.example", false); /* opportunistic */
	assert_true(p.a.secured && p.b.secured);
	pair_fini(&p);

	pair_init(&p); /* clear text where a handshake should be */
	stream_tls_server(&p.b.s, srv);
	stream_writez(&p.a.s, "EHLO there, this is not TLS at all\r\n");
	turn(&p, 20);
	assert_true(p.b.gone);
	assert_string_equal(p.b.why, "TLS handshake failed");
	pair_fini(&p);

	tls_server_unref(srv);
	SSL_CTX_free(cli);
	SSL_CTX_free(stranger);
}

static void test_old_versions(void **state)
{
	struct pair p;
	SCOPED_BUF chain;
	SCOPED_BUF key;
	struct tls_cert c;
	struct tls_server *srv;
	SSL_CTX *cli;

	(void)state;
	test_cert("DNS:a.example", &chain, &key);
	c = (struct tls_cert){ buf_span(&chain), buf_span(&key) };
	srv = tls_server_new(&c, 1, NULL);
	cli = client_ctx(buf_span(&chain));
	for (int v = TLS1_1_VERSION; v <= TLS1_2_VERSION; v++) {
		SSL *ssl = client_ssl(cli, "a.example", true);
		uint8_t x[TLS_BINDING_LEN], y[TLS_BINDING_LEN];

		SSL_set_min_proto_version(ssl, v);
		SSL_set_max_proto_version(ssl, v);
		SSL_set_security_level(ssl, 0);
		SSL_set_cipher_list(ssl, "ALL:@SECLEVEL=0");
		pair_init(&p);
		stream_tls_server(&p.b.s, srv);
		client_tls(&p.a.s, ssl);
		turn(&p, 50);
		assert_int_equal(p.b.secured, v == TLS1_2_VERSION);
		if (p.b.secured) {
			assert_true(tls_binding(p.a.s.ssl, x) && tls_binding(p.b.s.ssl, y));
			assert_memory_equal(x, y, sizeof(x));
		}
		pair_fini(&p);
	}
	tls_server_unref(srv);
	SSL_CTX_free(cli);
}

static void test_bad_certificates(void **state)
{
	SCOPED_BUF chain;
	SCOPED_BUF key;
	SCOPED_BUF chain2;
	SCOPED_BUF key2;
	struct err e = ERR_INIT;
	struct tls_cert c;

	(void)state;
	test_cert("DNS:a.example", &chain, &key);
	test_cert("DNS:b.example", &chain2, &key2);
	c = (struct tls_cert){ buf_span(&chain), buf_span(&key2) };
	assert_null(tls_server_new(&c, 1, &e));
	assert_int_equal(e.code, ERR_PARAM);
	err_clear(&e);
	c = (struct tls_cert){ SPAN("rubbish"), buf_span(&key) };
	assert_null(tls_server_new(&c, 1, &e));
	assert_int_equal(e.code, ERR_SYNTAX);
	err_clear(&e);
	assert_null(tls_server_new(&c, 0, &e));
	assert_int_equal(e.code, ERR_PARAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_coalescing), cmocka_unit_test(test_files),
		cmocka_unit_test(test_bounded_input), cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_hold), cmocka_unit_test(test_verify),
		cmocka_unit_test(test_old_versions), cmocka_unit_test(test_bad_certificates),
		cmocka_unit_test(test_timers),
	};

	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
