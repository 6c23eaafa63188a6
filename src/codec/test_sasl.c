#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include "codec/base64.h"
#include "codec/sasl.h"

static void test_base64(void **state)
{
	static const char *const good[][2] = {{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"},
		{"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"Zm9vYmE=", "fooba"},
		{"Zm9vYmFy", "foobar"}, {"+/+/", "\xfb\xff\xbf"}};
	static const char *const junk[] = {"Z", "Zg",
		"Zg=", "Zg===", "Zh==", "Zm9=", "====", "=AAA", "Zg==Zg==", "Zm9v\r\n", "Zm 9v",
		"Zm9v=", "Zm9-", "Z=g=", "A==="};
	char out[16];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		SCOPED_BUF b;
		SCOPED_SECRET s = {0};

		assert_int_equal(base64_decode(span_str(good[i][0]), out, sizeof(out), &n), 0);
		assert_true(span_eqz(SPAN_BYTES(out, n), good[i][1]));
		assert_int_equal(base64_decode_secret(span_str(good[i][0]), &s), 0);
		assert_true(span_eqz(secret_span(&s), good[i][1]));
		buf_init(&b, 100);
		base64_encode(&b, span_str(good[i][1]), 0);
		assert_true(span_eqz(buf_span(&b), good[i][0]));
	}
	/* CVE-2025-59028: junk is an error of this one message */
	for (size_t i = 0; i < sizeof(junk) / sizeof(*junk); i++) {
		SCOPED_SECRET s = {0};

		if (base64_decode(span_str(junk[i]), out, sizeof(out), &n) != ERR_SYNTAX)
			fail_msg("%s", junk[i]);
		assert_int_equal(base64_decode_secret(span_str(junk[i]), &s), ERR_SYNTAX);
		assert_null(s.p);
	}
	assert_int_equal(base64_decode(SPAN("Zm9v\0Zm9"), out, sizeof(out), &n), ERR_SYNTAX);
	assert_int_equal(base64_decode(SPAN("Zm9vYg=="), out, 4, &n), 0);
	assert_int_equal(base64_decode(SPAN("Zm9vYmE="), out, 4, &n), ERR_TOOBIG);
}

static void test_base64_lines(void **state)
{
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 100);
	base64_encode(&b, SPAN("foobar"), 4);
	assert_true(span_eqz(buf_span(&b), "Zm9v\r\nYmFy\r\n"));
}

