/* store_impl.h - what store.c, the two drivers, blobs, check and backup share; nobody outside this folder.
 *
 * A driver runs functions in transactions and statements in connections. `struct sql` and the
 * connections are the driver's own (the common part first). Everything a transaction wants to happen after
 * its commit (changes to publish, blob files to delete) is collected in `struct after`, and cut back to
 * the mark when its function fails. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "store/store.h"

/* Effects of committed functions, in commit order. */
struct after {
	struct change *changes;
	size_t nchanges, changes_cap;
	uint64_t *graves;             /* ids of blob files nobody refers to any more */
	size_t ngraves, graves_cap;
};
struct after_mark {
	size_t nchanges, ngraves;
};
struct after_mark after_here(const struct after *a);
void after_cut(struct after *a, struct after_mark m);
void after_fini(struct after *a);
/* Publishes and buries what was collected, and empties it. */
void after_commit(struct store *s, struct after *a);

struct tx {
	struct store *s;
	void *conn;                   /* the driver's connection */
	struct after *after;          /* NULL in a read */
	struct err failed;            /* first failed statement: the function cannot succeed any more */
	unsigned open;                /* statements not yet closed */
};

struct sql {
	const struct driver *drv;
	struct tx *tx;                /* NULL when not in use */
	const char *text;
	struct sql *next;             /* same bucket of the connection's cache */
	bool once;                    /* not cached: freed by sql_close */
};

struct driver {
	const char *name;             /* the tag of its statements in migrations */
	int (*open)(struct store *s, struct err *e);
	void (*close)(struct store *s);
	int (*read)(struct store *s, store_fn *fn, void *arg, struct err *e);
	int (*write)(struct store *s, store_fn *fn, void *arg, struct err *e);
	void (*tick)(struct store *s);                /* helper thread, about once a second or when kicked */
	/* The data base's own integrity check. */
	int (*verify)(struct tx *tx, void (*say)(void *arg, const char *problem), void *arg, uint64_t *problems,
		struct err *e);
	const char *tables_sql;       /* names of all tables, one row each, sorted */
	/* once: not cached, and (PostgreSQL) rows are streamed: nothing else may run until it is closed. */
	struct sql *(*sql_open)(struct tx *tx, const char *text, bool once);
	void (*sql_int)(struct sql *q, int param, int64_t v);
	void (*sql_bytes)(struct sql *q, int param, struct span v, bool text);
	int (*sql_next)(struct sql *q, struct err *e);
	int (*sql_run)(struct sql *q, struct err *e);
	int64_t (*sql_col_int)(struct sql *q, int col);
	struct span (*sql_col)(struct sql *q, int col);
	char (*sql_col_kind)(struct sql *q, int col);   /* 'i', 'b', 't' or 'n' for NULL */
	int (*sql_cols)(struct sql *q);                 /* after the first sql_next, rows or not */
	const char *(*sql_col_name)(struct sql *q, int col);
	void (*sql_close)(struct sql *q);
};
extern const struct driver sqlite_driver, pgsql_driver;

struct grave {
	uint64_t blob_id;
	int64_t due_us;               /* monotonic */
};

struct store {
	const struct driver *drv;
	void *d;                      /* the driver's state */
	char *url, *dir;
	int dirfd, lock_fd;
	unsigned readers;

	_Atomic uint64_t id_next;
	_Atomic uint64_t id_end;      /* ids below are reserved durably */
	pthread_mutex_t sweep_lock;   /* the next three: blob_sweep.c */
	uint64_t sweep_below, sweep_mark;
	int64_t sweep_mark_us;

	pthread_mutex_t feed_lock;
	void (*feed_fn)(void *arg, const struct change *c, size_t n);
	void *feed_arg;

	pthread_mutex_t help_lock;    /* graves, the helper's flags */
	pthread_cond_t help_cond;
	pthread_t helper;
	bool helper_runs, stop;
	_Atomic bool kicked;
	struct grave *graves;
	size_t ngraves, graves_cap;
	unsigned pins;                /* backups: no file is deleted meanwhile */

	_Atomic uint64_t dirs_made[4];  /* blobs/xx known to exist, one bit each */
};

void store_kick(struct store *s);             /* wake the helper now */
void store_pin(struct store *s, int by);      /* +1: keep deleted blob files, -1 */
void tx_bury(struct tx *tx, uint64_t blob_id);
/* Runs fn, and makes a failed statement the function's failure. err is cleared before. */
int tx_run(struct tx *tx, store_fn *fn, void *arg, struct err *e);
/* Records e in the transaction and returns its class. */
int tx_fail(struct tx *tx, struct err *e);
struct sql *sql_open_once(struct tx *tx, const char *text);
char sql_col_kind(struct sql *q, int col);
int sql_cols(struct sql *q);
const char *sql_col_name(struct sql *q, int col);
/* Runs the statements of a migration text that are meant for this driver. */
int store_script(struct tx *tx, const char *text, struct err *e);

/* blob_file.c: files under blobs/ */
struct blob_draft {
	int fd;
	char path[40], tmp[48];
};
void blob_path(uint64_t id, char out[40]);
int blob_draft_open(struct store *s, uint64_t id, struct blob_draft *d, struct err *e);
int blob_draft_put(struct blob_draft *d, struct span s, uint64_t at, struct err *e);
/* Durable under its own name, or gone. rc: how the writing went; returned when it was a failure. */
int blob_draft_close(struct store *s, struct blob_draft *d, int rc, struct err *e);

/* check.c: names of all tables, into the arena */
int store_tables(struct tx *tx, struct arena *a, struct span **names_out, size_t *n_out, struct err *e);
/* The newest number in the store's own list of migrations. */
size_t store_own_migrations(void);
