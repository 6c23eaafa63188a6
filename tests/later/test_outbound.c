/* What happens to mail for outside after the 250: leases, retries, reports, shunts - with a clock of our own. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "bus/out_job.h"
#include "codec/mime/mime_parse.h"
#include "domain/mail/queue.h"
#include "domain/org/address.h"
#include "later/outbound.h"
#include "later/retry.h"
#include "script/house.h"

#define T0 1800000000LL                  /* 2027-01-15 */
#define BODY "Subject: quer\r\nFrom: anna@example.org\r\n\r\nein Text\r\n"

static struct script_house house;
static struct session session = { .id = 1, .service = SVC_OUT };
static uint64_t watched;
static char logged[4096];

static void watch(struct house *h, uint64_t id, uint64_t object_id)
{
	(void)h;
	(void)id;
	watched = object_id;
}

static void keep_log(struct span line)
{
	size_t n = line.n < sizeof(logged) - 1 ? line.n : sizeof(logged) - 1;

	memcpy(logged, line.p, n);
	logged[n] = '\0';
}

static void clock_jump(int64_t sec)
{
	time_test_set_real(sec * US_PER_SEC);
}

static int start(void **state)
{
	(void)state;
	log_test_sink(keep_log);
	script_house_open(&house, watch, NULL);
	script_house_clock(T0);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	time_test_set_real(0);
	script_house_close(&house);
	log_test_sink(NULL);
	return 0;
}

/* ---- transactions ---- */

struct doing {
	struct arena *a;
	struct email_prepared mail;
	struct queue_entry q;
	uint64_t id;
	struct span text, address;
	size_t n;
};

static int add_in(struct tx *tx, void *arg, struct err *e)
{
	struct doing *d = arg;

	return queue_add(house.house.org, tx, d->a, &d->mail, false, &d->q, &d->id, e);
}

/* A message of this sender for n recipients "r0@DOMAIN" ... */
static uint64_t put(struct arena *a, const char *sender, const char *domain, size_t n, unsigned notify, unsigned flags)
{
	struct doing d = { .a = a, .q = { .sender = span_str(sender), .flags = flags, .created_sec = time_real_sec(),
		.expires_sec = time_real_sec() + 5 * 86400, .envid = SPAN("E1"),
		.rcpts = ARENA_ARRAY(a, struct queue_rcpt, n), .n_rcpts = n } };
	struct err e = ERR_INIT;

	for (size_t i = 0; i < n; i++)
		d.q.rcpts[i] = (struct queue_rcpt){ .address = arena_printf(a, "r%zu@%s", i, domain), .notify = notify,
			.orcpt = arena_printf(a, "rfc822;r%zu@%s", i, domain), .next_sec = time_real_sec() };
	if (email_prepare(house.house.org, a, SPAN(BODY), &d.mail, &e) < 0)
		fail_msg("%s", e.log);
	script_house_run(&house, store_write, add_in, &d);
	email_prepared_fini(&d.mail);
	return d.id;
}

static uint64_t count(enum queue_state state)
{
	return script_house_queued(&house, state);
}

static int newest_in(struct tx *tx, void *arg, struct err *e)
{
	struct doing *d = arg;
	struct org *o = house.house.org;
	struct account who;
	struct mailbox box;
	struct imap_set last = { 0 };
	struct message_walk *w;
	struct message m;
	int r;

	if (account_find(o, tx, d->a, d->address, false, &who, e) < 0 ||
		mailbox_by_special(o, tx, d->a, who.id, SPECIAL_INBOX, &box, e) < 0)
		return e->code;
	d->n = box.messages;
	d->text = SPAN_NONE;
	if (!box.messages)
		return 0;
	imap_set_add(d->a, &last, box.uidnext - 1);
	if (message_walk_open(o, tx, d->a, &box, &last, WANT_SUMMARY, &w, e) < 0)
		return e->code;
	r = message_walk_next(w, &m, e);
	if (r == 1)
		r = message_body(tx, d->a, &m, &d->text, e);
	message_walk_close(w);
	return r;
}

