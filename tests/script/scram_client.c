#include "script/scram_client.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>
#include "base/buf.h"
#include "base/scan.h"
#include "codec/base64.h"

static struct span base64(struct arena *a, struct span data)
{
	SCOPED_BUF b;

	buf_init(&b, 4096);
	base64_encode(&b, data, 0);
	return arena_span(a, buf_span(&b));
}

static void hmac(const unsigned char key[32], struct span text, unsigned char out[32])
{
	unsigned n = 32;

	HMAC(EVP_sha256(), key, 32, (const unsigned char *)text.p, text.n, out, &n);
}

static struct span gs2(struct span channel)
{
	return channel.n ? SPAN("p=tls-exporter,,") : SPAN("n,,");
}

struct span scram_client_first(struct arena *a, struct span login, struct span channel)
{
	return arena_printf(a, "%.*sn=%.*s,r=" SCRAM_TEST_NONCE, SPAN_F(gs2(channel)), SPAN_F(login));
}

static struct span attribute(struct span in, char name)
{
	while (in.n) {
		struct span part = span_cut(&in, ',');

		if (part.n > 2 && part.p[0] == name)
			return span_from(part, 2);
	}
	return SPAN_NONE;
}

struct span scram_client_final(struct arena *a, struct span login, struct span password, struct span channel,
	struct span server_first, struct span *server_final_out)
{
	unsigned char salt[256], salted[32], key[32], stored[32], signature[32], proof[32];
	struct span c, bare, message;
	uint64_t iterations = 1;
	size_t salt_len = 0;

	c = base64(a, arena_printf(a, "%.*s%.*s", SPAN_F(gs2(channel)), SPAN_F(channel)));
	bare = arena_printf(a, "c=%.*s,r=%.*s", SPAN_F(c), SPAN_F(attribute(server_first, 'r')));
	message = arena_printf(a, "n=%.*s,r=" SCRAM_TEST_NONCE ",%.*s,%.*s", SPAN_F(login), SPAN_F(server_first),
		SPAN_F(bare));
	base64_decode(attribute(server_first, 's'), salt, sizeof(salt), &salt_len);
	span_num(attribute(server_first, 'i'), &iterations, 1, 1000000);
	PKCS5_PBKDF2_HMAC(password.p, (int)password.n, salt, (int)salt_len, (int)iterations, EVP_sha256(), 32, salted);
	hmac(salted, SPAN("Client Key"), key);
	SHA256(key, 32, stored);
	hmac(stored, message, signature);
	for (size_t i = 0; i < 32; i++)
		proof[i] = key[i] ^ signature[i];
	hmac(salted, SPAN("Server Key"), key);
	hmac(key, message, signature);
	*server_final_out = arena_printf(a, "v=%.*s", SPAN_F(base64(a, SPAN_BYTES(signature, 32))));
	return arena_printf(a, "%.*s,p=%.*s", SPAN_F(bare), SPAN_F(base64(a, SPAN_BYTES(proof, 32))));
}
