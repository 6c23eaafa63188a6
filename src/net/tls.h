/* tls.h - what OpenSSL needs to know once: certificates by name.
 *
 * A tls_server is an immutable, counted set of certificates; reload = build a new one and let go of the
 * old, which lives on until the last handshake that uses it is over. Names come from the certificates'
 * subjectAltName (exact, or "*" as the whole leftmost label, RFC 6125); no match: the first certificate.
 * TLS 1.2 and 1.3, no renegotiation, no compression, stateless session tickets.
 * Errors: ERR_SYNTAX (unreadable PEM), ERR_PARAM (key does not fit), ERR_BROKEN. One thread.
 * Sources: RFC 8446, RFC 6066 (SNI), RFC 9266 (tls-exporter). Not good for: dialling (src/out does that),
 * client certificates, ALPN. */
#pragma once
#include <openssl/ssl.h>
#include "base/err.h"

struct tls_server;

struct tls_cert {
	struct span chain, key; /* PEM: leaf first */
};

/* Loads OpenSSL's algorithms, so that nothing is opened later inside a sandbox. */
int tls_prepare(struct err *e);
struct tls_server *tls_server_new(const struct tls_cert *certs, size_t n, struct err *e);
struct tls_server *tls_server_ref(struct tls_server *t);
void tls_server_unref(struct tls_server *t);
SSL *tls_server_ssl(struct tls_server *t); /* one connection; t must outlive its handshake */

#define TLS_BINDING_LEN 32
/* tls-exporter; false when the connection cannot give one (TLS 1.2 without extended master secret). */
bool tls_binding(SSL *ssl, uint8_t out[TLS_BINDING_LEN]);
/* The content inside a CMS SignedData (RFC 5652, DER), signed with the key of the certificate this connection shows. */
struct buf;
bool tls_cms_sign(SSL *ssl, struct span content, struct buf *out);
