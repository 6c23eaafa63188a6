/* Mailboxes: names, first mailboxes, trees, special use, subscriptions, keywords, shared ones and their terms. */
#include "domain/mail/acl.h"
#include "domain/org/address.h"
#include "mail/mail_test.h"

static uint64_t anna, bert, chair, treasurer;

static const struct mailbox_row *row_of(const struct mailbox_row *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (span_eqz(v[i].name, name))
			return &v[i];
	return NULL;
}

static struct mailbox make(struct play *p, const char *name)
{
	struct mailbox box;

	OK(mailbox_create(h.org, p->tx, p->a, anna, span_str(name), SPECIAL_NONE, &box, &p->e));
	return box;
}

static uint32_t put(struct play *p, const struct mailbox *box, uint64_t flags, const char *text)
{
	struct message_put to = { box->id, box->account_id, flags, 1000, false };
	struct email_prepared m;
	uint32_t uid = 0;

	OK(email_prepare(h.org, p->a, span_str(text), &m, &p->e));
	OK(message_put(h.org, p->tx, p->a, &m, &to, 1, &uid, NULL, &p->e));
	email_prepared_fini(&m);
	return uid;
}

static void play_first(struct play *p)
{
	static const struct {
		const char *name;
		enum mailbox_special special;
	} want[] = { { "INBOX", SPECIAL_INBOX }, { "Archiv", SPECIAL_ARCHIVE }, { "Entwürfe", SPECIAL_DRAFTS },
		{ "Gesendet", SPECIAL_SENT }, { "Papierkorb", SPECIAL_TRASH }, { "Spam", SPECIAL_JUNK } };
	struct mailbox_row *v;
	struct mailbox box;
	size_t n;

	OK(mailbox_list(h.org, p->tx, p->a, anna, &v, &n, &p->e));
	assert_int_equal(n, 6);
	for (size_t i = 0; i < n; i++) {
		assert_span(v[i].name, want[i].name);
		assert_int_equal(v[i].box.special, want[i].special);
		assert_true(v[i].subscribed && !v[i].has_children && v[i].box.id != 0);
		OK(mailbox_by_special(h.org, p->tx, p->a, anna, want[i].special, &box, &p->e));
		assert_int_equal(box.id, v[i].box.id);
		assert_int_equal(box.uidnext, 1);
		assert_true(box.uidvalidity > 0);
	}
	OK(mailbox_list(h.org, p->tx, p->a, bert, &v, &n, &p->e));
	assert_non_null(row_of(v, n, "Drafts"));
	assert_null(row_of(v, n, "Entwürfe"));
}

static void play_names(struct play *p)
{
	struct mailbox a, b, box;
	struct span two = arena_printf(p->a, "%0500d/%0500d", 7, 8), deep = arena_printf(p->a, "%0990d", 7);
	char nfc_grows[3 * 400];
	const char *const bad[] = { "", "/", "a//b", "/a", "a/", "a\nb", "a*b", "a%b", "\xff", "a\xc3" };

	/* NFC and NFD are one name, INBOX any case and above its levels. */
	a = make(p, "Bücher");
	assert_span(a.name, "Bücher");
	b = box_of(p, anna, "Bu\xcc\x88" "cher");
	assert_int_equal(a.id, b.id);
	FAILS(ERR_EXISTS, mailbox_create(h.org, p->tx, p->a, anna, SPAN("Bu\xcc\x88" "cher"), SPECIAL_NONE, &box, &p->e));
	FAILS(ERR_EXISTS, mailbox_create(h.org, p->tx, p->a, anna, SPAN("iNbOx"), SPECIAL_NONE, &box, &p->e));
	a = make(p, "inbox/Unter");
	assert_span(a.name, "INBOX/Unter");
	FAILS(ERR_MISSING, mailbox_find(h.org, p->tx, p->a, anna, SPAN("INBOX/unter"), &box, &p->e));
	b = make(p, "inboxes");
	assert_span(b.name, "inboxes");
	/* Case matters everywhere else. */
	assert_int_not_equal(make(p, "Fall").id, make(p, "fall").id);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		FAILS(ERR_PARAM, mailbox_create(h.org, p->tx, p->a, anna, span_str(bad[i]), SPECIAL_NONE, &box, &p->e));
	FAILS(ERR_PARAM, mailbox_create(h.org, p->tx, p->a, anna, two, SPECIAL_NONE, &box, &p->e));
	OK(mailbox_create(h.org, p->tx, p->a, anna, deep, SPECIAL_NONE, &box, &p->e));
	/* A name that NFC makes longer than allowed: U+1D15E is 4 octets, normalised 8. */
	for (size_t i = 0; i < 240; i++)
		memcpy(nfc_grows + 4 * i, "\xf0\x9d\x85\x9e", 4);
	FAILS(ERR_PARAM, mailbox_create(h.org, p->tx, p->a, anna, SPAN_BYTES(nfc_grows, 960), SPECIAL_NONE, &box, &p->e));
	p->undo = true;
}

