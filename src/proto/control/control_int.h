/* control_int.h - what a command's function works with. */
#pragma once
#include <jansson.h>
#include "base/arena.h"
#include "base/err.h"
#include "bus/call.h"
#include "domain/org/org.h"
#include "proto/control/control.h"

struct control {
	struct call *call;
	struct org *org;
	struct arena *arena;
	json_t *args;         /* checked against the table */
	json_t *result;       /* an empty object at first; control_result replaces it */
};

/* Arguments. Absent: none, fallback. */
bool control_has(const struct control *c, const char *name);
struct span control_text(const struct control *c, const char *name);
int control_number(const struct control *c, const char *name, uint64_t fallback, uint64_t max, uint64_t *out,
	struct err *e);
int control_size(const struct control *c, const char *name, uint64_t fallback, uint64_t *out, struct err *e);
int control_date(const struct control *c, const char *name, int64_t fallback, int64_t *sec_out, struct err *e);
void control_many(const struct control *c, const char *name, struct span **out, size_t *n_out);

/* Result. Times are written as local "2026-03-01T00:00:00+0100"; 0 gives null. */
void control_result(struct control *c, json_t *value);
json_t *control_span(struct span s);
void control_put(json_t *o, const char *key, struct span s);
void control_put_int(json_t *o, const char *key, uint64_t v);
void control_put_time(json_t *o, const char *key, int64_t sec);

/* "1,2,4" names of bits: table ends with NULL name. */
struct control_bit {
	const char *name;
	uint32_t bit;
};
int control_bits(const struct control *c, const char *name, const struct control_bit *table, uint32_t fallback,
	uint32_t *out, struct err *e);
json_t *control_bit_names(const struct control_bit *table, uint32_t bits);

/* What several nouns need. */
struct account;
int control_account(struct control *c, struct tx *tx, struct span address, struct account *out, struct err *e);
/* Chapter id by code or name; none: the root. */
int control_chapter(struct control *c, struct tx *tx, const char *name, uint64_t *id_out, struct err *e);
const char *control_kind_name(int account_kind);
json_t *control_account_row(const struct account *a);
