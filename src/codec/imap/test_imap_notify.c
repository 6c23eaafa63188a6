#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/buf.h"
#include "codec/imap/imap_lex.h"
#include "codec/imap/imap_notify.h"

static int parse(struct arena *a, const char *text, struct imap_notify_args *out)
{
	struct imap_command cmd;
	struct imap_args g;
	struct err e = ERR_INIT;
	int r;

	if (imap_lex(a, arena_printf(a, "a NOTIFY %s", text), NULL, 0, &cmd, &e) < 0)
		fail_msg("%s: %s", text, e.say);
	g = imap_args(cmd.args.v, cmd.args.n);
	r = imap_notify_parse(a, &g, out, &e);
	assert_int_equal(r, e.code);
	return r;
}

static void test_good(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct imap_notify_args n;

	(void)state;
	assert_int_equal(parse(a, "none", &n), 0);
	assert_true(n.none && !n.n);
	assert_int_equal(parse(a, "SET STATUS (selected-delayed (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From To)]) MessageExpunge FlagChange))"
		" (subtree (Lists \"Zwei Worte\") (MailboxName)) (mailboxes INBOX NONE) (personal (messagenew MESSAGEEXPUNGE SubscriptionChange))", &n), 0);
	assert_true(n.status && !n.none && n.n == 4);
	assert_int_equal(n.group[0].filter, IMAP_FILTER_SELECTED_DELAYED);
	assert_int_equal(n.group[0].events, IMAP_EVENT_MESSAGES);
	assert_int_equal(n.group[0].n_items, 2);
	assert_int_equal(n.group[0].items[1].kind, IMAP_FETCH_SECTION);
	assert_true(n.group[1].filter == IMAP_FILTER_SUBTREE && n.group[1].n_names == 2);
	assert_true(span_eqz(n.group[1].names[1], "Zwei Worte") && n.group[1].events == IMAP_EVENT_NAME);
	assert_true(n.group[2].filter == IMAP_FILTER_MAILBOXES && span_eqz(n.group[2].names[0], "INBOX") && !n.group[2].events);
	assert_int_equal(n.group[3].events, IMAP_EVENT_NEW | IMAP_EVENT_EXPUNGE | IMAP_EVENT_SUBSCRIPTION);
	assert_int_equal(parse(a, "SET (inboxes (MailboxName)) (subscribed NONE) (subtree-one x NONE)", &n), 0);
	assert_int_equal(n.n, 3);
}

static void test_bad(void **state)
{
	static const char *const bad[] = { "", "SET", "SET STATUS", "NONE x", "SETS (personal NONE)", "SET personal NONE", "SET ()", "SET (personal)",
		"SET (personal ())", "SET (personal NONE NONE)", "SET (other NONE)", "SET (mailboxes NONE)", "SET (mailboxes () NONE)",
		"SET (mailboxes (a (b)) NONE)", "SET (personal (MessageNew))", "SET (personal (MessageExpunge))", "SET (personal (FlagChange))",
		"SET (selected (MailboxName))", "SET (selected NONE) (selected-delayed NONE)", "SET (personal (MessageNew (UID) MessageExpunge))",
		"SET (selected (MessageNew () MessageExpunge))", "SET (selected (MessageNew (NOSUCH) MessageExpunge))",
		"SET (selected (MessageNew (UID) (UID) MessageExpunge))", "SET (selected (MessageNew MessageExpunge (UID)))", "SET (personal (\"x\"))",
		"SET (personal NONE) x" };
	static const char *const events[] = { "SET (personal (AnnotationChange))", "SET (personal (MailboxMetadataChange ServerMetadataChange))",
		"SET (personal (MessageNew MessageExpunge OtherThing (a (b)) MailboxName))" };
	SCOPED_ARENA a = arena_new();
	struct imap_notify_args n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parse(a, bad[i], &n) != ERR_SYNTAX)
			fail_msg("taken: %s", bad[i]);
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (parse(a, events[i], &n) != ERR_PARAM || !n.bad_event)
			fail_msg("taken: %s", events[i]);
}

static void test_limits(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct imap_notify_args n;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 65536);
	buf_addz(&b, "SET");
	for (int i = 0; i < IMAP_NOTIFY_GROUPS_MAX; i++)
		buf_addz(&b, " (personal NONE)");
	buf_addc(&b, 0);
	assert_int_equal(parse(a, b.p, &n), 0);
	b.n--;
	buf_addz(&b, " (personal NONE)");
	buf_addc(&b, 0);
	assert_int_equal(parse(a, b.p, &n), ERR_LIMIT);
	buf_reset(&b);
	buf_addz(&b, "SET (mailboxes (");
	for (int i = 0; i < IMAP_NOTIFY_NAMES_MAX; i++)
		buf_addz(&b, i ? " x" : "x");
	buf_addz(&b, ") NONE)");
	buf_addc(&b, 0);
	assert_int_equal(parse(a, b.p, &n), 0);
	b.n--;
	buf_addz(&b, " (subtree y NONE)");
	buf_addc(&b, 0);
	assert_int_equal(parse(a, b.p, &n), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_limits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
