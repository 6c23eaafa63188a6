/* Messages: put for many, walk, flag, expunge, copy between accounts, quota, delivery, references to the end. */
#include "mail/mail_test.h"
#include "domain/mail/mail_sweep.h"

static uint64_t anna, bert, carl;

static void prepare(struct play *p, struct span text, struct email_prepared *out)
{
	OK(email_prepare(h.org, p->a, text, out, &p->e));
}

static void put(struct play *p, const struct mailbox *box, uint64_t flags, const char *text)
{
	struct message_put to = { box->id, box->account_id, flags, 1000, false };
	struct email_prepared m;
	uint32_t uid;

	prepare(p, span_str(text), &m);
	OK(message_put(h.org, p->tx, p->a, &m, &to, 1, &uid, NULL, &p->e));
	email_prepared_fini(&m);
}

static void clear(struct play *p, uint64_t account_id, const char *name)
{
	struct mailbox box = box_of(p, account_id, name);
	struct imap_set gone;
	uint64_t modseq;

	OK(message_expunge(h.org, p->tx, p->a, &box, NULL, true, &gone, &modseq, &p->e));
}

/* Exactly one message, opened: its subject and body. */
static void assert_only(struct play *p, uint64_t account_id, const char *name, uint64_t flags, struct span text)
{
	struct mailbox box = box_of(p, account_id, name);
	struct imap_set all = range_set(p->a, 1, UINT32_MAX);
	struct message_walk *w;
	struct message m;
	struct span body;

	OK(message_walk_open(h.org, p->tx, p->a, &box, &all, WANT_SUMMARY, &w, &p->e));
	assert_int_equal(message_walk_next(w, &m, &p->e), 1);
	assert_int_equal(m.flags, flags);
	assert_int_equal(m.size, text.n);
	assert_int_equal(m.received_sec, 1000);
	assert_int_equal(m.summary.message_len, text.n);
	OK(message_body(p->tx, p->a, &m, &body, &p->e));
	assert_true(span_eq(body, text));
	OK(message_body_range(p->tx, p->a, &m, 3, 9, &body, &p->e));
	assert_true(span_eq(body, span_sub(text, 3, 9)));
	assert_int_equal(message_walk_next(w, &m, &p->e), 0);
	message_walk_close(w);
}

static void play_many(struct play *p)
{
	struct mailbox a = box_of(p, anna, "INBOX"), b = box_of(p, bert, "INBOX"), c = box_of(p, bert, "Archive");
	struct message_put to[] = { { a.id, anna, FLAG_SEEN, 1000, false }, { b.id, bert, 0, 1000, false },
		{ c.id, bert, FLAG_FLAGGED, 1000, false } };
	struct span text = SPAN("Subject: Gr\xc3\xbc\xc3\x9f" "e\r\n\r\nAn alle.\r\n");
	struct email_prepared m;
	uint32_t uids[3];
	uint64_t ids[3];

	prepare(p, text, &m);
	OK(message_put(h.org, p->tx, p->a, &m, to, 3, uids, ids, &p->e));
	email_prepared_fini(&m);
	assert_true(uids[0] == 1 && uids[1] == 1 && uids[2] == 1);
	assert_true(ids[0] != ids[1] && ids[1] != ids[2]);
	assert_int_equal(count(p, "SELECT count(*) FROM blob"), 1);
	assert_int_equal(count(p, "SELECT refs FROM blob"), 3);
	assert_only(p, anna, "INBOX", FLAG_SEEN, text);
	assert_only(p, bert, "INBOX", 0, text);
	assert_only(p, bert, "Archive", FLAG_FLAGGED, text);
	clear(p, anna, "INBOX");
	clear(p, bert, "INBOX");
	assert_int_equal(count(p, "SELECT refs FROM blob"), 1);
	assert_only(p, bert, "Archive", FLAG_FLAGGED, text);
	clear(p, bert, "Archive");
	assert_int_equal(count(p, "SELECT count(*) FROM blob"), 0);
}

