/* Disk full, read-only, locked, killed: a defined answer, and nothing acknowledged is lost. */
#include "store/test_support.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/io.h"
#include "base/time.h"
#include "store/blob.h"
#include "store/store_impl.h"

#define CANNOT 77

static const struct migration list[] = {
	{ "0001_t", "CREATE TABLE t (id INTEGER PRIMARY KEY, d BLOB);\nCREATE TABLE v (id INTEGER PRIMARY KEY);\n" },
};

static struct place place;

struct row {
	uint64_t id;
	struct span d;
	const struct blob_staged *b;
};

static int put_row(struct tx *tx, void *arg, struct err *e)
{
	struct row *r = arg;
	struct sql *q = sql_open(tx, "INSERT INTO t (id, d) VALUES (?1, ?2)");
	int rc;

	sql_int(q, 1, (int64_t)r->id);
	sql_blob(q, 2, r->d);
	rc = sql_run(q, e);
	return rc < 0 || !r->b ? rc : blob_adopt(tx, r->b, 1, e);
}

static int has_row(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT 1 FROM t WHERE id = ?1");

	sql_int(q, 1, (int64_t)*(uint64_t *)arg);
	return sql_next(q, e);
}

static struct store *ready(void)
{
	struct store *s = place_open(&place);
	struct err e = ERR_INIT;

	if (store_migrate(s, list, 1, &e) < 0)
		fail_msg("%s", e.log);
	return s;
}

/* ---- killed ---- */

#define WRITERS 4
#define ROUNDS 20

struct victim {
	struct store *s;
	int pipe;
};

static void *write_on(void *arg)
{
	struct victim *v = arg;
	struct arena *a = arena_new();
	char *body = calloc(1, 200000);

	for (unsigned i = 0;; i++) {
		struct err e = ERR_INIT;
		struct blob_staged b;
		struct row r = { store_id(v->s), SPAN("row"), NULL };

		arena_reset(a);
		random_bytes(body, 64); /* a body of its own: the writers are threads */
		if (i % 5 == 0 && blob_stage(v->s, a, (struct span){ body, i % 10 ? 3000 : 200000 }, &b, &e) == 0)
			r.b = &b;
		if (store_write(v->s, put_row, &r, &e) < 0)
			_exit(3);
		if (write(v->pipe, &r.id, sizeof(r.id)) != sizeof(r.id))
			_exit(4);
	}
	return NULL;
}

static void be_victim(int out)
{
	struct victim v = { .pipe = out };
	struct err e = ERR_INIT;
	pthread_t t;

	if (store_open(&place.config, &v.s, &e) < 0)
		_exit(2);
	for (int i = 1; i < WRITERS; i++)
		pthread_create(&t, NULL, write_on, &v);
	write_on(&v);
}

static void hear(void *arg, const char *problem)
{
	(void)arg;
	print_message("problem: %s\n", problem);
}

