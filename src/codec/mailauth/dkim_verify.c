/* dkim_verify.c - RFC 6376 section 6: which fields, which key, does it hold. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include "codec/mailauth/dkim.h"

#define BITS_MIN 1024
#define BITS_MAX 8192
#define EXPONENT_BITS_MAX 64
#define KEY_OCTETS_MAX 1400            /* 8192 bits as SubjectPublicKeyInfo, with room */
#define HEADER_MAX (1u << 20)

static void key_free(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
static void md_free(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}
#define SCOPED_KEY __attribute__((cleanup(key_free))) EVP_PKEY *
#define SCOPED_MD __attribute__((cleanup(md_free))) EVP_MD_CTX *

const char *dkim_result_name(enum dkim_result r)
{
	static const char *const names[] = { "none", "pass", "fail", "policy", "neutral", "temperror", "permerror" };

	return names[r];
}

/* p= is SubjectPublicKeyInfo (erratum 3017, everybody's practice) or RSAPublicKey (the text). */
static EVP_PKEY *rsa_key(struct span octets)
{
	const unsigned char *p = (const unsigned char *)octets.p;
	EVP_PKEY *k = d2i_PUBKEY(NULL, &p, (long)octets.n);

	if (!k) {
		p = (const unsigned char *)octets.p;
		k = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)octets.n);
	}
	if (k && EVP_PKEY_get_base_id(k) != EVP_PKEY_RSA) {
		EVP_PKEY_free(k);
		return NULL;
	}
	return k;
}

static bool exponent_ok(EVP_PKEY *k)
{
	BIGNUM *n = NULL;
	bool ok = EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_RSA_E, &n) == 1 && BN_num_bits(n) <= EXPONENT_BITS_MAX;

	BN_free(n);
	return ok;
}

static enum dkim_result check_rsa(const struct dkim_key *key, struct span hash, struct span signature, const char **why,
	unsigned *bits)
{
	SCOPED_KEY k = key->key.n <= KEY_OCTETS_MAX ? rsa_key(key->key) : NULL;
	EVP_PKEY_CTX *c;
	bool ok;

	if (!k && key->key.n > KEY_OCTETS_MAX)
		return *why = "key too long", DKIM_POLICY;
	if (!k)
		return *why = "unreadable key", DKIM_PERMERROR;
	*bits = (unsigned)EVP_PKEY_get_bits(k);
	if (*bits < BITS_MIN)
		return *why = "key too short", DKIM_POLICY;
	if (*bits > BITS_MAX || !exponent_ok(k))
		return *why = "key too long", DKIM_POLICY;
	c = EVP_PKEY_CTX_new(k, NULL);
	ok = c && EVP_PKEY_verify_init(c) == 1 && EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
		EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 && EVP_PKEY_verify(c, (const unsigned char *)signature.p,
			signature.n, (const unsigned char *)hash.p, hash.n) == 1;
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
	return ok ? DKIM_PASS : (*why = "signature does not verify", DKIM_FAIL);
}

/* RFC 8463 section 3: PureEdDSA over the SHA-256. */
static enum dkim_result check_ed25519(const struct dkim_key *key, struct span hash, struct span signature, const char **why,
	unsigned *bits)
{
	SCOPED_KEY k = key->key.n == 32 ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
		(const unsigned char *)key->key.p, 32) : NULL;
	SCOPED_MD c = EVP_MD_CTX_new();
	bool ok;

	if (!k)
		return *why = "unreadable key", DKIM_PERMERROR;
	*bits = 256;
	ok = c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, k) == 1 && EVP_DigestVerify(c,
		(const unsigned char *)signature.p, signature.n, (const unsigned char *)hash.p, hash.n) == 1;
	ERR_clear_error();
	return ok ? DKIM_PASS : (*why = "signature does not verify", DKIM_FAIL);
}

enum dkim_result dkim_check(const struct dkim_key *k, enum dkim_algorithm algorithm, struct span hash, struct span signature,
	const char **why, unsigned *bits)
{
	if (algorithm != k->algorithm)
		return *why = "key of another kind", DKIM_PERMERROR;
	return algorithm == DKIM_RSA_SHA256 ? check_rsa(k, hash, signature, why, bits) :
		check_ed25519(k, hash, signature, why, bits);
}