/* A large one lives in a file; a copy for another account is sealed anew, keywords go by their names. */
static void play_between(struct play *p)
{
	struct mailbox a = box_of(p, anna, "INBOX"), b = box_of(p, bert, "INBOX"), arch = box_of(p, anna, "Archive");
	struct imap_set all = range_set(p->a, 1, UINT32_MAX), from, to;
	unsigned char *noise = arena_alloc(p->a, 200000);
	struct span text;
	uint64_t x, y, z, bb;

	random_bytes(noise, 200000);
	for (size_t i = 0; i < 200000; i++)
		noise[i] = noise[i] ? noise[i] : 1;
	memcpy(noise, "A: b\r\n\r\n", 8);
	text = SPAN_BYTES(noise, 200000);
	OK(mailbox_keyword(h.org, p->tx, p->a, &a, SPAN("x"), true, &x, &p->e));
	OK(mailbox_keyword(h.org, p->tx, p->a, &a, SPAN("y"), true, &y, &p->e));
	OK(mailbox_keyword(h.org, p->tx, p->a, &b, SPAN("z"), true, &z, &p->e));
	{
		struct message_put one = { a.id, anna, FLAG_ANSWERED | y, 1000, false };
		struct email_prepared m;
		uint32_t uid;

		prepare(p, text, &m);
		OK(message_put(h.org, p->tx, p->a, &m, &one, 1, &uid, NULL, &p->e));
		email_prepared_fini(&m);
	}
	OK(message_copy(h.org, p->tx, p->a, &a, &arch, &all, false, &from, &to, &p->e));
	assert_int_equal(count(p, "SELECT count(*) FROM email"), 1);
	OK(message_copy(h.org, p->tx, p->a, &a, &b, &all, false, &from, &to, &p->e));
	assert_int_equal(count(p, "SELECT count(*) FROM email"), 2);
	OK(mailbox_keyword(h.org, p->tx, p->a, &b, SPAN("Y"), false, &bb, &p->e));
	assert_int_equal(bb, z << 1);
	assert_only(p, bert, "INBOX", FLAG_ANSWERED | bb, text);
	clear(p, anna, "INBOX");
	OK(message_copy(h.org, p->tx, p->a, &arch, &b, &all, true, &from, &to, &p->e));
	assert_int_equal(box_of(p, anna, "Archive").messages, 0);
	assert_int_equal(box_of(p, bert, "INBOX").messages, 2);
	assert_int_equal(count(p, "SELECT refs FROM blob"), 2);
	clear(p, bert, "INBOX");
	assert_int_equal(count(p, "SELECT count(*) FROM blob"), 0);
	/* Nothing to do is no change. */
	OK(message_copy(h.org, p->tx, p->a, &a, &b, &all, true, &from, &to, &p->e));
	assert_int_equal(from.n + to.n, 0);
}

static void play_quota(struct play *p)
{
	struct mailbox in = box_of(p, carl, "INBOX"), arch = box_of(p, carl, "Archive"), b = box_of(p, bert, "INBOX");
	struct message_put to = { in.id, carl, 0, 1000, false };
	struct imap_set all = range_set(p->a, 1, UINT32_MAX), from, into;
	struct email_prepared m;
	struct delivery d[3] = { { .account_id = bert }, { .account_id = carl }, { .account_id = 4 } };
	struct account acc;
	uint32_t uid;

	OK(account_set_limits(h.org, p->tx, carl, 100, 0, 0, &p->e));
	prepare(p, SPAN("A: 4567890123456789\r\n\r\n01234567890123456789012345678901234\r\n"), &m);
	assert_int_equal(m.size, 60);
	OK(message_put(h.org, p->tx, p->a, &m, &to, 1, &uid, NULL, &p->e));
	OK(message_copy(h.org, p->tx, p->a, &in, &arch, &all, true, &from, &into, &p->e));
	FAILS(ERR_LIMIT, message_copy(h.org, p->tx, p->a, &arch, &in, &all, false, &from, &into, &p->e));
	p->undo = true;
	email_prepared_fini(&m);
	prepare(p, SPAN("A: 4567890123456789\r\n\r\n0123456789012345678901234567\r\n"), &m);
	/* One full account and one that is gone spoil nothing for the others. */
	OK(deliver(h.org, p->tx, p->a, &m, d, 3, 1000, &p->e));
	assert_int_equal(d[0].result, 0);
	assert_int_equal(d[1].result, ERR_LIMIT);
	assert_int_equal(d[2].result, ERR_MISSING);
	b = box_of(p, bert, "INBOX");
	assert_int_equal(b.messages, 1);
	email_prepared_fini(&m);
	to.force = true;
	prepare(p, SPAN("A: 4567890123456789\r\n\r\n0123456789012345678901234567\r\n"), &m);
	OK(message_put(h.org, p->tx, p->a, &m, &to, 1, &uid, NULL, &p->e));
	email_prepared_fini(&m);
	OK(account_get(h.org, p->tx, p->a, carl, &acc, &p->e));
	assert_int_equal(acc.used_bytes, 60 + 53);
	assert_int_equal(acc.used_messages, 2);
}

