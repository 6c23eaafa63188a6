#include "codec/mime/mime_body.h"
#include "codec/mime/mime_charset.h"
#include <string.h>

bool mime_body_known(struct span e)
{
	return !e.n || span_ieqz(e, "7bit") || span_ieqz(e, "8bit") || span_ieqz(e, "binary") ||
		span_ieqz(e, "base64") || span_ieqz(e, "quoted-printable") || span_ieqz(e, "x-uuencode") ||
		span_ieqz(e, "uuencode");
}

static int base64_digit(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Octets outside the alphabet are skipped (RFC 2045 section 6.8); "=" ends a run, another may follow. */
static struct span lenient_base64(struct arena *a, struct span s, size_t max)
{
	size_t room = s.n / 4 * 3 + 3, n = 0;
	uint32_t acc = 0;
	unsigned bits = 0;
	unsigned char *to;

	if (room > max)
		room = max;
	to = arena_alloc(a, room + 1);
	for (size_t i = 0; i < s.n && n < room; i++) {
		int d = base64_digit((unsigned char)s.p[i]);

		if (s.p[i] == '=')
			bits = 0;
		if (d < 0)
			continue;
		acc = acc << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			to[n++] = (unsigned char)(acc >> bits);
		}
	}
	return SPAN_BYTES(to, n);
}

