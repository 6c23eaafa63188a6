#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "codec/imap/imap_url.h"

static void test_good(void **state)
{
	static const struct {
		const char *in, *mailbox, *label;
		uint32_t uidvalidity, uid;
	} rows[] = {
		{ "/INBOX;UIDVALIDITY=385759045/;UID=20/;section=HEADER", "INBOX", "BODY[HEADER]", 385759045, 20 },
		{ "/a/b%2Fc%20d/;uid=1", "a/b/c d", "BODY[]", 0, 1 },
		{ "/Entw%c3%BCrfe/;UID=4294967295/;SECTION=1.2.MIME", "Entw\xc3\xbcrfe", "BODY[1.2.MIME]", 0, 4294967295 },
		{ ";UID=3/;SECTION=1/;PARTIAL=5.7", "", "BODY[1]<5>", 0, 3 },
		{ ";UID=3/;PARTIAL=5", "", "BODY[]<5>", 0, 3 },
		{ ";UID=3/;SECTION=HEADER.FIELDS%20(A%20B)", "", "BODY[HEADER.FIELDS (A B)]", 0, 3 },
	};
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct err e = ERR_INIT;
		struct imap_url u;

		assert_int_equal(imap_url_parse(a, span_str(rows[i].in), &u, &e), 0);
		assert_true(span_eqz(u.mailbox, rows[i].mailbox));
		assert_int_equal(u.uidvalidity, rows[i].uidvalidity);
		assert_int_equal(u.uid, rows[i].uid);
		buf_reset(&b);
		imap_fetch_label(&b, &u.section);
		assert_true(span_eqz(buf_span(&b), rows[i].label));
	}
}

static void test_bad(void **state)
{
	static const char *const rows[] = { "", "/", "INBOX/;UID=1", "/INBOX", "/INBOX;UID=1", "/;UID=1", "/INBOX/;UID=0", "/INBOX/;UID=",
		"/INBOX/;UID=4294967296", "/INBOX/;UID=1x", "/INBOX;UIDVALIDITY=0/;UID=1", "/INBOX;UIDVALIDITY=x/;UID=1", "/IN%0aBOX/;UID=1",
		"/IN%00/;UID=1", "/IN%4/;UID=1", "/IN%zz/;UID=1", "imap://host/INBOX/;UID=1", "//host/INBOX", ";UID=1/;SECTION=",
		";UID=1/;SECTION=NONSENSE", ";UID=1/;PARTIAL=", ";UID=1/;PARTIAL=1.", ";UID=1/;PARTIAL=1.0", ";UID=1/;PARTIAL=1.2/;SECTION=1",
		";UID=1/;URLAUTH=anonymous:INTERNAL:91354a473744909de610943775f92038", ";UID=*", ";UID=1:2" };
	SCOPED_ARENA a = arena_new();
	struct imap_url u;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (imap_url_parse(a, span_str(rows[i]), &u, NULL) != ERR_SYNTAX)
			fail_msg("taken: %s", rows[i]);
	assert_int_equal(imap_url_parse(a, (struct span){ arena_alloc(a, IMAP_URL_MAX + 1), IMAP_URL_MAX + 1 }, &u, NULL), ERR_TOOBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
