/* Transactions, commit queue, migrations, ids, feed - on SQLite, or on KONTOR_TEST_PG (test_pgsql). */
#include "store/test_support.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/time.h"
#include "store/store_impl.h"

static const struct migration list[] = {
	{ "0001_t", "-- a comment\nCREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER NOT NULL, d BLOB, n TEXT UNIQUE);\n"
		    "--sqlite\nCREATE TABLE dialect (sqlite INTEGER);\n"
		    "--postgresql\nCREATE TABLE dialect (postgresql INTEGER);\n" },
	{ "0002_u", "CREATE TABLE u (id INTEGER PRIMARY KEY, v INTEGER NOT NULL);\nINSERT INTO u VALUES (1, 0);\n" },
};
#define LIST_N (sizeof(list) / sizeof(list[0]))

static struct place place;

static struct store *fresh(void)
{
	struct err e = ERR_INIT;
	struct store *s;

	place_new(&place);
	s = place_open(&place);
	if (store_migrate(s, list, LIST_N, &e) < 0)
		fail_msg("%s", e.log);
	return s;
}

static void done(struct store *s)
{
	store_close(s);
	place_free(&place);
}

/* ---- one row ---- */

struct row {
	uint64_t id;
	int64_t v;
	struct span d, n;
	int fail;                    /* class to return after the work */
	unsigned runs;
	bool publish;
};

static int put_row(struct tx *tx, void *arg, struct err *e)
{
	struct row *r = arg;
	struct sql *q = sql_open(tx, "INSERT INTO t (id, v, d, n) VALUES (?1, ?2, ?3, ?4)");
	int rc;

	r->runs++;
	sql_int(q, 1, (int64_t)r->id);
	sql_int(q, 2, r->v);
	sql_blob(q, 3, r->d);
	sql_text(q, 4, r->n);
	rc = sql_run(q, e);
	if (rc < 0)
		return rc;
	if (r->publish)
		tx_publish(tx, (struct change){ .account_id = r->id, .kind = FEED_ORG, .number = (uint64_t)r->v });
	return r->fail ? err_set(e, r->fail, "refused", "refused by the test") : rc;
}

static int get_row(struct tx *tx, void *arg, struct err *e)
{
	struct row *r = arg;
	SCOPED_SQL q = sql_open(tx, "SELECT v, d, n FROM t WHERE id = ?1");
	int rc;

	sql_int(q, 1, (int64_t)r->id);
	rc = sql_next(q, e);
	if (rc <= 0)
		return rc < 0 ? rc : ERR_MISSING;
	r->v = sql_col_int(q, 0);
	assert_true(span_eq(r->d, sql_col(q, 1)));
	assert_true(sql_col_null(q, 1) == !r->d.p);
	assert_true(span_eq(r->n, sql_col(q, 2)));
	assert_true(sql_col_null(q, 2) == !r->n.p);
	assert_int_equal(sql_next(q, e), 0);
	return 0;
}

static void test_values_come_back(void **state)
{
	struct store *s = fresh();
	struct err e = ERR_INIT;
	struct row r[] = {
		{ 1, 7, SPAN("\0\1\xff'\"\\"), SPAN("Müller"), 0 }, { 2, INT64_MIN, SPAN_NONE, SPAN_NONE, 0 },
		{ 3, INT64_MAX, SPAN(""), SPAN(""), 0 }, { 4, -1, SPAN("x"), SPAN("a'b?1$1"), 0 },
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct row back = { r[i].id, 0, r[i].d, r[i].n, 0 };

		assert_int_equal(store_write(s, put_row, &r[i], &e), 1);
		assert_int_equal(store_read(s, get_row, &back, &e), 0);
		assert_true(back.v == r[i].v);
	}
	assert_int_equal(do_sql(s, "UPDATE t SET v = 0 WHERE id > 2", &e), 2);
	assert_int_equal(do_sql(s, "UPDATE t SET v = 0 WHERE id > 200", &e), 0);
	assert_int_equal(store_write(s, put_row, &r[0], &e), ERR_EXISTS);
	assert_true(strlen(e.say) > 0);
	r[3].id = 5;
	assert_int_equal(store_write(s, put_row, &r[3], &e), ERR_EXISTS);
	assert_int_equal(do_sql(s, "INSERT INTO t (id, v, n) VALUES (9, 1, 'a''b?1$1') ON CONFLICT (n) DO NOTHING", &e),
		0);
	assert_int_equal(ask_int(s, "SELECT count(*) FROM t"), 4);
	assert_int_equal(ask_int(s, "SELECT sum(id) FROM t"), 10);
	assert_int_equal(do_sql(s, "no such statement", &e), ERR_BROKEN);
	assert_int_equal(ask_int(s, "SELECT CAST('12' AS INTEGER)"), 12);
	done(s);
}