static void play_deliver(struct play *p)
{
	struct delivery d[] = { { .account_id = anna, .tag = SPAN("Archive") }, { .account_id = bert, .tag = SPAN("nirgends") },
		{ .account_id = carl, .tag = SPAN("//") } };
	struct span text = SPAN("Subject: x\r\n\r\ny\r\n");
	struct email_prepared m;

	prepare(p, text, &m);
	OK(deliver(h.org, p->tx, p->a, &m, d, 3, 1000, &p->e));
	email_prepared_fini(&m);
	assert_int_equal(d[0].result | d[1].result | d[2].result, 0);
	assert_only(p, anna, "Archive", 0, text);
	assert_only(p, bert, "INBOX", 0, text);
	assert_only(p, carl, "INBOX", 0, text);
	p->undo = true;
}

/* Tombstones do not pile up, however few go at once; a view older than what is remembered still gets it right. */
static void play_tombstones(struct play *p)
{
	struct mailbox box = box_of(p, anna, "INBOX");
	struct mail *mail = p->arg;
	struct mail_view v, old;
	struct mail_changes ch;
	struct imap_set gone, one;
	uint64_t modseq;

	for (int i = 0; i < 10; i++)
		put(p, &box, 0, "Subject: x\r\n\r\ny\r\n");
	OK(mail_view_open(mail, p->tx, box.id, &v, &p->e));
	OK(mail_view_open(mail, p->tx, box.id, &old, &p->e));
	one = range_set(p->a, v.uidnext - 7, v.uidnext - 5);
	OK(message_expunge(h.org, p->tx, p->a, &box, &one, true, &gone, &modseq, &p->e));
	{	/* as if pruned */
		struct sql *q = sql_open(p->tx, "DELETE FROM expunged WHERE mailbox_id = ?1");

		sql_int(q, 1, (int64_t)box.id);
		OK(sql_run(q, &p->e));
		q = sql_open(p->tx, "UPDATE mailbox SET expunged_modseq = modseq WHERE id = ?1");
		sql_int(q, 1, (int64_t)box.id);
		OK(sql_run(q, &p->e));
	}
	OK(mail_view_changes(mail, p->tx, p->a, &v, true, &ch, &p->e));
	assert_int_equal(ch.vanished.n, 1);
	assert_int_equal(ch.vanished.v[0].lo, one.v[0].lo);
	assert_int_equal(ch.vanished.v[0].hi, one.v[0].hi);
	assert_int_equal(ch.exists, 7);
	mail_view_apply(&v, &ch);
	OK(mail_vanished_since(p->tx, p->a, &v, old.modseq, NULL, &gone, &p->e));
	assert_true(imap_set_contains(&gone, one.v[0].lo) && !imap_set_contains(&gone, v.uidnext - 1));
	mail_view_close(&v);
	mail_view_close(&old);
	p->undo = true;
}

