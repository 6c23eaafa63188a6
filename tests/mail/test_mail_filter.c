/* Scripts at delivery: stored, run, and what they want is done - once, and never at the price of a mail. */
#include "domain/mail/event.h"
#include "domain/mail/filter.h"
#include "domain/mail/metadata.h"
#include "domain/mail/queue.h"
#include "domain/mail/report.h"
#include "domain/mail/script.h"
#include "mail/mail_test.h"

#define NOW 1790000000

static uint64_t anna, ben;
static struct mail *mail;

#define HEAD "From: <fremd@far.example>\r\nTo: anna@example.org\r\nMessage-ID: <1@far.example>\r\n"

static void play_set(struct play *p)
{
	OK(script_put(h.org, p->tx, p->a, anna, SPAN("regeln"), span_str(p->arg), &p->e));
	OK(script_activate(h.org, p->tx, anna, SPAN("regeln"), &p->e));
}

static void set_script(const char *text)
{
	SCOPED_ARENA a = arena_new();
	struct err e = ERR_INIT;
	struct span why;

	if (script_check(a, span_str(text), &why, &e) < 0)
		fail_msg("%.*s", SPAN_F(why));
	play_with(play_set, (void *)(uintptr_t)text);
}

struct given {
	const struct email_prepared *p;
	struct delivery *to;
	size_t n;
};

static int do_deliver(struct tx *tx, void *arg, struct err *e)
{
	struct given *g = arg;
	SCOPED_ARENA a = arena_new();

	return deliver(h.org, tx, a, g->p, g->to, g->n, NOW, e);
}

/* Delivers to anna; gives her result. */
static int send_as(const char *sender, const char *text, int64_t now)
{
	SCOPED_ARENA a = arena_new();
	struct filter_mail fm = { .hostname = "mail.example.org", .message = span_str(text), .sender = span_str(sender), .now_sec = now };
	struct delivery first = { .account_id = anna, .address = SPAN("anna@example.org"), .rcpt = SPAN("anna@example.org") };
	struct delivery *to = arena_dup(a, &first, sizeof(first));
	struct email_prepared p = { 0 };
	struct err e = ERR_INIT;
	size_t n = 1;
	int result;

	if (email_prepare(h.org, a, span_str(text), &p, &e) < 0 || filter_plan(mail, a, &fm, &to, &n, &e) < 0)
		fail_msg("%s", e.log);
	struct given g = { &p, to, n };

	if (store_write(h.store, do_deliver, &g, &e) < 0)
		fail_msg("%s", e.log);
	result = to[0].result;
	filter_free(to, n);
	email_prepared_fini(&p);
	return result;
}

static int send_text(const char *text)
{
	return send_as("fremd@far.example", text, NOW);
}

struct expected {
	uint64_t account;
	const char *box;
	unsigned messages;
};

static void play_count(struct play *p)
{
	const struct expected *x = p->arg;
	struct mailbox box = box_of(p, x->account, x->box);

	if (box.messages != x->messages)
		print_error("%s holds %u messages\n", x->box, box.messages);
	assert_int_equal(box.messages, x->messages);
}

static void expect(uint64_t account, const char *box, unsigned messages)
{
	struct expected x = { account, box, messages };

	look_with(play_count, &x);
}

static void play_queued(struct play *p)
{
	assert_int_equal(count(p, "SELECT count(*) FROM queue_recipient"), (intptr_t)p->arg);
}

static void expect_queue(int n)
{
	look_with(play_queued, (void *)(intptr_t)n);
}

static void test_store(void **state)
{
	(void)state;
	anna = test_person(&h, "anna@example.org", "Anna Müller");
	ben = test_person(&h, "ben@example.org", "Ben");
	mail = mail_new(h.org);
}

