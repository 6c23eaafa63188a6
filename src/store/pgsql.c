/* PostgreSQL: every call on a pooled connection of its own. Writes are SERIALIZABLE and run again on 40001 and
 * 40P01, because the domain is written for a single writer: read a row, compute, update. */
#include "store/pgsql.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/time.h"

#define TRIES 10
#define TRIES_POLITE 3
#define TRIES_LOST 2                 /* a restarted server is found again, an absent one is not waited for */
#define WRITERS 16
#define STRIPES 64

#define BEGIN_READ "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
#define BEGIN_WRITE "BEGIN ISOLATION LEVEL SERIALIZABLE"

struct pg {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct pg_conn **idle;
	unsigned nidle, nopen, max;
	/* Held from before a commit until its changes are published, so that the changes of one account
	 * come in commit order while others commit at the same time. */
	pthread_mutex_t stripes[STRIPES];
	/* Shared by writers; a writer that has lost the race too often takes it alone and must win. */
	pthread_rwlock_t writing;
};

static int classify(const char *state, bool writes)
{
	static const char *const later[] = { "08", "53", "57", "58", "55", "25006" };

	if (strcmp(state, "23505") == 0)
		return ERR_EXISTS;
	if (!writes && strcmp(state, "25006") == 0)
		return ERR_BROKEN; /* a write inside store_read: our bug; else a standby server */
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if (strncmp(state, later[i], strlen(later[i])) == 0)
			return ERR_LATER;
	return ERR_BROKEN;
}

int pg_fail(struct pg_conn *c, const PGresult *res, const char *what, struct err *e)
{
	const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	const char *msg = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;

	if (PQstatus(c->db) != CONNECTION_OK || !state) {
		c->lost = true;
		return err_set(e, ERR_LATER, "The store is away, try again later", "postgresql %s: %.200s", what,
			PQerrorMessage(c->db));
	}
	if (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0) {
		c->retry = true;
		return err_set(e, ERR_LATER, "Many changes at once, try again", "postgresql %s: %s %s", what, state,
			msg ? msg : "");
	}
	switch (classify(state, c->begin && strcmp(c->begin, BEGIN_WRITE) == 0)) {
	case ERR_EXISTS:
		return err_set(e, ERR_EXISTS, "It exists already", "postgresql %s: %s", what, msg ? msg : state);
	case ERR_LATER:
		return err_set(e, ERR_LATER, "The store cannot do this now, try again later",
			"postgresql %s: %s %s", what, state, msg ? msg : "");
	default:
		return err_set(e, ERR_BROKEN, "Internal error", "postgresql %s: %s %s", what, state,
			msg ? msg : "");
	}
}

/* ---- connections ---- */

