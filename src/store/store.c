#include "store/store_impl.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/time.h"

#define ID_BLOCK (1ULL << 20)
#define ID_LIMIT (1ULL << 53)        /* exact in JSON numbers; the first is 1024, smaller ones are the house's own */
#define GRAVE_US (5 * US_PER_SEC)    /* readers of an older snapshot still find the file */
#define SQL_SCRIPT_MAX (1 << 20)

static const struct migration own[] = {
	{ "0001_store",
		"CREATE TABLE store_ids (one INTEGER PRIMARY KEY, next INTEGER NOT NULL);\n"
		"INSERT INTO store_ids (one, next) VALUES (1, 1024);\n"
		"CREATE TABLE blob (id INTEGER PRIMARY KEY, refs INTEGER NOT NULL, size INTEGER NOT NULL,"
		" stored_size INTEGER NOT NULL, is_file INTEGER NOT NULL, sum BLOB NOT NULL);\n"
		"CREATE TABLE blob_data (id INTEGER PRIMARY KEY, data BLOB NOT NULL);\n"
		"--postgresql\n"
		"ALTER TABLE blob_data ALTER COLUMN data SET STORAGE EXTERNAL;\n" },
};

/* ---- after the commit ---- */

static void *grown(void *p, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return p;
	*cap = *cap ? *cap * 2 : 64;
	p = realloc(p, *cap * size);
	if (!p)
		abort();
	return p;
}

struct after_mark after_here(const struct after *a)
{
	return (struct after_mark){ a->nchanges, a->ngraves };
}

void after_cut(struct after *a, struct after_mark m)
{
	a->nchanges = m.nchanges;
	a->ngraves = m.ngraves;
}

void after_fini(struct after *a)
{
	free(a->changes);
	free(a->graves);
	*a = (struct after){ 0 };
}

void after_commit(struct store *s, struct after *a)
{
	if (a->ngraves) {
		int64_t due = time_mono_us() + GRAVE_US;

		pthread_mutex_lock(&s->help_lock);
		for (size_t i = 0; i < a->ngraves; i++) {
			s->graves = grown(s->graves, s->ngraves, &s->graves_cap, sizeof(*s->graves));
			s->graves[s->ngraves++] = (struct grave){ a->graves[i], due };
		}
		pthread_mutex_unlock(&s->help_lock);
	}
	if (a->nchanges) {
		pthread_mutex_lock(&s->feed_lock);
		if (s->feed_fn)
			s->feed_fn(s->feed_arg, a->changes, a->nchanges);
		pthread_mutex_unlock(&s->feed_lock);
	}
	a->nchanges = a->ngraves = 0;
}

void tx_publish(struct tx *tx, struct change c)
{
	struct after *a = tx->after;

	assert(a);
	a->changes = grown(a->changes, a->nchanges, &a->changes_cap, sizeof(*a->changes));
	a->changes[a->nchanges++] = c;
}

void tx_bury(struct tx *tx, uint64_t blob_id)
{
	struct after *a = tx->after;

	assert(a);
	a->graves = grown(a->graves, a->ngraves, &a->graves_cap, sizeof(*a->graves));
	a->graves[a->ngraves++] = blob_id;
}

void store_subscribe(struct store *s, void (*fn)(void *arg, const struct change *c, size_t n), void *arg)
{
	pthread_mutex_lock(&s->feed_lock);
	s->feed_fn = fn;
	s->feed_arg = arg;
	pthread_mutex_unlock(&s->feed_lock);
}

/* ---- transactions ---- */

int tx_fail(struct tx *tx, struct err *e)
{
	if (!tx->failed.code)
		tx->failed = *e;
	return e->code;
}

int tx_run(struct tx *tx, store_fn *fn, void *arg, struct err *e)
{
	int rc;

	err_clear(e);
	err_clear(&tx->failed);
	rc = fn(tx, arg, e);
	assert(tx->open == 0); /* a statement was left open: use SCOPED_SQL */
	if (rc >= 0 && tx->failed.code) {
		*e = tx->failed;
		rc = e->code;
	}
	if (rc < 0 && e->code == 0)
		err_set(e, rc, "Internal error", "function failed without saying why");
	return rc;
}

int store_read(struct store *s, store_fn *fn, void *arg, struct err *e)
{
	struct err own_err = ERR_INIT;

	return s->drv->read(s, fn, arg, e ? e : &own_err);
}

int store_write(struct store *s, store_fn *fn, void *arg, struct err *e)
{
	struct err own_err = ERR_INIT;

	return s->drv->write(s, fn, arg, e ? e : &own_err);
}

