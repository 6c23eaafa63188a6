#include "codec/http/https_url.h"
#include "base/scan.h"

static bool octets_ok(struct span url)
{
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || span_chr(SPAN("\"<>\\^`{|}@"), url.p[i]) >= 0)
			return false;
	return url.n <= HTTPS_URL_MAX;
}

/* Labels of letters, digits and "-", the last not a number. */
static bool host_ok(struct span host)
{
	struct span label = SPAN_NONE;
	size_t labels = 0;

	for (struct span rest = host; rest.n; labels++) {
		label = span_cut(&rest, '.');
		if (!label.n || label.n > 63 || label.p[0] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!ascii_alpha(label.p[i]) && !ascii_digit(label.p[i]) && label.p[i] != '-')
				return false;
	}
	return labels > 1 && host.n <= 253 && host.p[host.n - 1] != '.' && ascii_alpha(label.p[0]);
}

bool https_url_parse(struct span url, struct https_url *out)
{
	struct span rest = span_from(url, 8), place;
	uint64_t port = 443;
	ssize_t slash, colon;

	if (!octets_ok(url) || !span_istarts(url, SPAN("https://")))
		return false;
	rest = span_cut(&rest, '#');
	slash = span_chr(rest, '/');
	place = slash < 0 ? rest : span_sub(rest, 0, (size_t)slash);
	out->path = slash < 0 ? SPAN("/") : span_from(rest, (size_t)slash);
	colon = span_chr(place, ':');
	if (colon >= 0 && !span_num(span_from(place, (size_t)colon + 1), &port, 1, 65535))
		return false;
	out->host = colon < 0 ? place : span_sub(place, 0, (size_t)colon);
	out->port = (uint16_t)port;
	return host_ok(out->host);
}
