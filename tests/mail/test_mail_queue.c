/* The outbound queue: in, leased, deferred, lost, held, finished; its blob's references to the end. */
#include "domain/mail/queue.h"
#include "mail/mail_test.h"

#define NOW 1000000

static uint64_t anna;

static uint64_t add(struct play *p, int64_t next_sec, const char *const *to, size_t n)
{
	struct queue_entry q = { .account_id = anna, .created_sec = NOW, .expires_sec = NOW + 1000, .flags = QUEUE_8BIT | QUEUE_RET_HDRS,
		.sender = SPAN("anna@example.org"), .envid = SPAN("E=1"), .n_rcpts = n };
	struct email_prepared m;
	uint64_t id = 0;

	q.rcpts = ARENA_ARRAY(p->a, struct queue_rcpt, n);
	for (size_t i = 0; i < n; i++)
		q.rcpts[i] = (struct queue_rcpt){ .address = span_str(to[i]), .orcpt = SPAN("rfc822;x@y"), .notify = NOTIFY_FAILURE,
			.next_sec = next_sec };
	OK(email_prepare(h.org, p->a, SPAN("Subject: hinaus\r\n\r\nText\r\n"), &m, &p->e));
	OK(queue_add(h.org, p->tx, p->a, &m, false, &q, &id, &p->e));
	email_prepared_fini(&m);
	return id;
}

static size_t lease(struct play *p, int64_t now, size_t max, struct queue_entry **out)
{
	size_t n = 0;

	OK(queue_lease(h.org, p->tx, p->a, now, now + 60, max, out, &n, &p->e));
	return n;
}

static int64_t due(struct play *p)
{
	int64_t sec;

	OK(queue_next_due(p->tx, &sec, &p->e));
	return sec;
}

/* Grouped by domain; what the message needs comes along. */
static void check_leased(struct play *p, const struct queue_entry *q, size_t n, uint64_t id)
{
	struct span body;

	assert_int_equal(n, 2);
	assert_int_equal(q[0].n_rcpts + q[1].n_rcpts, 3);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(q[i].id, id);
		assert_int_equal(q[i].flags, QUEUE_8BIT | QUEUE_RET_HDRS);
		assert_int_equal(q[i].account_id, anna);
		assert_int_equal(q[i].expires_sec, NOW + 1000);
		assert_span(q[i].sender, "anna@example.org");
		assert_span(q[i].envid, "E=1");
		OK(blob_read(p->tx, p->a, q[i].blob_id, &q[i].blob_key, &body, &p->e));
		assert_span(body, "Subject: hinaus\r\n\r\nText\r\n");
		assert_int_equal(q[i].size, body.n);
		for (size_t k = 0; k < q[i].n_rcpts; k++) {
			assert_span(q[i].rcpts[k].orcpt, "rfc822;x@y");
			assert_int_equal(q[i].rcpts[k].notify, NOTIFY_FAILURE);
			assert_true(span_ends(q[i].rcpts[k].address, q[i].n_rcpts == 2 ? SPAN("@eins.example") : SPAN("@zwei.example")));
		}
	}
}

