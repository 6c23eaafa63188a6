/* script.h - an account's Sieve scripts: stored sealed, at most one active, compiled once.
 *
 * Names are UTF-8 without control characters, at most SCRIPT_NAME_MAX octets. What is stored has been compiled before
 * (script_check), and is compiled again when it is used first or has changed; compiled ones are shared by all deliveries
 * (script_cache). Errors: ERR_MISSING, ERR_EXISTS, ERR_LIMIT (count, octets), ERR_DENIED (the active one cannot be
 * removed), ERR_PARAM (name), ERR_SYNTAX (text; *why says where). Source: RFC 5804 section 1.6, 2. Not good for: running
 * them (filter.h). */
#pragma once
#include "codec/sieve/sieve.h"
#include "domain/org/org.h"

#define SCRIPT_MAX 100
#define SCRIPT_NAME_MAX 512
#define SCRIPT_BYTES_MAX 262144u         /* one */
#define SCRIPT_TOTAL_MAX 1048576u        /* all of an account */

struct script_row {
	uint64_t id, size;
	struct span name;
	bool active;
};
int script_list(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct script_row **out, size_t *n_out,
	struct err *e);
int script_get(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span name, struct span *text_out,
	struct err *e);
/* Pure. ERR_SYNTAX, ERR_TOOBIG: why is a sentence with line and column, in the arena. */
int script_check(struct arena *a, struct span text, struct span *why_out, struct err *e);
/* Room for a script of this name and size? */
int script_room(struct org *o, struct tx *tx, uint64_t account_id, struct span name, uint64_t size, struct err *e);
int script_put(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span name, struct span text, struct err *e);
/* None: no script is active any more. */
int script_activate(struct org *o, struct tx *tx, uint64_t account_id, struct span name_or_none, struct err *e);
int script_remove(struct org *o, struct tx *tx, uint64_t account_id, struct span name, struct err *e);
int script_rename(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span from, struct span to, struct err *e);

/* Compiled scripts, process-wide and thread-safe. A script got is held until script_put_back. */
struct script_cache;
struct script_use {
	const struct sieve_script *script;
	void *entry;
};
struct script_cache *script_cache_new(void);
void script_cache_free(struct script_cache *c);
/* What delivery asks first: one row, nothing for accounts without a script. 1 active, 0 none. sent: mails its scripts
 * have sent today. */
struct script_active {
	uint64_t id, changed;
	unsigned sent;
};
int script_active(struct tx *tx, uint64_t account_id, int64_t now_sec, struct script_active *out, struct err *e);
/* The same for one by its name. Has the account scripts at all? 1, 0. */
int script_for_event(struct org *o, struct tx *tx, uint64_t account_id, struct span name, int64_t now_sec, struct script_active *out,
	struct err *e);
int script_any(struct tx *tx, uint64_t account_id, struct err *e);
int script_use(struct script_cache *c, struct org *o, struct tx *tx, uint64_t account_id, uint64_t script_id, uint64_t changed,
	struct script_use *out, struct err *e);
/* include: 1, 0 when there is no script of this name. */
int script_use_name(struct script_cache *c, struct org *o, struct tx *tx, uint64_t account_id, struct span name,
	struct script_use *out, struct err *e);
void script_put_back(struct script_cache *c, struct script_use *u);
/* Steps an account's scripts have used: added up over an hour, whatever script it was. False: used up. */
bool script_may_run(struct script_cache *c, uint64_t account_id, int64_t now_sec);
void script_ran(struct script_cache *c, uint64_t account_id, int64_t now_sec, uint64_t steps);

/* Seen ids (duplicate) and answered senders (vacation), by keyed hash. */
enum script_memory { SCRIPT_DUPLICATE = 1, SCRIPT_VACATION = 2 };
int script_remembers(struct org *o, struct tx *tx, uint64_t account_id, enum script_memory kind, struct span id, int64_t now_sec,
	struct err *e);          /* 1, 0 */
/* 1: noted; 0: it was there already (then its time is lengthened when `last`). */
int script_remember(struct org *o, struct tx *tx, uint64_t account_id, enum script_memory kind, struct span id, int64_t now_sec,
	int64_t seconds, bool last, struct err *e);
int script_count_sent(struct tx *tx, uint64_t account_id, int64_t now_sec, unsigned n, struct err *e);
