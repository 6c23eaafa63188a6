/* store.h - transactions over SQLite or PostgreSQL; the same SQL text runs on both.
 *
 * Reads run in parallel on pooled connections (one snapshot per call). Writes go through the commit queue:
 * a leader runs the waiting functions one after the other, each in a savepoint, commits them as one
 * durable transaction (synchronous=FULL), and only then store_write returns (PostgreSQL: the caller's own
 * connection, retried on 40001/40P01). So fn's only effects may be the transaction and memory its
 * arg owns, and it may be run again: start from scratch on every call. Heavy work (parsing, sealing,
 * blob_stage) belongs before store_write.
 *
 * SQL dialect: portable subset; parameters ?1 ?2 …; ON CONFLICT, RETURNING allowed; types in migrations are
 * written INTEGER (64 bit on both), BLOB (bytea), TEXT. Ids come from store_id(), never from the database.
 * Not portable: INSERT OR ..., max(a, b), truth of an integer (write `<> 0`), LIKE on sealed columns.
 * A failed statement fails the function, even when it returns 0 (PostgreSQL cannot go on after one):
 * what may exist is written with ON CONFLICT ... DO NOTHING or DO UPDATE and the rows counted.
 * Values: int for INTEGER, blob for BLOB, text for TEXT (UTF-8 without NUL; strangers' bytes are BLOBs).
 * No foreign keys (restore loads table by table). Every statement is closed when fn returns: SCOPED_SQL
 * (asserted). No store_write inside a store_write or a subscriber (asserted).
 * On PostgreSQL sql_next holds the whole result: bound what you select (LIMIT, key ranges).
 * Errors: ERR_LATER (disk full, locked, read-only, connection lost), ERR_EXISTS (unique), ERR_BROKEN.
 * Not good for: sharing one tx between threads; holding a read open while a client is slow (use MORE). */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

struct store;
struct tx;
struct sql;

struct store_config {
	const char *url;          /* "sqlite" or "postgresql://…" */
	int dirfd;                /* state directory: kontor.db, blobs/ */
	const char *dir;          /* its path, for SQLite */
	unsigned readers;         /* pooled read connections */
};

int store_open(const struct store_config *c, struct store **out, struct err *e);
void store_close(struct store *s);            /* when no call runs any more; NULL is fine */
/* Migrations are numbered from 1, run in one transaction each; a newer store is refused (ERR_DENIED), and
 * one whose recorded names differ. A statement below a line `--sqlite` or `--postgresql` is for that one only. */
struct migration {
	const char *name;         /* "0001_org"; never changed once released */
	const char *sql;          /* statements separated by ";\n" */
};
int store_migrate(struct store *s, const struct migration *list, size_t n, struct err *e);

typedef int store_fn(struct tx *tx, void *arg, struct err *e);
int store_read(struct store *s, store_fn *fn, void *arg, struct err *e);
int store_write(struct store *s, store_fn *fn, void *arg, struct err *e);

/* Unique, increasing id from 1024 up, below 2^53 (exact in JSON), never reused whatever the clock does:
 * blocks of 2^20 are reserved durably ahead of need, the rest of a block is lost at a restart. */
uint64_t store_id(struct store *s);
uint64_t tx_id(struct tx *tx);
struct store *tx_store(struct tx *tx);
bool tx_writes(const struct tx *tx);          /* a write: what it reads may yet be undone */

/* Statements are cached per connection by their text's address: pass string literals only. */
struct sql *sql_open(struct tx *tx, const char *text);
void sql_int(struct sql *q, int param, int64_t v);
void sql_blob(struct sql *q, int param, struct span v);      /* p == NULL binds NULL; copied or kept till sql_close */
void sql_text(struct sql *q, int param, struct span v);
void sql_null(struct sql *q, int param);
int sql_next(struct sql *q, struct err *e);                  /* 1 a row, 0 no more, <0 error */
int sql_run(struct sql *q, struct err *e);                   /* to the end, rows ignored, closed; rows changed or <0 */
int64_t sql_col_int(struct sql *q, int col);                 /* columns from 0 */
struct span sql_col(struct sql *q, int col);                 /* blob or text; valid till sql_next/sql_close */
bool sql_col_null(struct sql *q, int col);
void sql_close(struct sql *q);                               /* resets and gives back; NULL is fine */
static inline void sql_cleanup(struct sql **q)
{
	sql_close(*q);
}
#define SCOPED_SQL __attribute__((cleanup(sql_cleanup))) struct sql *

/* Change feed: collected while fn runs, handed to the subscriber after the commit, in commit order. */
struct change {
	uint64_t account_id, object_id;   /* e.g. mailbox id */
	uint32_t kind;                    /* FEED_* */
	uint64_t number;                  /* e.g. modseq */
};
enum { FEED_MAILBOX = 1, FEED_MAILBOX_LIST, FEED_QUEUE, FEED_ORG,
	FEED_INDEX /* the search index is wanted now */ };
void tx_publish(struct tx *tx, struct change c);
void store_subscribe(struct store *s, void (*fn)(void *arg, const struct change *c, size_t n), void *arg);

/* Every statement and blob file re-read and checked; problems counted, each given to say(). */
int store_check(struct store *s, void (*say)(void *arg, const char *problem), void *arg,
	uint64_t *problems_out, struct err *e);
/* A consistent copy (still sealed) of database and blobs as one stream (backup.h) on fd while running; it may
 * be restored into either kind of store. On SQLite the log grows while it runs. restore: ERR_SYNTAX cut off
 * or altered, ERR_EXISTS target not empty, ERR_DENIED written by a newer kontor; all or nothing. */
int store_backup(struct store *s, int fd, struct err *e);
int store_restore(const struct store_config *into, int fd, struct err *e);
