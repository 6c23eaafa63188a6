/* The bounds of domain/mail: what just fits is taken, one more gets its answer, and nothing of it stays. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "domain/mail/gone.h"
#include "domain/mail/index_impl.h"
#include "domain/mail/mail_text.h"
#include "domain/mail/metadata.h"
#include "domain/mail/queue.h"
#include "domain/mail/report.h"
#include "domain/mail/report_in.h"
#include "domain/mail/report_mail.h"
#include "domain/mail/rules.h"
#include "domain/mail/script.h"
#include "domain/mail/sender.h"
#include "domain/mail/tls_log.h"
#include "mail/mail_test.h"

#define NOW 1700000000
#define DAY 86400

static uint64_t anna;

static void run_sql(struct play *p, const char *sql, int64_t n)
{
	struct sql *q = sql_open(p->tx, sql);

	sql_int(q, 1, n);
	OK(sql_run(q, &p->e));
}

static struct span filled(struct arena *a, size_t n)
{
	char *at = arena_alloc(a, n + 1);

	memset(at, 'x', n);
	return SPAN_BYTES(at, n);
}

/* ---- mailboxes, metadata ---- */

static void mailbox_row(struct play *p, uint64_t id)
{
	struct sql *q = sql_open(p->tx, "INSERT INTO mailbox (id, account_id, lookup, uidvalidity, uidnext, modseq, expunged_modseq, messages,"
		" unseen, deleted, bytes, special, created_sec, sealed) VALUES (?1, ?2, ?3, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, ?3)");

	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, (int64_t)anna);
	sql_blob(q, 3, SPAN_BYTES(&id, sizeof(id)));
	OK(sql_run(q, &p->e));
}

static void play_mailboxes(struct play *p)
{
	struct mailbox box;

	for (int64_t n = count(p, "SELECT count(*) FROM mailbox WHERE account_id = (SELECT max(id) FROM account)"); n < MAILBOX_MAX - 1; n++)
		mailbox_row(p, tx_id(p->tx));
	OK(mailbox_create(h.org, p->tx, p->a, anna, SPAN("Letzte"), SPECIAL_NONE, &box, &p->e));
	FAILS(ERR_LIMIT, mailbox_create(h.org, p->tx, p->a, anna, SPAN("Zuviel"), SPECIAL_NONE, &box, &p->e));
	p->undo = true;
}

static int set(struct play *p, const struct mailbox *box, const char *name, size_t value_len)
{
	struct metadata_entry e = { span_str(name), filled(p->a, value_len) };

	err_clear(&p->e);
	return metadata_set(h.org, p->tx, p->a, anna, box, &e, &p->e);
}

static void play_metadata(struct play *p)
{
	struct mailbox box = box_of(p, anna, "INBOX");
	struct span name = arena_printf(p->a, "/private/%.*s", SPAN_F(filled(p->a, METADATA_NAME_MAX))), folded;

	OK(metadata_name(p->a, span_sub(name, 0, METADATA_NAME_MAX), &folded, &p->e));
	FAILS(ERR_PARAM, metadata_name(p->a, span_sub(name, 0, METADATA_NAME_MAX + 1), &folded, &p->e));
	assert_int_equal(set(p, &box, "/private/lang", METADATA_VALUE_MAX), 0);
	assert_int_equal(set(p, &box, "/private/lang", METADATA_VALUE_MAX + 1), ERR_TOOBIG);
	for (int i = 1; i < METADATA_ENTRIES_MAX; i++)
		assert_int_equal(set(p, &box, arena_strz(p->a, arena_printf(p->a, "/private/n%d", i)), 1), 0);
	assert_int_equal(set(p, &box, "/private/n1", 2), 0);                  /* in place of another */
	assert_int_equal(set(p, &box, "/private/zuviel", 1), ERR_LIMIT);
	assert_int_equal(set(p, &box, "/shared/a", 1), 0);                    /* shared ones are counted by themselves */
	p->undo = true;
}

