/* Message = u32 length of what follows | u8 kind | u8 descriptor count | fields in the order below. */
#include "bus/bus_codec.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/io.h"
#include "base/secret.h"
#include "base/wire.h"

#define OUT_KEEP (2u << 20)             /* a fresh MiB costs more page faults than its copy */

#define SMALL 4096

void bus_conn_init(struct bus_conn *b, int fd)
{
	*b = (struct bus_conn){ .fd = fd };
	buf_init(&b->in, BUS_MESSAGE_MAX * 2);
	buf_init(&b->out, 64u << 20);
}

void bus_conn_fini(struct bus_conn *b)
{
	for (size_t i = 0; i < b->n_out_fds; i++)
		close(b->out_fds[i].fd);
	for (size_t i = 0; i < b->n_in_fds; i++)
		close(b->in_fds[i]);
	free(b->out_fds);
	buf_fini(&b->in);
	buf_fini(&b->out);
	if (b->fd >= 0)
		close(b->fd);
	*b = (struct bus_conn){ .fd = -1 };
}

void reply_init(struct reply *r, const struct cmd *c)
{
	memset(r, 0, offsetof(struct reply, seg));
	r->nseg = 0;
	r->session = c->session;
	r->seq = c->seq;
}

void reply_bytes(struct reply *r, struct span bytes)
{
	if (!bytes.n)
		return;
	assert(r->nseg < BUS_SEGMENTS_MAX);          /* dropped, it would be a hole in what the client reads */
	r->seg[r->nseg++] = (struct segment){ .bytes = bytes, .fd = -1 };
}

/* ---- writing ---- */

static size_t begin(struct bus_conn *b, enum bus_kind kind, uint8_t nfds)
{
	size_t at;

	if (b->out_sent == b->out.n) {
		b->out_pos += b->out.n;
		buf_reset(&b->out);
		b->out_sent = 0;
	}
	at = b->out.n;
	wire_u32(&b->out, 0);
	wire_u8(&b->out, kind);
	wire_u8(&b->out, nfds);
	return at;
}

static void finish(struct bus_conn *b, size_t at)
{
	uint32_t n = (uint32_t)(b->out.n - at - 4);

	for (size_t i = 0; i < 4 && !b->out.failed; i++)
		b->out.p[at + i] = (char)(n >> (8 * i));
}

static void add_fd(struct bus_conn *b, size_t at, int fd)
{
	if (b->n_out_fds == b->cap_out_fds) {
		b->cap_out_fds = b->cap_out_fds ? b->cap_out_fds * 2 : 8;
		b->out_fds = realloc(b->out_fds, b->cap_out_fds * sizeof(*b->out_fds));
		if (!b->out_fds)
			abort();
	}
	b->out_fds[b->n_out_fds++] = (struct bus_out_fd){ b->out_pos + at, fd };
}

static void put_opt(struct buf *o, struct span s)
{
	wire_u8(o, s.p != NULL);
	if (s.p)
		wire_span(o, s);
}

static void put_peer(struct buf *o, const struct peer *p)
{
	wire_span(o, p->address);
	wire_u16(o, p->port);
	wire_u16(o, p->local_port);
	wire_u8(o, (uint8_t)(p->loopback | p->tls << 1));
	wire_span(o, p->tls_version);
	wire_span(o, p->tls_cipher);
	wire_span(o, p->sni);
	wire_span(o, p->channel_binding);
}

void bus_put_cmd(struct bus_conn *b, const struct cmd *c)
{
	struct buf *o = &b->out;
	size_t at = begin(b, BUS_CMD, c->spool_fd >= 0);

	wire_u64(o, c->session);
	wire_u32(o, c->seq);
	wire_u8(o, c->service);
	wire_u8(o, c->flags);
	wire_span(o, c->verb);
	wire_span(o, c->tag);
	put_opt(o, c->body);
	wire_u64(o, c->spool_len);
	wire_u64(o, c->cursor);
	if (c->flags & CMD_OPEN) {
		put_peer(o, &c->peer);
		put_opt(o, c->state);
	}
	wire_u32(o, (uint32_t)c->ntok);
	for (size_t i = 0; i < c->ntok; i++) {
		const struct tok *t = &c->tok[i];

		wire_u8(o, t->kind);
		put_opt(o, t->text);
		if (t->kind == TOK_PAIR)
			put_opt(o, t->value);
		if (t->kind == TOK_SPOOL) {
			wire_u64(o, t->off);
			wire_u64(o, t->len);
		}
	}
	finish(b, at);
	if (c->spool_fd >= 0)
		add_fd(b, at, c->spool_fd);
}

