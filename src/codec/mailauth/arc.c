#include "codec/mailauth/arc.h"
#include <openssl/evp.h>
#include <string.h>
#include "base/scan.h"

#define INPUT_MAX (1u << 20)

enum part { RESULTS, MESSAGE, SEAL, PARTS };
static const char *const names[PARTS] = { "ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal" };

struct set {
	struct mime_field f[PARTS];
	bool has[PARTS];
};
struct chain {
	struct arena *a;
	const struct dkim_mail *mail;
	const struct dns_source *dns;
	struct set v[ARC_SETS_MAX + 1];   /* from 1 */
	unsigned n;
	bool more;
	const char *why;
};

/* i= comes first in ARC-Authentication-Results, anywhere in the other two. */
static bool instance(enum part p, struct span value, uint64_t *out)
{
	struct tag_list l;
	struct span s = value;

	if (p == RESULTS) {
		s = span_trim(span_cut(&s, ';'));
		if (!scan_char(&s, 'i'))
			return false;
		s = span_trim(s);
		if (!scan_char(&s, '='))
			return false;
		s = span_trim(s);
	} else if (tag_list_parse(value, &l, NULL) < 0 || !tag_find(&l, "i", &s)) {
		return false;
	}
	return span_num(s, out, 1, ARC_SETS_MAX);
}

/* Each instance has each of the three exactly once, from 1 without a gap. */
static bool collect(struct chain *c)
{
	struct span rest = c->mail->header;
	struct mime_field f;

	while (mime_header_next(&rest, &f))
		for (enum part p = 0; p < PARTS; p++) {
			uint64_t i;

			if (!span_ieqz(f.name, names[p]))
				continue;
			if (!instance(p, f.value, &i) || c->v[i].has[p])
				return false;
			c->v[i].has[p] = true;
			c->v[i].f[p] = f;
			c->n = i > c->n ? (unsigned)i : c->n;
		}
	for (unsigned i = 1; i <= c->n; i++)
		if (!c->v[i].has[RESULTS] || !c->v[i].has[MESSAGE] || !c->v[i].has[SEAL])
			return false;
	return true;
}

static enum dkim_result check(struct chain *c, const struct dkim_signature *s, const struct buf *in)
{
	unsigned char hash[DKIM_HASH_LEN];
	struct dkim_key key;
	unsigned bits;
	bool more = false;
	enum dkim_result r;

	if (s->algorithm == DKIM_RSA_SHA1)
		return c->why = "SHA-1 is not accepted", DKIM_FAIL;
	r = dkim_fetch_key(c->a, c->dns, s->selector, s->domain, &key, &c->why, &more);
	c->more |= more;
	if (more)
		return DKIM_PASS;             /* go on and name all questions at once */
	if (r != DKIM_PASS)
		return r == DKIM_TEMPERROR ? r : DKIM_FAIL;
	EVP_Digest(in->p, in->n, hash, NULL, EVP_sha256(), NULL);
	return dkim_check(&key, s->algorithm, SPAN_BYTES(hash, sizeof(hash)), s->signature, &c->why, &bits) == DKIM_PASS ?
		DKIM_PASS : DKIM_FAIL;
}

static enum dkim_result check_message(struct chain *c, const struct mime_field *f)
{
	struct tag_list *l = ARENA_NEW(c->a, struct tag_list);
	unsigned char hash[DKIM_HASH_LEN];
	struct dkim_signature s;
	struct dkim_body body;
	enum dkim_result r;
	SCOPED_BUF in;

	buf_init(&in, INPUT_MAX);
	if (tag_list_parse(f->value, l, NULL) < 0 || dkim_form_parse(c->a, l, ARC_MESSAGE_FORM, &s, NULL) < 0)
		return c->why = "unreadable message signature", DKIM_FAIL;
	dkim_hash_fields(&in, c->mail->header, s.fields, s.head);
	dkim_own_field(&in, s.head, f->raw);
	r = check(c, &s, &in);
	if (r != DKIM_PASS || c->more)
		return r;
	dkim_body_init(&body, s.body, s.limit);
	dkim_body_add(&body, c->mail->body);
	dkim_body_finish(&body, hash);
	if (!span_eq(SPAN_BYTES(hash, sizeof(hash)), s.body_hash) || s.limit < body.total)
		return c->why = "body has changed", DKIM_FAIL;
	return DKIM_PASS;
}

/* cv= is "none" in the first set and "pass" in all others. */
static bool chain_value_ok(const struct tag_list *l, unsigned i)
{
	struct span cv, h;

	return tag_find(l, "cv", &cv) && span_ieqz(cv, i == 1 ? "none" : "pass") && !tag_find(l, "h", &h);
}

static enum dkim_result check_seal(struct chain *c, unsigned i)
{
	struct tag_list *l = ARENA_NEW(c->a, struct tag_list);
	struct dkim_signature s;
	SCOPED_BUF in;

	buf_init(&in, INPUT_MAX);
	if (tag_list_parse(c->v[i].f[SEAL].value, l, NULL) < 0 || !chain_value_ok(l, i) ||
		dkim_form_parse(c->a, l, ARC_SEAL_FORM, &s, NULL) < 0)
		return c->why = "unreadable seal", DKIM_FAIL;
	for (unsigned k = 1; k <= i; k++)
		for (enum part p = 0; p < PARTS; p++) {
			if (k == i && p == SEAL)
				dkim_own_field(&in, DKIM_RELAXED, c->v[k].f[p].raw);
			else
				dkim_field(&in, DKIM_RELAXED, c->v[k].f[p].raw);
		}
	if (in.failed)
		return c->why = "chain too large", DKIM_FAIL;
	if (i == c->n)
		c->v[0].f[SEAL].value = s.domain;
	return check(c, &s, &in);
}

int arc_verify(struct arena *a, const struct dkim_mail *mail, const struct dns_source *dns, struct arc_verdict *out)
{
	struct chain *c = ARENA_NEW(a, struct chain);

	*out = (struct arc_verdict){ .result = DKIM_NONE };
	c->a = a;
	c->mail = mail;
	c->dns = dns;
	if (!collect(c)) {
		out->result = DKIM_FAIL;
		out->why = "sets are not complete";
		return 0;
	}
	out->sets = c->n;
	if (!c->n)
		return 0;
	out->result = check_message(c, &c->v[c->n].f[MESSAGE]);
	for (unsigned i = c->n; i > 0 && out->result == DKIM_PASS; i--)
		out->result = check_seal(c, i);
	if (c->more && out->result == DKIM_PASS)
		return MAILAUTH_MORE;
	if (out->result != DKIM_PASS) {
		out->why = c->why;
		return 0;
	}
	out->domain = c->v[0].f[SEAL].value;
	out->results = c->v[c->n].f[RESULTS].value;
	span_cut(&out->results, ';');
	out->results = span_trim(out->results);
	return 0;
}