static void no_notices(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

static void conn_free(struct pg_conn *c)
{
	pg_cache_free(c);
	PQfinish(c->db);
	free(c);
}

static struct pg_conn *conn_open(struct store *s, struct err *e)
{
	const char *const keys[] = { "connect_timeout", "tcp_user_timeout", "application_name", "dbname",
		"client_encoding", NULL };
	const char *const values[] = { "5", "30000", "kontor", s->url, "UTF8", NULL };
	struct pg_conn *c = calloc(1, sizeof(*c));
	PGresult *res;

	if (!c)
		abort();
	c->db = PQconnectdbParams(keys, values, 1);
	if (PQstatus(c->db) != CONNECTION_OK) {
		pg_fail(c, NULL, "connect", e);
		conn_free(c);
		return NULL;
	}
	PQsetNoticeProcessor(c->db, no_notices, NULL);
	/* What was acknowledged is on disk, whatever the server's default says. */
	res = PQexec(c->db, "SELECT set_config('synchronous_commit', 'on', false)"
		" WHERE current_setting('synchronous_commit') = 'off'");
	if (PQresultStatus(res) != PGRES_TUPLES_OK) {
		pg_fail(c, res, "connect", e);
		PQclear(res);
		conn_free(c);
		return NULL;
	}
	PQclear(res);
	return c;
}

static struct pg_conn *take_conn(struct store *s, struct err *e)
{
	struct pg *p = s->d;
	struct pg_conn *c = NULL;

	pthread_mutex_lock(&p->lock);
	while (p->nidle == 0 && p->nopen >= p->max)
		pthread_cond_wait(&p->cond, &p->lock);
	if (p->nidle)
		c = p->idle[--p->nidle];
	else
		p->nopen++;
	pthread_mutex_unlock(&p->lock);
	if (c || (c = conn_open(s, e)))
		return c;
	pthread_mutex_lock(&p->lock);
	p->nopen--;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* When one connection was lost, the idle ones most likely are, too. */
static void give_conn(struct store *s, struct pg_conn *c)
{
	struct pg *p = s->d;

	pthread_mutex_lock(&p->lock);
	if (!c->lost) {
		p->idle[p->nidle++] = c;
	} else {
		conn_free(c);
		p->nopen--;
		while (p->nidle) {
			conn_free(p->idle[--p->nidle]);
			p->nopen--;
		}
		pthread_cond_broadcast(&p->cond);
	}
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->lock);
}

/* ---- transactions ---- */

static void roll_back(struct pg_conn *c)
{
	struct err ignored = ERR_INIT;
	PGresult *res;

	if (!c->begun || c->lost)
		return;
	res = PQexec(c->db, "ROLLBACK");
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		pg_fail(c, res, "rollback", &ignored);
	PQclear(res);
}

static int commit_now(struct pg_conn *c, struct err *e)
{
	PGresult *res;
	int rc = 0;

	if (!c->begun)
		return 0;
	res = PQexec(c->db, "COMMIT");
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		rc = pg_fail(c, res, "commit", e);
	else if (strcmp(PQcmdStatus(res), "COMMIT") != 0)
		rc = err_set(e, ERR_BROKEN, "Internal error", "postgresql commit: %s", PQcmdStatus(res));
	PQclear(res);
	return rc;
}

static int commit_and_publish(struct store *s, struct pg_conn *c, struct after *after, struct err *e)
{
	struct pg *p = s->d;
	uint64_t mask = 0;
	int rc;

	for (size_t i = 0; i < after->nchanges; i++)
		mask |= 1ULL << after->changes[i].account_id % STRIPES;
	for (unsigned i = 0; i < STRIPES; i++)
		if (mask & 1ULL << i)
			pthread_mutex_lock(&p->stripes[i]);
	rc = commit_now(c, e);
	if (rc == 0)
		after_commit(s, after);
	for (unsigned i = 0; i < STRIPES; i++)
		if (mask & 1ULL << i)
			pthread_mutex_unlock(&p->stripes[i]);
	return rc;
}

/* One try. *again: the function may be run once more. */
static int attempt(struct store *s, const char *begin, store_fn *fn, void *arg, struct after *after, bool *again,
	bool *lost, struct err *e)
{
	struct pg_conn *c;
	struct tx tx = { .s = s, .after = after };
	int rc;

	*again = *lost = false;
	err_clear(e);
	c = take_conn(s, e);
	if (!c)
		return e->code;
	tx.conn = c;
	c->begin = begin;
	c->begun = c->retry = false;
	rc = tx_run(&tx, fn, arg, e);
	if (rc >= 0) {
		struct err ce = ERR_INIT;
		int committed = after ? commit_and_publish(s, c, after, &ce) : commit_now(c, &ce);

		/* A connection lost in COMMIT leaves the outcome open: not run again, and not acknowledged. */
		*again = committed < 0 && c->retry && !c->lost;
		if (committed < 0) {
			*e = ce;
			rc = committed;
		}
	} else {
		roll_back(c);
		*again = c->retry || c->lost;
		*lost = c->lost;
	}
	give_conn(s, c);
	return rc;
}

static void pause_before(unsigned try)
{
	uint64_t most_us = 1000ULL << (try < 6 ? try : 6);
	uint64_t us = random_u64() % most_us;
	struct timespec t = { 0, (long)us * 1000 };

	nanosleep(&t, NULL);
}

static int run(struct store *s, const char *begin, store_fn *fn, void *arg, struct after *after, struct err *e)
{
	struct pg *p = s->d;
	unsigned lost_n = 0;
	bool again, lost;
	int rc = 0;

	for (unsigned try = 0; try < TRIES; try++) {
		if (try)
			pause_before(try);
		if (after && try < TRIES_POLITE)
			pthread_rwlock_rdlock(&p->writing);
		else if (after)
			pthread_rwlock_wrlock(&p->writing);
		rc = attempt(s, begin, fn, arg, after, &again, &lost, e);
		if (after)
			pthread_rwlock_unlock(&p->writing);
		if (after && rc < 0)
			after_cut(after, (struct after_mark){ 0, 0 });
		if (!again || (lost && ++lost_n >= TRIES_LOST))
			break;
	}
	return rc;
}

static int pg_read(struct store *s, store_fn *fn, void *arg, struct err *e)
{
	return run(s, BEGIN_READ, fn, arg, NULL, e);
}

static int pg_write(struct store *s, store_fn *fn, void *arg, struct err *e)
{
	struct after after = { 0 };
	int rc = run(s, BEGIN_WRITE, fn, arg, &after, e);

	after_fini(&after);
	return rc;
}

/* ---- open, close, verify ---- */

static int pg_open(struct store *s, struct err *e)
{
	struct pg *p = calloc(1, sizeof(*p));
	pthread_rwlockattr_t at;
	struct pg_conn *c;

	if (!p)
		abort();
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->cond, NULL);
	for (size_t i = 0; i < STRIPES; i++)
		pthread_mutex_init(&p->stripes[i], NULL);
	pthread_rwlockattr_init(&at);
	pthread_rwlockattr_setkind_np(&at, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&p->writing, &at);
	pthread_rwlockattr_destroy(&at);
	p->max = s->readers + WRITERS;
	p->idle = calloc(p->max, sizeof(struct pg_conn *));
	if (!p->idle)
		abort();
	s->d = p;
	c = take_conn(s, e);
	if (!c)
		return e->code;
	give_conn(s, c);
	return 0;
}

