/* store_check finds what has decayed; backup and restore bring everything back, and refuse damaged streams. */
#include "store/test_support.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include "base/io.h"
#include "base/time.h"
#include "base/wire.h"
#include "store/backup.h"
#include "store/blob.h"
#include "store/store_impl.h"

static const struct migration list[] = {
	{ "0001_t", "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, d BLOB, n TEXT UNIQUE);\n"
		    "CREATE INDEX t_v ON t (v);\nINSERT INTO t (id, v) VALUES (1, 99);\n" },
};

#define BLOBS 12
static struct blob_staged blobs[BLOBS];
static struct span plains[BLOBS];

struct filling {
	uint64_t i;
};

static int fill(struct tx *tx, void *arg, struct err *e)
{
	struct filling *f = arg;
	struct sql *q = sql_open(tx, "INSERT INTO t (id, v, d, n) VALUES (?1, ?2, ?3, ?4)");
	char name[32];
	int rc;

	snprintf(name, sizeof(name), "name %llu", (unsigned long long)f->i);
	sql_int(q, 1, (int64_t)blobs[f->i].id);
	sql_int(q, 2, -(int64_t)f->i);
	sql_blob(q, 3, f->i % 3 ? span_sub(plains[f->i], 0, 500) : SPAN_NONE);
	sql_text(q, 4, span_str(name));
	rc = sql_run(q, e);
	return rc < 0 ? rc : blob_adopt(tx, &blobs[f->i], 1, e);
}

static struct store *filled(struct place *p, struct arena *a)
{
	struct err e = ERR_INIT;
	struct store *s;

	place_new(p);
	s = place_open(p);
	assert_int_equal(store_migrate(s, list, 1, &e), 0);
	for (uint64_t i = 0; i < BLOBS; i++) {
		struct filling f = { i };
		size_t n = (size_t)1 << (2 * i);
		char *z = arena_alloc(a, n);

		random_bytes(z, n);
		plains[i] = (struct span){ z, n };
		assert_int_equal(blob_stage(s, a, plains[i], &blobs[i], &e), 0);
		if (store_write(s, fill, &f, &e) < 0)
			fail_msg("%s", e.log);
	}
	assert_true(blobs[BLOBS - 1].inline_data.p == NULL && blobs[0].inline_data.p != NULL);
	return s;
}

static char last_problem[400];

static void hear(void *arg, const char *problem)
{
	(void)arg;
	snprintf(last_problem, sizeof(last_problem), "%s", problem);
}

static uint64_t problems(struct store *s)
{
	struct err e = ERR_INIT;
	uint64_t n = 0;

	last_problem[0] = '\0';
	if (store_check(s, hear, NULL, &n, &e) < 0)
		fail_msg("%s", e.log);
	return n;
}

static void flip(struct place *p, uint64_t id, off_t at)
{
	char path[40], c;
	SCOPED_FD fd = -1;

	blob_path(id, path);
	fd = openat(p->dirfd, path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 0x10;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
}

static void test_check_finds_decay(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct place p;
	struct store *s = filled(&p, a);
	struct err e = ERR_INIT;
	uint64_t file = blobs[BLOBS - 1].id;
	const off_t at[] = { 0, 5, 9, 20, 33, 200, (off_t)blobs[BLOBS - 1].stored_size - 1 };
	char path[40], text[200];

	(void)state;
	assert_int_equal(problems(s), 0);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		flip(&p, file, at[i]);
		assert_int_equal(problems(s), 1);
		assert_non_null(strstr(last_problem, "file"));
		flip(&p, file, at[i]);
	}
	assert_int_equal(problems(s), 0);
	blob_path(file, path);
	assert_int_equal(unlinkat(p.dirfd, path, 0), 0);
	assert_int_equal(problems(s), 1);
	assert_non_null(strstr(last_problem, "missing"));
	/* One bit of a sealed row. */
	snprintf(text, sizeof(text), "UPDATE blob_data SET data = (SELECT data FROM blob_data WHERE id = %llu)"
		" WHERE id = %llu", (unsigned long long)blobs[2].id, (unsigned long long)blobs[3].id);
	assert_int_equal(do_sql(s, text, &e), 1);
	assert_int_equal(problems(s), 2);
	snprintf(text, sizeof(text), "DELETE FROM blob WHERE id = %llu", (unsigned long long)blobs[4].id);
	assert_int_equal(do_sql(s, text, &e), 1);
	assert_int_equal(problems(s), 3);
	assert_non_null(strstr(last_problem, "belongs to no blob"));
	snprintf(text, sizeof(text), "DELETE FROM blob_data WHERE id = %llu", (unsigned long long)blobs[5].id);
	assert_int_equal(do_sql(s, text, &e), 1);
	assert_int_equal(problems(s), 4);
	store_close(s);
	place_free(&p);
}

