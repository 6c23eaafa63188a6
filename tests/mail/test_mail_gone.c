/* Expunged mail comes back or is destroyed; old mail leaves by itself. */
#include "mail/mail_test.h"
#include "domain/mail/gone.h"
#include "domain/mail/mail_sweep.h"
#include "domain/mail/retention.h"

static uint64_t anna;

static void put(struct play *p, const char *box_name, uint64_t flags, const char *keyword)
{
	struct mailbox box = box_of(p, anna, box_name);
	struct message_put to = { box.id, anna, flags, 1000, false };
	struct email_prepared m;
	uint64_t bit = 0;
	uint32_t uid;

	if (keyword)
		OK(mailbox_keyword(h.org, p->tx, p->a, &box, span_str(keyword), true, &bit, &p->e));
	to.flags |= bit;
	OK(email_prepare(h.org, p->a, SPAN("Subject: x\r\n\r\nmail\r\n"), &m, &p->e));
	OK(message_put(h.org, p->tx, p->a, &m, &to, 1, &uid, NULL, &p->e));
	email_prepared_fini(&m);
}

static void expunge(struct play *p, const char *name)
{
	struct mailbox box = box_of(p, anna, name);
	struct imap_set gone;
	uint64_t modseq;

	OK(message_expunge(h.org, p->tx, p->a, &box, NULL, true, &gone, &modseq, &p->e));
}

static void fill(struct play *p)
{
	struct mailbox box;

	OK(org_setting_set(h.org, p->tx, "undelete_days", SPAN("14"), &p->e));
	OK(mailbox_create(h.org, p->tx, p->a, anna, SPAN("Alt/Akten"), SPECIAL_NONE, &box, &p->e));
	put(p, "INBOX", FLAG_SEEN | FLAG_DELETED, "Wichtig");
	put(p, "Alt/Akten", FLAG_FLAGGED, "Eilig");
	expunge(p, "INBOX");
	OK(mailbox_delete(h.org, p->tx, p->a, anna, SPAN("Alt/Akten"), &p->e));
	assert_int_equal(count(p, "SELECT count(*) FROM message"), 0);
	assert_int_equal(count(p, "SELECT sum(used_bytes) FROM usage"), 0);
	assert_int_equal(count(p, "SELECT count(*) FROM blob"), 2);
}

static void bring_back(struct play *p)
{
	struct gone_filter all = { .account_id = anna }, later = { .account_id = anna, .since_sec = time_real_sec() + 100 };
	struct gone_box *v;
	struct mailbox box;
	size_t n;
	uint64_t restored;

	OK(gone_list(h.org, p->tx, p->a, &all, &v, &n, &p->e));
	assert_int_equal(n, 2);
	assert_true(span_eqz(v[0].name, "INBOX") && span_eqz(v[1].name, "Alt/Akten") && v[1].messages == 1);
	OK(gone_restore(h.org, p->tx, p->a, &later, &restored, &p->e));
	assert_int_equal(restored, 0);
	all.mailbox = SPAN("Alt/Akten");
	OK(gone_restore(h.org, p->tx, p->a, &all, &restored, &p->e));
	assert_int_equal(restored, 1);
	all.mailbox = SPAN_NONE;
	OK(gone_restore(h.org, p->tx, p->a, &all, &restored, &p->e));
	assert_int_equal(restored, 1);
	OK(gone_restore(h.org, p->tx, p->a, &all, &restored, &p->e));
	assert_int_equal(restored, 0);
	box = box_of(p, anna, "Alt/Akten");
	assert_true(box.messages == 1 && box.unseen == 1 && span_eqz(box.keywords[0], "Eilig"));
	assert_int_equal(count(p, "SELECT count(*) FROM message WHERE flags = 36"), 1);      /* flagged, first keyword */
	box = box_of(p, anna, "INBOX");
	assert_true(box.messages == 1 && box.unseen == 0 && box.deleted == 0 && box.uidnext == 3);
	expunge(p, "INBOX");
}

static uint64_t sweep(int64_t days)
{
	struct err e = ERR_INIT;
	uint64_t n = 0;

	if (gone_sweep(h.org, time_real_sec() + days * 86400, 10, &n, &e) < 0)
		fail_msg("%s", e.log);
	return n;
}

static void one_is_left(struct play *p)
{
	assert_int_equal(count(p, "SELECT count(*) FROM blob"), 1);
	assert_int_equal(count(p, "SELECT count(*) FROM gone_mailbox"), 0);
	expunge(p, "Alt/Akten");
}

static void remove_account(struct play *p)
{
	OK(account_remove(h.org, p->tx, anna, &p->e));
}

static void nothing_is_left(struct play *p)
{
	assert_int_equal(count(p, "SELECT count(*) FROM gone_message"), 0);
	assert_int_equal(count(p, "SELECT count(*) FROM blob"), 0);
}