static struct doing newest(struct arena *a, const char *address)
{
	struct doing d = { .a = a, .address = span_str(address) };

	script_house_run(&house, store_read, newest_in, &d);
	return d;
}

/* ---- out's side ---- */

static void ask(struct arena *a, const char *verb, const struct tok *tok, struct span body, struct reply *r)
{
	static struct buf out;
	struct cmd cmd = { .service = SVC_OUT, .verb = span_str(verb), .body = body, .spool_fd = -1, .tok = tok,
		.ntok = tok ? 1 : 0 };
	struct call c = { .arena = a, .house = &house.house, .session = &session, .cmd = &cmd, .reply = r, .out = &out };

	buf_fini(&out);
	buf_init(&out, 4u << 20);
	reply_init(r, &cmd);
	outbound_proto.run(&c);
	if (!r->nseg && out.n)
		reply_bytes(r, buf_span(&out));
}

static struct out_job lease(struct arena *a, bool fresh, struct span *message)
{
	static const struct tok word = { .kind = TOK_ATOM, .text = { "FRESH", 5 } };
	struct out_job job;
	struct reply r;
	struct err e = ERR_INIT;

	ask(a, "LEASE", fresh ? &word : NULL, SPAN_NONE, &r);
	assert_int_equal(r.mood, MOOD_FINE);
	assert_true(r.nseg >= 1);
	assert_int_equal(out_job_decode(a, arena_span(a, r.seg[0].bytes), &job, &e), 0);
	assert_int_equal(r.nseg, job.n_rcpts ? 2 : 1);
	if (r.nseg == 2) {
		char *p = arena_alloc(a, r.seg[1].len);

		assert_int_equal(io_pread_full(r.seg[1].fd, p, r.seg[1].len, r.seg[1].off, NULL), 0);
		close(r.seg[1].fd);
		if (message)
			*message = SPAN_BYTES(p, r.seg[1].len);
	}
	return job;
}

/* The same outcome for all recipients of the job. */
static void result(struct arena *a, const struct out_job *job, enum out_outcome outcome, const char *status,
	const char *reply)
{
	struct out_row *rows = ARENA_ARRAY(a, struct out_row, job->n_rcpts);
	struct out_result res = { .message_id = job->message_id, .rows = rows, .n_rows = job->n_rcpts };
	SCOPED_BUF b;
	struct reply r;

	for (size_t i = 0; i < job->n_rcpts; i++)
		rows[i] = (struct out_row){ job->rcpts[i].id, outcome, span_str(status), span_str(reply),
			SPAN("mx.elsewhere.example") };
	buf_init(&b, 1u << 20);
	out_result_encode(&b, &res);
	ask(a, "RESULT", NULL, buf_span(&b), &r);
	assert_int_equal(r.mood, MOOD_FINE);
	assert_int_equal(r.nseg, 0);
}

static bool has(struct span text, const char *what)
{
	return span_find(text, span_str(what)) >= 0;
}

/* ---- tests ---- */

static void test_lease(void **state)
{
	SCOPED_ARENA a = arena_new();
	uint64_t id = put(a, "anna@example.org", "elsewhere.example", 3, 0, QUEUE_8BIT);
	struct span message;
	struct out_job job = lease(a, true, &message);

	(void)state;
	assert_int_equal(watched, WATCH_QUEUE);
	assert_int_equal(job.message_id, id);
	assert_int_equal(job.n_rcpts, 3);
	assert_int_equal(job.flags, QUEUE_8BIT);
	assert_true(span_eqz(job.domain, "elsewhere.example"));
	assert_true(span_eqz(job.sender, "anna@example.org"));
	assert_true(span_eqz(job.envid, "E1"));
	assert_true(span_eqz(job.rcpts[1].address, "r1@elsewhere.example"));
	assert_true(span_eqz(message, BODY));
	assert_int_equal(count(QUEUE_LEASED), 3);
	assert_int_equal(lease(a, false, NULL).n_rcpts, 0);          /* nobody else gets it */
	job = lease(a, true, NULL);                                 /* out was killed */
	assert_int_equal(job.n_rcpts, 3);
	script_house_clock(T0 + 2 * 86400);                                   /* the lease has run out */
	job = lease(a, false, NULL);
	assert_int_equal(job.n_rcpts, 3);
	result(a, &job, OUT_SENT, "2.0.0", "fine");
	assert_int_equal(count(QUEUE_READY) + count(QUEUE_LEASED), 0);
	assert_int_equal(newest(a, "anna@example.org").n, 0);
	assert_true(lease(a, false, NULL).next_due_sec > T0 + 10 * 86400);
	script_house_clock(T0);
}

