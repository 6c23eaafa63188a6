/* https_get.h - one file from, or one to, a host nobody trusts: HTTPS with a verified certificate, one deadline, little memory.
 *
 * No redirects are followed, no proxies, no cookies; to a GET only status 200 is an answer, to a POST any 2xx. Blocking; any thread.
 * Errors: ERR_GONE (not reached, not an answer, another status or type), ERR_DENIED (certificate), ERR_TOOBIG, ERR_LATER
 * (deadline). Source: RFC 9112, 8461 section 3.3. Not good for: APIs, large files. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "net/resolver.h"
#include "out/client_stream.h"

struct https_request {
	struct span host;              /* A-label */
	uint16_t port;
	const char *path, *type;       /* "/.well-known/…"; "text/plain": of what comes, or of the body that goes */
	struct span body;
	int64_t deadline_us;
};
/* out's maximum bounds the body. */
int https_get(struct resolver *r, SSL_CTX *tls, struct arena *a, const struct https_request *q, struct buf *out, struct err *e);
int https_post(struct resolver *r, SSL_CTX *tls, struct arena *a, const struct https_request *q, struct err *e);
