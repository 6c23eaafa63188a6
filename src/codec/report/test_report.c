#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <zlib.h>
#include "codec/report/dmarc_report.h"
#include "codec/report/dmarc_write.h"
#include "codec/report/mailto.h"
#include "codec/report/report_pack.h"
#include "codec/report/tls_report.h"

#define META "<feedback xmlns='urn:x'><report_metadata><org_name>o</org_name><report_id>r1</report_id><date_range>" \
	"<begin>10</begin><end>20</end></date_range></report_metadata><policy_published><domain>d.example</domain>" \
	"</policy_published>"
#define ROW "<record><row><source_ip>192.0.2.1</source_ip><count>7</count><policy_evaluated><disposition>reject</disposition>" \
	"<dkim>fail</dkim><spf>pass</spf></policy_evaluated></row><identifiers><header_from>d.example</header_from></identifiers></record>"

static void test_dmarc(void **state)
{
	static const char *const bad[] = { "", "<feedback/>", "{}", META "<record><row><count>-1</count></row></record></feedback>",
		"<!DOCTYPE feedback>" META "</feedback>", META };
	SCOPED_ARENA a = arena_new();
	struct dmarc_report r;

	(void)state;
	assert_int_equal(dmarc_report_parse(a, SPAN(META ROW ROW "</feedback>"), &r, NULL), 0);
	assert_true(span_eqz(r.organisation, "o") && span_eqz(r.report_id, "r1") && span_eqz(r.domain, "d.example"));
	assert_true(r.begin_sec == 10 && r.end_sec == 20 && r.n == 2);
	assert_true(span_eqz(r.rows[1].source_ip, "192.0.2.1") && r.rows[1].count == 7 && span_eqz(r.rows[1].dkim, "fail"));
	assert_true(span_eqz(r.rows[1].disposition, "reject") && span_eqz(r.rows[1].header_from, "d.example"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(dmarc_report_parse(a, span_str(bad[i]), &r, NULL), ERR_SYNTAX);
}

static void test_dmarc_rows(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct dmarc_report r;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1u << 20);
	buf_addz(&b, META);
	for (int i = 0; i < DMARC_ROWS_MAX; i++)
		buf_addz(&b, "<record/>");
	buf_addz(&b, "</feedback>");
	assert_int_equal(dmarc_report_parse(a, buf_span(&b), &r, NULL), 0);
	assert_int_equal(r.n, DMARC_ROWS_MAX);
	b.n -= strlen("</feedback>");
	buf_addz(&b, "<record/></feedback>");
	assert_int_equal(dmarc_report_parse(a, buf_span(&b), &r, NULL), ERR_TOOBIG);
}

/* What is written is read again, and strangers' octets stay texts. */
static void test_written(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct dmarc_result rows[] = {
		{ .source_ip = SPAN("192.0.2.1"), .disposition = SPAN("none"), .dkim = true, .reason = SPAN("local_policy"),
			.comment = SPAN("a<b"), .header_from = SPAN("x.d.example"), .envelope_from = SPAN("e.example"),
			.signatures = { { SPAN("d.example"), SPAN("k]]>&1"), SPAN("pass") } }, .n_signatures = 1,
			.spf_auth = { .domain = SPAN("e.example"), .result = SPAN("softfail") }, .count = 123456789012 },
		{ .source_ip = SPAN("2001:db8::1"), .disposition = SPAN("reject"), .spf = true, .header_from = SPAN("\xff\xfe\1</record>"),
			.count = 1 } };
	struct dmarc_feedback f = { .organisation = SPAN("Verb\xc3\xa4nde & <Co>\xef\xbf\xbe"), .email = SPAN("p@v.example"),
		.report_id = SPAN("20833.d.example@mx"), .begin_sec = 10, .end_sec = 20, .domain = SPAN("d.example"), .p = "reject",
		.sp = "quarantine", .np = "none", .strict_spf = true, .rows = rows, .n = 2 };
	struct dmarc_report r;
	SCOPED_BUF b, small;

	(void)state;
	buf_init(&b, 1u << 20);
	assert_int_equal(dmarc_report_write(&b, &f, NULL), 0);
	assert_int_equal(dmarc_report_parse(a, buf_span(&b), &r, NULL), 0);
	assert_true(span_eqz(r.organisation, "Verb?" "?nde & <Co>???") && span_eqz(r.report_id, "20833.d.example@mx"));
	assert_true(span_eqz(r.domain, "d.example") && r.begin_sec == 10 && r.end_sec == 20 && r.n == 2);
	assert_true(span_eqz(r.rows[0].source_ip, "192.0.2.1") && r.rows[0].count == 123456789012);
	assert_true(span_eqz(r.rows[0].disposition, "none") && span_eqz(r.rows[0].dkim, "pass") && span_eqz(r.rows[0].spf, "fail"));
	assert_true(span_eqz(r.rows[0].header_from, "x.d.example") && span_eqz(r.rows[1].header_from, "?" "?" "?</record>"));
	assert_true(span_eqz(r.rows[1].dkim, "fail") && span_eqz(r.rows[1].spf, "pass") && r.rows[1].count == 1);
	assert_true(span_find(buf_span(&b), SPAN("<selector>k]]&gt;&amp;1</selector>\n<result>pass</result>")) > 0);
	assert_true(span_find(buf_span(&b), SPAN("<type>local_policy</type>\n<comment>a&lt;b</comment>")) > 0);
	assert_true(span_find(buf_span(&b), SPAN("<sp>quarantine</sp>\n<np>none</np>\n<adkim>r</adkim>\n<aspf>s</aspf>")) > 0);
	buf_init(&small, 300);
	assert_int_equal(dmarc_report_write(&small, &f, NULL), ERR_TOOBIG);
}

static void test_rua(void **state)
{
	static const struct {
		const char *text, *address;
		uint64_t size;
	} rows[] = { { "mailto:a@b.example", "a@b.example", UINT64_MAX }, { "MAILTO:a%21@b.example!10m", "a!@b.example", 10u << 20 },
		{ " mailto:a@b.example!7 ", "a@b.example", 7 }, { "mailto:a@b.example?subject=x!1K", "a@b.example", 1024 },
		{ "https://b.example/a@c", NULL, 0 }, { "mailto:nobody", NULL, 0 }, { "mailto:a@b.example!x", NULL, 0 },
		{ "mailto:a%0d%0aBcc:x@b.example", NULL, 0 }, { "mailto:a%4", NULL, 0 }, { "", NULL, 0 },
		{ "mailto:a@b.example!1099511627776t", "a@b.example", UINT64_MAX } };
	SCOPED_ARENA a = arena_new();
	struct dmarc_rua out[2];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(dmarc_rua_parse(a, span_str(rows[i].text), out, 2), rows[i].address != NULL);
		assert_true(!rows[i].address || (span_eqz(out[0].address, rows[i].address) && out[0].size_max == rows[i].size));
	}
	assert_int_equal(dmarc_rua_parse(a, SPAN("mailto:a@b,ftp:x,mailto:c@d,mailto:e@f"), out, 2), 2);
	assert_true(span_eqz(out[1].address, "c@d"));
}