/* Somebody sets the clock: no lease ends, no wait grows, nothing expires for it. */
static void test_clock_jump(void **state)
{
	static const int64_t jumps[] = { 9 * 86400, -3 * 3600 };
	SCOPED_ARENA a = arena_new();
	size_t reports = newest(a, "anna@example.org").n;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct out_job held, job, none;

		put(a, "anna@example.org", "held.example", 1, 0, 0);
		held = lease(a, false, NULL);
		put(a, "anna@example.org", "waits.example", 1, 0, 0);
		job = lease(a, false, NULL);
		result(a, &job, OUT_LATER, "4.4.1", "Connection refused");
		clock_jump(T0 + jumps[i]);
		none = lease(a, false, NULL);
		assert_int_equal(none.n_rcpts, 0);
		assert_true(none.next_due_sec > T0 + jumps[i] && none.next_due_sec < T0 + jumps[i] + 400);
		assert_true(has(span_str(logged), "event=clock_jump"));
		result(a, &held, OUT_LATER, "4.4.2", "hung");
		script_house_clock(T0 + jumps[i] + 3600);
		for (int n = 0; n < 2; n++) {
			job = lease(a, false, NULL);
			assert_int_equal(job.n_rcpts, 1);
			result(a, &job, OUT_SENT, "2.0.0", "fine");
		}
		assert_int_equal(newest(a, "anna@example.org").n, reports);
		script_house_clock(T0);
	}
}

static void test_retry(void **state)
{
	SCOPED_ARENA a = arena_new();
	int64_t now = T0;
	unsigned attempts = 0;
	size_t reports = newest(a, "anna@example.org").n;
	struct out_job job;

	(void)state;
	put(a, "anna@example.org", "later.example", 1, 0, 0);
	while (now < T0 + 6 * 86400) {
		script_house_clock(now);
		job = lease(a, false, NULL);
		if (!job.n_rcpts) {
			if (job.next_due_sec > T0 + 6 * 86400)
				break;
			assert_true(job.next_due_sec > now);
			now = job.next_due_sec;
			continue;
		}
		attempts++;
		result(a, &job, OUT_LATER, "4.4.1", "Connection refused");
		if (now < T0 + RETRY_WARN_SEC)
			assert_int_equal(newest(a, "anna@example.org").n, reports);
		else if (now < T0 + 5 * 86400)
			assert_int_equal(newest(a, "anna@example.org").n, reports + 1);  /* told of the delay, once */
	}
	assert_true(attempts > 20 && attempts < 60);
	assert_int_equal(newest(a, "anna@example.org").n, reports + 2);
	assert_true(has(newest(a, "anna@example.org").text, "Action: failed"));
	assert_true(has(newest(a, "anna@example.org").text, "Status: 4.4.") ||
		has(newest(a, "anna@example.org").text, "Status: 5.4."));
	assert_int_equal(count(QUEUE_READY), 0);
	script_house_clock(T0);
}

