/* Accounts: made, listed, limited, locked, removed; keys, settings; chapters. */
#include "org/org_test.h"
#include "base/io.h"

static uint64_t anna, office, again;

static struct {
	unsigned calls;
	uint64_t id;
	enum account_kind kind;
	char language[8];
	int result;
} hook;

static int on_add(void *arg, struct tx *tx, uint64_t account_id, enum account_kind kind, struct span language,
	struct err *e)
{
	struct seal_key key;
	int rc = org_key(arg, tx, account_id, &key, e); /* mailboxes are sealed in the same transaction */

	hook.calls++;
	hook.id = account_id;
	hook.kind = kind;
	memcpy(hook.language, language.p, language.n < 7 ? language.n : 7);
	return rc < 0 ? rc : hook.result ? err_set(e, hook.result, "no", "hook refuses") : 0;
}

static void play_get(struct play *p)
{
	struct account a, b;

	OK(account_get(h.org, p->tx, p->a, anna, &a, &p->e));
	assert_span(a.address, "anna@example.org");
	assert_span(a.name, "Änna Ölsen");
	assert_span(a.language, "de");
	assert_int_equal(a.kind, ACCOUNT_PERSON);
	assert_int_equal(a.state, ACCOUNT_ACTIVE);
	assert_int_equal(a.chapter_id, ORG_ROOT_CHAPTER_ID);
	assert_int_equal(a.quota_bytes, 1000);
	assert_int_equal(a.send_limit, 5);
	assert_true(a.has_password);
	OK(account_get(h.org, p->tx, p->a, office, &b, &p->e));
	assert_false(b.has_password);
	OK(account_find(h.org, p->tx, p->a, SPAN("ANNA@example.org"), false, &b, &p->e));
	assert_int_equal(b.id, anna);
	FAILS(ERR_MISSING, account_find(h.org, p->tx, p->a, SPAN("anna+x@example.org"), false, &b, &p->e));
	OK(account_find(h.org, p->tx, p->a, SPAN("anna+x@example.org"), true, &b, &p->e));
	assert_int_equal(b.id, anna);
	FAILS(ERR_MISSING, account_get(h.org, p->tx, p->a, 99, &b, &p->e));
	FAILS(ERR_MISSING, account_get(h.org, p->tx, p->a, ORG_ACCOUNT_ID, &b, &p->e));
}

static void test_add(void **state)
{
	struct account_new n = { .kind = ACCOUNT_PERSON, .address = SPAN("Anna@Example.ORG"), .name = SPAN("Änna Ölsen"),
		.language = SPAN("de"), .password = SPAN("geheim geheim"), .quota_bytes = 1000, .quota_messages = 3,
		.send_limit = 5 };
	struct play fake = { 0 }, *p = &fake;
	uint64_t id = 0;

	(void)state;
	memset(&hook, 0, sizeof(hook));
	account_on_add(on_add, h.org);
	OK(account_add(h.org, &n, &anna, &p->e));
	assert_int_equal(hook.calls, 1);
	assert_int_equal(hook.id, anna);
	assert_int_equal(hook.kind, ACCOUNT_PERSON);
	assert_string_equal(hook.language, "de");
	FAILS(ERR_EXISTS, account_add(h.org, &n, &id, &p->e));
	n.address = SPAN("x@example.com");
	FAILS(ERR_PARAM, account_add(h.org, &n, &id, &p->e));
	n.address = SPAN("x@example.org");
	n.password = SPAN("short");
	FAILS(ERR_PARAM, account_add(h.org, &n, &id, &p->e));
	n.password = SPAN_NONE;
	n.chapter_id = 4711;
	FAILS(ERR_MISSING, account_add(h.org, &n, &id, &p->e));
	n.chapter_id = 0;
	hook.result = ERR_LIMIT;
	FAILS(ERR_LIMIT, account_add(h.org, &n, &id, &p->e));
	hook.result = 0;
	n.address = SPAN("vorsitz@example.org");
	n.kind = ACCOUNT_ROLE;
	n.password = SPAN("long enough");
	FAILS(ERR_PARAM, account_add(h.org, &n, &id, &p->e));
	n.password = SPAN_NONE;
	OK(account_add(h.org, &n, &office, &p->e));
	FAILS(ERR_PARAM, account_set_password(h.org, office, SPAN("long enough"), &p->e));
	n.kind = ACCOUNT_ORG;
	FAILS(ERR_PARAM, account_add(h.org, &n, &id, &p->e));
	account_on_add(NULL, NULL);
	play(play_get);
	FAILS(ERR_EXISTS, org_create(h.org, &(struct org_first){ .domain = SPAN("b.example") }, &p->e));
}