static void test_killed(void **state)
{
	static uint64_t acked[400000];
	size_t n = 0;

	(void)state;
	place_new(&place);
	store_close(ready());
	for (int round = 0; round < ROUNDS; round++) {
		int p[2], status;
		pid_t pid;
		struct store *s;
		struct err e = ERR_INIT;
		uint64_t id, problems;
		int64_t end_us;

		assert_int_equal(pipe(p), 0);
		pid = fork();
		if (pid == 0) {
			close(p[0]);
			be_victim(p[1]);
		}
		close(p[1]);
		end_us = 0;
		while (read(p[0], &id, sizeof(id)) == sizeof(id)) {
			assert_true(n < sizeof(acked) / sizeof(acked[0]));
			acked[n++] = id;
			if (!end_us)
				end_us = time_mono_us() + (int64_t)(random_u64() % 120000);
			if (time_mono_us() > end_us)
				kill(pid, SIGKILL); /* and read on what it had still written */
		}
		close(p[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		s = ready();
		for (size_t i = 0; i < n; i++)
			assert_int_equal(store_read(s, has_row, &acked[i], &e), 1);
		assert_int_equal(store_check(s, hear, NULL, &problems, &e), 0);
		assert_int_equal(problems, 0);
		assert_true(store_id(s) > acked[n - 1]);
		store_close(s);
	}
	assert_true(n > ROUNDS);
	print_message("%zu acknowledged rows over %d kills\n", n, ROUNDS);
	place_free(&place);
}

/* ---- in a process of its own, because it changes what is mounted or limited ---- */

static void in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define WANT(x)                                                                                              \
	do {                                                                                                 \
		if (!(x)) {                                                                                  \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                              \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)

static void mount_small(const char *size)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", place.dir, "tmpfs", 0, size) < 0)
		_exit(CANNOT);
	close(place.dirfd);
	place.config.dirfd = place.dirfd = open(place.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static _Atomic unsigned acked_n, failed_n;

static void *fill_up(void *arg)
{
	char body[6000];

	random_bytes(body, sizeof(body));
	for (int i = 0; i < 2000; i++) {
		struct err e = ERR_INIT;
		struct row r = { store_id(arg), SPAN_BYTES(body, sizeof(body)), NULL };
		int rc = store_write(arg, put_row, &r, &e);

		if (rc == 1) {
			acked_n++;
			continue;
		}
		WANT(rc == ERR_LATER && e.code == ERR_LATER && e.say[0]);
		if (++failed_n > 50)
			break;
	}
	return NULL;
}

static void full_disk(void)
{
	SCOPED_ARENA a = arena_new();
	struct err e = ERR_INIT;
	struct blob_staged b;
	char *noise = arena_alloc(a, 40 << 20);
	struct row r;
	struct store *s;
	pthread_t t[8];

	mount_small("size=30m");
	WANT(store_open(&place.config, &s, &e) == 0 && store_migrate(s, list, 1, &e) == 0);
	random_bytes(noise, 40 << 20);
	WANT(blob_stage(s, a, (struct span){ noise, 40 << 20 }, &b, &e) == ERR_LATER);
	err_clear(&e);
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, fill_up, s);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	WANT(failed_n > 0 && acked_n > 0);
	WANT((unsigned)ask_int(s, "SELECT count(*) FROM t") == acked_n);
	WANT(mount("tmpfs", place.dir, "tmpfs", MS_REMOUNT, "size=200m") == 0);
	r = (struct row){ store_id(s), SPAN("room again"), NULL };
	WANT(store_write(s, put_row, &r, &e) == 1);
	store_close(s);
	WANT(store_open(&place.config, &s, &e) == 0);
	WANT((unsigned)ask_int(s, "SELECT count(*) FROM t") == acked_n + 1);
	store_close(s);
}

static void test_full_disk(void **state)
{
	(void)state;
	if (on_pg())
		skip();
	place_new(&place);
	in_child(full_disk);
	place_free(&place);
}

static void read_only(void)
{
	struct err e = ERR_INIT;
	struct row r = { 5000, SPAN("x"), NULL };
	struct store *s;

	mount_small("size=30m");
	WANT(store_open(&place.config, &s, &e) == 0 && store_migrate(s, list, 1, &e) == 0);
	WANT(store_write(s, put_row, &r, &e) == 1);
	store_close(s);
	WANT(mount("tmpfs", place.dir, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=30m") == 0);
	WANT(store_open(&place.config, &s, &e) == ERR_LATER && !s && e.say[0]);
	WANT(mount("tmpfs", place.dir, "tmpfs", MS_REMOUNT, "size=30m") == 0);
	err_clear(&e);
	WANT(store_open(&place.config, &s, &e) == 0);
	WANT(ask_int(s, "SELECT count(*) FROM t") == 1);
	store_close(s);
}

static void test_read_only(void **state)
{
	(void)state;
	if (on_pg())
		skip();
	place_new(&place);
	in_child(read_only);
	place_free(&place);
}

/* One that does not fit harms nobody else in its group. */
static void *one_more(void *arg)
{
	struct err e = ERR_INIT;

	for (int i = 0; i < 100; i++) {
		struct row r = { store_id(arg), SPAN("small"), NULL };

		if (store_write(arg, put_row, &r, &e) == 1)
			acked_n++;
	}
	return NULL;
}

static void test_too_large_for_the_rest(void **state)
{
	static const char zeros[4 << 20];
	struct err e = ERR_INIT;
	struct row big = { 1, { zeros, sizeof(zeros) }, NULL };
	struct store *s;
	pthread_t t[8];
	unsigned full = 0;

	(void)state;
	if (on_pg())
		skip();
	place_new(&place);
	s = ready();
	acked_n = 0;
	assert_true(do_sql(s, "PRAGMA max_page_count = 200", &e) >= 0);
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, one_more, s);
	for (int i = 0; i < 50; i++) {
		err_clear(&e);
		full += store_write(s, put_row, &big, &e) == ERR_LATER;
	}
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(full, 50);
	assert_int_equal(acked_n, 800);
	assert_int_equal(ask_int(s, "SELECT count(*) FROM t"), 800);
	store_close(s);
	place_free(&place);
}

/* Another program holds the write lock longer than we wait; afterwards all goes on. */
static void test_locked_by_another(void **state)
{
	struct store *s;
	struct err e = ERR_INIT;
	struct row r = { 1, SPAN("x"), NULL };
	int go[2], ok[2], status;
	char c, path[100];
	pid_t pid;

	(void)state;
	if (on_pg())
		skip();
	place_new(&place);
	store_close(ready());
	assert_true(pipe(go) == 0 && pipe(ok) == 0);
	snprintf(path, sizeof(path), "%s/kontor.db", place.dir);
	pid = fork();
	if (pid == 0) {
		sqlite3 *db;

		WANT(read(go[0], &c, 1) == 1);
		WANT(sqlite3_open(path, &db) == SQLITE_OK);
		WANT(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
		WANT(write(ok[1], "x", 1) == 1 && read(go[0], &c, 1) == 1);
		WANT(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
		WANT(write(ok[1], "x", 1) == 1);
		_exit(0);
	}
	s = ready();
	assert_true(write(go[1], "x", 1) == 1 && read(ok[0], &c, 1) == 1);
	assert_int_equal(ask_int(s, "SELECT count(*) FROM t"), 0); /* readers do not mind */
	assert_int_equal(store_write(s, put_row, &r, &e), ERR_LATER);
	assert_non_null(strstr(e.log, "locked"));
	assert_true(write(go[1], "x", 1) == 1 && read(ok[0], &c, 1) == 1);
	err_clear(&e);
	assert_int_equal(store_write(s, put_row, &r, &e), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store_close(s);
	for (int i = 0; i < 2; i++) {
		close(go[i]);
		close(ok[i]);
	}
	place_free(&place);
}

/* Much written while readers come and go: the log does not grow without end. */
static void test_log_stays_short(void **state)
{
	struct store *s;
	struct stat st;
	pthread_t t[8];

	(void)state;
	if (on_pg())
		skip();
	place_new(&place);
	s = ready();
	acked_n = failed_n = 0;
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, fill_up, s);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(acked_n, 16000);
	assert_int_equal(ask_int(s, "SELECT count(*) FROM t"), 16000);
	assert_int_equal(fstatat(place.dirfd, "kontor.db-wal", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_size < 100 << 20); /* more than 120 MiB went through it */
	store_close(s);
	place_free(&place);
}

/* ---- the server is restarted or gone ---- */

static void test_connection_lost(void **state)
{
	struct store *s;
	struct err e = ERR_INIT;
	struct row r = { 1, SPAN("x"), NULL };

	(void)state;
	if (!on_pg())
		skip();
	place_new(&place);
	s = ready();
	for (uint64_t i = 1; i < 10; i++) {
		/* Ends the connection it runs on: a statement fails without a server. */
		do_sql(s, "SELECT pg_terminate_backend(pg_backend_pid())", &e);
		err_clear(&e);
		r.id = i;
		assert_int_equal(store_write(s, put_row, &r, &e), 1);
		assert_int_equal(ask_int(s, "SELECT count(*) FROM t"), i);
	}
	store_close(s);
	place.config.url = "postgresql:///x?host=/nonexistent";
	assert_int_equal(store_open(&place.config, &s, &e), ERR_LATER);
	place_free(&place);
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed), cmocka_unit_test(test_full_disk), cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_too_large_for_the_rest), cmocka_unit_test(test_locked_by_another),
		cmocka_unit_test(test_log_stays_short), cmocka_unit_test(test_connection_lost),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
	return seal_init(NULL) < 0 ? 1 : run_both("fault", group);
}
