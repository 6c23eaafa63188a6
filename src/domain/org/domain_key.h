/* domain_key.h - the keys that sign a domain's mail (DKIM): an RSA-2048 and an Ed25519 one side by side, in turns.
 *
 * The private half is bytes sealed by the vault; only the vault can use it. A turn signs from from_sec until to_sec;
 * its public half is in the DNS before that and stays until gone_sec, so that mail under way can still be verified.
 * Rotating makes the next turn: it signs after DOMAIN_KEY_LEAD_SEC (the time to publish it), or at once. Times are real seconds.
 * Errors: ERR_MISSING (not our domain), ERR_EXISTS (a next turn waits already), ERR_LATER.
 * Source: RFC 6376 section 3.1, 6.1.2. Not good for: what is in the DNS (proto/control asks). */
#pragma once
#include "domain/org/org.h"

#define DOMAIN_KEY_LEAD_SEC (3 * 86400)
#define DOMAIN_KEY_STAY_SEC (14 * 86400)
#define DOMAIN_KEY_FOREVER INT64_MAX

struct domain_key {
	uint64_t id;
	unsigned kind;                    /* VAULT_DKIM_* */
	int64_t from_sec, to_sec, gone_sec;
	struct span selector, public_half, secret;
};
/* All of a domain that are not gone, oldest first; gone ones are deleted by domain_key_rotate. */
int domain_key_list(struct org *o, struct tx *tx, struct arena *a, struct span domain, int64_t now_sec,
	struct domain_key **out, size_t *n_out, struct err *e);
/* The next turn, or the first: made in the vault, outside any transaction. */
int domain_key_rotate(struct org *o, struct arena *a, struct span domain, bool at_once, int64_t now_sec, struct err *e);
/* The text of the TXT record. */
struct span domain_key_record(struct arena *a, const struct domain_key *k);
static inline bool domain_key_signs(const struct domain_key *k, int64_t now_sec)
{
	return k->from_sec <= now_sec && now_sec < k->to_sec;
}
static inline bool domain_key_waits(const struct domain_key *k, int64_t now_sec)
{
	return k->from_sec > now_sec && k->from_sec < k->to_sec;   /* else a turn that was skipped */
}
