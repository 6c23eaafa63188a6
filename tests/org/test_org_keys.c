/* Account keys between vault and store: orphans swept, older stores moved, newer keys after a restore. */
#include "org/org_test.h"
#include "base/io.h"
#include "vault/vault_accounts.h"

static bool has_key(uint64_t id)
{
	struct seal_key k;
	struct err e = ERR_INIT;
	int rc = vault_key_open(h.vault, 1, &id, &k, &e);

	if (rc < 0 && rc != ERR_MISSING)
		fail_msg("%s", e.log);
	return rc == 0;
}

static uint64_t sweep(void)
{
	struct play fake = { 0 }, *p = &fake;
	uint64_t n = 99;

	OK(org_keys_sweep(h.org, &n, &p->e));
	return n;
}

static int refuse(void *arg, struct tx *tx, uint64_t account_id, enum account_kind kind, struct span language,
	struct err *e)
{
	(void)tx, (void)kind, (void)language;
	*(uint64_t *)arg = account_id;
	return err_set(e, ERR_LATER, "no", "the transaction is rolled back");
}

static void play_remove(struct play *p)
{
	OK(account_remove(h.org, p->tx, *(uint64_t *)p->arg, &p->e));
}

static void ten_minutes(void)
{
	time_test_advance_mono(601 * US_PER_SEC);
}

/* An account whose transaction was rolled back leaves its key behind; it goes when a sweep of ten minutes ago was
 * after it, for no transaction takes so long. Keys of living accounts stay, of removed ones go at once. */
static void test_sweep(void **state)
{
	struct play fake = { 0 }, *p = &fake;
	struct account_new n = { .kind = ACCOUNT_PERSON, .address = SPAN("niemand@example.org") };
	uint64_t live = test_person(&h, "bleibt@example.org", "Bleibt"), gone = test_person(&h, "geht@example.org", "Geht");
	uint64_t orphan = 0, id;

	(void)state;
	account_on_add(refuse, &orphan);
	FAILS(ERR_LATER, account_add(h.org, &n, &id, &p->e));
	account_on_add(NULL, NULL);
	assert_true(orphan && has_key(orphan));
	play_with(play_remove, &gone);
	assert_true(has_key(gone));
	assert_int_equal(sweep(), 1);
	assert_true(!has_key(gone) && has_key(orphan));
	assert_int_equal(sweep(), 0);
	ten_minutes();
	assert_int_equal(sweep(), 1);
	assert_true(!has_key(orphan) && has_key(live) && has_key(ORG_ACCOUNT_ID));
	assert_int_equal(sweep(), 0);
}

static int forget_house(struct tx *tx, void *arg, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE account SET id = ?2 WHERE id = ?1");

	sql_int(q, 1, *(bool *)arg ? ORG_ACCOUNT_ID : 999);
	sql_int(q, 2, *(bool *)arg ? 999 : ORG_ACCOUNT_ID);
	return sql_run(q, e) == 1 ? 0 : ERR_BROKEN;
}

/* The wrong data base, or an empty one: nothing is destroyed. */
static void test_sweep_without_house(void **state)
{
	struct play fake = { 0 }, *p = &fake;
	uint64_t live = test_person(&h, "noch@example.org", "Noch"), n;
	bool away = true;

	(void)state;
	OK(store_write(h.store, forget_house, &away, &p->e));
	FAILS(ERR_BROKEN, org_keys_sweep(h.org, &n, &p->e));
	away = false;
	OK(store_write(h.store, forget_house, &away, &p->e));
	assert_true(has_key(live));
}

struct row {
	uint64_t id;
	unsigned char wrapped[SEAL_WRAPPED_LEN];
};

static int put_row(struct tx *tx, void *arg, struct err *e)
{
	const struct row *r = arg;
	struct sql *q = sql_open(tx, "UPDATE account SET wrapped_key = ?2 WHERE id = ?1");

	sql_int(q, 1, (int64_t)r->id);
	sql_blob(q, 2, SPAN_BYTES(r->wrapped, sizeof(r->wrapped)));
	return sql_run(q, e) == 1 ? 0 : ERR_BROKEN;
}

