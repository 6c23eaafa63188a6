#include "codec/smtp/smtp_xtext.h"
#include <unicode/utf8.h>
#include "base/scan.h"
#include "codec/mime/mime_charset.h"

/* xtext   = *( xchar / hexchar )
 * xchar   = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
 * hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits   (RFC 3461 section
 * 4) */

static bool plain(char c)
{
	return c > 32 && c < 127 && c != '+' && c != '=';
}

bool smtp_xtext_encode(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (plain(s.p[i]))
			buf_addc(b, s.p[i]);
		else
			buf_addf(b, "+%02X", (unsigned char)s.p[i]);
	}
	return !b->failed;
}

static int bad(struct err *e, const char *say)
{
	return err_set(e, ERR_SYNTAX, say, "%s", say);
}

int smtp_xtext_decode(struct arena *a, struct span s, struct span *out, struct err *e)
{
	char *to = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t octet = (uint8_t)s.p[i];

		if (s.p[i] == '+') {
			if (s.n - i < 3 || !scan_hex(span_sub(s, i + 1, 2), &octet, 1))
				return bad(e, "Malformed xtext");
			i += 2;
		} else if (!plain(s.p[i])) {
			return bad(e, "Malformed xtext");
		}
		if (octet < 32 || octet > 126)
			return bad(e, "Malformed xtext");
		to[n++] = (char)octet;
	}
	*out = (struct span){to, n};
	return 0;
}

/* utf-8-addr-xtext     = 1*( QCHAR / EmbeddedUnicodeChar )
 * utf-8-addr-unitext   = 1*( QUCHAR / EmbeddedUnicodeChar )
 * EmbeddedUnicodeChar  = %x5C.78 "{" HEXPOINT "}"
 * QCHAR = %x21-2a / %x2c-3c / %x3e-5b / %x5d-7e, QUCHAR = QCHAR / UTF8-non-ascii   (RFC 6533
 * section 3) */
static bool scan_embedded(struct span *in, UChar32 *out)
{
	struct span digits, text;
	uint8_t octets[3];
	char padded[6];

	if (!scan_lit(in, SPAN("\\x{")) || !scan_until(in, &digits, '}', 6) || digits.n < 2)
		return false;
	scan_char(in, '}');
	for (size_t i = 0; i < 6; i++)
		padded[i] = i < 6 - digits.n ? '0' : digits.p[i - (6 - digits.n)];
	text = (struct span){padded, 6};
	if (!scan_hex(text, octets, 3))
		return false;
	*out = octets[0] << 16 | octets[1] << 8 | octets[2];
	return *out >= 32 && (*out < 127 || *out > 159) && U_IS_UNICODE_CHAR(*out);
}

static int utf8_decode(struct arena *a, struct span s, struct span *out, struct err *e)
{
	uint8_t *to =
		arena_alloc(a, s.n + 1); /* the spelling is always longer than the character */
	int32_t n = 0;

	while (s.n) {
		UChar32 c;

		if (s.p[0] == '\\') {
			if (!scan_embedded(&s, &c))
				return bad(e, "Malformed utf-8 address");
			U8_APPEND_UNSAFE(to, n, c);
			continue;
		}
		if (!plain(s.p[0]) && (unsigned char)s.p[0] < 128)
			return bad(e, "Malformed utf-8 address");
		to[n++] = (uint8_t)s.p[0];
		s = span_from(s, 1);
	}
	*out = SPAN_BYTES(to, (size_t)n);
	return mime_utf8_valid(*out) ? 0 : bad(e, "Malformed utf-8 address");
}

static bool type_char(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '-';
}

/* original-recipient-address = addr-type ";" xtext */
int smtp_orcpt_parse(struct arena *a, struct span value, struct smtp_orcpt *out, struct err *e)
{
	struct span rest = value;
	int r;

	if (value.n > SMTP_ORCPT_MAX)
		return err_set(e, ERR_TOOBIG, "ORCPT too long", "ORCPT of %zu octets", value.n);
	if (!scan_while(&rest, &out->type, type_char, 1, 64) || !scan_char(&rest, ';') || !rest.n)
		return bad(e, "Malformed ORCPT");
	out->type = arena_span(a, out->type);
	if (span_ieqz(out->type, "utf-8"))
		r = utf8_decode(a, rest, &out->address, e);
	else
		r = smtp_xtext_decode(a, rest, &out->address, e);
	return r;
}

bool smtp_orcpt_write(struct buf *b, const struct smtp_orcpt *orcpt, bool utf8)
{
	struct span s = orcpt->address;

	if (mime_ascii(s) && !span_ieqz(orcpt->type, "utf-8")) {
		buf_add(b, orcpt->type);
		buf_addc(b, ';');
		return smtp_xtext_encode(b, s);
	}
	buf_addz(b, "utf-8;");
	for (int32_t i = 0; i < (int32_t)s.n;) {
		int32_t from = i;
		UChar32 c;

		U8_NEXT(s.p, i, (int32_t)s.n, c);
		if (c < 0)
			c = 0xfffd;
		if ((c < 128 && plain((char)c) && c != '\\') || (c > 159 && utf8))
			buf_add(b, c == 0xfffd ? SPAN("\xef\xbf\xbd")
					       : span_sub(s, (size_t)from, (size_t)(i - from)));
		else
			buf_addf(b, "\\x{%02X}", (unsigned)c);
	}
	return !b->failed;
}

int smtp_envid_parse(struct arena *a, struct span value, struct span *out, struct err *e)
{
	int r = smtp_xtext_decode(a, value, out, e);

	if (r < 0)
		return r;
	if (!out->n)
		return bad(e, "Empty ENVID");
	if (out->n > SMTP_ENVID_MAX)
		return err_set(e, ERR_TOOBIG, "ENVID too long", "ENVID of %zu octets", out->n);
	return 0;
}

/* notify-esmtp-value = "NEVER" / 1#notify-list-element; elements SUCCESS, FAILURE, DELAY */
int smtp_notify_parse(struct span value, unsigned *flags_out, struct err *e)
{
	unsigned flags = 0;

	if (span_ieqz(value, "NEVER")) {
		*flags_out = SMTP_NOTIFY_NEVER;
		return 0;
	}
	if (!value.n || value.p[value.n - 1] == ',')
		return bad(e, "Malformed NOTIFY");
	while (value.n) {
		struct span word = span_cut(&value, ',');

		if (span_ieqz(word, "SUCCESS"))
			flags |= SMTP_NOTIFY_SUCCESS;
		else if (span_ieqz(word, "FAILURE"))
			flags |= SMTP_NOTIFY_FAILURE;
		else if (span_ieqz(word, "DELAY"))
			flags |= SMTP_NOTIFY_DELAY;
		else
			return bad(e, "Malformed NOTIFY");
	}
	*flags_out = flags;
	return 0;
}

int smtp_ret_parse(struct span value, bool *full_out, struct err *e)
{
	if (!span_ieqz(value, "FULL") && !span_ieqz(value, "HDRS"))
		return bad(e, "Malformed RET");
	*full_out = span_ieqz(value, "FULL");
	return 0;
}