bool tx_writes(const struct tx *tx)
{
	return tx->after != NULL;
}

struct store *tx_store(struct tx *tx)
{
	return tx->s;
}

/* ---- statements ---- */

struct sql *sql_open(struct tx *tx, const char *text)
{
	return tx->s->drv->sql_open(tx, text, false);
}

struct sql *sql_open_once(struct tx *tx, const char *text)
{
	return tx->s->drv->sql_open(tx, text, true);
}

void sql_int(struct sql *q, int param, int64_t v)
{
	q->drv->sql_int(q, param, v);
}

void sql_blob(struct sql *q, int param, struct span v)
{
	q->drv->sql_bytes(q, param, v, false);
}

void sql_text(struct sql *q, int param, struct span v)
{
	q->drv->sql_bytes(q, param, v, true);
}

void sql_null(struct sql *q, int param)
{
	q->drv->sql_bytes(q, param, SPAN_NONE, false);
}

int sql_next(struct sql *q, struct err *e)
{
	return q->drv->sql_next(q, e);
}

int sql_run(struct sql *q, struct err *e)
{
	return q->drv->sql_run(q, e);
}

int64_t sql_col_int(struct sql *q, int col)
{
	return q->drv->sql_col_int(q, col);
}

struct span sql_col(struct sql *q, int col)
{
	return q->drv->sql_col(q, col);
}

bool sql_col_null(struct sql *q, int col)
{
	return q->drv->sql_col_kind(q, col) == 'n';
}

char sql_col_kind(struct sql *q, int col)
{
	return q->drv->sql_col_kind(q, col);
}

int sql_cols(struct sql *q)
{
	return q->drv->sql_cols(q);
}

const char *sql_col_name(struct sql *q, int col)
{
	return q->drv->sql_col_name(q, col);
}

void sql_close(struct sql *q)
{
	if (q && q->tx)
		q->drv->sql_close(q);
}

/* ---- migrations ---- */

/* Drops comment lines at the front; false when a tag there names another driver. */
static bool statement_is_ours(struct span *s, const char *driver)
{
	bool ours = true;

	for (;;) {
		struct span line, rest;

		*s = span_trim(*s);
		if (!span_starts(*s, SPAN("--")))
			return ours && s->n > 0;
		rest = *s;
		line = span_trim(span_cut(&rest, '\n'));
		if (span_eqz(line, "--sqlite") || span_eqz(line, "--postgresql"))
			ours = span_eqz(span_from(line, 2), driver);
		*s = rest;
	}
}

static int run_statement(struct tx *tx, struct span text, struct err *e)
{
	SCOPED_BUF z;
	int rc;

	buf_init(&z, SQL_SCRIPT_MAX);
	buf_add(&z, text);
	if (!buf_addc(&z, '\0'))
		return err_set(e, ERR_TOOBIG, "Internal error", "migration statement too long");
	rc = sql_run(sql_open_once(tx, z.p), e);
	return rc < 0 ? rc : 0;
}

int store_script(struct tx *tx, const char *text, struct err *e)
{
	struct span rest = span_str(text);
	int rc = 0;

	while (rc == 0 && rest.n) {
		ssize_t end = span_find(rest, SPAN(";\n"));
		struct span one = end < 0 ? rest : span_sub(rest, 0, (size_t)end);

		rest = end < 0 ? SPAN_NONE : span_from(rest, (size_t)end + 2);
		if (!statement_is_ours(&one, tx->s->drv->name))
			continue;
		if (one.p[one.n - 1] == ';')
			one.n--;
		rc = run_statement(tx, one, e);
	}
	return rc;
}

struct step {
	const char *part;
	const struct migration *list;
	size_t n;
	size_t number;               /* 1.. */
};

static int run_script(struct tx *tx, void *arg, struct err *e)
{
	return store_script(tx, arg, e);
}

static int check_newest(struct tx *tx, void *arg, struct err *e)
{
	struct step *st = arg;
	SCOPED_SQL q = sql_open(tx, "SELECT number, name FROM store_migration WHERE part = ?1"
		" ORDER BY number DESC LIMIT 1");
	int rc;

	sql_text(q, 1, span_str(st->part));
	rc = sql_next(q, e);
	if (rc > 0 && (uint64_t)sql_col_int(q, 0) > st->n)
		return err_set(e, ERR_DENIED,
			"This store was written by a newer kontor; please start the newer program",
			"store %s has migration %lld (%.*s), this program knows %zu", st->part,
			(long long)sql_col_int(q, 0), SPAN_F(sql_col(q, 1)), st->n);
	return rc < 0 ? rc : 0;
}

