#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "codec/mailtls/sts.h"
#include "codec/mailtls/tlsa.h"
#include "codec/mailtls/tlsrpt.h"

static void test_sts_record(void **state)
{
	static const char *const bad[] = { "v=STSv1", "v=STSv1;", "v=STSv1; id=", "v=STSv1; id=a-b", "v=STSv1; id=a; id=b", "v=STSv2; id=a",
		"id=a; v=STSv1", "v=STSv1; id=123456789012345678901234567890123", "v=STSv1x; id=a" };
	struct span two[] = { SPAN("v=spf1 -all"), SPAN("v=STSv1; id=20160831085700Z;"), SPAN("v=STSv1; id=b") }, id;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (sts_record(&(struct span){ bad[i], strlen(bad[i]) }, 1, &id))
			fail_msg("%s was read", bad[i]);
	assert_true(sts_record(two, 2, &id));
	assert_true(span_eqz(id, "20160831085700Z"));
	assert_false(sts_record(two, 3, &id));               /* two policies: none */
	assert_false(sts_record(two, 0, &id));
	assert_true(sts_record(&SPAN("v=STSv1; x=y; id = 7 ; z=1"), 1, &id));
	assert_true(span_eqz(id, "7"));
}

static void test_id_bound(void **state)
{
	static const char record[] = "v=STSv1; id=123456789012345678901234567890123";
	size_t fits = strlen("v=STSv1; id=") + STS_ID_MAX;
	struct span id;

	(void)state;
	assert_true(sts_record(&(struct span){ record, fits }, 1, &id));
	assert_int_equal(id.n, STS_ID_MAX);
	assert_false(sts_record(&(struct span){ record, fits + 1 }, 1, &id));
}

static void test_sts_policy(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct sts_policy p, q;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, STS_POLICY_MAX);
	assert_int_equal(sts_policy_parse(a, SPAN("version: STSv1\r\nmode: enforce\r\nmx: Mail.Example.com\r\nmx:*.example.net\r\n"
		"x-more: z\r\nmax_age: 604800\r\nmode: none\r\n"), &p, NULL), 0);
	assert_int_equal(p.mode, STS_ENFORCE);
	assert_int_equal(p.max_age_sec, 604800);
	assert_int_equal(p.n_mx, 2);
	assert_true(sts_match(&p, SPAN("mail.example.com")));
	assert_true(sts_match(&p, SPAN("mx1.example.net")));
	assert_false(sts_match(&p, SPAN("example.net")));
	assert_false(sts_match(&p, SPAN("a.b.example.net")));
	assert_false(sts_match(&p, SPAN("mail.example.com.evil.example")));
	assert_false(sts_match(&p, SPAN("xmail.example.com")));
	sts_policy_write(&b, &p);
	assert_int_equal(sts_policy_parse(a, buf_span(&b), &q, NULL), 0);
	assert_true(q.mode == p.mode && q.max_age_sec == p.max_age_sec && q.n_mx == 2 && span_eq(q.mx[1], p.mx[1]));
	assert_int_equal(sts_policy_parse(a, SPAN("version: STSv1\nmode: none\nmax_age: 99999999999\n"), &p, NULL), ERR_SYNTAX);
	assert_int_equal(sts_policy_parse(a, SPAN("version: STSv1\nmode: none\nmax_age: 999999999"), &p, NULL), 0);
	assert_int_equal(p.max_age_sec, STS_AGE_MAX_SEC);
	/* an A-label is a name like any other */
	assert_int_equal(sts_policy_parse(a, SPAN("version: STSv1\nmode: testing\nmx: xn--mller-kva.example\nmax_age: 1"), &p, NULL), 0);
	assert_true(sts_match(&p, SPAN("xn--mller-kva.example")));
}

static void test_sts_bad(void **state)
{
	static const char *const bad[] = { "", "mode: none\nversion: STSv1\nmax_age: 1", "version: STSv2\nmode: none\nmax_age: 1",
		"version: STSv1\nmode: none", "version: STSv1\nmax_age: 1", "version: STSv1\nmode: enforce\nmax_age: 1",
		"version: STSv1\nmode: Enforce\nmx: a\nmax_age: 1", "version: STSv1\nmode: enforce\nmx: a..b\nmax_age: 1",
		"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1", "version: STSv1\nmode: enforce\nmx: a.*.b\nmax_age: 1",
		"version: STSv1\nmode: enforce\nmx: *.\nmax_age: 1", "version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1",
		"version: STSv1\nmode: none\nmax_age: -1", "version: STSv1\nmode: none\nmax_age: 1\nhello", "<html>" };
	SCOPED_ARENA a = arena_new();
	struct sts_policy p;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 2 * STS_POLICY_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (sts_policy_parse(a, span_str(bad[i]), &p, NULL) != ERR_SYNTAX)
			fail_msg("\"%s\" was read", bad[i]);
	buf_addz(&b, "version: STSv1\nmode: enforce\nmax_age: 1\n");
	for (int i = 0; i <= STS_MX_MAX; i++)
		buf_addz(&b, "mx: a\n");
	assert_int_equal(sts_policy_parse(a, buf_span(&b), &p, NULL), ERR_TOOBIG);
	buf_reset(&b);
	buf_fill(&b, '\n', STS_POLICY_MAX + 1);
	assert_int_equal(sts_policy_parse(a, buf_span(&b), &p, NULL), ERR_TOOBIG);
}