static void test_tls(void **state)
{
	static const char *const bad[] = { "", "[]", "{}", "{\"report-id\":\"1\"}", "{\"report-id\":\"1\",\"policies\":{}}", "{\"a\":" };
	SCOPED_ARENA a = arena_new();
	struct tlsrpt_report r;
	SCOPED_BUF deep;

	(void)state;
	assert_int_equal(tls_report_parse(a, SPAN("{\"organization-name\":\"o\",\"report-id\":\"1\",\"policies\":[{\"policy\":{\"policy-type\":"
		"\"sts\",\"policy-domain\":\"d.example\"},\"summary\":{\"total-successful-session-count\":5,\"total-failure-session-count\":-1},"
		"\"failure-details\":[{\"result-type\":\"certificate-expired\",\"receiving-mx-hostname\":7,\"failed-session-count\":3}]}, 1]}"),
		&r, NULL), 0);
	assert_true(r.n == 3 && span_eqz(r.rows[0].domain, "d.example") && r.rows[0].good == 5 && r.rows[0].failed == 0);
	assert_true(span_eqz(r.rows[1].result, "certificate-expired") && r.rows[1].failed == 3 && !r.rows[1].mx.n);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(tls_report_parse(a, span_str(bad[i]), &r, NULL), ERR_SYNTAX);
	buf_init(&deep, 1u << 20);
	buf_fill(&deep, '[', 500000);
	assert_int_equal(tls_report_parse(a, buf_span(&deep), &r, NULL), ERR_SYNTAX);
	buf_reset(&deep);
	buf_addz(&deep, "{\"report-id\":\"1\",\"policies\":[1");
	for (int i = 0; i < TLSRPT_ROWS_MAX; i++)
		buf_addz(&deep, ",1");
	buf_addz(&deep, "]}");
	assert_int_equal(tls_report_parse(a, buf_span(&deep), &r, NULL), ERR_TOOBIG);
}