static void play_use(struct play *p)
{
	uint64_t m1, m2;
	struct account a;

	OK(account_use(p->tx, anna, 600, 1, false, &m1, &p->e));
	OK(account_use(p->tx, anna, 400, 1, false, &m2, &p->e));
	assert_int_equal(m2, m1 + 1);
	FAILS(ERR_LIMIT, account_use(p->tx, anna, 1, 0, false, &m2, &p->e));
	OK(account_use(p->tx, anna, 1, 0, true, &m2, &p->e));
	assert_int_equal(m2, m1 + 2);
	OK(account_use(p->tx, anna, 0, 0, false, &m2, &p->e));      /* no growth: fine beyond the quota */
	OK(account_use(p->tx, anna, -901, 0, false, &m2, &p->e));
	OK(account_use(p->tx, anna, 1, 1, false, &m2, &p->e));
	FAILS(ERR_LIMIT, account_use(p->tx, anna, 1, 1, false, &m2, &p->e));   /* the fourth message */
	FAILS(ERR_MISSING, account_use(p->tx, 99, 1, 1, false, &m2, &p->e));
	OK(account_set_limits(h.org, p->tx, anna, 0, 0, 0, &p->e));
	OK(account_use(p->tx, anna, 1000000, 10, false, &m2, &p->e));
	OK(account_get(h.org, p->tx, p->a, anna, &a, &p->e));
	assert_int_equal(a.used_bytes, 1000101);
	assert_int_equal(a.used_messages, 13);
	assert_int_equal(a.modseq, m2);
	FAILS(ERR_MISSING, account_set_limits(h.org, p->tx, 99, 0, 0, 0, &p->e));
	OK(account_set_limits(h.org, p->tx, anna, 1000, 3, 5, &p->e));
}

static void test_use(void **state)
{
	(void)state;
	play(play_use);
}

#define NOON 1800000000

static void play_sending(struct play *p)
{
	OK(account_count_sent(p->tx, anna, 3, NOON, &p->e));
	OK(account_count_sent(p->tx, anna, 2, NOON + 10, &p->e));
}

static int one_more(struct tx *tx, void *arg, struct err *e)
{
	return account_count_sent(tx, anna, 1, *(int64_t *)arg, e);
}

static void test_sending(void **state)
{
	struct play fake = { 0 }, *p = &fake;
	int64_t at = NOON + 20;

	(void)state;
	play(play_sending);
	FAILS(ERR_LIMIT, store_write(h.store, one_more, &at, &p->e));
	at = (NOON / 3600 + 1) * 3600;     /* the first second of the next hour */
	OK(store_write(h.store, one_more, &at, &p->e));
	assert_int_equal(ask_int(h.store, "SELECT COUNT(*) FROM send_count"), 1);
	assert_int_equal(ask_int(h.store, "SELECT recipients FROM send_count"), 1);
}

static uint64_t nord, sued, nordnord;

