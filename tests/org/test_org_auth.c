/* Signing in: passwords, app passwords, SCRAM, lock-out. */
#include "org/org_test.h"
#include <sodium.h>

static uint64_t anna;
#define PEER SPAN("192.0.2.7")

static int sign_in(struct play *p, const char *login, const char *password, struct span peer, struct auth_who *who)
{
	err_clear(&p->e);
	return auth_password(h.org, p->a, span_str(login), span_str(password), peer, who, &p->e);
}

static struct {
	uint64_t id;
	enum account_state state;
} change;

static void play_state(struct play *p)
{
	OK(account_set_state(h.org, p->tx, change.id, change.state, &p->e));
}

static void set_state(uint64_t id, enum account_state state)
{
	change.id = id;
	change.state = state;
	play(play_state);
}

static void test_password(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct play fake = { .a = a }, *p = &fake;
	struct account_new role = { .kind = ACCOUNT_ROLE, .address = SPAN("amt@example.org") };
	struct auth_who who;
	char say[sizeof(p->e.say)];
	uint64_t id;

	(void)state;
	anna = test_person(&h, "anna@example.org", "Anna");
	OK(account_add(h.org, &role, &id, &p->e));
	OK(sign_in(p, "ANNA@Example.org", TEST_PASSWORD, PEER, &who));
	assert_int_equal(who.account_id, anna);
	assert_span(who.login, "anna@example.org");
	assert_false(who.app_password);
	/* Wrong, unknown, no address at all, a role, without password: one text for all. */
	assert_int_equal(sign_in(p, "anna@example.org", "wrong one", PEER, &who), ERR_DENIED);
	memcpy(say, p->e.say, sizeof(say));
	static const char *const others[] = { "nobody@example.org", "anna", "x@example.com", "amt@example.org", "",
		"anna+tag@example.org" };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(sign_in(p, others[i], TEST_PASSWORD, PEER, &who), ERR_DENIED);
		assert_string_equal(p->e.say, say);
	}
	assert_int_equal(sign_in(p, "anna@example.org", "", PEER, &who), ERR_DENIED);
	assert_int_equal(sign_in(p, "anna@example.org", "a\nb", PEER, &who), ERR_DENIED);
	set_state(anna, ACCOUNT_LOCKED);
	assert_int_equal(sign_in(p, "anna@example.org", TEST_PASSWORD, PEER, &who), ERR_DENIED);
	assert_string_equal(p->e.say, say);
	set_state(anna, ACCOUNT_ACTIVE);
	OK(sign_in(p, "anna@example.org", TEST_PASSWORD, PEER, &who));

	/* Composed, decomposed and with a no-break space: the same password. */
	OK(account_set_password(h.org, anna, SPAN("grüne Wiese"), &p->e));
	OK(sign_in(p, "anna@example.org", "gru\xcc\x88ne\xc2\xa0Wiese", PEER, &who));
	assert_int_equal(sign_in(p, "anna@example.org", TEST_PASSWORD, PEER, &who), ERR_DENIED);
	FAILS(ERR_PARAM, account_set_password(h.org, anna, SPAN("kürzer"), &p->e));
	FAILS(ERR_PARAM, account_set_password(h.org, anna, SPAN("long enough\xff"), &p->e));
	OK(account_set_password(h.org, anna, SPAN_NONE, &p->e));
	assert_int_equal(sign_in(p, "anna@example.org", "grüne Wiese", PEER, &who), ERR_DENIED);
	OK(account_set_password(h.org, anna, SPAN(TEST_PASSWORD), &p->e));
}

