#include "codec/report/mailto.h"
#include "base/scan.h"

#define ADDRESS_LEN_MAX 320
#define SIZE_MAX_KNOWN (1ull << 40)

struct span mailto_address(struct arena *a, struct span uri)
{
	struct span address = uri;
	char *p;
	size_t n = 0;

	if (!span_istarts(uri, SPAN("mailto:")))
		return SPAN_NONE;
	uri = span_from(uri, 7);
	address = span_cut(&uri, '?');
	p = arena_alloc(a, address.n + 1);
	for (size_t i = 0; i < address.n; i++, n++) {
		p[n] = address.p[i];
		if (p[n] == '%') {
			if (!scan_hex(span_sub(address, i + 1, 2), (uint8_t *)&p[n], 1) || address.n < i + 3)
				return SPAN_NONE;
			i += 2;
		}
		if ((unsigned char)p[n] <= ' ' || p[n] == 127)
			return SPAN_NONE;
	}
	return n > ADDRESS_LEN_MAX || span_rchr(SPAN_BYTES(p, n), '@') <= 0 ? SPAN_NONE : SPAN_BYTES(p, n);
}

/* dmarc-uri = URI [ "!" 1*DIGIT [ "k" / "m" / "g" / "t" ] ]; "!" within the URI is written %21 (RFC 7489 section 6.4). */
static bool size_parse(struct span s, uint64_t *out)
{
	static const char units[] = "kmgt";
	unsigned shift = 0;

	for (unsigned i = 0; s.n && i < 4; i++)
		if (ascii_lower(s.p[s.n - 1]) == units[i])
			shift = 10 * (i + 1);
	if (shift)
		s = span_sub(s, 0, s.n - 1);
	if (!span_num(s, out, 0, SIZE_MAX_KNOWN))
		return false;
	*out = *out > UINT64_MAX >> shift ? UINT64_MAX : *out << shift;
	return true;
}

size_t dmarc_rua_parse(struct arena *a, struct span value, struct dmarc_rua *out, size_t max)
{
	size_t n = 0;

	while (value.n && n < max) {
		struct span uri = span_trim(span_cut(&value, ','));
		ssize_t at = span_rchr(uri, '!');
		struct dmarc_rua *r = &out[n];

		r->size_max = UINT64_MAX;
		if (at >= 0 && !size_parse(span_from(uri, (size_t)at + 1), &r->size_max))
			continue;
		r->address = mailto_address(a, at >= 0 ? span_sub(uri, 0, (size_t)at) : uri);
		n += r->address.n > 0;
	}
	return n;
}