static void play_tree(struct play *p)
{
	struct mailbox_row *v;
	const struct mailbox_row *row;
	struct mailbox a, box;
	size_t n;

	a = make(p, "Verein/Vorstand/2026");
	box_of(p, anna, "Verein/Vorstand");
	make(p, "Verein-alt");
	make(p, "INBOX/Unter");
	OK(mailbox_list(h.org, p->tx, p->a, anna, &v, &n, &p->e));
	assert_true(row_of(v, n, "Verein")->has_children && row_of(v, n, "INBOX")->has_children);
	assert_false(row_of(v, n, "Verein-alt")->has_children);
	assert_span(v[1].name, "INBOX/Unter");

	put(p, &a, 0, "Subject: x\r\n\r\ny\r\n");
	OK(mailbox_rename(h.org, p->tx, p->a, anna, SPAN("Verein"), SPAN("Neu/Verein"), &p->e));
	box = box_of(p, anna, "Neu/Verein/Vorstand/2026");
	assert_int_equal(box.id, a.id);
	assert_int_equal(box.uidvalidity, a.uidvalidity);
	assert_int_equal(box.messages, 1);
	box_of(p, anna, "Neu");
	FAILS(ERR_MISSING, mailbox_find(h.org, p->tx, p->a, anna, SPAN("Verein"), &box, &p->e));
	FAILS(ERR_MISSING, mailbox_find(h.org, p->tx, p->a, anna, SPAN("Verein/Vorstand"), &box, &p->e));
	FAILS(ERR_EXISTS, mailbox_rename(h.org, p->tx, p->a, anna, SPAN("Neu"), SPAN("Archiv"), &p->e));
	FAILS(ERR_EXISTS, mailbox_rename(h.org, p->tx, p->a, anna, SPAN("Neu"), SPAN("inbox"), &p->e));
	FAILS(ERR_PARAM, mailbox_rename(h.org, p->tx, p->a, anna, SPAN("Neu"), SPAN("Neu/Neu"), &p->e));
	FAILS(ERR_PARAM, mailbox_rename(h.org, p->tx, p->a, anna, SPAN("Neu"), SPAN("a//b"), &p->e));
	FAILS(ERR_MISSING, mailbox_rename(h.org, p->tx, p->a, anna, SPAN("Nie"), SPAN("Immer"), &p->e));
	/* A deleted parent leaves a level without mailbox. */
	OK(mailbox_delete(h.org, p->tx, p->a, anna, SPAN("Neu/Verein"), &p->e));
	OK(mailbox_list(h.org, p->tx, p->a, anna, &v, &n, &p->e));
	row = row_of(v, n, "Neu/Verein");
	assert_true(row && row->box.id == 0 && row->has_children);
	FAILS(ERR_MISSING, mailbox_delete(h.org, p->tx, p->a, anna, SPAN("Neu/Verein"), &p->e));
	FAILS(ERR_DENIED, mailbox_delete(h.org, p->tx, p->a, anna, SPAN("Inbox"), &p->e));
	OK(mailbox_delete(h.org, p->tx, p->a, anna, SPAN("Neu/Verein/Vorstand/2026"), &p->e));
	a = make(p, "Neu/Verein/Vorstand/2026");
	assert_int_equal(a.messages, 0);
	assert_true(a.uidvalidity > box.uidvalidity);
}

