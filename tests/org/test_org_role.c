/* Offices and terms: who holds what when, and what follows from it. */
#include "org/org_test.h"

static uint64_t chair, treasurer, old, young, term_old, term_young;
#define DAY 86400
#define CHANGE (20000 * (int64_t)DAY)

static uint32_t rights_of(struct play *p, uint64_t role, uint64_t holder, int64_t now)
{
	uint32_t rights;

	OK(role_rights(p->tx, role, holder, now, &rights, &p->e));
	return rights;
}

static void play_terms(struct play *p)
{
	struct term t = { .role_id = chair, .holder_id = old, .from_sec = CHANGE - 100 * DAY, .to_sec = CHANGE,
		.rights = RIGHT_ALL };
	uint64_t id;

	OK(term_add(h.org, p->tx, &t, &term_old, &p->e));
	t.holder_id = young;
	t.from_sec = CHANGE;
	t.to_sec = 0;
	t.rights = RIGHT_READ | RIGHT_SEND;
	OK(term_add(h.org, p->tx, &t, &term_young, &p->e));
	/* The exact boundary: the successor has it in the first second, the predecessor until then. */
	assert_int_equal(rights_of(p, chair, old, CHANGE - 1), RIGHT_ALL);
	assert_int_equal(rights_of(p, chair, old, CHANGE), 0);
	assert_int_equal(rights_of(p, chair, young, CHANGE - 1), 0);
	assert_int_equal(rights_of(p, chair, young, CHANGE), RIGHT_READ | RIGHT_SEND);
	assert_int_equal(rights_of(p, chair, old, CHANGE - 100 * DAY - 1), 0);
	assert_int_equal(rights_of(p, chair, old, CHANGE - 100 * DAY), RIGHT_ALL);
	assert_int_equal(rights_of(p, chair, young, CHANGE + 40000 * (int64_t)DAY), RIGHT_READ | RIGHT_SEND);
	assert_int_equal(rights_of(p, treasurer, young, CHANGE), 0);

	/* Overlaps of one person are refused at every edge; touching is fine, two holders are fine. */
	const struct { int64_t from, to; int want; } rows[] = {
		{ CHANGE - 1, CHANGE + 5, ERR_EXISTS }, { CHANGE - 200 * DAY, CHANGE - 100 * DAY + 1, ERR_EXISTS },
		{ CHANGE - 50 * DAY, CHANGE - 49 * DAY, ERR_EXISTS }, { CHANGE - 200 * DAY, 0, ERR_EXISTS },
		{ CHANGE, CHANGE, ERR_PARAM }, { CHANGE + 1, CHANGE, ERR_PARAM },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		t = (struct term){ .role_id = chair, .holder_id = old, .from_sec = rows[i].from, .to_sec = rows[i].to,
			.rights = RIGHT_READ };
		FAILS(rows[i].want, term_add(h.org, p->tx, &t, &id, &p->e));
	}
	t.from_sec = CHANGE + DAY;
	t.to_sec = CHANGE + 2 * DAY;
	t.rights = 0;
	FAILS(ERR_PARAM, term_add(h.org, p->tx, &t, &id, &p->e));
	t.rights = RIGHT_READ;
	t.holder_id = chair;
	FAILS(ERR_PARAM, term_add(h.org, p->tx, &t, &id, &p->e));
	t.holder_id = young;
	t.role_id = old;
	FAILS(ERR_PARAM, term_add(h.org, p->tx, &t, &id, &p->e));
	t.role_id = 99;
	FAILS(ERR_MISSING, term_add(h.org, p->tx, &t, &id, &p->e));
}

static void test_terms(void **state)
{
	struct account_new n = { .kind = ACCOUNT_ROLE, .address = SPAN("vorsitz@example.org"), .name = SPAN("Vorsitz") };
	struct play fake = { 0 }, *p = &fake;

	(void)state;
	old = test_person(&h, "alt@example.org", "Alte Vorsitzende");
	young = test_person(&h, "neu@example.org", "Neuer Vorsitzender");
	OK(account_add(h.org, &n, &chair, &p->e));
	n.address = SPAN("kasse@example.org");
	n.name = SPAN("Kasse");
	OK(account_add(h.org, &n, &treasurer, &p->e));
	play(play_terms);
}

static bool may(struct play *p, uint64_t account_id, const char *address)
{
	bool yes;

	OK(address_may_send(h.org, p->tx, p->a, account_id, span_str(address), &yes, &p->e));
	return yes;
}

