#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "codec/smtp/srs.h"

#define DAY 20421

static void eq(struct span s, const char *want)
{
	if (!span_eqz(s, want))
		fail_msg("\"%.*s\" is not \"%s\"", SPAN_F(s), want);
}

static void test_there_and_back(void **state)
{
	SCOPED_ARENA a = arena_new();
	static const unsigned char mac[5] = { 0, 0x44, 0x32, 0x14, 0xc7 };
	struct span body = srs_body(a, DAY, SPAN("news.example"), SPAN("bounce=ann=x")), hash = srs_hash(a, mac), local, domain;
	struct srs s;

	(void)state;
	eq(hash, "ABCDEFGH");
	eq(body, "6F=news.example=bounce=ann=x");
	local = srs_local(a, SRS_PLAIN, hash, body);
	eq(local, "SRS0=ABCDEFGH=6F=news.example=bounce=ann=x");
	assert_true(srs_parse(local, &s));
	assert_int_equal(s.kind, SRS_PLAIN);
	eq(s.hash, "ABCDEFGH");
	eq(s.body, "6F=news.example=bounce=ann=x");
	srs_origin(a, &s, &local, &domain);
	eq(local, "bounce=ann=x");
	eq(domain, "news.example");
	assert_int_equal(srs_age(s.day, DAY), 0);
	assert_int_equal(srs_age(s.day, DAY + 21), 21);
	assert_int_equal(srs_age(s.day, DAY - 1), SRS_DAYS - 1);
	assert_int_equal(srs_age(SPAN("6f"), DAY), 0);
	assert_int_equal(srs_age(SPAN("6="), DAY), -1);
	assert_int_equal(srs_age(SPAN(""), DAY), -1);
}

/* What another forwarder wrote goes back to that forwarder, whatever its separator. */
static void test_again(void **state)
{
	static const char *const theirs[] = { "SRS0=xY=2Q=a.example=b", "SRS0+xY=2Q=a.example=b", "srs0-xY=2Q=a.example=b" };
	SCOPED_ARENA a = arena_new();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct span body = srs_body_again(a, SPAN("fwd.example"), span_str(theirs[i])), local, domain;
		struct srs s;

		assert_true(srs_parse(srs_local(a, SRS_TWICE, SPAN("ABCDEFGH"), body), &s));
		assert_int_equal(s.kind, SRS_TWICE);
		srs_origin(a, &s, &local, &domain);
		assert_true(span_ieqz(local, theirs[i]));
		eq(domain, "fwd.example");
	}
}

static void test_long(void **state)
{
	static const uint64_t tokens[] = { 1, 31, 32, 1024, 1ull << 53, (1ull << 60) - 1 };
	SCOPED_ARENA a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		struct srs s;
		uint64_t got;

		assert_true(srs_parse(srs_local(a, SRS_LONG, SPAN("ABCDEFGH"), srs_body_long(a, DAY, tokens[i])), &s));
		assert_int_equal(s.kind, SRS_LONG);
		assert_true(srs_token(s.rest, &got));
		assert_true(got == tokens[i]);
	}
	assert_false(srs_token(SPAN("AAAAAAAAAAAAA"), &(uint64_t){ 0 }));
	assert_false(srs_token(SPAN("A1"), &(uint64_t){ 0 }));
	assert_false(srs_token(SPAN(""), &(uint64_t){ 0 }));
}

/* Case does not matter, everything else does. */
static void test_hash(void **state)
{
	SCOPED_ARENA a = arena_new();

	(void)state;
	assert_true(srs_hash_equal(SPAN("ABCDEFGH"), SPAN("abcdEFgh")));
	assert_false(srs_hash_equal(SPAN("ABCDEFGH"), SPAN("ABCDEFGG")));
	assert_false(srs_hash_equal(SPAN("ABCDEFG"), SPAN("ABCDEFG")));
	assert_false(srs_hash_equal(SPAN(""), SPAN("")));
	eq(srs_signed(a, SRS_PLAIN, SPAN("6F=News.Example=Ann")), "srs0=6f=news.example=ann");
	eq(srs_signed(a, SRS_TWICE, SPAN("h=+x")), "srs1=h=+x");
}

static void test_no_srs(void **state)
{
	static const char *const bad[] = { "", "SRS0", "SRS0=", "SRS0=h", "SRS0=h=", "SRS0=h=d=", "SRS0=h=d=x", "SRS0=h=d=x=", "SRS0==d=x=l",
		"SRS0=h==x=l", "SRS0=h=d==l", "SRS0.h=d=x=l", "SRS1=h=x", "SRS1=h=x=y", "SRS1=h==+y=z", "SRSL=h=d", "SRSL=h=d=", "SRS2=h=d=x=l",
		"anna", "SRS00=h=d=x=l", "xSRS0=h=d=x=l", "SRS0=h=d=x=l\n" };
	struct srs s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (srs_parse(span_str(bad[i]), &s))
			fail_msg("%s was read", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_again),
		cmocka_unit_test(test_long), cmocka_unit_test(test_hash), cmocka_unit_test(test_no_srs) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