/* The space of one account, wherever its annotations are: one row is said to take all but ten octets of it. */
static void play_metadata_space(struct play *p)
{
	struct mailbox box = box_of(p, anna, "INBOX");

	assert_int_equal(set(p, NULL, "/private/gross", 1), 0);
	run_sql(p, "UPDATE metadata SET size = ?1", METADATA_ACCOUNT_MAX - 20);
	assert_int_equal(set(p, &box, "/private/x", 11), ERR_EXISTS);
	assert_int_equal(set(p, &box, "/private/x", 10), 0);
	assert_int_equal(set(p, NULL, "/private/y", 1), ERR_EXISTS);
	p->undo = true;
}

/* ---- scripts, rules, lists of senders ---- */

static void play_scripts(struct play *p)
{
	struct span name = filled(p->a, SCRIPT_NAME_MAX + 1);

	FAILS(ERR_PARAM, script_put(h.org, p->tx, p->a, anna, name, SPAN("keep;"), &p->e));
	OK(script_put(h.org, p->tx, p->a, anna, span_sub(name, 0, SCRIPT_NAME_MAX), SPAN("keep;"), &p->e));
	for (int i = 1; i < SCRIPT_MAX; i++)
		OK(script_put(h.org, p->tx, p->a, anna, arena_printf(p->a, "s%d", i), SPAN("keep;"), &p->e));
	OK(script_put(h.org, p->tx, p->a, anna, SPAN("s1"), SPAN("stop;"), &p->e));
	FAILS(ERR_LIMIT, script_put(h.org, p->tx, p->a, anna, SPAN("zuviel"), SPAN("keep;"), &p->e));
	p->undo = true;
}

static void play_scripts_size(struct play *p)
{
	for (size_t n = 0; n < SCRIPT_TOTAL_MAX; n += SCRIPT_BYTES_MAX)
		OK(script_put(h.org, p->tx, p->a, anna, arena_printf(p->a, "s%zu", n), filled(p->a, SCRIPT_BYTES_MAX), &p->e));
	FAILS(ERR_LIMIT, script_room(h.org, p->tx, anna, SPAN("mehr"), 1, &p->e));
	OK(script_room(h.org, p->tx, anna, SPAN("s0"), SCRIPT_BYTES_MAX, &p->e));
	p->undo = true;
}

static void play_rules(struct play *p)
{
	struct rules r;
	SCOPED_BUF b;

	buf_init(&b, 1u << 20);
	for (int i = 0; i <= RULES_MAX; i++)
		buf_addf(&b, "#:rule\tr%d\tsubject\tcontains\tx\tdiscard\t\r\n", i);
	OK(script_put(h.org, p->tx, p->a, anna, SPAN(RULES_SCRIPT), buf_span(&b), &p->e));
	OK(rules_load(h.org, p->tx, p->a, anna, &r, &p->e));
	assert_int_equal(r.n, RULES_MAX);
	assert_span(r.v[RULES_MAX - 1].name, arena_strz(p->a, arena_printf(p->a, "r%d", RULES_MAX - 1)));
	p->undo = true;
}

static void play_senders(struct play *p)
{
	struct sender_row row = { anna, SPAN("a0@example.net"), SENDER_BLOCKED, NOW }, *v;
	size_t n;

	for (int i = 0; i < SENDER_LIST_MAX; i++) {
		row.sender = arena_printf(p->a, "a%d@example.net", i);
		OK(sender_list_put(h.org, p->tx, p->a, &row, &p->e));
	}
	row.sender = SPAN("zuviel@example.net");
	FAILS(ERR_LIMIT, sender_list_put(h.org, p->tx, p->a, &row, &p->e));
	row.sender = SPAN("a0@example.net");                                  /* what is there may change its mind */
	row.verdict = SENDER_ALLOWED;
	OK(sender_list_put(h.org, p->tx, p->a, &row, &p->e));
	OK(sender_list(h.org, p->tx, p->a, anna, &v, &n, &p->e));
	assert_int_equal(n, SENDER_LIST_MAX);
	p->undo = true;
}

/* ---- the queue, reports that go out ---- */

