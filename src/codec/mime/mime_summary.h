/* mime_summary.h - what IMAP asks about a message, read once at delivery and kept next to it.
 *
 * A versioned binary form: Date:, ENVELOPE, BODY and BODYSTRUCTURE as IMAP text (made once, so a FETCH
 * is a copy), folded search text of the addresses and the subject, and the octet range of every part.
 * mime_summary_open distrusts its input (ERR_SYNTAX); ranges are clamped to the message size it names.
 * The texts never hold CR, LF or NUL, and octets above 127 only in the utf8 forms. Sources: RFC 9051
 * section 7.5.2, 3501, 6855. Not good for: bodies (mime_body.h), literals beyond the size limits:
 * a string is cut at MIME_SUMMARY_STRING_MAX. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define MIME_SUMMARY_STRING_MAX 8192
#define MIME_SUMMARY_VERSION 1

enum mime_section {
	MIME_SECTION_ALL,       /* BODY[], BODY[1.2] */
	MIME_SECTION_HEADER,    /* also for HEADER.FIELDS: then mime_header_filter over the range */
	MIME_SECTION_TEXT,
	MIME_SECTION_MIME,
};

struct mime_summary {
	size_t message_len, header_len;
	int64_t date_sec;       /* Date: as UTC; valid when has_date */
	int zone_min;
	bool has_date;
	struct span envelope, envelope_utf8, body, body_utf8, structure, structure_utf8;
	struct span from, to, cc, bcc, subject; /* folded UTF-8 (names and addresses) */
	struct span message_id;                 /* "<...>" or none */
	struct span parts;                      /* packed rows */
	unsigned part_count;
};

/* *out in the arena. Any bytes are a message; ERR_TOOBIG above 4 GiB. */
int mime_summary_build(struct arena *a, struct span message, struct span *out, struct err *e);
/* out's spans point into `summary`. */
int mime_summary_open(struct span summary, struct mime_summary *out, struct err *e);
void mime_summary_envelope(struct buf *b, const struct mime_summary *s, bool utf8);
void mime_summary_body(struct buf *b, const struct mime_summary *s, bool utf8);
void mime_summary_structure(struct buf *b, const struct mime_summary *s, bool utf8);
/* Octet range of a section; path of count part numbers (0: the message). ERR_MISSING: no such part
 * (IMAP answers NIL or an empty string). */
int mime_summary_section(const struct mime_summary *s, const uint32_t *path, size_t count,
	enum mime_section what, size_t *off_out, size_t *len_out, struct err *e);
/* Transfer encoding of the part at path (for BINARY); none when 7bit. */
int mime_summary_encoding(const struct mime_summary *s, const uint32_t *path, size_t count,
	struct span *out, struct err *e);
