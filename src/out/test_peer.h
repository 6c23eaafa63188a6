/* test_peer.h - a scripted SMTP server in a thread, for the tests of out: well-behaved or one of many evils. */
#pragma once
#include <openssl/ssl.h>
#include <pthread.h>
#include "base/buf.h"

enum peer_evil {
	PEER_GOOD, PEER_NO_EHLO, PEER_GREETING_554, PEER_GARBAGE, PEER_ENDLESS, PEER_MUTE, PEER_421_MAIL, PEER_HANG_DATA,
	PEER_CLOSE_DATA, PEER_552_DATA, PEER_CLOSE_END, PEER_421_END, PEER_REFUSE_END, PEER_250_DATA, PEER_TLS_BROKEN,
};

struct peer_server {
	const char *caps;                 /* keywords, one per line, LF */
	const char *password;             /* of "anna"; NULL: no AUTH */
	enum peer_evil evil;
	SSL_CTX *tls;                     /* STARTTLS is offered when caps say so */
	uint16_t port;
	int fd, stop[2];
	pthread_t thread;
	pthread_mutex_t lock;
	struct buf log;                   /* commands, LF-separated */
	struct buf mail;                  /* bodies taken, as on the wire */
	unsigned connections, mails, tls_sessions;
};

void peer_start(struct peer_server *p, const char *caps, enum peer_evil evil);
void peer_stop(struct peer_server *p);
bool peer_logged(struct peer_server *p, const char *text);    /* in the commands */
bool peer_has(struct peer_server *p, const char *text);       /* in the bodies */
unsigned peer_mails(struct peer_server *p);
SSL_CTX *peer_tls(const char *name);          /* self-signed */
