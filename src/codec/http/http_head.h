/* http_head.h - the head of an HTTP/1.1 request, read strictly: what two readers could understand differently is refused.
 *
 * Pure. Spans point into the head. Nothing is decoded: path and query are as they were sent (ASCII without blanks).
 * Refused, so that no proxy in front can be made to disagree with us about where a request ends: bare CR or LF, NUL and other
 * controls, folded lines, blanks before the colon, Content-Length twice or beside Transfer-Encoding, none or two Hosts.
 * Errors: the status to answer with (400, 411, 414, 431, 501, 505); the connection must be closed then.
 * Source: RFC 9112, RFC 9110. Not good for: bodies in chunks (411), CONNECT, answers of others (http_answer.h). */
#pragma once
#include "base/span.h"

#define HTTP_REQUEST_FIELDS_MAX 64
#define HTTP_TARGET_MAX 4096
#define HTTP_METHOD_MAX 20

struct http_field {
	struct span name, value;          /* value without blanks at its ends */
};

struct http_request_head {
	struct span method;
	struct span host;                 /* without the port; "[::1]" keeps its brackets */
	unsigned port;                    /* 0: none was written */
	struct span path, query;          /* query without "?"; path "*" only for OPTIONS */
	unsigned minor;                   /* HTTP/1.minor */
	bool close;                       /* the connection ends after the answer */
	bool expects;                     /* 100-continue */
	uint64_t body_len;
	struct http_field field[HTTP_REQUEST_FIELDS_MAX];
	size_t n;
	const char *why;                  /* of a refusal, for the log */
};
/* Bytes up to and with the empty line, looked for from *seen on (a memory between calls, 0 at first); 0: not there yet. */
size_t http_head_end(struct span in, size_t *seen);
/* 0, or the status of the refusal. */
int http_head_parse(struct span head, struct http_request_head *out);
/* The value of a field that occurs once; none when it is missing or there twice. */
struct span http_head_field(const struct http_request_head *h, const char *name);
/* Is the word in this comma-separated list, case folded? */
bool http_list_has(struct span list, const char *word);
