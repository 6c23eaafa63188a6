/* sqlite.h - between sqlite.c (connections, statements) and sqlite_queue.c (who writes when). */
#pragma once
#include <sqlite3.h>
#include "store/store_impl.h"

#define SQLITE_BUCKETS 256

struct lite_conn {
	sqlite3 *db;
	bool writer;
	struct sql *cache[SQLITE_BUCKETS];
	sqlite3_stmt *begin, *commit, *rollback, *savepoint, *release, *undo;
};

/* One call waiting for its turn; lives on its caller's stack. */
struct member {
	store_fn *fn;
	void *arg;
	struct err *e;
	int rc;
	unsigned tries;
	int (*solo)(struct store *s, struct lite_conn *c, struct err *e);  /* instead of fn: alone, no transaction */
	_Atomic uint32_t state;
	struct member *next;
};

struct lite {
	struct lite_conn *writer;     /* belongs to the leader */
	pthread_mutex_t lock;
	struct member *head, **tail;
	bool led;
	struct after after;

	pthread_mutex_t pool_lock;
	pthread_cond_t pool_cond;
	struct lite_conn **idle;      /* `readers` places */
	unsigned nidle, nopen;

	struct lite_conn *checkpointer;
	_Atomic int wal_pages;        /* length of the log after the last commit */
	_Atomic bool wal_due;
	int kick_at;                  /* the leader's: length at which the helper is woken */
};

struct lite_conn *lite_conn_open(struct store *s, bool writer, struct err *e);
void lite_conn_close(struct lite_conn *c);
int lite_fail(struct lite_conn *c, int rc, const char *what, struct err *e);
int lite_step(struct lite_conn *c, sqlite3_stmt *st, const char *what, struct err *e);
int lite_write(struct store *s, store_fn *fn, void *arg, struct err *e);
int lite_solo(struct store *s, int (*solo)(struct store *, struct lite_conn *, struct err *), struct err *e);
