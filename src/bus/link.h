/* link.h - a child process's line to the supervisor: few, whole messages, at most one descriptor each.
 *
 * A SOCK_SEQPACKET socketpair made by the supervisor; both ends trust each other no further than the
 * decoder. Payloads are wire.h encodings named below. Errors: ERR_GONE (other side ended), ERR_SYNTAX.
 * Not good for: commands (bus.h), anything larger than LINK_PAYLOAD_MAX. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define LINK_PAYLOAD_MAX 131072

enum link_kind {
	LINK_READY = 1,   /* child: sockets are served, sandbox is closed */
	LINK_NEED_BUS,    /* child: give me a connection to core */
	LINK_BUS,         /* supervisor: here it is (descriptor); without one: core is not up, ask again later */
	LINK_TLS,         /* supervisor: certificates, replaces all before (link_tls) */
	LINK_DRAIN,       /* supervisor: finish and exit */
};

struct link_msg {
	enum link_kind kind;
	struct span payload;      /* in the arena */
	int fd;                   /* -1 or a descriptor now owned by the receiver */
};

/* fd -1: none; the descriptor is duplicated by the kernel, the caller keeps its own. */
int link_send(int sock, enum link_kind kind, struct span payload, int fd, struct err *e);
/* 1 a message, 0 would block (non-blocking sockets), <0 ERR_GONE or ERR_SYNTAX. */
int link_recv(int sock, struct arena *a, struct link_msg *out, struct err *e);

/* LINK_TLS payload: count, then per certificate: PEM chain, PEM key. The first is the default. */
#define LINK_CERTS_MAX 64
struct link_cert {
	struct span chain, key;
};
void link_tls_encode(struct buf *b, const struct link_cert *certs, size_t n);
int link_tls_decode(struct span payload, struct link_cert out[LINK_CERTS_MAX], size_t *n_out, struct err *e);
