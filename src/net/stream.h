/* stream.h - one connection: bounded input, queued output, optional TLS, and an orderly end.
 *
 * Input is read while there is room for it (in_max) and handed over through ops->input; the owner looks
 * at stream_input and takes bytes off with stream_consume. Output is queued as bytes (copied) and ranges
 * of descriptors (owned) and written once per round of the loop, so one reply is one system call.
 * Callbacks may call every function here, but the struct must stay until ops->gone has returned: free it
 * from a deferred call. After ops->gone nothing else is called.
 *
 * Input may hold passwords: its bytes are wiped everywhere when they have been consumed.
 * Memory of an idle connection: this struct and OpenSSL's objects; buffers are released when empty.
 * Errors after init are reported once, by gone. Units: bytes. Sources: RFC 8446, RFC 3207 section 5 and
 * RFC 9051 section 11.1 (what was received in clear text is dropped at STARTTLS).
 * Not good for: deadlines (the owner's timer), datagrams. */
#pragma once
#include "base/buf.h"
#include "net/loop.h"
#include "net/tls.h"

struct stream_ops {
	void (*input)(void *arg);   /* new bytes, or stream_eof became true */
	void (*drained)(void *arg); /* fewer than stream_notify's bytes are queued */
	void (*secured)(void *arg); /* TLS handshake is complete */
	void (*gone)(void *arg, const char *why); /* closed; why is constant text for the log */
};

struct stream_chunk;
struct stream_z;

struct stream {
	struct loop *loop;
	const struct stream_ops *ops;
	void *arg;
	struct loop_fd io;
	struct loop_call kick;
	SSL *ssl;
	struct tls_server *tls; /* kept until the handshake is over */
	struct buf in;
	size_t in_at, in_max;
	struct stream_chunk *out_head, *out_tail;
	struct stream_z *z; /* compression */
	size_t out_len, notify_below;
	uint64_t bytes_in, bytes_out, discarded;
	int64_t progress_ms; /* when output last moved, or first had to wait */
	bool eof, held, notify, blocked, shaking, want_tls, finishing, ended, gone;
};

/* The descriptor belongs to the stream, non-blocking already. */
void stream_init(struct stream *s, struct loop *l, int fd, size_t in_max,
	const struct stream_ops *ops, void *arg);
void stream_fini(struct stream *s); /* silently; also after gone */
/* TLS from here on. Queued output goes out first, unread input is dropped. */
void stream_tls_server(struct stream *s, struct tls_server *t);

struct span stream_input(const struct stream *s);
void stream_consume(struct stream *s, size_t n);
void stream_bound(struct stream *s, size_t in_max); /* at most what stream_init was given */
bool stream_eof(const struct stream *s); /* and everything that came is in stream_input */

void stream_write(struct stream *s, struct span bytes);
void stream_writez(struct stream *s, const char *z);
void stream_write_fd(struct stream *s, int fd, uint64_t off, uint64_t len); /* takes fd */
/* Calls drained once, as soon as fewer than `below` bytes are queued (at once when so already). */
void stream_notify(struct stream *s, size_t below);
void stream_hold(struct stream *s, bool held); /* queue, but do not send */
/* DEFLATE (deflate.h) from here on, both ways, inside TLS: what is queued still leaves as it is, unread input and all
 * that follows is compressed. Input is expanded as far as there is room for it; in_max counts expanded bytes. */
void stream_deflate(struct stream *s);
void stream_reply_ends(struct stream *s); /* what follows is compressed without reference to what was queued so far */
void stream_rest(struct stream *s); /* nothing is expected soon: memory of the expansion is given back */
/* Sends what is queued, says goodbye (close_notify, FIN), drops input until the peer closes, then gone.
 * The owner's timer ends the wait with stream_abort. */
void stream_finish(struct stream *s);
void stream_abort(struct stream *s, const char *why); /* closes now; gone is called */

struct span stream_tls_version(const struct stream *s); /* "TLSv1.3", none without TLS */
struct span stream_tls_cipher(const struct stream *s);
struct span stream_tls_sni(const struct stream *s);