static void test_lockout(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct play fake = { .a = a }, *p = &fake;
	struct span six = SPAN("2001:db8:1:2::5"), six_too = SPAN("2001:db8:1:2:ff::6");
	struct auth_who who;

	(void)state;
	for (int i = 0; i < 9; i++)
		assert_int_equal(sign_in(p, "anna@example.org", "wrong one", SPAN("192.0.2.20"), &who), ERR_DENIED);
	OK(sign_in(p, "anna@example.org", TEST_PASSWORD, SPAN("192.0.2.20"), &who));     /* starts again at 0 */
	for (int i = 0; i < 10; i++)
		assert_int_equal(sign_in(p, "anna@example.org", "wrong one", SPAN("192.0.2.20"), &who), ERR_DENIED);
	assert_int_equal(sign_in(p, "Anna@example.org", TEST_PASSWORD, SPAN("192.0.2.20"), &who), ERR_LIMIT);
	OK(sign_in(p, "anna@example.org", TEST_PASSWORD, SPAN("192.0.2.21"), &who));
	OK(sign_in(p, "admin@example.org", TEST_PASSWORD, SPAN("192.0.2.20"), &who));
	time_test_advance_mono(15 * 60 * US_PER_SEC - US_PER_SEC);
	assert_int_equal(sign_in(p, "anna@example.org", TEST_PASSWORD, SPAN("192.0.2.20"), &who), ERR_LIMIT);
	time_test_advance_mono(2 * US_PER_SEC);
	OK(sign_in(p, "anna@example.org", TEST_PASSWORD, SPAN("192.0.2.20"), &who));

	/* Names that do not exist are locked just the same; a /64 is one peer. */
	for (int i = 0; i < 10; i++)
		assert_int_equal(sign_in(p, "ghost@example.org", "wrong one", i & 1 ? six : six_too, &who), ERR_DENIED);
	assert_int_equal(sign_in(p, "ghost@example.org", "wrong one", six, &who), ERR_LIMIT);
	assert_int_equal(sign_in(p, "ghost@example.org", "wrong one", six_too, &who), ERR_LIMIT);
	assert_int_equal(sign_in(p, "ghost@example.org", "wrong one", SPAN("2001:db8:1:3::5"), &who), ERR_DENIED);

	/* One peer over many names. */
	for (int i = 0; i < 100; i++) {
		struct span name = arena_printf(a, "u%d@example.org%c", i, 0);

		assert_int_equal(sign_in(p, name.p, "wrong one", SPAN("192.0.2.30"), &who), ERR_DENIED);
	}
	assert_int_equal(sign_in(p, "anna@example.org", TEST_PASSWORD, SPAN("192.0.2.30"), &who), ERR_LIMIT);
}

static void test_app_passwords(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct play fake = { .a = a }, *p = &fake;
	struct app_password *list;
	struct span one, two;
	struct auth_who who;
	uint64_t id1, id2;
	char typed[32] = "";
	size_t n;

	(void)state;
	OK(app_password_add(h.org, a, anna, SPAN("Telefon"), &one, &id1, &p->e));
	OK(app_password_add(h.org, a, anna, SPAN("Küchenrechner"), &two, &id2, &p->e));
	assert_int_equal(one.n, 23);
	assert_false(span_eq(one, two));
	OK(sign_in(p, "anna@example.org", arena_strz(a, two), PEER, &who));
	assert_true(who.app_password);
	assert_int_equal(who.account_id, anna);
	for (size_t i = 0, k = 0; i < one.n; i++)        /* as people type it */
		if (one.p[i] != '-')
			typed[k++] = ascii_upper(one.p[i]);
	OK(sign_in(p, "anna@example.org", typed, PEER, &who));
	OK(sign_in(p, "anna@example.org", TEST_PASSWORD, PEER, &who));
	assert_false(who.app_password);
	assert_int_equal(sign_in(p, "admin@example.org", arena_strz(a, one), PEER, &who), ERR_DENIED);
	OK(app_password_list(h.org, a, anna, &list, &n, &p->e));
	assert_int_equal(n, 2);
	assert_span(list[0].label, "Telefon");
	assert_span(list[1].label, "Küchenrechner");
	assert_true(list[0].used_sec > 0 && list[0].created_sec > 0);
	FAILS(ERR_MISSING, app_password_remove(h.org, anna + 1, id1, &p->e));
	OK(app_password_remove(h.org, anna, id1, &p->e));
	assert_int_equal(sign_in(p, "anna@example.org", arena_strz(a, one), PEER, &who), ERR_DENIED);
	FAILS(ERR_MISSING, app_password_remove(h.org, anna, id1, &p->e));
	FAILS(ERR_PARAM, app_password_add(h.org, a, anna, SPAN(""), &one, &id1, &p->e));
}

