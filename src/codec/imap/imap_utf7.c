#include "codec/imap/imap_utf7.h"
#include <string.h>

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* One character of UTF-8 (RFC 3629 section 4); false when there is none. */
static bool utf8_get(struct span *in, uint32_t *out)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)in->p;
	unsigned more;
	uint32_t c;

	if (!in->n)
		return false;
	more = p[0] < 0x80   ? 0
	       : p[0] < 0xc2 ? 4
	       : p[0] < 0xe0 ? 1
	       : p[0] < 0xf0 ? 2
	       : p[0] < 0xf5 ? 3
			     : 4;
	if (more >= in->n || more == 4)
		return false;
	c = more ? p[0] & (0x3fu >> more) : p[0];
	for (unsigned i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return false;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return false;
	*in = span_from(*in, more + 1);
	*out = c;
	return true;
}

static size_t utf8_put(char *to, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(lead[n] | c);
	return n;
}

bool imap_utf8_valid(struct span s)
{
	uint32_t c;

	while (s.n)
		if (!utf8_get(&s, &c))
			return false;
	return true;
}

static bool direct(uint32_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

static int unit_value(char c)
{
	const char *at = c ? strchr(base64, c) : NULL;

	return at ? (int)(at - base64) : -1;
}

/* From behind "&" up to "-": UTF-16BE in base64 without padding. False when not the one encoding.
 */
static bool shifted(struct span b64, char *to, size_t *len)
{
	uint32_t bits = 0, high = 0;
	unsigned have = 0;

	for (size_t i = 0; i < b64.n; i++) {
		int v = unit_value(b64.p[i]);
		uint32_t unit;

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 16)
			continue;
		have -= 16;
		unit = bits >> have & 0xffff;
		bits &= (1u << have) - 1;
		if (high) {
			if (unit < 0xdc00 || unit > 0xdfff)
				return false;
			*len += utf8_put(
				to + *len, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
			high = 0;
		} else if (unit >= 0xd800 && unit <= 0xdbff) {
			high = unit;
		} else if (!unit || direct(unit) || (unit >= 0xdc00 && unit <= 0xdfff)) {
			return false;
		} else {
			*len += utf8_put(to + *len, unit);
		}
	}
	return b64.n && !high && have < 6 && !bits;
}

/* RFC 3501 section 5.1.3: 0x20-0x7e stand for themselves, "&" is "&-", the rest is in "&...-". */
int imap_utf7_decode(struct arena *a, struct span utf7, struct span *utf8_out, struct err *e)
{
	/* 3 characters of base64 hold 18 bits, so one 16-bit unit, so 3 bytes at most */
	char *to = arena_alloc(a, 2 * utf7.n + 4);
	size_t len = 0;
	bool after_shift = false;

	for (struct span in = utf7; in.n;) {
		char c = in.p[0];
		struct span b64;
		ssize_t end;

		in = span_from(in, 1);
		if (!direct((unsigned char)c))
			return err_set(
				e, ERR_SYNTAX, "Mailbox name is not valid UTF-7", "bare byte");
		if (c != '&') {
			to[len++] = c;
			after_shift = false;
			continue;
		}
		end = span_chr(in, '-');
		if (end == 0) {
			to[len++] = '&';
			in = span_from(in, 1);
			after_shift = false;
			continue;
		}
		b64 = span_sub(in, 0, end < 0 ? 0 : (size_t)end);
		if (end < 0 || after_shift || !shifted(b64, to, &len))
			return err_set(
				e, ERR_SYNTAX, "Mailbox name is not valid UTF-7", "bad shift");
		in = span_from(in, (size_t)end + 1);
		after_shift = true;
	}
	*utf8_out = (struct span){to, len};
	return 0;
}

struct shift {
	uint32_t bits;
	unsigned have;
	bool open;
};

static void shift_unit(struct buf *b, struct shift *s, uint32_t unit)
{
	if (!s->open)
		buf_addc(b, '&');
	s->open = true;
	s->bits = s->bits << 16 | unit;
	for (s->have += 16; s->have >= 6; s->have -= 6)
		buf_addc(b, base64[s->bits >> (s->have - 6) & 0x3f]);
	s->bits &= (1u << s->have) - 1;
}

static void shift_end(struct buf *b, struct shift *s)
{
	if (s->have)
		buf_addc(b, base64[s->bits << (6 - s->have) & 0x3f]);
	if (s->open)
		buf_addc(b, '-');
	*s = (struct shift){0};
}

int imap_utf7_encode(struct buf *b, struct span utf8, struct err *e)
{
	struct shift s = {0};
	uint32_t c;

	if (!imap_utf8_valid(utf8) || span_has_nul(utf8))
		return err_set(
			e, ERR_SYNTAX, "Mailbox name is not valid UTF-8", "%zu bytes", utf8.n);
	while (utf8_get(&utf8, &c)) {
		if (direct(c)) {
			shift_end(b, &s);
			buf_addc(b, (char)c);
			if (c == '&')
				buf_addc(b, '-');
		} else if (c >= 0x10000) {
			shift_unit(b, &s, 0xd800 + ((c - 0x10000) >> 10));
			shift_unit(b, &s, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			shift_unit(b, &s, c);
		}
	}
	shift_end(b, &s);
	return 0;
}

int imap_mailbox_check(struct span utf8, char delimiter, struct err *e)
{
	uint32_t c, before = (unsigned char)delimiter, sep = (unsigned char)delimiter;

	if (!utf8.n || utf8.n > IMAP_NAME_MAX)
		return err_set(
			e, ERR_PARAM, "Mailbox name is empty or too long", "%zu bytes", utf8.n);
	while (utf8.n) {
		if (!utf8_get(&utf8, &c))
			return err_set(e, ERR_PARAM, "Mailbox name is not valid UTF-8", "%zu left",
				utf8.n);
		if (c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029)
			return err_set(
				e, ERR_PARAM, "Mailbox name has control characters", "U+%04X", c);
		if (c == '*' || c == '%')
			return err_set(e, ERR_PARAM, "Mailbox name has wildcards", "U+%04X", c);
		if (sep && c == sep && before == sep)
			return err_set(e, ERR_PARAM, "Mailbox name has an empty level", "%zu left",
				utf8.n);
		before = c;
	}
	if (sep && before == sep)
		return err_set(e, ERR_PARAM, "Mailbox name has an empty level", "at the end");
	return 0;
}

int imap_mailbox_decode(
	struct arena *a, struct span wire, bool utf8, struct span *out, struct err *e)
{
	if (span_ieqz(wire, "INBOX")) {
		*out = SPAN("INBOX");
		return 0;
	}
	if (!utf8)
		return imap_utf7_decode(a, wire, out, e);
	if (!imap_utf8_valid(wire) || span_has_nul(wire))
		return err_set(
			e, ERR_SYNTAX, "Mailbox name is not valid UTF-8", "%zu bytes", wire.n);
	*out = wire;
	return 0;
}
