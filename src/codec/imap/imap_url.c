#include "codec/imap/imap_url.h"
#include "base/scan.h"

static int bad(struct err *e)
{
	return err_set(e, ERR_SYNTAX, "Not a URL of a message here", "imap url");
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(struct arena *a, struct span s, struct span *out)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++, n++) {
		p[n] = s.p[i];
		if (s.p[i] == '%') {
			int hi = s.n - i > 2 ? hex(s.p[i + 1]) : -1, lo = s.n - i > 2 ? hex(s.p[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return false;
			p[n] = (char)(hi << 4 | lo);
			i += 2;
		}
		if ((unsigned char)p[n] < 0x20)
			return false;
	}
	*out = (struct span){ p, n };
	return true;
}

/* Cuts s before the first `mark` (any case); what stands behind it goes to *rest. */
static bool split(struct span *s, struct span mark, struct span *rest)
{
	for (size_t i = 0; i + mark.n <= s->n; i++) {
		if (!span_istarts(span_from(*s, i), mark))
			continue;
		*rest = span_from(*s, i + mark.n);
		*s = span_sub(*s, 0, i);
		return true;
	}
	return false;
}

/* PARTIAL = offset ["." length] */
static bool partial(struct span s, struct imap_fetch_item *item)
{
	struct span off = span_cut(&s, '.');
	bool cut = off.p + off.n < s.p;

	item->partial = true;
	item->length = UINT64_MAX;
	return span_num(off, &item->origin, 0, UINT32_MAX) && (!cut || span_num(s, &item->length, 1, UINT32_MAX));
}

int imap_url_parse(struct arena *a, struct span text, struct imap_url *out, struct err *e)
{
	struct span rest, validity, section = SPAN_NONE, octets = SPAN_NONE;
	bool has_octets, has_section;
	uint64_t n;
	int r;

	*out = (struct imap_url){ 0 };
	if (text.n > IMAP_URL_MAX)
		return err_set(e, ERR_TOOBIG, "URL too long", "imap url of %zu bytes", text.n);
	if (span_istarts(text, SPAN(";UID="))) {
		rest = span_from(text, 5);
	} else if (text.n && text.p[0] == '/') {
		text = span_from(text, 1);
		if (!split(&text, SPAN("/;UID="), &rest))
			return bad(e);
		if (split(&text, SPAN(";UIDVALIDITY="), &validity)) {
			if (!span_num(validity, &n, 1, UINT32_MAX))
				return bad(e);
			out->uidvalidity = (uint32_t)n;
		}
		if (!text.n || !decode(a, text, &out->mailbox))
			return bad(e);
	} else {
		return bad(e);
	}
	has_octets = split(&rest, SPAN("/;PARTIAL="), &octets);
	has_section = split(&rest, SPAN("/;SECTION="), &section);
	if (!span_num(rest, &n, 1, UINT32_MAX) || !decode(a, section, &section) || (has_section && !section.n))
		return bad(e);
	out->uid = (uint32_t)n;
	out->section.kind = IMAP_FETCH_SECTION;
	r = imap_section_parse(a, section, &out->section, e);
	if (r < 0)
		return r;
	return has_octets && !partial(octets, &out->section) ? bad(e) : 0;
}