static void test_undelete(void **state)
{
	uint64_t n;

	(void)state;
	anna = test_person(&h, "anna@example.org", "Anna");
	play(fill);
	assert_all_well();
	play(bring_back);
	assert_all_well();
	assert_int_equal(sweep(13), 0);
	assert_int_equal(sweep(15), 1);
	play(one_is_left);
	play(remove_account);
	assert_int_equal(mail_sweep_removed(h.store, 100, &n, NULL), 0);
	assert_int_equal(sweep(0), 1);
	play(nothing_is_left);
	assert_all_well();
}

static void rules(struct play *p)
{
	struct retention_rule trash = { 0, 0, SPECIAL_TRASH, 30 }, own = { 0 }, *v;
	struct mailbox box = box_of(p, anna, "Archive");
	size_t n;

	own = (struct retention_rule){ anna, box.id, SPECIAL_NONE, 365 };
	OK(retention_set(p->tx, &trash, &p->e));
	OK(retention_set(p->tx, &own, &p->e));
	own.days = 400;
	OK(retention_set(p->tx, &own, &p->e));
	OK(retention_list(p->tx, p->a, 0, &v, &n, &p->e));
	assert_true(n == 2 && v[0].special == SPECIAL_TRASH && v[1].days == 400);
	put(p, "Trash", 0, NULL);
	put(p, "Archive", 0, NULL);
	put(p, "INBOX", 0, NULL);
}

static void due_after(struct play *p, int64_t days, size_t want)
{
	struct retention_due *v;
	size_t n;

	OK(retention_due(p->tx, p->a, time_real_sec() + days * 86400, &v, &n, &p->e));
	assert_int_equal(n, want);
}

static void look(struct play *p)
{
	due_after(p, 29, 0);
	due_after(p, 31, 1);
	due_after(p, 401, 2);
}

static void own_goes_first(struct play *p)
{
	struct mailbox box = box_of(p, anna, "Trash");
	struct retention_rule never = { anna, box.id, SPECIAL_NONE, 0 };

	assert_int_equal(box.messages, 0);
	put(p, "Trash", 0, NULL);
	OK(retention_set(p->tx, &never, &p->e));
	due_after(p, 31, 0);
	OK(retention_clear(p->tx, &never, &p->e));
	due_after(p, 31, 1);
	assert_int_equal(retention_clear(p->tx, &never, NULL), ERR_MISSING);
}

static void test_retention(void **state)
{
	struct err e = ERR_INIT;
	uint64_t n;

	(void)state;
	anna = test_person(&h, "berta@example.org", "Berta");
	play(rules);
	play(look);
	assert_int_equal(retention_sweep(h.org, time_real_sec() + 31 * 86400, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_all_well();
	play(own_goes_first);
}

static void run(struct play *p, const char *sql)
{
	OK(sql_run(sql_open(p->tx, sql), &p->e));
}

/* Five of 300 MiB, expunged one after the other. */
static void much(struct play *p)
{
	for (int i = 0; i < 5; i++)
		put(p, "INBOX", FLAG_DELETED, NULL);
	expunge(p, "INBOX");
	run(p, "UPDATE gone_message SET size = 314572800, gone_sec = gone_sec - 100 + uid");
}

static void small_quota(struct play *p)
{
	run(p, "UPDATE usage SET quota_bytes = 1000");
}

static void large_quota(struct play *p)
{
	assert_int_equal(count(p, "SELECT count(*) FROM gone_message"), 3);      /* GONE_FREE_BYTES, whatever the quota */
	assert_int_equal(count(p, "SELECT min(uid) FROM gone_message"), count(p, "SELECT max(uid) FROM gone_message") - 2);
	run(p, "UPDATE gone_message SET size = 1073741824");
	run(p, "UPDATE usage SET quota_bytes = 2147483648");
}

static void no_quota(struct play *p)
{
	assert_int_equal(count(p, "SELECT count(*) FROM gone_message"), 2);      /* just fits */
	run(p, "UPDATE usage SET quota_bytes = 0");
	run(p, "UPDATE gone_message SET size = 1099511627776");
}

static void test_bound(void **state)
{
	(void)state;
	sweep(100);                                     /* what other tests have left */
	anna = test_person(&h, "cora@example.org", "Cora");
	play(much);
	assert_int_equal(sweep(0), 0);
	play(small_quota);
	assert_int_equal(sweep(0), 2);
	play(large_quota);
	assert_int_equal(sweep(0), 1);
	play(no_quota);
	assert_int_equal(sweep(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_undelete), cmocka_unit_test(test_retention),
		cmocka_unit_test(test_bound) };

	return cmocka_run_group_tests(tests, start, stop);
}