static void play_group(struct play *p)
{
	struct queue_entry q = { .created_sec = NOW, .expires_sec = NOW + DAY, .sender = SPAN("anna@example.org"),
		.n_rcpts = QUEUE_GROUP_MAX + 1 }, *v;
	struct email_prepared m;
	uint64_t id;
	size_t n;

	q.rcpts = ARENA_ARRAY(p->a, struct queue_rcpt, q.n_rcpts);
	for (size_t i = 0; i < q.n_rcpts; i++)
		q.rcpts[i] = (struct queue_rcpt){ .address = arena_printf(p->a, "a%zu@eins.example", i), .next_sec = NOW };
	OK(email_prepare(h.org, p->a, SPAN("Subject: viele\r\n\r\nText\r\n"), &m, &p->e));
	OK(queue_add(h.org, p->tx, p->a, &m, false, &q, &id, &p->e));
	email_prepared_fini(&m);
	OK(queue_lease(h.org, p->tx, p->a, NOW, NOW + 60, 1, &v, &n, &p->e));
	assert_int_equal(v[0].n_rcpts, QUEUE_GROUP_MAX);
	OK(queue_lease(h.org, p->tx, p->a, NOW, NOW + 60, 1, &v, &n, &p->e));
	assert_int_equal(v[0].n_rcpts, 1);
	p->undo = true;
}

struct finding {
	struct arena *a;
	struct report r;
	struct report_draft d;
};

static void play_find(struct play *p)
{
	struct finding *f = p->arg;

	OK(report_find(h.org, p->tx, f->a, &f->r, &f->d, &p->e));
}

/* Of a message that just fits all comes back, of a longer one its header. */
static void test_report(void **state)
{
	struct report_rcpt rcpt = { .address = SPAN("x@eins.example"), .notify = NOTIFY_FAILURE, .action = REPORT_FAILED, .status = SPAN("5.0.0") };
	struct mail *mail = mail_new(h.org);
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, REPORT_FULL_MAX + 1);
	buf_addz(&b, "Subject: lang\r\n\r\n");
	buf_fill(&b, 'x', REPORT_FULL_MAX + 1 - b.n);
	assert_int_equal(report_original_len(REPORT_FULL_MAX), REPORT_FULL_MAX);
	assert_int_equal(report_original_len(REPORT_FULL_MAX + 1), REPORT_FULL_MAX + 1);
	assert_int_equal(report_original_len(10 * (uint64_t)REPORT_FULL_MAX), REPORT_FULL_MAX + 1);
	for (size_t n = REPORT_FULL_MAX; n <= REPORT_FULL_MAX + 1; n++) {
		SCOPED_ARENA a = arena_new();
		struct finding f = { .a = a, .r = { .hostname = "mail.example.org", .sender = SPAN("anna@example.org"), .rcpts = &rcpt,
			.n_rcpts = 1, .message = span_sub(buf_span(&b), 0, n) } };
		struct err e = ERR_INIT;

		look_with(play_find, &f);
		assert_int_equal(report_prepare(mail, a, &f.r, &f.d, &e), 0);
		assert_int_equal(f.d.email.size > n, n == REPORT_FULL_MAX);
		report_draft_fini(&f.d);
	}
	mail_free(mail);
}

static void play_report_put(struct play *p)
{
	OK(report_mail_put(h.org, p->tx, p->a, p->arg, &p->e));
	assert_int_equal(count(p, "SELECT count(*) FROM queue_recipient"), REPORT_MAIL_TO_MAX);
	p->undo = true;
}

static void test_report_mail(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct report_mail m = { .hostname = "mail.example.org", .from = SPAN("postmaster@example.org"), .subject = SPAN("Report"),
		.text = SPAN("Text\n"), .type = "application/gzip", .filename = SPAN("r.gz"), .content = SPAN("x"), .now_sec = NOW };

	(void)state;
	for (m.n_to = 0; m.n_to < REPORT_MAIL_TO_MAX; m.n_to++)
		m.to[m.n_to] = arena_printf(a, "a%zu@eins.example", m.n_to);
	assert_int_equal(report_mail_prepare(h.org, a, &m, NULL), 0);
	play_with(play_report_put, &m);
	report_mail_fini(&m);
	m.n_to++;
	assert_int_equal(report_mail_prepare(h.org, a, &m, NULL), ERR_TOOBIG);
}

