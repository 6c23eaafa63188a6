/* spf_int.h - between spf.c (evaluation) and spf_macro.c (macros). Not good for: anybody else. */
#pragma once
#include <netinet/in.h>
#include "base/buf.h"
#include "codec/mailauth/spf.h"

struct spf {
	struct arena *arena;
	const struct spf_request *q;
	const struct dns_source *dns;
	bool v6, more;
	unsigned char ip[16];
	struct span local, sender_domain, helo;
	unsigned lookups, voids;
	const char *why;
};
/* macro-string or, `exp`, explain-string: false when its syntax is wrong. Asks (for %{p}) may set more. */
bool spf_expand(struct spf *s, struct span text, struct span domain, bool exp, struct span *out);
/* A validated name of the client (section 5.5): in `domain` if there is one; none. */
struct span spf_validated(struct spf *s, struct span domain, bool below_only);
/* false: answers are missing. */
bool spf_ask(struct spf *s, struct span name, enum dns_type type, struct dns_answer *out);
