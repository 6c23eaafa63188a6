#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <netinet/in.h>
#include "codec/scan/scan.h"

static void test_places(void **state)
{
	struct sockaddr_storage at;
	socklen_t len;
	char path[200] = "/";

	(void)state;
	assert_int_equal(scan_place(SPAN("127.0.0.1:11333"), &at, &len, NULL), 0);
	assert_true(at.ss_family == AF_INET && ((struct sockaddr_in *)&at)->sin_port == htons(11333));
	assert_int_equal(scan_place(SPAN("localhost:3310"), &at, &len, NULL), 0);
	assert_int_equal(scan_place(SPAN("[::1]:3310"), &at, &len, NULL), 0);
	assert_int_equal(at.ss_family, AF_INET6);
	assert_int_equal(scan_place(SPAN("/run/clamav/clamd.ctl"), &at, &len, NULL), 0);
	assert_int_equal(at.ss_family, AF_UNIX);
	assert_int_equal(scan_place(SPAN("mail.example:25"), &at, &len, NULL), ERR_PARAM);
	assert_int_equal(scan_place(SPAN("127.0.0.1"), &at, &len, NULL), ERR_PARAM);
	assert_int_equal(scan_place(SPAN("127.0.0.1:0"), &at, &len, NULL), ERR_PARAM);
	assert_int_equal(scan_place(SPAN(""), &at, &len, NULL), ERR_PARAM);
	for (size_t i = 1; i < sizeof(path); i++)
		path[i] = 'x';
	assert_int_equal(scan_place(SPAN_BYTES(path, sizeof(path)), &at, &len, NULL), ERR_PARAM);
}

static void test_request(void **state)
{
	struct span rcpts[] = { SPAN("anna@example.org"), SPAN("b@example.org\r\nUser: admin") };
	struct scan_envelope v = { SPAN("192.0.2.1"), SPAN("mx\nx"), SPAN_NONE, SPAN_NONE, rcpts, 2 };
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 10000);
	rspamd_request(&b, "/checkv2", &v, "mail.example.org", 42);
	assert_true(span_eqz(buf_span(&b), "POST /checkv2 HTTP/1.0\r\nHost: localhost\r\nContent-Length: 42\r\nIP: 192.0.2.1\r\n"
		"Helo: mx?x\r\nFrom: <>\r\nRcpt: anna@example.org\r\nRcpt: b@example.org??User: admin\r\nMTA-Name: mail.example.org\r\n\r\n"));
}

static int answer(const char *text, bool eof, bool *ok, struct span *body)
{
	struct err e = ERR_INIT;

	return rspamd_answer(span_str(text), eof, ok, body, &e);
}

