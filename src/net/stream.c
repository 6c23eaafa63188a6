#include "net/stream.h"
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/io.h"
#include "base/secret.h"
#include "net/deflate.h"

#define CHUNK_MIN 480
#define IOV_MAX_USED 16
#define RECORD 16384          /* one TLS record */
#define SMALL_FD 16384	      /* descriptor ranges up to this are copied, so that they share a write */
#define UNFOLD_STEP 4096      /* a lone octet shall not hold the room for many */
#define READ_ROUND 131072     /* bytes read before others get their turn */
#define DISCARD_MAX (1u << 20) /* what a peer may still send after we said goodbye */

struct stream_chunk {
	struct stream_chunk *next;
	size_t cap, at; /* bytes: data[at..at+n) */
	uint64_t n, off;
	int fd;		/* -1: bytes */
	bool whole;	/* nothing is appended: a reply ends here */
	bool plain;	/* written before compression began */
	char data[];
};

struct stream_z { /* compression; raw lies between the wire and stream_input, out between the queue and the wire */
	struct inflater *inflater;
	struct buf raw, out;
	size_t raw_at, out_at;
	size_t taken; /* bytes of the queue that out stands for */
	bool more;    /* the inflater may hold bytes for which there was no room */
};

static void on_io(void *arg, unsigned what);
static void on_kick(void *arg);

void stream_init(struct stream *s, struct loop *l, int fd, size_t in_max,
	const struct stream_ops *ops, void *arg)
{
	*s = (struct stream){ .loop = l, .ops = ops, .arg = arg, .in_max = in_max };
	buf_init(&s->in, in_max + LOOP_SCRATCH);
	buf_secret(&s->in);
	loop_call_init(&s->kick, on_kick, s);
	loop_fd_init(&s->io, l, fd, on_io, s);
	loop_fd_want(&s->io, LOOP_READ);
}