void bus_put_reply(struct bus_conn *b, const struct reply *r)
{
	struct buf *o = &b->out;
	uint8_t nfds = 0;
	size_t at;

	for (size_t i = 0; i < r->nseg; i++)
		nfds += r->seg[i].fd >= 0;
	at = begin(b, BUS_REPLY, nfds);
	wire_u64(o, r->session);
	wire_u32(o, r->seq);
	wire_u8(o, r->next);
	wire_u8(o, r->mood);
	wire_u64(o, r->cursor);
	put_opt(o, r->state);
	wire_u8(o, r->authenticated);
	wire_u32(o, (uint32_t)r->nseg);
	for (size_t i = 0; i < r->nseg; i++) {
		wire_u8(o, r->seg[i].fd >= 0);
		if (r->seg[i].fd >= 0) {
			wire_u64(o, r->seg[i].off);
			wire_u64(o, r->seg[i].len);
			add_fd(b, at, r->seg[i].fd);
		} else {
			wire_span(o, r->seg[i].bytes);
		}
	}
	finish(b, at);
}

void bus_put_notice(struct bus_conn *b, const struct notice *n)
{
	size_t at = begin(b, BUS_NOTICE, 0);

	wire_u64(&b->out, n->session);
	wire_u8(&b->out, n->kind);
	finish(b, at);
}

void bus_put_hello(struct bus_conn *b, struct span name)
{
	size_t at = begin(b, BUS_HELLO, 0);

	wire_span(&b->out, name);
	finish(b, at);
}

size_t bus_pending(const struct bus_conn *b)
{
	return b->out.n - b->out_sent;
}

/* Descriptors go with the first byte of their message, so a send stops short of the next message that
 * has some. */
