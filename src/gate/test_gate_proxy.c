/* The PROXY header and the networks it is believed from. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "gate/gate_int.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"

static void test_headers(void **state)
{
	static const struct {
		struct span in;
		int r;
	} rows[] = {
		{ SPAN(SIG "\x21\x11\0\x0c" "abcd" "efgh" "\x12\x34\0\x19" "rest"), 1 },
		{ SPAN(SIG "\x21\x11\0\x0f" "abcd" "efgh" "\x12\x34\0\x19" "TLV"), 1 },
		{ SPAN(SIG "\x20\0\0\0"), 1 },
		{ SPAN(SIG "\x20\x11\0\x0c" "abcd" "efgh" "\x12\x34\0\x19"), 1 },
		{ SPAN(SIG "\x21\x11\0\x0c" "abcd" "efgh" "\x12\x34\0"), 0 },
		{ SPAN(SIG "\x21\x11\0"), 0 },
		{ SPAN("\r\n\r\n"), 0 },
		{ SPAN(""), 0 },
		{ SPAN("\r\n\r\nX"), ERR_SYNTAX },
		{ SPAN("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), ERR_SYNTAX },
		{ SPAN(SIG "\x31\x11\0\x0c" "abcd" "efgh" "\x12\x34\0\x19"), ERR_SYNTAX }, /* version */
		{ SPAN(SIG "\x22\x11\0\x0c" "abcd" "efgh" "\x12\x34\0\x19"), ERR_SYNTAX }, /* command */
		{ SPAN(SIG "\x21\x12\0\x0c" "abcd" "efgh" "\x12\x34\0\x19"), ERR_SYNTAX }, /* UDP */
		{ SPAN(SIG "\x21\x31\0\x0c" "abcd" "efgh" "\x12\x34\0\x19"), ERR_SYNTAX }, /* UNIX */
		{ SPAN(SIG "\x21\x11\0\x0b" "abcd" "efgh" "\x12\x34\0"), ERR_SYNTAX },	   /* too short */
		{ SPAN(SIG "\x21\x21\0\x0c" "abcd" "efgh" "\x12\x34\0\x19"), ERR_SYNTAX },
		{ SPAN(SIG "\x21\x11\xff\xff"), ERR_SYNTAX }, /* too long */
	};
	struct proxy_head h;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(proxy_parse(rows[i].in, &h, &used), rows[i].r);
	assert_int_equal(proxy_parse(rows[0].in, &h, &used), 1);
	assert_int_equal(used, 28);
	assert_memory_equal(h.from + 12, "abcd", 4);
	assert_memory_equal(h.to + 12, "efgh", 4);
	assert_int_equal(h.from_port, 0x1234);
	assert_int_equal(h.to_port, 25);
	assert_int_equal(proxy_parse(rows[1].in, &h, &used), 1);
	assert_int_equal(used, rows[1].in.n);
	assert_int_equal(proxy_parse(rows[2].in, &h, &used), 1);
	assert_true(h.local);
}

static bool has(const char *net, const char *address)
{
	struct gate_net n, a;

	assert_int_equal(gate_net_parse(span_str(net), &n, NULL), 0);
	assert_int_equal(gate_net_parse(span_str(address), &a, NULL), 0);
	return gate_net_has(&n, a.address);
}

static void test_networks(void **state)
{
	static const char *const bad[] = { "", "10.0.0.0/33", "10.0.0/8", "x", "::1/129", "10.0.0.0/", "1.2.3.4/-1",
		"2001:db8::/64/1" };
	struct gate_net n;

	(void)state;
	assert_true(has("10.0.0.0/8", "10.255.1.2"));
	assert_false(has("10.0.0.0/8", "11.0.0.1"));
	assert_true(has("192.0.2.128/25", "192.0.2.129"));
	assert_false(has("192.0.2.128/25", "192.0.2.127"));
	assert_true(has("127.0.0.1", "127.0.0.1"));
	assert_false(has("127.0.0.1", "127.0.0.2"));
	assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(has("0.0.0.0/0", "8.8.8.8"));
	assert_false(has("0.0.0.0/0", "2001:db8::1"));
	assert_true(has("::/0", "2001:db8::1"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(gate_net_parse(span_str(bad[i]), &n, NULL), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_headers), cmocka_unit_test(test_networks) };

	return cmocka_run_group_tests_name("gate_proxy", tests, NULL, NULL);
}
