/* scan.h - what is said to a spam filter and a virus scanner, and what they answer: rspamd's HTTP, clamd's INSTREAM.
 *
 * Pure; results in the arena. A place is "ADDRESS:PORT", "[IPv6]:PORT", "localhost:PORT" or the path of a UNIX socket.
 * Answers are bounded (SCAN_ANSWER_MAX), and what comes from a message (names of symbols and viruses) comes out in plain
 * letters. Errors: ERR_SYNTAX, ERR_PARAM (places). Sources: rspamd's protocol documentation (/checkv2, /learnspam), clamd(8).
 * Not good for: dialling (out/out_scan.c), deciding (proto/smtp/smtp_check.c). */
#pragma once
#include <sys/socket.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define SCAN_ANSWER_MAX 1048576u
#define SCAN_WORDS_MAX 2000            /* octets of the list of symbols */
#define SCAN_NAME_MAX 100
#define SCAN_RCPTS_MAX 100

int scan_place(struct span text, struct sockaddr_storage *out, socklen_t *len_out, struct err *e);

enum scan_action { SCAN_PASS = 1 /* no action */, SCAN_JUNK /* add header, rewrite subject, quarantine */,
	SCAN_DEFER /* greylist, soft reject */, SCAN_REJECT /* reject, discard */ };
struct scan_envelope {
	struct span ip, helo, sender, user;       /* user: who signed in, or none */
	const struct span *rcpts;
	size_t n_rcpts;
};
struct scan_spam {
	enum scan_action action;
	int64_t score_milli, required_milli;      /* thousandths */
	struct span words;                        /* "NAME(1.20) OTHER(0.10)" */
	struct span message;                      /* for the reply of SMTP, or none */
};
/* The head of a request with a message of this size: /checkv2, /learnspam, /learnham. */
void rspamd_request(struct buf *b, const char *path, const struct scan_envelope *v, const char *mta, uint64_t size);
/* What has come so far: 1 the whole answer, *body_out is its body; 0 more is needed (eof: ERR_SYNTAX). ok_out: status 2xx. */
int rspamd_answer(struct span in, bool eof, bool *ok_out, struct span *body_out, struct err *e);
int rspamd_verdict(struct arena *a, struct span body, struct scan_spam *out, struct err *e);

/* "stream: OK", "stream: NAME FOUND", NUL or line end behind. virus_out: none when clean. ERR_LATER: clamd says it could not. */
int clamd_verdict(struct arena *a, struct span answer, struct span *virus_out, struct err *e);