/* The report is a well-formed multipart/report that says what happened. */
static void test_bounce(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct out_job job;
	struct doing d;
	struct mime_part *root, *p;
	struct err e = ERR_INIT;

	(void)state;
	put(a, "ben@example.org", "refused.example", 2, 0, QUEUE_RET_FULL);
	job = lease(a, false, NULL);
	result(a, &job, OUT_REFUSED, "5.1.1", "No such user");
	d = newest(a, "ben@example.org");
	assert_int_equal(d.n, 1);
	assert_int_equal(mime_parse(a, d.text, &MIME_LIMITS, &root, &e), 0);
	assert_int_equal(root->kind, MIME_MULTIPART);
	assert_true(span_ieqz(root->subtype, "report"));
	p = root->child;
	assert_true(span_ieqz(p->type, "text"));
	p = p->next;
	assert_true(span_ieqz(p->subtype, "delivery-status"));
	p = p->next;
	assert_true(span_ieqz(p->subtype, "rfc822"));
	assert_null(p->next);
	assert_true(has(d.text, "Original-Envelope-Id: E1\r\n"));
	assert_true(has(d.text, "Final-Recipient: rfc822;r0@refused.example\r\n"));
	assert_true(has(d.text, "Original-Recipient: rfc822;r1@refused.example\r\n"));
	assert_true(has(d.text, "Status: 5.1.1\r\n"));
	assert_true(has(d.text, "Remote-MTA: dns; mx.elsewhere.example\r\n"));
	assert_true(has(d.text, "No such user"));
	assert_true(has(d.text, "ein Text"));
	assert_true(has(d.text, "Return-Path: <>\r\n"));
}

static void test_notify(void **state)
{
	SCOPED_ARENA a = arena_new();
	size_t before = newest(a, "ben@example.org").n;
	struct out_job job;

	(void)state;
	put(a, "ben@example.org", "never.example", 1, NOTIFY_NEVER, 0);
	job = lease(a, false, NULL);
	result(a, &job, OUT_REFUSED, "5.1.1", "No");
	put(a, "ben@example.org", "success.example", 1, NOTIFY_SUCCESS, 0);
	job = lease(a, false, NULL);
	result(a, &job, OUT_REFUSED, "5.1.1", "No");                /* failure was not asked for */
	put(a, "ben@example.org", "sent.example", 1, NOTIFY_SUCCESS, 0);
	job = lease(a, false, NULL);
	result(a, &job, OUT_SENT, "2.0.0", "fine");                 /* the peer reports */
	assert_int_equal(newest(a, "ben@example.org").n, before);
	put(a, "ben@example.org", "relayed.example", 1, NOTIFY_SUCCESS, QUEUE_RET_HDRS);
	job = lease(a, false, NULL);
	result(a, &job, OUT_RELAYED, "2.0.0", "fine");
	assert_int_equal(newest(a, "ben@example.org").n, before + 1);
	assert_true(has(newest(a, "ben@example.org").text, "Action: relayed\r\n"));
	assert_false(has(newest(a, "ben@example.org").text, "ein Text"));
}

/* A report that fails outside: postmaster reads of it; and when that fails too, it ends. */
static int postmaster_in(struct tx *tx, void *arg, struct err *e)
{
	struct doing *d = arg;

	return address_set(house.house.org, tx, ADDRESS_ALIAS, SPAN("postmaster@example.org"), &d->address, 1, e);
}

static void test_double_bounce(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct doing d = { .a = a, .address = SPAN("ben@example.org") };
	size_t before = newest(a, "ben@example.org").n;
	struct out_job job;

	(void)state;
	script_house_run(&house, store_write, postmaster_in, &d);
	put(a, "stranger@elsewhere.example", "refused.example", 1, 0, 0);
	job = lease(a, false, NULL);
	result(a, &job, OUT_REFUSED, "5.1.1", "No");
	job = lease(a, false, NULL);
	assert_int_equal(job.n_rcpts, 1);
	assert_int_equal(job.sender.n, 0);
	assert_true(job.flags & QUEUE_DSN);
	assert_true(span_eqz(job.rcpts[0].address, "stranger@elsewhere.example"));
	result(a, &job, OUT_REFUSED, "5.1.1", "No");
	assert_int_equal(newest(a, "ben@example.org").n, before + 1);
	d.address = SPAN("away@elsewhere.example");
	script_house_run(&house, store_write, postmaster_in, &d);
	put(a, "", "refused.example", 1, 0, 0);
	job = lease(a, false, NULL);
	result(a, &job, OUT_REFUSED, "5.1.1", "No");
	job = lease(a, false, NULL);
	assert_true(span_eqz(job.rcpts[0].address, "away@elsewhere.example"));
	result(a, &job, OUT_REFUSED, "5.1.1", "No");
	assert_int_equal(lease(a, false, NULL).n_rcpts, 0);
	assert_int_equal(count(QUEUE_READY) + count(QUEUE_SHUNTED), 0);
}

