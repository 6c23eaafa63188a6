/* sasl_server.h - one sign-in exchange, whatever protocol carries it: PLAIN, LOGIN, SCRAM-SHA-256(-PLUS).
 *
 * The protocol gives decoded messages and sends the challenges; passwords stay in the caller's struct secret.
 * Errors: ERR_DENIED (wrong), ERR_LIMIT (too many failures), ERR_SYNTAX, ERR_LATER (sealed). After an error or
 * SASL_DONE the exchange is over. Sources: RFC 4422, 4616, 5802, 7677, 9266. Not good for: deciding whether the
 * connection is safe enough to ask (the protocol knows). */
#pragma once
#include "domain/org/auth.h"

enum { SASL_DONE = 0, SASL_MORE = 1 };
struct sasl;

/* NULL: unknown mechanism, or -PLUS without channel binding. binding: tls-exporter octets or none. */
struct sasl *sasl_new(struct span mechanism, struct span binding);
void sasl_free(struct sasl *s);
/* True when the mechanism speaks first, so that an empty challenge asks for its initial response. */
bool sasl_client_first(const struct sasl *s);
/* message none (p NULL): begin without initial response. SASL_MORE: send *challenge_out; SASL_DONE: who. */
int sasl_step(struct sasl *s, struct org *o, struct arena *a, struct span peer, struct span message,
	struct span *challenge_out, struct auth_who *who_out, struct err *e);
