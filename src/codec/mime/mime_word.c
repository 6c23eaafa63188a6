#include "codec/mime/mime_word.h"
#include "base/scan.h"
#include "codec/base64.h"
#include "codec/mime/mime_charset.h"
#include "codec/mime/mime_body.h"
#include <string.h>

#define WORD_MAX 4096      /* the RFC says 75; longer ones are common */
#define TEXT_MAX 262144

/* Decoded octets wait here as long as words of one charset follow each other: many senders split a
 * character between two words. */
struct words {
	struct arena *a;
	struct buf out, pending;
	struct span charset;
};

static void flush(struct words *w)
{
	if (w->pending.n)
		buf_add(&w->out, mime_charset_utf8(w->a, arena_span(w->a, buf_span(&w->pending)),
			w->charset, TEXT_MAX));
	buf_reset(&w->pending);
}

static int hex(char c)
{
	if (ascii_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void q_decode(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '=' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
			buf_addc(b, (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2])));
			i += 2;
		} else {
			buf_addc(b, s.p[i] == '_' ? ' ' : s.p[i]);
		}
	}
}

/* encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?=" */
static bool word_take(struct span *in, struct span *charset, char *encoding, struct span *text)
{
	struct span s = *in, enc;
	ssize_t star, end;

	if (!scan_lit(&s, SPAN("=?")) || !scan_until(&s, charset, '?', 64) || !charset->n)
		return false;
	s = span_from(s, 1);
	if (!scan_until(&s, &enc, '?', 1) || enc.n != 1)
		return false;
	*encoding = ascii_upper(enc.p[0]);
	s = span_from(s, 1);
	end = span_find(span_sub(s, 0, WORD_MAX), SPAN("?="));
	if (end < 0 || (*encoding != 'B' && *encoding != 'Q'))
		return false;
	*text = span_sub(s, 0, (size_t)end);
	*in = span_from(s, (size_t)end + 2);
	star = span_chr(*charset, '*');
	if (star >= 0)
		charset->n = (size_t)star;
	return true;
}

static void plain_add(struct words *w, struct span s)
{
	flush(w);
	buf_add(&w->out, mime_charset_utf8(w->a, s, SPAN_NONE, TEXT_MAX));
}

static void word_add(struct words *w, struct span charset, char encoding, struct span text)
{
	if (!span_ieq(charset, w->charset))
		flush(w);
	w->charset = charset;
	if (encoding == 'Q')
		q_decode(&w->pending, text);
	else
		buf_add(&w->pending, mime_body_decode(w->a, text, SPAN("base64"), TEXT_MAX));
}

struct span mime_word_decode(struct arena *a, struct span text)
{
	struct words w = { .a = a };
	struct span in = span_sub(text, 0, TEXT_MAX), charset, word, plain, result;
	bool after_word = false;
	char encoding;

	if (span_find(in, SPAN("=?")) < 0)
		return mime_charset_utf8(a, in, SPAN_NONE, TEXT_MAX);
	buf_init(&w.out, 4 * TEXT_MAX);
	buf_init(&w.pending, TEXT_MAX);
	while (in.n) {
		ssize_t at = span_find(in, SPAN("=?"));
		size_t skip = 0;

		plain = at < 0 ? in : span_sub(in, 0, (size_t)at);
		in = span_from(in, plain.n);
		/* linear white space between two words is not text (RFC 2047 section 6.2) */
		if (in.n && word_take(&in, &charset, &encoding, &word)) {
			if (plain.n && !(after_word && !span_trim(plain).n))
				plain_add(&w, plain);
			word_add(&w, charset, encoding, word);
			after_word = true;
			continue;
		}
		if (in.n)
			skip = 2;
		plain.n += skip;
		in = span_from(in, skip);
		if (plain.n)
			plain_add(&w, plain);
		after_word = false;
	}
	flush(&w);
	result = arena_span(a, buf_span(&w.out));
	buf_fini(&w.out);
	buf_fini(&w.pending);
	return result;
}

static bool special(char c)
{
	return c && strchr("()<>[]:;@\\,.\"", c);
}

static void quoted_add(struct buf *b, struct span s)
{
	buf_addc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, s.p[i]);
	}
	buf_addc(b, '"');
}

void mime_word_encode(struct buf *b, struct span text, bool phrase)
{
	bool plain = span_find(text, SPAN("=?")) < 0, quote = false;

	for (size_t i = 0; i < text.n; i++) {
		if ((unsigned char)text.p[i] < 32 || (unsigned char)text.p[i] > 126)
			plain = false;
		if (special(text.p[i]))
			quote = true;
	}
	if (plain && phrase && quote)
		quoted_add(b, text);
	else if (plain)
		buf_add(b, text);
	for (bool first = true; !plain && text.n; first = false) {
		size_t n = text.n < 45 ? text.n : 45;

		while (n < text.n && n > 41 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
			n--;
		buf_addz(b, first ? "=?utf-8?B?" : " =?utf-8?B?");
		base64_encode(b, span_sub(text, 0, n), 0);
		buf_addz(b, "?=");
		text = span_from(text, n);
	}
}
