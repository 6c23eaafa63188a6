#include <arpa/inet.h>
#include <string.h>
#include "base/scan.h"
#include "gate/gate_int.h"

/* PROXY protocol version 2, a binary header: 12 octets signature, version and command, family and
 * protocol, length (2, network order), addresses, TLVs (skipped). */
#define BODY_MAX 520

int proxy_parse(struct span in, struct proxy_head *out, size_t *used)
{
	static const struct span sig = SPAN("\r\n\r\n\0\r\nQUIT\n");
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	const uint8_t *p = (const uint8_t *)in.p;
	size_t n = in.n < sig.n ? in.n : sig.n, len;

	if (n && memcmp(p, sig.p, n) != 0)
		return ERR_SYNTAX;
	if (in.n < PROXY_HEAD)
		return 0;
	len = (size_t)p[14] << 8 | p[15];
	if (p[12] >> 4 != 2 || (p[12] & 15) > 1 || len > BODY_MAX)
		return ERR_SYNTAX;
	if (in.n < PROXY_HEAD + len)
		return 0;
	*used = PROXY_HEAD + len;
	*out = (struct proxy_head){ .local = (p[12] & 15) == 0 };
	if (out->local)
		return 1;
	p += PROXY_HEAD;
	switch (((const uint8_t *)in.p)[13]) {
	case 0x11: /* TCP over IPv4 */
		if (len < 12)
			return ERR_SYNTAX;
		memcpy(out->from, mapped, 12);
		memcpy(out->from + 12, p, 4);
		memcpy(out->to, mapped, 12);
		memcpy(out->to + 12, p + 4, 4);
		p += 8;
		break;
	case 0x21: /* TCP over IPv6 */
		if (len < 36)
			return ERR_SYNTAX;
		memcpy(out->from, p, 16);
		memcpy(out->to, p + 16, 16);
		p += 32;
		break;
	default:
		return ERR_SYNTAX;
	}
	out->from_port = (uint16_t)(p[0] << 8 | p[1]);
	out->to_port = (uint16_t)(p[2] << 8 | p[3]);
	return 1;
}

size_t proxy_length(struct span in)
{
	size_t len = in.n < PROXY_HEAD ? 0 : (size_t)(uint8_t)in.p[14] << 8 | (uint8_t)in.p[15];

	return PROXY_HEAD + (len < BODY_MAX ? len : BODY_MAX);
}

int gate_net_parse(struct span text, struct gate_net *out, struct err *e)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	bool v4 = span_chr(text, ':') < 0;
	struct span bits = text, addr = span_cut(&bits, '/');
	uint64_t prefix = v4 ? 32 : 128;
	char z[46];

	*out = (struct gate_net){ 0 };
	if (addr.n >= sizeof(z) || (bits.p && !span_num(bits, &prefix, 0, prefix)))
		return err_set(e, ERR_SYNTAX, "Bad network", "network %.*s", SPAN_F(text));
	memcpy(z, addr.p, addr.n);
	z[addr.n] = 0;
	if (v4)
		memcpy(out->address, mapped, 12);
	if (inet_pton(v4 ? AF_INET : AF_INET6, z, out->address + (v4 ? 12 : 0)) != 1)
		return err_set(e, ERR_SYNTAX, "Bad network", "network %.*s", SPAN_F(text));
	out->prefix = (unsigned)prefix + (v4 ? 96 : 0);
	return 0;
}

bool gate_net_has(const struct gate_net *net, const uint8_t address[16])
{
	unsigned whole = net->prefix / 8, rest = net->prefix % 8;

	if (memcmp(net->address, address, whole) != 0)
		return false;
	return rest == 0 || ((net->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}
