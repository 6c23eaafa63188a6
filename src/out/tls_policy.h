/* tls_policy.h - how much TLS one mail server must show: DANE (RFC 7672), MTA-STS (RFC 8461), REQUIRETLS (RFC 8689), or what
 * it offers.
 *
 * DANE wins where the MX, the addresses and the TLSA records all came signed; of a server that is an alias the records are looked for
 * where it leads to, then at its own name (RFC 7672 section 2.2.2), and it shows itself by the name that has them; without a signed TLSA record the domain's
 * MTA-STS policy decides. A TLSA look-up that fails is no "there is none": that server is not used now. A policy in mode
 * `testing` changes nothing but the report. Ownership: results in the arena.
 * Not good for: smarthosts (their setting decides), address literals. */
#pragma once
#include "bus/out_job.h"
#include "out/smtp_client.h"
#include "out/sts.h"

struct tls_ask {                       /* one job's */
	struct resolver *resolver;
	struct sts *sts;
	const struct out_job *job;
	struct span domain;            /* A-label */
	uint16_t port;
	bool mx_secure;
	bool relaxed;                  /* the mail says "TLS-Required: No": policies are not asked for */
	bool looked;
	struct sts_found found;        /* once looked */
};
struct tls_choice {
	enum out_policy policy;
	struct span text;              /* of the policy */
	const char *fault;             /* known before anybody is dialled; NULL */
	const char *why;               /* not to be dialled now, and why; NULL */
	bool lacks;                    /* why: REQUIRETLS cannot be kept with this server */
	struct span *tlsa;
	size_t n_tlsa;
};
bool tls_relaxed(const struct out_job *job, struct span message);
/* Sets the TLS fields of `to`. */
struct resolver_address_list;
void tls_choose(struct tls_ask *q, struct arena *a, struct span host, const struct resolver_address_list *at, struct tls_choice *out,
	struct smtp_target *to);
