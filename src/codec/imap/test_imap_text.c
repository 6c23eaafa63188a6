#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/time.h"
#include "codec/imap/imap_date.h"
#include "codec/imap/imap_match.h"
#include "codec/imap/imap_set.h"
#include "codec/imap/imap_utf7.h"
#include "codec/imap/imap_write.h"

static void want(struct buf *b, const char *name, const char *text)
{
	if (!span_eqz(buf_span(b), text))
		fail_msg("%s: got %.*s want %s", name, SPAN_F(buf_span(b)), text);
	buf_reset(b);
}

static void test_set(void **state)
{
	static const struct {
		const char *in;
		uint32_t max;
		const char *want; /* NULL: refused */
		uint64_t count;
	} rows[] = {
		{"1", 9, "1", 1},
		{"3,1,2", 9, "1:3", 3},
		{"5:3", 9, "3:5", 3},
		{"1:4,2:3,9", 9, "1:4,9", 5},
		{"1:5,1:2,6", 9, "1:6", 6},
		{"*", 9, "9", 1},
		{"*:4", 9, "4:9", 6},
		{"12:*", 9, "9:12", 4},
		{"*:*", 9, "9", 1},
		{"*,3:*,2", 0, "2", 1},
		{"*", 0, "", 0},
		{"1:4294967295,7", 9, "1:4294967295", 4294967295},
		{"4294967295,4294967294", 9, "4294967294:4294967295", 2},
		{"", 9, NULL},
		{"0", 9, NULL},
		{"01", 9, NULL},
		{"1,", 9, NULL},
		{",1", 9, NULL},
		{"1:", 9, NULL},
		{":1", 9, NULL},
		{"1:2:3", 9, NULL},
		{"1 2", 9, NULL},
		{"4294967296", 9, NULL},
		{"1,x", 9, NULL},
		{"$", 9, NULL},
		{"**", 9, NULL},
	};
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		SCOPED_ARENA a = arena_new();
		struct imap_set s;
		int r = imap_set_parse(a, span_str(rows[i].in), rows[i].max, &s, NULL);

		assert_int_equal(r, rows[i].want ? 0 : ERR_SYNTAX);
		assert_int_equal(imap_set_valid(span_str(rows[i].in)), rows[i].want != NULL);
		if (!rows[i].want)
			continue;
		imap_set_format(&b, &s);
		want(&b, rows[i].in, rows[i].want);
		assert_true(imap_set_count(&s) == rows[i].count);
	}
}

static void test_set_use(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct imap_set s = {NULL};
	struct imap_set_iter it;
	uint32_t n, sum = 0;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 4000000);
	for (n = 1; n <= 100; n++)
		if (n % 10)
			imap_set_add(a, &s, n);
	imap_set_add(a, &s, UINT32_MAX);
	assert_int_equal(s.n, 11);
	assert_true(imap_set_contains(&s, 1) && imap_set_contains(&s, 99));
	assert_true(!imap_set_contains(&s, 10) && !imap_set_contains(&s, 0));
	assert_true(imap_set_contains(&s, UINT32_MAX) && !imap_set_contains(&s, UINT32_MAX - 1));
	for (it = imap_set_iter(&s); imap_set_next(&it, &n);)
		sum++;
	assert_int_equal(sum, 91);
	assert_false(imap_set_next(&it, &n));
	assert_int_equal(imap_set_count(&s), 91);
	imap_set_clip(&s, 5, 20);
	imap_set_format(&b, &s);
	want(&b, "clip", "5:9,11:19");
	imap_set_clip(&s, 10, 10);
	assert_int_equal(s.n, 0);
	it = imap_set_iter(&s);
	assert_false(imap_set_next(&it, &n));
	for (n = IMAP_SET_RANGES_MAX; n; n--)
		buf_addf(&b, "%s%u", b.n ? "," : "", n * 2);
	assert_int_equal(imap_set_parse(a, buf_span(&b), 9, &s, NULL), 0);
	assert_int_equal(s.n, IMAP_SET_RANGES_MAX);
	assert_int_equal(s.v[0].lo, 2);
	buf_addz(&b, ",1");
	assert_int_equal(imap_set_parse(a, buf_span(&b), 9, &s, NULL), ERR_LIMIT);
}

