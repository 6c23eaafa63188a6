#include "net/tls.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/buf.h"

struct site {
	SSL_CTX *ctx;
	char **names; /* lower case; "*.example.org" kept as written */
	size_t n;
};

struct tls_server {
	unsigned refs;
	size_t n;
	struct site *sites;
};

static int tls_err(struct err *e, int code, const char *say, const char *what)
{
	char text[200] = "";
	unsigned long c = ERR_get_error();

	if (c)
		ERR_error_string_n(c, text, sizeof(text));
	ERR_clear_error();
	return err_set(e, code, say, "%s: %s", what, text);
}

static bool name_matches(const char *pattern, const char *name)
{
	const char *dot = strchr(name, '.');

	if (strcasecmp(pattern, name) == 0)
		return true;
	return pattern[0] == '*' && pattern[1] == '.' && dot && dot != name &&
	       strcasecmp(pattern + 1, dot) == 0;
}

static bool site_has(const struct site *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (name_matches(s->names[i], name))
			return true;
	return false;
}

/* The certificate whose names fit replaces the default one; an unknown name is no error. */
static int on_servername(SSL *ssl, int *alert, void *arg)
{
	const struct tls_server *t = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (!name)
		return SSL_TLSEXT_ERR_NOACK;
	for (size_t i = 0; i < t->n; i++)
		if (site_has(&t->sites[i], name)) {
			if (i > 0)
				SSL_set_SSL_CTX(ssl, t->sites[i].ctx);
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_NOACK;
}

static SSL_CTX *server_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_CLEANSE_PLAINTEXT);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_num_tickets(ctx, 1);
	/* forward secrecy and AEAD only; TLS 1.3 suites are all of that kind */
	SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM");
	return ctx;
}

static int load_chain(SSL_CTX *ctx, struct span pem, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x;
	int r = 0;
	bool first = true;

	while (r == 0 && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		int ok = first ? SSL_CTX_use_certificate(ctx, x) : SSL_CTX_add1_chain_cert(ctx, x);

		if (!ok)
			r = tls_err(e, ERR_SYNTAX, "Bad certificate", "certificate chain");
		first = false;
		X509_free(x);
	}
	BIO_free(bio);
	if (r == 0 && first)
		r = tls_err(e, ERR_SYNTAX, "No certificate", "certificate PEM");
	ERR_clear_error(); /* the end of the PEM */
	return r;
}

static int load_key(SSL_CTX *ctx, struct span pem, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	int r = 0;

	BIO_free(bio);
	if (!key)
		return tls_err(e, ERR_SYNTAX, "Bad key", "private key PEM");
	if (!SSL_CTX_use_PrivateKey(ctx, key) || !SSL_CTX_check_private_key(ctx))
		r = tls_err(e, ERR_PARAM, "Key does not fit the certificate", "private key");
	EVP_PKEY_free(key);
	return r;
}

static void load_names(struct site *s)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(SSL_CTX_get0_certificate(s->ctx), NID_subject_alt_name, NULL, NULL);
	int n = names ? sk_GENERAL_NAME_num(names) : 0;

	s->names = calloc((size_t)n + 1, sizeof(*s->names));
	if (!s->names)
		abort();
	for (int i = 0; i < n; i++) {
		GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		unsigned char *text = NULL;
		int len;

		if (g->type != GEN_DNS)
			continue;
		len = ASN1_STRING_to_UTF8(&text, g->d.dNSName);
		if (len > 0 && memchr(text, 0, (size_t)len) == NULL) {
			s->names[s->n] = strndup((char *)text, (size_t)len);
			if (!s->names[s->n++])
				abort();
		}
		OPENSSL_free(text);
	}
	GENERAL_NAMES_free(names);
}

int tls_prepare(struct err *e)
{
	SSL_CTX *ctx;

	if (!OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
		return tls_err(e, ERR_BROKEN, "Internal error", "OpenSSL");
	ctx = server_ctx();
	if (!ctx)
		return tls_err(e, ERR_BROKEN, "Internal error", "SSL_CTX_new");
	SSL_CTX_free(ctx);
	return 0;
}

struct tls_server *tls_server_new(const struct tls_cert *certs, size_t n, struct err *e)
{
	struct tls_server *t;

	if (n == 0) {
		err_set(e, ERR_PARAM, "No certificate", "no certificates");
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (!t || !(t->sites = calloc(n, sizeof(*t->sites))))
		abort();
	t->refs = 1;
	for (size_t i = 0; i < n; i++) {
		struct site *s = &t->sites[t->n];

		s->ctx = server_ctx();
		if (!s->ctx) {
			tls_err(e, ERR_BROKEN, "Internal error", "SSL_CTX_new");
			tls_server_unref(t);
			return NULL;
		}
		t->n++;
		if (load_chain(s->ctx, certs[i].chain, e) < 0 || load_key(s->ctx, certs[i].key, e) < 0) {
			tls_server_unref(t);
			return NULL;
		}
		load_names(s);
	}
	SSL_CTX_set_tlsext_servername_callback(t->sites[0].ctx, on_servername);
	SSL_CTX_set_tlsext_servername_arg(t->sites[0].ctx, t);
	return t;
}

struct tls_server *tls_server_ref(struct tls_server *t)
{
	t->refs++;
	return t;
}

void tls_server_unref(struct tls_server *t)
{
	if (!t || --t->refs)
		return;
	for (size_t i = 0; i < t->n; i++) {
		SSL_CTX_free(t->sites[i].ctx);
		for (size_t k = 0; k < t->sites[i].n; k++)
			free(t->sites[i].names[k]);
		free(t->sites[i].names);
	}
	free(t->sites);
	free(t);
}

SSL *tls_server_ssl(struct tls_server *t)
{
	SSL *ssl = SSL_new(t->sites[0].ctx);

	if (!ssl)
		abort();
	SSL_set_accept_state(ssl);
	return ssl;
}

/* RFC 9266 section 2: label, zero-length context, 32 octets; section 4.2: TLS 1.2 needs the extended
 * master secret. */
bool tls_binding(SSL *ssl, uint8_t out[TLS_BINDING_LEN])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
		return false;
	return SSL_export_keying_material(ssl, out, TLS_BINDING_LEN, label, sizeof(label) - 1,
		       (const unsigned char *)"", 0, 1) == 1;
}