static void play_store(struct play *p)
{
	struct script_row *rows;
	struct span text, why;
	size_t n;

	OK(script_put(h.org, p->tx, p->a, anna, SPAN("eins"), SPAN("keep;"), &p->e));
	OK(script_put(h.org, p->tx, p->a, anna, SPAN("größe"), SPAN("stop;"), &p->e));
	OK(script_put(h.org, p->tx, p->a, anna, SPAN("eins"), SPAN("discard;"), &p->e));
	OK(script_list(h.org, p->tx, p->a, anna, &rows, &n, &p->e));
	assert_int_equal(n, 2);
	OK(script_get(h.org, p->tx, p->a, anna, SPAN("eins"), &text, &p->e));
	assert_span(text, "discard;");
	FAILS(ERR_MISSING, script_get(h.org, p->tx, p->a, ben, SPAN("eins"), &text, &p->e));
	FAILS(ERR_MISSING, script_activate(h.org, p->tx, anna, SPAN("zwei"), &p->e));
	OK(script_activate(h.org, p->tx, anna, SPAN("größe"), &p->e));
	FAILS(ERR_DENIED, script_remove(h.org, p->tx, anna, SPAN("größe"), &p->e));
	FAILS(ERR_EXISTS, script_rename(h.org, p->tx, p->a, anna, SPAN("größe"), SPAN("eins"), &p->e));
	OK(script_rename(h.org, p->tx, p->a, anna, SPAN("größe"), SPAN("zwei"), &p->e));
	OK(script_list(h.org, p->tx, p->a, anna, &rows, &n, &p->e));
	assert_span(rows[1].name, "zwei");
	assert_true(rows[1].active && !rows[0].active);
	OK(script_activate(h.org, p->tx, anna, SPAN_NONE, &p->e));
	OK(script_remove(h.org, p->tx, anna, SPAN("zwei"), &p->e));
	FAILS(ERR_PARAM, script_put(h.org, p->tx, p->a, anna, SPAN("a\nb"), SPAN(""), &p->e));
	FAILS(ERR_SYNTAX, script_check(p->a, SPAN("kep;"), &why, &p->e));
	assert_span(why, "line 1, column 1: There is no command \"kep\"");
	for (int i = 0; i < 4; i++)
		OK(script_put(h.org, p->tx, p->a, anna, arena_printf(p->a, "s%d", i),
			SPAN_BYTES(arena_alloc(p->a, SCRIPT_BYTES_MAX), i < 3 ? SCRIPT_BYTES_MAX : 1000), &p->e));
	FAILS(ERR_LIMIT, script_room(h.org, p->tx, anna, SPAN("mehr"), SCRIPT_BYTES_MAX, &p->e));
	FAILS(ERR_TOOBIG, script_room(h.org, p->tx, anna, SPAN("mehr"), SCRIPT_BYTES_MAX + 1, &p->e));
	p->undo = true;
}

static void test_scripts(void **state)
{
	(void)state;
	play(play_store);
}

static void test_filing(void **state)
{
	(void)state;
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(anna, "INBOX", 1);
	set_script("require [\"fileinto\",\"mailbox\",\"imap4flags\",\"copy\"]; if header :contains \"subject\" \"Grüße\" "
		"{ fileinto :create :flags [\"\\\\Seen\",\"wichtig\"] \"Büro/Grüße\"; }");
	assert_int_equal(send_text(HEAD "Subject: =?utf-8?q?Viele_Gr=C3=BC=C3=9Fe?=\r\n\r\nx"), 0);
	expect(anna, "INBOX", 1);
	expect(anna, "Büro/Grüße", 1);
	assert_int_equal(send_text(HEAD "Subject: anderes\r\n\r\nx"), 0);
	expect(anna, "INBOX", 2);
	set_script("require [\"fileinto\",\"copy\"]; fileinto \"gibt es nicht\"; fileinto :copy \"Büro/Grüße\";");
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(anna, "INBOX", 3);
	expect(anna, "Büro/Grüße", 2);
	set_script("require [\"fileinto\",\"special-use\",\"editheader\"]; addheader \"X-Neu\" \"1\"; fileinto :specialuse \"\\\\Junk\" \"Nix\";");
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(anna, "Junk", 1);
	set_script("discard;");
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(anna, "INBOX", 3);
	set_script("require \"reject\"; reject \"Nein danke\";");
	assert_int_equal(send_text(HEAD "\r\nx"), ERR_DENIED);
	set_script("redirect \"keine Adresse\";");            /* fails when it runs: kept */
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(anna, "INBOX", 4);
	assert_all_well();
}