static int hex(char c)
{
	if (ascii_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "=" [transport-padding] line end: a soft break; its length or 0 */
static size_t soft_break(struct span s)
{
	size_t i = 1;

	while (i < s.n && i < 80 && (s.p[i] == ' ' || s.p[i] == '\t'))
		i++;
	if (i < s.n && s.p[i] == '\r')
		i++;
	if (i < s.n && s.p[i] == '\n')
		return i + 1;
	return i >= s.n ? i : 0;
}

/* quoted-printable of RFC 2045 section 6.7; a "=" that means nothing stays */
static struct span qp_decode(struct arena *a, struct span s, size_t max)
{
	size_t room = s.n < max ? s.n : max, n = 0, i = 0;
	char *to = arena_alloc(a, room + 1);

	while (i < s.n && n < room) {
		size_t soft;

		if (s.p[i] != '=') {
			to[n++] = s.p[i++];
			continue;
		}
		if (i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
			to[n++] = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
			i += 3;
			continue;
		}
		if (i + 3 == s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
			to[n++] = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
			break;
		}
		soft = soft_break(span_from(s, i));
		if (soft)
			i += soft;
		else
			to[n++] = s.p[i++];
	}
	return (struct span){ to, n };
}

static unsigned uu(char c)
{
	return ((unsigned char)c - 32u) & 63u;
}

/* Lines of: length character, groups of four; "begin" and "end" lines frame them. */
static struct span uu_decode(struct arena *a, struct span s, size_t max)
{
	size_t room = s.n < max ? s.n : max, n = 0;
	char *to = arena_alloc(a, room + 4);
	bool on = false;

	while (s.n) {
		struct span line = span_trim(span_cut(&s, '\n'));
		size_t len, i = 1;

		if (span_starts(line, SPAN("begin "))) {
			on = true;
			continue;
		}
		if (!on || !line.n)
			continue;
		if (span_eqz(line, "end"))
			break;
		for (len = uu(line.p[0]); len && i < line.n; i += 4) {
			char c[4] = { ' ', ' ', ' ', ' ' };
			unsigned v;

			for (size_t k = 0; k < 4 && i + k < line.n; k++)
				c[k] = line.p[i + k];
			v = uu(c[0]) << 18 | uu(c[1]) << 12 | uu(c[2]) << 6 | uu(c[3]);
			for (int shift = 16; shift >= 0 && len && n < room; shift -= 8, len--)
				to[n++] = (char)(v >> shift);
			if (n >= room)
				return (struct span){ to, n };
		}
	}
	return (struct span){ to, n };
}

struct span mime_body_decode(struct arena *a, struct span body, struct span encoding, size_t max)
{
	if (span_ieqz(encoding, "base64"))
		return lenient_base64(a, body, max);
	if (span_ieqz(encoding, "quoted-printable"))
		return qp_decode(a, body, max);
	if (span_ieqz(encoding, "x-uuencode") || span_ieqz(encoding, "uuencode"))
		return uu_decode(a, body, max);
	return span_sub(body, 0, max);
}

void mime_qp_encode(struct buf *b, struct span text)
{
	size_t column = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		bool last = i + 1 == text.n || text.p[i + 1] == '\n' || text.p[i + 1] == '\r';
		bool plain = (c > 32 && c < 127 && c != '=') || ((c == ' ' || c == '\t') && !last);

		if (c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n')
			continue;
		if (c == '\n') {
			buf_add(b, SPAN("\r\n"));
			column = 0;
			continue;
		}
		if (column + (plain ? 1 : 3) > 75) {
			buf_add(b, SPAN("=\r\n"));
			column = 0;
		}
		if (plain)
			buf_addc(b, (char)c);
		else
			buf_addf(b, "=%02X", c);
		column += plain ? 1 : 3;
	}
	if (column)
		buf_add(b, SPAN("\r\n"));
}

/* Entities that matter when searching; the others stay as written. */
static size_t entity(struct span s, char *out, size_t *out_n)
{
	static const struct { const char *name, *text; } rows[] = { { "&amp;", "&" }, { "&lt;", "<" },
		{ "&gt;", ">" }, { "&quot;", "\"" }, { "&nbsp;", " " }, { "&auml;", "ä" }, { "&ouml;", "ö" },
		{ "&uuml;", "ü" }, { "&Auml;", "Ä" }, { "&Ouml;", "Ö" }, { "&Uuml;", "Ü" },
		{ "&szlig;", "ß" }, { "&euro;", "€" }, { "&#39;", "'" }, { "&apos;", "'" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!span_starts(s, span_str(rows[i].name)))
			continue;
		*out_n = strlen(rows[i].text);
		memcpy(out, rows[i].text, *out_n);
		return strlen(rows[i].name);
	}
	return 0;
}

/* Where an element whose content is no text ends: past "</name". */
static size_t raw_element_len(struct span s, const char *end)
{
	struct span want = span_str(end);

	for (size_t i = 0; i + want.n <= s.n; i++)
		if (s.p[i] == '<' && span_istarts(span_from(s, i), want))
			return i + want.n;
	return s.n;
}

static struct span html_text(struct arena *a, struct span s)
{
	char *to = arena_alloc(a, s.n + 8);
	size_t n = 0, i = 0, skip, len;

	while (i < s.n) {
		struct span rest = span_from(s, i);
		const char *close;

		if (s.p[i] == '&' && (skip = entity(rest, to + n, &len)) > 0) {
			n += len;
			i += skip;
			continue;
		}
		if (s.p[i] != '<') {
			to[n++] = s.p[i++];
			continue;
		}
		if (span_istarts(rest, SPAN("<script")))
			i += raw_element_len(rest, "</script");
		else if (span_istarts(rest, SPAN("<style")))
			i += raw_element_len(rest, "</style");
		rest = span_from(s, i);
		close = rest.n ? memchr(rest.p, '>', rest.n) : NULL;
		i = close ? (size_t)(close - s.p) + 1 : s.n;
		/* inline markup does not part words, everything else does */
		if (!(rest.n > 2 && rest.p[0] == '<' && strchr("biuaBIUA/", rest.p[1]) && rest.p[1] &&
			    (rest.p[2] == '>' || rest.p[2] == ' ' || rest.p[1] == '/')))
			to[n++] = ' ';
	}
	return (struct span){ to, n };
}

struct span mime_body_text(struct arena *a, struct span message, const struct mime_part *part, size_t max)
{
	struct span body, charset;
	bool html = span_ieqz(part->subtype, "html");

	if (part->kind != MIME_LEAF || !span_ieqz(part->type, "text"))
		return SPAN_NONE;
	body = mime_body_decode(a, span_sub(message, part->body_off, part->body_len), part->encoding, max);
	charset = mime_param_value(a, part->params, part->param_count, "charset");
	body = mime_charset_utf8(a, body, charset, max);
	return html ? html_text(a, body) : body;
}

static void text_collect(struct arena *a, struct span message, const struct mime_part *part, size_t max,
	struct buf *b)
{
	for (; part && b->n < max; part = part->next) {
		struct span text = mime_body_text(a, message, part, max - b->n);

		if (text.n) {
			buf_add(b, span_sub(text, 0, max - b->n));
			buf_addc(b, '\n');
		}
		text_collect(a, message, part->child, max, b);
	}
}

struct span mime_message_text(struct arena *a, struct span message, const struct mime_part *root, size_t max)
{
	SCOPED_BUF b;

	buf_init(&b, max + 1);
	text_collect(a, message, root, max, &b);
	return arena_span(a, buf_span(&b));
}
