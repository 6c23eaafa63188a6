#include "codec/mailauth/peer_ip.h"
#include <arpa/inet.h>
#include <string.h>
#include "base/scan.h"

struct ip {
	bool v6;
	unsigned char b[16];
};

static bool ip_parse(struct span text, struct ip *out)
{
	static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	char z[INET6_ADDRSTRLEN];

	if (!text.n || text.n >= sizeof(z))
		return false;
	memcpy(z, text.p, text.n);
	z[text.n] = 0;
	out->v6 = false;
	if (inet_pton(AF_INET, z, out->b) == 1)
		return true;
	if (inet_pton(AF_INET6, z, out->b) != 1)
		return false;
	out->v6 = memcmp(out->b, mapped, sizeof(mapped)) != 0;
	if (!out->v6)
		memmove(out->b, out->b + 12, 4);
	return true;
}

bool peer_network(struct span text, unsigned char out[PEER_NETWORK_LEN])
{
	struct ip ip;

	memset(out, 0, PEER_NETWORK_LEN);
	if (!ip_parse(text, &ip))
		return false;
	out[0] = ip.v6 ? 6 : 4;
	memcpy(out + 1, ip.b, ip.v6 ? 8 : 3);
	return true;
}

struct span peer_reversed(struct arena *a, struct span text, struct span zone)
{
	struct span name;
	struct ip ip;
	char v6[64];

	if (!ip_parse(text, &ip))
		return SPAN_NONE;
	for (size_t i = 0; ip.v6 && i < 16; i++) {
		static const char digits[] = "0123456789abcdef";
		char *at = v6 + 4 * (15 - i);

		at[0] = digits[ip.b[i] & 15];
		at[2] = digits[ip.b[i] >> 4];
		at[1] = at[3] = '.';
	}
	name = ip.v6 ? arena_printf(a, "%.*s%.*s", (int)sizeof(v6), v6, SPAN_F(zone)) :
		arena_printf(a, "%u.%u.%u.%u.%.*s", ip.b[3], ip.b[2], ip.b[1], ip.b[0], SPAN_F(zone));
	return dns_name_ok(name) ? name : SPAN_NONE;
}

bool peer_is(struct span text, const struct dns_answer *found)
{
	struct ip ip;

	if (!ip_parse(text, &ip) || found->status != DNS_FOUND)
		return false;
	for (size_t i = 0; i < found->n; i++)
		if (span_eq(found->v[i], SPAN_BYTES((const char *)ip.b, ip.v6 ? 16 : 4)))
			return true;
	return false;
}

/* setting = *WSP [ item *( 1*WSP item ) ] *WSP
 * item = zone [ "=" ( "reject" / "junk" / 1*2DIGIT ) ] */
int dnsbl_parse(struct span setting, struct dnsbl_zone out[DNSBL_ZONES_MAX], size_t *n_out, struct err *e)
{
	*n_out = 0;
	while ((setting = span_trim(setting)).n) {
		struct span item = span_cut(&setting, ' '), name = span_cut(&item, '=');
		uint64_t weight = DNSBL_JUNK;

		if (*n_out == DNSBL_ZONES_MAX)
			return err_set(e, ERR_PARAM, "Too many lists", "more than %d lists", DNSBL_ZONES_MAX);
		if (span_eqz(item, "reject"))
			weight = DNSBL_REJECT;
		else if (item.p && !span_eqz(item, "junk") && !span_num(item, &weight, 1, DNSBL_REJECT))
			return err_set(e, ERR_PARAM, "A list is written ZONE, ZONE=junk, ZONE=reject or ZONE=1 to 10", "list %.*s", SPAN_F(name));
		if (!dns_name_ok(name) || span_chr(name, '.') < 0)
			return err_set(e, ERR_PARAM, "A list is named by its DNS zone", "list %.*s", SPAN_F(name));
		out[(*n_out)++] = (struct dnsbl_zone){ name, (unsigned)weight };
	}
	return 0;
}

bool dnsbl_listed(const struct dns_answer *found)
{
	if (found->status != DNS_FOUND)
		return false;
	for (size_t i = 0; i < found->n; i++) {
		struct span r = found->v[i];

		if (r.n == 4 && r.p[0] == 127 && !span_starts(r, SPAN("\x7f\xff\xff")))
			return true;
	}
	return false;
}