static void play_pruned(struct play *p)
{
	struct mailbox box = box_of(p, anna, "Sent");
	struct imap_set gone;
	struct sql *q;
	uint64_t modseq;

	q = sql_open(p->tx, "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 100100)"
		" INSERT INTO expunged (mailbox_id, modseq, uid) SELECT CAST(?1 AS BIGINT), CAST(?2 AS BIGINT) - 100000 + i, i FROM n");
	sql_int(q, 1, (int64_t)box.id);
	sql_int(q, 2, (int64_t)box.modseq);
	OK(sql_run(q, &p->e));
	for (int i = 0; i < 130; i++) {       /* one at a time */
		put(p, &box, 0, "Subject: x\r\n\r\ny\r\n");
		OK(message_expunge(h.org, p->tx, p->a, &box, NULL, true, &gone, &modseq, &p->e));
		assert_int_equal(imap_set_count(&gone), 1);
	}
	assert_in_range(count(p, "SELECT count(*) FROM expunged"), 99900, 100100);
	assert_true(box_of(p, anna, "Sent").expunged_modseq > box.expunged_modseq);
	p->undo = true;
}

static void play_gone(struct play *p)
{
	struct mail *mail = p->arg;
	struct mail_view v;
	struct mail_changes ch;
	struct mailbox box;

	OK(mailbox_create(h.org, p->tx, p->a, anna, SPAN("Kurz"), SPECIAL_NONE, &box, &p->e));
	OK(mail_view_open(mail, p->tx, box.id, &v, &p->e));
	put(p, &box, 0, "Subject: x\r\n\r\ny\r\n");
	OK(mailbox_delete(h.org, p->tx, p->a, anna, SPAN("Kurz"), &p->e));
	OK(mail_view_changes(mail, p->tx, p->a, &v, true, &ch, &p->e));
	assert_true(ch.any && ch.gone);
	mail_view_close(&v);
	assert_int_equal(count(p, "SELECT count(*) FROM blob"), 0);
}

/* Every uid of the set that exists, in order, whatever the portions inside. */
static void assert_walk(struct play *p, const struct mailbox *box, const struct imap_set *set, uint32_t n, unsigned want)
{
	struct message_walk *w;
	struct message m;
	size_t used;

	OK(message_walk_open(h.org, p->tx, p->a, box, set, want, &w, &p->e));
	used = arena_used(p->a);
	for (uint32_t uid = 1; uid <= n; uid++) {
		if (!imap_set_contains(set, uid))
			continue;
		assert_int_equal(message_walk_next(w, &m, &p->e), 1);
		assert_int_equal(m.uid, uid);
	}
	assert_int_equal(message_walk_next(w, &m, &p->e), 0);
	assert_int_equal(message_walk_next(w, &m, &p->e), 0);
	message_walk_close(w);
	assert_int_equal(arena_used(p->a), used);
}

static void play_walk(struct play *p)
{
	struct mailbox box = box_of(p, anna, "Drafts");
	const struct imap_range shapes[][3] = { { { 1, UINT32_MAX } }, { { 1, 500 }, { 501, 1000 }, { 1001, 99999 } },
		{ { 1, 5000 }, { 5002, 10000 }, { 10002, UINT32_MAX } }, { { 7, 7 }, { 499, 1001 }, { 20000, 30000 } } };
	struct sql *q;

	for (int i = 0; i < 1001; i++)
		put(p, &box, 0, "Subject: x\r\n\r\ny\r\n");
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct imap_set set = { (struct imap_range *)(uintptr_t)shapes[i], shapes[i][1].lo ? 3 : 1, 3 };

		assert_walk(p, &box, &set, 1001, WANT_SUMMARY);
		assert_walk(p, &box, &set, 1001, WANT_META);
	}
	q = sql_open(p->tx, "WITH RECURSIVE n (i) AS (SELECT CAST(1002 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 10001)"
		" INSERT INTO message (mailbox_id, uid, modseq, flags, email_id, size, received_sec, saved_sec)"
		" SELECT CAST(?1 AS BIGINT), i, 1, 0, 1, 1, 1, 1 FROM n");
	sql_int(q, 1, (int64_t)box.id);
	OK(sql_run(q, &p->e));
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct imap_set set = { (struct imap_range *)(uintptr_t)shapes[i], shapes[i][1].lo ? 3 : 1, 3 };

		assert_walk(p, &box, &set, 10001, WANT_META);
	}
	p->undo = true;
}

