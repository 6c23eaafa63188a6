#include "codec/report/report_pack.h"
#include <zlib.h>

#define ZIP_END_MIN 22
#define ZIP_END_MAX (ZIP_END_MIN + 65535)
#define ZIP_ENTRY_MIN 46
#define ZIP_LOCAL_MIN 30
#define PIECE 16384

static int broken(struct err *e, const char *why)
{
	return err_set(e, ERR_SYNTAX, "The report cannot be unpacked", "report: %s", why);
}

static int inflate_into(struct span in, int window, struct buf *out, struct err *e)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)in.p, .avail_in = (unsigned)in.n };
	int r = inflateInit2(&z, window);

	if (r != Z_OK)
		return broken(e, "no memory");
	while (r == Z_OK) {
		size_t room = out->max - out->n < PIECE ? out->max - out->n : PIECE;
		char *p = room ? buf_space(out, room) : NULL;

		if (!p)
			break;
		z.next_out = (unsigned char *)p;
		z.avail_out = (unsigned)room;
		r = inflate(&z, Z_NO_FLUSH);
		buf_grow(out, room - z.avail_out);
		if (r == Z_BUF_ERROR)
			break;                  /* cut off */
	}
	inflateEnd(&z);
	if (r == Z_STREAM_END)
		return 0;
	return r == Z_OK ? err_set(e, ERR_TOOBIG, "The report is too large", "report: more than %zu octets", out->max) :
		broken(e, "compressed data");
}

static unsigned le16(struct span s, size_t at)
{
	return (unsigned char)s.p[at] | (unsigned)(unsigned char)s.p[at + 1] << 8;
}

static uint32_t le32(struct span s, size_t at)
{
	return le16(s, at) | (uint32_t)le16(s, at + 2) << 16;
}

/* The directory at the end says where things are; its record is looked for from behind. */
static bool find_end(struct span in, size_t *at)
{
	for (size_t back = ZIP_END_MIN; back <= in.n && back <= ZIP_END_MAX; back++) {
		*at = in.n - back;
		if (span_starts(span_from(in, *at), SPAN("PK\5\6")))
			return true;
	}
	return false;
}

static int unzip(struct span in, struct buf *out, struct err *e)
{
	size_t end, dir, local, data, packed;
	unsigned method;

	if (!find_end(in, &end) || le16(in, end + 10) != 1)
		return broken(e, "zip without exactly one file");
	dir = le32(in, end + 16);
	if (dir > in.n || in.n - dir < ZIP_ENTRY_MIN || !span_starts(span_from(in, dir), SPAN("PK\1\2")) || (le16(in, dir + 8) & 1))
		return broken(e, "zip directory");
	method = le16(in, dir + 10);
	packed = le32(in, dir + 20);
	local = le32(in, dir + 42);
	if (local > in.n || in.n - local < ZIP_LOCAL_MIN || !span_starts(span_from(in, local), SPAN("PK\3\4")))
		return broken(e, "zip entry");
	data = local + ZIP_LOCAL_MIN + le16(in, local + 26) + le16(in, local + 28);
	if (data > in.n || packed > in.n - data || (method != 0 && method != 8))
		return broken(e, "zip method");
	if (method == 8)
		return inflate_into(span_sub(in, data, packed), -MAX_WBITS, out, e);
	return buf_add(out, span_sub(in, data, packed)) ? 0 : err_set(e, ERR_TOOBIG, "The report is too large", "zip");
}

int report_unpack(struct span in, struct buf *out, struct err *e)
{
	if (in.n > INT32_MAX)
		return err_set(e, ERR_TOOBIG, "The report is too large", "report");
	if (span_starts(in, SPAN("\x1f\x8b")))
		return inflate_into(in, 16 + MAX_WBITS, out, e);
	if (span_starts(in, SPAN("PK\3\4")))
		return unzip(in, out, e);
	return buf_add(out, in) ? 0 : err_set(e, ERR_TOOBIG, "The report is too large", "report");
}