static void annotate(struct play *p, uint64_t viewer, const struct mailbox *box, const char *name, const char *value)
{
	struct metadata_entry entry = { span_str(name), span_str(value) };

	OK(metadata_set(h.org, p->tx, p->a, viewer, box, &entry, &p->e));
}

static void play_annotate(struct play *p)
{
	struct mailbox box = box_of(p, anna, "Büro/Grüße"), bens = box_of(p, ben, "INBOX");

	annotate(p, anna, &box, "/private/regel", "Trash");
	annotate(p, anna, &box, "/shared/regel", "Junk");
	annotate(p, anna, NULL, "/private/regel", "ja");
	annotate(p, ben, NULL, "/private/regel", "Bens");
	annotate(p, ben, &bens, "/private/regel", "Bens");
}

/* Own annotations steer a script; those of others, and of mailboxes that are not there, say nothing. */
static void test_annotations(void **state)
{
	(void)state;
	play(play_annotate);
#define META "require [\"fileinto\", \"variables\", \"mboxmetadata\", \"servermetadata\"]; "
	set_script(META "if metadata :matches \"Büro/Grüße\" \"/Private/Regel\" \"*\" { fileinto \"${1}\"; }");
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(anna, "Trash", 1);
	set_script(META "if allof(metadataexists \"Büro/Grüße\" [\"/shared/regel\", \"/private/regel\"], "
		"servermetadata \"/private/regel\" \"ja\", servermetadataexists \"/private/regel\", "
		"not metadataexists \"Büro/Grüße\" \"/private/nichts\", not metadataexists \"Nicht da\" \"/private/regel\", "
		"not metadataexists \"shared/ben@example.org/INBOX\" \"/private/regel\", not servermetadataexists \"/falsch/*\", "
		"not servermetadata \"/private/regel\" \"Bens\") { fileinto \"Trash\"; }");
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(anna, "Trash", 2);
	assert_all_well();
}

static void test_sending(void **state)
{
	(void)state;
	set_script("redirect \"weit@far.example\";");
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(anna, "INBOX", 4);
	expect_queue(1);
	set_script("redirect \"ben@example.org\";");
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(anna, "INBOX", 4);
	expect(ben, "INBOX", 1);
	set_script("redirect \"anna@example.org\";");         /* to herself: kept */
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(anna, "INBOX", 5);
	set_script("redirect \"niemand@example.org\";");      /* nobody there: kept */
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(anna, "INBOX", 6);
	expect_queue(1);
	assert_all_well();
}

static void play_event_script(struct play *p)
{
	struct mailbox box = box_of(p, anna, "Archive");

	OK(script_put(h.org, p->tx, p->a, anna, SPAN("ereignis"), SPAN("require [\"imapsieve\",\"copy\"]; redirect :copy \"weit@far.example\";"), &p->e));
	annotate(p, anna, &box, "/shared/imapsieve/script", "ereignis");
}

struct happened {
	const char *box;
	struct imap_set uids;
	int noted;
};

static void play_note(struct play *p)
{
	struct happened *x = p->arg;
	struct mailbox box = box_of(p, anna, x->box);

	assert_int_equal(event_note(h.org, p->tx, p->a, ben, &box, EVENT_APPEND, &x->uids, 0, &p->e), x->noted);
}

static void note(const char *box, uint32_t lo, uint32_t hi, int noted)
{
	struct imap_range range = { lo, hi };
	struct happened x = { box, { &range, 1, 1 }, noted };

	play_with(play_note, &x);
}