static void test_match(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool want;
	} rows[] = {
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a/b/c", true},
		{"%", "a", true},
		{"%", "a/b", false},
		{"%/%", "a/b", true},
		{"%/%", "a/b/c", false},
		{"a*c", "a/b/c", true},
		{"a%c", "abbc", true},
		{"a%c", "a/c", false},
		{"*%", "a/b", true},
		{"%*", "a/b", true},
		{"%*%", "a/b", true},
		{"%b/c", "aab/c", true},
		{"%b", "a/b", false},
		{"*b%d*", "a/bc/bxd/e", true},
		{"*b%d", "a/bc/d", false},
		{"foo", "Foo", false},
		{"inbox", "INBOX", true},
		{"InBoX/%", "INBOX/a", true},
		{"inbox/a", "INBOX/A", false},
		{"inboxx", "INBOXX", false},
		{"i%", "INBOX", true},
		{"*x", "a/INBOX", false},
		{"INBOX", "a", false},
	};
	struct imap_pattern p;
	char pattern[IMAP_PATTERN_MAX + 1], name[IMAP_NAME_MAX + 1];
	int64_t start;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(imap_pattern_init(&p, span_str(rows[i].pattern), '/', NULL), 0);
		if (imap_pattern_match(&p, span_str(rows[i].name)) != rows[i].want)
			fail_msg("%s against %s", rows[i].pattern, rows[i].name);
	}
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = "%*%*%*a%"[i % 8];
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = 'a';
	pattern[IMAP_PATTERN_MAX - 1] = 'b';
	assert_int_equal(imap_pattern_init(&p, (struct span){pattern, sizeof(pattern)}, '/', NULL),
		ERR_TOOBIG);
	assert_int_equal(
		imap_pattern_init(&p, (struct span){pattern, IMAP_PATTERN_MAX}, '/', NULL), 0);
	assert_true(p.n <= IMAP_PATTERN_MAX / 4 + 1); /* "*a" eight bytes each */
	start = time_mono_us();
	assert_false(imap_pattern_match(&p, (struct span){name, IMAP_NAME_MAX}));
	assert_true(time_mono_us() - start < US_PER_SEC); /* backtracking would take years */
	assert_int_equal(imap_pattern_init(&p, SPAN("*"), '/', NULL), 0);
	assert_true(imap_pattern_match(&p, (struct span){name, IMAP_NAME_MAX}));
	assert_false(imap_pattern_match(&p, (struct span){name, IMAP_NAME_MAX + 1}));
}

static const struct {
	const char *utf7, *utf8; /* utf8 NULL: refused */
} utf7_names[] = {
	{"", ""},
	{"INBOX", "INBOX"},
	{"a&-b", "a&b"},
	{"&-&-", "&&"},
	{"Entw&APw-rfe", "Entw\xc3\xbcrfe"},
	{"&APwA9g-", "\xc3\xbc\xc3\xb6"},
	{"&APw-&-", "\xc3\xbc&"},
	{"&APw--", "\xc3\xbc-"},
	{"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/"
					    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"},
	{"&2D3eAA-", "\xf0\x9f\x98\x80"},
	{"&AAE-", "\x01"},
	{"&", NULL},
	{"a&APw", NULL},
	{"&APw-&APY-", NULL}, /* one shift would do */
	{"&AGE-", NULL},      /* "a" */
	{"&ACY-", NULL},      /* "&" */
	{"&AAA-", NULL},      /* NUL */
	{"&2D0-", NULL},      /* half a pair */
	{"&3gA-", NULL},      /* the other half */
	{"&2D0APw-", NULL},
	{"&APx-", NULL},  /* spare bits set */
	{"&APwA-", NULL}, /* a whole character of spare bits */
	{"&A-", NULL},
	{"&AP/-", NULL},
	{"&APw=-", NULL},
	{"\xc3\xbc", NULL},
	{"a\tb", NULL},
	{"\x7f", NULL},
};

static void test_utf7(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct span s;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof(utf7_names) / sizeof(*utf7_names); i++) {
		int r = imap_utf7_decode(a, span_str(utf7_names[i].utf7), &s, NULL);

		if (r != (utf7_names[i].utf8 ? 0 : ERR_SYNTAX) || (r == 0 && !span_eqz(s, utf7_names[i].utf8)))
			fail_msg("%s: %d", utf7_names[i].utf7, r);
		if (r < 0)
			continue;
		assert_int_equal(imap_utf7_encode(&b, s, NULL), 0);
		want(&b, "encode", utf7_names[i].utf7);
	}
	assert_int_equal(imap_utf7_encode(&b, SPAN("\xff"), NULL), ERR_SYNTAX);
	assert_int_equal(imap_utf7_encode(&b, SPAN("a\0b"), NULL), ERR_SYNTAX);
	assert_int_equal(b.n, 0);
	assert_int_equal(imap_mailbox_decode(a, SPAN("iNbOx"), false, &s, NULL), 0);
	assert_true(span_eqz(s, "INBOX"));
	assert_int_equal(imap_mailbox_decode(a, SPAN("&APw-"), true, &s, NULL), 0);
	assert_true(span_eqz(s, "&APw-"));
	assert_int_equal(imap_mailbox_decode(a, SPAN("\xc3\xbc"), true, &s, NULL), 0);
	assert_int_equal(imap_mailbox_decode(a, SPAN("\xc3\xbc"), false, &s, NULL), ERR_SYNTAX);
	assert_int_equal(imap_mailbox_decode(a, SPAN("\xfc"), true, &s, NULL), ERR_SYNTAX);
}

