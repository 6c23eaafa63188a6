#include "codec/mailtls/tlsrpt.h"
#include "base/scan.h"

#define ADDRESS_LEN_MAX 320

/* The address of "mailto:" without its header fields; none: not one. */
static struct span unescape(struct arena *a, struct span s)
{
	struct span address = span_cut(&s, '?');
	char *p = arena_alloc(a, address.n + 1);
	size_t n = 0;

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
	return n > ADDRESS_LEN_MAX ? SPAN_NONE : SPAN_BYTES(p, n);
}

static void uri_add(struct arena *a, struct tlsrpt_record *out, struct span uri)
{
	struct span address;

	if (span_istarts(uri, SPAN("https:")))
		out->https = true;
	if (!span_istarts(uri, SPAN("mailto:")) || out->n == TLSRPT_ADDRESS_MAX)
		return;
	address = unescape(a, span_from(uri, 7));
	if (address.n && span_rchr(address, '@') > 0)
		out->mailto[out->n++] = address;
}

static bool read_one(struct arena *a, struct span record, struct tlsrpt_record *out)
{
	*out = (struct tlsrpt_record){ 0 };
	span_cut(&record, ';');
	while (record.n) {
		struct span value = span_trim(span_cut(&record, ';')), key = span_trim(span_cut(&value, '='));

		if (!span_eqz(key, "rua"))
			continue;
		while (value.n)
			uri_add(a, out, span_trim(span_cut(&value, ',')));
	}
	return out->n || out->https;
}

bool tlsrpt_record(struct arena *a, const struct span *txt, size_t n, struct tlsrpt_record *out)
{
	struct span record = SPAN_NONE;
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		struct span rest = txt[i];

		if (!span_eqz(span_trim(span_cut(&rest, ';')), "v=TLSRPTv1"))
			continue;
		record = txt[i];
		found++;
	}
	*out = (struct tlsrpt_record){ 0 };
	return found == 1 && read_one(a, record, out);
}
