/* Strangers' records and policies: what is read can be written and read again, and says the same. */
#include <assert.h>
#include "codec/http/https_url.h"
#include "codec/mailtls/sts.h"
#include "codec/mailtls/tlsa.h"
#include "codec/mailtls/tlsrpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES(data, size), id;
	struct sts_policy p, q;
	struct tlsrpt_record r;
	struct https_url u;
	SCOPED_BUF b;

	buf_init(&b, 4 * STS_POLICY_MAX);
	if (sts_record(&in, 1, &id))
		assert(id.n && id.n <= STS_ID_MAX);
	if (tlsrpt_record(a, &in, 1, &r))
		assert(r.n <= TLSRPT_ADDRESS_MAX && r.n_https <= TLSRPT_ADDRESS_MAX && (r.n || r.n_https));
	if (https_url_parse(in, &u))
		assert(u.port && u.path.p[0] == '/' && span_chr(u.host, '.') > 0 && span_chr(u.path, '\r') < 0);
	if (tlsa_usable(in) && in.n < 1000)
		assert(tlsa_text(&b, in));
	buf_reset(&b);
	if (sts_policy_parse(a, in, &p, NULL) < 0)
		return 0;
	sts_policy_write(&b, &p);
	assert(sts_policy_parse(a, buf_span(&b), &q, NULL) == 0);
	assert(q.mode == p.mode && q.max_age_sec == p.max_age_sec && q.n_mx == p.n_mx);
	for (size_t i = 0; i < p.n_mx; i++)
		assert(span_eq(p.mx[i], q.mx[i]));
	sts_match(&p, SPAN("mx.example.org"));
	return 0;
}
