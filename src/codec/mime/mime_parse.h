/* mime_parse.h - the structure of a message: a tree of parts with exact octet ranges.
 *
 * Ownership: the tree lives in the arena, its spans point into `message`, which must outlive it.
 * Never loses mail: beyond a limit the rest is one opaque leaf (`truncated` is set), a broken structure
 * is read as well as it goes. Linear time. Returns 0; ERR_TOOBIG only above 4 GiB.
 * Sources: RFC 2045, 2046, 2183, 2231, 3282, 2557, 6532 (message/global). Not good for: charsets and
 * transfer encodings (mime_body.h, mime_charset.h). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct mime_limits {
	unsigned depth;         /* nesting of parts */
	unsigned parts;         /* parts in all */
	unsigned params;        /* parameters per field */
	size_t header_len;      /* octets of one part's header that are looked at */
};
#define MIME_LIMITS ((struct mime_limits){ 32, 1000, 64, 262144 })

enum mime_kind {
	MIME_LEAF,
	MIME_MULTIPART,         /* children: child, child->next ... */
	MIME_MESSAGE,           /* message/rfc822, message/global: one child, the message inside */
};

struct mime_param {
	struct span name;
	struct span value;      /* quotes and backslashes removed; RFC 2231 pieces as written */
};

struct mime_part {
	struct mime_part *parent, *child, *next;
	enum mime_kind kind;
	bool truncated;
	size_t head_off, head_len;   /* blank line included */
	size_t body_off, body_len;   /* without the line end that belongs to the boundary */
	size_t body_lines;           /* line feeds in the body */
	struct span type, subtype;   /* as written; defaults text, plain */
	struct mime_param *params;
	size_t param_count;
	struct span encoding, id, description, md5, location;  /* unfolded or none */
	struct span disposition;
	struct mime_param *disposition_params;
	size_t disposition_count;
	struct span *languages;
	size_t language_count;
};

int mime_parse(struct arena *a, struct span message, const struct mime_limits *limits,
	struct mime_part **root_out, struct err *e);
/* token *(";" attribute "=" value) - Content-Type or Content-Disposition values. */
void mime_params_parse(struct arena *a, struct span value, unsigned max, struct span *head_out,
	struct mime_param **params_out, size_t *count_out);
/* A parameter's value as UTF-8: plain, or put together from its RFC 2231 pieces. None if absent. */
struct span mime_param_value(struct arena *a, const struct mime_param *params, size_t count,
	const char *name);
