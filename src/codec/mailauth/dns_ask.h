/* dns_ask.h - how pure code asks the DNS: it names its questions, somebody else fetches the answers.
 *
 * An evaluator (spf.h, dkim.h, dmarc.h) is a function over its input and a source of answers. What the source does
 * not know yet it notes as wanted, and the evaluator says MAILAUTH_MORE; with the answers in hand the caller runs it
 * again from the start. Same answers, same result. Names are text in lower case without a final dot.
 * Records: TXT the strings joined; A 4, AAAA 16 octets; MX 2 octets of preference and the name; PTR, CNAME the name;
 * all else as in the DNS. Ownership: answers live as long as the source. Not good for: asking (net/resolver.h). */
#pragma once
#include "base/arena.h"

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33,
	DNS_TLSA = 52, DNS_CAA = 257,
	DNS_STS_POLICY = 65281 /* for private use: the domain's MTA-STS policy fetched by HTTPS, its id and text */ };
enum dns_status { DNS_FOUND = 0, DNS_NO_NAME, DNS_NO_DATA, DNS_FAILED /* temporary */ };

#define DNS_RECORDS_MAX 40
#define DNS_NAME_MAX 253
struct dns_answer {
	enum dns_status status;
	bool secure;                      /* DNSSEC */
	const struct span *v;
	size_t n;
};
struct dns_source {
	/* false: not known yet, and noted as wanted. */
	bool (*find)(void *arg, struct span name, enum dns_type type, struct dns_answer *out);
	void *arg;
};
#define MAILAUTH_MORE 1               /* answers are missing: run again */

/* As find, with the name in lower case and without its final dot; a name that cannot be asked for does not exist. */
bool dns_ask(const struct dns_source *s, struct arena *a, struct span name, enum dns_type type, struct dns_answer *out);
/* Labels of 1 to 63 octets, DNS_NAME_MAX in all, no controls, no backslash (SPF macros may make blanks). */
bool dns_name_ok(struct span name);
