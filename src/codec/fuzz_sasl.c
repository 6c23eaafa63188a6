/* Any octets as every SASL message; base64 that decodes must encode to the very same text. */
#include <assert.h>
#include <stdlib.h>
#include "codec/base64.h"
#include "codec/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	struct span in = SPAN_BYTES(p, n);
	struct sasl_plain plain;
	struct scram_first first;
	struct scram_final final;
	struct err e = ERR_INIT;
	char *octets = arena_alloc(a, n + 1);
	size_t len;

	buf_init(&b, 2 * n + 8);
	if (base64_decode(in, octets, n, &len) == 0) {
		base64_encode(&b, SPAN_BYTES(octets, len), 0);
		assert(span_eq(buf_span(&b), in));
	}
	(void)sasl_plain_parse(in, &plain, &e);
	(void)sasl_login_name(in, &plain.login, &e);
	if (scram_first_parse(a, in, &first, &e) == 0)
		assert(first.login.n && first.gs2_header.n + first.bare.n == n);
	if (scram_final_parse(a, in, &final, &e) == 0)
		assert(final.without_proof.n < n);
	return 0;
}
