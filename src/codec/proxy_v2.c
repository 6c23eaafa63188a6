#include "codec/proxy_v2.h"
#include <arpa/inet.h>
#include <string.h>

/* header = %x0D.0A.0D.0A.00.0D.0A.51.55.49.54.0A  ver-cmd  fam  len16  addresses  *tlv
 * ver-cmd = %x20 (LOCAL) / %x21 (PROXY);  fam = %x11 (TCP over IPv4) / %x21 (TCP over IPv6) /
 * others addresses = source destination source-port destination-port;  tlv = type len16 value */

#define HEAD_LEN 16
#define TLV_LEN 3

static size_t get16(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static bool tlvs_ok(const unsigned char *p, size_t n)
{
	while (n >= TLV_LEN) {
		size_t len = get16(p + 1) + TLV_LEN;

		if (len > n)
			return false;
		p += len;
		n -= len;
	}
	return !n;
}

static int addresses(const unsigned char *p, size_t n, int family, struct proxy_v2 *out)
{
	size_t len = family == AF_INET ? 4 : 16;

	if (n < 2 * len + 4 || !tlvs_ok(p + 2 * len + 4, n - 2 * len - 4))
		return ERR_SYNTAX;
	inet_ntop(family, p, out->source, sizeof(out->source));
	inet_ntop(family, p + len, out->destination, sizeof(out->destination));
	out->source_port = (uint16_t)get16(p + 2 * len);
	out->destination_port = (uint16_t)get16(p + 2 * len + 2);
	out->known = true;
	return 0;
}

int proxy_v2(struct span in, struct proxy_v2 *out, size_t *used)
{
	static const unsigned char signature[12] = {
		13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10};
	const unsigned char *p = (const unsigned char *)in.p;
	size_t len;

	*out = (struct proxy_v2){0};
	*used = 0;
	if (in.n && memcmp(p, signature, in.n < sizeof(signature) ? in.n : sizeof(signature)) != 0)
		return ERR_SYNTAX;
	if (in.n > 12 && p[12] != 0x20 && p[12] != 0x21)
		return ERR_SYNTAX;
	if (in.n < HEAD_LEN)
		return 0;
	len = get16(p + 14);
	if (len > PROXY_V2_MAX - HEAD_LEN)
		return ERR_TOOBIG;
	if (in.n < HEAD_LEN + len)
		return 0;
	out->local = p[12] == 0x20;
	if (!out->local && (p[13] == 0x11 || p[13] == 0x21) &&
		addresses(p + HEAD_LEN, len, p[13] == 0x11 ? AF_INET : AF_INET6, out) < 0)
		return ERR_SYNTAX;
	*used = HEAD_LEN + len;
	return 1;
}
