#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "base/err.h"
#include "codec/http/http_answer.h"

/* The whole answer in pieces of this size; 1 and its body in out, 0 not over, <0 refused. */
static int answer(struct span in, size_t step, struct http_head *h, struct buf *out)
{
	struct http_body b;
	size_t used = 0, at;
	int r = 0;

	for (at = step; r == 0; at += step) {
		r = http_head(span_sub(in, 0, at), h, &used);
		if (r == 0 && at >= in.n)
			return 0;
	}
	if (r < 0)
		return r;
	http_body_init(&b, h);
	in = span_from(in, used);
	for (at = step, r = 0; r == 0; at = used ? step : at + step) {
		r = http_body(&b, span_sub(in, 0, at), &used, out);
		if (r == 0 && used == 0 && at >= in.n)
			return b.kind == HTTP_BODY_CLOSE;
		in = span_from(in, used);
	}
	return r;
}

static void check(const char *text, int want, unsigned status, const char *body)
{
	static const size_t steps[] = { 1, 3, 100000 };

	for (size_t i = 0; i < 3; i++) {
		struct http_head h;
		SCOPED_BUF out;
		int r;

		buf_init(&out, 100);
		r = answer(span_str(text), steps[i], &h, &out);
		if (r != want)
			fail_msg("%s in steps of %zu: %d", text, steps[i], r);
		if (want == 1) {
			assert_int_equal(h.status, status);
			assert_true(span_eqz(buf_span(&out), body));
		}
	}
}

static void test_good(void **state)
{
	struct http_head h;
	size_t used;

	(void)state;
	check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more", 1, 200, "hello");
	check("HTTP/1.0 404 \r\n\r\ntill the end", 1, 404, "till the end");
	check("HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n00a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nrest", 1, 200,
		"abc0123456789");
	check("HTTP/1.1 200 OK\nContent-Length: 0\nContent-Length: 0\n\n", 1, 200, "");
	assert_int_equal(http_head(SPAN("HTTP/1.1 301 Moved\r\ncontent-type: Text/Plain ; charset=utf-8\r\n\r\n"), &h, &used), 1);
	assert_int_equal(h.status, 301);
	assert_true(span_eqz(h.type, "Text/Plain"));
}

static void test_bad(void **state)
{
	static const char *const bad[] = { "SSH-2.0-x\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 99 x\r\n\r\n", "HTTP/1.1 2000\r\n\r\n",
		"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 200 OK\r\nA: \001\r\n\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		check(bad[i], ERR_SYNTAX, 0, NULL);
	check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", ERR_SYNTAX, 0, NULL);
	check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", ERR_SYNTAX, 0, NULL);
	check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 0, 0, NULL);
}

static void test_bounds(void **state)
{
	struct http_head h;
	SCOPED_BUF b, out;
	size_t used;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_init(&out, 100);
	for (size_t n = HTTP_HEAD_MAX; n <= HTTP_HEAD_MAX + 1; n++) {
		buf_reset(&b);
		buf_addz(&b, "HTTP/1.1 200 OK\r\nX: ");
		buf_fill(&b, 'x', n - b.n - 4);
		buf_addz(&b, "\r\n\r\n");
		assert_int_equal(http_head(buf_span(&b), &h, &used), n > HTTP_HEAD_MAX ? ERR_TOOBIG : 1);
		assert_int_equal(http_head(span_sub(buf_span(&b), 0, HTTP_HEAD_MAX - 1), &h, &used), 0);
	}
	buf_reset(&b);
	buf_addz(&b, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		buf_addz(&b, "A: b\r\n");
	buf_addz(&b, "\r\n");
	assert_int_equal(http_head(buf_span(&b), &h, &used), 1);
	buf_reset(&b);
	buf_addz(&b, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < HTTP_FIELDS_MAX + 2; i++)
		buf_addz(&b, "A: b\r\n");
	assert_int_equal(http_head(buf_span(&b), &h, &used), ERR_TOOBIG);
	buf_reset(&b);
	buf_addz(&b, "HTTP/1.1 200 OK\r\n\r\n");
	buf_fill(&b, 'x', 101);
	assert_int_equal(answer(buf_span(&b), 100000, &h, &out), ERR_TOOBIG);
	buf_reset(&b);
	buf_reset(&out);
	buf_addz(&b, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;");
	buf_fill(&b, 'x', 1000);
	assert_int_equal(answer(buf_span(&b), 100000, &h, &out), ERR_TOOBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_bounds) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
