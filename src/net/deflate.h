/* deflate.h - raw DEFLATE (RFC 1951) for a connection, as in RFC 4978: bounded pieces, nothing carried over.
 *
 * What comes in is expanded at most as far as the caller has room; a bomb fills that room and then waits. What goes
 * out is compressed block by block, each by a compressor of its own: no text can show in the length of a later
 * block, so what one reply holds says nothing about the next (CVE-2026-40203).
 * Memory: an inflater at work holds about 48 KiB; inflater_rest keeps only what the peer may still refer to.
 * Errors: ERR_SYNTAX when the data is no DEFLATE or the peer has ended its stream. Not good for: files (gzip, zlib). */
#pragma once
#include "base/buf.h"

struct inflater;

struct inflater *inflater_new(void);
void inflater_free(struct inflater *z);
/* Takes *used octets from in, writes *n_out <= cap to out. When the room is used up more may come without input. */
int inflater_run(struct inflater *z, struct span in, size_t *used, char *out, size_t cap, size_t *n_out);
void inflater_rest(struct inflater *z);

/* Appends in (at most 64 KiB) as whole DEFLATE blocks that a reader can show at once; false: no memory. */
bool deflate_block(struct span in, struct buf *out);
