/* tag_list.h - "a=b; c=d": the list of tags in DKIM-Signature, key records, DMARC records and ARC fields.
 *
 * Spans point into the input. ERR_SYNTAX: no list, a tag twice, more than TAG_MAX. Source: RFC 6376 section 3.2.
 * Not good for: what a value means. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define TAG_MAX 64
struct tag {
	struct span name, value;      /* value without blanks and folds around it */
	struct span whole;            /* all between "=" and ";": what is left out when b= is */
};
struct tag_list {
	struct tag v[TAG_MAX];
	size_t n;
};
int tag_list_parse(struct span in, struct tag_list *out, struct err *e);
bool tag_find(const struct tag_list *l, const char *name, struct span *value_out);
/* Without blanks and folds: for base64 and names. */
struct span tag_squeeze(struct arena *a, struct span value);
/* One piece of a list with this separator, trimmed; false at the end. */
bool tag_next(struct span *rest, char separator, struct span *out);
