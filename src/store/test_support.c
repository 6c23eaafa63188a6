#include "store/test_support.h"
#include <dirent.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "store/store_impl.h"

const char *test_url = "sqlite";
static int test_pid;

bool on_pg(void)
{
	return strcmp(test_url, "sqlite") != 0;
}

static void remove_tree(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d) {
		unlinkat(dirfd, name, 0);
		return;
	}
	while ((de = readdir(d)))
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			remove_tree(fd, de->d_name);
	closedir(d);
	unlinkat(dirfd, name, AT_REMOVEDIR);
}

/* A schema of this process: several tests share one cluster. */
static char pg_url[500];

static void empty_schema(void)
{
	PGconn *db = PQconnectdb(test_url);
	char text[200];
	PGresult *res;

	snprintf(text, sizeof(text), "SET client_min_messages = warning; DROP SCHEMA IF EXISTS t%d CASCADE;"
		" CREATE SCHEMA t%d", test_pid, test_pid);
	res = PQexec(db, text);
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		fail_msg("%s", PQerrorMessage(db));
	PQclear(res);
	PQfinish(db);
}

const char *test_pg(void)
{
	const char *pg = getenv("KONTOR_TEST_PG");

	if (!pg)
		return NULL;
	if (!test_pid)
		test_pid = (int)getpid();
	snprintf(pg_url, sizeof(pg_url), "%s%soptions=-csearch_path%%3Dt%d", pg, strchr(pg, '?') ? "&" : "?",
		test_pid);
	return pg_url;
}

void place_new(struct place *p)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(p->dir, sizeof(p->dir), "%.40s/kontor-store-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(p->dir));
	p->dirfd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->dirfd >= 0);
	p->config = (struct store_config){ test_url, p->dirfd, p->dir, 4 };
	if (on_pg())
		empty_schema();
}

void place_free(struct place *p)
{
	close(p->dirfd);
	remove_tree(AT_FDCWD, p->dir);
}

struct store *place_open(struct place *p)
{
	struct store *s;
	struct err e = ERR_INIT;

	if (store_open(&p->config, &s, &e) < 0)
		fail_msg("store_open: %s", e.log);
	return s;
}

static int run_once(struct tx *tx, void *arg, struct err *e)
{
	return sql_run(sql_open_once(tx, arg), e);
}

int do_sql(struct store *s, const char *text, struct err *e)
{
	return store_write(s, run_once, (void *)(uintptr_t)text, e);
}

struct asked {
	const char *text;
	int64_t answer;
};

static int ask_once(struct tx *tx, void *arg, struct err *e)
{
	struct asked *a = arg;
	SCOPED_SQL q = sql_open_once(tx, a->text);
	int rc = sql_next(q, e);

	if (rc > 0)
		a->answer = sql_col_int(q, 0);
	return rc;
}

int64_t ask_int(struct store *s, const char *text)
{
	struct asked a = { text, 0 };
	struct err e = ERR_INIT;
	int rc = store_read(s, ask_once, &a, &e);

	if (rc != 1)
		fail_msg("%s: %d %s", text, rc, e.log);
	return a.answer;
}

int run_both(const char *name, int (*group)(const char *name))
{
	const char *pg = test_pg();
	int failed = group(name);

	if (!pg)
		return failed;
	test_url = pg;
	return failed + group("on PostgreSQL");
}
