/* Any texts in a report of ours, and any rua=: what is written can be read and says the same counts; lists are bounded. */
#include <assert.h>
#include "codec/report/dmarc_report.h"
#include "codec/report/dmarc_write.h"
#include "codec/report/mailto.h"

#define RUA_MAX 5

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES(p, n), all = in;
	struct dmarc_result row = { .count = n + 1 };
	struct dmarc_feedback f = { .domain = SPAN("a.example"), .report_id = SPAN("1"), .p = "none", .sp = "none", .np = "none",
		.rows = &row, .n = 1 };
	struct dmarc_rua rua[RUA_MAX];
	struct dmarc_report r;
	SCOPED_BUF b;

	buf_init(&b, 1u << 20);
	f.organisation = span_sub(span_cut(&in, '\n'), 0, 200);
	row.source_ip = span_sub(span_cut(&in, '\n'), 0, 200);
	row.header_from = row.spf_auth.domain = span_sub(span_cut(&in, '\n'), 0, 200);
	row.signatures[0] = (struct dmarc_auth){ row.header_from, span_sub(span_cut(&in, '\n'), 0, 200), SPAN("pass") };
	row.n_signatures = 1;
	assert(dmarc_report_write(&b, &f, NULL) == 0);
	assert(dmarc_report_parse(a, buf_span(&b), &r, NULL) == 0);
	assert(r.n == 1 && r.rows[0].count == n + 1 && span_eqz(r.domain, "a.example"));
	n = dmarc_rua_parse(a, all, rua, RUA_MAX);
	assert(n <= RUA_MAX);
	for (size_t i = 0; i < n; i++)
		assert(span_rchr(rua[i].address, '@') > 0 && span_chr(rua[i].address, '\n') < 0);
	return 0;
}
