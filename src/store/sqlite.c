#include "store/sqlite.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"

#define BUSY_MS 3000                 /* only other programs (a shell, a copy tool) can hold a lock */
#define WAL_PAGES_CHECKPOINT 1024    /* 8 MiB of 8 KiB pages */
#define INSIST_MS 50
#define WAL_LENGTH (12 << 20)
#define WAL_PAGES_INSIST (8 * WAL_PAGES_CHECKPOINT)

struct lite_sql {
	struct sql q;
	sqlite3_stmt *st;
	struct lite_conn *c;
	int bad;                     /* what prepare or bind said */
	bool done;
};

int lite_fail(struct lite_conn *c, int rc, const char *what, struct err *e)
{
	int ext = c->db ? sqlite3_extended_errcode(c->db) : rc;
	const char *msg = c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);

	if ((ext & 0xff) != (rc & 0xff))
		ext = rc;
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
		if (ext == SQLITE_CONSTRAINT_UNIQUE || ext == SQLITE_CONSTRAINT_PRIMARYKEY ||
			ext == SQLITE_CONSTRAINT_ROWID)
			return err_set(e, ERR_EXISTS, "It exists already", "sqlite %s: %s", what, msg);
		break;
	case SQLITE_READONLY:
		if (!c->writer)
			break; /* a write inside store_read: our bug */
		/* fall through */
	case SQLITE_FULL:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
	case SQLITE_NOMEM:
	case SQLITE_PROTOCOL:
	case SQLITE_INTERRUPT:
	case SQLITE_PERM:
		return err_set(e, ERR_LATER, "The store cannot write now, try again later",
			"sqlite %s: %s (%d)", what, msg, ext);
	}
	return err_set(e, ERR_BROKEN, "Internal error", "sqlite %s: %s (%d)", what, msg, ext);
}

int lite_step(struct lite_conn *c, sqlite3_stmt *st, const char *what, struct err *e)
{
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : lite_fail(c, rc, what, e);
}

/* ---- connections ---- */

static int wal_grew(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *s = arg;
	struct lite *l = s->d;

	(void)db;
	(void)name;
	atomic_store(&l->wal_pages, pages);
	if (pages < WAL_PAGES_CHECKPOINT) {
		l->kick_at = WAL_PAGES_CHECKPOINT;
	} else if (pages >= l->kick_at) {
		/* A reader may keep the log from starting over: not again before it has grown as much. */
		l->kick_at = pages + WAL_PAGES_CHECKPOINT;
		atomic_store(&l->wal_due, true);
		store_kick(s);
	}
	return SQLITE_OK;
}