static void play_chapters(struct play *p)
{
	struct chapter *list, c;
	uint64_t id;
	size_t n;
	bool yes;

	OK(chapter_add(h.org, p->tx, 0, SPAN("Bezirk Nord"), SPAN("N"), &nord, &p->e));
	OK(chapter_add(h.org, p->tx, 0, SPAN("Bezirk Süd"), SPAN("S"), &sued, &p->e));
	OK(chapter_add(h.org, p->tx, nord, SPAN("Ortsverein Küste"), SPAN_NONE, &nordnord, &p->e));
	FAILS(ERR_EXISTS, chapter_add(h.org, p->tx, sued, SPAN("BEZIRK SÜD"), SPAN("X"), &id, &p->e));
	FAILS(ERR_EXISTS, chapter_add(h.org, p->tx, sued, SPAN("Anders"), SPAN("n"), &id, &p->e));
	FAILS(ERR_MISSING, chapter_add(h.org, p->tx, 4711, SPAN("Anders"), SPAN_NONE, &id, &p->e));
	FAILS(ERR_PARAM, chapter_add(h.org, p->tx, 0, SPAN(""), SPAN_NONE, &id, &p->e));
	OK(chapter_list(h.org, p->tx, p->a, &list, &n, &p->e));
	assert_int_equal(n, 4);
	assert_int_equal(list[0].id, ORG_ROOT_CHAPTER_ID);
	assert_span(list[0].name, "Verein zur Probe e.V.");
	OK(chapter_find(h.org, p->tx, p->a, SPAN("s"), &c, &p->e));
	assert_int_equal(c.id, sued);
	OK(chapter_find(h.org, p->tx, p->a, SPAN("ortsverein KÜSTE"), &c, &p->e));
	assert_int_equal(c.id, nordnord);
	assert_int_equal(c.parent_id, nord);
	FAILS(ERR_MISSING, chapter_find(h.org, p->tx, p->a, SPAN(""), &c, &p->e));
	const struct { uint64_t inner, outer; bool yes; } rows[] = {
		{ nordnord, nord, true }, { nordnord, ORG_ROOT_CHAPTER_ID, true }, { nord, nord, true },
		{ nord, nordnord, false }, { nordnord, sued, false }, { 4711, ORG_ROOT_CHAPTER_ID, false },
		{ nord, 0, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		OK(chapter_within(p->tx, rows[i].inner, rows[i].outer, &yes, &p->e));
		assert_int_equal(yes, rows[i].yes);
	}
}

static void play_admins(struct play *p)
{
	struct admin_row *rows;
	struct account admin;
	uint32_t rights;
	size_t n;

	OK(admin_set(h.org, p->tx, anna, nord, ADMIN_ACCOUNTS | ADMIN_ROLES, &p->e));
	OK(admin_set(h.org, p->tx, anna, nordnord, ADMIN_QUEUE, &p->e));
	OK(admin_rights(p->tx, anna, nordnord, &rights, &p->e));
	assert_int_equal(rights, ADMIN_ACCOUNTS | ADMIN_ROLES | ADMIN_QUEUE);
	OK(admin_rights(p->tx, anna, nord, &rights, &p->e));
	assert_int_equal(rights, ADMIN_ACCOUNTS | ADMIN_ROLES);
	OK(admin_rights(p->tx, anna, sued, &rights, &p->e));
	assert_int_equal(rights, 0);
	OK(admin_rights(p->tx, anna, 0, &rights, &p->e));
	assert_int_equal(rights, 0);
	OK(admin_set(h.org, p->tx, anna, nord, 0, &p->e));
	OK(admin_rights(p->tx, anna, nord, &rights, &p->e));
	assert_int_equal(rights, 0);
	OK(account_find(h.org, p->tx, p->a, SPAN("admin@example.org"), false, &admin, &p->e));
	OK(admin_rights(p->tx, admin.id, nordnord, &rights, &p->e));
	assert_int_equal(rights, ADMIN_ALL);
	FAILS(ERR_PARAM, admin_set(h.org, p->tx, office, nord, ADMIN_ALL, &p->e));
	FAILS(ERR_MISSING, admin_set(h.org, p->tx, anna, 4711, ADMIN_ALL, &p->e));
	OK(admin_list(p->tx, p->a, &rows, &n, &p->e));
	assert_int_equal(n, 2);
	assert_int_equal(rows[0].account_id, admin.id);
	FAILS(ERR_DENIED, admin_set(h.org, p->tx, admin.id, 0, ADMIN_QUEUE, &p->e));
	OK(admin_set(h.org, p->tx, anna, 0, ADMIN_ALL, &p->e));
	OK(admin_set(h.org, p->tx, admin.id, 0, ADMIN_ALL, &p->e));
	OK(admin_set(h.org, p->tx, anna, 0, 0, &p->e));
}

/* The last administrator stays. */
static int lock_admin(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct account admin;
	int rc = account_find(h.org, tx, a, SPAN("admin@example.org"), false, &admin, e);

	return rc < 0 ? rc : account_set_state(h.org, tx, admin.id, *(enum account_state *)arg, e);
}

static void test_chapters(void **state)
{
	struct play fake = { 0 }, *p = &fake;
	enum account_state to = ACCOUNT_LOCKED;

	(void)state;
	play(play_chapters);
	play(play_admins);
	FAILS(ERR_DENIED, store_write(h.store, lock_admin, &to, &p->e));
	to = ACCOUNT_REMOVED;
	FAILS(ERR_DENIED, store_write(h.store, lock_admin, &to, &p->e));
}

static void play_list(struct play *p)
{
	struct account *list;
	size_t n;

	OK(account_list(h.org, p->tx, p->a, 0, &list, &n, &p->e));
	assert_int_equal(n, 5);
	assert_span(list[0].address, "admin@example.org");
	assert_span(list[4].address, "zoe@example.org");
	OK(account_list(h.org, p->tx, p->a, nord, &list, &n, &p->e));
	assert_int_equal(n, 2);
	assert_span(list[0].address, "kurt@example.org");
	assert_span(list[0].name, "Kurt Küste");
	OK(account_list(h.org, p->tx, p->a, sued, &list, &n, &p->e));
	assert_int_equal(n, 0);
}

static void test_list(void **state)
{
	struct account_new n = { .kind = ACCOUNT_PERSON, .address = SPAN("zoe@example.org"), .chapter_id = nord };
	struct play fake = { 0 }, *p = &fake;
	uint64_t id;

	(void)state;
	OK(account_add(h.org, &n, &id, &p->e));
	n.address = SPAN("kurt@example.org");
	n.name = SPAN("Kurt Küste");
	n.chapter_id = nordnord;
	OK(account_add(h.org, &n, &id, &p->e));
	org_forget(h.org);          /* all keys come in one trip */
	play(play_list);
}

static void play_settings(struct play *p)
{
	struct span v;

	OK(org_setting_get(h.org, p->tx, p->a, "organisation.language", &v, &p->e));
	assert_span(v, "de");
	FAILS(ERR_MISSING, org_setting_get(h.org, p->tx, p->a, "smtp.smarthost", &v, &p->e));
	OK(org_setting_set(h.org, p->tx, "smtp.smarthost", SPAN("relay.example"), &p->e));
	OK(org_setting_set(h.org, p->tx, "smtp.smarthost", SPAN("relay2.example"), &p->e));
	OK(org_setting_get(h.org, p->tx, p->a, "smtp.smarthost", &v, &p->e));
	assert_span(v, "relay2.example");
}

static void test_settings(void **state)
{
	(void)state;
	play(play_settings);
}

static void play_remove(struct play *p)
{
	struct account a;

	OK(account_get(h.org, p->tx, p->a, anna, &a, &p->e));
	OK(account_remove(h.org, p->tx, anna, &p->e));
	FAILS(ERR_MISSING, account_get(h.org, p->tx, p->a, anna, &a, &p->e));
	FAILS(ERR_MISSING, account_remove(h.org, p->tx, anna, &p->e));
	FAILS(ERR_DENIED, account_remove(h.org, p->tx, ORG_ACCOUNT_ID, &p->e));
}

static void test_remove(void **state)
{
	struct play fake = { 0 }, *p = &fake;
	struct seal_key k;

	(void)state;
	FAILS(ERR_BUSY, account_remove_key(h.org, anna, &p->e));
	play(play_remove);
	OK(account_remove_key(h.org, anna, &p->e));
	FAILS(ERR_MISSING, org_key(h.org, NULL, anna, &k, &p->e));
	OK(account_remove_key(h.org, anna, &p->e));            /* twice does not matter */
	assert_int_equal(ask_int(h.store, "SELECT COUNT(*) FROM address WHERE kind = 1"), 4);
	FAILS(ERR_MISSING, account_set_password(h.org, anna, SPAN("another one"), &p->e));
	again = test_person(&h, "anna@example.org", "Another Anna");    /* the address is free */
	assert_true(again != anna);
}

static void play_sealed(struct play *p)
{
	struct account a, *list;
	struct span v;
	size_t n;
	struct chapter *chapters;

	FAILS(ERR_LATER, account_get(h.org, p->tx, p->a, office, &a, &p->e));
	FAILS(ERR_LATER, account_find(h.org, p->tx, p->a, SPAN("admin@example.org"), false, &a, &p->e));
	FAILS(ERR_LATER, account_list(h.org, p->tx, p->a, 0, &list, &n, &p->e));
	FAILS(ERR_LATER, org_setting_get(h.org, p->tx, p->a, "organisation.name", &v, &p->e));
	FAILS(ERR_LATER, chapter_list(h.org, p->tx, p->a, &chapters, &n, &p->e));
}

static void test_sealed(void **state)
{
	struct account_new n = { .kind = ACCOUNT_PERSON, .address = SPAN("q@example.org") };
	struct play fake = { 0 }, *p = &fake;
	uint64_t id;

	(void)state;
	test_house_seal(&h);
	play(play_sealed);
	FAILS(ERR_LATER, account_add(h.org, &n, &id, &p->e));
	FAILS(ERR_LATER, account_set_password(h.org, again, SPAN("long enough"), &p->e));
	test_house_unseal(&h);
	OK(account_add(h.org, &n, &id, &p->e));
}

/* Nothing of what was given can be found in the files. */
static void test_grep(void **state)
{
	static const char *const words[] = { "anna", "example.org", "Kurt", "Bezirk", "relay2", "geheim" };
	SCOPED_BUF all;
	struct err e = ERR_INIT;

	(void)state;
	if (on_pg())
		return;
	buf_init(&all, 64 << 20);
	assert_int_equal(io_read_file(h.place.dirfd, "kontor.db", &all, &e), 0);
	io_read_file(h.place.dirfd, "kontor.db-wal", &all, &e);
	assert_true(all.n > 10000);
	assert_true(span_find(buf_span(&all), SPAN("send_count")) >= 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_find(buf_span(&all), span_str(words[i])) >= 0)
			fail_msg("%s is readable in the store", words[i]);
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add), cmocka_unit_test(test_use), cmocka_unit_test(test_sending),
		cmocka_unit_test(test_chapters), cmocka_unit_test(test_list), cmocka_unit_test(test_settings),
		cmocka_unit_test(test_remove), cmocka_unit_test(test_sealed), cmocka_unit_test(test_grep),
	};

	return cmocka_run_group_tests_name(name, tests, start, stop);
}

int main(void)
{
	return run_both("org account", group);
}
