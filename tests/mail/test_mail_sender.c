/* What accounts know of senders, lists, and the grey list with a clock of its own. */
#include "domain/mail/sender.h"
#include "mail/mail_test.h"

#define NOW 1000000
#define DAY 86400

static uint64_t anna, bert;

static const struct sender frieda = { { "frieda@friend.example", 21 }, true }, forged = { { "frieda@friend.example", 21 }, false };

static enum sender_verdict verdict(struct play *p, uint64_t account, const struct sender *s, int64_t now)
{
	enum sender_verdict v;
	uint64_t owner;

	OK(sender_verdict(h.org, p->tx, p->a, account, SPAN("anna@example.org"), s, now, &v, &owner, &p->e));
	return v;
}

static void note(struct play *p, const struct sender *s, int kept, int answered, int junked, int64_t now)
{
	OK(sender_note(h.org, p->tx, p->a, anna, s, kept, answered, junked, now, &p->e));
}

static void play_counts(struct play *p)
{
	struct sender_counts c;

	assert_int_equal(verdict(p, anna, &frieda, NOW), SENDER_UNKNOWN);
	for (int i = 0; i < 5; i++)
		note(p, &frieda, 1, 0, 0, NOW);
	assert_int_equal(verdict(p, anna, &frieda, NOW + DAY), SENDER_UNKNOWN);         /* five in a day are nothing yet */
	assert_int_equal(verdict(p, anna, &frieda, NOW + 7 * DAY), SENDER_GOOD);
	assert_int_equal(verdict(p, bert, &frieda, NOW + 7 * DAY), SENDER_UNKNOWN);     /* others know nothing of it */
	assert_int_equal(verdict(p, anna, &forged, NOW + 7 * DAY), SENDER_UNKNOWN);
	note(p, &frieda, -1, 0, 1, NOW);
	assert_int_equal(verdict(p, anna, &frieda, NOW + 7 * DAY), SENDER_UNKNOWN);
	note(p, &frieda, -9, 0, 4, NOW);
	assert_int_equal(sender_known(h.org, p->tx, p->a, anna, &frieda, &c, &p->e), 1);
	assert_true(c.kept == 0 && c.junked == 5 && c.first_sec == NOW);
	assert_int_equal(verdict(p, anna, &frieda, NOW), SENDER_BAD);
	note(p, &frieda, 0, 6, 0, NOW);
	assert_int_equal(verdict(p, anna, &frieda, NOW), SENDER_GOOD);
	note(p, &forged, 0, 0, 1, NOW);
	assert_int_equal(verdict(p, anna, &forged, NOW), SENDER_UNKNOWN);               /* once is not enough for a name anybody writes */
	note(p, &forged, 0, 0, 1, NOW);
	assert_int_equal(verdict(p, anna, &forged, NOW), SENDER_BAD);
	assert_int_equal(verdict(p, anna, &frieda, NOW), SENDER_GOOD);
	OK(sender_sweep(p->tx, NOW + SENDER_KEEP_SEC + 1, &p->e));
	assert_int_equal(sender_known(h.org, p->tx, p->a, anna, &frieda, &c, &p->e), 0);
}

static void list_put(struct play *p, uint64_t owner, const char *sender, enum sender_verdict v)
{
	struct sender_row row = { owner, SPAN_NONE, v, NOW };

	OK(sender_parse(p->a, span_str(sender), &row.sender, &p->e));
	OK(sender_list_put(h.org, p->tx, p->a, &row, &p->e));
}

