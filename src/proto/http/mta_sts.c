/* mta_sts.c - the policy of a mail domain at https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461 section 3.2). */
#include "proto/http/http_int.h"
#include "codec/smtp/smtp_address.h"
#include "domain/mail/sts_policy.h"

struct want {
	struct call *c;
	struct span host;
	struct sts_published policy;
};

static int read_policy(struct tx *tx, void *arg, struct err *e)
{
	struct want *w = arg;

	return sts_policy(w->c->house->org, tx, w->c->arena, w->host, &w->policy, e);
}

int http_mta_sts(struct call *c, struct http_request *q, struct err *e)
{
	struct want w = { .c = c };

	if (smtp_domain_ascii(c->arena, span_str(c->house->hostname), &w.host, e) < 0 ||
		store_read(c->house->store, read_policy, &w, e) < 0)
		return e->code;
	http_say(c, q, 200, "text/plain", SPAN_NONE, w.policy.text);
	return 0;
}