static void test_utf8(void **state)
{
	static const struct {
		const char *s;
		bool valid, name;
	} rows[] = {
		{"a/b.c d", true, true},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true, true},
		{"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", true, true},
		{"\xc0\xaf", false, false},
		{"\xe0\x9f\xbf", false, false},
		{"\xf0\x8f\xbf\xbf", false, false},
		{"\xed\xa0\x80", false, false},
		{"\xf4\x90\x80\x80", false, false},
		{"\xe2\x82", false, false},
		{"\x80", false, false},
		{"\xc3(", false, false},
		{"", true, false},
		{"a*", true, false},
		{"%", true, false},
		{"a\nb", true, false},
		{"\x7f", true, false},
		{"\xc2\x85", true, false},
		{"\xe2\x80\xa8", true, false},
		{"/a", true, false},
		{"a/", true, false},
		{"a//b", true, false},
		{"/", true, false},
	};
	char long_name[IMAP_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (imap_utf8_valid(span_str(rows[i].s)) != rows[i].valid)
			fail_msg("row %zu", i);
		if (imap_mailbox_check(span_str(rows[i].s), '/', NULL) !=
			(rows[i].name ? 0 : ERR_PARAM))
			fail_msg("name in row %zu", i);
	}
	for (size_t i = 0; i < sizeof(long_name); i++)
		long_name[i] = 'a';
	assert_int_equal(imap_mailbox_check((struct span){long_name, IMAP_NAME_MAX}, '/', NULL), 0);
	assert_int_equal(imap_mailbox_check((struct span){long_name, IMAP_NAME_MAX + 1}, '/', NULL),
		ERR_PARAM);
	assert_int_equal(imap_mailbox_check(SPAN("a\0b"), '/', NULL), ERR_PARAM);
}

static const struct {
	const char *in;
	int64_t sec;
	int zone;
	const char *again; /* NULL: refused */
} dates[] = {
	{" 1-Jan-1970 00:00:00 +0000", 0, 0, "\" 1-Jan-1970 00:00:00 +0000\""},
	{" 7-Feb-1994 21:52:25 -0800", 760686745, -480, "\" 7-Feb-1994 21:52:25 -0800\""},
	{"07-feb-1994 21:52:25 -0800", 760686745, -480, "\" 7-Feb-1994 21:52:25 -0800\""},
	{"29-Feb-2024 12:00:00 +0530", 1709188200, 330, "\"29-Feb-2024 12:00:00 +0530\""},
	{"31-Dec-2016 23:59:60 +0000", 1483228799, 0, "\"31-Dec-2016 23:59:59 +0000\""},
	{"31-Dec-1969 23:59:59 +0000", -1, 0, "\"31-Dec-1969 23:59:59 +0000\""},
	{" 1-Jan-1970 00:00:00 -0000", 0, 0, "\" 1-Jan-1970 00:00:00 +0000\""},
	{" 1-Jan-0001 00:00:00 +2359", -62135683140, 1439,
		"\" 1-Jan-0001 00:00:00 +2359\""},
	{"31-Dec-9999 23:59:59 -2359", 253402387139, -1439,
		"\"31-Dec-9999 23:59:59 -2359\""},
	{"29-Feb-2023 12:00:00 +0000", 0, 0, NULL},
	{"29-Feb-1900 12:00:00 +0000", 0, 0, NULL},
	{"31-Apr-2023 12:00:00 +0000", 0, 0, NULL},
	{" 0-Jan-1970 00:00:00 +0000", 0, 0, NULL},
	{"32-Jan-1970 00:00:00 +0000", 0, 0, NULL},
	{"1-Jan-1970 00:00:00 +0000", 0, 0, NULL},
	{" 1-Jan-0000 00:00:00 +0000", 0, 0, NULL},
	{" 1-Jan-70 00:00:00 +0000", 0, 0, NULL},
	{" 1-Jxn-1970 00:00:00 +0000", 0, 0, NULL},
	{" 1-Jan-1970 24:00:00 +0000", 0, 0, NULL},
	{" 1-Jan-1970 00:60:00 +0000", 0, 0, NULL},
	{" 1-Jan-1970 00:00:61 +0000", 0, 0, NULL},
	{" 1-Jan-1970 00:00:00 0000", 0, 0, NULL},
	{" 1-Jan-1970 00:00:00 +2400", 0, 0, NULL},
	{" 1-Jan-1970 00:00:00 +0060", 0, 0, NULL},
	{" 1-Jan-1970 00:00:00 +000", 0, 0, NULL},
	{" 1-Jan-1970 00:00:00 +00000", 0, 0, NULL},
	{" 1-Jan-1970 00:00:00 GMT", 0, 0, NULL},
	{" 1-Ja", 0, 0, NULL},
	{"", 0, 0, NULL},
};

