/* A local part: what is read as SRS can be written again to the same, and stands for something that is not empty. */
#include <assert.h>
#include "codec/smtp/srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES(data, size), local, domain;
	struct srs s, again;
	uint64_t token;

	if (!srs_parse(in, &s))
		return 0;
	assert(srs_parse(srs_local(a, s.kind, s.hash, s.body), &again));
	assert(again.kind == s.kind && span_eq(again.hash, s.hash) && span_eq(again.body, s.body) && span_eq(again.rest, s.rest));
	assert(srs_signed(a, s.kind, s.body).n == s.body.n + 5);
	assert(srs_age(s.day, 20000) < SRS_DAYS);
	srs_hash_equal(s.hash, SPAN("ABCDEFGH"));
	srs_token(s.rest, &token);
	if (s.kind == SRS_LONG)
		return 0;
	srs_origin(a, &s, &local, &domain);
	assert(local.n && domain.n);
	return 0;
}