/* What lies below would get too long a name. */
static void play_too_long(struct play *p)
{
	make(p, "Neu/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789");
	FAILS(ERR_PARAM, mailbox_rename(h.org, p->tx, p->a, anna, SPAN("Neu"), arena_printf(p->a, "%0950d", 7), &p->e));
	p->undo = true;
}

static void play_inbox(struct play *p)
{
	struct mailbox in = box_of(p, anna, "INBOX"), box;
	uint64_t bit;

	OK(mailbox_keyword(h.org, p->tx, p->a, &in, SPAN("$Wichtig"), true, &bit, &p->e));
	put(p, &in, FLAG_SEEN | bit, "Subject: eins\r\n\r\n1\r\n");
	put(p, &in, 0, "Subject: zwei\r\n\r\n2\r\n");
	make(p, "INBOX/bleibt");
	OK(mailbox_rename(h.org, p->tx, p->a, anna, SPAN("INBOX"), SPAN("Alt/Eingang"), &p->e));
	box = box_of(p, anna, "Alt/Eingang");
	assert_int_equal(box.messages, 2);
	assert_int_equal(box.unseen, 1);
	assert_int_equal(box.n_keywords, 1);
	assert_span(box.keywords[0], "$Wichtig");
	box = box_of(p, anna, "INBOX");
	assert_int_equal(box.id, in.id);
	assert_int_equal(box.messages, 0);
	assert_int_equal(box.uidnext, 3);
	box_of(p, anna, "INBOX/bleibt");
}

static void play_special(struct play *p)
{
	struct mailbox box;

	FAILS(ERR_EXISTS, mailbox_create(h.org, p->tx, p->a, anna, SPAN("Zweiter"), SPECIAL_TRASH, &box, &p->e));
	OK(mailbox_delete(h.org, p->tx, p->a, anna, SPAN("Papierkorb"), &p->e));
	OK(mailbox_create(h.org, p->tx, p->a, anna, SPAN("Müll"), SPECIAL_TRASH, &box, &p->e));
	FAILS(ERR_EXISTS, mailbox_create(h.org, p->tx, p->a, anna, SPAN("Zweiter"), SPECIAL_TRASH, &box, &p->e));
	OK(mailbox_by_special(h.org, p->tx, p->a, anna, SPECIAL_TRASH, &box, &p->e));
	assert_span(box.name, "Müll");
	FAILS(ERR_MISSING, mailbox_by_special(h.org, p->tx, p->a, anna, SPECIAL_FLAGGED, &box, &p->e));
}

static void play_subscribe(struct play *p)
{
	struct mailbox_row *v;
	const struct mailbox_row *row;
	size_t n;

	make(p, "Abo");
	OK(mailbox_subscribe(h.org, p->tx, p->a, anna, SPAN("Abo"), true, &p->e));
	OK(mailbox_subscribe(h.org, p->tx, p->a, anna, SPAN("Abo"), true, &p->e));
	OK(mailbox_delete(h.org, p->tx, p->a, anna, SPAN("Abo"), &p->e));
	OK(mailbox_subscribe(h.org, p->tx, p->a, anna, SPAN("Nie/da"), true, &p->e));
	OK(mailbox_subscribe(h.org, p->tx, p->a, anna, SPAN("Archiv"), false, &p->e));
	OK(mailbox_list(h.org, p->tx, p->a, anna, &v, &n, &p->e));
	row = row_of(v, n, "Abo");
	assert_true(row && row->subscribed && row->box.id == 0);
	row = row_of(v, n, "Nie/da");
	assert_true(row && row->subscribed && row->box.id == 0);
	row = row_of(v, n, "Nie");
	assert_true(row && !row->subscribed && row->has_children);
	assert_false(row_of(v, n, "Archiv")->subscribed);
	OK(mailbox_subscribe(h.org, p->tx, p->a, anna, SPAN("Abo"), false, &p->e));
	OK(mailbox_list(h.org, p->tx, p->a, anna, &v, &n, &p->e));
	assert_null(row_of(v, n, "Abo"));
}