static void play_many_ranges(struct play *p)
{
	struct mailbox box = box_of(p, anna, "Archive");
	struct imap_set uids = { 0 };

	for (uint32_t i = 0; i < EVENT_RANGES_MAX + 5; i++)
		imap_set_add(p->a, &uids, 1000 + 2 * i);
	assert_int_equal(event_note(h.org, p->tx, p->a, anna, &box, EVENT_COPY, &uids, 0, &p->e), 1);
	assert_int_equal(count(p, "SELECT count(*) FROM mail_event"), EVENT_RANGES_MAX);
	p->undo = true;
}

static unsigned run_events(void)
{
	struct err e = ERR_INIT;
	unsigned n;

	if (event_run(mail, "mail.example.org", 0, 10000, &n, &e) < 0)
		fail_msg("%s", e.log);
	return n;
}

static void play_no_events(struct play *p)
{
	assert_int_equal(count(p, "SELECT count(*) FROM mail_event"), 0);
}

static void play_put_archive(struct play *p)
{
	struct mailbox box = box_of(p, anna, "Archive");
	struct message_put to[3];
	uint32_t uids[3];

	for (int i = 0; i < 3; i++)
		to[i] = (struct message_put){ .mailbox_id = box.id, .account_id = anna, .received_sec = NOW };
	OK(message_put(h.org, p->tx, p->a, p->arg, to, 3, uids, NULL, &p->e));
}

static void play_sent_all(struct play *p)
{
	OK(script_count_sent(p->tx, anna, time_real_sec(), FILTER_SENT_DAY, &p->e));
}

static void play_old_event(struct play *p)
{
	struct sql *q = sql_open(p->tx, "UPDATE mail_event SET created_sec = created_sec - ?1");

	sql_int(q, 1, EVENT_KEEP_SEC + 1);
	assert_int_equal(sql_run(q, &p->e), 1);
}

/* Events: only where there is a script, each message once, within the day's budget, and not for ever. */
static void test_events(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct email_prepared p = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(email_prepare(h.org, a, SPAN(HEAD "\r\nx"), &p, &e), 0);
	play_with(play_put_archive, &p);
	email_prepared_fini(&p);
	play(play_event_script);
	note("INBOX", 1, 9, 0);
	assert_int_equal(run_events(), 0);
	expect_queue(1);
	note("Archive", 1, 9, 1);                             /* three are there */
	assert_int_equal(run_events(), 4);
	expect_queue(4);
	play(play_no_events);
	note("Archive", 500, 600, 1);                         /* gone */
	assert_int_equal(run_events(), 1);
	play(play_many_ranges);
	note("Archive", 1, 1, 1);
	play(play_old_event);
	assert_int_equal(run_events(), 1);
	expect_queue(4);
	play(play_sent_all);
	note("Archive", 1, 1, 1);
	assert_int_equal(run_events(), 1);
	expect_queue(4);
	play(play_no_events);
	assert_all_well();
}

static void test_vacation(void **state)
{
	(void)state;
	set_script("require [\"vacation\",\"fcc\"]; vacation :days 2 :fcc \"Sent\" \"Bin weg.\";");
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect_queue(5);
	expect(anna, "Sent", 1);
	assert_int_equal(send_text(HEAD "\r\nx"), 0);         /* the same sender, the same days */
	expect_queue(5);
	expect(anna, "Sent", 1);
	assert_int_equal(send_as("fremd@far.example", HEAD "\r\nx", NOW + 3 * 86400), 0);
	expect_queue(6);
	assert_int_equal(send_as("anders@far.example", HEAD "List-Id: <x>\r\n\r\nx", NOW), 0);
	assert_int_equal(send_as("anders@far.example", HEAD "Auto-Submitted: auto-replied\r\n\r\nx", NOW), 0);
	assert_int_equal(send_as("anders@far.example", "To: liste@example.org\r\n\r\nx", NOW), 0);
	assert_int_equal(send_as("", HEAD "\r\nx", NOW), 0);
	assert_int_equal(send_as("noreply@far.example", HEAD "\r\nx", NOW), 0);
	expect_queue(6);
	assert_int_equal(send_as("ben@example.org", HEAD "\r\nx", NOW), 0);
	expect(ben, "INBOX", 2);                              /* answered here, without the queue */
	expect_queue(6);
	assert_all_well();
}

