#include "vault/vault_dkim.h"
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#define RSA_BITS 2048
#define PURPOSE "dkim keys"
#define HASH_LEN 32

static void key_free(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
#define SCOPED_KEY __attribute__((cleanup(key_free))) EVP_PKEY *

static int broken(struct err *e, const char *what)
{
	return err_set(e, ERR_BROKEN, "Internal error", "dkim key: %s", what);
}

static struct seal_place place(uint64_t key_id)
{
	return (struct seal_place){ "dkim_key", "secret", key_id };
}

/* As PKCS #8, which knows its own kind. */
static int seal_private(const struct seal_key *own, struct arena *a, uint64_t key_id, EVP_PKEY *k, struct span *out,
	struct err *e)
{
	unsigned char *der = NULL;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(k);
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;

	PKCS8_PRIV_KEY_INFO_free(info);
	if (n <= 0)
		return broken(e, "cannot be encoded");
	*out = seal_column(a, own, place(key_id), SPAN_BYTES(der, n));
	OPENSSL_clear_free(der, (size_t)n);
	return 0;
}

static int public_half(struct arena *a, EVP_PKEY *k, unsigned kind, struct span *out, struct err *e)
{
	unsigned char *der = NULL;
	size_t len = 32;
	int n;

	if (kind == VAULT_DKIM_ED25519) {
		unsigned char *raw = arena_alloc(a, len);

		*out = SPAN_BYTES(raw, len);
		return EVP_PKEY_get_raw_public_key(k, raw, &len) == 1 && len == 32 ? 0 : broken(e, "no public half");
	}
	n = i2d_PUBKEY(k, &der);
	if (n <= 0)
		return broken(e, "no public half");
	*out = arena_span(a, SPAN_BYTES(der, n));
	OPENSSL_free(der);
	return 0;
}

int dkim_key_make(struct keys *keys, struct arena *a, uint64_t key_id, unsigned kind, struct span *sealed_out,
	struct span *public_out, struct err *e)
{
	struct seal_key own;
	SCOPED_KEY k = NULL;
	int r;

	if (kind != VAULT_DKIM_RSA && kind != VAULT_DKIM_ED25519)
		return err_set(e, ERR_PARAM, "No such kind of key", "dkim key of kind %u", kind);
	r = keys_derive(keys, PURPOSE, &own, e);
	if (r < 0)
		return r;
	k = kind == VAULT_DKIM_RSA ? EVP_RSA_gen(RSA_BITS) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	r = !k ? broken(e, "cannot be made") : seal_private(&own, a, key_id, k, sealed_out, e);
	if (r == 0)
		r = public_half(a, k, kind, public_out, e);
	seal_key_wipe(&own);
	return r;
}

static EVP_PKEY *key_open(struct keys *keys, struct arena *a, uint64_t key_id, struct span sealed, struct err *e)
{
	struct seal_key own;
	struct span der;
	const unsigned char *p;
	PKCS8_PRIV_KEY_INFO *info;
	EVP_PKEY *k;
	int r;

	if (keys_derive(keys, PURPOSE, &own, e) < 0)
		return NULL;
	r = unseal_column(a, &own, place(key_id), sealed, &der, e);
	seal_key_wipe(&own);
	if (r < 0)
		return NULL;
	p = (const unsigned char *)der.p;
	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
	k = info ? EVP_PKCS82PKEY(info) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	secret_wipe((char *)der.p, der.n);     /* the arena is only reset, not wiped */
	if (!k)
		broken(e, "cannot be read");
	return k;
}

static bool sign_rsa(EVP_PKEY *k, struct span hash, unsigned char *out, size_t *n)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k, NULL);
	bool ok = c && EVP_PKEY_sign_init(c) == 1 && EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
		EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 &&
		EVP_PKEY_sign(c, out, n, (const unsigned char *)hash.p, hash.n) == 1;

	EVP_PKEY_CTX_free(c);
	return ok;
}

static bool sign_ed25519(EVP_PKEY *k, struct span hash, unsigned char *out, size_t *n)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c && EVP_DigestSignInit(c, NULL, NULL, NULL, k) == 1 &&
		EVP_DigestSign(c, out, n, (const unsigned char *)hash.p, hash.n) == 1;

	EVP_MD_CTX_free(c);
	return ok;
}

int dkim_key_sign(struct keys *keys, struct arena *a, uint64_t key_id, struct span sealed, struct span hash,
	struct span *signature_out, struct err *e)
{
	size_t n = RSA_BITS / 8;
	unsigned char *out = arena_alloc(a, n);
	SCOPED_KEY k = NULL;

	if (hash.n != HASH_LEN)
		return err_set(e, ERR_PARAM, "Internal error", "dkim hash of %zu bytes", hash.n);
	k = key_open(keys, a, key_id, sealed, e);
	if (!k)
		return e ? e->code : ERR_BROKEN;
	if (EVP_PKEY_get_base_id(k) == EVP_PKEY_RSA ? !sign_rsa(k, hash, out, &n) : !sign_ed25519(k, hash, out, &n))
		return broken(e, "does not sign");
	*signature_out = SPAN_BYTES(out, n);
	return 0;
}