static void test_plain(void **state)
{
	struct sasl_plain p;
	struct err e = ERR_INIT;
	char big[SASL_PASSWORD_MAX + 10] = "";
	static const struct span bad[] = {SPAN(""), SPAN("a\0b"), SPAN("\0\0p"), SPAN("\0a\0"),
		SPAN("\0a\0p\0"), SPAN("\0a\nb\0p"), SPAN("\0\xff\0p"), SPAN("x\r\0a\0p"),
		SPAN("\0\0\0\0")};

	(void)state;
	assert_int_equal(sasl_plain_parse(SPAN("\0tim\0tanstaaftanstaaf"), &p, &e), 0);
	assert_true(!p.authorise.n && span_eqz(p.login, "tim") &&
		    span_eqz(p.password, "tanstaaftanstaaf"));
	assert_int_equal(sasl_plain_parse(SPAN("Ursel\0Kurt\0xipj3plmq\r"), &p, &e), 0);
	assert_true(span_eqz(p.authorise, "Ursel") && span_eqz(p.login, "Kurt") &&
		    span_eqz(p.password, "xipj3plmq\r"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(sasl_plain_parse(bad[i], &p, NULL), ERR_SYNTAX);
	big[1] = 'a';
	memset(big + 3, 'p', SASL_PASSWORD_MAX + 1);
	assert_int_equal(sasl_plain_parse(SPAN_BYTES(big, 3 + SASL_PASSWORD_MAX), &p, &e), 0);
	assert_int_equal(
		sasl_plain_parse(SPAN_BYTES(big, 4 + SASL_PASSWORD_MAX), &p, &e), ERR_TOOBIG);
	memset(big, 'a', SASL_NAME_MAX + 1);
	assert_int_equal(sasl_login_name(SPAN_BYTES(big, SASL_NAME_MAX), &p.login, &e), 0);
	assert_int_equal(
		sasl_login_name(SPAN_BYTES(big, SASL_NAME_MAX + 1), &p.login, NULL), ERR_TOOBIG);
	assert_int_equal(sasl_login_name(SPAN(""), &p.login, NULL), ERR_SYNTAX);
	assert_int_equal(sasl_login_password(SPAN("a\0b"), &p.login, NULL), ERR_SYNTAX);
	assert_int_equal(sasl_login_password(SPAN("secret"), &p.password, NULL), 0);
	assert_true(span_eqz(p.password, "secret"));
}

#define FIRST "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SERVER_FIRST "r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define FINAL "c=biws,r=" NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SERVER_FINAL "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static void hmac(const void *key, struct span text, unsigned char out[32])
{
	unsigned n = 32;

	assert_non_null(
		HMAC(EVP_sha256(), key, 32, (const unsigned char *)text.p, text.n, out, &n));
}

/* RFC 7677 section 3, "user" with "pencil", with the arithmetic done as a server would. */
static void test_scram_vector(void **state)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	SCOPED_BUF auth;
	struct scram_first first;
	struct scram_final final;
	struct err e = ERR_INIT;
	unsigned char salt[16], salted[32], key[32], stored[32], signature[32];
	size_t n;

	(void)state;
	buf_init(&b, 1000);
	buf_init(&auth, 1000);
	assert_int_equal(scram_first_parse(a, SPAN(FIRST), &first, &e), 0);
	assert_true(first.gs2 == 'n' && span_eqz(first.login, "user") && !first.authorise.n);
	assert_int_equal(
		base64_decode(SPAN("W22ZaJ0SNY7soEsUEjb6gQ=="), salt, sizeof(salt), &n), 0);
	scram_server_first(
		&b, first.nonce, SPAN("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"), SPAN_BYTES(salt, n), 4096);
	assert_true(span_eqz(buf_span(&b), SERVER_FIRST));
	assert_int_equal(scram_final_parse(a, SPAN(FINAL), &final, &e), 0);
	assert_true(span_eqz(final.nonce, NONCE));
	assert_true(scram_binding_ok(&first, &final, SPAN_NONE, false));
	scram_auth_message(&auth, &first, SPAN(SERVER_FIRST), &final);
	assert_int_equal(
		PKCS5_PBKDF2_HMAC("pencil", 6, salt, 16, 4096, EVP_sha256(), 32, salted), 1);
	hmac(salted, SPAN("Client Key"), key);
	assert_int_equal(EVP_Digest(key, 32, stored, NULL, EVP_sha256(), NULL), 1);
	hmac(stored, buf_span(&auth), signature);
	for (int i = 0; i < 32; i++)
		key[i] ^= signature[i];
	assert_memory_equal(key, final.proof, 32);
	hmac(salted, SPAN("Server Key"), key);
	hmac(key, buf_span(&auth), signature);
	buf_reset(&b);
	scram_server_final(&b, SPAN_BYTES(signature, 32));
	assert_true(span_eqz(buf_span(&b), SERVER_FINAL));
	buf_reset(&b);
	scram_server_error(&b, "invalid-proof");
	assert_true(span_eqz(buf_span(&b), "e=invalid-proof"));
}

static void test_scram_first(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct scram_first f;
	static const char *const bad[] = {"", "n", "n,", "n,,", "x,,n=a,r=b", "n,,n=,r=b", "n,,n=a",
		"n,,n=a,r=", "n,,r=b,n=a", "n,,m=x,n=a,r=b", "n,,n=a,r=b,m=x", "n,,n=a=b,r=b",
		"n,,n=a=2c,r=b", "n,,n=a=,r=b", "n,a=,n=a,r=b", "n,b=x,n=a,r=b", "n,a=x",
		"p=,,n=a,r=b", "p=a/b,,n=a,r=b", "p,,n=a,r=b", "n,,n=a,r=b c", "n,,n=a,r=b\x7f",
		"n,,n=a\x01,r=b", "n,,n=\xff,r=b", "n,,n=a,r=b,x", "n,,n=a,r=b,1=2",
		"n,,n=a,r=b,,x=1"};

	(void)state;
	assert_int_equal(scram_first_parse(a,
				 SPAN("p=tls-exporter,a=adm=2Cin,n=u=3Du=2C,r=abc,x=y"), &f, NULL),
		0);
	assert_true(f.gs2 == 'p' && span_eqz(f.binding, "tls-exporter") &&
		    span_eqz(f.authorise, "adm,in"));
	assert_true(span_eqz(f.login, "u=u,") && span_eqz(f.nonce, "abc"));
	assert_true(span_eqz(f.gs2_header, "p=tls-exporter,a=adm=2Cin,") &&
		    span_eqz(f.bare, "n=u=3Du=2C,r=abc,x=y"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (scram_first_parse(a, span_str(bad[i]), &f, NULL) != ERR_SYNTAX)
			fail_msg("%s", bad[i]);
	assert_int_equal(scram_first_parse(a, SPAN("n,,n=a\0b,r=c"), &f, NULL), ERR_SYNTAX);
}

static void test_scram_limits(void **state)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	struct scram_first f;

	(void)state;
	buf_init(&b, 10000);
	buf_addz(&b, "n,,n=a,r=");
	buf_fill(&b, 'x', SASL_NONCE_MAX);
	assert_int_equal(scram_first_parse(a, buf_span(&b), &f, NULL), 0);
	buf_addc(&b, 'x');
	assert_int_equal(scram_first_parse(a, buf_span(&b), &f, NULL), ERR_TOOBIG);
	buf_reset(&b);
	buf_addz(&b, "n,,n=");
	buf_fill(&b, 'x', SASL_NAME_MAX + 1);
	buf_addz(&b, ",r=x");
	assert_int_equal(scram_first_parse(a, buf_span(&b), &f, NULL), ERR_TOOBIG);
}

#define PROOF "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

static void test_scram_final(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct scram_final f;
	static const char *const bad[] = {"", PROOF, "c=biws," PROOF, "r=a,c=biws," PROOF,
		"c=biws,r=," PROOF, "c=,r=a," PROOF, "c=biw,r=a," PROOF, "c=biws,r=a",
		"c=biws,r=a,p=", "c=biws,r=a,p=AAAA", "c=biws,r=a," PROOF "x",
		"c=biws,r=a," PROOF ",x=1", "c=biws,r=a,m=1," PROOF, "c=biws,r=a b," PROOF,
		"c=biws,r=a,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQAAAA="};

	(void)state;
	assert_int_equal(scram_final_parse(a, SPAN("c=biws,r=abc,x=1," PROOF), &f, NULL), 0);
	assert_true(span_eqz(f.channel, "n,,") && span_eqz(f.nonce, "abc") &&
		    span_eqz(f.without_proof, "c=biws,r=abc,x=1"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (scram_final_parse(a, span_str(bad[i]), &f, NULL) != ERR_SYNTAX)
			fail_msg("%s", bad[i]);
}

static void test_scram_binding(void **state)
{
	struct scram_first p = {.gs2 = 'p', .gs2_header = SPAN("p=tls-exporter,,")};
	struct scram_first y = {.gs2 = 'y', .gs2_header = SPAN("y,,")};
	struct scram_first n = {.gs2 = 'n', .gs2_header = SPAN("n,,")};
	struct scram_final f = {.channel = SPAN("p=tls-exporter,,1234")};

	(void)state;
	assert_true(scram_binding_ok(&p, &f, SPAN("1234"), true));
	assert_false(scram_binding_ok(&p, &f, SPAN("1235"), true));
	assert_false(scram_binding_ok(&p, &f, SPAN_NONE, true));
	f.channel = SPAN("p=tls-exporter,,");
	assert_false(scram_binding_ok(&p, &f, SPAN_NONE, true));
	f.channel = SPAN("y,,");
	assert_true(scram_binding_ok(&y, &f, SPAN("1234"), false));
	assert_false(scram_binding_ok(&y, &f, SPAN("1234"), true));
	assert_false(scram_binding_ok(&n, &f, SPAN_NONE, false));
	f.channel = SPAN("n,,x");
	assert_false(scram_binding_ok(&n, &f, SPAN("x"), false));
	f.channel = SPAN("n,,");
	assert_true(scram_binding_ok(&n, &f, SPAN("x"), true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_lines),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_scram_vector),
		cmocka_unit_test(test_scram_first),
		cmocka_unit_test(test_scram_limits),
		cmocka_unit_test(test_scram_final),
		cmocka_unit_test(test_scram_binding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