static void play_lists(struct play *p)
{
	struct sender_row *rows;
	uint64_t domain;
	size_t n;

	OK(domain_find(h.org, p->tx, SPAN("Example.ORG"), &domain, &p->e));
	list_put(p, ORG_ACCOUNT_ID, "@Friend.Example", SENDER_BLOCKED);
	assert_int_equal(verdict(p, anna, &frieda, NOW), SENDER_BLOCKED);
	list_put(p, domain, "@friend.example", SENDER_ALLOWED);
	assert_int_equal(verdict(p, anna, &frieda, NOW), SENDER_ALLOWED);
	assert_int_equal(verdict(p, anna, &forged, NOW), SENDER_BLOCKED);               /* allowed helps no forger */
	list_put(p, anna, "FRIEDA@friend.example", SENDER_BLOCKED);
	assert_int_equal(verdict(p, anna, &frieda, NOW), SENDER_BLOCKED);
	assert_int_equal(verdict(p, bert, &frieda, NOW), SENDER_ALLOWED);
	list_put(p, anna, "frieda@friend.example", SENDER_ALLOWED);
	OK(sender_list(h.org, p->tx, p->a, anna, &rows, &n, &p->e));
	assert_int_equal(n, 1);
	assert_true(span_eqz(rows[0].sender, "frieda@friend.example") && rows[0].verdict == SENDER_ALLOWED);
	OK(sender_list_remove(h.org, p->tx, p->a, anna, SPAN("frieda@friend.example"), &p->e));
	assert_int_equal(sender_list_remove(h.org, p->tx, p->a, anna, SPAN("frieda@friend.example"), &p->e), ERR_MISSING);
	err_clear(&p->e);
	OK(sender_list_remove(h.org, p->tx, p->a, ORG_ACCOUNT_ID, SPAN("@friend.example"), &p->e));
	OK(sender_list_remove(h.org, p->tx, p->a, domain, SPAN("@friend.example"), &p->e));
}

static int grey(struct play *p, const char *ip, const char *domain, uint64_t account, int64_t now)
{
	struct grey g = { span_str(ip), span_str(domain), &account, 1, 60, now };
	int r = grey_passes(h.org, p->tx, p->a, &g, &p->e);

	assert_true(r >= 0);
	return r;
}

static void play_grey(struct play *p)
{
	assert_int_equal(grey(p, "192.0.2.1", "a.example", anna, NOW), 0);
	assert_int_equal(grey(p, "192.0.2.1", "a.example", anna, NOW + 59), 0);
	assert_int_equal(grey(p, "192.0.2.1", "a.example", bert, NOW + 60), 0);         /* for somebody else: from the start */
	assert_int_equal(grey(p, "192.0.3.1", "a.example", anna, NOW + 60), 0);
	assert_int_equal(grey(p, "192.0.2.1", "b.example", anna, NOW + 60), 0);
	assert_int_equal(grey(p, "192.0.2.200", "a.example", anna, NOW + 60), 1);
	assert_int_equal(grey(p, "192.0.2.7", "a.example", bert, NOW + 61), 1);         /* the pair has passed */
	assert_int_equal(grey(p, "192.0.3.1", "a.example", anna, NOW + 60 + GREY_WINDOW_SEC + 1), 0);    /* too late: anew */
	assert_int_equal(grey(p, "192.0.3.1", "a.example", anna, NOW + 60 + GREY_WINDOW_SEC + 62), 1);
	assert_int_equal(grey(p, "2001:db8::1", "a.example", anna, NOW), 0);
	assert_int_equal(grey(p, "2001:db8::ffff", "a.example", anna, NOW + 60), 1);
	OK(sender_sweep(p->tx, NOW + 30 * DAY, &p->e));
	assert_int_equal(grey(p, "192.0.2.1", "a.example", anna, NOW + 30 * DAY), 1);   /* and is renewed by that */
	OK(sender_sweep(p->tx, NOW + 60 * DAY, &p->e));
	assert_int_equal(grey(p, "192.0.2.1", "a.example", anna, NOW + 60 * DAY), 1);
	OK(sender_sweep(p->tx, NOW + 101 * DAY, &p->e));
	assert_int_equal(grey(p, "192.0.2.1", "a.example", anna, NOW + 101 * DAY), 0);
}

static void test_sender(void **state)
{
	(void)state;
	play(play_counts);
	play(play_lists);
	play(play_grey);
	assert_all_well();
}

static int people(void **state)
{
	start(state);
	anna = test_person(&h, "anna@example.org", "Anna");
	bert = test_person(&h, "bert@example.org", "Bert");
	return 0;
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sender) };

	return cmocka_run_group_tests_name(name, tests, people, stop);
}

int main(void)
{
	return run_both("mail_sender", group);
}
