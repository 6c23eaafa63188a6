/* sts.h - MTA-STS policies for deliveries (RFC 8461): looked up, fetched, remembered; core keeps them longer.
 *
 * The TXT record is asked for at most every STS_LOOK_SEC a domain, a failed fetch is not tried again before that; workers that
 * want the same domain wait for the one who asks. What is known stays good until its max_age is over, whatever the DNS or
 * the policy host say meanwhile. At most STS_KNOWN_MAX domains; the oldest give way.
 * Ownership: the sts owns its memory, results live in the arena. Thread-safe. Not good for: deciding about a server. */
#pragma once
#include "codec/mailtls/sts.h"
#include "net/resolver.h"
#include "out/client_stream.h"

#define STS_KNOWN_MAX 2000
#define STS_LOOK_SEC 300
#define STS_FETCH_MS 30000             /* RFC 8461 section 3.3 suggests a minute at most */

struct sts;
struct sts_config {
	struct resolver *resolver;
	SSL_CTX *tls;
	uint16_t port;                 /* 443 */
};
struct sts *sts_new(const struct sts_config *c);
void sts_free(struct sts *s);

struct sts_stored {                    /* as core gave it along, or none */
	struct span id, text;
	int64_t until_sec;
};
struct sts_found {
	bool any;                      /* there is a policy, other than `none` */
	struct sts_policy policy;
	struct span text;              /* of it */
	const char *fault;             /* there should be one, but (RFC 8460 section 4.3.2.2); NULL */
	struct span new_id, new_text;  /* fetched by this call: for core to keep; else none */
};
/* domain: A-label. */
void sts_find(struct sts *s, struct arena *a, struct span domain, const struct sts_stored *stored, struct sts_found *out);
/* For refreshing: TXT and policy anew, whatever is known. false: not to be had now. */
bool sts_fetch(const struct sts_config *c, struct arena *a, struct span domain, unsigned timeout_ms, struct span *id_out,
	struct span *text_out);
