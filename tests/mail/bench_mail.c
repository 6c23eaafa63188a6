/* How fast domain/mail is, without processes and protocols: `build/tests/bench_mail`. Not a test; prints figures. */
#include <stdio.h>
#include <stdlib.h>
#include "domain/mail/acl.h"
#include "mail/mail_test.h"

#define MESSAGES 100000
#define READERS 1000

static uint64_t ids[READERS];
static struct mailbox target[READERS];
static struct imap_set all;
static struct mail *mail;

static int64_t begun_us;

static void begin(void)
{
	begun_us = time_mono_us();
}

static void done(const char *what, double n, const char *unit)
{
	double us = (double)(time_mono_us() - begun_us);

	printf("%-46s %10.2f ms %12.0f %s/s %9.3f us each\n", what, us / 1000, n * 1e6 / us, unit, us / n);
}

static struct span mail_text(struct arena *a, unsigned i)
{
	uint64_t x = i * 2ull + 1;
	SCOPED_BUF b;

	buf_init(&b, 1 << 20);
	buf_addf(&b, "From: Anna Amt <anna@example.org>\r\nTo: Bert Brot <bert@example.org>, Carl Cut <carl@example.org>\r\n"
		"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= %u\r\nDate: Tue, 24 Nov 2026 11:00:00 +0100\r\nMessage-ID: <%u@example.org>\r\n"
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
		i, i);
	while (b.n < 10000) {
		x *= 6364136223846793005u;
		buf_addf(&b, "Zeile %zu: %016llx%016llx\r\n", b.n, (unsigned long long)x,
			(unsigned long long)(x * 0x9e3779b97f4a7c15u));
	}
	buf_addz(&b, "--x--\r\n");
	return arena_span(a, buf_span(&b));
}

struct prepared_mail {
	struct email_prepared *m;
	size_t n;
	int64_t inside_us;             /* without the commit */
};

static void put_all(struct play *p)
{
	struct prepared_mail *d = p->arg;
	int64_t from_us = time_mono_us();
	uint32_t uid;

	for (size_t i = 0; i < d->n; i++) {
		struct message_put to = { target[0].id, target[0].account_id, 0, 1000, true };
		SCOPED_ARENA a = arena_new();

		OK(message_put(h.org, p->tx, a, &d->m[i], &to, 1, &uid, NULL, &p->e));
	}
	d->inside_us += time_mono_us() - from_us;
}

static void fill(void)
{
	SCOPED_ARENA a = arena_new();
	struct prepared_mail d = { ARENA_ARRAY(a, struct email_prepared, 1000), 1000, 0 };
	struct play fake = { 0 }, *p = &fake;
	int64_t put_us = 0, prepare_us = 0;

	for (int round = 0; round < MESSAGES / 1000; round++) {
		SCOPED_ARENA b = arena_new();

		begin();
		for (size_t i = 0; i < d.n; i++)
			OK(email_prepare(h.org, b, mail_text(b, (unsigned)i), &d.m[i], &p->e));
		prepare_us += time_mono_us() - begun_us;
		begin();
		play_with(put_all, &d);
		put_us += time_mono_us() - begun_us;
	}
	begun_us = time_mono_us() - prepare_us;
	done("email_prepare, 10 KiB (text made too)", MESSAGES, "mails");
	begun_us = time_mono_us() - put_us;
	done("message_put, 1,000 a transaction", MESSAGES, "mails");
	begun_us = time_mono_us() - d.inside_us;
	done("message_put, without the commit", MESSAGES, "mails");
}

static void find(struct play *p)
{
	for (size_t i = 0; i < READERS; i++)
		target[i] = box_of(p, ids[i], "INBOX");
}

static void put_many(struct play *p)
{
	struct message_put *to = ARENA_ARRAY(p->a, struct message_put, READERS);
	uint32_t *uids = ARENA_ARRAY(p->a, uint32_t, READERS);

	for (size_t i = 0; i < READERS; i++)
		to[i] = (struct message_put){ target[i].id, target[i].account_id, 0, 1000, true };
	OK(message_put(h.org, p->tx, p->a, p->arg, to, READERS, uids, NULL, &p->e));
}

static void put_crowd(void)
{
	SCOPED_ARENA a = arena_new();
	struct play fake = { 0 }, *p = &fake;

	for (int i = 0; i < 3; i++) {
		struct email_prepared m;

		OK(email_prepare(h.org, a, mail_text(a, 1), &m, &p->e));
		begin();
		play_with(put_many, &m);
		done("one blob into 1,000 mailboxes, committed", READERS, "mailboxes");
	}
}

static void walk(struct play *p, unsigned want)
{
	struct message_walk *w;
	struct message m;
	size_t n = 0;

	begin();
	OK(message_walk_open(h.org, p->tx, p->a, &target[0], &all, want, &w, &p->e));
	while (message_walk_next(w, &m, &p->e) == 1)
		n++;
	message_walk_close(w);
	done(want ? "walk with summaries" : "walk", (double)n, "messages");
}

static void look(struct play *p)
{
	struct mail_view v;

	walk(p, WANT_META);
	walk(p, WANT_SUMMARY);
	begin();
	OK(mail_view_open(mail, p->tx, target[0].id, &v, &p->e));
	done("mail_view_open, not cached", 1, "views");
	mail_view_close(&v);
	begin();
	for (int i = 0; i < 1000; i++) {
		OK(mail_view_open(mail, p->tx, target[0].id, &v, &p->e));
		mail_view_close(&v);
	}
	done("mail_view_open, cached", 1000, "views");
}