static void play_tls_rows(struct play *p)
{
	struct tls_row row = { .day = 20000, .policy = TLS_POLICY_NONE, .domain = SPAN("eins.example"), .sessions = 1 }, *v;
	size_t n;

	for (int i = 0; i <= TLS_ROWS_MAX; i++) {
		row.mx = arena_printf(p->a, "mx%d.eins.example", i);
		OK(tls_log_add(h.org, p->tx, p->a, &row, &p->e));
	}
	row.mx = SPAN("mx0.eins.example");                                    /* a row that is there counts on */
	OK(tls_log_add(h.org, p->tx, p->a, &row, &p->e));
	OK(tls_log_list(h.org, p->tx, p->a, 20000, 20000, row.domain, 10 * TLS_ROWS_MAX, &v, &n, &p->e));
	assert_int_equal(n, TLS_ROWS_MAX);
	assert_int_equal(count(p, "SELECT CAST(SUM(sessions) AS BIGINT) FROM tls_count"), TLS_ROWS_MAX + 1);
	row.day++;
	OK(tls_log_add(h.org, p->tx, p->a, &row, &p->e));
	assert_int_equal(count(p, "SELECT count(*) FROM tls_count"), TLS_ROWS_MAX + 1);
	p->undo = true;
}

/* ---- reports that come in ---- */

static void report_row(struct play *p, int64_t received_sec, int64_t size)
{
	uint64_t id = tx_id(p->tx);
	struct sql *q = sql_open(p->tx, "INSERT INTO report_in (id, kind, lookup, received_sec, size, sealed) VALUES (?1, 1, ?2, ?3, ?4, ?2)");

	sql_int(q, 1, (int64_t)id);
	sql_blob(q, 2, SPAN_BYTES(&id, sizeof(id)));
	sql_int(q, 3, received_sec);
	sql_int(q, 4, size);
	OK(sql_run(q, &p->e));
}

static void play_reports_a_day(struct play *p)
{
	struct report_in r = { .kind = REPORT_IN_TLS, .packed = SPAN("{}"), .report_id = SPAN("1"), .received_sec = NOW };

	report_row(p, NOW - DAY, 1);                                          /* yesterday's counts no more */
	for (int i = 1; i < REPORT_IN_DAY_MAX; i++)
		report_row(p, NOW - DAY + 1, 1);
	OK(report_in_put(h.org, p->tx, p->a, &r, &p->e));
	r.report_id = SPAN("2");
	FAILS(ERR_LIMIT, report_in_put(h.org, p->tx, p->a, &r, &p->e));
	r.received_sec += DAY;
	OK(report_in_put(h.org, p->tx, p->a, &r, &p->e));
	p->undo = true;
}

static void play_reports_in_all(struct play *p)
{
	struct report_in r = { .kind = REPORT_IN_TLS, .packed = filled(p->a, 101), .report_id = SPAN("1"), .received_sec = NOW };

	report_row(p, NOW - 30 * DAY, REPORT_IN_TOTAL_MAX - 100);
	FAILS(ERR_LIMIT, report_in_put(h.org, p->tx, p->a, &r, &p->e));
	r.packed.n--;
	OK(report_in_put(h.org, p->tx, p->a, &r, &p->e));
	r.report_id = SPAN("2");
	r.packed.n = 1;
	FAILS(ERR_LIMIT, report_in_put(h.org, p->tx, p->a, &r, &p->e));
	p->undo = true;
}

static void kept_for(struct play *p, const char *setting, int64_t days)
{
	if (setting)
		OK(org_setting_set(h.org, p->tx, "report_days", span_str(setting), &p->e));
	run_sql(p, "DELETE FROM report_in WHERE id <> ?1", 0);
	report_row(p, NOW - days * DAY, 1);
	report_row(p, NOW - days * DAY - 1, 1);
	OK(report_in_forget(h.org, p->tx, p->a, NOW, &p->e));
	assert_int_equal(count(p, "SELECT count(*) FROM report_in"), 1);
}

