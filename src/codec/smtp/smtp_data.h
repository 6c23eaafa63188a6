/* smtp_data.h - the message after DATA: find its true end and undo dot-stuffing; and the reverse
 * for the client side.
 *
 * Smuggling-proof: only CRLF "." CRLF ends the message (or "." CRLF at once). Bare CR and bare LF
 * are passed through and counted, so that the server reads on to the true end and then refuses the
 * message (550 5.6.0). Pure, no allocation, memchr speed.
 *
 * Decoder:  while (in.n) { r = smtp_data(&d, in, &used); write(d.run); in = rest from used; if (r)
 * break; }
 * - 0: write d->run, then feed from *used. Of run and *used one may be empty, never both for some
 * input.
 * - 1: the end; d->run is still to be written, the octets after *used are the next command.
 * d->run lies in `in` or is constant; valid until the next call. It never fails: limits (size, line
 * length) are the caller's, who looks at the counters and stops writing, but keeps reading.
 *
 * smtp_data_chunk counts a BDAT chunk in the same fields (no end, no dots); a final chunk that ends
 * without CRLF leaves d->line_open. Source: RFC 5321 sections 2.3.8, 4.1.1.4, 4.5.2; RFC 3030.
 * Not good for: changing content - what was sent is what is stored. */
#pragma once
#include "base/span.h"

struct smtp_data {
	struct span run;
	uint64_t size; /* octets written out, CRLF counted, stuffed dots and the end not */
	uint64_t bare_cr, bare_lf; /* how many */
	uint64_t line_longest; /* octets without CRLF; what bare CR or LF separate is one line */
	bool eight_bit, nul;   /* octets above 127; octet 0 seen */
	bool line_open;	       /* the last line has no CRLF yet */
	/* private */
	uint8_t state;
	bool cr;
	uint64_t line_len;
};

void smtp_data_init(struct smtp_data *d);
int smtp_data(struct smtp_data *d, struct span in, size_t *used);
void smtp_data_chunk(struct smtp_data *d, struct span in, bool last);
bool smtp_data_stray(const struct smtp_data *d); /* bare CR or LF seen: refuse unless BINARYMIME */

/* Client side: feed the message until used up, send run each time; then send smtp_stuff_end. A
 * stray CR or LF goes out as one space and is counted, so that we never carry smuggled commands to
 * a peer. */
struct smtp_stuff {
	struct span run;
	uint64_t stray;
	/* private */
	uint8_t state;
	bool cr;
};

void smtp_stuff_init(struct smtp_stuff *s);
void smtp_stuff(struct smtp_stuff *s, struct span in, size_t *used);
struct span smtp_stuff_end(struct smtp_stuff *s); /* completes the last line and adds "." CRLF */
