/* First line: an address; second: a setting of lists; the rest: octets of an answer. Names that come out can be asked. */
#include <assert.h>
#include "codec/mailauth/peer_ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES((const char *)p, n), ip = span_cut(&in, '\n'), setting = span_cut(&in, '\n'), name;
	struct dnsbl_zone zones[DNSBL_ZONES_MAX];
	struct dns_answer found = { .status = DNS_FOUND, .v = &in, .n = 1 };
	unsigned char net[PEER_NETWORK_LEN];
	size_t count = 0;
	bool known = peer_network(ip, net);

	assert(net[0] == (known ? net[0] : 0) && (!known || net[0] == 4 || net[0] == 6));
	if (dnsbl_parse(setting, zones, &count, NULL) < 0)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		assert(zones[i].weight >= 1 && zones[i].weight <= DNSBL_REJECT);
		name = peer_reversed(a, ip, zones[i].name);
		assert(!name.n || (known && dns_name_ok(name) && span_ends(name, zones[i].name)));
	}
	(void)dnsbl_listed(&found);
	(void)peer_is(ip, &found);
	return 0;
}
