#include "seal/seal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct seal_place PLACE = { "message", "summary", 7 };

static void test_round_trip(void **state)
{
	static const size_t sizes[] = { 0, 1, 63, 64, 65, 2000, 100000 };
	SCOPED_ARENA a = arena_new();
	struct seal_key k;

	(void)state;
	seal_key_new(&k);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *p = arena_alloc(a, sizes[i]);
		struct span sealed, again, out;
		struct err e = ERR_INIT;

		memset(p, (int)i + 1, sizes[i]);
		sealed = seal_column(a, &k, PLACE, SPAN_BYTES(p, sizes[i]));
		again = seal_column(a, &k, PLACE, SPAN_BYTES(p, sizes[i]));
		assert_int_equal(sealed.n, sizes[i] + SEAL_OVERHEAD);
		assert_false(span_eq(sealed, again));
		assert_int_equal(unseal_column(a, &k, PLACE, sealed, &out, &e), 0);
		assert_true(span_eq(out, SPAN_BYTES(p, sizes[i])));
	}
}

static void refuse(struct arena *a, const struct seal_key *k, struct seal_place at, struct span sealed)
{
	struct err e = ERR_INIT;
	struct span out;

	assert_int_equal(unseal_column(a, k, at, sealed, &out, &e), ERR_BROKEN);
	assert_int_equal(e.code, ERR_BROKEN);
	assert_null(out.p);
}

/* Every single byte (nonce, text, tag) counts, and every cut. */
static void test_tamper(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct seal_key k, other;
	struct span sealed, copy;

	(void)state;
	seal_key_new(&k);
	seal_key_new(&other);
	sealed = seal_column(a, &k, PLACE, SPAN("the minutes of the board"));
	for (size_t i = 0; i < sealed.n; i++) {
		char *p = arena_dup(a, sealed.p, sealed.n);

		p[i] ^= 0x10;
		refuse(a, &k, PLACE, SPAN_BYTES(p, sealed.n));
		refuse(a, &k, PLACE, span_sub(sealed, 0, i));
	}
	copy = SPAN_BYTES(arena_alloc(a, sealed.n + 1), sealed.n + 1);
	memcpy((char *)copy.p, sealed.p, sealed.n);
	refuse(a, &k, PLACE, copy);
	refuse(a, &other, PLACE, sealed);
}

static void test_moved(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct seal_key k;
	struct span sealed, out;
	struct err e = ERR_INIT;

	(void)state;
	seal_key_new(&k);
	sealed = seal_column(a, &k, PLACE, SPAN("x"));
	refuse(a, &k, (struct seal_place){ "message", "summary", 8 }, sealed);
	refuse(a, &k, (struct seal_place){ "message", "summary", 7ULL << 32 }, sealed);
	refuse(a, &k, (struct seal_place){ "message", "subject", 7 }, sealed);
	refuse(a, &k, (struct seal_place){ "mailbox", "summary", 7 }, sealed);
	refuse(a, &k, (struct seal_place){ "messages", "ummary", 7 }, sealed);
	refuse(a, &k, (struct seal_place){ "", "messagesummary", 7 }, sealed);
	assert_int_equal(unseal_column(a, &k, PLACE, sealed, &out, &e), 0);
}

static void test_lookup(void **state)
{
	unsigned char x[SEAL_LOOKUP_LEN], y[SEAL_LOOKUP_LEN], m[32];
	struct seal_key k, other;

	(void)state;
	seal_key_new(&k);
	seal_key_new(&other);
	seal_lookup(&k, "address", SPAN("anna@example.org"), x);
	seal_lookup(&k, "address", SPAN("anna@example.org"), y);
	assert_memory_equal(x, y, sizeof(x));
	seal_lookup(&k, "domain", SPAN("anna@example.org"), y);
	assert_memory_not_equal(x, y, sizeof(x));
	seal_lookup(&k, "addressa", SPAN("nna@example.org"), y);
	assert_memory_not_equal(x, y, sizeof(x));
	seal_lookup(&other, "address", SPAN("anna@example.org"), y);
	assert_memory_not_equal(x, y, sizeof(x));
	seal_mac(&k, "address", SPAN("anna@example.org"), m);
	assert_memory_not_equal(x, m, sizeof(x));
	seal_lookup(&k, "address", SPAN_NONE, y);
}

static void test_wrap(void **state)
{
	unsigned char w[SEAL_WRAPPED_LEN];
	struct seal_key under, other, k, out;
	struct err e = ERR_INIT;

	(void)state;
	seal_key_new(&under);
	seal_key_new(&other);
	seal_key_new(&k);
	seal_key_wrap(&under, 42, &k, w);
	assert_int_equal(seal_key_unwrap(&under, 42, SPAN_BYTES(w, sizeof(w)), &out, &e), 0);
	assert_memory_equal(&k, &out, sizeof(k));
	assert_int_equal(seal_key_unwrap(&under, 43, SPAN_BYTES(w, sizeof(w)), &out, &e), ERR_BROKEN);
	err_clear(&e);
	assert_int_equal(seal_key_unwrap(&other, 42, SPAN_BYTES(w, sizeof(w)), &out, &e), ERR_BROKEN);
	err_clear(&e);
	assert_int_equal(seal_key_unwrap(&under, 42, SPAN_BYTES(w, sizeof(w) - 1), &out, &e), ERR_BROKEN);
	for (size_t i = 0; i < sizeof(w); i++) {
		err_clear(&e);
		w[i] ^= 1;
		assert_int_equal(seal_key_unwrap(&under, 42, SPAN_BYTES(w, sizeof(w)), &out, &e), ERR_BROKEN);
		w[i] ^= 1;
	}
	seal_key_wipe(&k);
	assert_memory_equal(&k, (struct seal_key){ { 0 } }.k, sizeof(k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_tamper),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_wrap),
	};

	if (seal_init(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
