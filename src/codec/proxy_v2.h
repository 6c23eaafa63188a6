/* proxy_v2.h - the PROXY protocol header a load balancer puts in front of a connection, version 2
 * only.
 *
 * proxy_v2 gets all octets received so far and returns 0: more needed; 1: complete, *used octets
 * are the header; ERR_SYNTAX: not a v2 header (v1 text included); ERR_TOOBIG: more than
 * PROXY_V2_MAX. Close then, without a word. LOCAL (health check) and families we do not know give
 * known = false: keep the socket's own addresses. TLVs are skipped, but their lengths must add up.
 * Pure, no allocation. Source: HAProxy proxy-protocol.txt, section 2.2. Not good for: ports open to
 * the world - accept the header only from configured balancers. */
#pragma once
#include "base/err.h"

#define PROXY_V2_MAX 2048

struct proxy_v2 {
	bool local, known;
	char source[46], destination[46]; /* "192.0.2.1", "2001:db8::1" */
	uint16_t source_port, destination_port;
};

int proxy_v2(struct span in, struct proxy_v2 *out, size_t *used);
