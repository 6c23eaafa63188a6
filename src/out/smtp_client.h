/* smtp_client.h - SMTP as a client: open a connection, hand over one message, and say what became of it.
 *
 * Plain sequential code over client_stream.h. smtp_open dials one address and leaves the connection ready
 * for MAIL: greeting, EHLO (HELO), STARTTLS, AUTH. smtp_send runs one transaction and fills one row per
 * recipient. An ended connection is closed by whoever notices (c->stream.fd < 0).
 * Ownership: the caller owns the connection struct; rows and texts live in the arena.
 * Errors: ERR_GONE, ERR_LATER (this server cannot be used now: try the next), ERR_DENIED (AUTH, TLS demanded);
 * e->say is the text for a delivery report, c->status its enhanced status.
 * Sources: RFC 5321, 3207, 4954, 5802, 2920, 1870, 6152, 6531, 3461. Not good for: LMTP, CHUNKING. */
#pragma once
#include "base/arena.h"
#include "bus/out_job.h"
#include "codec/smtp/smtp_reply.h"
#include "out/client_stream.h"

struct smtp_timeouts {              /* milliseconds; RFC 5321 section 4.5.3.2 */
	int64_t connect, greeting, reply, data_start, data_block, data_end;
};
extern const struct smtp_timeouts smtp_timeouts_default;

struct smtp_target {
	struct span name;                  /* host as MX said it, for SNI, logs and reports */
	struct span tls_name;              /* for SNI and the certificate instead, or none */
	const struct sockaddr *sa;         /* with port */
	socklen_t sa_len;
	bool loopback;                     /* named as this machine: no certificate, and AUTH without TLS */
	enum { TLS_IF_OFFERED, TLS_NEVER, TLS_DEMANDED /* and verified, unless loopback */, TLS_AT_ONCE,
		TLS_ANY /* demanded, whatever the certificate */ } tls;
	bool look;                         /* with TLS_IF_OFFERED: the certificate is judged, for the report only */
	const struct span *tlsa;           /* with TLS_DEMANDED: usable TLSA records take the roots' place */
	size_t n_tlsa;
	const char *also;                  /* another name the certificate may carry, or NULL */
	bool requiretls;                   /* the server must offer REQUIRETLS */
	struct span user, password;        /* user empty: no AUTH */
};

struct smtp_connection {
	struct client_stream stream;
	const struct smtp_timeouts *timeouts;
	const char *hostname;
	struct smtp_reply reply;           /* the last one */
	struct smtp_caps caps;
	char name[256];                    /* the server's, as we dialled it */
	char status[16];                   /* after an error: enhanced status for the report */
	char words[512];                   /* and the server's own words, empty when it said nothing */
	bool tls_failed;                   /* handshake failed although offered: may be dialled again without */
	const char *fault;                 /* what was wrong with TLS, in the words of RFC 8460 section 4.3; NULL: nothing */
	bool talked;                       /* the server answered: whether TLS came about is known */
	bool verified;                     /* this connection's server has proved its name */
	bool lacks;                        /* the server does not offer REQUIRETLS */
	unsigned uses;                     /* transactions so far */
	bool begun;                        /* this transaction got an answer */
};

void smtp_connection_init(struct smtp_connection *c, const char *hostname, const struct smtp_timeouts *timeouts);
void smtp_connection_fini(struct smtp_connection *c);      /* QUIT without waiting, close */
int smtp_open(struct smtp_connection *c, struct arena *a, SSL_CTX *tls, const struct smtp_target *to, struct err *e);
/* rows[i] belongs to job->rcpts[i]; those with an outcome already are left out of the transaction. 0: every
 * row has an outcome. <0: the connection failed and is closed; rows without outcome may go to the next server. */
int smtp_send(struct smtp_connection *c, struct arena *a, const struct out_job *job, struct span message,
	struct out_row *rows, struct err *e);

/* For smtp_auth.c and smtp_send.c: one command with its CRLF (none: only wait), one whole reply in c->reply.
 * On failure the connection is closed. */
int smtp_say(struct smtp_connection *c, struct span line, struct err *e);
int smtp_hear(struct smtp_connection *c, int64_t timeout_ms, struct err *e);
/* The reply is an error: class, c->status and c->words from it; keeps the connection. */
int smtp_refused(struct smtp_connection *c, int class, const char *what, struct err *e);
int smtp_authenticate(struct smtp_connection *c, struct arena *a, struct span user, struct span password,
	struct err *e);
/* "550 5.1.1 No such user", one line, bounded. */
struct span smtp_reply_line(struct arena *a, const struct smtp_reply *r);
