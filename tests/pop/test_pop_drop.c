/* The maildrop of POP3 at its bound: so many messages are shown, the oldest. */
#include <stdlib.h>
#include <string.h>
#include "domain/mail/mailbox.h"
#include "proto/pop/pop_int.h"
#include "script/house.h"

static struct script_house house;

static void watch(struct house *h, uint64_t id, uint64_t object_id)
{
	(void)h;
	(void)id;
	(void)object_id;
}

static void no_change(void *arg, const struct change *c, size_t n)
{
	(void)arg;
	(void)c;
	(void)n;
}

static int start(void **state)
{
	(void)state;
	script_house_open(&house, watch, no_change);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	script_house_close(&house);
	return 0;
}

/* INBOX has as many rows as this; none of them is anybody's mail. */
static int fill(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct mailbox box;
	struct sql *q;

	if (mailbox_by_special(house.house.org, tx, a, house.anna, SPECIAL_INBOX, &box, e) < 0)
		return e->code;
	q = sql_open(tx, "INSERT INTO message (mailbox_id, uid, modseq, flags, email_id, size, received_sec, saved_sec)"
		" WITH RECURSIVE n (i) AS (SELECT ?3 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) SELECT ?1, i, 1, 0, 1, 7, 0, 0 FROM n");
	sql_int(q, 1, (int64_t)box.id);
	sql_int(q, 2, *(int64_t *)arg);
	sql_int(q, 3, (int64_t)box.messages + 1);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "UPDATE mailbox SET messages = ?2, uidnext = ?2 + 1 WHERE id = ?1");
	sql_int(q, 1, (int64_t)box.id);
	sql_int(q, 2, *(int64_t *)arg);
	return sql_run(q, e) < 0 ? e->code : 0;
}

static void shows(struct pop_session *s)
{
	SCOPED_ARENA a = arena_new();
	struct session session = { .id = 1, .service = SVC_POP, .account_id = house.anna, .proto = s };
	struct cmd cmd = { .service = SVC_POP, .verb = SPAN("PASS") };
	struct reply *r = ARENA_NEW(a, struct reply);
	SCOPED_BUF out;
	struct call c = { .arena = a, .house = &house.house, .session = &session, .cmd = &cmd, .reply = r, .out = &out };

	buf_init(&out, 1u << 20);
	pop_signed_in(&c);
	assert_true(span_starts(buf_span(&out), SPAN("+OK Welcome, ")));
}

static void test_bound(void **state)
{
	(void)state;
	for (int64_t n = POP_MESSAGES_MAX; n <= POP_MESSAGES_MAX + 1; n++) {
		struct pop_session s = { .n = 0 };

		assert_int_equal(store_write(house.house.store, fill, &n, NULL), 0);
		shows(&s);
		assert_int_equal(s.n, POP_MESSAGES_MAX);
		assert_int_equal(s.v[s.n - 1].uid, POP_MESSAGES_MAX);
		free(s.v);
	}
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bound) };

	return cmocka_run_group_tests_name(name, tests, start, stop);
}

int main(void)
{
	return run_both("pop_drop", group);
}