static void play_set_ben(struct play *p)
{
	OK(script_put(h.org, p->tx, p->a, ben, SPAN("regeln"), span_str(p->arg), &p->e));
	OK(script_activate(h.org, p->tx, ben, SPAN("regeln"), &p->e));
}

static void set_ben(const char *text)
{
	play_with(play_set_ben, (void *)(uintptr_t)text);
}

/* What a script writes to people here runs theirs; refused is kept, for nobody would hear of it; and there is an end. */
static void test_answers_run_scripts(void **state)
{
	(void)state;
	set_script("require \"vacation\"; vacation :handle \"1\" \"Bin weg.\";");
	set_ben("require \"fileinto\"; fileinto \"Trash\";");
	assert_int_equal(send_as("ben@example.org", HEAD "\r\nx", NOW), 0);
	expect(ben, "INBOX", 2);
	expect(ben, "Trash", 1);
	set_script("require \"vacation\"; vacation :handle \"2\" \"Bin weg.\";");
	set_ben("require \"reject\"; reject \"nein\";");
	assert_int_equal(send_as("ben@example.org", HEAD "\r\nx", NOW), 0);
	expect(ben, "INBOX", 3);
	set_script("require \"vacation\"; vacation :handle \"3\" \"Bin weg.\";");
	set_ben("redirect \"weit@far.example\";");
	assert_int_equal(send_as("ben@example.org", HEAD "\r\nx", NOW), 0);
	expect(ben, "INBOX", 3);
	expect_queue(7);
	set_script("require [\"enotify\",\"fileinto\"]; notify \"mailto:ben@example.org\"; fileinto \"Sent\";");
	set_ben("require [\"enotify\",\"copy\"]; notify \"mailto:anna@example.org\"; redirect :copy \"anna@example.org\";");
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(ben, "INBOX", 4);
	expect(anna, "Sent", 5);                              /* the mail, and Ben's copy of the notice: no notice about a notice */
	set_ben("redirect \"liste@example.org\";");
	assert_int_equal(send_text(HEAD "\r\nx"), 0);        /* to nobody: kept */
	expect(ben, "INBOX", 5);
	set_ben("discard;");
	assert_int_equal(send_text(HEAD "\r\nx"), 0);
	expect(ben, "INBOX", 5);
	assert_all_well();
}

static void play_mixed(struct play *p)
{
	const struct span targets[] = { SPAN("ben@example.org"), SPAN("weit@far.example") };

	OK(address_set(h.org, p->tx, ADDRESS_GROUP, SPAN("beide@example.org"), targets, 2, &p->e));
}

/* Some of them here, some outside: each has a copy, whatever the scripts here do with theirs. */
static void test_answers_both_ways(void **state)
{
	static const char *const scripts[] = { "keep;", "discard;", "redirect \"anna@example.org\";",
		"require [\"editheader\",\"fileinto\"]; addheader \"X-A\" \"b\"; fileinto \"Trash\";" };

	(void)state;
	play(play_mixed);
	set_script("require [\"enotify\",\"fileinto\"]; notify \"mailto:beide@example.org\"; fileinto \"Sent\";");
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		set_ben(scripts[i]);
		assert_int_equal(send_text(HEAD "\r\nx"), 0);
		expect_queue(8 + (int)i);
	}
	expect(ben, "INBOX", 6);
	expect(ben, "Trash", 2);
	assert_all_well();
}

static void play_postmaster(struct play *p)
{
	const struct span target = SPAN("ben@example.org");

	OK(address_set(h.org, p->tx, ADDRESS_ALIAS, SPAN("postmaster@example.org"), &target, 1, &p->e));
}

struct reporting {
	struct report report;
	struct report_draft draft;
};

static int put_report(struct tx *tx, void *arg, struct err *e)
{
	struct reporting *r = arg;
	SCOPED_ARENA a = arena_new();

	return report_put(h.org, tx, a, &r->report, &r->draft, e);
}

