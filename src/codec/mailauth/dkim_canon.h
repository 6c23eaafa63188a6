/* dkim_canon.h - the two canonical forms of RFC 6376 section 3.4, hashed as they are made (SHA-256).
 *
 * Ownership: dkim_body holds a digest context until dkim_body_finish or dkim_body_drop. The body may come in pieces.
 * Lines end with CRLF; lone CR or LF are content. Not good for: SHA-1 (RFC 8301 forbids it). */
#pragma once
#include "base/buf.h"
#include "codec/mime/mime_header.h"

enum dkim_canon { DKIM_SIMPLE = 0, DKIM_RELAXED };
#define DKIM_HASH_LEN 32

struct dkim_body {
	void *md;
	enum dkim_canon canon;
	uint64_t limit, total;        /* l=, UINT64_MAX: none; octets of the canonical body */
	uint64_t line_ends;           /* waiting: they count only when something follows */
	bool cr, blank, any;
	char out[1024];
	size_t out_n;
};
void dkim_body_init(struct dkim_body *b, enum dkim_canon canon, uint64_t limit);
void dkim_body_add(struct dkim_body *b, struct span piece);
void dkim_body_finish(struct dkim_body *b, unsigned char hash_out[DKIM_HASH_LEN]);
void dkim_body_drop(struct dkim_body *b);
/* One field in canonical form, CRLF included. */
void dkim_field(struct buf *b, enum dkim_canon canon, struct span raw);
