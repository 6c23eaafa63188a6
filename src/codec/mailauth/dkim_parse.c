/* dkim_parse.c - the tags of a signature (RFC 6376 section 3.5) and of a key record (section 3.6.1). */
#include <string.h>
#include "base/scan.h"
#include "codec/base64.h"
#include "codec/mailauth/dkim.h"

#define OCTETS_MAX 2048

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_SYNTAX, "Unreadable DKIM tags", "%s", what);
}

static bool octets(struct arena *a, struct span text, struct span *out)
{
	struct span s = tag_squeeze(a, text);
	size_t n = 0;
	char *p;

	if (s.n > BASE64_LEN(OCTETS_MAX))
		return false;
	p = arena_alloc(a, s.n + 1);
	if (base64_decode(s, p, s.n, &n) < 0)
		return false;
	*out = SPAN_BYTES(p, n);
	return true;
}

static struct span lower(struct arena *a, struct span s)
{
	char *p = arena_dup(a, s.p, s.n);

	for (size_t i = 0; i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	return SPAN_BYTES(p, s.n);
}

static bool algorithm(struct span s, enum dkim_algorithm *out)
{
	if (span_ieqz(s, "rsa-sha256"))
		*out = DKIM_RSA_SHA256;
	else if (span_ieqz(s, "ed25519-sha256"))
		*out = DKIM_ED25519_SHA256;
	else if (span_ieqz(s, "rsa-sha1"))
		*out = DKIM_RSA_SHA1;
	else
		return false;
	return true;
}

/* sig-c-tag = canonicalization ["/" canonicalization], "simple" or "relaxed" */
static bool canon(struct span s, struct dkim_signature *out)
{
	struct span head = span_trim(span_cut(&s, '/')), body = span_trim(s);

	if (!head.n || (!span_ieqz(head, "simple") && !span_ieqz(head, "relaxed")))
		return !head.n;
	out->head = span_ieqz(head, "relaxed");
	if (body.n && !span_ieqz(body, "simple") && !span_ieqz(body, "relaxed"))
		return false;
	out->body = body.n && span_ieqz(body, "relaxed");
	return true;
}

static bool fields_ok(struct span h)
{
	struct span name;
	bool from = false;
	size_t n = 0;

	while (tag_next(&h, ':', &name)) {
		if (!name.n || ++n > DKIM_FIELDS_MAX)
			return false;
		from |= span_ieqz(name, "From");
	}
	return from;
}

static bool is_below(struct span name, struct span domain)
{
	return span_ieq(name, domain) || (name.n > domain.n && span_ieq(span_from(name, name.n - domain.n), domain) &&
		name.p[name.n - domain.n - 1] == '.');
}

/* i= must be in the domain (section 3.5); none: the domain itself. */
static bool identity(struct arena *a, const struct tag_list *l, struct dkim_signature *out)
{
	struct span i;
	ssize_t at;

	out->identity_domain = out->domain;
	if (!tag_find(l, "i", &i))
		return true;
	i = tag_squeeze(a, i);
	at = span_rchr(i, '@');
	if (at < 0)
		return false;
	out->identity_domain = lower(a, span_from(i, (size_t)at + 1));
	return is_below(out->identity_domain, out->domain);
}

static bool numbers(const struct tag_list *l, struct dkim_signature *out)
{
	struct span s;

	out->limit = UINT64_MAX;
	if (tag_find(l, "l", &s) && !span_num(s, &out->limit, 0, INT64_MAX))
		return false;
	if (tag_find(l, "t", &s) && !span_num(s, &out->signed_sec, 0, INT64_MAX))
		return false;
	if (tag_find(l, "x", &s) && !span_num(s, &out->expires_sec, 1, INT64_MAX))
		return false;
	return !out->expires_sec || out->expires_sec >= out->signed_sec;
}

static bool methods_ok(struct span q)
{
	struct span one;

	while (tag_next(&q, ':', &one))
		if (span_ieqz(one, "dns/txt"))
			return true;
	return false;
}

static int covered(struct arena *a, const struct tag_list *l, struct dkim_signature *out, struct err *e)
{
	struct span s;

	if (!tag_find(l, "bh", &s) || !octets(a, s, &out->body_hash))
		return bad(e, "bh= is not base64");
	if (tag_find(l, "c", &s) && !canon(s, out))
		return bad(e, "unknown canonicalization");
	if (!tag_find(l, "h", &out->fields) || !fields_ok(out->fields))
		return bad(e, "h= is empty, or without From");
	return 0;
}

int dkim_form_parse(struct arena *a, const struct tag_list *l, enum dkim_form form, struct dkim_signature *out,
	struct err *e)
{
	struct span s;

