#include "codec/mime/mime_charset.h"
#include <string.h>
#include <unicode/ucnv.h>

#define CACHE_ROWS 8
#define LABEL_MAX 63

/* ICU opens a converter in microseconds to milliseconds; a mail folder uses the same few all the time. */
struct cached {
	char label[LABEL_MAX + 1];
	UConverter *conv;
	uint64_t used;
};
struct cache {
	struct cached rows[CACHE_ROWS];
	uint64_t clock;
};
static _Thread_local struct cache cache;

bool mime_ascii(struct span text)
{
	unsigned char any = 0;

	for (size_t i = 0; i < text.n; i++)
		any |= (unsigned char)text.p[i];
	return any < 128;
}

/* UTF8-octets of RFC 3629 section 4: no surrogates, no overlong forms, up to U+10FFFF */
bool mime_utf8_valid(struct span text)
{
	size_t i = 0;

	while (i < text.n) {
		unsigned char c = (unsigned char)text.p[i++];
		unsigned more = c < 0x80 ? 0 : c < 0xc2 ? 9 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 9;
		unsigned char second = i < text.n ? (unsigned char)text.p[i] : 0;

		if (more == 9 || more > text.n - i)
			return false;
		if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
			(c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f))
			return false;
		for (; more; more--)
			if (((unsigned char)text.p[i++] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static UConverter *converter(struct span label)
{
	UErrorCode st = U_ZERO_ERROR;
	struct cached *oldest = &cache.rows[0];
	char z[LABEL_MAX + 1];

	if (!label.n || label.n > LABEL_MAX || span_has_nul(label) || span_chr(label, ',') >= 0)
		return NULL;
	for (size_t i = 0; i < label.n; i++)
		z[i] = ascii_lower(label.p[i]);
	z[label.n] = 0;
	cache.clock++;
	for (int i = 0; i < CACHE_ROWS; i++) {
		struct cached *c = &cache.rows[i];

		if (c->conv && strcmp(c->label, z) == 0) {
			c->used = cache.clock;
			ucnv_reset(c->conv);
			return c->conv;
		}
		if (c->used < oldest->used)
			oldest = c;
	}
	UConverter *conv = ucnv_open(z, &st);
	if (U_FAILURE(st) || !conv)
		return NULL;
	if (oldest->conv)
		ucnv_close(oldest->conv);
	memcpy(oldest->label, z, label.n + 1);
	oldest->conv = conv;
	oldest->used = cache.clock;
	return conv;
}

bool mime_charset_known(struct span label)
{
	return span_ieqz(label, "us-ascii") || span_ieqz(label, "utf-8") || converter(label);
}

/* Cuts at a character's border. */
static struct span cut(struct span s, size_t max)
{
	if (s.n <= max)
		return s;
	s.n = max;
	while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
		s.n--;
	return s;
}

static struct span convert(struct arena *a, struct span text, UConverter *conv, size_t max)
{
	UErrorCode st = U_ZERO_ERROR;
	UConverter *utf8;
	size_t room = text.n * 4 + 16;
	char *to, *out;
	const char *in = text.p;
	UChar pivot[512], *ps = pivot, *pt = pivot;

	if (room > max + 4)
		room = max + 4;
	utf8 = ucnv_open("UTF-8", &st);
	if (U_FAILURE(st))
		return SPAN_NONE;
	to = out = arena_alloc(a, room);
	/* a full buffer (U_BUFFER_OVERFLOW_ERROR) is the bound at work */
	ucnv_convertEx(utf8, conv, &out, to + room, &in, text.p + text.n, pivot, &ps, &pt,
		pivot + 512, true, true, &st);
	ucnv_close(utf8);
	struct span s = { to, (size_t)(out - to) };
	if (s.n == room)
		s = cut(s, room > 4 ? room - 4 : 0);
	return cut(s, max);
}

struct span mime_charset_utf8(struct arena *a, struct span text, struct span label, size_t max)
{
	bool utf8_said = !label.n || span_ieqz(label, "utf-8") || span_ieqz(label, "us-ascii") ||
		span_ieqz(label, "utf8");
	UConverter *conv = NULL;

	/* ISO-2022 and UTF-7 are ASCII octets with another meaning: only the others pass here */
	if (!text.n)
		return SPAN("");
	if (utf8_said && (mime_ascii(text) || mime_utf8_valid(text)))
		return cut(text, max);
	if (!utf8_said)
		conv = converter(span_ieqz(label, "iso-8859-1") ? SPAN("windows-1252") : label);
	if (!conv && mime_utf8_valid(text))
		return cut(text, max);
	if (!conv)
		conv = converter(SPAN("windows-1252"));
	return conv ? convert(a, text, conv, max) : SPAN("");
}
