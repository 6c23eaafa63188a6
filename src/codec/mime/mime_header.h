/* mime_header.h - fields of a header block: walk, find, filter, build.
 *
 * Ownership: spans point into the caller's bytes; builders append to a buf. Nothing here fails: a line
 * that is no field comes back with an empty name and its raw bytes, so a copy never loses anything.
 * Line ends may be CRLF or LF. Sources: RFC 5322 section 2.2, 3.5, 4.5. Linear in the block.
 * Not good for: the meaning of a value (mime_envelope.h, mime_word.h, mime_parse.h). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

struct mime_field {
	struct span name;   /* as written, without blanks before the colon; empty: not a field */
	struct span value;  /* after the colon, still folded, without the last line end */
	struct span raw;    /* all its lines with their ends */
};

/* Takes the next field off *rest; false at the blank line or the end. */
bool mime_header_next(struct span *rest, struct mime_field *out);
/* Octets of the header block at the front of a message, the blank line included. */
size_t mime_header_len(struct span message);
bool mime_header_find(struct span header, const char *name, struct mime_field *out);  /* the first */
size_t mime_header_count(struct span header, const char *name);
/* One line: line ends dropped, blanks around trimmed. */
struct span mime_header_unfold(struct arena *a, struct span value);
/* Appends "Name: value CRLF", folded at blanks near column 76; CR, LF, NUL in the value become blanks. */
void mime_header_add(struct buf *b, const char *name, struct span value);
/* Appends the raw fields whose names are (invert: are not) in names, then CRLF: BODY[HEADER.FIELDS]. */
void mime_header_filter(struct buf *b, struct span header, const struct span *names, size_t count,
	bool invert);
/* Appends all raw fields but those called name, without the blank line. */
void mime_header_without(struct buf *b, struct span header, const char *name);
