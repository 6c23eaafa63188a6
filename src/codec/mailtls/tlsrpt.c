#include "codec/mailtls/tlsrpt.h"
#include "codec/http/https_url.h"
#include "codec/report/mailto.h"

static void uri_add(struct arena *a, struct tlsrpt_record *out, struct span uri)
{
	struct https_url url;
	struct span address;

	if (out->n_https < TLSRPT_ADDRESS_MAX && https_url_parse(uri, &url))
		out->https[out->n_https++] = uri;
	if (out->n == TLSRPT_ADDRESS_MAX)
		return;
	address = mailto_address(a, uri);
	if (address.n)
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
	return out->n || out->n_https;
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
