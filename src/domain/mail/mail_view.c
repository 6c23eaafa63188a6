#include "domain/mail/mail_view.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "domain/mail/mail_impl.h"
#include "domain/mail/dmarc_pile.h"
#include "domain/mail/order_cache.h"
#include "domain/mail/script.h"
#include "domain/mail/visitors.h"

#define CACHE_MAX 4096

struct cached {
	uint64_t mailbox_id, modseq;
	uint32_t uidnext;
	const struct uid_set *uids;
	UT_hash_handle hh;
};

struct mail {
	struct org *org;
	pthread_mutex_t lock;
	struct cached *cache;          /* in order of use: the head is the oldest */
	struct script_cache *scripts;
	struct visitors *visitors;
	struct order_cache *orders;
	struct dmarc_pile *dmarc;
};

struct mail *mail_new(struct org *o)
{
	struct mail *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->org = o;
	m->scripts = script_cache_new();
	m->visitors = visitors_new();
	m->orders = order_cache_new();
	m->dmarc = dmarc_pile_new();
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void cache_drop(struct mail *m, struct cached *c)
{
	HASH_DEL(m->cache, c);
	uid_set_unref(c->uids);
	free(c);
}

void mail_free(struct mail *m)
{
	struct cached *c, *tmp;

	HASH_ITER(hh, m->cache, c, tmp)
		cache_drop(m, c);
	script_cache_free(m->scripts);
	visitors_free(m->visitors);
	order_cache_free(m->orders);
	dmarc_pile_free(m->dmarc);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

struct org *mail_org(struct mail *m)
{
	return m->org;
}

struct visitors *mail_visitors(struct mail *m)
{
	return m->visitors;
}

struct dmarc_pile *mail_dmarc_pile(struct mail *m)
{
	return m->dmarc;
}

struct order_cache *mail_orders(struct mail *m)
{
	return m->orders;
}

struct script_cache *mail_scripts(struct mail *m)
{
	return m->scripts;
}

/* The newest state anybody has computed; a reference is returned. NULL: none. */
static const struct uid_set *cache_get(struct mail *m, uint64_t mailbox_id, uint64_t *modseq_out, uint32_t *uidnext_out)
{
	const struct uid_set *s = NULL;
	struct cached *c;

	pthread_mutex_lock(&m->lock);
	HASH_FIND(hh, m->cache, &mailbox_id, sizeof(mailbox_id), c);
	if (c) {
		HASH_DEL(m->cache, c);
		HASH_ADD(hh, m->cache, mailbox_id, sizeof(c->mailbox_id), c);
		s = uid_set_ref(c->uids);
		*modseq_out = c->modseq;
		*uidnext_out = c->uidnext;
	}
	pthread_mutex_unlock(&m->lock);
	return s;
}

/* Readers see different snapshots: an older state never replaces a newer one. */
static void cache_put(struct mail *m, uint64_t mailbox_id, uint64_t modseq, uint32_t uidnext, const struct uid_set *s)
{
	struct cached *c;

	pthread_mutex_lock(&m->lock);
	HASH_FIND(hh, m->cache, &mailbox_id, sizeof(mailbox_id), c);
	if (!c) {
		if (HASH_COUNT(m->cache) >= CACHE_MAX)
			cache_drop(m, m->cache);
		c = calloc(1, sizeof(*c));
		if (!c)
			abort();
		c->mailbox_id = mailbox_id;
		HASH_ADD(hh, m->cache, mailbox_id, sizeof(c->mailbox_id), c);
	}
	if (modseq >= c->modseq) {
		uid_set_unref(c->uids);
		c->uids = uid_set_ref(s);
		c->modseq = modseq;
		c->uidnext = uidnext;
	}
	pthread_mutex_unlock(&m->lock);
}

static int first_uid(struct tx *tx, uint64_t mailbox_id, const char *sql, uint32_t *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, sql);
	int r;

	sql_int(q, 1, (int64_t)mailbox_id);
	r = sql_next(q, e);
	if (r < 0)
		return r;
	*out = r ? (uint32_t)sql_col_int(q, 0) : 0;
	return 0;
}

/* From nothing: one range when the counters prove that there is no gap, else a walk over the UIDs. */
static int load(struct tx *tx, const struct mailbox *box, struct uid_set *out, struct err *e)
{
	uint32_t lo = 0, hi = 0, uid = 0;
	int r = 1;

	if (!box->messages)
		return 0;
	if (first_uid(tx, box->id, "SELECT uid FROM message WHERE mailbox_id = ?1 ORDER BY uid LIMIT 1", &lo, e) < 0 ||
		first_uid(tx, box->id, "SELECT uid FROM message WHERE mailbox_id = ?1 ORDER BY uid DESC LIMIT 1", &hi, e) < 0)
		return e->code;
	if (hi - lo + 1 == box->messages) {
		uid_set_add_range(out, lo, hi);
		return 0;
	}
	while (r == 1) { /* in portions: on PostgreSQL a result is held whole */
		SCOPED_SQL q = sql_open(tx, "SELECT uid FROM message WHERE mailbox_id = ?1 AND uid > ?2 ORDER BY uid LIMIT 100000");
		bool any = false;

		sql_int(q, 1, (int64_t)box->id);
		sql_int(q, 2, uid);
		while ((r = sql_next(q, e)) == 1) {
			uid = (uint32_t)sql_col_int(q, 0);
			uid_set_add_range(out, uid, uid);
			any = true;
		}
		if (r == 0 && any)
			r = 1;
	}
	return r;
}

static int cmp_uid(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* UIDs that left the mailbox after modseq, below uidnext, ascending. */
static int expunged_since(struct tx *tx, struct arena *a, uint64_t mailbox_id, uint64_t modseq, uint32_t uidnext,
	struct imap_set *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT uid FROM expunged WHERE mailbox_id = ?1 AND modseq > ?2");
	size_t n = 0, cap = 0;
	uint32_t *v = NULL;
	int r;

	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, (int64_t)modseq);
	while ((r = sql_next(q, e)) == 1) {
		uint32_t uid = (uint32_t)sql_col_int(q, 0);

		if (uid >= uidnext)
			continue;
		if (n == cap) {
			uint32_t *w = ARENA_ARRAY(a, uint32_t, cap ? 2 * cap : 64);

			if (n)
				memcpy(w, v, n * sizeof(*w));
			cap = cap ? 2 * cap : 64;
			v = w;
		}
		v[n++] = uid;
	}
	if (n)
		qsort(v, n, sizeof(*v), cmp_uid);
	*out = (struct imap_set){ 0 };
	for (size_t i = 0; i < n; i++)
		imap_set_add(a, out, v[i]);
	return r;
}

static int arrived_since(struct tx *tx, struct arena *a, uint64_t mailbox_id, uint32_t uidnext, struct imap_set *out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT uid FROM message WHERE mailbox_id = ?1 AND uid >= ?2 ORDER BY uid");
	int r;

	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, uidnext);
	*out = (struct imap_set){ 0 };
	while ((r = sql_next(q, e)) == 1)
		imap_set_add(a, out, (uint32_t)sql_col_int(q, 0));
	return r;
}

