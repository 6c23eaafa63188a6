#include "codec/base64.h"

/* Base64 alphabet, RFC 4648 section 4: A-Z a-z 0-9 + /, "=" pads the last group of four. */

void base64_encode(struct buf *b, struct span data, size_t line_len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t column = 0;

	for (size_t i = 0; i < data.n; i += 3) {
		size_t left = data.n - i;
		uint32_t v = (uint32_t)(unsigned char)data.p[i] << 16;
		char out[4];

		if (left > 1)
			v |= (uint32_t)(unsigned char)data.p[i + 1] << 8;
		if (left > 2)
			v |= (unsigned char)data.p[i + 2];
		for (int k = 0; k < 4; k++)
			out[k] = digits[v >> (18 - 6 * k) & 63];
		if (left < 3)
			out[3] = '=';
		if (left < 2)
			out[2] = '=';
		buf_add(b, (struct span){out, 4});
		column += 4;
		if (line_len && (column + 4 > line_len || left <= 3)) {
			buf_add(b, SPAN("\r\n"));
			column = 0;
		}
	}
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Octets that `in` decodes to, judged by its length and padding alone. */
static bool decoded_len(struct span in, size_t *out)
{
	size_t pad = 0;

	if (in.n % 4)
		return false;
	while (pad < 2 && pad < in.n && in.p[in.n - 1 - pad] == '=')
		pad++;
	*out = in.n / 4 * 3 - pad;
	return true;
}

int base64_decode(struct span in, void *out, size_t max, size_t *len_out)
{
	unsigned char *to = out;
	size_t len, n = 0;
	uint32_t v = 0;

	if (!decoded_len(in, &len))
		return ERR_SYNTAX;
	if (len > max)
		return ERR_TOOBIG;
	for (size_t i = 0; n < len; i++) {
		int d = digit(in.p[i]);

		if (d < 0)
			return ERR_SYNTAX;
		v = v << 6 | (uint32_t)d;
		if (i % 4)
			to[n++] = (unsigned char)(v >> (6 - i % 4 * 2));
		/* the last digit of a padded group: what no octet took must be zero */
		if (n == len && len % 3 && v & ((1u << (6 - i % 4 * 2)) - 1))
			return ERR_SYNTAX;
	}
	*len_out = len;
	return 0;
}

int base64_decode_secret(struct span in, struct secret *out)
{
	size_t len;
	int r;

	if (!decoded_len(in, &len))
		return ERR_SYNTAX;
	secret_init(out, len);
	r = base64_decode(in, out->p, len, &len);
	if (r < 0)
		secret_fini(out);
	return r;
}
