#include "out/client_stream.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "base/time.h"

/* 1 ready, else the error. */
static int wait_for(int fd, short events, int64_t deadline_us, struct err *e)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left_us = deadline_us - time_mono_us();
		int n;

		if (left_us <= 0)
			return err_set(e, ERR_LATER, "connection timed out", "timeout");
		n = poll(&p, 1, (int)(left_us / 1000 + 1 > 60000 ? 60000 : left_us / 1000 + 1));
		if (n > 0)
			return 1;
		if (n < 0 && errno != EINTR)
			return err_set(e, ERR_BROKEN, "internal error", "poll: %m");
	}
}

static int dial_error(int code, struct err *e)
{
	switch (code) {
	case ECONNREFUSED:
		return err_set(e, ERR_GONE, "connection refused", "connect: refused");
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EAFNOSUPPORT:
	case EADDRNOTAVAIL:
		return err_set(e, ERR_GONE, "host is not reachable", "connect: unreachable");
	case ETIMEDOUT:
		return err_set(e, ERR_LATER, "connection timed out", "connect: timeout");
	default:
		errno = code;
		return err_set(e, ERR_GONE, "connection failed", "connect: %m");
	}
}

int client_stream_dial(struct client_stream *s, const struct sockaddr *sa, socklen_t len, int64_t deadline_us,
	struct err *e)
{
	int code = 0, rc;
	socklen_t code_len = sizeof(code);

	s->ssl = NULL;
	s->in_at = s->in_n = 0;
	s->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return dial_error(errno, e);
	if (connect(s->fd, sa, len) == 0)
		return 0;
	if (errno != EINPROGRESS) {
		rc = dial_error(errno, e);
	} else {
		rc = wait_for(s->fd, POLLOUT, deadline_us, e);
		if (rc > 0) {
			getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &code, &code_len);
			rc = code ? dial_error(code, e) : 0;
		}
	}
	if (rc < 0)
		client_stream_close(s);
	return rc;
}

void client_stream_close(struct client_stream *s)
{
	if (s->ssl)
		SSL_free(s->ssl);
	if (s->fd >= 0)
		close(s->fd);
	s->ssl = NULL;
	s->fd = -1;
	s->in_at = s->in_n = 0;
}

static int gone(struct err *e)
{
	return err_set(e, ERR_GONE, "the server closed the connection", "closed");
}

/* OpenSSL wants a direction: wait for it. Else the connection is lost. */
static int tls_wait(struct client_stream *s, int ret, int64_t deadline_us, struct err *e)
{
	switch (SSL_get_error(s->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return wait_for(s->fd, POLLIN, deadline_us, e);
	case SSL_ERROR_WANT_WRITE:
		return wait_for(s->fd, POLLOUT, deadline_us, e);
	default:
		return gone(e);
	}
}

int client_stream_write(struct client_stream *s, struct span data, int64_t deadline_us, struct err *e)
{
	while (data.n) {
		ssize_t n;
		int rc;

		if (s->ssl) {
			ERR_clear_error();
			n = SSL_write(s->ssl, data.p, (int)(data.n > 65536 ? 65536 : data.n));
			rc = n > 0 ? 1 : tls_wait(s, (int)n, deadline_us, e);
		} else {
			n = send(s->fd, data.p, data.n, MSG_NOSIGNAL);
			rc = n > 0 ? 1 : n < 0 && errno == EINTR ? 1
				: n < 0 && errno == EAGAIN	 ? wait_for(s->fd, POLLOUT, deadline_us, e)
								 : gone(e);
		}
		if (rc < 0)
			return rc;
		if (n > 0)
			data = span_from(data, (size_t)n);
	}
	return 0;
}

int client_stream_fill(struct client_stream *s, int64_t deadline_us, struct err *e)
{
	if (s->in_at < s->in_n)
		return 0;
	s->in_at = s->in_n = 0;
	for (;;) {
		ssize_t n;
		int rc;

		if (s->ssl) {
			ERR_clear_error();
			n = SSL_read(s->ssl, s->in, sizeof(s->in));
			rc = n > 0 ? 1 : tls_wait(s, (int)n, deadline_us, e);
		} else {
			n = recv(s->fd, s->in, sizeof(s->in), 0);
			rc = n > 0 ? 1 : n < 0 && errno == EINTR ? 1
				: n < 0 && errno == EAGAIN	 ? wait_for(s->fd, POLLIN, deadline_us, e)
								 : gone(e);
		}
		if (rc < 0)
			return rc;
		if (n > 0) {
			s->in_n = (size_t)n;
			return 0;
		}
	}
}

struct span client_stream_unread(const struct client_stream *s)
{
	return SPAN_BYTES(s->in + s->in_at, s->in_n - s->in_at);
}

void client_stream_eat(struct client_stream *s, size_t n)
{
	s->in_at += n;
}

/* RFC 7672 section 3.1: DANE-EE(3) asks for no name, DANE-TA(2) for the server's or the domain's. */
static int dane_set(SSL *ssl, const struct client_tls *t)
{
	int usable = 0;

	if (SSL_dane_enable(ssl, t->name) <= 0)
		return -1;
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (size_t i = 0; i < t->n_tlsa; i++) {
		const unsigned char *p = (const unsigned char *)t->tlsa[i].p;

		if (t->tlsa[i].n > 3)
			usable += SSL_dane_tlsa_add(ssl, p[0], p[1], p[2], p + 3, t->tlsa[i].n - 3) > 0;
	}
	return usable ? 0 : -1;
}

/* An address has no place in SNI (RFC 6066 section 3); a certificate may carry it all the same. */
static int name_set(SSL *ssl, const struct client_tls *t)
{
	bool numeric = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), t->name) == 1;

	if (!numeric && SSL_set_tlsext_host_name(ssl, t->name) != 1)
		return -1;
	if (t->how == CLIENT_TLS_ANY)
		return 0;
	SSL_set_verify(ssl, t->how == CLIENT_TLS_VERIFY ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (!numeric && (!t->name[0] || SSL_set1_host(ssl, t->name) != 1))
		return -1;
	if (t->n_tlsa && dane_set(ssl, t) < 0)
		return -1;
	return !t->also || SSL_add1_host(ssl, t->also) == 1 ? 0 : -1;
}

