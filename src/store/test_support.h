/* test_support.h - a throwaway state directory and store for the tests of this folder. */
#pragma once
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "store/store.h"

struct place {
	char dir[64];
	int dirfd;
	const char *url;
	struct store_config config;
};

extern const char *test_url;                    /* "sqlite" or the PostgreSQL URL under test */
void place_new(struct place *p);                /* empty directory; on PostgreSQL an empty schema too */
void place_free(struct place *p);
struct store *place_open(struct place *p);      /* fails the test when it cannot */
/* One statement without parameters in a write of its own; class or rows changed. */
int do_sql(struct store *s, const char *text, struct err *e);
int64_t ask_int(struct store *s, const char *text);
bool on_pg(void);
const char *test_pg(void);                      /* PostgreSQL under test, or NULL */
/* Runs the group on SQLite, and again on PostgreSQL when KONTOR_TEST_PG holds a URL. */
int run_both(const char *name, int (*group)(const char *name));