static int set_up(struct store *s, struct lite_conn *c, struct err *e)
{
	/* secure_delete is off: everything personal is sealed before it gets here. */
	static const char common[] = "PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF;"
		" PRAGMA wal_autocheckpoint = 0; PRAGMA trusted_schema = OFF;";
	static const char writer[] = "PRAGMA page_size = 8192; PRAGMA auto_vacuum = NONE;"
		" PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;"
		" PRAGMA journal_size_limit = 268435456;";
	static const char reader[] = "PRAGMA query_only = ON; PRAGMA cache_size = -4096;";
	static const struct {
		size_t at;
		const char *sql;
	} st[] = {
		{ offsetof(struct lite_conn, commit), "COMMIT" },
		{ offsetof(struct lite_conn, rollback), "ROLLBACK" },
		{ offsetof(struct lite_conn, savepoint), "SAVEPOINT m" },
		{ offsetof(struct lite_conn, release), "RELEASE m" },
		{ offsetof(struct lite_conn, undo), "ROLLBACK TO m" },
	};
	int rc;

	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, BUSY_MS);
	rc = sqlite3_exec(c->db, c->writer ? writer : reader, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(c->db, common, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(c->db, c->writer ? "BEGIN IMMEDIATE" : "BEGIN", -1,
			SQLITE_PREPARE_PERSISTENT, &c->begin, NULL);
	for (size_t i = 0; rc == SQLITE_OK && i < sizeof(st) / sizeof(st[0]); i++)
		rc = sqlite3_prepare_v3(c->db, st[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
			(sqlite3_stmt **)((char *)c + st[i].at), NULL);
	if (rc != SQLITE_OK)
		return lite_fail(c, rc, "open", e);
	if (c->writer)
		sqlite3_wal_hook(c->db, wal_grew, s);
	return 0;
}

struct lite_conn *lite_conn_open(struct store *s, bool writer, struct err *e)
{
	struct lite_conn *c = calloc(1, sizeof(*c));
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/kontor.db", s->dir), rc;

	if (!c)
		abort();
	c->writer = writer;
	if (n < 0 || (size_t)n >= sizeof(path)) {
		err_set(e, ERR_PARAM, "Path too long", "state directory: path too long");
		free(c);
		return NULL;
	}
	rc = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		lite_fail(c, rc, "open", e);
	else
		rc = set_up(s, c, e);
	if (rc != 0) {
		lite_conn_close(c);
		return NULL;
	}
	return c;
}

static void free_sql(struct sql *q)
{
	sqlite3_finalize(((struct lite_sql *)q)->st);
	free(q);
}

void lite_conn_close(struct lite_conn *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < SQLITE_BUCKETS; i++)
		while (c->cache[i]) {
			struct sql *q = c->cache[i];

			c->cache[i] = q->next;
			free_sql(q);
		}
	sqlite3_finalize(c->begin);
	sqlite3_finalize(c->commit);
	sqlite3_finalize(c->rollback);
	sqlite3_finalize(c->savepoint);
	sqlite3_finalize(c->release);
	sqlite3_finalize(c->undo);
	sqlite3_close(c->db);
	free(c);
}

static void configure_once(void)
{
	/* Every connection is used by one thread at a time; the statistics would only be a shared lock. */
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_initialize();
}

static int lite_open(struct store *s, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct lite *l = calloc(1, sizeof(*l));
	int fd;

	if (!l || !(l->idle = calloc(s->readers, sizeof(struct lite_conn *))))
		abort();
	pthread_once(&once, configure_once);
	pthread_mutex_init(&l->lock, NULL);
	pthread_mutex_init(&l->pool_lock, NULL);
	pthread_cond_init(&l->pool_cond, NULL);
	l->tail = &l->head;
	l->kick_at = WAL_PAGES_CHECKPOINT;
	s->d = l;
	/* Made here for its mode, which -wal and -shm inherit. Closed at once and before SQLite opens it:
	 * closing any descriptor later would drop SQLite's POSIX locks. */
	fd = openat(s->dirfd, "kontor.db", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, ERR_LATER, "The state directory cannot be written", "kontor.db: %s",
			strerror(errno));
	close(fd);
	l->writer = lite_conn_open(s, true, e);
	return l->writer ? 0 : e->code;
}

static void lite_close(struct store *s)
{
	struct lite *l = s->d;

	for (unsigned i = 0; i < l->nidle; i++)
		lite_conn_close(l->idle[i]);
	lite_conn_close(l->checkpointer);
	lite_conn_close(l->writer); /* the last one: checkpoints and removes the WAL */
	after_fini(&l->after);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->pool_lock);
	pthread_cond_destroy(&l->pool_cond);
	free(l->idle);
	free(l);
}

/* ---- readers ---- */

static struct lite_conn *reader_take(struct store *s, struct err *e)
{
	struct lite *l = s->d;
	struct lite_conn *c = NULL;

	pthread_mutex_lock(&l->pool_lock);
	while (l->nidle == 0 && l->nopen >= s->readers)
		pthread_cond_wait(&l->pool_cond, &l->pool_lock);
	if (l->nidle)
		c = l->idle[--l->nidle];
	else
		l->nopen++;
	pthread_mutex_unlock(&l->pool_lock);
	if (c || (c = lite_conn_open(s, false, e)))
		return c;
	pthread_mutex_lock(&l->pool_lock);
	l->nopen--;
	pthread_cond_signal(&l->pool_cond);
	pthread_mutex_unlock(&l->pool_lock);
	return NULL;
}

static void reader_give(struct store *s, struct lite_conn *c)
{
	struct lite *l = s->d;

	pthread_mutex_lock(&l->pool_lock);
	l->idle[l->nidle++] = c;
	pthread_cond_signal(&l->pool_cond);
	pthread_mutex_unlock(&l->pool_lock);
}

static int lite_read(struct store *s, store_fn *fn, void *arg, struct err *e)
{
	struct lite_conn *c = reader_take(s, e);
	struct tx tx = { .s = s, .conn = c };
	int rc;

	if (!c)
		return e->code;
	rc = lite_step(c, c->begin, "begin", e);
	if (rc == 0) {
		rc = tx_run(&tx, fn, arg, e);
		if (!sqlite3_get_autocommit(c->db)) {
			sqlite3_step(c->commit);
			sqlite3_reset(c->commit);
		}
	}
	reader_give(s, c);
	return rc;
}

