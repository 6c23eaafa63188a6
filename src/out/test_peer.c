#include "out/test_peer.h"
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "codec/base64.h"
#include "codec/sasl.h"

struct talk {
	struct peer_server *p;
	int fd;
	SSL *ssl;
	char in[65536];
	size_t at, n;
	char line[8192];
	bool mail, rcpt;                  /* accepted in this transaction */
};

static void say(struct talk *t, const char *text)
{
	size_t n = strlen(text);

	if (t->ssl)
		SSL_write(t->ssl, text, (int)n);
	else if (send(t->fd, text, n, MSG_NOSIGNAL) < 0)
		return;
}

static int byte_get(struct talk *t)
{
	if (t->at == t->n) {
		struct pollfd pf[2] = { { .fd = t->fd, .events = POLLIN }, { .fd = t->p->stop[0], .events = POLLIN } };
		ssize_t n;

		if (!t->ssl || !SSL_pending(t->ssl))
			poll(pf, 2, -1);
		if (pf[1].revents)
			return -1;
		n = t->ssl ? SSL_read(t->ssl, t->in, sizeof(t->in)) : recv(t->fd, t->in, sizeof(t->in), 0);
		if (n <= 0)
			return -1;
		t->at = 0;
		t->n = (size_t)n;
	}
	return (unsigned char)t->in[t->at++];
}

static bool line_get(struct talk *t)
{
	size_t n = 0;
	int c;

	while ((c = byte_get(t)) >= 0 && n < sizeof(t->line) - 1) {
		t->line[n++] = (char)c;
		if (c == '\n') {
			t->line[n] = 0;
			return true;
		}
	}
	return false;
}

static void note(struct talk *t, struct buf *where)
{
	pthread_mutex_lock(&t->p->lock);
	buf_addz(where, t->line);
	pthread_mutex_unlock(&t->p->lock);
}

static bool is(const struct talk *t, const char *verb)
{
	return span_istarts(span_str(t->line), span_str(verb));
}

static void say_caps(struct talk *t)
{
	struct span caps = span_str(t->p->caps);
	char out[1024] = "250-peer.example greets\r\n";
	size_t n = strlen(out);

	while (caps.n) {
		struct span word = span_cut(&caps, '\n');

		if (t->ssl && span_eqz(word, "STARTTLS"))
			continue;
		n += (size_t)snprintf(out + n, sizeof(out) - n, "250-%.*s\r\n", SPAN_F(word));
	}
	snprintf(out + n, sizeof(out) - n, "250 HELP\r\n");
	say(t, out);
}

/* false: connection is over */
static bool data(struct talk *t)
{
	enum peer_evil evil = t->p->evil;
	unsigned lines = 0;

	if (evil == PEER_250_DATA) {
		say(t, "250 2.0.0 thanks\r\n");
		return true;
	}
	say(t, "354 go\r\n");
	while (line_get(t)) {
		if (!strcmp(t->line, ".\r\n")) {
			if (evil == PEER_CLOSE_END)
				return false;
			if (evil == PEER_421_END) {
				say(t, "421 4.3.2 going down\r\n");
				return false;
			}
			pthread_mutex_lock(&t->p->lock);
			t->p->mails += evil != PEER_REFUSE_END;
			pthread_mutex_unlock(&t->p->lock);
			t->mail = t->rcpt = false;
			say(t, evil == PEER_REFUSE_END ? "554 5.7.1 spam\r\n" : "250 2.0.0 Ok: queued\r\n");
			return true;
		}
		note(t, &t->p->mail);
		if (++lines < 2)
			continue;
		if (evil == PEER_CLOSE_DATA)
			return false;
		if (evil == PEER_552_DATA) {
			say(t, "552 5.3.4 too much\r\n");
			while (byte_get(t) >= 0)
				;
			return false;
		}
		while (evil == PEER_HANG_DATA && byte_get(t) >= 0)
			;
	}
	return false;
}

static size_t b64(const char *text, char *out, size_t max)
{
	size_t n = 0;

	assert_true(base64_decode(span_trim(span_str(text)), out, max - 1, &n) == 0);
	out[n] = 0;
	return n;
}

static void say_b64(struct talk *t, const char *code, struct span s)
{
	SCOPED_BUF b;

	buf_init(&b, 4096);
	buf_addz(&b, code);
	base64_encode(&b, s, 0);
	buf_addz(&b, "\r\n");
	buf_addc(&b, 0);
	say(t, b.p);
}