static void play_keywords(struct play *p)
{
	struct mailbox box = make(p, "Wörter");
	uint64_t bit, seen = 0;

	FAILS(ERR_MISSING, mailbox_keyword(h.org, p->tx, p->a, &box, SPAN("$Neu"), false, &bit, &p->e));
	for (int i = 0; i < MAILBOX_KEYWORDS_MAX; i++) {
		OK(mailbox_keyword(h.org, p->tx, p->a, &box, arena_printf(p->a, "Wort%d", i), true, &bit, &p->e));
		assert_true(bit > FLAG_SYSTEM && !(bit & (bit - 1)) && !(seen & bit) && bit < (uint64_t)1 << 63);
		seen |= bit;
	}
	FAILS(ERR_LIMIT, mailbox_keyword(h.org, p->tx, p->a, &box, SPAN("Zuviel"), true, &bit, &p->e));
	box = box_of(p, anna, "Wörter");
	assert_int_equal(box.n_keywords, MAILBOX_KEYWORDS_MAX);
	OK(mailbox_keyword(h.org, p->tx, p->a, &box, SPAN("wort3"), false, &bit, &p->e));
	assert_int_equal(bit, 1 << (FLAG_KEYWORD_SHIFT + 3));
	/* The topmost bit survives the data base. */
	put(p, &box, (uint64_t)1 << 62, "Subject: x\r\n\r\n");
}

/* ---- shared ---- */

#define TODAY (20000 * (int64_t)86400)

static void play_terms(struct play *p)
{
	struct term t = { .role_id = chair, .holder_id = anna, .from_sec = TODAY, .to_sec = TODAY + 100, .rights = RIGHT_ALL };
	uint64_t id;

	OK(term_add(h.org, p->tx, &t, &id, &p->e));
	t.role_id = treasurer;
	t.rights = RIGHT_READ | RIGHT_SEEN;
	OK(term_add(h.org, p->tx, &t, &id, &p->e));
}

static void play_not_shared(struct play *p)
{
	struct mailbox_row *v;
	struct mailbox box;
	size_t n;

	OK(mailbox_list(h.org, p->tx, p->a, anna, &v, &n, &p->e));
	assert_null(row_of(v, n, "shared"));
	FAILS(ERR_MISSING, mailbox_find(h.org, p->tx, p->a, anna, SPAN("shared/vorsitz@example.org/INBOX"), &box, &p->e));
	assert_true(mailbox_create(h.org, p->tx, p->a, anna, SPAN("shared/vorsitz@example.org/x"), SPECIAL_NONE, &box, &p->e) < 0);
	p->undo = true;
}