static void play_life(struct play *p)
{
	static const char *const to[] = { "a@eins.example", "b@zwei.example", "c@eins.example" };
	struct queue_entry *q, got;
	uint64_t id, counts[5];
	size_t n;

	assert_int_equal(due(p), INT64_MAX);
	assert_int_equal(lease(p, NOW, 10, &q), 0);
	id = add(p, NOW, to, 3);
	assert_int_equal(due(p), NOW);
	assert_int_equal(lease(p, NOW - 1, 10, &q), 0);
	n = lease(p, NOW, 10, &q);
	check_leased(p, q, n, id);
	OK(queue_count(p->tx, counts, &p->e));
	assert_int_equal(counts[QUEUE_LEASED], 3);
	assert_int_equal(lease(p, NOW, 10, &q), 0);
	/* The leases are lost: all of it again, and not a second before. */
	assert_int_equal(due(p), NOW + 60);
	assert_int_equal(lease(p, NOW + 59, 10, &q), 0);
	n = lease(p, NOW + 60, 10, &q);
	assert_int_equal(n, 2);

	/* One is deferred, the others are done; then it is done too. */
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < q[i].n_rcpts; k++)
			if (span_eqz(q[i].rcpts[k].address, "a@eins.example"))
				OK(queue_defer(h.org, p->tx, p->a, q[i].rcpts[k].id, NOW + 500, SPAN("450 4.2.0 beschäftigt"), &p->e));
			else
				OK(queue_finish(h.org, p->tx, q[i].rcpts[k].id, &p->e));
	assert_int_equal(due(p), NOW + 500);
	OK(queue_get(h.org, p->tx, p->a, id, &got, &p->e));
	assert_int_equal(got.n_rcpts, 1);
	assert_int_equal(got.rcpts[0].attempts, 1);
	assert_int_equal(got.rcpts[0].state, QUEUE_READY);
	assert_span(got.rcpts[0].last_reply, "450 4.2.0 beschäftigt");
	OK(queue_set_warned(p->tx, id, &p->e));
	OK(queue_get(h.org, p->tx, p->a, id, &got, &p->e));
	assert_int_equal(got.warned, 1);
	assert_int_equal(count(p, "SELECT refs FROM blob"), 1);
	OK(queue_finish(h.org, p->tx, got.rcpts[0].id, &p->e));
	FAILS(ERR_MISSING, queue_finish(h.org, p->tx, got.rcpts[0].id, &p->e));
	FAILS(ERR_MISSING, queue_defer(h.org, p->tx, p->a, got.rcpts[0].id, NOW, SPAN(""), &p->e));
	FAILS(ERR_MISSING, queue_get(h.org, p->tx, p->a, id, &got, &p->e));
	assert_int_equal(count(p, "SELECT count(*) FROM blob"), 0);
	assert_int_equal(due(p), INT64_MAX);
}

/* An administrator's hands: hold, release, retry, shunt, remove. */
static void play_admin(struct play *p)
{
	static const char *const to[] = { "a@eins.example" };
	uint64_t one = add(p, NOW + 900, to, 1), two = add(p, NOW, to, 1), counts[5];
	struct queue_entry *q;
	size_t n;

	OK(queue_set_state(h.org, p->tx, two, QUEUE_HELD, 0, &p->e));
	assert_int_equal(lease(p, NOW, 10, &q), 0);
	assert_int_equal(due(p), NOW + 900);
	OK(queue_set_state(h.org, p->tx, one, QUEUE_READY, NOW, &p->e));
	assert_int_equal(lease(p, NOW, 10, &q), 1);
	assert_int_equal(q[0].id, one);
	/* Held while leased: what out reports does not set it free. */
	OK(queue_set_state(h.org, p->tx, one, QUEUE_HELD, 0, &p->e));
	OK(queue_defer(h.org, p->tx, p->a, q[0].rcpts[0].id, NOW, SPAN("450"), &p->e));
	assert_int_equal(lease(p, NOW + 100, 10, &q), 0);
	OK(queue_set_state(h.org, p->tx, two, QUEUE_SHUNTED, 0, &p->e));
	OK(queue_count(p->tx, counts, &p->e));
	assert_true(counts[QUEUE_HELD] == 1 && counts[QUEUE_SHUNTED] == 1 && counts[QUEUE_READY] == 0);
	OK(queue_list(h.org, p->tx, p->a, 0, 10, &q, &n, &p->e));
	assert_true(n == 2 && q[0].id == one && q[1].id == two && q[1].rcpts[0].state == QUEUE_SHUNTED);
	OK(queue_list(h.org, p->tx, p->a, one, 10, &q, &n, &p->e));
	assert_true(n == 1 && q[0].id == two);
	OK(queue_list(h.org, p->tx, p->a, 0, 1, &q, &n, &p->e));
	assert_true(n == 1 && q[0].id == one);
	OK(queue_remove(h.org, p->tx, one, &p->e));
	OK(queue_remove(h.org, p->tx, two, &p->e));
	FAILS(ERR_MISSING, queue_remove(h.org, p->tx, two, &p->e));
	FAILS(ERR_MISSING, queue_set_state(h.org, p->tx, two, QUEUE_READY, NOW, &p->e));
	assert_int_equal(count(p, "SELECT count(*) FROM blob"), 0);
}

static size_t leased_of(const struct queue_entry *q, size_t n, const char *address)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += span_eqz(q[i].rcpts[0].address, address);
	return k;
}