/* A page of the data base file overwritten. */
static void check_finds_a_damaged_page(void)
{
	SCOPED_ARENA a = arena_new();
	struct place p;
	struct store *s;
	char junk[3000];
	int fd;

	s = filled(&p, a);
	store_close(s);
	memset(junk, 0x5a, sizeof(junk));
	fd = openat(p.dirfd, "kontor.db", O_RDWR);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), lseek(fd, 0, SEEK_END) - 8192), sizeof(junk));
	close(fd);
	s = place_open(&p);
	assert_true(problems(s) > 0);
	store_close(s);
	place_free(&p);
}

static void test_check_finds_a_damaged_page(void **state)
{
	(void)state;
	if (on_pg())
		skip();
	check_finds_a_damaged_page();
}

/* ---- backup ---- */

static int memory_file(void)
{
	int fd = io_memfd("backup");

	assert_true(fd >= 0);
	return fd;
}

struct reading {
	struct arena *a;
	uint64_t i;
	struct span out;
};

static int read_blob(struct tx *tx, void *arg, struct err *e)
{
	struct reading *r = arg;

	return blob_read(tx, r->a, blobs[r->i].id, &blobs[r->i].key, &r->out, e);
}

static void check_same(struct store *s)
{
	struct err e = ERR_INIT;

	assert_int_equal(ask_int(s, "SELECT count(*) FROM t"), BLOBS + 1);
	assert_int_equal(ask_int(s, "SELECT sum(v) FROM t"), 99 - BLOBS * (BLOBS - 1) / 2);
	assert_int_equal(ask_int(s, "SELECT count(*) FROM t WHERE d IS NULL"), 1 + (BLOBS + 2) / 3);
	assert_int_equal(ask_int(s, "SELECT count(*) FROM t WHERE n = 'name 7' AND v = -7"), 1);
	for (uint64_t i = 0; i < BLOBS; i++) {
		SCOPED_ARENA a = arena_new();
		struct reading r = { a, i, SPAN_NONE };

		if (store_read(s, read_blob, &r, &e) < 0)
			fail_msg("%s", e.log);
		assert_true(span_eq(r.out, plains[i]));
	}
	assert_int_equal(problems(s), 0);
}

static _Atomic bool stop;

static void *keep_writing(void *arg)
{
	struct err e = ERR_INIT;

	while (!stop)
		do_sql(arg, "UPDATE t SET v = v + 1 WHERE id = 1", &e);
	return NULL;
}

static void test_backup_and_restore(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct place from, to;
	struct store *s = filled(&from, a);
	struct err e = ERR_INIT;
	SCOPED_FD fd = memory_file();
	uint64_t last = store_id(s);

	(void)state;
	if (store_backup(s, fd, &e) < 0)
		fail_msg("%s", e.log);
	store_close(s);
	place_new(&to);
	lseek(fd, 0, SEEK_SET);
	if (store_restore(&to.config, fd, &e) < 0)
		fail_msg("%s", e.log);
	s = place_open(&to);
	assert_int_equal(store_migrate(s, list, 1, &e), 0);
	check_same(s);
	assert_true(store_id(s) > last + (1LL << 35));
	assert_true(store_id(s) < 1ULL << 53);
	store_close(s);
	lseek(fd, 0, SEEK_SET);
	err_clear(&e);
	assert_int_equal(store_restore(&to.config, fd, &e), ERR_EXISTS);
	place_free(&to);
	place_free(&from);
}

/* While writers go on and blobs are deleted: the copy is one moment. */
static void test_backup_while_running(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct place from, to;
	struct store *s = filled(&from, a);
	struct err e = ERR_INIT;
	SCOPED_FD fd = memory_file();
	pthread_t t;

	(void)state;
	stop = false;
	pthread_create(&t, NULL, keep_writing, s);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		lseek(fd, 0, SEEK_SET);
		assert_int_equal(store_backup(s, fd, &e), 0);
	}
	stop = true;
	pthread_join(t, NULL);
	store_close(s);
	place_new(&to);
	lseek(fd, 0, SEEK_SET);
	if (store_restore(&to.config, fd, &e) < 0)
		fail_msg("%s", e.log);
	s = place_open(&to);
	assert_int_equal(do_sql(s, "UPDATE t SET v = 99 WHERE id = 1", &e), 1);
	check_same(s);
	store_close(s);
	place_free(&to);
	place_free(&from);
}

static void test_restore_refuses_damage(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct place from, to;
	struct store *s = filled(&from, a);
	struct err e = ERR_INIT;
	SCOPED_FD fd = memory_file();
	off_t n;

	(void)state;
	assert_int_equal(store_backup(s, fd, &e), 0);
	store_close(s);
	place_free(&from);
	n = lseek(fd, 0, SEEK_END);
	place_new(&to);
	for (int i = 0; i < 40; i++) {
		SCOPED_FD bad = memory_file();
		off_t off = 0, cut = i < 12 ? n * i / 12 : n, at = n * (i - 12) / 28;
		char c;

		while (off < cut)
			assert_true(sendfile(bad, fd, &off, (size_t)(cut - off)) > 0);
		if (cut == n) {
			assert_int_equal(pread(bad, &c, 1, at), 1);
			c ^= 4;
			assert_int_equal(pwrite(bad, &c, 1, at), 1);
		}
		lseek(bad, 0, SEEK_SET);
		err_clear(&e);
		assert_true(store_restore(&to.config, bad, &e) < 0);
	}
	/* Nothing of the failed ones is left: the good one goes in. */
	lseek(fd, 0, SEEK_SET);
	err_clear(&e);
	if (store_restore(&to.config, fd, &e) < 0)
		fail_msg("%s", e.log);
	s = place_open(&to);
	check_same(s);
	store_close(s);
	place_free(&to);
}

