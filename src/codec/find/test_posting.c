/* Posting lists there and back, dense and sparse; damaged rows; runs of octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/time.h"
#include "codec/find/gram.h"
#include "codec/find/posting.h"

static void test_there_and_back(void **state)
{
	SCOPED_ARENA a = arena_new();
	const uint16_t few[] = { 0, 7, 8, 65000 }, one[] = { 3 };
	uint16_t *many = ARENA_ARRAY(a, uint16_t, 20000), *got = ARENA_ARRAY(a, uint16_t, POSTING_DOCS_MAX);
	struct posting_out o = { NULL, 65001, 100 };
	struct posting_in i;
	uint32_t token;
	size_t n;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1u << 20);
	o.b = &b;
	for (size_t k = 0; k < 20000; k++)
		many[k] = (uint16_t)(3 * k + 1);
	posting_add(&o, 100, few, 4);
	posting_add(&o, 101, many, 20000);
	posting_add(&o, UINT32_MAX, one, 1);
	assert_true(b.n < 65001 / 8 + 40);
	i = (struct posting_in){ buf_span(&b), 65001, 100 };
	assert_int_equal(posting_next(&i, &token, got, &n, NULL), 1);
	assert_true(token == 100 && n == 4 && got[1] == 7 && got[3] == 65000);
	assert_int_equal(posting_next(&i, &token, got, &n, NULL), 1);
	assert_true(token == 101 && n == 20000 && got[0] == 1 && got[19999] == 59998);
	assert_int_equal(posting_next(&i, &token, got, &n, NULL), 1);
	assert_true(token == UINT32_MAX && n == 1 && got[0] == 3);
	assert_int_equal(posting_next(&i, &token, got, &n, NULL), 0);
	i = (struct posting_in){ buf_span(&b), 65001, 100 };
	assert_int_equal(posting_find(i, 101, got, &n, NULL), 0);
	assert_true(n == 20000 && got[2] == 7);
	assert_int_equal(posting_find(i, 102, got, &n, NULL), 0);
	assert_int_equal(n, 0);
}

static void test_damaged(void **state)
{
	static const struct span rows[] = { SPAN("\x80"), SPAN("\0"), SPAN("\0\0"), SPAN("\0\x65"), SPAN("\0\x02\x01"),
		SPAN("\0\x01\x64"), SPAN("\0\x0d"), SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") };
	SCOPED_ARENA a = arena_new();
	struct span cut = SPAN("\x03\x01");
	uint16_t doc[100];
	uint64_t *ids;
	uint32_t token;
	size_t n;

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct posting_in i = { rows[k], 100, 0 };
		struct err e = ERR_INIT;

		assert_int_equal(posting_next(&i, &token, doc, &n, &e), ERR_SYNTAX);
		assert_int_equal(e.code, ERR_SYNTAX);
	}
	assert_int_equal(posting_ids_read(a, &cut, 10, &ids, &n, NULL), ERR_SYNTAX);
}

static void test_ids(void **state)
{
	SCOPED_ARENA a = arena_new();
	const uint64_t ids[] = { 0, 1, 5000, (uint64_t)1 << 53 };
	uint64_t *got;
	struct span in;
	size_t n;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	posting_ids_write(&b, ids, 4);
	posting_ids_write(&b, NULL, 0);
	in = buf_span(&b);
	assert_int_equal(posting_ids_read(a, &in, 4, &got, &n, NULL), 0);
	assert_int_equal(n, 4);
	assert_memory_equal(got, ids, sizeof(ids));
	assert_int_equal(posting_ids_read(a, &in, 4, &got, &n, NULL), 0);
	assert_true(n == 0 && in.n == 0);
}

static void test_runs(void **state)
{
	SCOPED_ARENA a = arena_new();
	char *noise = arena_alloc(a, 1u << 20);
	struct gram_set g;

	(void)state;
	gram_init(&g);
	gram_add(&g, SPAN("ab"));
	assert_int_equal(g.n, 0);
	gram_add(&g, SPAN("abcabc"));
	assert_int_equal(g.n, 3);
	assert_int_equal(g.v[0], 0x616263);
	gram_reset(&g);
	gram_add(&g, SPAN("abc"));
	assert_int_equal(g.n, 1);
	random_bytes(noise, 1u << 20);
	gram_add(&g, (struct span){ noise, 1u << 20 });
	assert_true(g.full && g.n == GRAM_MAX);
	gram_reset(&g);
	assert_false(g.full);
	gram_fini(&g);
}

static void test_bound(void **state)
{
	SCOPED_ARENA a = arena_new();
	const uint16_t last[] = { POSTING_DOCS_MAX - 1 };
	uint16_t *got = ARENA_ARRAY(a, uint16_t, POSTING_DOCS_MAX);
	struct posting_out o = { NULL, POSTING_DOCS_MAX, 0 };
	uint32_t token;
	size_t n;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	o.b = &b;
	posting_add(&o, 5, last, 1);
	for (uint32_t docs = POSTING_DOCS_MAX; docs <= POSTING_DOCS_MAX + 1; docs++) {
		struct posting_in i = { buf_span(&b), docs, 0 };

		assert_int_equal(posting_next(&i, &token, got, &n, NULL), docs > POSTING_DOCS_MAX ? ERR_SYNTAX : 1);
	}
	assert_int_equal(got[0], POSTING_DOCS_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_ids), cmocka_unit_test(test_bound), cmocka_unit_test(test_runs) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