static void play_report_days(struct play *p)
{
	kept_for(p, NULL, REPORT_IN_DAYS);
	kept_for(p, "1", 1);
	kept_for(p, "0", 0);
	kept_for(p, "3650", GONE_DAYS_MAX);
	kept_for(p, "3651", REPORT_IN_DAYS);
	kept_for(p, "", REPORT_IN_DAYS);
	p->undo = true;
}

static int read_report(struct arena *a, struct span report)
{
	struct report_in r;

	return report_in_read(a, arena_printf(a, "Content-Type: application/xml\r\n\r\n%.*s", SPAN_F(report)), &r, NULL);
}

#define REPORT "<feedback><report_metadata><org_name>o</org_name><report_id>1</report_id><date_range><begin>1</begin><end>2</end>" \
	"</date_range></report_metadata><policy_published><domain>example.org</domain></policy_published></feedback>"

static void test_report_packed(void **state)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, REPORT_IN_PACKED_MAX + 1);
	buf_addz(&b, REPORT);
	buf_fill(&b, ' ', REPORT_IN_PACKED_MAX - b.n);
	assert_int_equal(read_report(a, buf_span(&b)), 0);
	buf_addc(&b, ' ');
	assert_int_equal(read_report(a, buf_span(&b)), ERR_TOOBIG);
}

static struct span packed(struct arena *a, size_t n)
{
	static char plain[65536];
	z_stream z = { 0 };
	char *out = arena_alloc(a, REPORT_IN_PACKED_MAX);
	size_t at = strlen(REPORT);

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	memset(plain, ' ', sizeof(plain));
	memcpy(plain, REPORT, at);
	z.next_out = (unsigned char *)out;
	z.avail_out = REPORT_IN_PACKED_MAX;
	while (n) {
		z.next_in = (unsigned char *)plain;
		z.avail_in = n < sizeof(plain) ? (unsigned)n : sizeof(plain);
		n -= z.avail_in;
		assert_true(deflate(&z, n ? Z_NO_FLUSH : Z_FINISH) >= Z_OK);
		memset(plain, ' ', at);
	}
	deflateEnd(&z);
	return SPAN_BYTES(out, z.total_out);
}

static void test_report_plain(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct report_in r;

	(void)state;
	for (size_t n = REPORT_IN_PLAIN_MAX; n <= REPORT_IN_PLAIN_MAX + 1; n++) {
		struct span in = packed(a, n), head = SPAN("Content-Type: application/gzip\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
		char *mail = arena_alloc(a, head.n + in.n);

		memcpy(mail, head.p, head.n);
		memcpy(mail + head.n, in.p, in.n);
		assert_int_equal(report_in_read(a, SPAN_BYTES(mail, head.n + in.n), &r, NULL), n > REPORT_IN_PLAIN_MAX ? ERR_TOOBIG : 0);
	}
}

/* ---- days of expunged mail, the index ---- */

static void play_gone_days(struct play *p)
{
	static const struct { const char *value; uint64_t days; } rows[] = { { "0", 0 }, { "3650", GONE_DAYS_MAX }, { "3651", GONE_DAYS },
		{ "viele", GONE_DAYS } };
	uint64_t days;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		OK(org_setting_set(h.org, p->tx, "undelete_days", span_str(rows[i].value), &p->e));
		OK(gone_keep_days(h.org, p->tx, p->a, &days, &p->e));
		assert_int_equal(days, rows[i].days);
	}
	p->undo = true;
}

static void play_buckets(struct play *p)
{
	struct segment s = { .id = tx_id(p->tx), .bits = BUCKET_BITS_MAX }, *v;
	struct index_keys k;
	size_t n;

	index_keys_make(&k, &(struct seal_key){ { 1 } });
	assert_int_equal(index_bits_for((uint64_t)ROW_GOAL << (BUCKET_BITS_MAX - 1)), BUCKET_BITS_MAX - 1);
	assert_int_equal(index_bits_for((uint64_t)ROW_GOAL << BUCKET_BITS_MAX), BUCKET_BITS_MAX);
	assert_int_equal(index_bits_for(UINT64_MAX), BUCKET_BITS_MAX);
	OK(index_segment_write(p->tx, anna, SEGMENT_LIVE, &s, index_head_seal(p->a, &k, &s), &p->e));
	OK(index_segments(p->tx, p->a, &k, anna, &v, &n, &p->e));
	run_sql(p, "UPDATE search_segment SET bits = ?1", BUCKET_BITS_MAX + 1);
	FAILS(ERR_BROKEN, index_segments(p->tx, p->a, &k, anna, &v, &n, &p->e));
	p->undo = true;
}