int bus_flush(struct bus_conn *b)
{
	if (b->out.failed)
		return ERR_GONE;
	while (b->out_sent < b->out.n) {
		uint64_t here = b->out_pos + b->out_sent;
		size_t n = b->out.n - b->out_sent, nfds = 0;
		int fds[IO_FDS_MAX];
		ssize_t r;

		for (size_t i = 0; i < b->n_out_fds; i++) {
			if (b->out_fds[i].at > here) {
				n = (size_t)(b->out_fds[i].at - here);
				break;
			}
			if (nfds == IO_FDS_MAX)
				return ERR_GONE;
			fds[nfds++] = b->out_fds[i].fd;
		}
		r = io_send_fds(b->fd, (struct span){ b->out.p + b->out_sent, n }, fds, nfds);
		if (r < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 1 : ERR_GONE;
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		b->n_out_fds -= nfds;
		if (nfds)
			memmove(b->out_fds, b->out_fds + nfds, b->n_out_fds * sizeof(*b->out_fds));
		b->out_sent += (size_t)r;
	}
	b->out_pos += b->out.n;
	b->out_sent = 0;
	if (b->out.cap > OUT_KEEP)
		buf_fini(&b->out);
	else
		buf_reset(&b->out);
	return 0;
}

/* ---- reading ---- */

static void settle(struct bus_conn *b)
{
	if (b->in_used) {
		buf_eat(&b->in, b->in_used);
		b->in_used = 0;
	}
	if (b->in.n == 0 && b->in.cap > 256 * 1024)
		buf_fini(&b->in);
}

int bus_fill(struct bus_conn *b)
{
	int fds[IO_FDS_MAX];
	size_t nfds, room = 256 * 1024;
	ssize_t r;
	char *to;

	settle(b);
	to = buf_space(&b->in, room);
	if (!to)
		return ERR_GONE;
	r = io_recv_fds(b->fd, to, room, fds, &nfds);
	for (size_t i = 0; i < nfds; i++) {
		if (b->n_in_fds < sizeof(b->in_fds) / sizeof(*b->in_fds))
			b->in_fds[b->n_in_fds++] = fds[i];
		else
			close(fds[i]);
	}
	if (r < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : ERR_GONE;
	if (r == 0)
		return ERR_GONE;
	buf_grow(&b->in, (size_t)r);
	return (int)r;
}

static struct span get_opt(struct wire *w, size_t max)
{
	return wire_get_u8(w) ? wire_get_span(w, max) : SPAN_NONE;
}

static void get_peer(struct wire *w, struct peer *p)
{
	uint8_t bits;

	p->address = wire_get_span(w, 64);
	p->port = wire_get_u16(w);
	p->local_port = wire_get_u16(w);
	bits = wire_get_u8(w);
	p->loopback = bits & 1;
	p->tls = bits >> 1 & 1;
	p->tls_version = wire_get_span(w, 32);
	p->tls_cipher = wire_get_span(w, 64);
	p->sni = wire_get_span(w, 255);
	p->channel_binding = wire_get_span(w, 128);
}

static bool get_toks(struct wire *w, struct arena *a, struct cmd *c)
{
	uint32_t n = wire_get_u32(w);
	struct toks t;

	if (n > TOK_MAX || w->failed)
		return false;
	toks_init(&t, a);
	for (uint32_t i = 0; i < n && !w->failed; i++) {
		struct tok k = { .kind = wire_get_u8(w) };

		k.text = get_opt(w, BUS_MESSAGE_MAX);
		if (k.kind == TOK_PAIR)
			k.value = get_opt(w, SMALL);
		if (k.kind == TOK_SPOOL) {
			k.off = wire_get_u64(w);
			k.len = wire_get_u64(w);
			if (k.off > c->spool_len || k.len > c->spool_len - k.off)
				return false;
		}
		if (k.kind < TOK_ATOM || k.kind > TOK_PAIR || !toks_add(&t, k))
			return false;
	}
	c->tok = t.v;
	c->ntok = t.n;
	return toks_balanced(&t);
}

static bool get_cmd(struct wire *w, struct arena *a, const int *fds, size_t nfds, struct cmd *c)
{
	*c = (struct cmd){ .spool_fd = nfds ? fds[0] : -1 };
	c->session = wire_get_u64(w);
	c->seq = wire_get_u32(w);
	c->service = wire_get_u8(w);
	c->flags = wire_get_u8(w);
	c->verb = wire_get_span(w, 64);
	c->tag = wire_get_span(w, 256);
	c->body = get_opt(w, BUS_MESSAGE_MAX);
	c->spool_len = wire_get_u64(w);
	c->cursor = wire_get_u64(w);
	if (nfds > 1 || (nfds == 0 && c->spool_len))
		return false;
	if (c->flags & CMD_OPEN) {
		get_peer(w, &c->peer);
		c->state = get_opt(w, BUS_STATE_MAX);
	}
	return get_toks(w, a, c);
}

static bool get_reply(struct wire *w, const int *fds, size_t nfds, struct reply *r)
{
	size_t used = 0;
	uint32_t n;

	memset(r, 0, offsetof(struct reply, seg));
	r->session = wire_get_u64(w);
	r->seq = wire_get_u32(w);
	r->next = wire_get_u8(w);
	r->mood = wire_get_u8(w);
	r->cursor = wire_get_u64(w);
	r->state = get_opt(w, BUS_STATE_MAX);
	r->authenticated = wire_get_u8(w) == 1;
	n = wire_get_u32(w);
	if (w->failed || n > BUS_SEGMENTS_MAX || r->next > NEXT_WAIT)
		return false;
	r->nseg = n;
	for (uint32_t i = 0; i < n; i++) {
		struct segment *s = &r->seg[i];

		*s = (struct segment){ .fd = -1 };
		if (wire_get_u8(w)) {
			if (used >= nfds)
				return false;
			s->fd = fds[used++];
			s->off = wire_get_u64(w);
			s->len = wire_get_u64(w);
		} else {
			s->bytes = wire_get_span(w, BUS_MESSAGE_MAX);
		}
	}
	return used == nfds;
}

int bus_decode(struct arena *a, struct span in, const int *fds, size_t nfds, struct bus_msg *out)
{
	struct wire w = wire_open(in);
	bool ok = false;

	out->kind = wire_get_u8(&w);
	if (wire_get_u8(&w) != nfds)
		return ERR_SYNTAX;
	switch (out->kind) {
	case BUS_CMD:
		ok = get_cmd(&w, a, fds, nfds, &out->cmd);
		break;
	case BUS_REPLY:
		ok = get_reply(&w, fds, nfds, &out->reply);
		break;
	case BUS_NOTICE:
		out->notice.session = wire_get_u64(&w);
		out->notice.kind = wire_get_u8(&w);
		ok = nfds == 0;
		break;
	case BUS_HELLO:
		out->hello = wire_get_span(&w, 64);
		ok = nfds == 0;
		break;
	}
	return ok && wire_done(&w) ? 0 : ERR_SYNTAX;
}

static int recv_message(struct bus_conn *b, struct arena *a, bool copy, struct bus_msg *out)
{
	struct span msg;
	struct wire w;
	uint32_t n;
	uint8_t nfds;
	int fds[IO_FDS_MAX], r;

	w = wire_open(span_from(buf_span(&b->in), b->in_used));
	if (w.in.n < 6)
		return 0;
	n = wire_get_u32(&w);
	if (n < 2 || n > BUS_MESSAGE_MAX + 65536)
		return ERR_SYNTAX;
	if (w.in.n < n)
		return 0;
	nfds = (uint8_t)w.in.p[1];
	if (nfds > b->n_in_fds || nfds > IO_FDS_MAX)
		return ERR_SYNTAX;
	memcpy(fds, b->in_fds, nfds * sizeof(int));
	b->n_in_fds -= nfds;
	memmove(b->in_fds, b->in_fds + nfds, b->n_in_fds * sizeof(int));
	msg = span_sub(w.in, 0, n);
	r = bus_decode(a, copy ? arena_span(a, msg) : msg, fds, nfds, out);
	b->in_used += 4 + n;
	if (copy && b->in.secret)
		secret_wipe((void *)(uintptr_t)msg.p, msg.n);
	if (r < 0)
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
	return r < 0 ? r : 1;
}

int bus_recv(struct bus_conn *b, struct arena *a, struct bus_msg *out)
{
	return recv_message(b, a, false, out);
}

int bus_recv_copy(struct bus_conn *b, struct arena *a, struct bus_msg *out)
{
	return recv_message(b, a, true, out);
}
