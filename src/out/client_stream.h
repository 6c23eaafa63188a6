/* client_stream.h - one dialled connection, plain or TLS: blocking calls, each with a deadline.
 *
 * For threads that do one thing after another. Deadlines are absolute (time_mono_us), so a peer that
 * drips bytes gains nothing. Ownership: the stream owns descriptor and SSL; one thread at a time.
 * Errors: ERR_LATER (deadline passed), ERR_GONE (closed, reset, TLS failure); e->say is fit for a
 * delivery report. Source: RFC 3207 for the switch to TLS (anything unread in clear is dropped).
 * Not good for: event loops (net/stream.h). */
#pragma once
#include <openssl/ssl.h>
#include <sys/socket.h>
#include "base/err.h"

struct client_stream {
	int fd;
	SSL *ssl;                /* NULL: plain */
	size_t in_at, in_n;      /* unread bytes of in */
	char in[16384];
};

/* address: "192.0.2.1:25" for logs is the caller's business. */
int client_stream_dial(struct client_stream *s, const struct sockaddr *sa, socklen_t len, int64_t deadline_us,
	struct err *e);
void client_stream_close(struct client_stream *s);       /* at once, without farewell; safe twice */
int client_stream_write(struct client_stream *s, struct span data, int64_t deadline_us, struct err *e);
/* At least one byte is in s->in afterwards; consume with client_stream_eat. */
int client_stream_fill(struct client_stream *s, int64_t deadline_us, struct err *e);
struct span client_stream_unread(const struct client_stream *s);
void client_stream_eat(struct client_stream *s, size_t n);
/* What a handshake is to prove. */
struct client_tls {
	const char *name;        /* SNI (not for "192.0.2.1"), and what a verified certificate must carry */
	const char *also;        /* or this one; may be NULL */
	enum { CLIENT_TLS_ANY, CLIENT_TLS_LOOK /* verified, but no reason to stop */, CLIENT_TLS_VERIFY } how;
	const struct span *tlsa; /* usable TLSA records (DANE, RFC 7672): take the roots' place; with CLIENT_TLS_VERIFY */
	size_t n_tlsa;
	long verdict;            /* afterwards: X509_V_OK, or why the certificate is not good; unless CLIENT_TLS_ANY */
};
/* Handshake over the open connection. */
int client_stream_tls(struct client_stream *s, SSL_CTX *ctx, struct client_tls *t, int64_t deadline_us, struct err *e);
/* Nothing arrived and the peer has not closed, as far as the kernel knows. */
bool client_stream_quiet(const struct client_stream *s);
/* Trust for verify: PEM file of roots read now (before a sandbox); NULL: none. ERR_BROKEN. */
SSL_CTX *client_stream_context(const char *ca_file, struct err *e);
