#include "main/tls_files.h"
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "base/secret.h"
#include "base/time.h"

#define PEM_MAX 65536
#define TEN_YEARS_SEC (3650L * 86400)

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool ok = ext && X509_add_ext(x, ext, -1);

	X509_EXTENSION_free(ext);
	return ok;
}

static X509 *certificate_new(EVP_PKEY *key, const char *hostname)
{
	X509 *x = X509_new();
	X509_NAME *name = x ? X509_get_subject_name(x) : NULL;
	uint64_t serial = random_u64() >> 1;
	char san[512];
	bool ok;

	if (!x)
		return NULL;
	snprintf(san, sizeof(san), "DNS:%.200s,DNS:localhost,IP:127.0.0.1,IP:::1", hostname);
	ok = X509_set_version(x, 2) && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial) &&
		X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
		X509_gmtime_adj(X509_getm_notAfter(x), TEN_YEARS_SEC) && X509_set_pubkey(x, key) &&
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)hostname, -1, -1, 0) &&
		X509_set_issuer_name(x, name) && add_extension(x, NID_subject_alt_name, san) &&
		add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
		add_extension(x, NID_ext_key_usage, "serverAuth") && X509_sign(x, key, EVP_sha256());
	if (!ok) {
		X509_free(x);
		return NULL;
	}
	return x;
}

static int write_pem(int dirfd, const char *path, X509 *x, EVP_PKEY *key, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n;
	int r;

	if (x)
		PEM_write_bio_X509(bio, x);
	else
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	n = BIO_get_mem_data(bio, &p);
	r = io_write_file_durable(dirfd, path, (struct span){ p, (size_t)n }, x ? 0644 : 0600, e);
	BIO_free(bio);
	return r;
}

int tls_files_self(int dirfd, const char *hostname, struct err *e)
{
	EVP_PKEY *key;
	X509 *x;
	int r;

	if (faccessat(dirfd, "tls/self.crt", R_OK, 0) == 0)
		return 0;
	mkdirat(dirfd, "tls", 0700);
	key = EVP_EC_gen("P-256");
	x = key ? certificate_new(key, hostname) : NULL;
	if (!x) {
		EVP_PKEY_free(key);
		return err_set(e, ERR_BROKEN, "", "could not make a certificate for %s", hostname);
	}
	r = write_pem(dirfd, "tls/self.key", NULL, key, e);
	if (r == 0)
		r = write_pem(dirfd, "tls/self.crt", x, NULL, e);
	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}

static int read_pem(struct arena *a, int dirfd, const char *path, const char *marker, struct span *out, struct err *e)
{
	SCOPED_BUF b;

	buf_init(&b, PEM_MAX);
	if (io_read_file(dirfd, path, &b, e) < 0)
		return e->code;
	if (span_find(buf_span(&b), span_str(marker)) < 0)
		return err_set(e, ERR_SYNTAX, "Not a PEM file", "%s holds no '%s'", path, marker);
	*out = arena_span(a, buf_span(&b));
	memset(b.p, 0, b.n);
	return 0;
}

int tls_files_read(struct arena *a, int dirfd, const struct settings *s, struct link_cert out[LINK_CERTS_MAX],
	size_t *n_out, struct err *e)
{
	size_t n = s->tls_certificate.n;

	if (n != s->tls_key.n || n > LINK_CERTS_MAX)
		return err_set(e, ERR_SYNTAX, "Certificates and keys do not pair",
			"%zu tls_certificate and %zu tls_key settings", n, s->tls_key.n);
	for (size_t i = 0; i < n; i++)
		if (read_pem(a, dirfd, s->tls_certificate.v[i], "CERTIFICATE", &out[i].chain, e) < 0 ||
			read_pem(a, dirfd, s->tls_key.v[i], "PRIVATE KEY", &out[i].key, e) < 0)
			return e->code;
	if (n == 0) {
		if (read_pem(a, dirfd, "tls/self.crt", "CERTIFICATE", &out[0].chain, e) < 0 ||
			read_pem(a, dirfd, "tls/self.key", "PRIVATE KEY", &out[0].key, e) < 0)
			return e->code;
		n = 1;
	}
	*n_out = n;
	return 0;
}

static bool add_key_hash(struct buf *b, struct span chain)
{
	unsigned char hash[32], *der = NULL;
	BIO *bio = BIO_new_mem_buf(chain.p, (int)chain.n);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	int n = x ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der) : -1;
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; ok && i < sizeof(hash); i++)
		buf_addf(b, "%s%02x", i == 0 && b->n ? " " : "", hash[i]);
	OPENSSL_free(der);
	X509_free(x);
	BIO_free(bio);
	return ok;
}

int tls_files_tlsa(struct arena *a, int dirfd, const struct settings *s, struct span *out, struct err *e)
{
	struct link_cert certs[LINK_CERTS_MAX];
	size_t n;
	SCOPED_BUF b;

	buf_init(&b, LINK_CERTS_MAX * 65);
	if (tls_files_read(a, dirfd, s, certs, &n, e) < 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < n; i++) {
		bool ok = add_key_hash(&b, certs[i].chain);

		secret_wipe((char *)certs[i].key.p, certs[i].key.n);
		if (!ok)
			return err_set(e, ERR_SYNTAX, "Not a PEM file", "certificate %zu is unreadable", i + 1);
	}
	*out = arena_span(a, buf_span(&b));
	return 0;
}