static void test_messages(void **state)
{
	(void)state;
	play(play_many);
	play(play_between);
	assert_all_well();
	play(play_quota);
	play(play_deliver);
	play(play_walk);
	assert_all_well();
}

static void test_views(void **state)
{
	struct mail *mail = mail_new(h.org);

	(void)state;
	play_with(play_tombstones, mail);
	play_with(play_gone, mail);
	play(play_pruned);
	mail_free(mail);
}

/* ---- the check finds what is wrong ---- */

static void play_two(struct play *p)
{
	struct mailbox box = box_of(p, anna, "INBOX");

	put(p, &box, 0, "Subject: eins\r\n\r\n1\r\n");
	put(p, &box, 0, "Subject: zwei\r\n\r\n2\r\n");
	put(p, &box, 0, "Subject: drei\r\n\r\n3\r\n");
}

static unsigned heard;

static void hear(void *arg, const char *problem)
{
	(void)arg;
	(void)problem;
	heard++;
}

/* Damages, counts the problems, repairs. */
static void damaged(const char *damage, unsigned want, const char *repair)
{
	struct err e = ERR_INIT;
	uint64_t problems = 0;

	heard = 0;
	if (do_sql(h.store, damage, &e) < 0 || mail_check(h.org, h.store, hear, NULL, &problems, &e) < 0)
		fail_msg("%s", e.log);
	if (problems != want)
		fail_msg("%s: %u problems, not %u", damage, (unsigned)problems, want);
	assert_int_equal(heard, want);
	if (do_sql(h.store, repair, &e) < 0)
		fail_msg("%s", e.log);
}

static void play_removed(struct play *p)
{
	struct mailbox box = box_of(p, *(uint64_t *)p->arg, "INBOX");

	put(p, &box, 0, "Subject: weg\r\n\r\n1\r\n");
	OK(account_remove(h.org, p->tx, box.account_id, &p->e));
}

/* A removed account's mail opens for nobody, which is no problem. */
static void test_check_removed(void **state)
{
	uint64_t id = test_person(&h, "weg@example.org", "Weg");

	(void)state;
	play_with(play_removed, &id);
	assert_all_well();
}

static void play_shared(struct play *p)
{
	struct mailbox there = box_of(p, *(uint64_t *)p->arg, "INBOX"), here = box_of(p, anna, "INBOX");
	struct message_put to[] = { { there.id, there.account_id, 0, 1000, false }, { here.id, anna, FLAG_SEEN, 1000, false } };
	struct email_prepared m;
	uint32_t uids[2];

	prepare(p, SPAN("Subject: an beide\r\n\r\nBleibt bei Anna.\r\n"), &m);
	OK(message_put(h.org, p->tx, p->a, &m, to, 2, uids, NULL, &p->e));
	email_prepared_fini(&m);
	for (int i = 0; i < MAIL_SWEEP_BATCH + 3; i++)
		put(p, &there, i % 2 ? FLAG_SEEN : FLAG_DELETED, "Subject: nur dort\r\n\r\n1\r\n");
}

/* In portions, whose counters are right in between; what others share stays; living accounts lose nothing. */
static void test_sweep_removed(void **state)
{
	struct play fake = { 0 }, *p = &fake;
	uint64_t id = test_person(&h, "fort@example.org", "Fort"), n;
	int64_t blobs, messages;

	(void)state;
	while (mail_sweep_removed(h.store, 100, &n, &p->e) == 0 && n)
		;                      /* of the tests before */
	blobs = ask_int(h.store, "SELECT count(*) FROM blob");
	messages = ask_int(h.store, "SELECT count(*) FROM message");
	play_with(play_shared, &id);
	OK(mail_sweep_removed(h.store, 100, &n, &p->e));
	assert_int_equal(n, 0);
	play_with(play_removed, &id);
	OK(mail_sweep_removed(h.store, 1, &n, &p->e));
	assert_int_equal(n, MAIL_SWEEP_BATCH);
	assert_all_well();
	OK(mail_sweep_removed(h.store, 100, &n, &p->e));
	assert_int_equal(n, 5);
	assert_int_equal(ask_int(h.store, "SELECT count(*) FROM mailbox b JOIN account a ON a.id = b.account_id"
		" WHERE a.state = 3"), 0);
	assert_int_equal(ask_int(h.store, "SELECT count(*) FROM blob"), blobs + 1);
	assert_int_equal(ask_int(h.store, "SELECT count(*) FROM message"), messages + 1);
	assert_int_equal(ask_int(h.store, "SELECT count(*) FROM email e JOIN account a ON a.id = e.account_id"
		" WHERE a.state = 3"), 0);
	assert_all_well();
}

