/* spf.h - may this address send for that domain? The whole of RFC 7208, as a pure function.
 *
 * Bounded: SPF_LOOKUPS_MAX terms that ask the DNS, SPF_VOID_MAX questions without an answer, ten names in mx and ptr,
 * records of SPF_RECORD_MAX octets, names of 253. Results in the arena; nothing here fails.
 * Not good for: what a result means to a mail (dmarc.h). */
#pragma once
#include "codec/mailauth/dns_ask.h"

#define SPF_LOOKUPS_MAX 10
#define SPF_VOID_MAX 2
#define SPF_NAMES_MAX 10
#define SPF_RECORD_MAX 8192

enum spf_result { SPF_NONE = 0, SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_NEUTRAL, SPF_TEMPERROR, SPF_PERMERROR };

struct spf_request {
	struct span ip;               /* "192.0.2.1" or "2001:db8::1"; mapped IPv4 is IPv4 */
	struct span sender;           /* MAIL FROM; empty: postmaster@helo */
	struct span helo;
	struct span receiver;         /* our name, for %{r} */
	int64_t now_sec;              /* for %{t} */
};
struct spf_verdict {
	enum spf_result result;
	const char *why;              /* constant text or NULL */
	struct span domain;           /* the one that was asked about, lower case */
	struct span explanation;      /* after a fail, when the domain has one; ASCII, one line */
};
/* 0, or MAILAUTH_MORE. */
int spf_check(struct arena *a, const struct spf_request *q, const struct dns_source *dns, struct spf_verdict *out);
const char *spf_result_name(enum spf_result r);
