/* base64.h - base64, strict: for SASL, keys and tokens, where there is one right spelling.
 *
 * Decoding refuses line ends, blanks, missing or surplus padding and non-zero spare bits. Errors:
 * ERR_SYNTAX, ERR_TOOBIG (does not fit). Source: RFC 4648 sections 3 and 4.
 * Not good for: mail bodies (mime_body_decode is lenient). */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

void base64_encode(
	struct buf *b, struct span data, size_t line_len); /* 0: one line; else CRLF after each */
int base64_decode(struct span in, void *out, size_t max, size_t *len_out);
int base64_decode_secret(struct span in, struct secret *out); /* inits out on success only */
