#include "out/https_get.h"
#include <netinet/in.h>
#include <openssl/x509_vfy.h>
#include "base/time.h"
#include "codec/http/http_answer.h"

#define DIALS_MAX 4

static void port_set(struct resolver_address *at, uint16_t port)
{
	if (at->sa.ss_family == AF_INET)
		((struct sockaddr_in *)&at->sa)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&at->sa)->sin6_port = htons(port);
}

static int refused(struct err *e, int class, const char *what)
{
	return err_set(e, class, what, "https: %s", what);
}

static int read_head(struct client_stream *s, const struct https_request *q, struct http_head *h, struct buf *b, size_t *used,
	struct err *e)
{
	int r = 0;

	while (r == 0) {
		struct span got;

		if (client_stream_fill(s, q->deadline_us, e) < 0)
			return e->code;
		got = client_stream_unread(s);
		buf_add(b, got);
		client_stream_eat(s, got.n);
		if (b->failed)
			return refused(e, ERR_TOOBIG, "the answer's head is too long");
		r = http_head(buf_span(b), h, used);
	}
	return r < 0 ? refused(e, ERR_GONE, "the answer is not HTTP") : 0;
}

static int read_body(struct client_stream *s, const struct https_request *q, struct http_body *body, struct span first,
	struct buf *out, struct err *e)
{
	SCOPED_BUF b;
	size_t used = 0;
	int r;

	buf_init(&b, 2 * sizeof(s->in) + HTTP_HEAD_MAX);
	buf_add(&b, first);
	for (;;) {
		struct span got;

		r = http_body(body, buf_span(&b), &used, out);
		buf_eat(&b, used);
		if (r != 0)
			break;
		r = client_stream_fill(s, q->deadline_us, e);
		if (r == ERR_GONE && body->kind == HTTP_BODY_CLOSE)
			return 0;
		if (r < 0)
			return r;
		got = client_stream_unread(s);
		if (!buf_add(&b, got))
			return refused(e, ERR_TOOBIG, "the answer has too long lines");
		client_stream_eat(s, got.n);
	}
	return r == 1 ? 0 : r == ERR_TOOBIG ? refused(e, ERR_TOOBIG, "the answer is too long") : refused(e, ERR_GONE, "the answer is not HTTP");
}

static int request(struct client_stream *s, struct arena *a, const struct https_request *q, bool post, struct err *e)
{
	struct span head = arena_printf(a, "%s %s HTTP/1.1\r\nHost: %.*s", post ? "POST" : "GET", q->path, SPAN_F(q->host));

	if (q->port != 443 && post)
		head = arena_printf(a, "%.*s:%u", SPAN_F(head), q->port);
	head = post ? arena_printf(a, "%.*s\r\nUser-Agent: kontor\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		SPAN_F(head), q->type, q->body.n) : arena_printf(a, "%.*s\r\nUser-Agent: kontor\r\nAccept: %s\r\nConnection: close\r\n\r\n",
		SPAN_F(head), q->type);
	return client_stream_write(s, head, q->deadline_us, e) < 0 || (post && client_stream_write(s, q->body, q->deadline_us, e) < 0) ?
		e->code : 0;
}

/* out NULL: a POST, whose answer nobody reads beyond the status. */
static int ask(struct client_stream *s, struct arena *a, const struct https_request *q, struct buf *out, struct err *e)
{
	struct http_head h;
	struct http_body body;
	size_t used = 0;
	SCOPED_BUF b;

	buf_init(&b, 2 * HTTP_HEAD_MAX + sizeof(s->in));
	if (request(s, a, q, !out, e) < 0 || read_head(s, q, &h, &b, &used, e) < 0)
		return e->code;
	if (!out)
		return h.status / 100 == 2 ? 0 : err_set(e, ERR_GONE, "the server does not take it", "https: status %u", h.status);
	if (h.status != 200)
		return err_set(e, ERR_GONE, "the server has no such file", "https: status %u", h.status);
	if (!span_ieqz(h.type, q->type))
		return refused(e, ERR_GONE, "the answer is of another type");
	http_body_init(&body, &h);
	return read_body(s, q, &body, span_from(buf_span(&b), used), out, e);
}

static int try_one(SSL_CTX *tls, struct arena *a, const struct https_request *q, struct resolver_address *at, struct buf *out,
	struct err *e)
{
	struct client_tls t = { .name = arena_strz(a, q->host), .how = CLIENT_TLS_VERIFY };
	struct client_stream *s = ARENA_NEW(a, struct client_stream);
	int rc;

	port_set(at, q->port);
	s->fd = -1;
	rc = client_stream_dial(s, (const struct sockaddr *)&at->sa, at->len, q->deadline_us, e);
	if (rc < 0)
		return rc;
	rc = client_stream_tls(s, tls, &t, q->deadline_us, e);
	if (rc < 0 && t.verdict != X509_V_OK) {
		err_clear(e);
		rc = refused(e, ERR_DENIED, "the server's certificate is not trusted");
	}
	if (rc == 0)
		rc = ask(s, a, q, out, e);
	client_stream_close(s);
	return rc;
}

static int any_address(struct resolver *r, SSL_CTX *tls, struct arena *a, const struct https_request *q, struct buf *out, struct err *e)
{
	struct resolver_address_list *l = ARENA_NEW(a, struct resolver_address_list);
	int rc = ERR_GONE;

	if (resolver_addresses(r, a, q->host, l) != RESOLVE_FOUND)
		return err_set(e, ERR_GONE, "the server's name has no address", "https: %s", l->why);
	for (size_t i = 0; i < l->n && i < DIALS_MAX && rc != 0 && rc != ERR_TOOBIG && time_mono_us() < q->deadline_us; i++) {
		err_clear(e);
		if (out)
			buf_reset(out);
		rc = try_one(tls, a, q, &l->v[i], out, e);
	}
	return rc;
}

int https_get(struct resolver *r, SSL_CTX *tls, struct arena *a, const struct https_request *q, struct buf *out, struct err *e)
{
	return any_address(r, tls, a, q, out, e);
}

int https_post(struct resolver *r, SSL_CTX *tls, struct arena *a, const struct https_request *q, struct err *e)
{
	return any_address(r, tls, a, q, NULL, e);
}