static void test_date(void **state)
{
	static const char *const bad_days[] = {"", "-", "1-Feb", "30-Feb-2020", "0-Jan-2020",
		"001-Jan-2020", "1-Jan-20", "1-Jan-2020 ", "1-Jan-0000", " 1-Jan-2020",
		"1-January-2020", "a-Jan-2020"};
	SCOPED_BUF b;
	int64_t n;
	int zone;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
		int r = imap_date_time_parse(span_str(dates[i].in), &n, &zone, NULL);

		if (r != (dates[i].again ? 0 : ERR_SYNTAX))
			fail_msg("%s: %d", dates[i].in, r);
		if (r < 0)
			continue;
		if (n != dates[i].sec || zone != dates[i].zone)
			fail_msg("%s: %lld %d", dates[i].in, (long long)n, zone);
		imap_date_time_format(&b, n, zone);
		want(&b, dates[i].in, dates[i].again);
	}
	imap_date_time_format(&b, INT64_MAX, 0);
	want(&b, "far", "\"31-Dec-9999 23:59:59 +0000\"");
	imap_date_time_format(&b, INT64_MIN, -99999);
	want(&b, "long ago", "\" 1-Jan-0001 00:00:00 -2359\"");
	assert_int_equal(imap_date_parse(SPAN("2-Jan-1970"), &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(imap_date_parse(SPAN("02-JAN-1970"), &n, NULL), 0);
	assert_int_equal(n, 1);
	for (size_t i = 0; i < sizeof(bad_days) / sizeof(*bad_days); i++)
		if (imap_date_parse(span_str(bad_days[i]), &n, NULL) != ERR_SYNTAX)
			fail_msg("%s", bad_days[i]);
	assert_int_equal(imap_day_of(0, 0), 0);
	assert_int_equal(imap_day_of(86399, 1), 1);
	assert_int_equal(imap_day_of(0, -1), -1);
	assert_int_equal(imap_day_of(-86400, 0), -1);
	assert_int_equal(imap_day_of(-86401, 0), -2);
}

static void test_write(void **state)
{
	static const struct span flags[] = {{"\\Seen", 5}, {"$Junk", 5}};
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 10000);
	imap_write_string(&b, SPAN("a \"b\\"), false);
	want(&b, "escapes", "\"a \\\"b\\\\\"");
	imap_write_string(&b, SPAN(""), false);
	want(&b, "empty", "\"\"");
	imap_write_string(&b, SPAN("a\r\nb"), true);
	want(&b, "line end", "{4}\r\na\r\nb");
	imap_write_string(&b, SPAN("a\0b"), true);
	want(&b, "NUL", "{3}\r\na?b");
	imap_write_string(&b, SPAN("\xc3\xa4"), false);
	want(&b, "8-bit", "{2}\r\n\xc3\xa4");
	imap_write_string(&b, SPAN("\xc3\xa4"), true);
	want(&b, "UTF-8", "\"\xc3\xa4\"");
	imap_write_string(&b, SPAN("\xe4"), true);
	want(&b, "not UTF-8", "{1}\r\n\xe4");
	imap_write_nstring(&b, SPAN_NONE, false);
	imap_write_nstring(&b, SPAN("NIL"), false);
	want(&b, "nstring", "NIL\"NIL\"");
	imap_write_astring(&b, SPAN("a]+"), false);
	imap_write_astring(&b, SPAN("nil"), false);
	imap_write_astring(&b, SPAN(""), false);
	imap_write_astring(&b, SPAN("a b"), false);
	imap_write_astring(&b, SPAN("a%"), false);
	want(&b, "astring", "a]+\"nil\"\"\"\"a b\"\"a%\"");
	imap_write_quoted(&b, SPAN("a\r\n\0\"b"));
	want(&b, "quoted", "\"a   \\\"b\"");
	imap_write_flags(&b, flags, 2);
	imap_write_flags(&b, flags, 0);
	want(&b, "flags", "(\\Seen $Junk)()");
	imap_write_mailbox(&b, SPAN("Entw\xc3\xbcrfe & x"), false);
	want(&b, "UTF-7", "\"Entw&APw-rfe &- x\"");
	imap_write_mailbox(&b, SPAN("\xc3\xbc"), true);
	want(&b, "UTF-8 name", "\"\xc3\xbc\"");
	imap_write_literal_len(&b, 18446744073709551615u, true);
	imap_write_literal_len(&b, 0, false);
	imap_write_number(&b, 7);
	want(&b, "literals", "~{18446744073709551615}\r\n{0}\r\n7");
	imap_write_text(&b, SPAN("ok\r\n* BAD\x7f\t\xc3\xa4"));
	want(&b, "text", "ok  * BAD  \xc3\xa4");
	buf_fill(&b, 'x', 2000);
	{
		SCOPED_BUF out;

		buf_init(&out, 3000);
		imap_write_string(&out, buf_span(&b), false);
		assert_true(span_starts(buf_span(&out), SPAN("{2000}\r\nx")));
		out.max = out.n;
		imap_write_quoted(&out, SPAN("x"));
		assert_true(out.failed);
	}
}