static void test_tlsa(void **state)
{
	char r[70] = { 3, 1, 1 };
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 4096);
	assert_true(tlsa_usable(SPAN_BYTES(r, 35)));
	assert_false(tlsa_usable(SPAN_BYTES(r, 34)));
	r[2] = 2;
	assert_true(tlsa_usable(SPAN_BYTES(r, 67)));
	r[2] = 3;
	assert_false(tlsa_usable(SPAN_BYTES(r, 35)));
	r[2] = 0;
	assert_true(tlsa_usable(SPAN_BYTES(r, 4)));
	r[1] = 2;
	assert_false(tlsa_usable(SPAN_BYTES(r, 4)));
	r[1] = 1;
	r[0] = 1;                                            /* PKIX-EE is not for mail */
	assert_false(tlsa_usable(SPAN_BYTES(r, 4)));
	assert_false(tlsa_usable(SPAN_NONE));
	assert_true(tlsa_text(&b, SPAN("\2\1\1\xab\xcd")));
	assert_true(span_eqz(buf_span(&b), "2 1 1 abcd"));
	assert_false(tlsa_text(&b, SPAN("\2\1\1")));
}

static void test_tlsrpt(void **state)
{
	struct span two[] = { SPAN("v=TLSRPTv1; rua=mailto:a@b.example"), SPAN("v=TLSRPTv1;rua=mailto:c@d.example") };
	SCOPED_ARENA a = arena_new();
	struct tlsrpt_record r;

	(void)state;
	assert_true(tlsrpt_record(a, two, 1, &r));
	assert_int_equal(r.n, 1);
	assert_true(span_eqz(r.mailto[0], "a@b.example"));
	assert_false(tlsrpt_record(a, two, 2, &r));
	assert_true(tlsrpt_record(a, &SPAN("v=TLSRPTv1; x=y; rua=https://r.example/x , mailto:tls%2brep@x.example?subject=z;"), 1, &r));
	assert_true(r.n_https == 1 && span_eqz(r.https[0], "https://r.example/x") && r.n == 1);
	assert_true(span_eqz(r.mailto[0], "tls+rep@x.example"));
	assert_false(tlsrpt_record(a, &SPAN("v=TLSRPTv1; rua=https://127.0.0.1/"), 1, &r));
	assert_false(tlsrpt_record(a, &SPAN("v=TLSRPTv1"), 1, &r));
	assert_false(tlsrpt_record(a, &SPAN("v=TLSRPTv2; rua=mailto:a@b"), 1, &r));
	assert_false(tlsrpt_record(a, &SPAN("v=TLSRPTv1; rua=mailto:a%0d%0ab@c"), 1, &r));
	assert_false(tlsrpt_record(a, &SPAN("v=TLSRPTv1; rua=mailto:a%2"), 1, &r));
	assert_false(tlsrpt_record(a, &SPAN("v=TLSRPTv1; rua=mailto:@c"), 1, &r));
}

/* More addresses than fit into one mail are not written to; there is no error in them. */
static void test_tlsrpt_addresses(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct tlsrpt_record r;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	buf_addz(&b, "v=TLSRPTv1; rua=mailto:0@a.example");
	for (int i = 1; i <= TLSRPT_ADDRESS_MAX; i++) {
		assert_true(tlsrpt_record(a, &(struct span){ b.p, b.n }, 1, &r));
		assert_int_equal(r.n, i);
		buf_addf(&b, ",mailto:%d@a.example", i);
	}
	assert_true(tlsrpt_record(a, &(struct span){ b.p, b.n }, 1, &r));
	assert_int_equal(r.n, TLSRPT_ADDRESS_MAX);
	assert_true(span_eqz(r.mailto[0], "0@a.example"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sts_record), cmocka_unit_test(test_id_bound),
		cmocka_unit_test(test_sts_policy), cmocka_unit_test(test_sts_bad), cmocka_unit_test(test_tlsa), cmocka_unit_test(test_tlsrpt),
		cmocka_unit_test(test_tlsrpt_addresses) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