/* The server's half of RFC 5802, from the password. */
static void scram(struct talk *t, const char *initial)
{
	SCOPED_ARENA a = arena_new();
	char text[2048], final_text[2048];
	struct scram_first first;
	struct scram_final final;
	uint8_t salted[32], key[32], stored[32], mac[32];
	SCOPED_BUF sf, am, out;
	unsigned n;

	buf_init(&sf, 1024), buf_init(&am, 4096), buf_init(&out, 256);
	assert_int_equal(scram_first_parse(a, SPAN_BYTES(text, b64(initial, text, sizeof(text))), &first, NULL), 0);
	scram_server_first(&sf, first.nonce, SPAN("SERVERNONCE"), SPAN("saltysalt"), 4096);
	say_b64(t, "334 ", buf_span(&sf));
	if (!line_get(t))
		return;
	assert_int_equal(scram_final_parse(a, SPAN_BYTES(final_text, b64(t->line, final_text, sizeof(final_text))), &final, NULL), 0);
	scram_auth_message(&am, &first, buf_span(&sf), &final);
	PKCS5_PBKDF2_HMAC(t->p->password, (int)strlen(t->p->password), (const unsigned char *)"saltysalt", 9, 4096,
		EVP_sha256(), 32, salted);
	HMAC(EVP_sha256(), salted, 32, (const unsigned char *)"Client Key", 10, key, &n);
	SHA256(key, 32, stored);
	HMAC(EVP_sha256(), stored, 32, (const unsigned char *)am.p, am.n, mac, &n);
	for (int i = 0; i < 32; i++)
		mac[i] ^= key[i];
	if (memcmp(mac, final.proof, 32) != 0) {
		say(t, "535 5.7.8 no\r\n");
		return;
	}
	HMAC(EVP_sha256(), salted, 32, (const unsigned char *)"Server Key", 10, key, &n);
	HMAC(EVP_sha256(), key, 32, (const unsigned char *)am.p, am.n, mac, &n);
	scram_server_final(&out, SPAN_BYTES(mac, 32));
	say_b64(t, "334 ", buf_span(&out));
	if (line_get(t))
		say(t, "235 2.7.0 welcome\r\n");
}

static void auth(struct talk *t)
{
	char text[1024], want[256];
	size_t n;

	if (is(t, "AUTH SCRAM-SHA-256 ")) {
		scram(t, t->line + 19);
		return;
	}
	if (is(t, "AUTH PLAIN ")) {
		n = b64(t->line + 11, text, sizeof(text));
		snprintf(want, sizeof(want), "%canna%c%s", 0, 0, t->p->password);
		say(t, n == 6 + strlen(t->p->password) && !memcmp(text, want, n) ? "235 2.7.0 welcome\r\n" : "535 5.7.8 no\r\n");
		return;
	}
	say(t, "334 VXNlcm5hbWU6\r\n");
	if (!line_get(t))
		return;
	b64(t->line, text, sizeof(text));
	say(t, "334 UGFzc3dvcmQ6\r\n");
	if (!line_get(t))
		return;
	b64(t->line, want, sizeof(want));
	say(t, !strcmp(text, "anna") && !strcmp(want, t->p->password) ? "235 2.7.0 welcome\r\n" : "535 5.7.8 no\r\n");
}

static bool start_tls(struct talk *t)
{
	say(t, "220 2.0.0 go\r\n");
	if (t->p->evil == PEER_TLS_BROKEN) {
		say(t, "this is no TLS at all, not even nearly\r\n");
		return false;
	}
	t->ssl = SSL_new(t->p->tls);
	SSL_set_fd(t->ssl, t->fd);
	if (SSL_accept(t->ssl) != 1)
		return false;
	pthread_mutex_lock(&t->p->lock);
	t->p->tls_sessions++;
	pthread_mutex_unlock(&t->p->lock);
	return true;
}

