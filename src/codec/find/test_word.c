/* Words of text, long ones in pieces; a dictionary says of every needle that fits into a word what the text says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/buf.h"
#include "codec/find/word.h"

static void words_of(struct buf *b, char place, struct span text, bool address)
{
	struct word_cut cut = { text, SPAN_NONE, address };
	struct span w;

	while (word_next(&cut, &w)) {
		buf_addc(b, place);
		buf_add(b, w);
		buf_addc(b, '\n');
	}
}

static void test_words(void **state)
{
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 4096);
	words_of(&b, 1, SPAN("  die abrechnung, \xc3\xbc" "ber-aus a@b.example "), false);
	assert_true(span_eq(buf_span(&b), SPAN("\1die\n\1abrechnung\n\1\xc3\xbc" "ber\n\1aus\n\1a\n\1b\n\1example\n")));
	buf_reset(&b);
	words_of(&b, 1, SPAN("anna <a.b@c-d.example>"), true);
	assert_true(span_eq(buf_span(&b), SPAN("\1anna\n\1a.b@c-d.example\n")));
	buf_reset(&b);
	words_of(&b, 1, SPAN(" \r\n.,"), false);
	assert_int_equal(b.n, 0);
}

static void test_needles(void **state)
{
	char long_needle[WORD_NEEDLE_MAX + 1];

	(void)state;
	memset(long_needle, 'x', sizeof(long_needle));
	assert_true(word_inside(SPAN("e"), false) && word_inside(SPAN("\xc3\xbc" "ber1"), false));
	assert_false(word_inside(SPAN_NONE, false) || word_inside(SPAN("a b"), false) || word_inside(SPAN("a.b"), false));
	assert_true(word_inside(SPAN("a.b@c"), true));
	assert_true(word_inside(SPAN_BYTES(long_needle, WORD_NEEDLE_MAX), false));
	assert_false(word_inside(SPAN_BYTES(long_needle, WORD_NEEDLE_MAX + 1), false));
}

/* Every needle of every length that is accepted, in a word of 300 different places. */
static void test_long_words(void **state)
{
	char text[300];
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1u << 16);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i % 7 ? 'a' + i % 23 : '0' + i / 7 % 10);
	words_of(&b, 5, SPAN_BYTES(text, sizeof(text)), false);
	for (size_t len = 1; len <= WORD_NEEDLE_MAX; len++)
		for (size_t i = 0; i + len <= sizeof(text); i++) {
			struct word_look look = { buf_span(&b), 0 };
			uint32_t line;

			assert_true(word_find(&look, 5, SPAN_BYTES(text + i, len), &line));
		}
}

static void test_word_bound(void **state)
{
	static const char text[WORD_MAX + 1] = { [0 ... WORD_MAX] = 'x' };
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	words_of(&b, 1, SPAN_BYTES(text, WORD_MAX), false);
	assert_int_equal(b.n, 1 + WORD_MAX + 1);
	buf_reset(&b);
	words_of(&b, 1, SPAN_BYTES(text, WORD_MAX + 1), false);
	assert_int_equal(b.n, 1 + WORD_MAX + 1 + 1 + WORD_NEEDLE_MAX + 1 + 1);   /* a second piece, that overlaps by a needle */
}

static void test_lines(void **state)
{
	struct word_look look = { SPAN("\1aber\n\1bar\n\1barbar\n\3bar\n\3\n\3rabarber\n\3zu"), 0 };
	uint32_t line;

	(void)state;
	assert_true(word_find(&look, 3, SPAN("bar"), &line));
	assert_int_equal(line, 3);
	assert_true(word_find(&look, 3, SPAN("bar"), &line));
	assert_int_equal(line, 5);
	assert_false(word_find(&look, 3, SPAN("bar"), &line));
	look = (struct word_look){ SPAN("\3zu"), 0 };
	assert_true(word_find(&look, 3, SPAN("zu"), &line));
	assert_int_equal(line, 0);
	assert_false(word_find(&look, 3, SPAN("zu"), &line));
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_words), cmocka_unit_test(test_needles),
		cmocka_unit_test(test_long_words), cmocka_unit_test(test_word_bound), cmocka_unit_test(test_lines) };

	return cmocka_run_group_tests_name("word", tests, NULL, NULL);
}
