/* resolver.h - names for those who dial: where the mail of a domain goes, and which addresses a host has.
 *
 * Blocking, thread-safe, bounded by timeout_ms. Three ways to know: the DNS (libunbound, DNSSEC with
 * a root anchor), forwarders, or a fixed table (config->hosts) that replaces the DNS wholly:
 *   MX example.org 10 mx.example.org    NULLMX example.net    A mx.example.org 127.0.0.1 (or IPv6)
 *   CNAME www.example.org example.org   FAIL broken.example   # comment
 *   TXT example.org v=spf1 -all (to the end of the line)   PTR 7.2.0.192.in-addr.arpa mx.example.org
 *   SECURE example.org (answers for it and all below count as signed)
 *   SLOW tar.example (no answer in time)   RR 52 _25._tcp.mx.example.org 03010100... (number of the type, hex)
 * A name in no line does not exist. Names are A-labels. Results in the arena; `why` is constant text.
 * Order: by preference, shuffled within one. A domain without MX but with addresses: itself (implicit).
 * Sources: RFC 5321 section 5.1, RFC 7505, RFC 4035. Not good for: deciding what a failure means to a mail,
 * DANE (the secure flag is kept for it). */
#pragma once
#include <sys/socket.h>
#include "base/arena.h"
#include "base/err.h"

#define RESOLVER_MX_MAX 20
#define RESOLVER_ADDRESS_MAX 20

struct resolver;
struct resolver_config {
	struct span hosts;             /* the table, or none: DNS */
	const char *const *forwarders; /* "192.0.2.1" or "192.0.2.1@5353"; none: /etc/resolv.conf */
	size_t n_forwarders;
	const char *anchor_file;       /* DNSSEC root anchor, usually /usr/share/dns/root.key; NULL or absent: no validation */
	unsigned timeout_ms;           /* one question; 0: 20 s */
};

enum resolve_status {
	RESOLVE_FOUND = 0,
	RESOLVE_NO_NAME,               /* NXDOMAIN */
	RESOLVE_NO_DATA,               /* exists, without such records */
	RESOLVE_NULL_MX,               /* takes no mail, says so */
	RESOLVE_FAILED,                /* SERVFAIL, timeout, bogus: try again later */
};

struct resolver_mx {
	struct span host;              /* lower case, no final dot */
	unsigned preference;
};
struct resolver_mx_list {
	struct resolver_mx v[RESOLVER_MX_MAX];
	size_t n;
	bool implicit, secure;
	const char *why;               /* when nothing was found */
};
struct resolver_address {
	struct sockaddr_storage sa;    /* port 0 */
	socklen_t len;
};
struct resolver_address_list {
	struct resolver_address v[RESOLVER_ADDRESS_MAX];
	size_t n;
	bool secure;                   /* aliases on the way included */
	struct span canonical;         /* when the host is an alias: what it leads to in the end; else none */
	const char *why;
};

/* Any records, as codec/mailauth/dns_ask.h has them: TXT joined, names as text. Aliases are followed. */
#define RESOLVER_RECORDS_MAX 40
struct resolver_records {
	struct span v[RESOLVER_RECORDS_MAX];
	size_t n;
	bool secure;
	uint32_t ttl_sec;
	const char *why;
};

/* Reads every file it needs (resolv.conf, anchor) and starts its thread: call before a sandbox closes.
 * ERR_SYNTAX (table), ERR_BROKEN. */
struct resolver *resolver_new(const struct resolver_config *config, struct err *e);
void resolver_free(struct resolver *r);
enum resolve_status resolver_mx(struct resolver *r, struct arena *a, struct span domain, struct resolver_mx_list *out);
/* IPv4 and IPv6, IPv6 first where there is both. A numeric address answers itself. */
enum resolve_status resolver_addresses(struct resolver *r, struct arena *a, struct span host,
	struct resolver_address_list *out);
/* timeout_ms 0: the resolver's. Status as above, never RESOLVE_NULL_MX. */
enum resolve_status resolver_records(struct resolver *r, struct arena *a, struct span name, unsigned type,
	unsigned timeout_ms, struct resolver_records *out);
/* "192.0.2.1", "2001:db8::1", or an address literal "[192.0.2.1]", "[IPv6:2001:db8::1]". */
bool resolver_numeric(struct span text, struct resolver_address *out);