/* ---- bounds ---- */

/* Why a stream with this for its first record is refused. */
static void refused(char type, uint32_t len, struct span payload, const char *why)
{
	struct place to;
	struct err e = ERR_INIT;
	SCOPED_FD fd = memory_file();
	SCOPED_BUF b;

	buf_init(&b, 65536);
	buf_addz(&b, BACKUP_MAGIC);
	buf_addc(&b, type);
	wire_u32(&b, len);
	buf_add(&b, payload);
	assert_int_equal(io_write_full(fd, buf_span(&b), NULL), 0);
	lseek(fd, 0, SEEK_SET);
	place_new(&to);
	assert_true(store_restore(&to.config, fd, &e) < 0);
	if (!strstr(e.log, why))
		fail_msg("%s, not %s", e.log, why);
	place_free(&to);
}

/* A record's length is looked at before its octets; columns before there is a statement of them. */
static void test_restore_bounds(void **state)
{
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 65536);
	refused('M', BACKUP_RECORD_MAX, SPAN("x"), "restore: cut off");
	refused('M', BACKUP_RECORD_MAX + 1, SPAN("x"), "restore: a record makes no sense");
	for (unsigned n = BACKUP_COLUMNS_MAX; n <= BACKUP_COLUMNS_MAX + 1; n++) {
		buf_reset(&b);
		wire_span(&b, SPAN("t"));
		wire_u16(&b, (uint16_t)n);
		for (unsigned i = 0; i < n; i++)
			wire_span(&b, i + 1 < n ? SPAN("c") : SPAN("bad name"));
		refused('T', (uint32_t)b.n, buf_span(&b), n > BACKUP_COLUMNS_MAX ? "restore: table" : "restore: column");
	}
}

/* A table of so many columns goes into a backup, a wider one stops it. */
static void wide(unsigned columns, int want)
{
	SCOPED_ARENA a = arena_new();
	struct migration wider = { "0002_wide", NULL };
	struct place p;
	struct store *s = filled(&p, a);
	struct err e = ERR_INIT;
	SCOPED_FD fd = memory_file();
	SCOPED_BUF b;

	buf_init(&b, 65536);
	buf_addz(&b, "CREATE TABLE wide (c1 INTEGER");
	for (unsigned i = 2; i <= columns; i++)
		buf_addf(&b, ", c%u INTEGER", i);
	buf_addz(&b, ");");
	wider.sql = arena_strz(a, buf_span(&b));
	assert_int_equal(store_migrate(s, (struct migration[]){ list[0], wider }, 2, &e), 0);
	assert_int_equal(store_backup(s, fd, &e), want);
	store_close(s);
	place_free(&p);
}

static void test_backup_bounds(void **state)
{
	(void)state;
	wide(BACKUP_COLUMNS_MAX, 0);
	wide(BACKUP_COLUMNS_MAX + 1, ERR_BROKEN);
}

/* What was backed up from one kind of store goes into the other. */
static void restore_into_the_other_kind(void)
{
	SCOPED_ARENA a = arena_new();
	struct place from, to;
	struct store *s;
	const char *here = test_url;
	struct err e = ERR_INIT;
	SCOPED_FD fd = memory_file();

	s = filled(&from, a);
	assert_int_equal(store_backup(s, fd, &e), 0);
	store_close(s);
	place_free(&from);
	test_url = on_pg() ? "sqlite" : test_pg();
	place_new(&to);
	lseek(fd, 0, SEEK_SET);
	if (store_restore(&to.config, fd, &e) < 0)
		fail_msg("%s", e.log);
	s = place_open(&to);
	check_same(s);
	store_close(s);
	place_free(&to);
	test_url = here;
}

static void test_restore_into_the_other_kind(void **state)
{
	(void)state;
	if (!test_pg())
		skip();
	restore_into_the_other_kind();
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_finds_decay), cmocka_unit_test(test_check_finds_a_damaged_page),
		cmocka_unit_test(test_backup_and_restore), cmocka_unit_test(test_backup_while_running),
		cmocka_unit_test(test_restore_refuses_damage), cmocka_unit_test(test_restore_bounds), cmocka_unit_test(test_backup_bounds),
		cmocka_unit_test(test_restore_into_the_other_kind),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
	return seal_init(NULL) < 0 ? 1 : run_both("copy", group);
}