static void test_answer(void **state)
{
	struct span body;
	bool ok;

	(void)state;
	assert_int_equal(answer("HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length : 2\r\n\r\n{}x", false, &ok, &body), 1);
	assert_true(ok && span_eqz(body, "{}"));
	assert_int_equal(answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", false, &ok, &body), 0);
	assert_int_equal(answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", true, &ok, &body), ERR_SYNTAX);
	assert_int_equal(answer("HTTP/1.0 200 OK\r\n\r\n{}", false, &ok, &body), 0);
	assert_int_equal(answer("HTTP/1.0 200 OK\r\n\r\n{}", true, &ok, &body), 1);
	assert_int_equal(answer("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", false, &ok, &body), 1);
	assert_false(ok);
	assert_int_equal(answer("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}", false, &ok, &body), ERR_SYNTAX);
	assert_int_equal(answer("SSH-2.0\r\n\r\n", false, &ok, &body), ERR_SYNTAX);
	assert_int_equal(answer("HTTP/1.1 200 OK\r\n", true, &ok, &body), ERR_SYNTAX);
	assert_int_equal(answer("", false, &ok, &body), 0);
}

static enum scan_action action(const char *json)
{
	SCOPED_ARENA a = arena_new();
	struct scan_spam v;

	return rspamd_verdict(a, span_str(json), &v, NULL) < 0 ? 0 : v.action;
}

static void test_verdict(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct scan_spam v;

	(void)state;
	assert_int_equal(rspamd_verdict(a, SPAN("{\"score\":5.25,\"required_score\":15,\"action\":\"add header\",\"symbols\":{\"A_B\":"
		"{\"score\":4.0},\"C(x)\\r\\nX: y\":{\"score\":-1.5}},\"messages\":{\"smtp_message\":\"Try\\r\\nlater\"}}"), &v, NULL), 0);
	assert_int_equal(v.action, SCAN_JUNK);
	assert_int_equal(v.score_milli, 5250);
	assert_int_equal(v.required_milli, 15000);
	assert_true(span_eqz(v.words, "A_B(4.00) C?x???X??y(-1.50)"));
	assert_true(span_eqz(v.message, "Try??later"));
	assert_int_equal(action("{\"action\":\"no action\"}"), SCAN_PASS);
	assert_int_equal(action("{\"action\":\"greylist\"}"), SCAN_DEFER);
	assert_int_equal(action("{\"action\":\"soft reject\"}"), SCAN_DEFER);
	assert_int_equal(action("{\"action\":\"rewrite subject\"}"), SCAN_JUNK);
	assert_int_equal(action("{\"action\":\"reject\"}"), SCAN_REJECT);
	assert_int_equal(action("{\"action\":\"something new\"}"), SCAN_PASS);
	assert_int_equal(action("{\"action\":1}"), 0);
	assert_int_equal(action("[]"), 0);
	assert_int_equal(action(""), 0);
	assert_int_equal(action("{\"action\":\"reject\",\"score\":1e308}"), SCAN_REJECT);
}

static int virus(struct arena *a, const char *text, size_t n, struct span *out)
{
	return clamd_verdict(a, SPAN_BYTES(text, n), out, NULL);
}

static void test_clamd(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct span v;

	(void)state;
	assert_int_equal(virus(a, "stream: OK\0", 11, &v), 0);
	assert_int_equal(v.n, 0);
	assert_int_equal(virus(a, "stream: Eicar-Test.UNOFFICIAL FOUND\n", 36, &v), 0);
	assert_true(span_eqz(v, "Eicar-Test.UNOFFICIAL"));
	assert_int_equal(virus(a, "stream: A\r\nB: c FOUND\0", 22, &v), 0);
	assert_true(span_eqz(v, "A??B??c"));
	assert_int_equal(virus(a, "INSTREAM size limit exceeded. ERROR\0", 36, &v), ERR_LATER);
	assert_int_equal(virus(a, "stream: Can't allocate memory ERROR\0", 36, &v), ERR_LATER);
	assert_int_equal(virus(a, "stream:  FOUND", 14, &v), ERR_LATER);
	assert_int_equal(virus(a, "", 0, &v), ERR_LATER);
}

/* Said and not yet sent, or sent without being said. */
static void test_answer_bound(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct span body;
	SCOPED_BUF b;
	bool ok;

	(void)state;
	assert_int_equal(answer(arena_printf(a, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n%c", SCAN_ANSWER_MAX, 0).p, false, &ok, &body), 0);
	assert_int_equal(answer(arena_printf(a, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n%c", SCAN_ANSWER_MAX + 1, 0).p, false, &ok, &body),
		ERR_SYNTAX);
	buf_init(&b, SCAN_ANSWER_MAX + 1);
	buf_addz(&b, "HTTP/1.0 200 OK\r\n\r\n");
	buf_fill(&b, 'x', SCAN_ANSWER_MAX - b.n);
	assert_int_equal(rspamd_answer(buf_span(&b), true, &ok, &body, NULL), 1);
	buf_addc(&b, 'x');
	assert_int_equal(rspamd_answer(buf_span(&b), true, &ok, &body, NULL), ERR_SYNTAX);
}

/* Symbols of the same length until one more ends exactly at the bound (32 are kept for its score), then one octet longer. */
static void test_words_bound(void **state)
{
	(void)state;
	for (int over = 0; over < 2; over++) {
		SCOPED_ARENA a = arena_new();
		struct scan_spam v;
		size_t n = 0, last;
		SCOPED_BUF b;

		buf_init(&b, 10000);
		buf_addz(&b, "{\"action\":\"reject\",\"symbols\":{");
		for (; n + 99 + 32 < SCAN_WORDS_MAX; n += n ? 99 : 98)
			buf_addf(&b, "\"S%091zu\":{\"score\":0.5},", n);
		last = SCAN_WORDS_MAX - 32 - n + (size_t)over;
		buf_addf(&b, "\"%0*d\":{\"score\":0.5}}}", (int)last, 7);
		assert_int_equal(rspamd_verdict(a, buf_span(&b), &v, NULL), 0);
		assert_int_equal(v.words.n, over ? n : n + 1 + last + 6);
		assert_true(span_ends(v.words, over ? SPAN("(0.50)") : SPAN("7(0.50)")));
	}
}

static void test_names_bound(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct span v, rcpts[SCAN_RCPTS_MAX + 1];
	struct scan_envelope to = { .rcpts = rcpts };
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 100000);
	for (size_t n = SCAN_NAME_MAX; n <= SCAN_NAME_MAX + 1; n++) {
		struct span said = arena_printf(a, "stream: %0*d FOUND", (int)n, 7);

		assert_int_equal(virus(a, said.p, said.n, &v), 0);
		assert_int_equal(v.n, SCAN_NAME_MAX);
		assert_int_equal(span_ends(v, SPAN("7")), n == SCAN_NAME_MAX);
	}
	for (to.n_rcpts = SCAN_RCPTS_MAX; to.n_rcpts <= SCAN_RCPTS_MAX + 1; to.n_rcpts++) {
		rcpts[to.n_rcpts - 1] = SPAN("last@example.org");
		for (size_t i = 0; i + 1 < to.n_rcpts; i++)
			rcpts[i] = SPAN("a@example.org");
		buf_reset(&b);
		rspamd_request(&b, "/checkv2", &to, "mail.example.org", 1);
		assert_int_equal(span_find(buf_span(&b), SPAN("Rcpt: last@")) > 0, to.n_rcpts == SCAN_RCPTS_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_places), cmocka_unit_test(test_request), cmocka_unit_test(test_answer),
		cmocka_unit_test(test_verdict), cmocka_unit_test(test_clamd), cmocka_unit_test(test_answer_bound),
		cmocka_unit_test(test_words_bound), cmocka_unit_test(test_names_bound) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
