#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "codec/http/http_head.h"
#include "codec/http/http_write.h"
#include "codec/http/https_url.h"

static int parse(const char *text, struct http_request_head *h)
{
	struct span in = span_str(text);
	size_t seen = 0;

	assert_int_equal(http_head_end(in, &seen), in.n);
	return http_head_parse(in, h);
}

static void test_good(void **state)
{
	struct http_request_head h;

	(void)state;
	assert_int_equal(parse("GET /a/b?c=d&e HTTP/1.1\r\nHost: X.example:8080\r\nAccept:\t x , y \r\nEmpty:\r\n\r\n", &h), 0);
	assert_true(span_eqz(h.method, "GET") && span_eqz(h.path, "/a/b") && span_eqz(h.query, "c=d&e"));
	assert_true(span_eqz(h.host, "X.example") && h.port == 8080 && h.minor == 1 && !h.close && !h.body_len);
	assert_true(span_eqz(http_head_field(&h, "accept"), "x , y"));
	assert_int_equal(parse("POST http://a.example?q HTTP/1.1\r\nHost: b.example\r\nContent-Length: 10\r\n"
		"Connection: x, CLOSE\r\nExpect: 100-Continue\r\n\r\n", &h), 0);
	assert_true(span_eqz(h.host, "a.example") && span_eqz(h.path, "/") && span_eqz(h.query, "q"));
	assert_true(h.close && h.expects && h.body_len == 10);
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", &h), 0);
	assert_true(h.close && !h.host.n);
	assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: [::1]:80\r\n\r\n", &h), 0);
	assert_true(!h.close && span_eqz(h.host, "[::1]") && h.port == 80);
	assert_int_equal(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &h), 0);
	assert_true(span_eqz(h.path, "*"));
}

/* Each must be refused, with this status. */
static void test_bad(void **state)
{
	static const struct {
		int status;
		const char *head;
	} rows[] = {
		{ 400, "\r\n\r\n" }, { 400, "GET\r\n\r\n" }, { 400, "GET / HTTP/1.1\r\n\r\n" },
		{ 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" }, { 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n" },
		{ 400, "GET / http/1.1\r\nHost: a\r\n\r\n" }, { 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n" },
		{ 400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n" }, { 501, "ABCDEFGHIJKLMNOPQRSTU / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n" }, { 400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n" }, { 400, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /\xc3\xbc HTTP/1.1\r\nHost: a\r\n\r\n" }, { 400, "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n" }, { 400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n" }, { 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a:0\r\n\r\n" }, { 400, "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n" }, { 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n" }, { 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n" }, { 400, "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n" }, { 400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\nHost: a\r\n\r\n" }, { 400, "GET / HTTP/1.1\r\nHost: a\r\nX: \001\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n" },
		{ 400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" },
		{ 411, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n" },
		{ 501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" },
	};
	struct http_request_head h;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (http_head_parse(span_str(rows[i].head), &h) != rows[i].status)
			fail_msg("%s", rows[i].head);
	assert_int_equal(http_head_parse(SPAN("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"), &h), 400);
}

static void test_bounds(void **state)
{
	struct http_request_head h;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 100000);
	for (int i = 0; i < 2; i++) {
		buf_reset(&b);
		buf_addz(&b, "GET /");
		buf_fill(&b, 'x', (size_t)(HTTP_TARGET_MAX - 1 + i));
		buf_addz(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_int_equal(http_head_parse(buf_span(&b), &h), i ? 414 : 0);
		buf_reset(&b);
		buf_fill(&b, 'A', (size_t)(HTTP_METHOD_MAX + i));
		buf_addz(&b, " / HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_int_equal(http_head_parse(buf_span(&b), &h), i ? 501 : 0);
		buf_reset(&b);
		buf_addz(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
		for (int k = 1; k < HTTP_REQUEST_FIELDS_MAX + i; k++)
			buf_addz(&b, "x: y\r\n");
		buf_addz(&b, "\r\n");
		assert_int_equal(http_head_parse(buf_span(&b), &h), i ? 431 : 0);
	}
}

static void test_end_in_pieces(void **state)
{
	struct span in = SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET");

	(void)state;
	for (size_t step = 1; step < 9; step++) {
		size_t seen = 0, end = 0;

		for (size_t n = 0; !end && n < in.n + step; n += step)
			end = http_head_end(span_sub(in, 0, n), &seen);
		assert_int_equal(end, in.n - 3);
	}
}

static void test_write(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct span form = SPAN("a=1+2&b=%c3%BC%26&c=x&c=y&d=%zz&e=u+v@w&f");
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	http_status(&b, 404, 784111777, true);
	assert_true(span_eqz(buf_span(&b), "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n"));
	buf_reset(&b);
	http_escape(&b, SPAN("<a href=\"x\">'&"));
	assert_true(span_eqz(buf_span(&b), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;"));
	assert_true(span_eqz(http_form_value(a, form, "a", false), "1 2"));
	assert_true(span_eqz(http_form_value(a, form, "B", false), "\xc3\xbc&"));
	assert_true(span_eqz(http_form_value(a, form, "e", true), "u+v@w"));
	assert_false(http_form_value(a, form, "c", false).n);
	assert_false(http_form_value(a, form, "d", false).n);
	assert_false(http_form_value(a, form, "f", false).n);
	assert_false(http_form_value(a, form, "g", false).n);
}

static void test_url(void **state)
{
	static const char *const bad[] = { "", "https://", "http://a.example/", "https://a/", "https://a.example:0/", "https://a.example:65536/",
		"https://x@a.example/", "https://127.0.0.1/", "https://[::1]/", "https://a.example?x", "https://a..example/", "https://a.example./",
		"https://-a.example/", "https://a.example/a b", "https://a.example/\r\nX: y", "https://a.example/\xc3\xa4", "https://a_b.example/" };
	struct https_url u;
	char longest[HTTPS_URL_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (https_url_parse(span_str(bad[i]), &u))
			fail_msg("%s was read", bad[i]);
	assert_true(https_url_parse(SPAN("HTTPS://r.a-1.example"), &u));
	assert_true(span_eqz(u.host, "r.a-1.example") && u.port == 443 && span_eqz(u.path, "/"));
	assert_true(https_url_parse(SPAN("https://r.example:8443/a/b?c=d#e"), &u));
	assert_true(span_eqz(u.host, "r.example") && u.port == 8443 && span_eqz(u.path, "/a/b?c=d"));
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "https://a.example/", 18);
	assert_true(https_url_parse(SPAN_BYTES(longest, HTTPS_URL_MAX), &u));
	assert_false(https_url_parse(SPAN_BYTES(longest, HTTPS_URL_MAX + 1), &u));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bounds), cmocka_unit_test(test_end_in_pieces), cmocka_unit_test(test_write), cmocka_unit_test(test_url) };

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