static void partial_is(const char *range, const char *set, const char *want)
{
	SCOPED_ARENA a = arena_new();
	struct imap_partial p;
	struct imap_set in, out;
	struct err e = ERR_INIT;
	SCOPED_BUF b;

	buf_init(&b, 1000);
	assert_true(imap_partial_parse(span_str(range), &p));
	assert_int_equal(imap_set_parse(a, span_str(set), 1000, &in, &e), 0);
	imap_partial_cut(a, &in, &p, &out);
	imap_set_format(&b, &out);
	assert_true(span_eqz(buf_span(&b), want));
}

static void test_partial(void **state)
{
	static const char *const bad[] = { "", "1", "0:1", "1:0", "-1:2", "1:-2", "1:2:3", "1:*", "-0:-1", "1:4294967296" };
	struct imap_partial p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(imap_partial_parse(span_str(bad[i]), &p));
	partial_is("1:1", "5:9,20", "5");
	partial_is("2:6", "5:9,20:30", "6:9,20");
	partial_is("6:2", "5:9,20:30", "6:9,20");
	partial_is("100:200", "5:9", "");
	partial_is("1:4294967295", "5:9", "5:9");
	partial_is("-1:-1", "5:9,20", "20");
	partial_is("-2:-3", "5:9,20", "8:9");
	partial_is("-1:-100", "5:9,20", "5:9,20");
	partial_is("-7:-9", "5:9,20", "");
}

static void preview_is(const char *text, size_t chars, const char *want)
{
	SCOPED_BUF b;

	buf_init(&b, 1000);
	imap_write_preview(&b, span_str(text), chars, true);
	assert_true(span_eqz(buf_span(&b), want));
}

static void test_preview(void **state)
{
	(void)state;
	preview_is("", 10, "\"\"");
	preview_is(" \r\n a\t\r\n b ", 10, "\"a b\"");
	preview_is("Gr\xc3\xbc\xc3\x9f" "e", 3, "\"Gr\xc3\xbc\"");
	preview_is("ab cd", 3, "\"ab\"");
	preview_is("ab cd", 4, "\"ab c\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_set_use),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_utf7),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_date),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_preview),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