static void flag_some(struct play *p)
{
	struct flags_changed *v;
	struct imap_set modified, ten = range_set(p->a, 1, 10000), one;
	size_t n;

	begin();
	OK(message_flag(h.org, p->tx, p->a, &target[0], &ten, FLAGS_ADD, FLAG_FLAGGED, UINT64_MAX, &v, &n, &modified, &p->e));
	done("message_flag of 10,000", (double)n, "messages");
	begin();
	for (uint32_t i = 20000; i < 21000; i++) {
		one = range_set(p->a, i, i);
		OK(message_flag(h.org, p->tx, p->a, &target[0], &one, FLAGS_ADD, FLAG_SEEN, UINT64_MAX, &v, &n, &modified, &p->e));
	}
	done("message_flag of one, no commit", 1000, "messages");
}

/* A session that is one flag behind. */
static void catch_up(struct play *p)
{
	struct mail_view v;
	struct mail_changes ch;

	OK(mail_view_open(mail, p->tx, target[0].id, &v, &p->e));
	v.modseq--;
	begin();
	for (int i = 0; i < 1000; i++) {
		SCOPED_ARENA a = arena_new();

		OK(mail_view_changes(mail, p->tx, a, &v, true, &ch, &p->e));
		assert_int_equal(ch.n_flags, 1);
		uid_set_unref(ch.after);
	}
	done("mail_view_changes, one flag", 1000, "views");
	mail_view_close(&v);
}

static void holes(struct play *p)
{
	struct imap_set gone, odd = { 0 };
	uint64_t modseq;

	for (uint32_t uid = 50000; uid < 60000; uid += 2)
		imap_set_add(p->a, &odd, uid);
	begin();
	OK(message_expunge(h.org, p->tx, p->a, &target[0], &odd, true, &gone, &modseq, &p->e));
	done("message_expunge of 5,000 singles", (double)imap_set_count(&gone), "messages");
}

static void copy(struct play *p)
{
	struct mailbox to = box_of(p, ids[0], "Archive");
	struct imap_set ten = range_set(p->a, 1, 10000), from, into;

	begin();
	OK(message_copy(h.org, p->tx, p->a, &target[0], &to, &ten, false, &from, &into, &p->e));
	done("message_copy of 10,000 in an account", (double)imap_set_count(&into), "messages");
}

static void look_again(struct play *p)
{
	struct mail *fresh = mail_new(h.org);
	struct mail_view v;

	begin();
	OK(mail_view_open(fresh, p->tx, target[0].id, &v, &p->e));
	done("mail_view_open with 5,000 gaps, not cached", 1, "views");
	mail_view_close(&v);
	mail_free(fresh);
	begin();
	OK(mail_view_open(mail, p->tx, target[0].id, &v, &p->e));
	done("mail_view_open with 5,000 gaps, moved on", 1, "views");
	mail_view_close(&v);
}

static const size_t group_sizes[] = { 10, 100, READERS };
static size_t group_size;

static void share_with_group(struct play *p)
{
	struct span *members = ARENA_ARRAY(p->a, struct span, group_size), name = arena_printf(p->a, "g%zu@example.org", group_size);

	for (size_t i = 0; i < group_size; i++)
		members[i] = arena_printf(p->a, "p%zu@example.org", READERS - 1 - i);
	OK(address_set(h.org, p->tx, ADDRESS_GROUP, name, members, group_size, &p->e));
	OK(acl_set(h.org, p->tx, p->a, &target[1], name, ACL_REPLACE, RIGHT_LOOKUP | RIGHT_READ, &p->e));
}

/* What every command in a mailbox shared with a group asks first. */
static void ask_group(struct play *p)
{
	char what[64];
	uint32_t rights = 0;

	begin();
	for (int i = 0; i < 100; i++) {
		SCOPED_ARENA a = arena_new();

		OK(acl_rights(h.org, p->tx, a, ids[READERS - 1], ids[1], target[1].id, &rights, &p->e));
	}
	assert_true(rights & RIGHT_READ);
	snprintf(what, sizeof(what), "acl_rights, groups up to %zu members", group_size);
	done(what, 100, "questions");
}

static void bench(void **state)
{
	struct imap_range whole = { 1, UINT32_MAX };

	(void)state;
	all = (struct imap_set){ &whole, 1, 1 };
	mail = mail_new(h.org);
	begin();
	for (size_t i = 0; i < READERS; i++) {
		char address[64];

		snprintf(address, sizeof(address), "p%zu@example.org", i);
		ids[i] = test_person(&h, address, "Person");
	}
	done("account_add", READERS, "accounts");
	look_with(find, NULL);
	for (size_t i = 0; i < sizeof(group_sizes) / sizeof(*group_sizes); i++) {
		group_size = group_sizes[i];
		play(share_with_group);
		look_with(ask_group, NULL);
	}
	put_crowd();
	fill();
	look_with(look, NULL);
	look_with(look, NULL);
	play(flag_some);
	look_with(catch_up, NULL);
	play(holes);
	look_with(look_again, NULL);
	play(copy);
	mail_free(mail);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bench) };

	return cmocka_run_group_tests_name("bench_mail", tests, start, stop);
}