static void pop_chunk(struct stream *s)
{
	struct stream_chunk *c = s->out_head;

	s->out_head = c->next;
	if (!s->out_head)
		s->out_tail = NULL;
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static void release_z(struct stream *s)
{
	if (!s->z)
		return;
	inflater_free(s->z->inflater);
	buf_fini(&s->z->raw);
	buf_fini(&s->z->out);
	free(s->z);
	s->z = NULL;
}

static void release_tls(struct stream *s)
{
	tls_server_unref(s->tls);
	s->tls = NULL;
}

void stream_fini(struct stream *s)
{
	int fd = s->io.fd;

	loop_call_cancel(&s->kick);
	loop_fd_fini(&s->io);
	while (s->out_head)
		pop_chunk(s);
	s->out_len = 0;
	buf_fini(&s->in);
	s->in_at = 0;
	release_z(s);
	SSL_free(s->ssl);
	s->ssl = NULL;
	release_tls(s);
	if (fd >= 0)
		close(fd);
	s->gone = true;
}

void stream_abort(struct stream *s, const char *why)
{
	if (s->gone)
		return;
	s->gone = true;
	stream_fini(s);
	s->ops->gone(s->arg, why);
}

/* ---- input ---- */

struct span stream_input(const struct stream *s)
{
	return span_from(buf_span(&s->in), s->in_at);
}

void stream_consume(struct stream *s, size_t n)
{
	bool was_full = s->in.n - s->in_at >= s->in_max;

	secret_wipe(s->in.p + s->in_at, n);
	s->in_at += n;
	if (s->in_at == s->in.n) {
		buf_fini(&s->in);
		s->in_at = 0;
	}
	if (was_full && n && !s->gone)
		loop_call_later(s->loop, &s->kick);
}

static size_t in_room(const struct stream *s)
{
	size_t have = s->in.n - s->in_at;

	return have < s->in_max ? s->in_max - have : 0;
}

void stream_bound(struct stream *s, size_t in_max)
{
	s->in_max = in_max;
	if (!s->gone)
		loop_call_later(s->loop, &s->kick);
}

/* Compressed input that waits for room. */
static bool folded(const struct stream *s)
{
	return s->z && (s->z->raw.n || s->z->more);
}

bool stream_eof(const struct stream *s)
{
	return s->eof && !folded(s);
}

static bool may_read(const struct stream *s)
{
	return !s->eof && !s->want_tls && !s->shaking && (s->finishing || (in_room(s) > 0 && !folded(s)));
}

static void set_want(struct stream *s)
{
	bool waits = s->out_head && s->blocked && !s->held;

	if (s->gone || s->shaking)
		return;
	loop_fd_want(&s->io, (may_read(s) ? LOOP_READ : 0) | (waits ? LOOP_WRITE : 0));
}

/* Bytes into p: >0, 0 nothing now, -1 end, -2 broken. *more: there is or may be more right now. */
static ssize_t read_some(struct stream *s, char *p, size_t n, bool *more)
{
	ssize_t r;

	if (!s->ssl) {
		r = recv(s->io.fd, p, n, 0);
		*more = r == (ssize_t)n;
		if (r > 0)
			return r;
		if (r == 0)
			return -1;
		return errno == EAGAIN || errno == EINTR ? 0 : -2;
	}
	ERR_clear_error();
	r = SSL_read(s->ssl, p, (int)n);
	*more = r > 0 && SSL_has_pending(s->ssl);
	if (r > 0)
		return r;
	switch (SSL_get_error(s->ssl, (int)r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return -1;
	default:
		return -2;
	}
}

static void make_room(struct stream *s)
{
	if (s->in_at) {
		buf_eat(&s->in, s->in_at);
		s->in_at = 0;
	}
}

static void keep(struct stream *s, struct span got)
{
	s->bytes_in += got.n;
	if (s->finishing) {
		s->discarded += got.n;
		return;
	}
	if (s->z) {
		buf_add(&s->z->raw, got);
		return;
	}
	make_room(s);
	buf_add(&s->in, got);
}

/* Compressed input becomes input, as far as there is room. *news: something came of it. False: the stream is gone. */
static bool unfold(struct stream *s, bool *news)
{
	struct stream_z *z = s->z;

	while (folded(s) && in_room(s) > 0) {
		size_t room = in_room(s) < UNFOLD_STEP ? in_room(s) : UNFOLD_STEP, used = 0, n = 0;
		char *p;

		make_room(s);
		p = buf_space(&s->in, room);
		if (!p || inflater_run(z->inflater, span_from(buf_span(&z->raw), z->raw_at), &used, p, room, &n) < 0) {
			stream_abort(s, "compressed data broken");
			return false;
		}
		buf_grow(&s->in, n);
		z->raw_at += used;
		z->more = n == room;
		*news |= n > 0;
		if (z->raw_at == z->raw.n) {
			buf_fini(&z->raw);
			z->raw_at = 0;
		}
	}
	if (!s->in.n)
		buf_fini(&s->in);
	return true;
}

/* Reads what is there; the owner hears of it once. Returns false when the stream is gone. */
static bool pull(struct stream *s)
{
	size_t total = 0;
	bool more = true, news = false;

	while (more && may_read(s) && total < READ_ROUND) {
		char *p = loop_scratch(s->loop);
		size_t room = s->finishing || s->z ? LOOP_SCRATCH : in_room(s);
		ssize_t r = read_some(s, p, room < LOOP_SCRATCH ? room : LOOP_SCRATCH, &more);

		if (r == -2 || s->discarded > DISCARD_MAX) {
			stream_abort(s, s->finishing ? "closed" : "connection broken");
			return false;
		}
		if (r == -1) {
			s->eof = news = true;
			break;
		}
		if (r == 0)
			break;
		total += (size_t)r;
		news |= !s->z;
		keep(s, SPAN_BYTES(p, (size_t)r));
		secret_wipe(p, (size_t)r);
		if (s->z && !s->finishing && !unfold(s, &news))
			return false;
	}
	if (s->eof && s->ended) {
		stream_abort(s, "closed");
		return false;
	}
	if (news && !s->finishing)
		s->ops->input(s->arg);
	if (s->gone)
		return false;
	if (more && total >= READ_ROUND) /* OpenSSL may hold bytes that the kernel will not announce */
		loop_call_later(s->loop, &s->kick);
	return true;
}

/* ---- output ---- */

static struct stream_chunk *new_chunk(struct stream *s, size_t cap)
{
	struct stream_chunk *c = malloc(sizeof(*c) + cap);

	if (!c)
		abort();
	*c = (struct stream_chunk){ .cap = cap, .fd = -1 };
	if (s->out_tail)
		s->out_tail->next = c;
	else
		s->out_head = c;
	s->out_tail = c;
	return c;
}

static void queued(struct stream *s, size_t n)
{
	if (s->out_len == 0)
		s->progress_ms = loop_now_ms();
	s->out_len += n;
	loop_call_later(s->loop, &s->kick);
}

void stream_write(struct stream *s, struct span bytes)
{
	struct stream_chunk *c = s->out_tail;
	size_t n;

	if (s->gone || s->finishing || bytes.n == 0)
		return;
	queued(s, bytes.n);
	if (c && c->fd < 0 && !c->whole) {
		n = c->cap - c->at - (size_t)c->n;
		if (n > bytes.n)
			n = bytes.n;
		memcpy(c->data + c->at + c->n, bytes.p, n);
		c->n += n;
		bytes = span_from(bytes, n);
	}
	if (bytes.n == 0)
		return;
	c = new_chunk(s, bytes.n > CHUNK_MIN ? bytes.n : CHUNK_MIN);
	memcpy(c->data, bytes.p, bytes.n);
	c->n = bytes.n;
}

void stream_writez(struct stream *s, const char *z)
{
	stream_write(s, span_str(z));
}

void stream_write_fd(struct stream *s, int fd, uint64_t off, uint64_t len)
{
	struct stream_chunk *c;

	if (s->gone || s->finishing || len == 0) {
		close(fd);
		return;
	}
	if (len <= SMALL_FD) {
		char *p = loop_scratch(s->loop);

		if (io_pread_full(fd, p, (size_t)len, off, NULL) == 0) {
			close(fd);
			stream_write(s, SPAN_BYTES(p, (size_t)len));
			return;
		}
	}
	queued(s, (size_t)len); /* a range that cannot be read breaks the stream when its turn comes */
	c = new_chunk(s, 0);
	c->fd = fd;
	c->off = off;
	c->n = len;
}

static void sent(struct stream *s, size_t n)
{
	s->out_len -= n;
	while (n) {
		struct stream_chunk *c = s->out_head;
		size_t k = n < c->n ? n : (size_t)c->n;

		c->n -= k;
		c->at += c->fd < 0 ? k : 0;
		c->off += k;
		n -= k;
		if (c->n == 0)
			pop_chunk(s);
	}
}

/* Each of the writers: >0 bytes gone, 0 would block, -1 broken. */
static ssize_t write_bytes(struct stream *s)
{
	struct iovec v[IOV_MAX_USED];
	struct msghdr m = { .msg_iov = v };
	struct stream_chunk *c;
	ssize_t r;

	for (c = s->out_head; c && c->fd < 0 && c->plain == s->out_head->plain && m.msg_iovlen < IOV_MAX_USED; c = c->next)
		v[m.msg_iovlen++] = (struct iovec){ c->data + c->at, (size_t)c->n };
	r = sendmsg(s->io.fd, &m, MSG_NOSIGNAL | (c ? MSG_MORE : 0));
	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return r;
}

static ssize_t write_file(struct stream *s)
{
	struct stream_chunk *c = s->out_head;
	off_t off = (off_t)c->off;
	ssize_t r = sendfile(s->io.fd, c->fd, &off, c->n < (1u << 20) ? (size_t)c->n : 1u << 20);

	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return r > 0 ? r : -1; /* shorter than promised */
}

/* Up to max bytes from the front of the queue, all to be compressed or none, and then of one reply. The same bytes
 * come out again after WANT_WRITE, and never fewer, as SSL_write demands. */
static ssize_t gather(struct stream *s, char *p, size_t max)
{
	const struct stream_chunk *before = NULL;
	bool plain = s->out_head->plain;
	size_t n = 0;

	for (struct stream_chunk *c = s->out_head; c && n < max; before = c, c = c->next) {
		size_t k = c->n < max - n ? (size_t)c->n : max - n;

		if (c->plain != plain || (s->z && !plain && before && before->whole))
			break;

		if (c->fd < 0)
			memcpy(p + n, c->data + c->at, k);
		else if (io_pread_full(c->fd, p + n, k, c->off, NULL) < 0)
			return -1;
		n += k;
	}
	return (ssize_t)n;
}

static ssize_t write_record(struct stream *s, const char *p, size_t n)
{
	int r;

	ERR_clear_error();
	r = SSL_write(s->ssl, p, (int)n);
	if (r > 0)
		return r;
	r = SSL_get_error(s->ssl, r);
	return r == SSL_ERROR_WANT_WRITE || r == SSL_ERROR_WANT_READ ? 0 : -1;
}

static ssize_t write_tls(struct stream *s)
{
	char *p = loop_scratch(s->loop);
	ssize_t n = gather(s, p, RECORD);

	return n <= 0 ? -1 : write_record(s, p, (size_t)n);
}

/* One block after another; the queue moves on when a block is gone. */
static ssize_t write_z(struct stream *s)
{
	struct stream_z *z = s->z;
	struct span left;
	ssize_t r;

	if (!z->out.n) {
		char *p = loop_scratch(s->loop);
		ssize_t n = gather(s, p, LOOP_SCRATCH);

		if (n <= 0 || !deflate_block(SPAN_BYTES(p, (size_t)n), &z->out))
			return -1;
		z->taken = (size_t)n;
		z->out_at = 0;
	}
	left = span_from(buf_span(&z->out), z->out_at);
	if (s->ssl) {
		r = write_record(s, left.p, left.n < RECORD ? left.n : RECORD);
	} else {
		r = send(s->io.fd, left.p, left.n, MSG_NOSIGNAL);
		if (r < 0)
			r = errno == EAGAIN || errno == EINTR ? 0 : -1;
	}
	if (r == (ssize_t)left.n) {
		buf_fini(&z->out);
		sent(s, z->taken);
	} else if (r > 0) {
		z->out_at += (size_t)r;
	}
	return r;
}

static ssize_t write_some(struct stream *s)
{
	ssize_t r;

	if (s->z && !s->out_head->plain)
		return write_z(s);
	if (s->ssl && !s->want_tls)
		r = write_tls(s);
	else
		r = s->out_head->fd >= 0 ? write_file(s) : write_bytes(s);
	if (r > 0)
		sent(s, (size_t)r);
	return r;
}

static void begin_shake(struct stream *s);

static void end_output(struct stream *s)
{
	s->ended = true;
	if (s->ssl) {
		ERR_clear_error();
		SSL_shutdown(s->ssl);
	}
	shutdown(s->io.fd, SHUT_WR);
	if (s->eof)
		stream_abort(s, "closed");
}

/* What follows once the queue is empty, or low. */
static void after_push(struct stream *s)
{
	if (s->notify && s->out_len < s->notify_below) {
		s->notify = false;
		s->ops->drained(s->arg);
	}
	if (s->gone || s->out_head)
		return;
	if (s->want_tls)
		begin_shake(s);
	else if (s->finishing && !s->ended)
		end_output(s);
}

static void push(struct stream *s)
{
	s->blocked = false;
	while (s->out_head && !s->held && !s->shaking) {
		ssize_t r = write_some(s);

		if (r < 0) {
			stream_abort(s, "connection broken");
			return;
		}
		if (r == 0) {
			s->blocked = true;
			break;
		}
		s->bytes_out += (size_t)r;
		s->progress_ms = loop_now_ms();
	}
	if (!s->held)
		after_push(s);
}

void stream_notify(struct stream *s, size_t below)
{
	s->notify = true;
	s->notify_below = below;
	loop_call_later(s->loop, &s->kick);
}

void stream_hold(struct stream *s, bool held)
{
	s->held = held;
	if (!held && !s->gone)
		loop_call_later(s->loop, &s->kick);
}

void stream_finish(struct stream *s)
{
	if (s->gone || s->finishing)
		return;
	s->finishing = true;
	s->held = false;
	buf_fini(&s->in);
	s->in_at = 0;
	if (s->z) {
		buf_fini(&s->z->raw);
		s->z->raw_at = 0;
	}
	loop_call_later(s->loop, &s->kick);
}

/* ---- compression ---- */

void stream_deflate(struct stream *s)
{
	struct stream_z *z;

	if (s->gone || s->finishing || s->z)
		return;
	z = calloc(1, sizeof(*z));
	if (!z)
		abort();
	s->z = z;
	z->inflater = inflater_new();
	buf_init(&z->raw, s->in_max + LOOP_SCRATCH);
	buf_secret(&z->raw);
	buf_init(&z->out, 2 * LOOP_SCRATCH);
	for (struct stream_chunk *c = s->out_head; c; c = c->next)
		c->plain = c->whole = true;
	buf_add(&z->raw, stream_input(s)); /* sent too early, but sent after the command */
	buf_fini(&s->in);
	s->in_at = 0;
	loop_call_later(s->loop, &s->kick);
}

void stream_reply_ends(struct stream *s)
{
	if (s->z && s->out_tail)
		s->out_tail->whole = true;
}

void stream_rest(struct stream *s)
{
	if (s->z && !folded(s))
		inflater_rest(s->z->inflater);
}

/* ---- TLS ---- */

static void shake(struct stream *s)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(s->ssl);
	if (r == 1) {
		s->shaking = false;
		release_tls(s);
		set_want(s);
		s->ops->secured(s->arg);
		if (!s->gone) /* read_ahead may have taken the first bytes in already */
			loop_call_later(s->loop, &s->kick);
		return;
	}
	switch (SSL_get_error(s->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		loop_fd_want(&s->io, LOOP_READ);
		return;
	case SSL_ERROR_WANT_WRITE:
		loop_fd_want(&s->io, LOOP_WRITE);
		return;
	default:
		stream_abort(s, "TLS handshake failed");
	}
}

static void begin_shake(struct stream *s)
{
	s->want_tls = false;
	s->shaking = true;
	buf_fini(&s->in); /* nothing said in clear text may count as said under TLS */
	s->in_at = 0;
	SSL_set_fd(s->ssl, s->io.fd);
	shake(s);
}

void stream_tls_server(struct stream *s, struct tls_server *t)
{
	if (s->gone || s->finishing || s->ssl)
		return;
	s->tls = tls_server_ref(t);
	s->ssl = tls_server_ssl(t);
	s->want_tls = true;
	buf_fini(&s->in);
	s->in_at = 0;
	loop_call_later(s->loop, &s->kick);
}

static struct span shaken(const struct stream *s, const char *(*get)(const SSL *))
{
	return s->ssl && !s->shaking && !s->want_tls ? span_str(get(s->ssl)) : SPAN_NONE;
}

static const char *get_cipher(const SSL *ssl)
{
	return SSL_CIPHER_get_name(SSL_get_current_cipher(ssl));
}

static const char *get_sni(const SSL *ssl)
{
	return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
}

struct span stream_tls_version(const struct stream *s)
{
	return shaken(s, SSL_get_version);
}

struct span stream_tls_cipher(const struct stream *s)
{
	return shaken(s, get_cipher);
}

struct span stream_tls_sni(const struct stream *s)
{
	return shaken(s, get_sni);
}

/* ---- events ---- */

static void on_io(void *arg, unsigned what)
{
	struct stream *s = arg;

	if (s->gone)
		return;
	if (s->shaking) {
		shake(s);
		return;
	}
	if ((what & LOOP_READ) && !pull(s))
		return;
	if (what & LOOP_WRITE)
		push(s);
	set_want(s);
}

/* After a round: input that was left for want of room, then output. */
static void on_kick(void *arg)
{
	struct stream *s = arg;

	if (s->gone)
		return;
	if (s->finishing && (s->shaking || s->want_tls)) {
		stream_abort(s, "closed");
		return;
	}
	if (s->shaking)
		return;
	if (folded(s) && !s->finishing) {
		bool news = false;

		if (!unfold(s, &news))
			return;
		if (news || stream_eof(s))
			s->ops->input(s->arg);
		if (s->gone)
			return;
	}
	if (s->ssl && !s->want_tls && SSL_has_pending(s->ssl) && !pull(s))
		return;
	if (!s->blocked || s->finishing || s->want_tls || s->notify)
		push(s);
	set_want(s);
}
