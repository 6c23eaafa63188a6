/* http_answer.h - what an HTTP/1.1 server answers: head and body (RFC 9112). Pure, bounded, strict.
 *
 * Feed http_head until it says 1, then http_body. Refused: heads over HTTP_HEAD_MAX octets or HTTP_FIELDS_MAX fields,
 * folded fields, names that are no tokens, controls, a transfer coding other than "chunked", Content-Length beside it or twice
 * with different numbers. A body without either ends with the connection (HTTP_BODY_CLOSE).
 * Ownership: spans point into the input. Errors: ERR_SYNTAX, ERR_TOOBIG. Not good for: requests, answers to HEAD. */
#pragma once
#include "base/buf.h"

#define HTTP_HEAD_MAX 16384
#define HTTP_FIELDS_MAX 100

struct http_head {
	unsigned status;               /* 100 to 599 */
	struct span type;              /* of Content-Type, without parameters, or none */
	bool chunked, has_length;
	uint64_t length;
};
/* 0: more is needed, 1: done, *used octets are the head's. */
int http_head(struct span in, struct http_head *out, size_t *used);

struct http_body {
	enum { HTTP_BODY_LENGTH, HTTP_BODY_CLOSE, HTTP_BODY_CHUNKED } kind;
	enum { HTTP_CHUNK_SIZE, HTTP_CHUNK_DATA, HTTP_CHUNK_END, HTTP_CHUNK_TRAILER } state;
	uint64_t left;
	size_t trailer_len;
};
void http_body_init(struct http_body *b, const struct http_head *h);
/* Takes from the front of in, adds content to out (whose maximum bounds it: ERR_TOOBIG). 1: the end; 0: more, as for
 * HTTP_BODY_CLOSE always. */
int http_body(struct http_body *b, struct span in, size_t *used, struct buf *out);
