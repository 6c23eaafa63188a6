/* Unit tests of base: spans, buffers, arenas, scanning, the wire encoding, log lines. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/scan.h"
#include "base/time.h"
#include "base/wire.h"

static void test_span(void **state)
{
	struct span s = SPAN("a,b,,c");

	(void)state;
	assert_true(span_eqz(span_cut(&s, ','), "a"));
	assert_true(span_eqz(span_cut(&s, ','), "b"));
	assert_true(span_eqz(span_cut(&s, ','), ""));
	assert_true(span_eqz(span_cut(&s, ','), "c"));
	assert_int_equal(s.n, 0);
	assert_true(span_ieq(SPAN("INBOX"), SPAN("inBox")));
	assert_false(span_ieq(SPAN("INBOX"), SPAN("inBo")));
	assert_int_equal(span_find(SPAN("hello"), SPAN("lo")), 3);
	assert_int_equal(span_find(SPAN_NONE, SPAN("lo")), -1);
	assert_true(span_eqz(span_trim(SPAN(" \t x \r\n")), "x"));
	assert_true(span_equal_ct(SPAN("ab"), SPAN("ab")));
	assert_false(span_equal_ct(SPAN("ab"), SPAN("ac")));
	assert_true(span_cmp(SPAN("a"), SPAN("ab")) < 0);
}

static void test_buf_bound_is_sticky(void **state)
{
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 10);
	assert_true(buf_addz(&b, "12345"));
	assert_true(buf_addf(&b, "%d", 67890));
	assert_false(buf_addc(&b, 'x'));
	assert_true(b.failed);
	assert_false(buf_addz(&b, ""));
	assert_true(span_eqz(buf_span(&b), "1234567890"));
	buf_reset(&b);
	assert_true(buf_addu(&b, UINT32_MAX));
	buf_eat(&b, 9);
	assert_true(span_eqz(buf_span(&b), "5"));
}

static bool holds(const char *p, size_t n, const char *word)
{
	return memmem(p, n, word, strlen(word)) != NULL;
}

static void test_secret_buf_wipes(void **state)
{
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 100000);
	buf_secret(&b);
	buf_addz(&b, "a LOGIN anna hunter-22 rest");
	buf_eat(&b, 23); /* what is left moves to the front: its old place is empty */
	assert_true(span_eqz(buf_span(&b), "rest"));
	assert_false(holds(b.p + 4, b.cap - 4 < 23 ? b.cap - 4 : 23, "hunter"));
	assert_false(holds(b.p + 4, 23, "rest"));
	buf_addz(&b, " hunter-22");
	buf_reset(&b);
	assert_false(holds(b.p, 27, "hunter"));
	buf_addz(&b, "hunter-22");
	buf_fill(&b, 'x', 50000); /* grows */
	buf_addf(&b, "%s", "end");
	assert_int_equal(b.n, 50012);
	assert_memory_equal(b.p, "hunter-22xxx", 12);
	assert_true(b.secret);
	buf_fini(&b);
	assert_true(b.secret && b.max == 100000 && !b.p);
}

static void test_arena_wipe(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct span s = arena_span(a, SPAN("hunter-22"));

	(void)state;
	arena_wipe(a); /* the first block stays, so it may be looked at */
	assert_false(holds(s.p, 9, "h"));
	assert_int_equal(arena_used(a), 0);
	assert_ptr_equal(arena_span(a, SPAN("again")).p, s.p);
}

static void test_arena(void **state)
{
	SCOPED_ARENA a = arena_new();
	char *first = arena_alloc(a, 10);

	(void)state;
	memset(first, 'x', 10);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(*(char *)arena_alloc(a, 1000), 0);
	assert_int_equal(first[9], 'x');
	arena_reset(a);
	assert_int_equal(arena_used(a), 0);
	assert_true(span_eqz(arena_printf(a, "%s-%d", "n", 7), "n-7"));
}

static void test_scan_num(void **state)
{
	static const struct { const char *in; bool ok; uint64_t value; } rows[] = {
		{ "0", true, 0 }, { "42", true, 42 }, { "", false, 0 }, { "-1", false, 0 },
		{ "18446744073709551615", true, UINT64_MAX }, { "18446744073709551616", false, 0 },
		{ "99999999999999999999999", false, 0 }, { "1x", false, 0 },
	};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		v = 0;
		assert_int_equal(span_num(span_str(rows[i].in), &v, 0, UINT64_MAX), rows[i].ok);
		if (rows[i].ok)
			assert_true(v == rows[i].value);
	}
	assert_false(span_num(SPAN("5"), &v, 6, 9));
}