static int ignore_failure(struct tx *tx, void *arg, struct err *e)
{
	struct err inner = ERR_INIT;

	(void)e;
	if (put_row(tx, arg, &inner) != ERR_EXISTS)
		return 0;
	return 1; /* as if nothing had happened */
}

static void test_failed_statement_fails_the_function(void **state)
{
	struct store *s = fresh();
	struct err e = ERR_INIT;
	struct row r = { 1, 1, SPAN_NONE, SPAN_NONE, 0 };

	(void)state;
	assert_int_equal(store_write(s, put_row, &r, &e), 1);
	assert_int_equal(store_write(s, ignore_failure, &r, &e), ERR_EXISTS);
	done(s);
}

static int write_in_read(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return sql_run(sql_open(tx, "UPDATE t SET v = 1"), e);
}

static void test_read_cannot_write(void **state)
{
	struct store *s = fresh();
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(store_read(s, write_in_read, NULL, &e), ERR_BROKEN);
	assert_int_equal(ask_int(s, "SELECT count(*) FROM t"), 0);
	done(s);
}

/* ---- many writers ---- */

#define THREADS 32
#define EACH 60

struct worker {
	struct store *s;
	unsigned number;
	unsigned bad;
	uint64_t ids[EACH];
};

/* Read, compute, update: right only when writers do not interleave. */
static int count_up(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT v FROM u WHERE id = 1");
	struct sql *up;
	int64_t v;
	int rc = sql_next(q, e);

	(void)arg;
	if (rc <= 0)
		return rc < 0 ? rc : ERR_MISSING;
	v = sql_col_int(q, 0);
	up = sql_open(tx, "UPDATE u SET v = ?1 WHERE id = 1");
	sql_int(up, 1, v + 1);
	return sql_run(up, e);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < EACH; i++) {
		struct err e = ERR_INIT;
		struct row r = { store_id(w->s), i, SPAN("data"), SPAN_NONE, 0 };
		int want = 1;

		r.publish = true;
		if (i % 7 == 3)
			want = r.fail = ERR_DENIED;
		if (i % 7 == 5) {
			r.id = 1; /* exists */
			want = ERR_EXISTS;
		}
		w->ids[i] = want == 1 ? r.id : 0;
		if (store_write(w->s, put_row, &r, &e) != want)
			w->bad++;
		if (want != 1 && e.code != want)
			w->bad++;
		if (i % 4 == 0 && store_write(w->s, count_up, NULL, &e) != 1)
			w->bad++;
	}
	return NULL;
}

static _Atomic uint64_t fed;

static void feed(void *arg, const struct change *c, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++)
		if (c[i].kind == FEED_ORG)
			fed++;
}

static void test_many_writers(void **state)
{
	struct store *s = fresh();
	static struct worker w[THREADS];
	pthread_t t[THREADS];
	struct row first = { 1, 0, SPAN_NONE, SPAN_NONE, 0 };
	struct err e = ERR_INIT;
	uint64_t good = 0;

	(void)state;
	fed = 0;
	store_subscribe(s, feed, NULL);
	assert_int_equal(store_write(s, put_row, &first, &e), 1);
	for (unsigned i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .s = s, .number = i };
		assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(w[i].bad, 0);
		for (unsigned k = 0; k < EACH; k++) {
			struct row back = { w[i].ids[k], -1, SPAN("data"), SPAN_NONE, 0 };

			if (!back.id)
				continue;
			good++;
			assert_int_equal(store_read(s, get_row, &back, &e), 0);
			assert_int_equal(back.v, k);
		}
	}
	assert_int_equal(ask_int(s, "SELECT count(*) FROM t"), good + 1);
	assert_int_equal(ask_int(s, "SELECT v FROM u"), THREADS * ((EACH + 3) / 4));
	assert_int_equal(fed, good);
	done(s);
}

/* ---- snapshots, feed, ids, migrations ---- */

struct two_looks {
	struct store *s;
	int64_t first, second;
};

static int64_t count_t(struct tx *tx, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT count(*) FROM t");

	return sql_next(q, e) == 1 ? sql_col_int(q, 0) : -1;
}

static int look_twice(struct tx *tx, void *arg, struct err *e)
{
	struct two_looks *l = arg;
	struct row r = { store_id(l->s), 1, SPAN_NONE, SPAN_NONE, 0 };
	struct err we = ERR_INIT;

	l->first = count_t(tx, e);
	assert_int_equal(store_write(l->s, put_row, &r, &we), 1);
	l->second = count_t(tx, e);
	return 0;
}

