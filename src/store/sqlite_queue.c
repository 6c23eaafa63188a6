/* The commit queue. One of the waiting callers leads: it runs the waiting functions one after the other
 * on the only writing connection, each in a savepoint, and commits them together - one fsync for all.
 * Then it hands the lead to the next in line and wakes those it has served. */
#include "store/sqlite.h"
#include <assert.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/time.h"

#define BATCH_MAX 256
#define BATCH_US 20000

enum { WAITING, LEADS, SERVED };

static _Thread_local bool writing;

struct batch {
	struct store *s;
	struct lite *l;
	struct lite_conn *c;
	bool open;                   /* a transaction is open */
	unsigned in;                 /* functions whose effects it holds */
	struct member *good, **good_end;   /* served when the commit is durable */
	struct member *bad;          /* failed by themselves */
	struct member *again;        /* to be run once more: somebody else's failure undid them */
};

static void state_wait(struct member *m)
{
	while (atomic_load_explicit(&m->state, memory_order_acquire) == WAITING)
		syscall(SYS_futex, &m->state, FUTEX_WAIT_PRIVATE, WAITING, NULL, NULL, 0);
}

static void state_set(struct member *m, uint32_t v)
{
	_Atomic uint32_t *at = &m->state;

	atomic_store_explicit(at, v, memory_order_release);
	/* From here on *m may be gone; waking an address nobody waits at is harmless. */
	syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static struct member *queue_pop(struct lite *l, bool first)
{
	struct member *m;

	pthread_mutex_lock(&l->lock);
	m = l->head;
	if (m && m->solo && !first)
		m = NULL;
	if (m) {
		l->head = m->next;
		if (!l->head)
			l->tail = &l->head;
	}
	pthread_mutex_unlock(&l->lock);
	return m;
}

static void fail_with(struct batch *b, struct member *m, int rc)
{
	m->rc = rc;
	m->next = b->bad;
	b->bad = m;
}

/* SQLite itself has rolled the whole transaction back (disk full, I/O error): what ran before is undone
 * through no fault of its own and runs again, once. */
static void undo_all(struct batch *b, struct member *culprit)
{
	struct member *next;

	b->open = false;
	b->in = 0;
	for (struct member *m = b->good; m; m = next) {
		next = m->next;
		if (m->tries++ == 0) {
			m->next = b->again;
			b->again = m;
			continue;
		}
		*m->e = *culprit->e;
		fail_with(b, m, ERR_LATER);
		m->e->code = ERR_LATER;
	}
	b->good = NULL;
	b->good_end = &b->good;
	after_cut(&b->l->after, (struct after_mark){ 0, 0 });
}

static void undo_one(struct batch *b, struct member *m, bool savepoint, struct after_mark mark, int rc)
{
	struct err e = ERR_INIT;

	if (sqlite3_get_autocommit(b->c->db)) {
		undo_all(b, m);
	} else if (savepoint && lite_step(b->c, b->c->undo, "undo", &e) == 0 &&
		lite_step(b->c, b->c->release, "release", &e) == 0) {
		after_cut(&b->l->after, mark);
	} else {
		/* The first of its transaction has no savepoint: nothing but its own work is lost. */
		lite_step(b->c, b->c->rollback, "rollback", &e);
		if (savepoint)
			undo_all(b, m);
		b->open = false;
		after_cut(&b->l->after, mark);
	}
	fail_with(b, m, rc);
}

static void run_member(struct batch *b, struct member *m)
{
	struct tx tx = { .s = b->s, .conn = b->c, .after = &b->l->after };
	struct after_mark mark = after_here(&b->l->after);
	bool savepoint = b->in > 0;
	int rc = 0;

	err_clear(m->e);
	if (!b->open) {
		rc = lite_step(b->c, b->c->begin, "begin", m->e);
		b->open = rc == 0;
	}
	if (rc == 0 && savepoint)
		rc = lite_step(b->c, b->c->savepoint, "savepoint", m->e);
	if (rc < 0) {
		fail_with(b, m, rc);
		return;
	}
	rc = tx_run(&tx, m->fn, m->arg, m->e);
	if (rc >= 0 && savepoint) {
		int released = lite_step(b->c, b->c->release, "release", m->e);

		rc = released < 0 ? released : rc;
	}
	if (rc < 0) {
		undo_one(b, m, savepoint, mark, rc);
		return;
	}
	m->rc = rc;
	m->next = NULL;
	*b->good_end = m;
	b->good_end = &m->next;
	b->in++;
}

static void commit(struct batch *b)
{
	struct err e = ERR_INIT;

	if (b->open && lite_step(b->c, b->c->commit, "commit", &e) < 0) {
		struct err ignored = ERR_INIT;

		if (!sqlite3_get_autocommit(b->c->db))
			lite_step(b->c, b->c->rollback, "rollback", &ignored);
		e.code = ERR_LATER; /* whatever the reason: nobody is told that it worked */
		for (struct member *m = b->good; m; m = m->next) {
			*m->e = e;
			m->rc = ERR_LATER;
		}
		after_cut(&b->l->after, (struct after_mark){ 0, 0 });
	}
	after_commit(b->s, &b->l->after);
}

static void hand_over(struct lite *l)
{
	pthread_mutex_lock(&l->lock);
	if (l->head)
		state_set(l->head, LEADS);
	else
		l->led = false;
	pthread_mutex_unlock(&l->lock);
}

static void wake(struct member *m, const struct member *self)
{
	struct member *next;

	for (; m; m = next) {
		next = m->next;
		if (m != self)
			state_set(m, SERVED);
	}
}

/* self is at the head of the queue and nobody else leads. */
static void lead(struct store *s, struct member *self)
{
	struct lite *l = s->d;
	struct batch b = { .s = s, .l = l, .c = l->writer };
	int64_t until_us = time_mono_us() + BATCH_US;
	struct member *m = queue_pop(l, true);

	assert(m == self);
	b.good_end = &b.good;
	if (m->solo) {
		m->rc = m->solo(s, l->writer, m->e);
		hand_over(l);
		return;
	}
	for (unsigned n = 0; m; n++) {
		run_member(&b, m);
		if (b.again) {
			m = b.again;
			b.again = m->next;
		} else {
			m = n < BATCH_MAX && time_mono_us() < until_us ? queue_pop(l, false) : NULL;
		}
	}
	commit(&b);
	hand_over(l);
	wake(b.good, self);
	wake(b.bad, self);
}

static void enqueue(struct store *s, struct member *m)
{
	struct lite *l = s->d;
	bool leads;

	assert(!writing); /* a write inside a write would wait for itself */
	writing = true;
	atomic_init(&m->state, WAITING);
	pthread_mutex_lock(&l->lock);
	*l->tail = m;
	l->tail = &m->next;
	leads = !l->led;
	l->led = true;
	pthread_mutex_unlock(&l->lock);
	if (!leads) {
		state_wait(m);
		leads = atomic_load_explicit(&m->state, memory_order_acquire) == LEADS;
	}
	if (leads)
		lead(s, m);
	writing = false;
}

int lite_write(struct store *s, store_fn *fn, void *arg, struct err *e)
{
	struct member m = { .fn = fn, .arg = arg, .e = e };

	enqueue(s, &m);
	return m.rc;
}

int lite_solo(struct store *s, int (*solo)(struct store *, struct lite_conn *, struct err *), struct err *e)
{
	struct member m = { .solo = solo, .e = e };

	enqueue(s, &m);
	return m.rc;
}
