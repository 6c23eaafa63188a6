#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "codec/mailauth/peer_ip.h"

static void reversed_is(struct arena *a, const char *ip, const char *want)
{
	struct span got = peer_reversed(a, span_str(ip), SPAN("bl.example"));

	if (!span_eqz(got, want))
		fail_msg("%s: %.*s, not %s", ip, SPAN_F(got), want);
}

/* RFC 5782 sections 2.1 and 2.4. */
static void test_reversed(void **state)
{
	SCOPED_ARENA a = arena_new();
	char zone[250];

	(void)state;
	reversed_is(a, "192.0.2.99", "99.2.0.192.bl.example");
	reversed_is(a, "::ffff:192.0.2.99", "99.2.0.192.bl.example");
	reversed_is(a, "2001:db8:1:2:3:4:567:89ab",
		"b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example");
	reversed_is(a, "192.0.2", "");
	reversed_is(a, "", "");
	reversed_is(a, "1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21", "");
	memset(zone, 'x', sizeof(zone));
	assert_int_equal(peer_reversed(a, SPAN("192.0.2.1"), SPAN_BYTES(zone, sizeof(zone))).n, 0);
}

static void test_network(void **state)
{
	unsigned char x[PEER_NETWORK_LEN], y[PEER_NETWORK_LEN];

	(void)state;
	assert_true(peer_network(SPAN("192.0.2.1"), x) && peer_network(SPAN("::ffff:192.0.2.250"), y));
	assert_memory_equal(x, y, sizeof(x));
	assert_true(peer_network(SPAN("192.0.3.1"), y) && memcmp(x, y, sizeof(x)) != 0);
	assert_true(peer_network(SPAN("2001:db8::1"), x) && peer_network(SPAN("2001:db8::ffff:1"), y));
	assert_memory_equal(x, y, sizeof(x));
	assert_true(peer_network(SPAN("2001:db8:0:1::1"), y) && memcmp(x, y, sizeof(x)) != 0);
	assert_false(peer_network(SPAN("no.address"), x));
}

static bool listed(const char *octets, size_t n, enum dns_status status)
{
	struct span v[2] = { SPAN_BYTES(octets, n), SPAN("\x0a\1\1\1") };

	return dnsbl_listed(&(struct dns_answer){ .status = status, .v = v, .n = 2 });
}

static void test_answers(void **state)
{
	struct span v6 = SPAN_BYTES("\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16), v4 = SPAN("\xc0\0\2\1");

	(void)state;
	assert_true(listed("\x7f\0\0\2", 4, DNS_FOUND));
	assert_true(listed("\x7f\1\2\3", 4, DNS_FOUND));
	assert_false(listed("\x7f\xff\xff\xfe", 4, DNS_FOUND));       /* "you ask too much" */
	assert_false(listed("\xc0\0\2\2", 4, DNS_FOUND));             /* a resolver that answers for all names */
	assert_false(listed("\x7f\0\0\2x", 5, DNS_FOUND));
	assert_false(listed("\x7f\0\0\2", 4, DNS_NO_NAME));
	assert_false(listed("\x7f\0\0\2", 4, DNS_FAILED));
	assert_true(peer_is(SPAN("2001:db8::1"), &(struct dns_answer){ .v = &v6, .n = 1 }));
	assert_true(peer_is(SPAN("::ffff:192.0.2.1"), &(struct dns_answer){ .v = &v4, .n = 1 }));
	assert_false(peer_is(SPAN("192.0.2.2"), &(struct dns_answer){ .v = &v4, .n = 1 }));
}

static void test_setting(void **state)
{
	struct dnsbl_zone v[DNSBL_ZONES_MAX];
	struct err e = ERR_INIT;
	size_t n;

	(void)state;
	assert_int_equal(dnsbl_parse(SPAN("  a.example=reject b.example  c.example=3 d.example=junk "), v, &n, &e), 0);
	assert_int_equal(n, 4);
	assert_true(span_eqz(v[0].name, "a.example") && v[0].weight == 10 && v[1].weight == 5 && v[2].weight == 3 &&
		v[3].weight == 5 && span_eqz(v[2].name, "c.example"));
	assert_int_equal(dnsbl_parse(SPAN(""), v, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_int_equal(dnsbl_parse(SPAN("a.example=11"), v, &n, &e), ERR_PARAM);
	assert_int_equal(dnsbl_parse(SPAN("a.example="), v, &n, &e), ERR_PARAM);
	assert_int_equal(dnsbl_parse(SPAN("example"), v, &n, &e), ERR_PARAM);
	assert_int_equal(dnsbl_parse(SPAN("a..example"), v, &n, &e), ERR_PARAM);
	assert_int_equal(dnsbl_parse(SPAN("a.b a.b a.b a.b a.b a.b a.b a.b a.b a.b a.b a.b a.b a.b a.b a.b a.b"), v, &n, &e), ERR_PARAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_reversed), cmocka_unit_test(test_network),
		cmocka_unit_test(test_answers), cmocka_unit_test(test_setting) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
