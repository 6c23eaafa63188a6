/* core_int.h - inside src/core: connections of gates, sessions, the registry that ties them.
 *
 * Locks, in this order: core.reg (sessions, watches), conn.out (a bus socket's output). A session's own data
 * needs no lock: it has exactly one command in core (csession.running) or none. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>
#include "bus/bus_codec.h"
#include "bus/call.h"
#include "core/core.h"
#include "core/metrics.h"
#include "core/pool.h"
#include "store/store.h"

struct conn {                          /* one gate's (or out's) bus connection */
	struct core *core;
	struct bus_conn bus;
	pthread_mutex_t out;           /* guards bus.out and the socket's write side */
	bool dead;                     /* under out */
	unsigned refs;                 /* under core.reg: sessions with a command, plus the I/O thread */
	char name[24];                 /* from its hello; written under core.reg */
	char stats[1024];              /* last *STATS, Prometheus lines; under core.reg */
	struct conn *next;
};

struct csession {
	struct session s;
	struct conn *conn;
	const struct proto *proto;
	uint64_t key[2];               /* conn address, id on the wire */
	bool running, closing, told;   /* under core.reg */
	bool due, quiet;               /* a change during the command; no use for notices till the next. Under core.reg */
	uint64_t account;              /* the one it is counted for, or 0; under core.reg */
	uint64_t maildrop;             /* the account whose maildrop it has, or 0; under core.reg */
	uint64_t watch;                /* object id or 0; under core.reg */
	struct csession *watch_next, *watch_prev;
	struct watcher *watchers;      /* of accounts; under core.reg */
	size_t n_watchers;
	bool news;                     /* something changed in one of them; under core.reg */
	UT_hash_handle hh, hh_id, hh_drop;
};

struct watch {                         /* sessions that watch one object */
	uint64_t object_id;
	struct csession *first;
	UT_hash_handle hh;
};

struct account_watch {                 /* sessions that watch a whole account */
	uint64_t account_id;
	struct watcher *first;
	UT_hash_handle hh;
};

struct watcher {
	struct csession *session;
	struct account_watch *watch;
	struct watcher *next, *prev;
};

struct account_sessions {              /* sessions of one account */
	uint64_t account_id;
	unsigned n;
	UT_hash_handle hh;
};

struct core {
	const struct core_config *config;
	struct house house;
	struct pool *pool;
	struct metrics metrics;
	pthread_mutex_t reg;
	struct csession *by_key, *by_id, *by_drop;
	struct watch *watches;
	struct account_watch *account_watches;
	struct account_sessions *accounts;
	struct conn *conns;
	uint64_t next_session;
	atomic_bool stopping;
	int epoll_fd;
	pthread_mutex_t arenas_lock;
	struct arena *arenas[64];
	size_t n_arenas;
	struct names *names;
	struct scans *scans;
	struct seal_watch *_Atomic seal_watch;
};

struct arena *core_arena_get(struct core *c);
void core_arena_put(struct core *c, struct arena *a);
const struct proto *core_proto(uint8_t service);

/* core_bus.c: the I/O thread. */
int core_bus_loop(struct core *c, struct err *e);
/* Any thread: queue and send; what the socket does not take now is sent by the I/O thread. */
void conn_send_reply(struct conn *n, const struct reply *r);
void conn_send_notice(struct conn *n, uint64_t wire_session, uint8_t kind);
void conn_unref(struct conn *n);       /* under core.reg */

/* session.c */
struct csession *session_get(struct core *c, struct conn *n, const struct cmd *cmd);   /* under reg; NULL: unknown */
void session_end(struct core *c, struct csession *s);                                  /* under reg; not running */
void session_count(struct core *c, struct csession *s, uint64_t account_id);           /* under reg; 0: no account */
bool session_admit(struct house *h, uint64_t session, uint64_t account_id);            /* house.admit */
bool session_maildrop(struct house *h, uint64_t session, uint64_t account_id);         /* house.maildrop */
void session_end_all(struct core *c, struct conn *n);                                  /* connection died */

/* runner.c: one command on a worker thread, from checks to reply and log line. */
struct job {
	struct core *core;
	struct conn *conn;
	struct csession *s;                    /* NULL: unknown session, to be refused */
	struct arena *arena;
	bool secret;                           /* holds a password: wiped when it is over */
	struct bus_msg msg;
	int lane;
	void *keep;                            /* call.keep */
	struct scan *scan;                     /* call.scan */
	int64_t names_until_us;                /* waits for names: until then; 0: not yet */
	bool names_final;
};
void runner_job(void *job);
void runner_free(struct job *j);
void runner_refuse(struct job *j, int err_class);       /* lane full or session unknown: answer and free the job */
void runner_give_up(struct job *j);                     /* lane full: the same, and the session is free again */

/* feed.c */
void feed_watch(struct house *h, uint64_t session, uint64_t object_id);
void feed_sealed(struct house *h);
void feed_watch_accounts(struct house *h, uint64_t session, const uint64_t *account_ids, size_t n);
bool feed_news(struct house *h, uint64_t session);
void feed_forget(struct core *c, struct csession *s);   /* under reg; the session watches nothing any more */
void feed_tell(struct core *c, uint64_t object_id);      /* the same for what is in no store */
/* Under reg, when a command is over: must a notice follow its reply? An IMAP client between two commands hears nothing. */
bool feed_late(struct core *c, struct csession *s, unsigned next);
void feed_publish(void *core, const struct change *ch, size_t n);

/* names.c: the answers of the DNS that core knows, what it asks `out` for, and the commands that wait for them. */
int names_start(struct core *c, struct err *e);
void names_stop(struct core *c);       /* nothing waits any more: all are run with names_final */
bool names_park(struct job *j, struct call *call);     /* false: too many wait already */
void names_unref(struct call *call);   /* wants that nobody will wait for */

/* scans.c: messages on their way to the scanners, and the commands that wait for them. */
int scans_start(struct core *c, struct err *e);
void scans_stop(struct core *c);
void scans_park(struct job *j, struct call *call);     /* call->scan is kept; the job is not the caller's any more */
void scans_unref(struct core *c, struct scan *s);

/* seal_watch.c: where the house is sealed, core forgets all keys and the clients are told. */
int seal_watch_start(struct core *c, struct err *e);
void seal_watch_stop(struct core *c);
void seal_watch_look(struct core *c);  /* any thread: a vault or a gate is new */

/* control.c: the command line's socket. */
int control_start(struct core *c, struct err *e);
