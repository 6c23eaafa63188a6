/* text.h - the process that reads attachments: a document goes in, its text comes out, strangers' bytes stay outside.
 *
 * One process that only starts others: each document is read by a child of its own, which has no files, no sockets, no
 * way to start anything, TEXT_CPU_SEC of processor, TEXT_MEMORY of memory; what it wrote until its end counts. PDF through
 * libpoppler-glib when it is installed (loaded at run time, by this role alone), office files through libzip and expat.
 * Protocol on DIR/run/text, one document after the other: octet 'D' with a descriptor (a memory file); the answer is a
 * length (u32, little endian) and so many octets of UTF-8, 0: no text. Not good for: pictures (no OCR), old binary .doc. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define TEXT_CPU_SEC 10
#define TEXT_WALL_MS 20000
#define TEXT_MEMORY (768u << 20)
#define TEXT_OUT_MAX (1u << 20)        /* octets of text of one document */
#define TEXT_IN_MAX (32u << 20)        /* octets of one document */

struct text_config {
	int listen_fd, stop_fd;
	void (*enter_sandbox)(void);       /* this process, once */
	void (*enter_reader)(void);        /* a child, before it sees its document; NULL in tests */
	void (*ready)(void);
};
void text_libraries(void);                 /* before the root folder changes */
int text_main(const struct text_config *c, struct err *e);
/* Is it worth sending? By its first octets. */
bool text_is_document(struct span begin);

/* In the child: appends text until `out` is full. */
void text_read(struct span document, struct buf *out);
void text_read_pdf(struct span document, struct buf *out);
void text_read_office(struct span document, struct buf *out);
