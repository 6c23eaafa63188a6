#include "codec/mime/mime_parse.h"
#include "base/buf.h"
#include "base/scan.h"
#include "codec/mime/mime_charset.h"
#include <string.h>

#define PIECES_MAX 64
#define VALUE_MAX 65536

/* regular-parameter  := regular-parameter-name "=" value
 * extended-parameter := attribute "*" [ initial-section / other-sections ] ["*"] "=" extended-value
 * (RFC 2231 section 7). Bounded: PIECES_MAX sections, each seen once. */
struct pieces {
	struct span text[PIECES_MAX];
	bool coded[PIECES_MAX], has[PIECES_MAX];
};

static void piece_put(struct pieces *p, const struct mime_param *row, struct span tail)
{
	uint64_t n = 0;
	bool coded = false;

	if (tail.n && tail.p[tail.n - 1] == '*') {
		coded = true;
		tail.n--;
	}
	if (tail.n && (tail.p[0] != '*' || !span_num(span_from(tail, 1), &n, 0, PIECES_MAX - 1)))
		return;
	if (p->has[n])
		return;
	p->has[n] = true;
	p->coded[n] = coded;
	p->text[n] = row->value;
}

static int hex(char c)
{
	if (ascii_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void percent_decode(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
			buf_addc(b, (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2])));
			i += 2;
		} else if (s.p[i] == '%' && i + 3 == s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
			buf_addc(b, (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2])));
			return;
		} else {
			buf_addc(b, s.p[i]);
		}
	}
}

static struct span pieces_join(struct arena *a, struct pieces *p)
{
	struct span charset = SPAN_NONE, text = p->text[0];
	SCOPED_BUF b;

	buf_init(&b, VALUE_MAX);
	if (p->coded[0] && span_chr(text, '\'') >= 0) {
		struct span rest = text;

		charset = span_cut(&rest, '\'');
		if (span_chr(rest, '\'') >= 0)
			(void)span_cut(&rest, '\'');
		p->text[0] = rest;
	}
	for (int i = 0; i < PIECES_MAX && p->has[i] && !b.failed; i++) {
		if (p->coded[i])
			percent_decode(&b, p->text[i]);
		else
			buf_add(&b, p->text[i]);
	}
	return mime_charset_utf8(a, arena_span(a, buf_span(&b)), charset, VALUE_MAX);
}

struct span mime_param_value(struct arena *a, const struct mime_param *params, size_t count, const char *name)
{
	struct pieces p = { 0 };
	struct span want = span_str(name);

	for (size_t i = 0; i < count; i++) {
		struct span tail = span_from(params[i].name, want.n);

		if (!span_istarts(params[i].name, want))
			continue;
		if (!tail.n && !p.has[0])
			return mime_charset_utf8(a, span_sub(params[i].value, 0, VALUE_MAX), SPAN_NONE, VALUE_MAX);
		if (tail.n && tail.p[0] == '*')
			piece_put(&p, &params[i], tail);
	}
	return p.has[0] ? pieces_join(a, &p) : SPAN_NONE;
}