static void test_check(void **state)
{
	(void)state;
	play(play_two);
	damaged("UPDATE mailbox SET unseen = unseen", 0, "UPDATE mailbox SET unseen = unseen");
	damaged("UPDATE mailbox SET unseen = unseen + 1 WHERE messages = 3", 1,
		"UPDATE mailbox SET unseen = unseen - 1 WHERE messages = 3");
	damaged("UPDATE mailbox SET uidnext = uidnext - 1 WHERE messages = 3", 1,
		"UPDATE mailbox SET uidnext = uidnext + 1 WHERE messages = 3");
	damaged("UPDATE email SET refs = refs + 1 WHERE id = (SELECT min(id) FROM email)", 1,
		"UPDATE email SET refs = refs - 1 WHERE id = (SELECT min(id) FROM email)");
	damaged("UPDATE blob SET refs = refs + 1 WHERE id = (SELECT min(id) FROM blob)", 1,
		"UPDATE blob SET refs = refs - 1 WHERE id = (SELECT min(id) FROM blob)");
	damaged("UPDATE usage SET used_bytes = used_bytes + 1 WHERE used_messages = 3", 1,
		"UPDATE usage SET used_bytes = used_bytes - 1 WHERE used_messages = 3");
	damaged("UPDATE message SET size = size + 1 WHERE uid = (SELECT max(uid) FROM message)", 2,
		"UPDATE message SET size = size - 1 WHERE uid = (SELECT max(uid) FROM message)");
	damaged("UPDATE email SET id = id - 500 WHERE id = (SELECT min(id) FROM email)", 2,
		"UPDATE email SET id = id + 500 WHERE id = (SELECT min(id) FROM email)");
	damaged("UPDATE blob SET id = id - 500 WHERE id = (SELECT max(id) FROM blob)", 1,
		"UPDATE blob SET id = id + 500 WHERE id = (SELECT min(id) FROM blob)");
	damaged("UPDATE blob_data SET id = id - 500 WHERE id = (SELECT max(id) FROM blob_data)", 1,
		"UPDATE blob_data SET id = id + 500 WHERE id = (SELECT min(id) FROM blob_data)");
}

/* An email moved to another row does not verify; those after it are looked at all the same. */
static void test_check_goes_on(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(do_sql(h.store, "UPDATE email SET id = id - 500 WHERE id = (SELECT min(id) FROM email)", &e), 1);
	assert_int_equal(do_sql(h.store, "UPDATE message SET email_id = email_id - 500 WHERE email_id ="
		" (SELECT min(email_id) FROM message)", &e), 1);
	damaged("UPDATE message SET size = size + 1 WHERE uid = (SELECT max(uid) FROM message)", 3, "UPDATE message SET size ="
		" size - 1 WHERE uid = (SELECT max(uid) FROM message)");
	assert_int_equal(do_sql(h.store, "UPDATE email SET id = id + 500 WHERE id = (SELECT min(id) FROM email)", &e), 1);
	assert_int_equal(do_sql(h.store, "UPDATE message SET email_id = email_id + 500 WHERE email_id ="
		" (SELECT min(email_id) FROM message)", &e), 1);
	assert_all_well();
}

static int people(void **state)
{
	start(state);
	anna = test_person(&h, "anna@example.org", "Anna");
	bert = test_person(&h, "bert@example.org", "Bert");
	carl = test_person(&h, "carl@example.org", "Carl");
	return 0;
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_goes_on),
		cmocka_unit_test(test_check_removed), cmocka_unit_test(test_sweep_removed),
	};

	return cmocka_run_group_tests_name(name, tests, people, stop);
}

int main(void)
{
	return run_both("mail_message", group);
}
