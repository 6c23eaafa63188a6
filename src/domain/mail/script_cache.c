/* script_cache.c - compiled scripts, shared; and how much of the processor each account's scripts have had. */
#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>
#include "domain/mail/mail_impl.h"
#include "domain/mail/script.h"

#define CACHE_BYTES (64u << 20)
#define HOUR_SEC 3600
#define STEPS_PER_HOUR 50000000ull    /* about a minute of one processor */

struct entry {
	uint64_t id, changed;
	unsigned refs;                 /* the cache's own, while it is in the table, is one */
	bool listed;
	struct arena *arena;
	struct sieve_script *script;
	size_t bytes;
	UT_hash_handle hh;
};
struct account_steps {
	uint64_t account_id, steps;
	int64_t hour;
	UT_hash_handle hh;
};
struct script_cache {
	pthread_mutex_t lock;
	struct entry *entries;         /* in order of use: the head is the oldest */
	size_t bytes;
	struct account_steps *steps;
};

struct script_cache *script_cache_new(void)
{
	struct script_cache *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

static void entry_unref(struct entry *x)
{
	if (--x->refs)
		return;
	arena_free(x->arena);
	free(x);
}

static void entry_unlist(struct script_cache *c, struct entry *x)
{
	HASH_DEL(c->entries, x);
	c->bytes -= x->bytes;
	x->listed = false;
	entry_unref(x);
}

void script_cache_free(struct script_cache *c)
{
	struct entry *x, *tmp;
	struct account_steps *s, *next;

	HASH_ITER(hh, c->entries, x, tmp)
		entry_unlist(c, x);
	HASH_ITER(hh, c->steps, s, next) {
		HASH_DEL(c->steps, s);
		free(s);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static bool take(struct script_cache *c, uint64_t id, uint64_t changed, struct script_use *out)
{
	struct entry *x;

	pthread_mutex_lock(&c->lock);
	HASH_FIND(hh, c->entries, &id, sizeof(id), x);
	if (x && x->changed == changed) {
		HASH_DEL(c->entries, x);       /* to the end: used last */
		HASH_ADD(hh, c->entries, id, sizeof(x->id), x);
		x->refs++;
		*out = (struct script_use){ x->script, x };
	} else {
		x = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	return x != NULL;
}

static void list(struct script_cache *c, struct entry *x)
{
	struct entry *old;

	pthread_mutex_lock(&c->lock);
	HASH_FIND(hh, c->entries, &x->id, sizeof(x->id), old);
	if (old)
		entry_unlist(c, old);
	HASH_ADD(hh, c->entries, id, sizeof(x->id), x);
	x->listed = true;
	x->refs++;
	c->bytes += x->bytes;
	while (c->bytes > CACHE_BYTES && c->entries != x)
		entry_unlist(c, c->entries);
	pthread_mutex_unlock(&c->lock);
}

int script_use(struct script_cache *c, struct org *o, struct tx *tx, uint64_t account_id, uint64_t script_id, uint64_t changed,
	struct script_use *out, struct err *e)
{
	struct sieve_limits limits = SIEVE_LIMITS;
	struct sieve_error why;
	struct entry *x;
	struct span text;
	int r;

	if (take(c, script_id, changed, out))
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		abort();
	x->id = script_id;
	x->changed = changed;
	x->refs = 1;
	x->arena = arena_new();
	limits.script_len = SCRIPT_BYTES_MAX;
	r = script_load(o, tx, x->arena, account_id, script_id, &text, e);
	if (r == 0) {
		r = sieve_compile(x->arena, text, &limits, &x->script, &why);
		if (r < 0)
			err_set(e, ERR_SYNTAX, "The script has an error", "line %u: %s", why.line, why.text);
	}
	if (r < 0) {
		entry_unref(x);
		return r;
	}
	x->bytes = arena_used(x->arena) + sizeof(*x);
	*out = (struct script_use){ x->script, x };
	if (!tx_writes(tx))                    /* what a write reads may yet be undone */
		list(c, x);
	return 0;
}

int script_use_name(struct script_cache *c, struct org *o, struct tx *tx, uint64_t account_id, struct span name,
	struct script_use *out, struct err *e)
{
	uint64_t id, changed;
	int r = script_named(o, tx, account_id, name, &id, &changed, e);

	if (r == 1)
		r = script_use(c, o, tx, account_id, id, changed, out, e) < 0 ? e->code : 1;
	return r;
}

void script_put_back(struct script_cache *c, struct script_use *u)
{
	if (!u->entry)
		return;
	pthread_mutex_lock(&c->lock);
	entry_unref(u->entry);
	pthread_mutex_unlock(&c->lock);
	u->entry = NULL;
}

bool script_may_run(struct script_cache *c, uint64_t account_id, int64_t now_sec)
{
	struct account_steps *s;
	bool yes;

	pthread_mutex_lock(&c->lock);
	HASH_FIND(hh, c->steps, &account_id, sizeof(account_id), s);
	yes = !s || s->hour != now_sec / HOUR_SEC || s->steps < STEPS_PER_HOUR;
	pthread_mutex_unlock(&c->lock);
	return yes;
}

void script_ran(struct script_cache *c, uint64_t account_id, int64_t now_sec, uint64_t steps)
{
	struct account_steps *s;

	pthread_mutex_lock(&c->lock);
	HASH_FIND(hh, c->steps, &account_id, sizeof(account_id), s);
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			abort();
		s->account_id = account_id;
		HASH_ADD(hh, c->steps, account_id, sizeof(account_id), s);
	}
	if (s->hour != now_sec / HOUR_SEC)
		s->steps = 0;
	s->hour = now_sec / HOUR_SEC;
	s->steps += steps;
	pthread_mutex_unlock(&c->lock);
}
