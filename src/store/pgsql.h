/* pgsql.h - between pgsql.c (connections, transactions) and pgsql_stmt.c (statements). */
#pragma once
#include <libpq-fe.h>
#include "store/store_impl.h"

#define PG_BUCKETS 256

struct pg_conn {
	PGconn *db;
	const char *begin;            /* text to open the transaction with the first statement */
	bool begun, lost, retry;      /* retry: 40001 or 40P01 was seen */
	unsigned next_name;
	struct sql *cache[PG_BUCKETS];
};

/* Fills e from a result (or the connection when res is NULL); notes lost and retry. */
int pg_fail(struct pg_conn *c, const PGresult *res, const char *what, struct err *e);
void pg_cache_free(struct pg_conn *c);

struct sql *pg_sql_open(struct tx *tx, const char *text, bool once);
void pg_sql_int(struct sql *q, int param, int64_t v);
void pg_sql_bytes(struct sql *q, int param, struct span v, bool text);
int pg_sql_next(struct sql *q, struct err *e);
int pg_sql_run(struct sql *q, struct err *e);
int64_t pg_sql_col_int(struct sql *q, int col);
struct span pg_sql_col(struct sql *q, int col);
char pg_sql_col_kind(struct sql *q, int col);
int pg_sql_cols(struct sql *q);
const char *pg_sql_col_name(struct sql *q, int col);
void pg_sql_close(struct sql *q);