/* The cached set moved on to the present; itself when only flags have changed. */
static int move_on(struct tx *tx, const struct mailbox *box, const struct uid_set *have, uint64_t modseq, uint32_t uidnext,
	const struct uid_set **out, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct imap_set gone, more;

	if (expunged_since(tx, a, box->id, modseq, uidnext, &gone, e) < 0 || arrived_since(tx, a, box->id, uidnext, &more, e) < 0)
		return e->code;
	*out = gone.n || more.n ? uid_set_changed(have, &gone, &more) : uid_set_ref(have);
	return 0;
}

/* The present set: cached, or the cached one moved on, or loaded. A reference is returned. What a write sees is not
 * cached: when it is undone, the next one gives the same change number to another state. */
static int current(struct mail *m, struct tx *tx, const struct mailbox *box, const struct uid_set **out, struct err *e)
{
	uint64_t modseq = 0;
	uint32_t uidnext = 0;
	const struct uid_set *have = cache_get(m, box->id, &modseq, &uidnext), *now = NULL;
	struct uid_set *fresh;
	int r;

	if (have && modseq == box->modseq) {
		*out = have;
		return 0;
	}
	if (have && modseq < box->modseq && modseq >= box->expunged_modseq) {
		r = move_on(tx, box, have, modseq, uidnext, &now, e);
	} else {
		now = fresh = uid_set_new();
		r = load(tx, box, fresh, e);
	}
	uid_set_unref(have);
	if (r < 0) {
		uid_set_unref(now);
		return r;
	}
	if (!tx_writes(tx))
		cache_put(m, box->id, box->modseq, box->uidnext, now);
	*out = now;
	return 0;
}

