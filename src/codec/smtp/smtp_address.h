/* smtp_address.h - one mail address: split, compare, and spell for people, DNS and old peers.
 *
 * Input is a path without angle brackets or what a person typed: "postmaster", "ann@example.org",
 * "\"a b\"@example.org", "x@[192.0.2.1]". Results in the arena. Errors: ERR_SYNTAX (no such
 * address), ERR_TOOBIG (local part > 64, domain > 255 octets). Sources: RFC 5321 4.1.2, RFC
 * 6531 3.3, RFC 5890, UTS #46 (ICU uidna, non-transitional, bidi and context rules checked), RFC
 * 5233 (sub-address). Not good for: header addresses with names and comments (codec/mime), deciding
 * who exists. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define SMTP_LOCAL_MAX 64 /* as written, quotes counted */
#define SMTP_DOMAIN_MAX 255

struct smtp_address {
	struct span local;  /* unquoted, as written otherwise; never empty */
	struct span domain; /* as written; none for "postmaster" alone */
	bool literal;	    /* domain is an address literal in [ ] */
	bool utf8;	    /* local or domain has non-ASCII */
};

int smtp_address_split(struct arena *a, struct span text, struct smtp_address *out, struct err *e);
/* The key to compare and look up by: local part folded (Unicode simple case folding) and NFC,
 * domain as lower-case U-label in NFC; quoted again only where it must be. "postmaster" stays
 * without domain. */
int smtp_address_normalise(struct arena *a, struct span text, struct span *out, struct err *e);
/* Local part untouched, domain as A-label: for peers and look-ups. ERR_PARAM when the local part is
 * not ASCII (needs SMTPUTF8). */
int smtp_address_ascii(struct arena *a, struct span text, struct span *out, struct err *e);
/* A whole domain: to lower-case A-label (DNS) or U-label (people, keys). Literals pass unchanged.
 */
int smtp_domain_ascii(struct arena *a, struct span domain, struct span *out, struct err *e);
int smtp_domain_unicode(struct arena *a, struct span domain, struct span *out, struct err *e);
/* "ann+list" -> user "ann", detail "list" (none without "+"; a leading "+" splits nothing). */
void smtp_subaddress(struct span local, struct span *user_out, struct span *detail_out);
/* local@domain with quotes where the local part needs them. */
struct span smtp_address_join(struct arena *a, struct span local, struct span domain);
/* The grammar beneath: takes Mailbox, or "postmaster" (domain none), off the front of *in; both as
 * written. ERR_SYNTAX or ERR_TOOBIG, *in unchanged. */
int smtp_mailbox_scan(struct span *in, struct span *local_out, struct span *domain_out);
/* Domain of EHLO and of mailboxes; UTF-8 labels are let through (smtp_domain_ascii judges them). */
bool smtp_domain_ok(struct span domain);
bool smtp_literal_ok(struct span literal); /* "[192.0.2.1]", "[IPv6:2001:db8::1]" */