/* As an older kontor left it: the key in the row and nowhere else. */
static void back_to_row(uint64_t id)
{
	struct play fake = { 0 }, *p = &fake;
	struct accounts_file f;
	struct row r = { .id = id };
	SCOPED_BUF b = { 0 };

	buf_init(&b, ACCOUNTS_FILE_MAX);
	OK(io_read_file(h.vault_dirfd, ACCOUNTS_FILE, &b, &p->e));
	OK(accounts_file_decode(buf_span(&b), &f, &p->e));
	for (size_t i = 0; i < accounts_file_count(&f); i++)
		if (accounts_file_id(&f, i) == id)
			memcpy(r.wrapped, f.rows.p + i * VAULT_KEY_ROW + 8, SEAL_WRAPPED_LEN);
	OK(store_write(h.store, put_row, &r, &p->e));
	OK(vault_key_destroy(h.vault, 1, &id, &p->e));
}

/* As a start does; the process before is over, so its cache is. */
static void restart(void)
{
	org_free(h.org);
	h.org = org_new(h.store, h.vault);
}

static void play_get(struct play *p)
{
	struct account a;

	OK(account_get(h.org, p->tx, p->a, *(uint64_t *)p->arg, &a, &p->e));
}

static void test_move(void **state)
{
	struct play fake = { 0 }, *p = &fake;
	uint64_t ids[2] = { ORG_ACCOUNT_ID, test_person(&h, "alt@example.org", "Alt") };

	(void)state;
	OK(org_keys_in_vault(h.store, &p->e));
	for (size_t i = 0; i < 2; i++)
		back_to_row(ids[i]);
	FAILS(ERR_LATER, org_keys_in_vault(h.store, &p->e));
	test_house_seal(&h);
	restart();
	assert_false(org_is_open(h.org));
	FAILS(ERR_LATER, org_keys_in_vault(h.store, &p->e));
	test_house_unseal(&h);
	assert_true(org_is_open(h.org));
	OK(org_keys_in_vault(h.store, &p->e));
	look_with(play_get, &ids[1]);
	assert_int_equal(ask_int(h.store, "SELECT COUNT(*) FROM account WHERE wrapped_key IS NOT NULL"), 0);
}

static void test_restored(void **state)
{
	struct play fake = { 0 }, *p = &fake;
	uint64_t here[2] = { ORG_ACCOUNT_ID, test_person(&h, "hier@example.org", "Hier") }, removed;
	uint64_t away = test_person(&h, "weg@example.org", "Weg");
	struct row r = { .id = here[1] };
	int64_t before = ask_int(h.store, "SELECT COUNT(*) FROM account WHERE state <> 3");

	(void)state;
	OK(store_write(h.store, put_row, &r, &p->e));          /* what such a row says counts for nothing */
	FAILS(ERR_PARAM, org_keys_restored(h.store, here + 1, 1, &removed, &p->e));
	OK(org_keys_restored(h.store, here, 2, &removed, &p->e));
	assert_int_equal(removed, before - 2);
	assert_int_equal(ask_int(h.store, "SELECT COUNT(*) FROM account WHERE state <> 3"), 2);
	assert_int_equal(ask_int(h.store, "SELECT COUNT(*) FROM address"), 1);
	OK(org_keys_in_vault(h.store, &p->e));
	look_with(play_get, &here[1]);
	assert_true(has_key(away));
	assert_int_equal(sweep(), before - 3);         /* and their keys, should these be there all the same; one has none */
	assert_false(has_key(away));
}

static void play_list(struct play *p)
{
	struct account *list;
	size_t n;

	OK(account_list(h.org, p->tx, p->a, 0, &list, &n, &p->e));
	for (size_t i = 0; i < n; i++)
		assert_false(span_eqz(list[i].address, "ohne@example.org"));
	assert_int_equal(n, *(int64_t *)p->arg);
}

/* An old copy of the data base beside the newest keys, not by kontor restore: everybody else is there. */
static void test_list_without_key(void **state)
{
	struct play fake = { 0 }, *p = &fake;
	uint64_t id = test_person(&h, "ohne@example.org", "Ohne");
	int64_t n = ask_int(h.store, "SELECT COUNT(*) FROM account WHERE state <> 3 AND kind <> 0") - 1;

	(void)state;
	OK(vault_key_destroy(h.vault, 1, &id, &p->e));
	restart();
	look_with(play_list, &n);
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sweep), cmocka_unit_test(test_sweep_without_house), cmocka_unit_test(test_move),
		cmocka_unit_test(test_list_without_key),
		cmocka_unit_test(test_restored),
	};

	return cmocka_run_group_tests_name(name, tests, start, stop);
}

int main(void)
{
	return run_both("org keys", group);
}
