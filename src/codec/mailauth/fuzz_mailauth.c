/* First octet: what kind of zone; then an envelope line, DNS records one a line up to an empty one, then a mail. Every
 * question is answered by some of the records: whatever comes, the result is there after bounded work. */
#include <assert.h>
#include "codec/mailauth/mailauth.h"

struct zone {
	struct span v[DNS_RECORDS_MAX];
	size_t n;
	unsigned kind, asked;
};

static bool find(void *arg, struct span name, enum dns_type type, struct dns_answer *out)
{
	struct zone *z = arg;

	assert(dns_name_ok(name));
	z->asked++;
	*out = (struct dns_answer){ .status = DNS_FOUND, .v = z->v, .n = z->n };
	if (type != DNS_TXT && (z->kind & 1))
		out->status = DNS_NO_NAME;
	if (type == DNS_TXT && z->n && (z->kind & 2)) {
		out->v = &z->v[name.n % z->n];
		out->n = 1;
	}
	if (!out->n)
		out->status = DNS_NO_DATA;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES(p + 1, n ? n - 1 : 0), line;
	struct zone z = { .kind = n ? p[0] : 0 };
	struct dns_source dns = { find, &z };
	struct mailauth_request q = { .ip = SPAN("192.0.2.3"), .helo = SPAN("h.example"), .authserv_id = SPAN("mx.example"),
		.now_sec = 1700000000 };
	struct mailauth_verdict v;
	SCOPED_BUF b;
	SCOPED_BUF clean;

	buf_init(&b, 1 << 20);
	buf_init(&clean, 1 << 24);
	q.sender = span_sub(span_cut(&in, '\n'), 0, 320);
	while ((line = span_cut(&in, '\n')).n && z.n < DNS_RECORDS_MAX)
		z.v[z.n++] = line;
	q.mail.header = span_sub(in, 0, mime_header_len(in));
	q.mail.body = span_from(in, q.mail.header.n);
	assert(mailauth_check(a, &q, &dns, &v) == 0);
	assert(z.asked < 1000);
	authres_build(&b, &q, &v);
	assert(!b.failed && mime_header_count(buf_span(&b), "Authentication-Results") == 1);
	assert(span_find(buf_span(&b), SPAN("\n\n")) < 0 && span_find(buf_span(&b), SPAN("\r\n\r\n")) < 0);
	if (mailauth_strip(&clean, q.mail.header, q.authserv_id))
		assert(!mailauth_strip(&b, buf_span(&clean), q.authserv_id));
	return 0;
}