static int run_step(struct tx *tx, void *arg, struct err *e)
{
	struct step *st = arg;
	const struct migration *m = &st->list[st->number - 1];
	SCOPED_SQL have = sql_open(tx, "SELECT name FROM store_migration WHERE part = ?1 AND number = ?2");
	struct sql *note;
	int rc;

	sql_text(have, 1, span_str(st->part));
	sql_int(have, 2, (int64_t)st->number);
	rc = sql_next(have, e);
	if (rc > 0 && !span_eqz(sql_col(have, 0), m->name))
		return err_set(e, ERR_DENIED, "This store was written by a different kontor",
			"migration %zu of %s is %.*s here, %s in this program", st->number, st->part,
			SPAN_F(sql_col(have, 0)), m->name);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = store_script(tx, m->sql, e);
	if (rc < 0)
		return rc;
	note = sql_open(tx, "INSERT INTO store_migration (part, number, name, sql) VALUES (?1, ?2, ?3, ?4)");
	sql_text(note, 1, span_str(st->part));
	sql_int(note, 2, (int64_t)st->number);
	sql_text(note, 3, span_str(m->name));
	sql_text(note, 4, span_str(m->sql)); /* store_restore rebuilds the tables from it */
	rc = sql_run(note, e);
	return rc < 0 ? rc : 0;
}

static int migrate(struct store *s, const char *part, const struct migration *list, size_t n, struct err *e)
{
	static const char table[] = "CREATE TABLE IF NOT EXISTS store_migration (part TEXT NOT NULL,"
		" number INTEGER NOT NULL, name TEXT NOT NULL, sql TEXT NOT NULL, PRIMARY KEY (part, number))";
	struct step st = { part, list, n, 0 };
	int rc = store_write(s, run_script, (void *)(uintptr_t)table, e);

	if (rc == 0)
		rc = store_read(s, check_newest, &st, e);
	for (st.number = 1; rc == 0 && st.number <= n; st.number++)
		rc = store_write(s, run_step, &st, e);
	return rc;
}

size_t store_own_migrations(void)
{
	return sizeof(own) / sizeof(own[0]);
}

int store_migrate(struct store *s, const struct migration *list, size_t n, struct err *e)
{
	return migrate(s, "kontor", list, n, e);
}

/* ---- ids: blocks of 2^20, each reserved durably before the first of it is given out ---- */

static int reserve_ids(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "UPDATE store_ids SET next = next + ?1 WHERE one = 1 RETURNING next");
	int rc;

	sql_int(q, 1, ID_BLOCK);
	rc = sql_next(q, e);
	if (rc == 0)
		return err_set(e, ERR_BROKEN, "Internal error", "store_ids is empty");
	if (rc < 0)
		return rc;
	*(uint64_t *)arg = (uint64_t)sql_col_int(q, 0);
	return 0;
}

static int more_ids(struct store *s, struct err *e)
{
	uint64_t end = 0, have = atomic_load(&s->id_end);
	int rc = store_write(s, reserve_ids, &end, e);

	if (rc < 0)
		return rc;
	if (end >= ID_LIMIT || (have && end != have + ID_BLOCK))
		return err_set(e, ERR_BROKEN, "Internal error", "ids run out or another process uses the store");
	if (!have) {
		s->sweep_below = s->sweep_mark = end - ID_BLOCK;
		s->sweep_mark_us = time_mono_us();
		atomic_store(&s->id_next, end - ID_BLOCK);
	}
	atomic_store(&s->id_end, end);
	return 0;
}

uint64_t store_id(struct store *s)
{
	uint64_t id = atomic_fetch_add_explicit(&s->id_next, 1, memory_order_relaxed);
	uint64_t end = atomic_load_explicit(&s->id_end, memory_order_relaxed);

	/* The helper reserves the next block at half of this one: 500,000 ids ahead of need. When the disk
	 * has failed it for so long, a restart is the only honest way on. */
	if (id >= end)
		abort();
	if (id % (ID_BLOCK / 8) == 0 && end - id <= ID_BLOCK / 2)
		store_kick(s);
	return id;
}

uint64_t tx_id(struct tx *tx)
{
	return store_id(tx->s);
}

/* ---- the helper: ids ahead, checkpoints, files nobody needs ---- */

void store_kick(struct store *s)
{
	if (atomic_exchange(&s->kicked, true))
		return;
	pthread_mutex_lock(&s->help_lock);
	pthread_cond_signal(&s->help_cond);
	pthread_mutex_unlock(&s->help_lock);
}