/* ---- what is hashed ---- */

/* The fields of h=, each name taking the last field of that name not taken yet (section 5.4.2). */
void dkim_hash_fields(struct buf *b, struct span header, struct span names, enum dkim_canon canon)
{
	struct mime_field *v;
	struct span rest = header, name;
	struct mime_field f;
	size_t n = 0, i = 0;
	SCOPED_ARENA a = arena_new();

	while (mime_header_next(&rest, &f))
		n++;
	v = ARENA_ARRAY(a, struct mime_field, n + 1);
	rest = header;
	while (i < n && mime_header_next(&rest, &v[i]))
		i++;
	while (tag_next(&names, ':', &name))
		for (i = n; i-- > 0;)
			if (v[i].name.n && span_ieq(v[i].name, name)) {
				dkim_field(b, canon, v[i].raw);
				v[i].name = SPAN_NONE;
				break;
			}
}

void dkim_own_field(struct buf *b, enum dkim_canon canon, struct span raw)
{
	struct tag_list l;
	ssize_t colon = span_chr(raw, ':');
	struct span whole = SPAN_NONE;
	SCOPED_BUF cut;
	SCOPED_BUF line;

	buf_init(&cut, HEADER_MAX);
	buf_init(&line, HEADER_MAX);
	while (raw.n && (raw.p[raw.n - 1] == '\n' || raw.p[raw.n - 1] == '\r'))
		raw.n--;
	if (tag_list_parse(span_from(raw, (size_t)(colon + 1)), &l, NULL) == 0)
		for (size_t i = 0; i < l.n; i++)
			if (span_eqz(l.v[i].name, "b"))
				whole = l.v[i].whole;
	if (whole.p) {
		buf_add(&cut, SPAN_BYTES(raw.p, (size_t)(whole.p - raw.p)));
		buf_add(&cut, span_from(raw, (size_t)(whole.p - raw.p) + whole.n));
	}
	dkim_field(&line, canon, buf_span(&cut));
	buf_add(b, span_sub(buf_span(&line), 0, line.n - 2));      /* no line end after the last one */
}

static void hash_head(const struct dkim_signature *s, struct span header, struct span raw,
	unsigned char out[DKIM_HASH_LEN])
{
	SCOPED_BUF b;

	buf_init(&b, HEADER_MAX);
	dkim_hash_fields(&b, header, s->fields, s->head);
	dkim_own_field(&b, s->head, raw);
	EVP_Digest(b.p, b.n, out, NULL, EVP_sha256(), NULL);
}

/* ---- the key ---- */

enum dkim_result dkim_fetch_key(struct arena *a, const struct dns_source *dns, struct span selector, struct span domain,
	struct dkim_key *out, const char **why, bool *more)
{
	struct dns_answer found;

	if (!dns_ask(dns, a, arena_printf(a, "%.*s._domainkey.%.*s", SPAN_F(selector), SPAN_F(domain)), DNS_TXT, &found))
		return *more = true, DKIM_NEUTRAL;
	if (found.status == DNS_FAILED)
		return *why = "key is not to be had now", DKIM_TEMPERROR;
	if (found.status != DNS_FOUND)
		return *why = "no key", DKIM_PERMERROR;
	for (size_t i = 0; i < found.n; i++)
		if (dkim_key_parse(a, found.v[i], out, NULL) == 0) {
			if (!out->key.n)
				return *why = "key is revoked", DKIM_PERMERROR;
			if (!out->sha256 || !out->email)
				return *why = "key is not for this", DKIM_PERMERROR;
			return DKIM_PASS;
		}
	return *why = "unreadable key", DKIM_PERMERROR;
}

/* ---- one signature ---- */

struct bodies {                               /* hashes made already: canonicalization and limit */
	const struct dkim_mail *mail;
	struct body_hash {
		enum dkim_canon canon;
		uint64_t limit, total;
		unsigned char hash[DKIM_HASH_LEN];
	} v[DKIM_SIGNATURES_MAX];
	size_t n;
};

