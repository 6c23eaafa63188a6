#include "codec/imap/imap_write.h"
#include "codec/imap/imap_char.h"
#include "codec/imap/imap_utf7.h"
#include <string.h>

#define QUOTED_MAX 1024 /* longer strings are literals */
#define NAME_WIRE_MAX (16 * IMAP_NAME_MAX)

enum { HIGH = 1, ESCAPE = 2, BREAK = 4, NUL = 8 }; /* what is in a string */

static const uint8_t kinds[256] = {
	[0] = NUL,
	['\r'] = BREAK,
	['\n'] = BREAK,
	['"'] = ESCAPE,
	['\\'] = ESCAPE,
	[0x80 ... 0xff] = HIGH,
};

/* Every string of every FETCH reply comes through here: one table look-up per byte. */
static unsigned look_at(struct span s)
{
	unsigned seen = 0;

	for (size_t i = 0; i < s.n; i++)
		seen |= kinds[(unsigned char)s.p[i]];
	return seen;
}

void imap_write_quoted(struct buf *b, struct span s)
{
	size_t extra = 2;
	char *to, *from;

	for (size_t i = 0; i < s.n; i++)
		extra += s.p[i] == '"' || s.p[i] == '\\';
	from = to = buf_space(b, s.n + extra);
	if (!to)
		return;
	*to++ = '"';
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '"' || c == '\\')
			*to++ = '\\';
		*to++ = c == '\r' || c == '\n' || !c ? ' ' : c;
	}
	*to++ = '"';
	buf_grow(b, (size_t)(to - from));
}

void imap_write_literal_len(struct buf *b, uint64_t len, bool binary)
{
	buf_add(b, binary ? SPAN("~{") : SPAN("{"));
	buf_addu(b, len);
	buf_add(b, SPAN("}\r\n"));
}

static void put_literal(struct buf *b, struct span s)
{
	char *to;

	imap_write_literal_len(b, s.n, false);
	if (!span_has_nul(s)) {
		buf_add(b, s);
		return;
	}
	to = buf_space(b, s.n);
	for (size_t i = 0; to && i < s.n; i++)
		to[i] = s.p[i] ? s.p[i] : '?';
	if (to)
		buf_grow(b, s.n);
}

void imap_write_string(struct buf *b, struct span s, bool utf8)
{
	unsigned seen = s.n > QUOTED_MAX ? BREAK : look_at(s);
	char *to;

	if (seen & (BREAK | NUL) || (seen & HIGH && !(utf8 && imap_utf8_valid(s)))) {
		put_literal(b, s);
		return;
	}
	if (seen & ESCAPE) {
		imap_write_quoted(b, s);
		return;
	}
	to = buf_space(b, s.n + 2);
	if (!to)
		return;
	to[0] = '"';
	if (s.n)
		memcpy(to + 1, s.p, s.n);
	to[s.n + 1] = '"';
	buf_grow(b, s.n + 2);
}

void imap_write_nstring(struct buf *b, struct span s, bool utf8)
{
	if (s.p)
		imap_write_string(b, s, utf8);
	else
		buf_add(b, SPAN("NIL"));
}

void imap_write_astring(struct buf *b, struct span s, bool utf8)
{
	bool atom = s.n > 0 && s.n <= QUOTED_MAX && !span_ieqz(s, "NIL");

	for (size_t i = 0; atom && i < s.n; i++)
		atom = imap_is_astring(s.p[i]);
	if (atom)
		buf_add(b, s);
	else
		imap_write_string(b, s, utf8);
}

void imap_write_number(struct buf *b, uint64_t n)
{
	buf_addu(b, n);
}

void imap_write_flags(struct buf *b, const struct span *flags, size_t n)
{
	buf_addc(b, '(');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(b, ' ');
		buf_add(b, flags[i]);
	}
	buf_addc(b, ')');
}

void imap_write_mailbox(struct buf *b, struct span name, bool utf8)
{
	SCOPED_BUF wire;

	buf_init(&wire, NAME_WIRE_MAX);
	if (utf8 || imap_utf7_encode(&wire, name, NULL) < 0 || wire.failed)
		imap_write_astring(b, name, utf8);
	else
		imap_write_astring(b, buf_span(&wire), false);
}

void imap_write_text(struct buf *b, struct span s)
{
	char *to = buf_space(b, s.n);

	for (size_t i = 0; to && i < s.n; i++)
		to[i] = (s.p[i] >= 0 && s.p[i] < ' ') || s.p[i] == 0x7f ? ' ' : s.p[i];
	if (to)
		buf_grow(b, s.n);
}

void imap_write_preview(struct buf *b, struct span text, size_t chars, bool utf8)
{
	bool blank = false;
	SCOPED_BUF one;

	buf_init(&one, 4 * chars + 8);
	for (size_t i = 0; i < text.n && !one.failed; i++) {
		unsigned char ch = (unsigned char)text.p[i];

		if (ch <= ' ' || ch == 0x7f) {
			blank = one.n > 0;
			continue;
		}
		if ((ch & 0xc0) != 0x80) { /* a character begins */
			size_t need = blank ? 2 : 1;

			if (chars < need)
				break;
			chars -= need;
			if (blank)
				buf_addc(&one, ' ');
			blank = false;
		}
		buf_addc(&one, (char)ch);
	}
	imap_write_string(b, buf_span(&one), utf8);
}
