/* What fits how well: endings, umlauts and their digraphs, compounds, mistakes; what does not; hostile texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "codec/find/fuzzy.h"
#include "codec/mime/mime_fold.h"

#ifdef __SANITIZE_THREAD__
#define LONG (64u << 10)        /* TSan looks at all the rest of a text for each memmem */
#else
#define LONG (4u << 20)
#endif

static unsigned score(const char *needle, const char *text)
{
	SCOPED_ARENA a = arena_new();
	struct fuzzy_tally t = { { 0 }, 0 };
	struct fuzzy f;

	assert_int_equal(fuzzy_parse(a, mime_fold(a, span_str(needle)), &f, NULL), 0);
	fuzzy_look(&f, mime_fold(a, span_str(text)), 100, &t);
	return fuzzy_score(&f, &t);
}

static void test_scores(void **state)
{
	static const struct {
		const char *needle, *text;
		unsigned want;
	} rows[] = {
		{ "Rechnung", "Ihre RECHNUNG, bitte", 100 },
		{ "M\xc3\xbcller", "Herr Mueller", 95 },
		{ "Mueller", "Herr M\xc3\xbcller", 95 },
		{ "Muller", "Herr M\xc3\xbcller", 95 },
		{ "M\xc3\xbcller", "Herr Muller", 95 },
		{ "Stra\xc3\x9f" "e", "Strasse", 100 },
		{ "cafe", "Caf\xc3\xa9", 95 },
		{ "Rechnungen", "eine Rechnung", 85 },
		{ "Rechnung", "die Rechnungen", 85 },
		{ "B\xc3\xbc" "cher", "ein Buch", 85 },
		{ "meetings", "a meeting", 85 },
		{ "Rechnung", "Rechnungsdatum", 75 },
		{ "Rechnung", "Stromrechnung", 65 },
		{ "hnun", "Rechnung", 65 },
		{ "\xe6\x9c\xac\xe8\xaa\x9e", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 65 },
		{ "Helo", "help", 50 },
		{ "Helo", "hello", 50 },
		{ "Rechnugn", "Rechnung", 50 },
		{ "Rechnunk", "Rechnung", 50 },
		{ "Parteitxx", "Parteitag", 30 },
		{ "Rxchxung", "Rechnung", 0 },  /* both halves are hurt */
		{ "Kxse", "Kasse", 0 },
		{ "Vorgang4711", "Vorgang4712", 0 },
		{ "4711", "Vorgang4711", 65 },
		{ "IMAP break", "break of IMAP", 90 },
		{ "IMAP break", "an imap BREAK", 100 },
		{ "IMAP break", "IMAP is broken", 0 },
		{ "Kasse Protokoll", "Protokolle der Kasse", 83 },
		{ "Kasse Protokoll", "Protokoll", 0 },
		{ "eva@example.org", "Eva <eva@example.org>", 100 },
		{ "zu", "zu Hause", 100 },
		{ "zu", "Zug", 0 },
		{ "r Kasse", "der Kasse", 100 },
		{ "!?", "!?", 0 },
		{ "Rechnung", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned got = score(rows[i].needle, rows[i].text);

		if (got != rows[i].want)
			fail_msg("%s in %s: %u, not %u", rows[i].needle, rows[i].text, got, rows[i].want);
	}
}

static void test_places(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct fuzzy_tally t = { { 0 }, 0 };
	struct fuzzy f;

	(void)state;
	assert_int_equal(fuzzy_parse(a, SPAN("anna kasse"), &f, NULL), 0);
	fuzzy_look(&f, SPAN("anna"), 80, &t);
	assert_int_equal(fuzzy_score(&f, &t), 0);
	fuzzy_look(&f, SPAN("kasse"), 100, &t);
	assert_int_equal(fuzzy_score(&f, &t), 81);
}

/* One word as long as the text, a piece everywhere, octets that are no UTF-8, too many words. */
static void test_hostile(void **state)
{
	SCOPED_ARENA a = arena_new();
	size_t n = LONG;
	char *p = arena_alloc(a, n);
	struct fuzzy_tally t = { { 0 }, 0 };
	struct fuzzy f;

	(void)state;
	memset(p, 'a', n);
	assert_int_equal(fuzzy_parse(a, SPAN("aaaaaaab xyz"), &f, NULL), 0);
	fuzzy_look(&f, (struct span){ p, n }, 100, &t);
	for (size_t i = 0; i < n; i += 8)
		p[i] = ' ';
	fuzzy_look(&f, (struct span){ p, n }, 100, &t);
	memset(p, 0xbc, n);
	assert_int_equal(fuzzy_parse(a, SPAN("\xbc\xbc\xbc\xbc \xc3"), &f, NULL), 0);
	fuzzy_look(&f, (struct span){ p, n }, 100, &t);
	for (size_t i = 0; i < n; i += 2)
		memcpy(p + i, "a ", 2);
	assert_int_equal(fuzzy_parse(a, span_sub((struct span){ p, n }, 0, 2 * FUZZY_WORDS_MAX), &f, NULL), 0);
	assert_int_equal(f.n, FUZZY_WORDS_MAX);
	assert_int_equal(fuzzy_parse(a, span_sub((struct span){ p, n }, 0, 2 * (FUZZY_WORDS_MAX + 1)), &f, NULL), ERR_LIMIT);
	assert_int_equal(fuzzy_parse(a, (struct span){ p, n }, &f, NULL), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_scores), cmocka_unit_test(test_places), cmocka_unit_test(test_hostile) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