static int break_in(struct tx *tx, void *arg, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM blob_data WHERE id = (SELECT blob_id FROM queue_message WHERE id = ?1)");

	sql_int(q, 1, (int64_t)((struct doing *)arg)->id);
	return sql_run(q, e) < 0 ? e->code : 0;
}

static int remove_in(struct tx *tx, void *arg, struct err *e)
{
	return queue_remove(house.house.org, tx, ((struct doing *)arg)->id, e);
}

/* One that cannot be read is put aside and told of; the next one goes out. */
static void test_shunt(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct doing d = { .a = a, .id = put(a, "ben@example.org", "broken.example", 1, 0, 0) };
	uint64_t good;
	struct out_job job;

	(void)state;
	script_house_run(&house, store_write, break_in, &d);
	script_house_clock(T0 + 1);
	good = put(a, "ben@example.org", "good.example", 1, 0, 0);
	job = lease(a, false, NULL);
	assert_int_equal(job.message_id, good);
	assert_int_equal(count(QUEUE_SHUNTED), 1);
	assert_true(has(span_str(logged), "queue_shunted"));
	d.id = good;
	script_house_run(&house, store_write, remove_in, &d);
	result(a, &job, OUT_SENT, "2.0.0", "fine");                 /* removed meanwhile: fine */
	assert_int_equal(count(QUEUE_LEASED), 0);
	script_house_clock(T0);
}

static void test_unreadable(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct reply r;

	(void)state;
	ask(a, "RESULT", NULL, SPAN("rubbish"), &r);
	assert_int_equal(r.next, NEXT_READ);
	ask(a, "SETTLE", NULL, SPAN_NONE, &r);
	assert_int_equal(r.next, NEXT_READ);
}

static void test_retry_times(void **state)
{
	int64_t last = 0;

	(void)state;
	for (unsigned n = 1; n < 12; n++) {
		int64_t lo = INT64_MAX, hi = 0;

		for (uint64_t spread = 0; spread < 100000; spread += 7) {
			int64_t wait = retry_wait_sec(n, spread);

			lo = wait < lo ? wait : lo;
			hi = wait > hi ? wait : hi;
		}
		assert_true(lo >= RETRY_FIRST_SEC * 3 / 4 && hi <= RETRY_MAX_SEC * 5 / 4);
		assert_true(hi > lo && lo >= last);
		last = lo;
	}
	assert_int_equal(retry_next(T0, T0, 1, 0), 0);
	assert_int_equal(retry_next(T0, T0 + 10, 1, 0), T0 + 10);   /* one last attempt at the end */
	assert_true(retry_warn(T0 + RETRY_WARN_SEC, T0, false));
	assert_false(retry_warn(T0 + RETRY_WARN_SEC, T0, true));
	assert_false(retry_warn(T0 + RETRY_WARN_SEC - 1, T0, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lease), cmocka_unit_test(test_clock_jump), cmocka_unit_test(test_retry), cmocka_unit_test(test_bounce),
		cmocka_unit_test(test_notify), cmocka_unit_test(test_double_bounce), cmocka_unit_test(test_shunt),
		cmocka_unit_test(test_unreadable), cmocka_unit_test(test_retry_times),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
