/* wire.h - the house's own binary encoding between its processes: fixed integers (little endian) and
 * length-prefixed spans. Writers append to a buf; readers are bounded and sticky: read all, check once.
 *
 * Spans read point into the input. Not good for: anything stored on disk across versions without a
 * version byte of its own. */
#pragma once
#include "base/buf.h"
#include "base/span.h"

void wire_u8(struct buf *b, uint8_t v);
void wire_u16(struct buf *b, uint16_t v);
void wire_u32(struct buf *b, uint32_t v);
void wire_u64(struct buf *b, uint64_t v);
void wire_span(struct buf *b, struct span s);       /* u32 length, bytes */

struct wire {
	struct span in;      /* what is left */
	bool failed;         /* short or oversized; all later reads give 0 / none */
};

struct wire wire_open(struct span in);
uint8_t wire_get_u8(struct wire *w);
uint16_t wire_get_u16(struct wire *w);
uint32_t wire_get_u32(struct wire *w);
uint64_t wire_get_u64(struct wire *w);
struct span wire_get_span(struct wire *w, size_t max);
bool wire_done(const struct wire *w);               /* not failed and nothing left */
