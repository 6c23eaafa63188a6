/* bus.h - the one contract between gate (or out) and core: commands in, replies and notices out.
 *
 * A session is in the gate's hands or has exactly one command in core; pipelining waits in the gate. Core
 * may be restarted at any time: the gate then re-sends, with the next command of each session, the session's
 * attributes and the last `state` core gave it (CMD_OPEN set again), so core rebuilds the session lazily.
 * Encoding: bus_codec.h (fuzzed from both sides). Tests hand these structs over directly.
 * Not good for: big bodies inline - spool descriptor in, segments with descriptors out. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/span.h"
#include "codec/token.h"

#define BUS_MESSAGE_MAX (4u << 20)
#define BUS_STATE_MAX 512
#define BUS_SEGMENTS_MAX 64

enum bus_service {
	SVC_NONE,
#define SERVICE(id, word) SVC_##id,
#define SERVICE_INSIDE(id, word) SVC_##id,
#define SERVICE_LOCAL(id) SVC_##id,
#include "bus/services.def"
};

/* What the gate knows of the peer; sent with CMD_OPEN. */
struct peer {
	struct span address;      /* "192.0.2.1" / "2001:db8::1" */
	uint16_t port, local_port;
	bool loopback, tls;
	struct span tls_version, tls_cipher, sni;
	struct span channel_binding;   /* tls-exporter (RFC 9266) or tls-unique bytes; none without TLS */
};

enum { /* cmd.flags */
	CMD_OPEN = 1,             /* first command of the session in this core: peer and state are filled */
	CMD_CLOSE = 2,            /* connection is gone: forget the session, no reply */
	CMD_MORE = 4,             /* continue the last reply from cursor */
	CMD_INTERNAL = 8,         /* not from the client: verb says what (e.g. sync for an IDLE session) */
};

struct cmd {
	uint64_t session;         /* unique while gate and core live */
	uint32_t seq;
	uint8_t service;          /* enum bus_service */
	uint8_t flags;
	struct span verb;         /* "APPEND", "UID FETCH", "MAIL", "DATA", "account add" */
	struct span tag;          /* IMAP tag */
	const struct tok *tok;
	size_t ntok;
	struct span body;         /* small body inline (SMTP DATA up to 64 KiB); else none */
	int spool_fd;             /* -1 or descriptor with spool_len bytes: large literals, DATA */
	uint64_t spool_len;
	uint64_t cursor;          /* with CMD_MORE */
	struct peer peer;         /* with CMD_OPEN */
	struct span state;        /* with CMD_OPEN: last state core gave, may be none */
};

enum reply_next {             /* what the connection does after the segments are sent */
	NEXT_READ = 0, NEXT_MORE, NEXT_CLOSE, NEXT_STARTTLS, NEXT_CONTINUE /* one more line, AUTH */, NEXT_IDLE,
	NEXT_DATA /* SMTP: 354 was said, collect DATA */, NEXT_COMPRESS /* DEFLATE after this reply */,
	NEXT_SIGN, NEXT_SIGN_CLOSE /* HTTP: the body, whose length the head does not say, is signed first (RFC 5652) */,
	NEXT_NOTIFY /* like NEXT_READ; what a notice is about is asked for between commands, too (RFC 5465) */,
	NEXT_WAIT /* bytes only: the command runs on, its reply follows */,
};

struct segment {
	struct span bytes;        /* used when fd < 0 */
	int fd;                   /* descriptor range otherwise; ownership passes to the receiver */
	uint64_t off, len;
};

struct reply {
	uint64_t session;
	uint32_t seq;
	uint8_t next;             /* enum reply_next */
	uint8_t mood;             /* MOOD_*: what the gate counts or lifts */
	uint64_t cursor;          /* with NEXT_MORE */
	struct span state;        /* new session state to keep for CMD_OPEN; none = unchanged */
	bool authenticated;       /* from now on post-auth limits */
	struct segment seg[BUS_SEGMENTS_MAX];
	size_t nseg;
};
enum { MOOD_FINE = 0, MOOD_BAD_COMMAND, MOOD_AUTH_FAILED };

/* core -> gate, unasked: something changed for this session (send the CMD_INTERNAL "sync" when idle), or close it; the
 * house is sealed, for all of the gate's connections (NOTICE_EVERY). */
struct notice {
	uint64_t session;
	uint8_t kind;
};
#define NOTICE_EVERY 0
enum { NOTICE_CHANGED = 1, NOTICE_CLOSE, NOTICE_SEALED /* polite end, once no command is under way */ };

void reply_init(struct reply *r, const struct cmd *c);
void reply_bytes(struct reply *r, struct span bytes);     /* bytes must live until encoded (command arena) */