static void pg_close(struct store *s)
{
	struct pg *p = s->d;

	while (p->nidle)
		conn_free(p->idle[--p->nidle]);
	for (size_t i = 0; i < STRIPES; i++)
		pthread_mutex_destroy(&p->stripes[i]);
	pthread_rwlock_destroy(&p->writing);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->cond);
	free(p->idle);
	free(p);
}

/* Indexes against tables where the administrator has installed amcheck; every row is read anyway, which
 * checks the page sums where the cluster has them. */
static int pg_verify(struct tx *tx, void (*say)(void *arg, const char *problem), void *arg, uint64_t *problems,
	struct err *e)
{
	struct err found = ERR_INIT;
	SCOPED_SQL have = sql_open(tx, "SELECT 1 FROM pg_extension WHERE extname = 'amcheck'");
	int rc = sql_next(have, e);

	if (rc <= 0)
		return rc;
	rc = sql_run(sql_open(tx, "SELECT bt_index_check(i.indexrelid, true) FROM pg_index i"
		" JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
		" WHERE a.amname = 'btree' AND i.indisvalid"
		" AND c.relnamespace = current_schema()::regnamespace"), &found);
	if (rc >= 0)
		return 0;
	if (found.code != ERR_BROKEN)
		return err_set(e, found.code, found.say, "%s", found.log);
	say(arg, found.log);
	++*problems;
	return err_set(e, ERR_BROKEN, "An index is damaged", "%s", found.log);
}

const struct driver pgsql_driver = {
	.name = "postgresql",
	.open = pg_open,
	.close = pg_close,
	.read = pg_read,
	.write = pg_write,
	.verify = pg_verify,
	.tables_sql = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
		" ORDER BY tablename COLLATE \"C\"",
	.sql_open = pg_sql_open,
	.sql_int = pg_sql_int,
	.sql_bytes = pg_sql_bytes,
	.sql_next = pg_sql_next,
	.sql_run = pg_sql_run,
	.sql_col_int = pg_sql_col_int,
	.sql_col = pg_sql_col,
	.sql_col_kind = pg_sql_col_kind,
	.sql_cols = pg_sql_cols,
	.sql_col_name = pg_sql_col_name,
	.sql_close = pg_sql_close,
};