static void play_before(struct play *p)
{
	assert_true(may(p, old, "vorsitz@example.org"));
	assert_false(may(p, young, "vorsitz@example.org"));
}

static void play_after(struct play *p)
{
	assert_false(may(p, old, "vorsitz@example.org"));
	assert_true(may(p, young, "Vorsitz+Presse@example.org"));
	assert_false(may(p, young, "kasse@example.org"));
}

static void test_may_send(void **state)
{
	(void)state;
	time_test_set_real((CHANGE - 1) * US_PER_SEC);
	play(play_before);
	time_test_set_real(CHANGE * US_PER_SEC);
	play(play_after);
	time_test_set_real(0);
}

static void play_access(struct play *p)
{
	struct term t = { .role_id = treasurer, .holder_id = young, .from_sec = CHANGE, .to_sec = CHANGE + 10 * DAY,
		.rights = RIGHT_READ };
	struct role_access *list;
	struct term *terms;
	uint64_t id;
	size_t n;

	OK(term_add(h.org, p->tx, &t, &id, &p->e));
	OK(role_access_list(h.org, p->tx, p->a, young, CHANGE, &list, &n, &p->e));
	assert_int_equal(n, 2);
	assert_span(list[0].address, "kasse@example.org");
	assert_int_equal(list[0].rights, RIGHT_READ);
	assert_span(list[1].name, "Vorsitz");
	OK(role_access_list(h.org, p->tx, p->a, young, CHANGE + 10 * DAY, &list, &n, &p->e));
	assert_int_equal(n, 1);
	OK(role_access_list(h.org, p->tx, p->a, old, CHANGE, &list, &n, &p->e));
	assert_int_equal(n, 0);

	OK(term_list(h.org, p->tx, p->a, chair, 0, &terms, &n, &p->e));
	assert_int_equal(n, 2);
	assert_int_equal(terms[0].holder_id, old);
	OK(term_list(h.org, p->tx, p->a, 0, young, &terms, &n, &p->e));
	assert_int_equal(n, 2);
	OK(term_list(h.org, p->tx, p->a, chair, young, &terms, &n, &p->e));
	assert_int_equal(n, 1);

	/* Ended early; ended as if it had never been; and no way to stretch into another term. */
	OK(term_end(h.org, p->tx, term_young, CHANGE + DAY, &p->e));
	assert_int_equal(rights_of(p, chair, young, CHANGE + DAY), 0);
	assert_int_equal(rights_of(p, chair, young, CHANGE + DAY - 1), RIGHT_READ | RIGHT_SEND);
	OK(term_end(h.org, p->tx, id, CHANGE, &p->e));
	assert_int_equal(rights_of(p, treasurer, young, CHANGE), 0);
	OK(term_add(h.org, p->tx, &t, &id, &p->e));
	FAILS(ERR_PARAM, term_end(h.org, p->tx, term_young, CHANGE - 1, &p->e));
	FAILS(ERR_MISSING, term_end(h.org, p->tx, 99, CHANGE, &p->e));
	t = (struct term){ .role_id = chair, .holder_id = young, .from_sec = CHANGE + 2 * DAY, .to_sec = 0,
		.rights = RIGHT_ALL };
	OK(term_add(h.org, p->tx, &t, &id, &p->e));
	FAILS(ERR_EXISTS, term_end(h.org, p->tx, term_young, CHANGE + 2 * DAY + 1, &p->e));
	OK(term_end(h.org, p->tx, term_young, CHANGE + 2 * DAY, &p->e));

	/* A locked office lets nobody in; a removed holder has no terms. */
	OK(account_set_state(h.org, p->tx, chair, ACCOUNT_LOCKED, &p->e));
	assert_int_equal(rights_of(p, chair, young, CHANGE), 0);
	OK(account_set_state(h.org, p->tx, chair, ACCOUNT_ACTIVE, &p->e));
	assert_int_equal(rights_of(p, chair, young, CHANGE), RIGHT_READ | RIGHT_SEND);
	OK(account_remove(h.org, p->tx, young, &p->e));
	OK(term_list(h.org, p->tx, p->a, chair, 0, &terms, &n, &p->e));
	assert_int_equal(n, 1);
}

static void test_access(void **state)
{
	(void)state;
	play(play_access);
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terms), cmocka_unit_test(test_may_send), cmocka_unit_test(test_access),
	};

	return cmocka_run_group_tests_name(name, tests, start, stop);
}

int main(void)
{
	return run_both("org role", group);
}