/* ---- statements ---- */

static size_t bucket_of(const char *text)
{
	uintptr_t v = (uintptr_t)text;

	return (v ^ v >> 8 ^ v >> 16) % SQLITE_BUCKETS;
}

static struct sql *lite_sql_open(struct tx *tx, const char *text, bool once)
{
	struct lite_conn *c = tx->conn;
	struct sql **at = &c->cache[bucket_of(text)];
	struct lite_sql *ls;

	for (struct sql *q = once ? NULL : *at; q; q = q->next)
		if (q->text == text && !q->tx) {
			q->tx = tx;
			tx->open++;
			return q;
		}
	ls = calloc(1, sizeof(*ls));
	if (!ls)
		abort();
	ls->c = c;
	ls->bad = sqlite3_prepare_v3(c->db, text, -1, once ? 0 : SQLITE_PREPARE_PERSISTENT, &ls->st, NULL);
	if (ls->bad == SQLITE_OK && !ls->st)
		ls->bad = SQLITE_MISUSE;
	ls->q = (struct sql){ .drv = &sqlite_driver, .tx = tx, .text = text, .once = once || ls->bad };
	if (!ls->q.once) {
		ls->q.next = *at;
		*at = &ls->q;
	}
	tx->open++;
	return &ls->q;
}

static void lite_sql_int(struct sql *q, int param, int64_t v)
{
	struct lite_sql *ls = (struct lite_sql *)q;
	int rc = sqlite3_bind_int64(ls->st, param, v);

	if (!ls->bad)
		ls->bad = rc;
}

static void lite_sql_bytes(struct sql *q, int param, struct span v, bool text)
{
	struct lite_sql *ls = (struct lite_sql *)q;
	int rc;

	if (!v.p)
		rc = sqlite3_bind_null(ls->st, param);
	else if (text)
		rc = sqlite3_bind_text64(ls->st, param, v.p, v.n, SQLITE_STATIC, SQLITE_UTF8);
	else
		rc = sqlite3_bind_blob64(ls->st, param, v.p, v.n, SQLITE_STATIC);
	if (!ls->bad)
		ls->bad = rc;
}

static int lite_sql_fail(struct lite_sql *ls, int rc, struct err *e)
{
	char what[96];

	snprintf(what, sizeof(what), "\"%.*s\"", 90, ls->q.text);
	lite_fail(ls->c, rc, what, e);
	return tx_fail(ls->q.tx, e);
}

static int lite_sql_next(struct sql *q, struct err *e)
{
	struct lite_sql *ls = (struct lite_sql *)q;
	struct err own_err = ERR_INIT;
	int rc;

	e = e ? e : &own_err;
	if (ls->bad)
		return lite_sql_fail(ls, ls->bad, e);
	if (ls->done)
		return 0;
	rc = sqlite3_step(ls->st);
	if (rc == SQLITE_ROW)
		return 1;
	ls->done = true;
	return rc == SQLITE_DONE ? 0 : lite_sql_fail(ls, rc, e);
}

static int lite_sql_run(struct sql *q, struct err *e)
{
	struct lite_sql *ls = (struct lite_sql *)q;
	sqlite3_int64 changed = 0;
	int rc;

	do
		rc = lite_sql_next(q, e);
	while (rc > 0);
	if (rc == 0 && !sqlite3_stmt_readonly(ls->st))
		changed = sqlite3_changes64(ls->c->db);
	sql_close(q);
	return rc < 0 ? rc : (int)(changed > INT32_MAX ? INT32_MAX : changed);
}

static int64_t lite_sql_col_int(struct sql *q, int col)
{
	return sqlite3_column_int64(((struct lite_sql *)q)->st, col);
}

static struct span lite_sql_col(struct sql *q, int col)
{
	sqlite3_stmt *st = ((struct lite_sql *)q)->st;
	const void *p;

	if (sqlite3_column_type(st, col) == SQLITE_NULL)
		return SPAN_NONE;
	p = sqlite3_column_blob(st, col);
	return p ? SPAN_BYTES(p, (size_t)sqlite3_column_bytes(st, col)) : SPAN("");
}

static char lite_sql_col_kind(struct sql *q, int col)
{
	switch (sqlite3_column_type(((struct lite_sql *)q)->st, col)) {
	case SQLITE_NULL:
		return 'n';
	case SQLITE_INTEGER:
		return 'i';
	case SQLITE_BLOB:
		return 'b';
	default:
		return 't';
	}
}

