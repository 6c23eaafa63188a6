/* http_write.h - heads of answers, dates, and what forms and links carry encoded.
 *
 * Pure. Source: RFC 9110 sections 5.6.7, 6.6.1, 15. Not good for: requests, chunks. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

const char *http_reason(int status);
void http_date(struct buf *b, int64_t sec);           /* "Sun, 06 Nov 1994 08:49:37 GMT" */
/* Status line, Date and, for a connection that ends, Connection: close. More fields and the empty line are the caller's. */
void http_status(struct buf *b, int status, int64_t now_sec, bool close);
/* A value of "a=1&b=2", decoded (application/x-www-form-urlencoded); none: not there, there twice, or badly encoded. A '+'
 * is a blank, unless it stands in an address, where nobody means one: keep_plus. */
struct span http_form_value(struct arena *a, struct span form, const char *name, bool keep_plus);
/* As text inside HTML or XML. */
void http_escape(struct buf *b, struct span text);