static int handshake_failed(struct client_stream *s, struct client_tls *t, struct err *e)
{
	const char *why = ERR_reason_error_string(ERR_peek_error());

	if (t->how == CLIENT_TLS_VERIFY)
		t->verdict = SSL_get_verify_result(s->ssl);
	err_clear(e);
	return err_set(e, ERR_GONE, t->verdict != X509_V_OK ? "the server's TLS certificate is not trusted" : "TLS handshake failed",
		"tls: %s", t->verdict != X509_V_OK ? X509_verify_cert_error_string(t->verdict) : why ? why : "closed");
}

int client_stream_tls(struct client_stream *s, SSL_CTX *ctx, struct client_tls *t, int64_t deadline_us, struct err *e)
{
	int ret, rc = 1;

	s->in_at = s->in_n = 0;
	t->verdict = X509_V_OK;
	s->ssl = SSL_new(ctx);
	if (!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1)
		return err_set(e, ERR_BROKEN, "internal error", "SSL_new");
	if (name_set(s->ssl, t) < 0)
		return err_set(e, ERR_BROKEN, "the server's name or TLSA records cannot be used", "TLS name");
	for (;;) {
		ERR_clear_error();
		ret = SSL_connect(s->ssl);
		if (ret == 1)
			break;
		rc = tls_wait(s, ret, deadline_us, e);
		if (rc == ERR_GONE && e)
			return handshake_failed(s, t, e);
		if (rc < 0)
			return rc;
	}
	if (t->how != CLIENT_TLS_ANY)
		t->verdict = SSL_get_verify_result(s->ssl);
	return 0;
}

bool client_stream_quiet(const struct client_stream *s)
{
	char c;

	if (s->fd < 0 || s->in_at < s->in_n || (s->ssl && SSL_pending(s->ssl)))
		return false;
	/* A TLS peer may have sent session tickets: those bytes are no reason to give the connection up. */
	return s->ssl ? recv(s->fd, &c, 1, MSG_PEEK) != 0 : recv(s->fd, &c, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

SSL_CTX *client_stream_context(const char *ca_file, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx) {
		err_set(e, ERR_BROKEN, "", "SSL_CTX_new");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_dane_enable(ctx);
	if (ca_file && access(ca_file, R_OK) == 0 && SSL_CTX_load_verify_file(ctx, ca_file) != 1) {
		SSL_CTX_free(ctx);
		err_set(e, ERR_BROKEN, "", "unreadable roots: %s", ca_file);
		return NULL;
	}
	return ctx;
}
