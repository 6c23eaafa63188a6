#include <openssl/cms.h>
#include "base/buf.h"
#include "net/tls.h"

bool tls_cms_sign(SSL *ssl, struct span content, struct buf *out)
{
	X509 *cert = SSL_get_certificate(ssl);
	EVP_PKEY *key = SSL_get_privatekey(ssl);
	STACK_OF(X509) *chain = NULL;
	CMS_ContentInfo *cms = NULL;
	unsigned char *der = NULL;
	BIO *in = BIO_new_mem_buf(content.p, (int)content.n);
	int n;

	if (cert && key && in)
		SSL_get0_chain_certs(ssl, &chain);
	if (cert && key && in)
		cms = CMS_sign(cert, key, chain, in, CMS_BINARY | CMS_NOSMIMECAP);
	n = cms ? i2d_CMS_ContentInfo(cms, &der) : -1;
	if (n > 0)
		buf_add(out, SPAN_BYTES(der, (size_t)n));
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	return n > 0 && !out->failed;
}