/* Three hundred for one place due for long do not keep another place waiting for all of them. */
static void play_fair(struct play *p)
{
	static const char *const big[] = { "x@gross.example" }, *const small[] = { "y@klein.example" }, *const later[] = { "z@spaet.example" };
	struct queue_entry *q;
	size_t n;

	for (int i = 0; i < 300; i++)
		add(p, NOW - 100, big, 1);
	for (int i = 0; i < 3; i++)
		add(p, NOW - 1, small, 1);
	add(p, NOW + 1, later, 1);
	n = lease(p, NOW, QUEUE_SHARE, &q);
	assert_int_equal(leased_of(q, n, "x@gross.example"), QUEUE_SHARE);
	for (int i = 0; i < 3; i++) {         /* one by one, as out asks */
		n = lease(p, NOW, 1, &q);
		assert_int_equal(leased_of(q, n, "y@klein.example"), 1);
	}
	/* Nobody else is due: then the share is no limit. */
	n = lease(p, NOW, 1000, &q);
	assert_int_equal(n, 300 - QUEUE_SHARE);
	assert_int_equal(leased_of(q, n, "x@gross.example"), n);
	assert_int_equal(due(p), NOW + 1);
	p->undo = true;
}

/* Rows that do not verify: the rest goes on, the list shows them, they can be removed. */
static void play_broken(struct play *p)
{
	static const char *const to[] = { "a@eins.example" };
	uint64_t one = add(p, NOW - 2, to, 1), two = add(p, NOW - 1, to, 1), three = add(p, NOW, to, 1), counts[5];
	struct sql *s = sql_open(p->tx, "UPDATE queue_message SET sealed = (SELECT sealed FROM queue_message WHERE id = ?2) WHERE id = ?1");
	struct queue_entry *q;
	size_t n;

	sql_int(s, 1, (int64_t)one);
	sql_int(s, 2, (int64_t)three);
	OK(sql_run(s, &p->e));
	s = sql_open(p->tx, "UPDATE queue_recipient SET sealed = (SELECT sealed FROM queue_message WHERE id = ?2) WHERE message_id = ?1");
	sql_int(s, 1, (int64_t)two);
	sql_int(s, 2, (int64_t)three);
	OK(sql_run(s, &p->e));
	n = lease(p, NOW, 10, &q);
	assert_true(n == 1 && q[0].id == three);
	OK(queue_count(p->tx, counts, &p->e));
	assert_int_equal(counts[QUEUE_SHUNTED], 2);
	OK(queue_list(h.org, p->tx, p->a, 0, 10, &q, &n, &p->e));
	assert_true(n == 3 && q[0].id == one && q[0].n_rcpts == 0 && q[2].n_rcpts == 1);
	OK(queue_remove(h.org, p->tx, one, &p->e));
	OK(queue_remove(h.org, p->tx, two, &p->e));
	OK(queue_remove(h.org, p->tx, three, &p->e));
}

/* The same blob lies in a mailbox and in the queue. */
static void play_both(struct play *p)
{
	struct delivery d = { .account_id = anna };
	struct queue_rcpt r = { .address = SPAN("fern@eins.example"), .next_sec = NOW };
	struct queue_entry q = { .created_sec = NOW, .expires_sec = NOW + 1000, .rcpts = &r, .n_rcpts = 1 };
	struct email_prepared m;
	struct mailbox box;
	struct imap_set gone;
	uint64_t id, modseq;

	OK(email_prepare(h.org, p->a, SPAN("Subject: beide\r\n\r\nText\r\n"), &m, &p->e));
	OK(deliver(h.org, p->tx, p->a, &m, &d, 1, NOW, &p->e));
	OK(queue_add(h.org, p->tx, p->a, &m, true, &q, &id, &p->e));
	email_prepared_fini(&m);
	assert_int_equal(count(p, "SELECT refs FROM blob"), 2);
	box = box_of(p, anna, "INBOX");
	OK(message_expunge(h.org, p->tx, p->a, &box, NULL, true, &gone, &modseq, &p->e));
	assert_int_equal(count(p, "SELECT refs FROM blob"), 1);
	OK(queue_remove(h.org, p->tx, id, &p->e));
	assert_int_equal(count(p, "SELECT count(*) FROM blob"), 0);
}

static void test_queue(void **state)
{
	(void)state;
	play(play_life);
	play(play_admin);
	play(play_fair);
	play(play_broken);
	play(play_both);
	assert_all_well();
}

static int people(void **state)
{
	start(state);
	anna = test_person(&h, "anna@example.org", "Anna");
	return 0;
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_queue) };

	return cmocka_run_group_tests_name(name, tests, people, stop);
}

int main(void)
{
	return run_both("mail_queue", group);
}
