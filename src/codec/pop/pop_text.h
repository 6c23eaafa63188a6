/* pop_text.h - POP3 commands as tokens, and messages as the multi-line answers of RETR and TOP.
 *
 * A line comes without its CRLF (codec/smtp/smtp_frame.h cuts it: POP3 has the same lines). Verb upper case; arguments
 * are separated by one space, but PASS has the rest of the line as one. Octets above 127 are kept (RFC 6856). Errors:
 * ERR_SYNTAX. Sources: RFC 1939 section 3, 2449 section 4, 5034. Not good for: SASL answers (bare lines). */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "codec/token.h"

struct pop_command {
	struct span verb;
	struct toks args;
};
int pop_lex(struct arena *a, struct span line, struct pop_command *out, struct err *e);

/* Dots doubled at the front of lines, a bare LF becomes CRLF; in pieces. pop_stuff_end completes the last line and
 * adds the final dot. */
struct pop_stuff {
	bool inside, cr;                  /* within a line; the last octet was CR */
};
void pop_stuff(struct pop_stuff *s, struct buf *b, struct span piece);
void pop_stuff_end(struct pop_stuff *s, struct buf *b);
/* Octets of the header, the blank line and the first `lines` lines of the body (TOP). */
size_t pop_top_len(struct span message, size_t header_len, uint64_t lines);