static void test_tls_size(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct tlsrpt_report r;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, TLS_REPORT_MAX + 1);
	buf_addz(&b, "{\"report-id\":\"1\",\"policies\":[]}");
	buf_fill(&b, ' ', TLS_REPORT_MAX - b.n);
	assert_int_equal(tls_report_parse(a, buf_span(&b), &r, NULL), 0);
	buf_addc(&b, ' ');
	assert_int_equal(tls_report_parse(a, buf_span(&b), &r, NULL), ERR_TOOBIG);
}

static void gzip(struct buf *out, size_t zeros)
{
	z_stream z = { 0 };
	char *in = test_calloc(1, 65536);
	int r;

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	do {
		z.next_in = (unsigned char *)in;
		z.avail_in = zeros < 65536 ? (unsigned)zeros : 65536;
		zeros -= z.avail_in;
		do {
			z.next_out = (unsigned char *)buf_space(out, 65536);
			z.avail_out = 65536;
			r = deflate(&z, zeros ? Z_NO_FLUSH : Z_FINISH);
			buf_grow(out, 65536 - z.avail_out);
		} while (z.avail_in || (!zeros && r != Z_STREAM_END));
	} while (zeros);
	deflateEnd(&z);
	test_free(in);
}

/* A gibibyte in a mebibyte stops at what is allowed; so does one octet too much. */
static void test_bomb(void **state)
{
	SCOPED_BUF packed, out;

	(void)state;
	buf_init(&packed, 8u << 20);
	gzip(&packed, 1u << 30);
	buf_init(&out, 1u << 20);
	assert_int_equal(report_unpack(buf_span(&packed), &out, NULL), ERR_TOOBIG);
	assert_true(out.n <= 1u << 20);
	for (size_t n = 1000; n <= 1001; n++) {
		buf_reset(&packed);
		gzip(&packed, n);
		buf_fini(&out);
		buf_init(&out, 1000);
		assert_int_equal(report_unpack(buf_span(&packed), &out, NULL), n > 1000 ? ERR_TOOBIG : 0);
	}
	buf_reset(&packed);
	gzip(&packed, 500);
	buf_reset(&out);
	assert_int_equal(report_unpack(span_sub(buf_span(&packed), 0, packed.n - 12), &out, NULL), ERR_SYNTAX);
}

static const char zip[] = "PK\3\4\24\0\0\0\0\0\0\0!\0\0\0\0\0\4\0\0\0\4\0\0\0\1\0\0\0r<a/>"
	"PK\1\2\24\3\24\0\0\0\0\0\0\0!\0\0\0\0\0\4\0\0\0\4\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\200\1\0\0\0\0r"
	"PK\5\6\0\0\0\0\1\0\1\0/\0\0\0#\0\0\0\0\0";

static void test_zip(void **state)
{
	char bytes[sizeof(zip)];
	SCOPED_BUF out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(report_unpack(SPAN_BYTES(zip, sizeof(zip) - 1), &out, NULL), 0);
	assert_true(span_eqz(buf_span(&out), "<a/>"));
	for (size_t i = 4; i < sizeof(zip) - 1; i++) { /* every octet changed, every length: no more than a refusal */
		memcpy(bytes, zip, sizeof(zip));
		bytes[i] = (char)~bytes[i];
		buf_reset(&out);
		(void)report_unpack(SPAN_BYTES(bytes, sizeof(zip) - 1), &out, NULL);
		buf_reset(&out);
		assert_int_equal(report_unpack(SPAN_BYTES(zip, i), &out, NULL), ERR_SYNTAX);
	}
	buf_reset(&out);
	assert_int_equal(report_unpack(SPAN("<plain/>"), &out, NULL), 0);
	assert_true(span_eqz(buf_span(&out), "<plain/>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_dmarc), cmocka_unit_test(test_dmarc_rows),
		cmocka_unit_test(test_written), cmocka_unit_test(test_rua),
		cmocka_unit_test(test_tls), cmocka_unit_test(test_tls_size), cmocka_unit_test(test_bomb), cmocka_unit_test(test_zip) };

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
