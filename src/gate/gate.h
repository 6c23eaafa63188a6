/* gate.h - the process that meets strangers: takes connections, frames and lexes what they say, hands
 * whole commands to core, and streams core's replies, within limits and deadlines.
 *
 * Runs one event loop until the supervisor's link closes or LINK_DRAIN has been obeyed. Everything it
 * needs comes in through the config and the link: listening sockets, certificates (LINK_TLS), connections
 * to core (LINK_BUS). After enter_sandbox it opens no file and no socket.
 * Ownership: the listening descriptors and the link belong to gate_main from the call on; all else in the
 * config must live until it returns. Errors: ERR_BROKEN (start-up failed), ERR_GONE (link lost).
 * Sources: the seam to core is bus/bus.h; verbs that begin with "*" are the gate's own (CMD_INTERNAL).
 * Not good for: outgoing connections. */
#pragma once
#include "base/err.h"
#include "bus/bus.h"

struct gate_limits {
#define LIMIT(name, value, unit, help) uint64_t name;
#include "gate/limits.def"
#undef LIMIT
};
extern const struct gate_limits gate_limits_default;

struct gate_listener {
	int fd;
	uint8_t service; /* enum bus_service */
	bool implicit_tls;
	bool proxy; /* connections begin with a PROXY v2 header, from proxy_nets only */
};

struct gate_net { /* an IPv4 network is kept as ::ffff:a.b.c.d with 96 added to its prefix */
	uint8_t address[16];
	unsigned prefix;
};
/* "10.0.0.0/8", "2001:db8::/32", "127.0.0.1" */
int gate_net_parse(struct span text, struct gate_net *out, struct err *e);

struct gate_config {
	const char *name; /* "gate0": role in logs, BUS_HELLO */
	int link_fd;	  /* SOCK_SEQPACKET, see bus/link.h */
	const struct gate_listener *listeners;
	size_t n_listeners;
	const char *hostname; /* for the gate's own replies */
	const struct gate_limits *limits; /* NULL: defaults */
	const struct gate_net *proxy_nets;
	size_t n_proxy_nets;
	void (*enter_sandbox)(void); /* called once everything is open; may be NULL */
};

int gate_main(const struct gate_config *conf, struct err *e);