/* The client's side of SCRAM-SHA-256, RFC 5802 section 3. */
static void scram_proof(const char *password, struct span salt, uint32_t iterations, struct span message,
	unsigned char proof[32], unsigned char server[32])
{
	unsigned char u[32], salted[32], key[32], stored[32], sig[32];
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, (const unsigned char *)password, strlen(password));
	crypto_auth_hmacsha256_update(&st, (const unsigned char *)salt.p, salt.n);
	crypto_auth_hmacsha256_update(&st, (const unsigned char *)"\0\0\0\1", 4);
	crypto_auth_hmacsha256_final(&st, u);
	memcpy(salted, u, 32);
	for (uint32_t i = 1; i < iterations; i++) {
		crypto_auth_hmacsha256_init(&st, (const unsigned char *)password, strlen(password));
		crypto_auth_hmacsha256_update(&st, u, 32);
		crypto_auth_hmacsha256_final(&st, u);
		for (int k = 0; k < 32; k++)
			salted[k] ^= u[k];
	}
	crypto_auth_hmacsha256(key, (const unsigned char *)"Client Key", 10, salted);
	crypto_hash_sha256(stored, key, 32);
	crypto_auth_hmacsha256(sig, (const unsigned char *)message.p, message.n, stored);
	for (int k = 0; k < 32; k++)
		proof[k] = key[k] ^ sig[k];
	crypto_auth_hmacsha256(key, (const unsigned char *)"Server Key", 10, salted);
	crypto_auth_hmacsha256(server, (const unsigned char *)message.p, message.n, key);
}

static void test_scram(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct play fake = { .a = a }, *p = &fake;
	struct span message = SPAN("n=anna,r=x,r=xy,s=..,i=4096,c=biws,r=xy");
	unsigned char proof[32], want[32], got[32];
	struct auth_scram s, ghost, ghost2;
	struct auth_who who;

	(void)state;
	OK(auth_scram_begin(h.org, a, SPAN("anna@example.org"), PEER, &s, &p->e));
	assert_int_equal(s.account_id, anna);
	assert_true(s.iterations >= 4096 && s.salt.n >= 12);
	scram_proof(TEST_PASSWORD, s.salt, s.iterations, message, proof, want);
	OK(auth_scram_finish(h.org, a, &s, message, SPAN_BYTES(proof, 32), PEER, got, &who, &p->e));
	assert_int_equal(who.account_id, anna);
	assert_span(who.login, "anna@example.org");
	assert_memory_equal(got, want, 32);
	proof[3] ^= 1;
	FAILS(ERR_DENIED, auth_scram_finish(h.org, a, &s, message, SPAN_BYTES(proof, 32), PEER, got, &who, &p->e));
	proof[3] ^= 1;
	/* Locked between begin and finish. */
	set_state(anna, ACCOUNT_LOCKED);
	FAILS(ERR_DENIED, auth_scram_finish(h.org, a, &s, message, SPAN_BYTES(proof, 32), PEER, got, &who, &p->e));
	set_state(anna, ACCOUNT_ACTIVE);
	/* Unknown names get a salt of the same kind, always the same one. */
	OK(auth_scram_begin(h.org, a, SPAN("ghost@example.org"), PEER, &ghost, &p->e));
	OK(auth_scram_begin(h.org, a, SPAN("ghost@example.org"), PEER, &ghost2, &p->e));
	assert_true(span_eq(ghost.salt, ghost2.salt));
	assert_int_equal(ghost.salt.n, s.salt.n);
	assert_int_equal(ghost.iterations, s.iterations);
	FAILS(ERR_DENIED, auth_scram_finish(h.org, a, &ghost, message, SPAN_BYTES(proof, 32), PEER, got, &who, &p->e));
}

static void test_sealed(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct play fake = { .a = a }, *p = &fake;
	struct auth_scram s;
	struct auth_who who;
	struct span password;
	uint64_t id;

	(void)state;
	test_house_seal(&h);
	assert_int_equal(sign_in(p, "anna@example.org", TEST_PASSWORD, PEER, &who), ERR_LATER);
	assert_int_equal(sign_in(p, "ghost@example.org", TEST_PASSWORD, PEER, &who), ERR_LATER);
	FAILS(ERR_LATER, auth_scram_begin(h.org, a, SPAN("anna@example.org"), PEER, &s, &p->e));
	FAILS(ERR_LATER, app_password_add(h.org, a, anna, SPAN("x"), &password, &id, &p->e));
	test_house_unseal(&h);
	OK(sign_in(p, "anna@example.org", TEST_PASSWORD, PEER, &who));
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_password), cmocka_unit_test(test_lockout), cmocka_unit_test(test_app_passwords),
		cmocka_unit_test(test_scram), cmocka_unit_test(test_sealed),
	};

	return cmocka_run_group_tests_name(name, tests, start, stop);
}

int main(void)
{
	return run_both("org auth", group);
}
