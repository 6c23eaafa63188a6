/* test_rig.h - gate_main in a thread, with the test as its supervisor, its core and its clients.
 *
 * Everything on the test's side blocks, with a time limit; what takes longer fails the test. */
#pragma once
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include "bus/bus_codec.h"
#include "gate/gate.h"
#include "net/tls.h"

enum rig_port {
	PORT_SMTP, PORT_IMAP, PORT_SUBMISSIONS, PORT_LMTP, PORT_METRICS, PORT_PROXY, PORT_IMAPS, PORT_PROXY_TLS,
	PORT_POP, PORT_SIEVE, PORT_HTTP, PORT_HTTPS,
	PORT_COUNT
};

struct rig {
	pthread_t thread;
	struct gate_config conf;
	struct gate_limits limits;
	struct gate_listener listeners[PORT_COUNT];
	struct gate_net net;
	uint16_t port[PORT_COUNT];
	int link, result;
	struct bus_conn bus;
	bool bus_up, joined;
	bool forked; /* set before rig_start: the gate is a process of its own (pid) */
	pid_t pid;
	struct arena *arena;
	struct bus_msg msg;
	struct buf chain, key; /* of the default certificate */
};

struct client {
	int fd;
	SSL *ssl;
	struct buf got;
};

/* limits may be changed by the caller between init and start. */
void rig_init(struct rig *r);
void rig_start(struct rig *r);
void rig_stop(struct rig *r); /* closes the link; gate_main must end */
void rig_tls(struct rig *r, const struct tls_cert *certs, size_t n);
void rig_core_up(struct rig *r); /* answers LINK_NEED_BUS */
void rig_core_down(struct rig *r);

/* The next command of a connection; closings and statistics are skipped. */
struct cmd *rig_cmd(struct rig *r, const char *verb);
struct cmd *rig_any(struct rig *r); /* the next one, whatever it is */
struct cmd *rig_close(struct rig *r); /* the next CMD_CLOSE; other commands fail the test */
void rig_reply(struct rig *r, const struct cmd *c, uint8_t next, const char *text);
void rig_reply_full(struct rig *r, struct reply *reply);
void rig_notice(struct rig *r, uint64_t session, uint8_t kind);
bool rig_has_tok(const struct cmd *c, const char *text);

void client_open(struct client *c, uint16_t port);
void client_tls(struct client *c, const char *name);
void client_say(struct client *c, struct span s);
void client_say_more(struct client *c, struct span s); /* leaves together with what is sent next */
void client_sayz(struct client *c, const char *z);
void client_hears(struct client *c, const char *text); /* exactly these bytes come next */
size_t client_read(struct client *c, char *p, size_t n);
void client_ends(struct client *c); /* the server closes, nothing more comes */
void client_close(struct client *c);
/* Greeting included: connects, answers *GREETING with "hi". Returns the session. */
uint64_t rig_greet(struct rig *r, struct client *c, enum rig_port port);

/* ---- what many tests do ---- */
#define RIG_FULL_SMTP "421 4.7.0 Too many connections, try again later\r\n"
#define RIG_FULL_IMAP "* BYE [LIMIT] Too many connections, try again later\r\n"

void rig_up(struct rig *r); /* rig_start and rig_core_up */
int64_t rig_now_ms(void);
void rig_after(int64_t t, int64_t at_least_ms, int64_t at_most_ms); /* since t; slow machines need a generous most */
void rig_ask(struct rig *r, struct client *c, const char *line, const char *verb, const char *answer);
void rig_sign_in(struct rig *r, struct client *c); /* IMAP, tag a */
/* Any protocol: core says to this line that the client has signed in. */
void rig_let_in(struct rig *r, struct client *c, const char *line, const char *verb, const char *answer);
void rig_refused(struct rig *r, enum rig_port port, const char *text); /* a new connection hears this and the end */
void rig_data(struct rig *r, struct client *c); /* DATA up to 354 */
void rig_big(struct rig *r, struct client *c, uint8_t next); /* FETCH answered with 32 MiB, none read */
void client_fill(struct client *c, size_t n); /* n octets of lines */
void client_skip(struct client *c, size_t n);
