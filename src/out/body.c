#include "out/body.h"
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_header.h"

bool body_eight_bit(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 127)
			return true;
	return false;
}

bool body_header_utf8(struct span message)
{
	return body_eight_bit(span_sub(message, 0, mime_header_len(message)));
}

/* No Content-Type is text/plain (RFC 2045 5.2). */
static bool is_text(struct span header)
{
	struct mime_field f;

	if (mime_header_count(header, "Content-Type") > 1)
		return false;
	return !mime_header_find(header, "Content-Type", &f) || span_istarts(span_trim(f.value), SPAN("text/"));
}

/* Only identity encodings may be replaced. */
static bool is_identity(struct span header)
{
	struct mime_field f;
	struct span value;

	if (!mime_header_find(header, "Content-Transfer-Encoding", &f))
		return true;
	value = span_trim(f.value);
	return span_ieqz(value, "8bit") || span_ieqz(value, "7bit") || span_ieqz(value, "binary");
}

int body_to_seven_bit(struct span message, struct buf *out, struct err *e)
{
	size_t header_len = mime_header_len(message);
	struct span header = span_sub(message, 0, header_len);

	if (body_eight_bit(header) || !is_text(header) || !is_identity(header))
		return err_set(e, ERR_PARAM, "the message has 8-bit content, which the server cannot take", "not convertible");
	mime_header_without(out, header, "Content-Transfer-Encoding");
	if (!mime_header_count(header, "MIME-Version"))
		buf_addz(out, "MIME-Version: 1.0\r\n");
	buf_addz(out, "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	mime_qp_encode(out, span_from(message, header_len));
	if (out->failed)
		return err_set(e, ERR_PARAM, "the message is too large to be converted to 7 bit", "converted form too large");
	return 0;
}
