/* gate_int.h - inside src/gate: the gate, its connections, and what a protocol must provide.
 *
 * A connection is in the protocol's hands or has exactly one command in core (running). conn_step drives
 * the protocol while it may work; proto->step takes input and either sends a command, answers by itself,
 * or says that it needs more. Everything runs in one thread. A connection that ended is freed by a
 * deferred call, so pointers stay good until the current callback has returned. */
#pragma once
#include <uthash.h>
#include "base/log.h"
#include "bus/bus_codec.h"
#include "codec/http/http_head.h"
#include "codec/imap/imap_frame.h"
#include "codec/sieve/managesieve.h"
#include "codec/smtp/smtp_data.h"
#include "codec/smtp/smtp_frame.h"
#include "gate/gate.h"
#include "net/listener.h"
#include "net/stream.h"

#define GATE_COUNTERS(X) \
	X(accepted) X(refused_full) X(refused_address) X(refused_rate) X(refused_proxy) X(refused_tls) \
	X(tls_handshakes) X(tls_failed) X(commands) X(paced) X(local_replies) X(bad_commands) X(auth_failed) \
	X(closed_bad) X(closed_auth) X(timeouts) X(core_timeouts) X(spool_full) X(output_shed) X(core_lost) X(unavailable) \
	X(bytes_in) X(bytes_out)

struct conn;
struct gate;

enum bye { BYE_TIMEOUT, BYE_BAD, BYE_AUTH, BYE_DRAIN, BYE_DOWN, BYE_CORE, BYE_SLOW, BYE_SEALED, BYE_KINDS };

struct gate_proto {
	const char *name;
	bool greets;		/* core speaks first (*GREETING) */
	void (*init)(struct conn *c);
	void (*fini)(struct conn *c);
	bool (*step)(struct conn *c); /* false: nothing to do before more input arrives */
	void (*next)(struct conn *c, unsigned next); /* what core wants from here; the reply is queued */
	void (*reply)(struct conn *c, struct reply *r); /* before the bytes, which it may replace; may be NULL */
	void (*unavailable)(struct conn *c); /* the running command will get no answer from core */
	void (*bye)(struct conn *c, enum bye why); /* the last line */
	void (*notice)(struct conn *c); /* NOTICE_CHANGED, or core is back; may be NULL */
	void (*authenticated)(struct conn *c); /* may be NULL */
	void (*secured)(struct conn *c); /* TLS stands after STARTTLS; may be NULL */
	uint64_t (*idle_sec)(const struct conn *c);
	bool (*bulk)(const struct conn *c); /* the running command may take core_bulk_sec; may be NULL */
	bool (*between)(const struct conn *c); /* no command or body begun: may be sent away politely */
	const char *full; /* said to a connection that is refused at the door */
};
#define SERVICE(id, word) extern const struct gate_proto proto_##word;
#include "bus/services.def"

/* A body under reception: first in memory, larger ones in a memfd. spool.c */
struct spool {
	struct buf small;
	uint64_t len;
	int fd;
	bool nospace, toobig;
};

struct smtp_conn {
	struct smtp_frame frame;
	struct smtp_data data;
	struct spool body;
	uint64_t bdat_n, bdat_left;
	uint8_t mode;
	bool bdat_last, bdat_running, bdat_any;
};

struct imap_conn {
	struct imap_frame frame;
	struct spool body;
	uint8_t mode;
	bool sync_due, syncing, notify;
	int64_t notify_ms; /* the next *NOTICE not before */
};

struct sieve_conn {
	struct ms_frame frame;
	uint8_t mode;
};

struct pop_conn {
	struct smtp_frame frame; /* the same lines */
	bool answer;
};

struct http_conn {
	struct buf head;
	struct spool body;
	size_t seen; /* of the head, already looked through */
	uint64_t left;
	uint8_t mode;
	bool begun;
};

struct metrics_conn {
	bool asked;
};

struct addr { /* what one address (or /64) uses */
	uint8_t key[16];
	uint32_t conns;
	double tokens, command_tokens; /* new connections, commands */
	int64_t tokens_ms;
	uint64_t spool;
	UT_hash_handle hh;
};

enum phase { PHASE_PROXY, PHASE_TLS, PHASE_OPEN, PHASE_CLOSING, PHASE_GONE };

struct conn {
	struct gate *g;
	const struct gate_proto *proto;
	struct addr *addr;
	struct stream s;
	struct loop_timer timer;
	struct loop_call release;
	struct conn *stall_next, **stall_link;
	uint64_t id, cursor, commands, bad;
	uint64_t spooled, lent; /* bytes being received, and with core until it answers */
	uint32_t seq;
	uint8_t service, phase, next, auth_failures;
	bool implicit_tls, running, need_open, opened, authenticated, delayed, paced, sealed, in_step, more, tls_on;
	bool counted;
	int64_t since_ms, wait_ms, delay_ms, sent_ms;
	int64_t wake_ms; /* the protocol wants to be asked then, whatever comes; 0: no */
	char *state;
	uint16_t state_len, port, local_port;
	bool loopback;
	char address[46];
	char verb[40], tag[129];
	const char *why;
	union {
		struct smtp_conn smtp;
		struct imap_conn imap;
		struct sieve_conn sieve;
		struct pop_conn pop;
		struct http_conn http;
		struct metrics_conn metrics;
	};
};

