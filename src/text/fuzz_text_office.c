/* Office files: an archive as it is, or XML that is put into one; the reader ends, with no more text than there is room for. */
#include <assert.h>
#include <string.h>
#include <zlib.h>
#include "text/text.h"

#define TEXT_MAX 65536
#define NAME "word/document.xml"

static void le(struct buf *b, uint32_t v, int octets)
{
	for (int i = 0; i < octets; i++)
		buf_addc(b, (char)(v >> 8 * i));
}

/* What a local header and the directory say alike of the one stored entry. */
static void entry(struct buf *b, uint32_t crc, uint32_t len)
{
	le(b, 0, 2);             /* flags */
	le(b, 0, 2);             /* stored */
	le(b, 0, 4);             /* time */
	le(b, crc, 4);
	le(b, len, 4);
	le(b, len, 4);
	le(b, sizeof(NAME) - 1, 2);
	le(b, 0, 2);             /* extra */
}

static void archive(struct buf *b, const uint8_t *p, size_t n)
{
	uint32_t crc = (uint32_t)crc32(0, p, (uInt)n), at;

	le(b, 0x04034b50, 4);
	le(b, 20, 2);
	entry(b, crc, (uint32_t)n);
	buf_addz(b, NAME);
	buf_add(b, SPAN_BYTES(p, n));
	at = (uint32_t)b->n;
	le(b, 0x02014b50, 4);
	le(b, 20, 2);
	le(b, 20, 2);
	entry(b, crc, (uint32_t)n);
	le(b, 0, 2);             /* comment */
	le(b, 0, 4);             /* disk, internal attributes */
	le(b, 0, 4);
	le(b, 0, 4);             /* where its header is */
	buf_addz(b, NAME);
	le(b, 0x06054b50, 4);
	le(b, 0, 4);
	le(b, 0x00010001, 4);    /* entries */
	le(b, (uint32_t)b->n - at - 12, 4);
	le(b, at, 4);
	le(b, 0, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_BUF in, out;

	buf_init(&in, n + 1024);
	buf_init(&out, TEXT_MAX);
	if (text_is_document(SPAN_BYTES(p, n)))
		buf_add(&in, SPAN_BYTES(p, n));
	else
		archive(&in, p, n);
	text_read_office(buf_span(&in), &out);
	assert(!out.failed && out.n <= TEXT_MAX);
	return 0;
}