int mail_view_open(struct mail *m, struct tx *tx, uint64_t mailbox_id, struct mail_view *out, struct err *e)
{
	struct mailbox box;

	*out = (struct mail_view){ 0 };
	if (mailbox_state(tx, mailbox_id, &box, e) < 0 || current(m, tx, &box, &out->uids, e) < 0)
		return e->code;
	out->mailbox_id = mailbox_id;
	out->modseq = box.modseq;
	out->uidnext = box.uidnext;
	out->uidvalidity = box.uidvalidity;
	return 0;
}

void mail_view_close(struct mail_view *v)
{
	uid_set_unref(v->uids);
	*v = (struct mail_view){ 0 };
}

static int flags_since(struct tx *tx, struct arena *a, const struct mail_view *v, const struct uid_set *after,
	struct mail_changes *out, struct err *e)
{
	/* `+`: by the index of change numbers; by uid it would read the whole mailbox */
	SCOPED_SQL q = sql_open(tx, "SELECT uid, modseq, flags FROM message WHERE mailbox_id = ?1 AND modseq > ?2 AND +uid < ?3"
		" ORDER BY +uid");
	size_t cap = 0;
	int r;

	sql_int(q, 1, (int64_t)v->mailbox_id);
	sql_int(q, 2, (int64_t)(v->flags_modseq ? v->flags_modseq : v->modseq));
	sql_int(q, 3, v->uidnext);
	while ((r = sql_next(q, e)) == 1) {
		struct message_flags f = { (uint32_t)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1), (uint64_t)sql_col_int(q, 2) };

		if (!uid_set_seq(v->uids, f.uid) || !uid_set_seq(after, f.uid))
			continue;
		if (out->n_flags == cap) {
			struct message_flags *w = ARENA_ARRAY(a, struct message_flags, cap ? 2 * cap : 32);

			if (cap)
				memcpy(w, out->flags, cap * sizeof(*w));
			cap = cap ? 2 * cap : 32;
			out->flags = w;
		}
		out->flags[out->n_flags++] = f;
	}
	return r;
}

/* A range of UIDs out of uid_set_existing has no gap, so its sequence numbers have none either. */
static void number_vanished(struct arena *a, const struct mail_view *v, struct mail_changes *out)
{
	out->vanished_seqs = ARENA_ARRAY(a, struct imap_range, out->vanished.n);
	for (size_t i = 0; i < out->vanished.n; i++)
		out->vanished_seqs[i] = (struct imap_range){ uid_set_seq(v->uids, out->vanished.v[i].lo),
			uid_set_seq(v->uids, out->vanished.v[i].hi) };
}

/* Known to the view and gone: by the tombstones, or by comparing when those are not kept that far back. */
static int vanished_since(struct tx *tx, struct arena *a, const struct mail_view *v, const struct mailbox *box,
	const struct uid_set *now, struct imap_set *out, struct err *e)
{
	struct imap_set all, gone;

	if (v->modseq >= box->expunged_modseq) {
		if (expunged_since(tx, a, v->mailbox_id, v->modseq, v->uidnext, &gone, e) < 0)
			return e->code;
		uid_set_existing(a, v->uids, &gone, out);
		return 0;
	}
	uid_set_all(a, v->uids, &all);
	for (size_t i = 0; i < all.n; i++)
		for (uint64_t u = all.v[i].lo; u <= all.v[i].hi; u++)
			if (!uid_set_seq(now, (uint32_t)u))
				imap_set_add(a, out, (uint32_t)u);
	return 0;
}