static void play_shared(struct play *p)
{
	struct mailbox_row *v;
	struct mailbox box, other;
	struct mailbox_place at;
	size_t n;

	OK(mailbox_list(h.org, p->tx, p->a, anna, &v, &n, &p->e));
	assert_true(row_of(v, n, "shared") && row_of(v, n, "shared")->box.id == 0);
	assert_true(row_of(v, n, "shared/vorsitz@example.org")->has_children);
	assert_int_equal(row_of(v, n, "shared/vorsitz@example.org/INBOX")->box.rights, RIGHT_OWNER);
	assert_int_equal(row_of(v, n, "shared/kasse@example.org/INBOX")->box.rights, RIGHT_LOOKUP | RIGHT_READ | RIGHT_SEEN);
	box = box_of(p, anna, "shared/Vorsitz@Example.ORG/inbox");
	assert_int_equal(box.account_id, chair);
	OK(mailbox_locate(h.org, p->tx, p->a, anna, SPAN("shared/vorsitz@example.org/Neu"), &at, &p->e));
	assert_true(at.shared && at.account_id == chair);
	assert_span(at.name, "Neu");
	assert_span(at.prefix, "shared/vorsitz@example.org/");

	OK(mailbox_create(h.org, p->tx, p->a, anna, SPAN("shared/vorsitz@example.org/Neu/Tief"), SPECIAL_NONE, &box, &p->e));
	OK(mailbox_by_special(h.org, p->tx, p->a, chair, SPECIAL_INBOX, &other, &p->e));
	assert_int_equal(box.account_id, chair);
	OK(mailbox_rename(h.org, p->tx, p->a, anna, SPAN("shared/vorsitz@example.org/Neu"), SPAN("shared/vorsitz@example.org/Alt"), &p->e));
	assert_int_equal(box_of(p, anna, "shared/vorsitz@example.org/Alt/Tief").id, box.id);
	FAILS(ERR_DENIED, mailbox_rename(h.org, p->tx, p->a, anna, SPAN("shared/vorsitz@example.org/Alt"), SPAN("Meins"), &p->e));
	FAILS(ERR_DENIED, mailbox_create(h.org, p->tx, p->a, anna, SPAN("shared/kasse@example.org/Neu"), SPECIAL_NONE, &box, &p->e));
	FAILS(ERR_DENIED, mailbox_create(h.org, p->tx, p->a, anna, SPAN("shared/kasse@example.org"), SPECIAL_NONE, &box, &p->e));
	FAILS(ERR_DENIED, mailbox_create(h.org, p->tx, p->a, anna, SPAN("shared"), SPECIAL_NONE, &box, &p->e));
	FAILS(ERR_DENIED, mailbox_delete(h.org, p->tx, p->a, anna, SPAN("shared/kasse@example.org/Drafts"), &p->e));
	FAILS(ERR_MISSING, mailbox_find(h.org, p->tx, p->a, bert, SPAN("shared/vorsitz@example.org/INBOX"), &box, &p->e));
	OK(mailbox_subscribe(h.org, p->tx, p->a, anna, SPAN("shared/vorsitz@example.org/INBOX"), true, &p->e));
	OK(mailbox_list(h.org, p->tx, p->a, anna, &v, &n, &p->e));
	assert_true(row_of(v, n, "shared/vorsitz@example.org/INBOX")->subscribed);
	p->undo = true;
}

/* The house's clock decides, to the second. */
static void test_shared(void **state)
{
	(void)state;
	play(play_terms);
	time_test_set_real((TODAY - 1) * US_PER_SEC);
	play(play_not_shared);
	time_test_set_real(TODAY * US_PER_SEC);
	play(play_shared);
	time_test_set_real((TODAY + 99) * US_PER_SEC);
	play(play_shared);
	time_test_set_real((TODAY + 100) * US_PER_SEC);
	play(play_not_shared);
	time_test_set_real(0);
}

static void test_own(void **state)
{
	(void)state;
	play(play_first);
	play(play_names);
	play(play_tree);
	play(play_too_long);
	play(play_inbox);
	play(play_special);
	play(play_subscribe);
	play(play_keywords);
	assert_all_well();
}

static uint32_t rights_in(struct play *p, uint64_t viewer, const struct mailbox *box)
{
	uint32_t rights;

	OK(acl_rights(h.org, p->tx, p->a, viewer, box->account_id, box->id, &rights, &p->e));
	return rights;
}

