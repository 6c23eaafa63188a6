/* smtp_frame.h - cut one command line, or one SASL answer, out of a byte stream.
 *
 * Pure, incremental, bounded. A line ends with CRLF and nothing else: a bare LF, a bare CR or a NUL
 * inside it refuses the whole line (smuggling, log injection).
 *
 * smtp_frame returns:
 * - 0: all of `in` was used, feed more bytes.
 * - 1: complete; smtp_frame_text gives the line without CRLF until the next call.
 * - ERR_SYNTAX, ERR_TOOBIG: refused, f->why says why (constant text fit for a client: "500 5.5.2
 * why", "500 5.5.6 why" for too long). The line has been read up to its CRLF and the stream is in
 * step, unless f->fatal: SMTP_SWALLOW_MAX octets came without CRLF; say 421 and close. After 1 or a
 * refusal the next call begins a new line. *used octets of `in` were consumed, always.
 *
 * Limits (octets, CRLF counted): SMTP_LINE_MAX; SMTP_AUTH_LINE_MAX for a line that begins with
 * "AUTH " and for smtp_frame_answer. Source: RFC 5321 sections 2.3.8, 4.5.3.1.4; RFC 4954 sections
 * 4, 4.5. Not good for: DATA (smtp_data.h), BDAT chunks (count octets), replies of a server
 * (smtp_reply.h). */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define SMTP_LINE_MAX 2048	 /* 512 plus what MAIL and RCPT parameters may add */
#define SMTP_AUTH_LINE_MAX 12288 /* base64 of a SASL message */
#define SMTP_SWALLOW_MAX 65536

struct smtp_frame {
	const char *why; /* after a refusal */
	bool fatal;
	/* private */
	struct buf line;
	size_t total;
	int refused;
	bool done, cr, secret;
};

void smtp_frame_init(struct smtp_frame *f);
void smtp_frame_fini(struct smtp_frame *f);
int smtp_frame(struct smtp_frame *f, struct span in, size_t *used);
/* The line that answers "334 ...": same results, long limit. It may carry a password: the frame
 * wipes it at the next call and in fini; copy it nowhere but into a struct secret. */
int smtp_frame_answer(struct smtp_frame *f, struct span in, size_t *used);
struct span smtp_frame_text(const struct smtp_frame *f);
bool smtp_frame_idle(const struct smtp_frame *f); /* no line begun */
