#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "codec/proxy_v2.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"

/* Every shorter prefix must ask for more (or be refused the same way). */
static int parse(struct span in, struct proxy_v2 *out)
{
	size_t used = 99;
	int r = proxy_v2(in, out, &used);

	for (size_t n = 0; n < in.n; n++) {
		struct proxy_v2 other;
		size_t eaten;
		int got = proxy_v2(span_sub(in, 0, n), &other, &eaten);

		if (got > 0 || eaten) {
			assert_int_equal(got, 1);
			assert_int_equal(n >= used, 1);
		} else {
			assert_true(got == 0 || got == r);
		}
	}
	return r > 0 ? (int)used : r;
}

static void test_known(void **state)
{
	struct proxy_v2 p;

	(void)state;
	assert_int_equal(parse(SPAN(SIG "\x21\x11\0\x0c\xc0\0\x02\x01\xcb\0\x71\x02\x04\xd2\0\x19"
					"EHLO"),
				 &p),
		28);
	assert_true(p.known && !p.local);
	assert_string_equal(p.source, "192.0.2.1");
	assert_string_equal(p.destination, "203.0.113.2");
	assert_int_equal(p.source_port, 1234);
	assert_int_equal(p.destination_port, 25);
	assert_int_equal(parse(SPAN(SIG "\x21\x21\0\x29\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
					"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x04\xd2\0\x19"
					"\x04\0\x02xx"),
				 &p),
		57);
	assert_string_equal(p.source, "2001:db8::1");
	assert_string_equal(p.destination, "2001:db8::2");
	assert_int_equal(p.source_port, 1234);
}

static void test_unknown(void **state)
{
	struct proxy_v2 p;

	(void)state;
	assert_int_equal(parse(SPAN(SIG "\x20\0\0\0"), &p), 16);
	assert_true(p.local && !p.known);
	assert_int_equal(parse(SPAN(SIG "\x21\0\0\x03zzz"), &p), 19);
	assert_true(!p.local && !p.known);
}

static void test_bad(void **state)
{
	static const struct {
		struct span in;
		int want;
	} v[] = {
		{SPAN("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), ERR_SYNTAX},
		{SPAN("EHLO a\r\n"), ERR_SYNTAX},
		{SPAN(SIG "\x11"), ERR_SYNTAX},
		{SPAN(SIG "\x22"), ERR_SYNTAX},
		{SPAN(SIG "\x21\x11\x08\x01"), ERR_TOOBIG},
		{SPAN(SIG "\x21\x11\0\x0b"
			  "12345678901"),
			ERR_SYNTAX},
		{SPAN(SIG "\x21\x11\0\x0e"
			  "123456789012xx"),
			ERR_SYNTAX},
		{SPAN(SIG "\x21\x11\0\x10"
			  "123456789012\x04\0\x02x"),
			ERR_SYNTAX},
		{SPAN(SIG "\x21\x11\0\x0c"
			  "12345678901"),
			0},
		{SPAN(""), 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		struct proxy_v2 p;

		assert_int_equal(parse(v[i].in, &p), v[i].want);
		assert_false(p.known);
	}
}

/* The length is known before anything behind it has come. */
static void test_bound(void **state)
{
	char in[PROXY_V2_MAX] = SIG "\x21\0";
	struct proxy_v2 p;
	size_t used;

	(void)state;
	in[14] = (char)((PROXY_V2_MAX - 16) >> 8);
	in[15] = (char)((PROXY_V2_MAX - 16) & 255);
	assert_int_equal(parse(SPAN_BYTES(in, sizeof(in)), &p), PROXY_V2_MAX);
	in[14] = (char)((PROXY_V2_MAX - 15) >> 8);
	in[15] = (char)((PROXY_V2_MAX - 15) & 255);
	assert_int_equal(proxy_v2(SPAN_BYTES(in, 16), &p, &used), ERR_TOOBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