/* false: connection is over */
static bool command(struct talk *t)
{
	if (is(t, "EHLO") && t->p->evil == PEER_NO_EHLO)
		say(t, "502 5.5.2 what?\r\n");
	else if (is(t, "EHLO"))
		say_caps(t);
	else if (is(t, "MAIL") && t->p->evil == PEER_421_MAIL)
		say(t, "421 4.7.0 not now\r\n");
	else if (is(t, "MAIL") && strstr(t->line, "<refused@"))
		say(t, "550 5.7.1 not you\r\n");
	else if (is(t, "RCPT TO:<bad"))
		say(t, "550-5.1.1 No such\r\n550 5.1.1 user\r\n");
	else if (is(t, "RCPT TO:<busy"))
		say(t, "450 later\r\n");
	else if (is(t, "DATA") && t->rcpt)
		return data(t);
	else if (is(t, "DATA") || (is(t, "RCPT") && !t->mail))
		say(t, "503 5.5.1 first things first\r\n");
	else if (is(t, "AUTH"))
		auth(t);
	else if (is(t, "STARTTLS"))
		return start_tls(t);
	else if (is(t, "QUIT"))
		return false;
	else {
		t->mail = is(t, "MAIL") || (t->mail && is(t, "RCPT"));
		t->rcpt = is(t, "RCPT");
		say(t, "250 2.1.0 Ok\r\n");
	}
	return true;
}

static void *talk_run(void *arg)
{
	struct talk *t = arg;
	enum peer_evil evil = t->p->evil;

	if (evil == PEER_GARBAGE)
		say(t, "HTTP/1.1 400 Bad Request\r\n\r\n");
	else if (evil == PEER_GREETING_554)
		say(t, "554 5.3.2 closed for you\r\n");
	else if (evil != PEER_MUTE && evil != PEER_ENDLESS)
		say(t, "220 peer.example ESMTP\r\n");
	for (int i = 0; evil == PEER_ENDLESS && i < 2000; i++)
		say(t, "220-and another line of greeting, and so on\r\n");
	while (line_get(t)) {
		note(t, &t->p->log);
		if (!command(t))
			break;
	}
	if (t->ssl)
		SSL_free(t->ssl);
	close(t->fd);
	free(t);
	return NULL;
}

static void *peer_run(void *arg)
{
	struct peer_server *p = arg;
	pthread_t talks[64];
	size_t n = 0;

	for (;;) {
		struct pollfd pf[2] = { { .fd = p->fd, .events = POLLIN }, { .fd = p->stop[0], .events = POLLIN } };
		struct talk *t;

		poll(pf, 2, -1);
		if (pf[1].revents || n == 64)
			break;
		t = calloc(1, sizeof(*t));
		t->p = p;
		t->fd = accept(p->fd, NULL, NULL);
		pthread_mutex_lock(&p->lock);
		p->connections++;
		pthread_mutex_unlock(&p->lock);
		pthread_create(&talks[n++], NULL, talk_run, t);
	}
	while (n)
		pthread_join(talks[--n], NULL);
	return NULL;
}

void peer_start(struct peer_server *p, const char *caps, enum peer_evil evil)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	p->caps = caps;
	p->evil = evil;
	buf_init(&p->log, 1u << 20);
	buf_init(&p->mail, 64u << 20);
	pthread_mutex_init(&p->lock, NULL);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(p->fd, 64), 0);
	assert_int_equal(getsockname(p->fd, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(pipe(p->stop), 0);
	p->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
}

void peer_stop(struct peer_server *p)
{
	close(p->stop[1]);
	pthread_join(p->thread, NULL);
	close(p->stop[0]);
	close(p->fd);
	buf_fini(&p->log);
	buf_fini(&p->mail);
	SSL_CTX_free(p->tls);
	pthread_mutex_destroy(&p->lock);
	memset(p, 0, sizeof(*p));
}

static bool has(struct peer_server *p, const struct buf *b, const char *text)
{
	bool found;

	pthread_mutex_lock(&p->lock);
	found = span_find(buf_span(b), span_str(text)) >= 0;
	pthread_mutex_unlock(&p->lock);
	return found;
}

bool peer_logged(struct peer_server *p, const char *text)
{
	return has(p, &p->log, text);
}

bool peer_has(struct peer_server *p, const char *text)
{
	return has(p, &p->mail, text);
}

unsigned peer_mails(struct peer_server *p)
{
	unsigned n;

	pthread_mutex_lock(&p->lock);
	n = p->mails;
	pthread_mutex_unlock(&p->lock);
	return n;
}

SSL_CTX *peer_tls(const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}