struct finding {
	struct reporting *r;
	struct arena *a;
};

static int find_report(struct tx *tx, void *arg, struct err *e)
{
	struct finding *f = arg;
	int r = report_find(h.org, tx, f->a, &f->r->report, &f->r->draft, e);

	return r < 0 ? r : 0;
}

static void report_to(const char *sender)
{
	SCOPED_ARENA a = arena_new();
	const struct report_rcpt rcpt = { .address = SPAN("fort@far.example"), .notify = NOTIFY_DEFAULT, .action = REPORT_FAILED, .status = SPAN("5.1.1") };
	struct reporting r = { .report = { .hostname = "mail.example.org", .sender = span_str(sender), .message = SPAN(HEAD "\r\nx"), .rcpts = &rcpt,
		.n_rcpts = 1 } };
	struct finding f = { &r, a };
	struct err e = ERR_INIT;

	if (store_read(h.store, find_report, &f, &e) < 0 || report_prepare(mail, a, &r.report, &r.draft, &e) < 0 ||
		store_write(h.store, put_report, &r, &e) < 0)
		fail_msg("%s", e.log);
	report_draft_fini(&r.draft);
}

/* A report runs its reader's script; the last one, to postmaster about a report, sends nothing more. */
static void test_reports_run_scripts(void **state)
{
	(void)state;
	play(play_postmaster);
	set_ben("require \"fileinto\"; if address :localpart \"from\" \"mailer-daemon\" { fileinto \"Archive\"; }");
	report_to("ben@example.org");
	expect(ben, "Archive", 1);
	report_to("");
	expect(ben, "Archive", 2);
	set_ben("require \"vacation\"; redirect \"weit@far.example\"; vacation \"weg\";");
	report_to("ben@example.org");
	expect_queue(12);
	expect(ben, "INBOX", 6);
	report_to("");
	expect_queue(12);
	expect(ben, "INBOX", 7);
	set_ben("require \"reject\"; reject \"nein\";");
	report_to("ben@example.org");
	expect(ben, "INBOX", 8);
	assert_all_well();
}

static void test_duplicate(void **state)
{
	(void)state;
	set_script("require [\"duplicate\",\"fileinto\"]; if duplicate :seconds 100 { fileinto \"Trash\"; }");
	assert_int_equal(send_as("a@far.example", "Message-ID: <d>\r\n\r\nx", NOW), 0);
	expect(anna, "Trash", 2);
	assert_int_equal(send_as("a@far.example", "Message-ID: <d>\r\n\r\nx", NOW + 1), 0);
	expect(anna, "Trash", 3);
	assert_int_equal(send_as("a@far.example", "Message-ID: <d>\r\n\r\nx", NOW + 101), 0);
	expect(anna, "Trash", 3);
}

/* A script that eats its budget again and again loses the right to run for this hour; the mail stays. */
static void test_runaway(void **state)
{
	struct script_cache *cache = mail_scripts(mail);

	(void)state;
	set_script("discard;");
	assert_true(script_may_run(cache, anna, NOW));
	for (int i = 0; i < 50; i++)
		script_ran(cache, anna, NOW, FILTER_STEPS);
	assert_false(script_may_run(cache, anna, NOW));
	assert_true(script_may_run(cache, ben, NOW));
	expect(anna, "Trash", 3);
	assert_int_equal(send_text("Subject: bleibt\r\n\r\nx"), 0);
	assert_true(script_may_run(cache, anna, NOW + 3600));
	mail_free(mail);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_store), cmocka_unit_test(test_scripts), cmocka_unit_test(test_filing),
		cmocka_unit_test(test_sending), cmocka_unit_test(test_annotations), cmocka_unit_test(test_events), cmocka_unit_test(test_vacation), cmocka_unit_test(test_answers_run_scripts), cmocka_unit_test(test_answers_both_ways), cmocka_unit_test(test_reports_run_scripts), cmocka_unit_test(test_duplicate), cmocka_unit_test(test_runaway) };

	return cmocka_run_group_tests(tests, start, stop);
}