static size_t texts_read;

static int read_text(void *arg, struct arena *a, struct span document, struct span *out, struct err *e)
{
	(void)arg;
	(void)e;
	texts_read++;
	*out = filled(a, document.n);
	return 0;
}

/* The texts of documents, a line end behind each; beyond the bound none is asked for any more. */
static void test_text_kept(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct mail_index_builder *b = ARENA_NEW(a, struct mail_index_builder);
	struct span docs[2] = { { "", TEXT_KEPT_MAX - 2 }, { "", 100 } }, out;
	struct span_list list = { docs, 2 };

	(void)state;
	texts_read = 0;
	b->read = read_text;
	assert_int_equal(index_text_read(b, a, &list, &out, NULL), 0);
	assert_int_equal(texts_read, 2);
	assert_true(out.n <= TEXT_KEPT_MAX + 1 && span_ends(out, SPAN("x\nx\n")));
	docs[0].n = TEXT_KEPT_MAX + 1;
	assert_int_equal(index_text_read(b, a, &list, &out, NULL), 0);
	assert_int_equal(texts_read, 3);
	assert_int_equal(out.n, TEXT_KEPT_MAX + 1);
	assert_true(span_ends(out, SPAN("x\n")));
}

static void test_text_looked_at(void **state)
{
	struct span head = SPAN("Content-Type: text/plain\r\n\r\n");
	char *mail = malloc(head.n + MAIL_TEXT_MAX + 4);

	(void)state;
	assert_non_null(mail);
	memcpy(mail, head.p, head.n);
	memset(mail + head.n, 'x', MAIL_TEXT_MAX);
	memcpy(mail + head.n + MAIL_TEXT_MAX - 1, "YZ", 2);
	for (size_t n = MAIL_TEXT_MAX; n <= MAIL_TEXT_MAX + 1; n++) {
		SCOPED_ARENA a = arena_new();
		struct span out;

		assert_int_equal(mail_text_body(a, SPAN_BYTES(mail, head.n + n), SIZE_MAX, &out, NULL), 0);
		assert_true(span_find(span_from(out, out.n - 8), SPAN("xy")) >= 0);
		assert_true(span_find(span_from(out, out.n - 8), SPAN("z")) < 0);
	}
	free(mail);
}

/* ---- */

static void test_mailboxes(void **state)
{
	(void)state;
	play(play_mailboxes);
	play(play_metadata);
	play(play_metadata_space);
}

static void test_lists(void **state)
{
	(void)state;
	play(play_scripts);
	play(play_scripts_size);
	play(play_rules);
	play(play_senders);
}

static void test_outgoing(void **state)
{
	(void)state;
	play(play_group);
	play(play_tls_rows);
}

static void test_reports_in(void **state)
{
	(void)state;
	play(play_reports_a_day);
	play(play_reports_in_all);
	play(play_report_days);
}

static void test_kept(void **state)
{
	(void)state;
	play(play_gone_days);
	play(play_buckets);
}

static int people(void **state)
{
	start(state);
	anna = test_person(&h, "anna@example.org", "Anna");
	return 0;
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_mailboxes), cmocka_unit_test(test_lists), cmocka_unit_test(test_outgoing), cmocka_unit_test(test_report), cmocka_unit_test(test_report_mail),
		cmocka_unit_test(test_reports_in), cmocka_unit_test(test_report_packed), cmocka_unit_test(test_report_plain),
		cmocka_unit_test(test_kept), cmocka_unit_test(test_text_kept), cmocka_unit_test(test_text_looked_at) };

	return cmocka_run_group_tests_name(name, tests, people, stop);
}

int main(void)
{
	return run_both("mail_limits", group);
}
