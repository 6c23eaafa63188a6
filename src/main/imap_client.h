/* imap_client.h - one connection to another IMAP server, for kontor mail import: blocking, every wait and every answer bounded.
 *
 * Nothing the other server says is trusted: sizes, numbers and names are its claims. A wait ends after the patience plus what 1 KiB a
 * second would take. Ownership: the client owns the connection; answers live until the next call. One thread.
 * Errors, e->say fit for people, e->log the detail: ERR_GONE, ERR_LATER (lost; dialling again may help), ERR_SYNTAX (that is no IMAP),
 * ERR_TOOBIG (a mail beyond body_max; the connection is of no use any more), ERR_DENIED (certificate, password, no TLS: dialling again does not help).
 * Sources: RFC 3501 and 9051, 4616 and 4959 (SASL PLAIN), 6855, 5161; 2595 and 9051 section 11.1 for STARTTLS. Not good for: writing to the other server. */
#pragma once
#include "codec/imap/imap_reply.h"
#include "out/client_stream.h"

enum imap_security { IMAP_TLS, IMAP_STARTTLS /* to this machine itself also without, where it is not offered */, IMAP_CLEAR };

struct imap_remote {
	const char *host, *port;
	enum imap_security security;
	struct span user, master, password;  /* master none: the user's own password */
	const char *ca_file;
	unsigned char pin[32];               /* SHA-256 of the certificate */
	bool pinned;
	int64_t patience_us;
	uint64_t body_max;
};
struct imap_client {
	const struct imap_remote *at;
	struct client_stream stream;
	SSL_CTX *tls;
	struct imap_reply reply;
	struct imap_answer answer;
	struct arena *arena;                 /* of the answer */
	struct buf caps;                     /* words, blanks between */
	struct buf body;                     /* BODY[] of the last FETCH */
	unsigned tag;
	int64_t began_us;
	uint64_t got;
	bool up, utf8, to_itself;
};
void imap_client_init(struct imap_client *c, const struct imap_remote *at);
void imap_client_fini(struct imap_client *c);
/* Dials, secures, signs in; closes first what was open. */
int imap_client_open(struct imap_client *c, struct err *e);
void imap_client_close(struct imap_client *c);
bool imap_client_can(const struct imap_client *c, const char *capability);
int imap_client_say(struct imap_client *c, struct span command, struct err *e);
/* 1: an answer, 0: the command is done, answer.condition says how. */
int imap_client_next(struct imap_client *c, struct err *e);
/* The words of the last answer for people: bounded, without controls. */
struct span imap_client_words(struct imap_client *c);