static const struct body_hash *hash_body(struct bodies *b, enum dkim_canon canon, uint64_t limit)
{
	struct body_hash *h;
	struct dkim_body state;

	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].canon == canon && b->v[i].limit == limit)
			return &b->v[i];
	h = &b->v[b->n++];
	h->canon = canon;
	h->limit = limit;
	dkim_body_init(&state, canon, limit);
	dkim_body_add(&state, b->mail->body);
	dkim_body_finish(&state, h->hash);
	h->total = state.total;
	return h;
}

static enum dkim_result cheap_checks(const struct dkim_signature *s, int64_t now_sec, const char **why)
{
	if (s->algorithm == DKIM_RSA_SHA1)
		return *why = "SHA-1 is not accepted", DKIM_PERMERROR;
	if (s->expires_sec && (int64_t)s->expires_sec < now_sec)
		return *why = "signature has expired", DKIM_FAIL;
	return DKIM_PASS;
}

static void verify_one(struct arena *a, struct bodies *b, const struct dns_source *dns, int64_t now_sec,
	const struct mime_field *f, struct dkim_verdict *v, bool *more)
{
	struct dkim_signature *s = &v->signature;
	const struct body_hash *body;
	unsigned char hash[DKIM_HASH_LEN];
	struct dkim_key key;

	v->why = "unreadable signature";
	v->result = dkim_signature_parse(a, f->value, s, NULL) < 0 ? DKIM_PERMERROR : cheap_checks(s, now_sec, &v->why);
	if (v->result != DKIM_PASS)
		return;
	v->result = dkim_fetch_key(a, dns, s->selector, s->domain, &key, &v->why, more);
	if (v->result != DKIM_PASS || *more)
		return;
	if (key.strict && !span_eq(s->identity_domain, s->domain)) {
		v->why = "key is not for subdomains";
		v->result = DKIM_PERMERROR;
		return;
	}
	hash_head(s, b->mail->header, f->raw, hash);
	v->result = dkim_check(&key, s->algorithm, SPAN_BYTES(hash, sizeof(hash)), s->signature, &v->why, &v->bits);
	if (v->result == DKIM_PASS) {
		body = hash_body(b, s->body, s->limit);
		if (!span_eq(SPAN_BYTES(body->hash, DKIM_HASH_LEN), s->body_hash) ||
			(s->limit != UINT64_MAX && s->limit > body->total)) {
			v->why = "body has changed";
			v->result = DKIM_FAIL;
		} else if (s->limit < body->total) {
			v->why = "signature leaves a part of the body out";
			v->result = DKIM_POLICY;
		}
	}
	if (key.testing && v->result != DKIM_PASS)
		v->result = DKIM_NEUTRAL;             /* section 3.6.1, t=y: as if unsigned */
	if (v->result == DKIM_PASS)
		v->why = NULL;
}

int dkim_ask_keys(struct arena *a, const struct dkim_mail *mail, const struct dns_source *dns)
{
	struct span rest = mail->header;
	struct mime_field f;
	bool missing = false;

	for (size_t n = 0; n < DKIM_SIGNATURES_MAX && mime_header_next(&rest, &f);) {
		struct dkim_signature s;
		struct dkim_key key;
		const char *why;

		if (!span_ieqz(f.name, "DKIM-Signature"))
			continue;
		n++;
		if (dkim_signature_parse(a, f.value, &s, NULL) == 0)
			dkim_fetch_key(a, dns, s.selector, s.domain, &key, &why, &missing);
	}
	return missing ? MAILAUTH_MORE : 0;
}

int dkim_verify(struct arena *a, const struct dkim_mail *mail, const struct dns_source *dns, int64_t now_sec,
	struct dkim_verdict *out, size_t *n_out)
{
	struct bodies *b = ARENA_NEW(a, struct bodies);
	struct span rest = mail->header;
	struct mime_field f;
	bool missing = false;

	*n_out = 0;
	b->mail = mail;
	while (*n_out < DKIM_SIGNATURES_MAX && mime_header_next(&rest, &f)) {
		bool more = false;

		if (!span_ieqz(f.name, "DKIM-Signature"))
			continue;
		memset(&out[*n_out], 0, sizeof(*out));
		verify_one(a, b, dns, now_sec, &f, &out[(*n_out)++], &more);
		missing |= more;
	}
	return missing ? MAILAUTH_MORE : 0;
}
