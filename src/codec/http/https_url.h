/* https_url.h - "https://host[:port]/path?query" as a record in the DNS may name it (RFC 3986, 9110 section 4.2.2).
 *
 * Pure; spans point into the input. Refused: users, addresses instead of names, "@" anywhere, what is no ASCII or has to be written
 * with percent signs, more than HTTPS_URL_MAX octets. A fragment is dropped. Not good for: what people type. */
#pragma once
#include "base/span.h"

#define HTTPS_URL_MAX 512

struct https_url {
	struct span host;              /* with a dot in it */
	uint16_t port;
	struct span path;              /* "/..." with its query; "/" when there is none */
};
bool https_url_parse(struct span url, struct https_url *out);
