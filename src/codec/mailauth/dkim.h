/* dkim.h - DKIM: the signature field, the key record, verifying, and the field to sign.
 *
 * Verifying is pure: answers come from a dns_source. Accepted: rsa-sha256 with 1024 to 8192 bits and an exponent of
 * at most 64 bits, ed25519-sha256; anything else has a defined result and costs nothing. A signature with l= that
 * leaves octets of the body out is DKIM_POLICY, never a pass. At most DKIM_SIGNATURES_MAX are looked at.
 * Signing: the caller has the SHA-256 of dkim_sign_input signed elsewhere (the vault) and puts it behind the field.
 * Results in the arena. Errors: ERR_SYNTAX. Sources: RFC 6376, 8301, 8463, 8601. Not good for: deciding what to do
 * with a mail (dmarc.h). */
#pragma once
#include "codec/mailauth/dkim_canon.h"
#include "codec/mailauth/dns_ask.h"
#include "codec/mailauth/tag_list.h"

#define DKIM_SIGNATURES_MAX 8
#define DKIM_FIELDS_MAX 200            /* names in h= */

enum dkim_algorithm { DKIM_RSA_SHA256 = 1, DKIM_ED25519_SHA256, DKIM_RSA_SHA1 };
enum dkim_result { DKIM_NONE = 0, DKIM_PASS, DKIM_FAIL, DKIM_POLICY, DKIM_NEUTRAL, DKIM_TEMPERROR, DKIM_PERMERROR };

struct dkim_signature {
	enum dkim_algorithm algorithm;
	enum dkim_canon head, body;
	struct span domain, selector, identity_domain;   /* lower case */
	struct span fields;                              /* h=, "a:b:c" */
	struct span signature, body_hash;                /* octets */
	struct span b_text;                              /* as written, for header.b */
	uint64_t limit;                                  /* l=, UINT64_MAX: none */
	uint64_t signed_sec, expires_sec;                /* 0: none */
};
int dkim_signature_parse(struct arena *a, struct span value, struct dkim_signature *out, struct err *e);
/* The two of ARC's (RFC 8617 section 4.1): no v=, i= is the instance; a seal has neither h= nor bh=. */
enum dkim_form { DKIM_FORM, ARC_MESSAGE_FORM, ARC_SEAL_FORM };
int dkim_form_parse(struct arena *a, const struct tag_list *l, enum dkim_form form, struct dkim_signature *out,
	struct err *e);

struct dkim_key {
	enum dkim_algorithm algorithm;
	struct span key;                                 /* octets; empty: revoked */
	bool testing, strict, sha256, email;
};
int dkim_key_parse(struct arena *a, struct span record, struct dkim_key *out, struct err *e);

struct dkim_verdict {
	enum dkim_result result;
	const char *why;                                 /* constant text, none when it passed */
	struct dkim_signature signature;                 /* zero where it could not be read */
	unsigned bits;
};
struct dkim_mail {
	struct span header, body;                        /* header with its blank line */
};
/* All signatures of a mail: 0 with n_out verdicts (may be none), or MAILAUTH_MORE. */
int dkim_verify(struct arena *a, const struct dkim_mail *mail, const struct dns_source *dns, int64_t now_sec,
	struct dkim_verdict *out, size_t *n_out);
/* Only names the keys it will need: nothing is calculated. */
int dkim_ask_keys(struct arena *a, const struct dkim_mail *mail, const struct dns_source *dns);
const char *dkim_result_name(enum dkim_result r);        /* as in Authentication-Results */

/* Pieces ARC shares. The field's own text: without the value of b=. */
void dkim_hash_fields(struct buf *b, struct span header, struct span names, enum dkim_canon canon);
void dkim_own_field(struct buf *b, enum dkim_canon canon, struct span raw);
/* Does the signature over this hash verify? Sets why and bits. */
enum dkim_result dkim_check(const struct dkim_key *k, enum dkim_algorithm algorithm, struct span hash, struct span signature,
	const char **why, unsigned *bits);
/* The key of selector and domain: DKIM_PASS and *out, or what stands in its way; MAILAUTH_MORE in *more. */
enum dkim_result dkim_fetch_key(struct arena *a, const struct dns_source *dns, struct span selector, struct span domain,
	struct dkim_key *out, const char **why, bool *more);

struct dkim_signing {
	enum dkim_algorithm algorithm;
	struct span domain, selector;                    /* A-labels */
	int64_t now_sec;
};
/* The field up to and with "b=", folded, without its value and line end; the hash to be signed for it. */
int dkim_sign_begin(struct arena *a, const struct dkim_mail *mail, const struct dkim_signing *how, struct span *field_out,
	unsigned char hash_out[DKIM_HASH_LEN], struct err *e);
/* The whole field with its line end. */
struct span dkim_sign_end(struct arena *a, struct span field, struct span signature);