	memset(out, 0, sizeof(*out));
	if (tag_find(l, "d", &s))
		out->domain = out->identity_domain = lower(a, tag_squeeze(a, s));
	if (tag_find(l, "s", &s))
		out->selector = lower(a, tag_squeeze(a, s));
	if (!tag_find(l, "b", &s))
		return bad(e, "no b=");
	out->b_text = tag_squeeze(a, s);
	if (form == DKIM_FORM ? !tag_find(l, "v", &s) || !span_eqz(s, "1") : tag_find(l, "v", &s))
		return bad(e, "v= is not what it should be");
	if (!dns_name_ok(out->domain) || !dns_name_ok(out->selector))
		return bad(e, "d= or s= is no name");
	if (!tag_find(l, "a", &s) || !algorithm(s, &out->algorithm))
		return bad(e, "unknown algorithm");
	if (!octets(a, out->b_text, &out->signature) || !out->signature.n)
		return bad(e, "b= is not base64");
	if (form != ARC_SEAL_FORM && covered(a, l, out, e) < 0)
		return ERR_SYNTAX;
	if (tag_find(l, "q", &s) && !methods_ok(s))
		return bad(e, "unknown way to the key");
	if (form == DKIM_FORM && !identity(a, l, out))
		return bad(e, "i= is not in d=");
	return numbers(l, out) ? 0 : bad(e, "l=, t= or x=");
}

int dkim_signature_parse(struct arena *a, struct span value, struct dkim_signature *out, struct err *e)
{
	struct tag_list *l = ARENA_NEW(a, struct tag_list);

	memset(out, 0, sizeof(*out));
	return tag_list_parse(value, l, e) < 0 ? ERR_SYNTAX : dkim_form_parse(a, l, DKIM_FORM, out, e);
}

/* flag lists of key records: "a:b" */
static bool has(struct span list, const char *word)
{
	struct span one;

	while (tag_next(&list, ':', &one))
		if (span_ieqz(one, word))
			return true;
	return false;
}

int dkim_key_parse(struct arena *a, struct span record, struct dkim_key *out, struct err *e)
{
	struct tag_list *l = ARENA_NEW(a, struct tag_list);
	struct span s;

	*out = (struct dkim_key){ .algorithm = DKIM_RSA_SHA256, .sha256 = true, .email = true };
	if (tag_list_parse(record, l, e) < 0)
		return e ? e->code : ERR_SYNTAX;
	if (tag_find(l, "v", &s) && (!span_eqz(s, "DKIM1") || !span_eqz(l->v[0].name, "v")))
		return bad(e, "v= is not DKIM1, or not the first");
	if (tag_find(l, "k", &s)) {
		if (span_ieqz(s, "ed25519"))
			out->algorithm = DKIM_ED25519_SHA256;
		else if (!span_ieqz(s, "rsa"))
			return bad(e, "unknown kind of key");
	}
	if (tag_find(l, "h", &s))
		out->sha256 = has(s, "sha256");
	if (tag_find(l, "s", &s))
		out->email = has(s, "*") || has(s, "email");
	if (tag_find(l, "t", &s)) {
		out->testing = has(s, "y");
		out->strict = has(s, "s");
	}
	if (!tag_find(l, "p", &s) || !octets(a, s, &out->key))
		return bad(e, "p= is not base64");
	return 0;
}
