/* Copies for the journal: of what, to whom, what they say; what cannot be copied is not taken. */
#include "mail/mail_test.h"
#include "domain/mail/journal.h"

static uint64_t anna, keeper;
static struct journal_row rows[2];
static struct journal_mail mail;

static void set(struct play *p, const char *name, const char *value)
{
	OK(org_setting_set(h.org, p->tx, name, span_str(value), &p->e));
}

static size_t copies(struct play *p)
{
	struct journal j;

	OK(journal_find(h.org, p->tx, p->a, &mail, &j, &p->e));
	return j.n;
}

static void people(void)
{
	anna = test_person(&h, "anna@example.org", "Anna");
	keeper = test_role("archiv@example.org");
	rows[0] = (struct journal_row){ SPAN("Anna@example.org"), { anna, SPAN("anna@example.org"), SPAN_NONE } };
	rows[1] = (struct journal_row){ SPAN("alle@example.org"), { 0, SPAN("b@example.net"), SPAN_NONE } };
	mail = (struct journal_mail){ .hostname = "mail.example.org", .sender = SPAN("x@example.com"), .rows = rows, .n = 2, .now_sec = 1000000000 };
}

static void scope(struct play *p)
{
	assert_int_equal(copies(p), 0);
	set(p, "journal", " archiv@example.org ");
	assert_int_equal(copies(p), 1);
	set(p, "journal.only", "example.com");
	assert_int_equal(copies(p), 1);                 /* the sender's domain */
	set(p, "journal.only", "nobody@example.org  EXAMPLE.net");
	assert_int_equal(copies(p), 1);                 /* a final recipient's */
	set(p, "journal.only", "alle@EXAMPLE.org");
	assert_int_equal(copies(p), 1);                 /* as given */
	set(p, "journal.only", "example.de boss@example.org example");
	assert_int_equal(copies(p), 0);
	set(p, "journal.only", "");
	mail.account_id = keeper;
	assert_int_equal(copies(p), 0);                 /* from the journal */
	mail.account_id = anna;
	assert_int_equal(copies(p), 1);
	mail.n = 1;
	rows[0].to.account_id = keeper;
	assert_int_equal(copies(p), 0);                 /* to nobody but it */
	rows[0].to.account_id = anna;
	mail.n = 2;
}

static void nowhere(struct play *p)
{
	struct span outside = SPAN("b@example.net");
	struct journal j;
	struct err e = ERR_INIT;

	set(p, "journal", "gone@example.org");
	assert_int_equal(journal_find(h.org, p->tx, p->a, &mail, &j, &e), ERR_LATER);
	OK(address_set(h.org, p->tx, ADDRESS_ALIAS, SPAN("weg@example.org"), &outside, 1, &p->e));
	assert_int_equal(journal_check(h.org, p->tx, p->a, SPAN("weg@example.org"), NULL), ERR_PARAM);
	assert_int_equal(journal_check(h.org, p->tx, p->a, SPAN("gone@example.org"), NULL), ERR_PARAM);
	assert_int_equal(journal_check(h.org, p->tx, p->a, SPAN("archiv@example.org"), NULL), 0);
	assert_int_equal(journal_check(h.org, p->tx, p->a, SPAN_NONE, NULL), 0);
	set(p, "journal", "archiv@example.org");
}

static bool has(struct span s, const char *text)
{
	return span_find(s, span_str(text)) >= 0;
}

static void body_of(struct play *p, const struct mailbox *box, uint32_t uid, struct span *out)
{
	struct imap_set set = range_set(p->a, uid, uid);
	struct message_walk *w;
	struct message m;

	OK(message_walk_open(h.org, p->tx, p->a, box, &set, WANT_SUMMARY, &w, &p->e));
	assert_int_equal(message_walk_next(w, &m, &p->e), 1);
	OK(message_body(p->tx, p->a, &m, out, &p->e));
	message_walk_close(w);
}

static void put(struct play *p)
{
	static const char *const texts[] = { "Subject: Hallo\r\n\tWelt\r\nMessage-ID: <1@x>\r\n\r\nb\r\n", "Subject: \xc3\xbc\r\n\r\nb\r\n" };
	struct mailbox box;
	struct span body;

	for (size_t i = 0; i < 2; i++) {
		struct journal j;

		OK(journal_find(h.org, p->tx, p->a, &mail, &j, &p->e));
		OK(journal_prepare(h.org, p->a, &mail, span_str(texts[i]), &j, &p->e));
		OK(journal_put(h.org, p->tx, p->a, &mail, &j, &p->e));
		journal_fini(&j);
	}
	box = box_of(p, keeper, "INBOX");
	assert_int_equal(box.messages, 2);
	body_of(p, &box, 1, &body);
	assert_true(has(body, "\r\nSubject: Hallo Welt\r\n") && has(body, "\r\nX-MS-Journal-Report:\r\n") && has(body, "\r\nSender: x@example.com\r\n"));
	assert_true(has(body, "\r\nMessage-ID: <1@x>\r\nAccepted: Sun, 9 Sep 2001 01:46:40 +0000\r\nRecipient: Anna@example.org\r\n"
		"Recipient: b@example.net, Expanded: alle@example.org\r\n\r\n--"));
	assert_true(has(body, "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: Hallo\r\n\tWelt\r\nMessage-ID: <1@x>\r\n\r\nb\r\n\r\n--"));
	body_of(p, &box, 2, &body);
	assert_true(has(body, "Content-Transfer-Encoding: 8bit\r\n\r\nSubject: \xc3\xbc\r\n"));
}

static void full(struct play *p)
{
	struct sql *q = sql_open(p->tx, "UPDATE usage SET quota_bytes = 1 WHERE account_id = ?1");

	sql_int(q, 1, (int64_t)keeper);
	OK(sql_run(q, &p->e));
}

static void test_journal(void **state)
{
	(void)state;
	people();
	play(scope);
	play(nowhere);
	play(full);                                     /* a full journal takes them all the same */
	play(put);
	assert_all_well();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_journal) };

	return cmocka_run_group_tests(tests, start, stop);
}