static void test_wire(void **state)
{
	SCOPED_BUF b;
	struct wire w;

	(void)state;
	buf_init(&b, 1000);
	wire_u8(&b, 7);
	wire_u64(&b, 1ULL << 60);
	wire_span(&b, SPAN("text"));
	w = wire_open(buf_span(&b));
	assert_int_equal(wire_get_u8(&w), 7);
	assert_true(wire_get_u64(&w) == 1ULL << 60);
	assert_true(span_eqz(wire_get_span(&w, 10), "text"));
	assert_true(wire_done(&w));
	assert_int_equal(wire_get_u32(&w), 0);
	assert_true(w.failed);
	w = wire_open(SPAN("\xff\xff\xff\xff" "abc"));
	wire_get_span(&w, SIZE_MAX);
	assert_true(w.failed);
}

static void set_shift(int fd, int64_t sec)
{
	int64_t us = sec * US_PER_SEC;

	assert_int_equal(pwrite(fd, &us, sizeof(us), 0), sizeof(us));
}

/* Which of the two clocks goes on when the real one is set, and when the set one counts. */
static void test_clock_is_set(void **state)
{
	char path[] = "/tmp/kt-clock-XXXXXX";
	const int64_t day = 86400;
	int64_t start;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	set_shift(fd, 0);
	assert_int_equal(time_test_shift(path), 0);
	start = time_steady_sec();
	assert_true(llabs(start - time_real_sec()) <= 1);
	set_shift(fd, 30);                              /* a little: followed */
	assert_true(llabs(time_steady_sec() - start - 30) <= 1);
	set_shift(fd, 9 * day);
	assert_true(llabs(time_steady_sec() - start - 30) <= 1 && llabs(time_past_sec() - start - 30) <= 1);
	time_test_advance_mono(day / 2 * US_PER_SEC);   /* half a day later it is set once more: */
	set_shift(fd, day / 2 - 40 * day);
	assert_true(llabs(time_steady_sec() - start - 30 - day / 2) <= 1);
	assert_true(llabs(time_past_sec() - start + 40 * day - day / 2) <= 1);
	time_test_advance_mono(day * US_PER_SEC - 9 * US_PER_SEC);
	set_shift(fd, day / 2 - 40 * day + day - 9);    /* and has not stood for a day yet */
	assert_true(llabs(time_steady_sec() - start - 30 - day / 2 - day + 9) <= 1);
	time_test_advance_mono(10 * US_PER_SEC);
	set_shift(fd, day / 2 - 40 * day + day + 1);
	assert_true(llabs(time_steady_sec() - time_real_sec()) <= 1);
	set_shift(fd, 0);
	time_test_advance_mono((-day / 2 - day - 1) * US_PER_SEC);
	unlink(path);
	close(fd);
}

static char last_line[2048];
static void sink(struct span line)
{
	memcpy(last_line, line.p, line.n);
	last_line[line.n] = '\0';
}

static void test_log_escapes(void **state)
{
	struct logline l;

	(void)state;
	log_test_sink(sink);
	time_test_set_real(1421315100 * US_PER_SEC); /* 15 January 2015, 9:45 in Düsseldorf */
	log_begin(&l, "cmd");
	log_kv(&l, "who", SPAN("a\nb\"c"));
	log_ki(&l, "n", -3);
	log_end(&l);
	assert_string_equal(last_line,
		"ts=2015-01-15T09:45:00.000Z role=main event=cmd who=\"a\\x0ab\\\"c\" n=-3\n");
	time_test_set_real(0);
	log_test_sink(NULL);
}

static void test_err_keeps_the_cause(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&e, ERR_EXISTS, "Mailbox already exists", "id=%d", 4), ERR_EXISTS);
	err_set(&e, ERR_PARAM, "other", "other");
	assert_int_equal(e.code, ERR_EXISTS);
	assert_string_equal(e.log, "id=4");
	assert_string_equal(err_name(e.code), "exists");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_span), cmocka_unit_test(test_buf_bound_is_sticky),
		cmocka_unit_test(test_arena), cmocka_unit_test(test_secret_buf_wipes),
		cmocka_unit_test(test_arena_wipe), cmocka_unit_test(test_scan_num),
		cmocka_unit_test(test_wire), cmocka_unit_test(test_clock_is_set), cmocka_unit_test(test_log_escapes),
		cmocka_unit_test(test_err_keeps_the_cause),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