/* A group's members have its rights while they are members; a negative entry takes from entries, not from an office. */
static void play_acl_group(struct play *p)
{
	struct span members[] = { SPAN("bert@example.org"), SPAN("outside@example.net") };
	struct mailbox box = make(p, "Gruppe"), below;
	struct mailbox_row *v;
	size_t n;

	OK(address_set(h.org, p->tx, ADDRESS_GROUP, SPAN("alle@example.org"), members, 2, &p->e));
	OK(acl_set(h.org, p->tx, p->a, &box, SPAN("Alle@Example.org"), ACL_REPLACE, RIGHT_LOOKUP | RIGHT_READ, &p->e));
	assert_int_equal(rights_in(p, bert, &box), RIGHT_LOOKUP | RIGHT_READ);
	assert_int_equal(rights_in(p, anna, &box), RIGHT_OWNER);
	below = make(p, "Gruppe/Neu");
	assert_int_equal(rights_in(p, bert, &below), RIGHT_LOOKUP | RIGHT_READ);
	OK(mailbox_list(h.org, p->tx, p->a, bert, &v, &n, &p->e));
	assert_int_equal(row_of(v, n, "shared/anna@example.org/Gruppe/Neu")->box.rights, RIGHT_LOOKUP | RIGHT_READ);
	OK(acl_set(h.org, p->tx, p->a, &box, SPAN("-bert@example.org"), ACL_REPLACE, RIGHT_READ, &p->e));
	assert_int_equal(rights_in(p, bert, &box), RIGHT_LOOKUP);
	OK(acl_set(h.org, p->tx, p->a, &box, SPAN("-bert@example.org"), ACL_REPLACE, 0, &p->e));
	members[0] = SPAN("kasse@example.org");
	OK(address_set(h.org, p->tx, ADDRESS_GROUP, SPAN("alle@example.org"), members, 2, &p->e));
	assert_int_equal(rights_in(p, bert, &box), 0);
	FAILS(ERR_MISSING, mailbox_find(h.org, p->tx, p->a, bert, SPAN("shared/anna@example.org/Gruppe"), &below, &p->e));
	OK(address_remove(h.org, p->tx, SPAN("alle@example.org"), &p->e));
	assert_int_equal(rights_in(p, bert, &box), 0);
	p->undo = true;
}

static void play_acl_bounds(struct play *p)
{
	struct mailbox box = make(p, "Voll");
	struct acl_entry *v;
	struct err e = ERR_INIT;
	size_t n;

	for (int i = 0; i < ACL_ENTRIES_MAX; i++) {
		struct span target = SPAN("bert@example.org"), name = arena_printf(p->a, "g%d@example.org", i);

		OK(address_set(h.org, p->tx, ADDRESS_GROUP, name, &target, 1, &p->e));
		OK(acl_set(h.org, p->tx, p->a, &box, name, ACL_ADD, RIGHT_READ, &p->e));
	}
	assert_int_equal(acl_set(h.org, p->tx, p->a, &box, SPAN("anyone"), ACL_ADD, RIGHT_READ, &e), ERR_LIMIT);
	OK(acl_set(h.org, p->tx, p->a, &box, SPAN("g1@example.org"), ACL_ADD, RIGHT_LOOKUP, &p->e));
	OK(acl_list(h.org, p->tx, p->a, &box, &v, &n, &p->e));
	assert_int_equal(n, ACL_ENTRIES_MAX + 1);
	p->undo = true;
}

static void test_acl(void **state)
{
	(void)state;
	play(play_acl_group);
	play(play_acl_bounds);
}

static int people(void **state)
{
	struct account_new n = { .kind = ACCOUNT_PERSON, .address = SPAN("anna@example.org"), .name = SPAN("Anna"),
		.language = SPAN("de") };
	struct err e = ERR_INIT;

	start(state);
	if (account_add(h.org, &n, &anna, &e) < 0)
		fail_msg("%s", e.log);
	n.address = SPAN("bert@example.org");
	n.language = SPAN("en");
	if (account_add(h.org, &n, &bert, &e) < 0)
		fail_msg("%s", e.log);
	chair = test_role("vorsitz@example.org");
	treasurer = test_role("kasse@example.org");
	return 0;
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_acl),
	};

	return cmocka_run_group_tests_name(name, tests, people, stop);
}

int main(void)
{
	return run_both("mail_mailbox", group);
}
