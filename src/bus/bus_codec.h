/* bus_codec.h - struct cmd, reply and notice as length-prefixed messages on a UNIX stream socket.
 *
 * One bus_conn per socket and side; not locked (core locks around sending). Descriptors travel beside the
 * first byte of their message. The decoder distrusts everything: lengths, counts, nesting, descriptors.
 * Decoded structs point into the connection's input buffer: valid until the next bus_recv.
 * Commands may hold passwords: the sender marks `out`, the receiver `in` with buf_secret, and what has been
 * sent, or copied by bus_recv_copy, is wiped.
 * Ownership: received descriptors belong to the caller; sent ones are closed by the connection once sent
 * (duplicate before sending to keep one). Not good for: blocking request/reply (see io.h). */
#pragma once
#include "bus/bus.h"
#include "base/err.h"

enum bus_kind { BUS_CMD = 1, BUS_REPLY, BUS_NOTICE, BUS_HELLO };

struct bus_out_fd {
	uint64_t at;              /* stream position of the message that carries it */
	int fd;
};

struct bus_conn {
	int fd;
	struct buf in, out;
	size_t in_used;           /* consumed by the last bus_recv */
	uint64_t out_pos;         /* stream position of out.p[0] */
	size_t out_sent;          /* bytes of out already sent */
	struct bus_out_fd *out_fds;
	size_t n_out_fds, cap_out_fds;
	int in_fds[64];
	size_t n_in_fds;
};

struct bus_msg {
	enum bus_kind kind;
	union {
		struct cmd cmd;
		struct reply reply;
		struct notice notice;
		struct span hello;        /* name of the peer role, e.g. "gate0" */
	};
};

void bus_conn_init(struct bus_conn *b, int fd);
void bus_conn_fini(struct bus_conn *b);                  /* closes fd and unsent/unclaimed descriptors */
void bus_put_cmd(struct bus_conn *b, const struct cmd *c);
void bus_put_reply(struct bus_conn *b, const struct reply *r);
void bus_put_notice(struct bus_conn *b, const struct notice *n);
void bus_put_hello(struct bus_conn *b, struct span name);
int bus_flush(struct bus_conn *b);                       /* 0 all sent, 1 pending (EAGAIN), <0 ERR_GONE */
size_t bus_pending(const struct bus_conn *b);            /* bytes not sent yet */
/* Reads what is there (nonblocking or blocking by the socket's mode) into the buffer: >0 bytes, 0 would
 * block, <0 ERR_GONE. */
int bus_fill(struct bus_conn *b);
/* Next whole message: 1, 0 need more, <0 ERR_SYNTAX (close the connection). */
int bus_recv(struct bus_conn *b, struct arena *a, struct bus_msg *out);
/* The same, but the message is copied into the arena first: it outlives the connection's buffer. */
int bus_recv_copy(struct bus_conn *b, struct arena *a, struct bus_msg *out);
/* Pure decoding of one message body (after the length); fds are handed out in order. For the fuzzer. */
int bus_decode(struct arena *a, struct span in, const int *fds, size_t nfds, struct bus_msg *out);
