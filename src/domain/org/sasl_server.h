/* sasl_server.h - the server's side of one sign-in: PLAIN, LOGIN, SCRAM-SHA-256 and -PLUS, for any protocol.
 *
 * The protocol brings base64 lines in and carries challenges out. Outside transactions (asks the vault). Passwords
 * stay in locked memory. Nobody signs in for somebody else. Errors: ERR_SYNTAX (unreadable), ERR_DENIED (wrong),
 * ERR_LIMIT (too many failures), ERR_LATER (sealed), ERR_PARAM (no such mechanism).
 * Sources: RFC 4422, 4616, 5802, 7677, 9266. Not good for: saying which mechanisms a channel may use. */
#pragma once
#include "base/buf.h"
#include "domain/org/auth.h"

struct sasl_server;

/* peer, channel_binding (none: no -PLUS) must live as long as the exchange. Release with sasl_server_free. */
int sasl_server_new(struct org *o, struct span mechanism, struct span peer, struct span channel_binding,
	struct sasl_server **out, struct err *e);
void sasl_server_free(struct sasl_server *s);    /* NULL is fine */
/* line: base64 as sent; NULL: the client has sent no initial response. 1: say the challenge (base64, appended to
 * out) and come again; 0: signed in, who is filled (login in the arena); <0: the exchange is over. */
int sasl_server_step(struct sasl_server *s, struct arena *a, const struct span *line, struct buf *out,
	struct auth_who *who, struct err *e);