int mail_view_changes(struct mail *m, struct tx *tx, struct arena *a, const struct mail_view *v, bool expunge,
	struct mail_changes *out, struct err *e)
{
	struct mailbox box;
	const struct uid_set *now = NULL;

	*out = (struct mail_changes){ .before = v->uids, .modseq = v->modseq, .uidnext = v->uidnext,
		.exists_before = uid_set_count(v->uids), .exists = uid_set_count(v->uids) };
	if (mailbox_state(tx, v->mailbox_id, &box, e) < 0) {
		if (e->code != ERR_MISSING)
			return e->code;
		err_clear(e);
		out->any = out->gone = true;
		return 0;
	}
	if (box.modseq == (expunge || !v->flags_modseq ? v->modseq : v->flags_modseq))
		return 0;
	if (current(m, tx, &box, &now, e) < 0)
		return e->code;
	out->any = true;
	out->uidnext = box.uidnext;
	if (vanished_since(tx, a, v, &box, now, &out->vanished, e) < 0 || flags_since(tx, a, v, now, out, e) < 0 ||
		arrived_since(tx, a, v->mailbox_id, v->uidnext, &out->arrived, e) < 0) {
		uid_set_unref(now);
		return e->code;
	}
	if (!expunge && out->vanished.n) { /* the client keeps its numbers: append the new, keep the dead */
		struct imap_set none = { 0 };

		uid_set_unref(now);
		now = uid_set_changed(v->uids, &none, &out->arrived);
		out->vanished = none;
		out->flags_modseq = box.modseq;
	} else {
		number_vanished(a, v, out);
		out->modseq = box.modseq;
	}
	out->after = now;
	out->exists = uid_set_count(now);
	return 0;
}

void mail_view_apply(struct mail_view *v, struct mail_changes *c)
{
	if (!c->after)
		return;
	uid_set_unref(v->uids);
	v->uids = c->after;
	v->modseq = c->modseq;
	v->uidnext = c->uidnext;
	v->flags_modseq = c->flags_modseq;
	c->after = NULL;
	c->before = NULL;
}

int mail_vanished_since(struct tx *tx, struct arena *a, const struct mail_view *v, uint64_t modseq,
	const struct imap_set *within, struct imap_set *out, struct err *e)
{
	struct mailbox box;
	struct imap_set gone = { 0 };
	uint32_t next = 1;

	if (mailbox_state(tx, v->mailbox_id, &box, e) < 0)
		return e->code;
	if (modseq >= box.expunged_modseq) {
		if (expunged_since(tx, a, v->mailbox_id, modseq, v->uidnext, &gone, e) < 0)
			return e->code;
	} else { /* older than what is remembered: all numbers below uidnext that are not there */
		struct imap_set all;

		uid_set_all(a, v->uids, &all);
		for (size_t i = 0; i <= all.n; i++) {
			uint32_t end = i < all.n ? all.v[i].lo : v->uidnext;

			if (end > next) {
				imap_set_add(a, &gone, next);
				gone.v[gone.n - 1].hi = end - 1;
			}
			next = i < all.n ? all.v[i].hi + 1 : next;
		}
	}
	*out = gone;
	if (!within)
		return 0;
	*out = (struct imap_set){ 0 };
	for (size_t i = 0, k = 0; i < gone.n && k < within->n;) {
		uint32_t lo = gone.v[i].lo > within->v[k].lo ? gone.v[i].lo : within->v[k].lo;
		uint32_t hi = gone.v[i].hi < within->v[k].hi ? gone.v[i].hi : within->v[k].hi;

		if (lo <= hi) {
			imap_set_add(a, out, lo);
			out->v[out->n - 1].hi = hi;
		}
		if (gone.v[i].hi < within->v[k].hi)
			i++;
		else
			k++;
	}
	return 0;
}
