/* dmarc.h - DMARC: whose name is in From, what that domain wants done, and is the mail aligned with it.
 *
 * RFC 9989 with the records of RFC 7489: organizational domains are found by the tree walk (at most
 * DMARC_WALK_MAX questions a name), not by a list of suffixes; pct= and unknown tags are ignored. Results in the
 * arena. Nothing here rejects because the DNS has no answer. Not good for: writing reports (codec/report). */
#pragma once
#include "codec/mailauth/dkim.h"
#include "codec/mailauth/spf.h"

#define DMARC_WALK_MAX 8

enum dmarc_policy { DMARC_NONE = 0, DMARC_QUARANTINE, DMARC_REJECT };
struct dmarc_record {
	enum dmarc_policy policy, subdomains, missing;   /* p=, sp=, np= */
	bool strict_dkim, strict_spf, testing;
	char psd;                                        /* 'y', 'n', 'u' */
	struct span rua, ruf;
};
int dmarc_record_parse(struct span text, struct dmarc_record *out, struct err *e);

/* How it went and what the owner of the name wants. */
struct dmarc_verdict {
	enum dkim_result result;      /* DKIM_NONE: no record; PASS, FAIL, TEMPERROR, PERMERROR */
	const char *why;
	struct span from;             /* A-label, lower case; none without a sound From */
	struct span organization;     /* its organizational domain */
	struct span record_domain;    /* where the record was */
	enum dmarc_policy policy;     /* as published for this name */
	enum dmarc_policy disposition; /* of this mail: DMARC_NONE unless it failed; testing is one step milder */
	bool by_dkim, by_spf;         /* aligned and passed */
	bool reported;                /* its owner wants reports (rua=) */
};
/* 0 or MAILAUTH_MORE. */
int dmarc_check(struct arena *a, struct span header, const struct dkim_verdict *dkim, size_t n_dkim,
	const struct spf_verdict *spf, const struct dns_source *dns, struct dmarc_verdict *out);
const char *dmarc_policy_name(enum dmarc_policy p);
/* The organizational domain of any name, in *out; 1 or -1 instead of 0: MAILAUTH_MORE, or a name server had no answer. */
int dmarc_organization(struct arena *a, const struct dns_source *dns, struct span name, struct span *out);
