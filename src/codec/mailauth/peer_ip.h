/* peer_ip.h - the address of whoever connects: its network, and its name in lists of bad addresses and in the reverse DNS.
 *
 * Text as in struct peer ("192.0.2.1", "2001:db8::1"); IPv4 mapped into IPv6 is IPv4. Lists (DNSBL): RFC 5782; what counts
 * as listed is an A record in 127.0.0.0/8 except 127.255.255.0/24, by which lists say that the question was refused. A
 * setting of lists is "ZONE[=reject|junk|NUMBER] ...": a number is a weight of 1 to 10; of what the lists that have an
 * address weigh together, DNSBL_JUNK means Junk and DNSBL_REJECT refusal. Pure; results in the arena.
 * Errors: ERR_PARAM. Not good for: asking (dns_ask.h). */
#pragma once
#include "base/err.h"
#include "codec/mailauth/dns_ask.h"

#define PEER_NETWORK_LEN 9             /* family, then 8 octets: /24 of IPv4, /64 of IPv6 */
#define DNSBL_ZONES_MAX 16
#define DNSBL_JUNK 5
#define DNSBL_REJECT 10

bool peer_network(struct span ip, unsigned char out[PEER_NETWORK_LEN]);
/* "1.2.0.192.zone", nibbles for IPv6; none when ip or the whole is no such thing. */
struct span peer_reversed(struct arena *a, struct span ip, struct span zone);
/* Does one of these A or AAAA records hold the address? */
bool peer_is(struct span ip, const struct dns_answer *found);

struct dnsbl_zone {
	struct span name;
	unsigned weight;
};
int dnsbl_parse(struct span setting, struct dnsbl_zone out[DNSBL_ZONES_MAX], size_t *n_out, struct err *e);
bool dnsbl_listed(const struct dns_answer *found);
