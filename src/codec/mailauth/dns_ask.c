#include "codec/mailauth/dns_ask.h"

bool dns_name_ok(struct span name)
{
	size_t label = 0;

	if (!name.n || name.n > DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c == '.' ? label == 0 : c < ' ' || c >= 127 || c == '\\')
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0;
}

bool dns_ask(const struct dns_source *s, struct arena *a, struct span name, enum dns_type type, struct dns_answer *out)
{
	char *lower;

	*out = (struct dns_answer){ .status = DNS_NO_NAME };
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	if (!dns_name_ok(name))
		return true;
	lower = arena_dup(a, name.p, name.n);
	for (size_t i = 0; i < name.n; i++)
		lower[i] = ascii_lower(lower[i]);
	return s->find(s->arg, SPAN_BYTES(lower, name.n), type, out);
}
