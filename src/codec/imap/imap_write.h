/* imap_write.h - pieces of IMAP replies into a buffer, each in the right quoting.
 *
 * All append and leave failure to buf.failed. A string is quoted when it is short and has only
 * 7-bit characters without CR, LF, NUL (with `utf8`: also valid UTF-8), else a literal; NUL
 * cannot be sent and becomes "?". Source: RFC 9051 sections 4.3 and 9. Not good for: message
 * bodies (write the header with imap_write_literal_len, then let the gate stream the body). */
#pragma once
#include "base/buf.h"

void imap_write_string(struct buf *b, struct span s, bool utf8);  /* quoted or literal */
void imap_write_nstring(struct buf *b, struct span s, bool utf8); /* s.p == NULL: NIL */
void imap_write_astring(struct buf *b, struct span s, bool utf8); /* atom when it can be one */
void imap_write_quoted(struct buf *b, struct span s);		  /* CR, LF, NUL become blanks */
/* The first `chars` characters of UTF-8 text as a string, blanks and line ends joined (RFC 8970). */
void imap_write_preview(struct buf *b, struct span text, size_t chars, bool utf8);
void imap_write_number(struct buf *b, uint64_t n);
void imap_write_flags(struct buf *b, const struct span *flags, size_t n); /* "(\Seen $Forwarded)" */
/* UTF-8 name: UTF-7 for rev1, UTF-8 for sessions that enabled it. */
void imap_write_mailbox(struct buf *b, struct span name, bool utf8);
void imap_write_literal_len(
	struct buf *b, uint64_t len, bool binary); /* "{n}" CRLF or "~{n}" CRLF */
/* "* OK", "a1 NO [CODE]" text: control characters become blanks, so no text can forge a line. */
void imap_write_text(struct buf *b, struct span s);