void store_pin(struct store *s, int by)
{
	pthread_mutex_lock(&s->help_lock);
	s->pins += (unsigned)by;
	pthread_mutex_unlock(&s->help_lock);
}

static void bury_due(struct store *s, int64_t now_us)
{
	size_t i = 0;

	while (i < s->ngraves && s->pins == 0 && s->graves[i].due_us <= now_us) {
		char path[40];

		blob_path(s->graves[i].blob_id, path);
		unlinkat(s->dirfd, path, 0); /* what remains after a crash is swept as an orphan */
		i++;
	}
	if (i) {
		s->ngraves -= i;
		memmove(s->graves, s->graves + i, s->ngraves * sizeof(*s->graves));
	}
}

static void *helper_main(void *arg)
{
	struct store *s = arg;

	pthread_mutex_lock(&s->help_lock);
	while (!s->stop) {
		struct timespec until;
		struct err e = ERR_INIT;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec++;
		while (!s->stop && !atomic_load(&s->kicked) &&
			pthread_cond_timedwait(&s->help_cond, &s->help_lock, &until) != ETIMEDOUT)
			;
		atomic_store(&s->kicked, false);
		bury_due(s, time_mono_us());
		pthread_mutex_unlock(&s->help_lock);
		if (atomic_load(&s->id_end) - atomic_load(&s->id_next) <= ID_BLOCK / 2)
			more_ids(s, &e); /* a failure is repeated a second later */
		if (s->drv->tick)
			s->drv->tick(s);
		pthread_mutex_lock(&s->help_lock);
	}
	pthread_mutex_unlock(&s->help_lock);
	return NULL;
}

/* ---- open and close ---- */

static int lock_store(struct store *s, struct err *e)
{
	s->lock_fd = openat(s->dirfd, "store.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return err_set(e, ERR_LATER, "The state directory cannot be written", "store.lock: %s",
			strerror(errno));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, ERR_LATER, "The store is in use by another process", "store.lock: %s",
			strerror(errno));
	return 0;
}

static int start_helper(struct store *s, struct err *e)
{
	if (pthread_create(&s->helper, NULL, helper_main, s) != 0)
		return err_set(e, ERR_LATER, "Temporary shortage, try again later", "no helper thread");
	s->helper_runs = true;
	return 0;
}

static struct store *store_alloc(const struct store_config *c)
{
	struct store *s = calloc(1, sizeof(*s));
	pthread_condattr_t at;

	if (!s)
		abort();
	s->lock_fd = -1;
	s->dirfd = c->dirfd;
	s->readers = c->readers ? c->readers : 1;
	s->url = strdup(c->url);
	s->dir = strdup(c->dir ? c->dir : ".");
	if (!s->url || !s->dir)
		abort();
	pthread_mutex_init(&s->feed_lock, NULL);
	pthread_mutex_init(&s->help_lock, NULL);
	pthread_mutex_init(&s->sweep_lock, NULL);
	pthread_condattr_init(&at);
	pthread_condattr_setclock(&at, CLOCK_MONOTONIC);
	pthread_cond_init(&s->help_cond, &at);
	pthread_condattr_destroy(&at);
	return s;
}

int store_open(const struct store_config *c, struct store **out, struct err *e)
{
	struct err own_err = ERR_INIT;
	struct store *s = store_alloc(c);
	int rc;

	e = e ? e : &own_err;
	*out = NULL;
	if (strcmp(c->url, "sqlite") == 0)
		s->drv = &sqlite_driver;
	else if (strncmp(c->url, "postgresql:", 11) == 0 || strncmp(c->url, "postgres:", 9) == 0)
		s->drv = &pgsql_driver;
	rc = s->drv ? lock_store(s, e) :
		err_set(e, ERR_PARAM, "store = sqlite or postgresql://...", "store: no such kind");
	if (rc == 0)
		rc = s->drv->open(s, e);
	if (rc == 0)
		rc = migrate(s, "store", own, store_own_migrations(), e);
	if (rc == 0)
		rc = more_ids(s, e);
	if (rc == 0)
		rc = start_helper(s, e);
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->helper_runs) {
		pthread_mutex_lock(&s->help_lock);
		s->stop = true;
		pthread_cond_signal(&s->help_cond);
		pthread_mutex_unlock(&s->help_lock);
		pthread_join(s->helper, NULL);
	}
	bury_due(s, INT64_MAX);
	if (s->d)
		s->drv->close(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	pthread_mutex_destroy(&s->feed_lock);
	pthread_mutex_destroy(&s->help_lock);
	pthread_cond_destroy(&s->help_cond);
	free(s->graves);
	free(s->url);
	free(s->dir);
	free(s);
}