static int lite_sql_cols(struct sql *q)
{
	return sqlite3_column_count(((struct lite_sql *)q)->st);
}

static const char *lite_sql_col_name(struct sql *q, int col)
{
	return sqlite3_column_name(((struct lite_sql *)q)->st, col);
}

static void lite_sql_close(struct sql *q)
{
	struct lite_sql *ls = (struct lite_sql *)q;

	q->tx->open--;
	q->tx = NULL;
	if (q->once) {
		free_sql(q);
		return;
	}
	sqlite3_reset(ls->st);
	sqlite3_clear_bindings(ls->st);
	ls->bad = SQLITE_OK;
	ls->done = false;
}

/* ---- helper thread ---- */

static int finish_checkpoint(struct store *s, struct lite_conn *c, struct err *e)
{
	struct lite *l = s->d;
	bool insist = atomic_load(&l->wal_pages) >= WAL_PAGES_INSIST;

	(void)e;
	/* A backup reads for minutes: commits must not stand still for it. */
	sqlite3_busy_timeout(c->db, INSIST_MS);
	sqlite3_wal_checkpoint_v2(c->db, NULL, insist ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE,
		NULL, NULL);
	sqlite3_busy_timeout(c->db, BUSY_MS);
	return 0;
}

/* Zeros to the end of the log's usual length: overwriting is synced several times faster than appending,
 * which changes the file's size and costs a file system journal commit each time. Frames beyond the
 * last commit carry a wrong salt, so SQLite never reads them. */
static int lengthen_log(struct store *s, struct lite_conn *c, struct err *e)
{
	static const char zeros[65536];
	SCOPED_FD fd = openat(s->dirfd, "kontor.db-wal", O_WRONLY | O_CLOEXEC);
	struct stat st;
	off_t at;

	(void)c;
	(void)e;
	if (fd < 0 || fstat(fd, &st) < 0)
		return 0; /* no log yet, no haste */
	for (at = st.st_size; at < WAL_LENGTH; at += (off_t)sizeof(zeros))
		if (pwrite(fd, zeros, sizeof(zeros), at) < 0)
			return 0; /* disk full: the writers will say so */
	fdatasync(fd);
	return 0;
}

static bool log_is_short(struct store *s)
{
	struct stat st;

	return fstatat(s->dirfd, "kontor.db-wal", &st, 0) == 0 && st.st_size > 0 && st.st_size < WAL_LENGTH;
}

/* The bulk is copied while commits go on; the small remainder while the queue stands still, so that the
 * log is complete and the next commit starts it from the beginning. Without the second step a busy
 * server's log would grow for ever. */
static void lite_tick(struct store *s)
{
	struct lite *l = s->d;
	struct err e = ERR_INIT;

	if (log_is_short(s))
		lite_solo(s, lengthen_log, &e);
	if (!atomic_exchange(&l->wal_due, false))
		return;
	if (!l->checkpointer && !(l->checkpointer = lite_conn_open(s, true, &e)))
		return;
	sqlite3_wal_hook(l->checkpointer->db, NULL, NULL);
	sqlite3_wal_checkpoint_v2(l->checkpointer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	lite_solo(s, finish_checkpoint, &e);
}

static int lite_verify(struct tx *tx, void (*say)(void *arg, const char *problem), void *arg,
	uint64_t *problems, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "PRAGMA integrity_check(100)");
	int rc;

	while ((rc = sql_next(q, e)) > 0) {
		char line[256];

		if (span_eqz(sql_col(q, 0), "ok"))
			continue;
		snprintf(line, sizeof(line), "integrity_check: %.*s", SPAN_F(span_sub(sql_col(q, 0), 0, 200)));
		say(arg, line);
		++*problems;
	}
	return rc;
}

const struct driver sqlite_driver = {
	.name = "sqlite",
	.open = lite_open,
	.close = lite_close,
	.read = lite_read,
	.write = lite_write,
	.tick = lite_tick,
	.verify = lite_verify,
	.tables_sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%'"
		" ESCAPE '\\' ORDER BY name",
	.sql_open = lite_sql_open,
	.sql_int = lite_sql_int,
	.sql_bytes = lite_sql_bytes,
	.sql_next = lite_sql_next,
	.sql_run = lite_sql_run,
	.sql_col_int = lite_sql_col_int,
	.sql_col = lite_sql_col,
	.sql_col_kind = lite_sql_col_kind,
	.sql_cols = lite_sql_cols,
	.sql_col_name = lite_sql_col_name,
	.sql_close = lite_sql_close,
};