struct gate_port {
	struct listener l;
	struct gate *g;
	struct gate_listener conf;
};

struct gate_counts {
#define X(name) uint64_t name;
	GATE_COUNTERS(X)
#undef X
};

struct gate {
	const struct gate_config *conf;
	struct gate_limits lim;
	struct gate_counts count;
	struct loop *loop;
	struct arena *arena; /* one command's */
	struct tls_server *tls;
	struct gate_port *ports;
	size_t n_ports;
	bool draining;
	int result;
	int64_t drain_ms;
	struct loop_timer tick;
	int64_t stats_ms;
	/* supervisor */
	struct loop_fd link;
	/* core */
	struct bus_conn bus;
	struct loop_fd bus_io;
	struct loop_call bus_send;
	struct loop_timer bus_retry;
	uint64_t bus_wait_ms;
	bool bus_up, bus_full, out_check;
	struct arena *bus_arena;
	struct bus_msg msg;
	/* connections: id = generation << 20 | slot */
	struct conn **slots;
	uint32_t n_slots, cap_slots, *free_slots, n_free;
	uint64_t generation;
	uint32_t n_conns, n_dead;
	struct conn *stalled;
	struct addr *addrs;
	uint8_t addr_salt[16];
	uint64_t spool_used;
	unsigned refusal_lines;
	int64_t refusal_sec;
};

/* gate.c */
void gate_open(struct gate *g, const struct gate_config *conf);
void gate_close(struct gate *g);
void gate_need_bus(struct gate *g); /* the connection to core is lost: ask for another */
struct conn *gate_find(struct gate *g, uint64_t id);

/* accept.c */
void gate_accept(struct gate *g, const struct gate_listener *conf, int fd, const struct sockaddr_storage *from);
void gate_addr_sweep(struct gate *g);
/* Milliseconds until the connection's address may have the next command; 0: now. */
int64_t gate_command_wait(struct conn *c);
void conn_unlist(struct conn *c); /* leaves the tables of gate and address */
bool conn_proxy(struct conn *c); /* PHASE_PROXY: input came; false: need more or gone */

/* conn.c */
void conn_start(struct conn *c); /* after PROXY and TLS */
void conn_start_tls(struct conn *c);
extern const struct stream_ops conn_ops;
void conn_step(struct conn *c);
void conn_arm(struct conn *c);
void conn_on_timer(void *arg);
void conn_release(void *arg);
/* Sends the command, filling session, seq, service and CMD_OPEN; remembers verb and tag. Without core
 * the protocol's unavailable answers at once. A spool descriptor in cmd is handed over. */
void conn_send(struct conn *c, struct cmd *cmd);
void conn_reply(struct conn *c, struct reply *r);
void conn_core_lost(struct conn *c);
void conn_say(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void conn_bad(struct conn *c, const char *what); /* counts a bad command, logs the first, closes at the limit */
void conn_bye(struct conn *c, enum bye why, const char *log_why); /* last line, then close */
void conn_close(struct conn *c, const char *log_why); /* sends what is queued, then closes */
void conn_leave(struct conn *c); /* the gate drains or the house is sealed: goodbye, if nothing is under way */
void conn_waits(struct conn *c); /* the client's time for the next command begins now */
void conn_unstall(struct conn *c);

/* bus.c */
void gate_bus_attach(struct gate *g, int fd);
void gate_bus_lost(struct gate *g);
void gate_bus_put(struct gate *g, const struct cmd *cmd);
void gate_stats(struct gate *g);

/* spool.c */
void spool_init(struct spool *s);
void spool_drop(struct conn *c, struct spool *s);
void spool_add(struct conn *c, struct spool *s, struct span bytes, uint64_t max);
bool spool_room(struct conn *c, uint64_t n);
void spool_release(struct conn *c); /* core has answered: what it borrowed is free again */
/* Moves the body into the command: inline or as descriptor. The space stays taken until spool_release. */
void spool_give(struct conn *c, struct spool *s, struct cmd *cmd, bool always_fd);

/* proxy.c */
struct proxy_head {
	bool local; /* LOCAL: keep the connection's own addresses */
	uint8_t from[16], to[16]; /* IPv4 mapped */
	uint16_t from_port, to_port;
};
#define PROXY_HEAD 16 /* the fixed part */
size_t proxy_length(struct span in); /* the whole header's, as far as known */
/* PROXY protocol version 2: 0 more, 1 complete (*used), ERR_SYNTAX. */
int proxy_parse(struct span in, struct proxy_head *out, size_t *used);
bool gate_net_has(const struct gate_net *net, const uint8_t address[16]);
