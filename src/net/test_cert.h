/* test_cert.h - self-signed P-256 certificates for tests of everything that speaks TLS. Not for production. */
#pragma once
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"

static void test_pem(BIO *bio, struct buf *out)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	buf_add(out, (struct span){ p, (size_t)n });
	BIO_free(bio);
}

/* san: "DNS:a.example,DNS:*.b.example" */
static inline void test_cert(const char *san, struct buf *chain, struct buf *key)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
	BIO *a = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());

	if (!pkey || !ext)
		abort();
	buf_init(chain, 16384);
	buf_init(key, 16384);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, pkey);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)san, -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_add_ext(x, ext, -1);
	if (!X509_sign(x, pkey, EVP_sha256()))
		abort();
	PEM_write_bio_X509(a, x);
	PEM_write_bio_PrivateKey(b, pkey, NULL, NULL, 0, NULL, NULL);
	test_pem(a, chain);
	test_pem(b, key);
	X509_EXTENSION_free(ext);
	X509_free(x);
	EVP_PKEY_free(pkey);
}
