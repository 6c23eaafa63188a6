/* dkim_sign.c - the field of a signature: which fields it covers, the hash to be signed (RFC 6376 section 5). */
#include <openssl/evp.h>
#include <string.h>
#include "codec/base64.h"
#include "codec/mailauth/dkim.h"

#define FIELD_MAX 16384
#define INPUT_MAX (1u << 20)
#define LINE_WIDTH 72

/* Section 5.4.1. From, Subject and the like once more than they are there: nobody can add another. */
static const struct sign_field {
	const char *name;
	bool once_more;
} sign_fields[] = {
	{ "From", true }, { "Sender", false }, { "Reply-To", true }, { "To", true }, { "Cc", true }, { "Subject", true },
	{ "Date", true }, { "Message-ID", true }, { "In-Reply-To", false }, { "References", false },
	{ "MIME-Version", false }, { "Content-Type", true }, { "Content-Transfer-Encoding", false },
	{ "Content-Disposition", false }, { "List-Id", false }, { "List-Unsubscribe", false },
	{ "List-Unsubscribe-Post", false }, { "List-Post", false }, { "Autocrypt", false },
};

static void names(struct buf *b, struct span header)
{
	for (size_t i = 0; i < sizeof(sign_fields) / sizeof(*sign_fields); i++) {
		size_t n = mime_header_count(header, sign_fields[i].name);

		n = n > 8 ? 8 : n;
		for (n += sign_fields[i].once_more; n; n--) {
			if (b->n)
				buf_addc(b, ':');
			buf_addz(b, sign_fields[i].name);
		}
	}
}

static void add_folded(struct buf *b, struct span s, const char *at)
{
	size_t line = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (line >= LINE_WIDTH && (!at || s.p[i - 1] == *at)) {
			buf_addz(b, "\r\n\t");
			line = 0;
		}
		buf_addc(b, s.p[i]);
		line++;
	}
}

int dkim_sign_begin(struct arena *a, const struct dkim_mail *mail, const struct dkim_signing *how, struct span *field_out,
	unsigned char hash_out[DKIM_HASH_LEN], struct err *e)
{
	struct dkim_body body;
	SCOPED_BUF b;
	SCOPED_BUF h;
	SCOPED_BUF in;

	buf_init(&b, FIELD_MAX);
	buf_init(&h, FIELD_MAX);
	buf_init(&in, INPUT_MAX);
	dkim_body_init(&body, DKIM_RELAXED, UINT64_MAX);
	dkim_body_add(&body, mail->body);
	dkim_body_finish(&body, hash_out);
	names(&h, mail->header);
	buf_addf(&b, "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n\td=%.*s; s=%.*s;\r\n\tt=%lld; bh=",
		how->algorithm == DKIM_RSA_SHA256 ? "rsa-sha256" : "ed25519-sha256", SPAN_F(how->domain),
		SPAN_F(how->selector), (long long)how->now_sec);
	base64_encode(&b, SPAN_BYTES(hash_out, DKIM_HASH_LEN), 0);
	buf_addz(&b, ";\r\n\th=");
	add_folded(&b, buf_span(&h), ":");
	buf_addz(&b, ";\r\n\tb=");
	dkim_hash_fields(&in, mail->header, buf_span(&h), DKIM_RELAXED);
	dkim_own_field(&in, DKIM_RELAXED, buf_span(&b));
	if (b.failed || h.failed || in.failed)
		return err_set(e, ERR_TOOBIG, "Header too large", "DKIM: header too large to sign");
	EVP_Digest(in.p, in.n, hash_out, NULL, EVP_sha256(), NULL);
	*field_out = arena_span(a, buf_span(&b));
	return 0;
}

struct span dkim_sign_end(struct arena *a, struct span field, struct span signature)
{
	struct span out;
	SCOPED_BUF b;
	SCOPED_BUF text;

	buf_init(&b, FIELD_MAX);
	buf_init(&text, FIELD_MAX);
	base64_encode(&text, signature, 0);
	buf_add(&b, field);
	add_folded(&b, buf_span(&text), NULL);
	buf_addz(&b, "\r\n");
	out = arena_span(a, buf_span(&b));
	return out;
}
