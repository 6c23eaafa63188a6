/* smtp_reply.h - replies: read those of a remote server, its EHLO keywords, and write our own.
 *
 * smtp_reply is incremental: 0 feed more, 1 complete (fields valid until the next call), ERR_SYNTAX
 * or ERR_TOOBIG: the peer does not speak SMTP, close. It does not get back in step. Bounds:
 * SMTP_REPLY_LINE octets a line, SMTP_REPLY_MAX in all. LF alone is taken as a line end here:
 * nothing is relayed. The text is one line per reply line, joined by LF, control octets replaced by
 * "?", without code and enhanced status; it is safe for logs and DSNs but is still a stranger's
 * words. smtp_reply_write makes the server's replies: each LF in the text starts a new line, other
 * control octets become "?", no line passes 512 octets (longer ones are cut in two). False: buffer
 * is full. Sources: RFC 5321 4.2, 4.1.1.1; RFC 2034; RFC 1870; RFC 9422. Not good for: LMTP's one
 * reply per recipient by itself (call it once per recipient). */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define SMTP_REPLY_LINE 2048
#define SMTP_REPLY_MAX 32768

struct smtp_reply {
	unsigned code;	    /* 200..599 */
	struct span status; /* "5.1.1", its class fits the code; none if absent */
	struct span text;
	/* private */
	struct buf line, all;
	char status_text[16]; /* NUL-terminated */
	size_t total;
	bool inside, done;
};

void smtp_reply_init(struct smtp_reply *r);
void smtp_reply_fini(struct smtp_reply *r);
int smtp_reply(struct smtp_reply *r, struct span in, size_t *used);
bool smtp_reply_idle(const struct smtp_reply *r); /* no reply begun */

enum { /* smtp_caps.flags */
	SMTP_CAP_SIZE = 1,
	SMTP_CAP_PIPELINING = 2,
	SMTP_CAP_8BITMIME = 4,
	SMTP_CAP_STARTTLS = 8,
	SMTP_CAP_AUTH = 16,
	SMTP_CAP_DSN = 32,
	SMTP_CAP_SMTPUTF8 = 64,
	SMTP_CAP_CHUNKING = 128,
	SMTP_CAP_BINARYMIME = 256,
	SMTP_CAP_STATUS = 512 /* ENHANCEDSTATUSCODES */,
	SMTP_CAP_LIMITS = 1024,
	SMTP_CAP_REQUIRETLS = 2048,
};
enum { /* smtp_caps.auth */
	SMTP_AUTH_PLAIN = 1,
	SMTP_AUTH_LOGIN = 2,
	SMTP_AUTH_SCRAM_SHA_256 = 4,
	SMTP_AUTH_SCRAM_SHA_256_PLUS = 8,
	SMTP_AUTH_OAUTHBEARER = 16,
	SMTP_AUTH_EXTERNAL = 32,
};
struct smtp_caps {
	uint32_t flags, auth;
	uint64_t size_max;			      /* 0: not said or no limit */
	uint64_t mail_max, rcpt_max, rcpt_domain_max; /* LIMITS; 0: not said */
};
/* text of a 250 reply to EHLO: first line is the greeting. Unknown or malformed keywords are
 * skipped. */
void smtp_caps_parse(struct span text, struct smtp_caps *out);

/* status may be NULL (greeting, EHLO, 3xx). */
bool smtp_reply_write(struct buf *out, unsigned code, const char *status, struct span text);