static void test_read_sees_one_snapshot(void **state)
{
	struct store *s = fresh();
	struct two_looks l = { .s = s };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(store_read(s, look_twice, &l, &e), 0);
	assert_int_equal(l.first, 0);
	assert_int_equal(l.second, 0);
	assert_int_equal(ask_int(s, "SELECT count(*) FROM t"), 1);
	done(s);
}

static struct change heard[100];
static size_t nheard;

static void hear(void *arg, const struct change *c, size_t n)
{
	struct store *s = arg;

	for (size_t i = 0; i < n && nheard < 100; i++)
		heard[nheard++] = c[i];
	/* After the commit: what is told is there for everybody. */
	assert_true(ask_int(s, "SELECT count(*) FROM t") >= (int64_t)nheard);
}

static void test_feed_order(void **state)
{
	struct store *s = fresh();
	struct err e = ERR_INIT;

	(void)state;
	nheard = 0;
	store_subscribe(s, hear, s);
	for (int i = 0; i < 20; i++) {
		struct row r = { (uint64_t)i + 1, i, SPAN_NONE, SPAN_NONE, i % 4 == 2 ? ERR_LIMIT : 0 };

		r.publish = true;
		assert_int_equal(store_write(s, put_row, &r, &e), r.fail ? ERR_LIMIT : 1);
	}
	assert_int_equal(nheard, 15);
	for (size_t i = 1; i < nheard; i++)
		assert_true(heard[i].number > heard[i - 1].number && heard[i].number % 4 != 2);
	done(s);
}

static void test_ids_go_on(void **state)
{
	struct store *s = fresh();
	uint64_t last = 0;

	(void)state;
	for (int start = 0; start < 3; start++) {
		time_test_set_real(1000000 - start * 1000); /* the clock jumps back */
		for (int i = 0; i < 1500000; i += 1) {
			uint64_t id = store_id(s);

			assert_true(id > last && id >= 1024);
			last = id;
			if (i % 300000 == 0)
				usleep(150000); /* the helper reserves the next block */
		}
		store_close(s);
		s = place_open(&place);
	}
	assert_true(last < 1ULL << 53);
	time_test_set_real(0);
	done(s);
}

static void test_migrations(void **state)
{
	struct migration more[] = { list[0], list[1], { "0003_x", "CREATE TABLE x (a INTEGER);\nALTER TABLE u ADD w TEXT;\n" },
		{ "0004_bad", "CREATE TABLE y (a INTEGER);\nCREATE TABLE nonsense nonsense;\n" } };
	struct migration renamed[] = { list[0], { "0002_other", list[1].sql } };
	struct store *s = fresh();
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(store_migrate(s, list, LIST_N, &e), 0); /* again: nothing to do */
	assert_int_equal(ask_int(s, "SELECT count(*) FROM dialect"), 0);
	assert_int_equal(store_migrate(s, more, 4, &e), ERR_BROKEN);
	err_clear(&e);
	assert_int_equal(do_sql(s, "SELECT * FROM y", &e), ERR_BROKEN); /* undone as a whole */
	assert_int_equal(ask_int(s, "SELECT count(w) FROM u"), 0);
	store_close(s);
	s = place_open(&place);
	err_clear(&e);
	assert_int_equal(store_migrate(s, list, LIST_N, &e), ERR_DENIED); /* the older program */
	assert_non_null(strstr(e.say, "newer kontor"));
	err_clear(&e);
	assert_int_equal(store_migrate(s, renamed, 2, &e), ERR_DENIED);
	err_clear(&e);
	assert_int_equal(store_migrate(s, more, 3, &e), 0);
	done(s);
}

static void test_second_process_is_refused(void **state)
{
	struct store *s = fresh(), *other;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(store_open(&place.config, &other, &e), ERR_LATER);
	assert_null(other);
	assert_non_null(strstr(e.say, "in use"));
	err_clear(&e);
	place.config.url = "nonsense";
	assert_int_equal(store_open(&place.config, &other, &e), ERR_PARAM);
	done(s);
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_come_back), cmocka_unit_test(test_failed_statement_fails_the_function),
		cmocka_unit_test(test_read_cannot_write), cmocka_unit_test(test_many_writers),
		cmocka_unit_test(test_read_sees_one_snapshot), cmocka_unit_test(test_feed_order),
		cmocka_unit_test(test_ids_go_on), cmocka_unit_test(test_migrations),
		cmocka_unit_test(test_second_process_is_refused),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
	return run_both("store", group);
}
