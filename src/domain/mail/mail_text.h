/* mail_text.h - the texts of a message that a search looks into: one truth for the search and for its index.
 *
 * Every text is folded (codec/mime/mime_fold.h) and lives in the arena. What a key finds is a substring of one of these
 * texts, never of two. Not good for: showing to people. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "codec/mime/mime_header.h"
#include "codec/mime/mime_summary.h"

#define MAIL_TEXT_MAX (64u << 20)      /* octets of decoded text looked at, per message */

enum mail_where { WHERE_FROM, WHERE_TO /* and Cc, Bcc */, WHERE_SUBJECT, WHERE_HEADER /* all fields */, WHERE_BODY, WHERE_COUNT };

/* A header field's value, decoded; and "Name: value" as it is written. */
struct span mail_text_field(struct arena *a, const struct mime_field *f);
struct span mail_text_field_written(struct arena *a, const struct mime_field *f);
/* The text parts. ERR_TOOBIG: they are more than `max` octets as they were sent. */
int mail_text_body(struct arena *a, struct span message, size_t max, struct span *out, struct err *e);
/* All of them, each with where it stands. */
int mail_text_each(struct arena *a, const struct mime_summary *summary, struct span message, size_t max,
	void (*fn)(void *arg, enum mail_where where, struct span folded), void *arg, struct err *e);
