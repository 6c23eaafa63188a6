/* mime_body.h - a part's body without its transfer encoding, and its text for searching.
 *
 * Bounded by `max` octets of output, never fails: malformed input is decoded as well as it goes.
 * Results in the arena (or the input itself when there is nothing to decode). Sources: RFC 2045 section
 * 6. Not good for: IMAP BINARY of broken base64 (check mime_body_known first). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "codec/mime/mime_parse.h"

bool mime_body_known(struct span encoding);    /* 7bit 8bit binary base64 quoted-printable x-uuencode, none */
struct span mime_body_decode(struct arena *a, struct span body, struct span encoding, size_t max);
void mime_qp_encode(struct buf *b, struct span utf8_text);                 /* text: LF and CRLF become CRLF */
/* UTF-8 text of text/plain, or text/html without markup; none for other types. */
struct span mime_body_text(struct arena *a, struct span message, const struct mime_part *part, size_t max);
/* All text of the message, parts separated by line feeds. */
struct span mime_message_text(struct arena *a, struct span message, const struct mime_part *root, size_t max);
