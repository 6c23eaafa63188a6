/* 2,000 random operations on two mailboxes and their sessions, against arrays: counters, quota, what every simulated
 * client is told, and that nothing of an undone transaction shows. */
#include <stdatomic.h>
#include "mail/mail_test.h"

#define BOXES 3                /* two of one account, the third another's */
#define ROOM 400
#define CLIENTS 5

struct msg {
	uint32_t uid;
	uint64_t flags, modseq, size;
	bool touched;
};
struct box {
	uint64_t id, account_id, modseq;
	uint32_t uidnext;
	struct msg v[ROOM];
	size_t n;
};
struct client {
	struct mail_view view;
	size_t box;
	struct msg v[2 * ROOM];        /* by sequence number: what it has been told */
	size_t n;
	bool on;
	uint64_t then;                 /* QRESYNC: what it remembers of an earlier state */
	uint32_t then_uids[2 * ROOM];
	size_t n_then;
};

static struct box boxes[BOXES], saved[BOXES];
static struct client clients[CLIENTS];
static struct mail *mail;

static unsigned dice(unsigned n)
{
	return (unsigned)(random_u64() % n);
}

static struct mailbox state_of(struct play *p, const struct box *b)
{
	struct mailbox box;

	OK(mailbox_get(h.org, p->tx, p->a, b->id, &box, &p->e));
	return box;
}

static struct imap_set some_of(struct arena *a, const struct box *b)
{
	struct imap_set s = { 0 };
	unsigned one_in = 1 + dice(6);

	for (size_t i = 0; i < b->n; i++)
		if (dice(one_in) == 0)
			imap_set_add(a, &s, b->v[i].uid);
	if (dice(4) == 0)                     /* a number that does not exist (yet) */
		imap_set_add(a, &s, b->uidnext + dice(3));
	if (dice(10) == 0)
		s = range_set(a, 1, UINT32_MAX);
	return s;
}

/* ---- operations: the store's and the model's ---- */

static void op_put(struct play *p, struct box *b)
{
	struct span text = arena_printf(p->a, "Subject: %u\r\n\r\n%*s\r\n", dice(1000000), (int)dice(3000), "x");
	struct email_prepared m;
	struct message_put to = { b->id, b->account_id, dice(8), 1000 + dice(1000), false };
	uint32_t uid;

	OK(email_prepare(h.org, p->a, text, &m, &p->e));
	OK(message_put(h.org, p->tx, p->a, &m, &to, 1, &uid, NULL, &p->e));
	email_prepared_fini(&m);
	assert_int_equal(uid, b->uidnext);
	assert_true(b->n < ROOM);
	b->v[b->n++] = (struct msg){ b->uidnext++, to.flags, 0, text.n, true };
}

static void op_flag(struct play *p, struct box *b)
{
	struct mailbox box = state_of(p, b);
	struct imap_set uids = some_of(p->a, b), modified, want = { 0 };
	enum flag_change how = (enum flag_change)dice(3);
	uint64_t flags = dice(32), since = dice(3) || !b->n ? UINT64_MAX : b->v[dice((unsigned)b->n)].modseq;
	struct flags_changed *got;
	size_t n, k = 0;

	OK(message_flag(h.org, p->tx, p->a, &box, &uids, how, flags, since, &got, &n, &modified, &p->e));
	for (size_t i = 0; i < b->n; i++) {
		struct msg *m = &b->v[i];
		uint64_t now = how == FLAGS_ADD ? m->flags | flags : how == FLAGS_REMOVE ? m->flags & ~flags : flags;

		if (!imap_set_contains(&uids, m->uid))
			continue;
		if (m->modseq > since || m->touched) {
			imap_set_add(p->a, &want, m->uid);
		} else if (now != m->flags) {
			assert_true(k < n);
			assert_int_equal(got[k].uid, m->uid);
			assert_int_equal(got[k].flags, now);
			assert_true(got[k].modseq > b->modseq);
			k++;
			m->flags = now;
			m->touched = true;
		}
	}
	assert_int_equal(k, n);
	assert_int_equal(want.n, modified.n);
	assert_memory_equal(want.v, modified.v, want.n * sizeof(*want.v));
}

static void drop(struct box *b, const struct imap_set *uids)
{
	size_t k = 0;

	for (size_t i = 0; i < b->n; i++)
		if (!imap_set_contains(uids, b->v[i].uid))
			b->v[k++] = b->v[i];
	b->n = k;
}

static void op_expunge(struct play *p, struct box *b)
{
	struct mailbox box = state_of(p, b);
	struct imap_set uids = some_of(p->a, b), gone, want = { 0 };
	bool all = dice(3) == 0, any = dice(3) == 0;
	uint64_t modseq;

	OK(message_expunge(h.org, p->tx, p->a, &box, all ? NULL : &uids, any, &gone, &modseq, &p->e));
	for (size_t i = 0; i < b->n; i++)
		if ((all || imap_set_contains(&uids, b->v[i].uid)) && (any || b->v[i].flags & FLAG_DELETED))
			imap_set_add(p->a, &want, b->v[i].uid);
	assert_int_equal(want.n, gone.n);
	assert_memory_equal(want.v, gone.v, want.n * sizeof(*want.v));
	drop(b, &want);
}

static void op_copy(struct play *p, struct box *b, struct box *to)
{
	struct mailbox from = state_of(p, b), into = state_of(p, to);
	struct imap_set uids = some_of(p->a, b), f, t;
	bool move = dice(2);
	size_t n = b->n, k = 0;

	if (to->n + n > ROOM)
		return;
	OK(message_copy(h.org, p->tx, p->a, &from, &into, &uids, move, &f, &t, &p->e));
	for (size_t i = 0; i < n; i++) {
		struct msg m = b->v[i];

		if (!imap_set_contains(&uids, m.uid))
			continue;
		assert_true(imap_set_contains(&f, m.uid));
		assert_true(imap_set_contains(&t, to->uidnext));
		m.uid = to->uidnext++;
		m.touched = true;
		m.modseq = 0;
		to->v[to->n++] = m;
		k++;
	}
	assert_int_equal(imap_set_count(&f), k);
	assert_int_equal(imap_set_count(&t), k);
	if (move)
		drop(b, &f);
}

/* ---- the store against the model ---- */

static void compare_box(struct play *p, struct box *b)
{
	struct mailbox box = state_of(p, b);
	struct imap_set all = range_set(p->a, 1, UINT32_MAX);
	struct message_walk *w;
	struct message m;
	uint32_t unseen = 0, deleted = 0;
	uint64_t bytes = 0;
	size_t n = 0;

	OK(message_walk_open(h.org, p->tx, p->a, &box, &all, WANT_META, &w, &p->e));
	while (message_walk_next(w, &m, &p->e) == 1) {
		struct msg *want = &b->v[n++];

		assert_true(n <= b->n);
		assert_int_equal(m.uid, want->uid);
		assert_int_equal(m.flags, want->flags);
		assert_int_equal(m.size, want->size);
		if (want->touched)
			assert_true(m.modseq > b->modseq);
		else
			assert_int_equal(m.modseq, want->modseq);
		want->modseq = m.modseq;
		want->touched = false;
		assert_true(m.modseq <= box.modseq);
		unseen += !(m.flags & FLAG_SEEN);
		deleted += !!(m.flags & FLAG_DELETED);
		bytes += m.size;
	}
	message_walk_close(w);
	assert_int_equal(p->e.code, 0);
	assert_int_equal(n, b->n);
	assert_int_equal(box.messages, n);
	assert_int_equal(box.unseen, unseen);
	assert_int_equal(box.deleted, deleted);
	assert_int_equal(box.bytes, bytes);
	assert_int_equal(box.uidnext, b->uidnext);
	assert_true(box.modseq >= b->modseq);
	b->modseq = box.modseq;
}

static void compare(struct play *p)
{
	for (size_t i = 0; i < BOXES; i++)
		compare_box(p, &boxes[i]);
	for (size_t i = 1; i < BOXES; i++) {
		struct account acc;
		uint64_t bytes = 0, n = 0;

		for (size_t k = 0; k < BOXES; k++)
			for (size_t m = 0; boxes[k].account_id == boxes[i].account_id && m < boxes[k].n; m++, n++)
				bytes += boxes[k].v[m].size;
		OK(account_get(h.org, p->tx, p->a, boxes[i].account_id, &acc, &p->e));
		assert_int_equal(acc.used_bytes, bytes);
		assert_int_equal(acc.used_messages, n);
	}
}

/* ---- clients ---- */

static const struct msg *in_box(const struct box *b, uint32_t uid)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].uid == uid)
			return &b->v[i];
	return NULL;
}

static void client_open(struct play *p, struct client *c)
{
	struct box *b;

	c->box = dice(BOXES);
	b = &boxes[c->box];
	OK(mail_view_open(mail, p->tx, b->id, &c->view, &p->e));
	c->on = true;
	c->n = b->n;
	memcpy(c->v, b->v, b->n * sizeof(*b->v));
	assert_int_equal(uid_set_count(c->view.uids), b->n);
}

/* What is sent to a client changes what it knows; `told` must be the whole difference. */
static void client_hears(struct client *c, const struct mail_changes *ch)
{
	const struct box *b = &boxes[c->box];
	struct imap_set_iter it = imap_set_iter(&ch->arrived);
	uint32_t uid;

	assert_int_equal(ch->exists_before, c->n);
	for (size_t i = ch->vanished.n; i-- > 0;)
		for (uint32_t s = ch->vanished_seqs[i].hi; s >= ch->vanished_seqs[i].lo; s--) {
			assert_true(s >= 1 && s <= c->n);
			assert_int_equal(c->v[s - 1].uid, ch->vanished.v[i].lo + (s - ch->vanished_seqs[i].lo));
			assert_null(in_box(b, c->v[s - 1].uid));
			memmove(&c->v[s - 1], &c->v[s], (c->n - s) * sizeof(c->v[0]));
			c->n--;
		}
	while (imap_set_next(&it, &uid)) {
		assert_true(c->n == 0 || c->v[c->n - 1].uid < uid);
		assert_non_null(in_box(b, uid));
		assert_true(c->n < 2 * ROOM);
		c->v[c->n++] = *in_box(b, uid);
	}
	for (size_t i = 0; i < ch->n_flags; i++) {
		uint32_t s = uid_set_seq(ch->after, ch->flags[i].uid);

		assert_true(s >= 1 && s <= c->n && c->v[s - 1].uid == ch->flags[i].uid);
		assert_true(i == 0 || ch->flags[i - 1].uid < ch->flags[i].uid);
		c->v[s - 1].flags = ch->flags[i].flags;
	}
	assert_int_equal(ch->exists, c->n);
}

static void client_knows(const struct client *c, bool expunge)
{
	const struct box *b = &boxes[c->box];
	size_t alive = 0;

	assert_int_equal(uid_set_count(c->view.uids), c->n);
	for (size_t i = 0; i < c->n; i++) {
		const struct msg *m = in_box(b, c->v[i].uid);

		assert_int_equal(uid_set_uid(c->view.uids, (uint32_t)i + 1), c->v[i].uid);
		if (!m) {
			assert_false(expunge);
			continue;
		}
		alive++;
		assert_int_equal(m->flags, c->v[i].flags);
	}
	assert_int_equal(alive, b->n);
}

static void client_sync(struct play *p, struct client *c, bool apply)
{
	bool expunge = dice(3) != 0;
	struct mail_changes ch;

	OK(mail_view_changes(mail, p->tx, p->a, &c->view, expunge, &ch, &p->e));
	assert_false(ch.gone);
	if (!ch.any) {
		client_knows(c, false);
		return;
	}
	if (!apply) {                         /* the transaction is undone: nothing was sent */
		uid_set_unref(ch.after);
		return;
	}
	client_hears(c, &ch);
	mail_view_apply(&c->view, &ch);
	client_knows(c, expunge);
	OK(mail_view_changes(mail, p->tx, p->a, &c->view, expunge, &ch, &p->e));
	assert_false(ch.any);                 /* everything is said once */
	if (!expunge)
		return;
	if (dice(10) == 0) {
		c->then = c->view.modseq;
		c->n_then = c->n;
		for (size_t i = 0; i < c->n; i++)
			c->then_uids[i] = c->v[i].uid;
	}
}

/* QRESYNC: of what it knew then, what is gone now. */
static void client_resync(struct play *p, struct client *c)
{
	struct mail_view v;
	struct imap_set gone, within = range_set(p->a, 1 + dice(20), 30 + dice(400)), some;

	if (!c->then)
		return;
	OK(mail_view_open(mail, p->tx, boxes[c->box].id, &v, &p->e));
	OK(mail_vanished_since(p->tx, p->a, &v, c->then, NULL, &gone, &p->e));
	OK(mail_vanished_since(p->tx, p->a, &v, c->then, &within, &some, &p->e));
	for (size_t i = 0; i < c->n_then; i++) {
		bool want = !in_box(&boxes[c->box], c->then_uids[i]);

		assert_int_equal(imap_set_contains(&gone, c->then_uids[i]), want);
		assert_int_equal(imap_set_contains(&some, c->then_uids[i]),
			want && imap_set_contains(&within, c->then_uids[i]));
	}
	for (size_t i = 0; i < boxes[c->box].n; i++)
		assert_false(imap_set_contains(&gone, boxes[c->box].v[i].uid));
	mail_view_close(&v);
}

static void client_turn(struct play *p)
{
	struct client *c = p->arg;

	if (!c->on)
		client_open(p, c);
	else
		client_sync(p, c, true);
	client_resync(p, c);
}

/* One command: some changes, often a sync in the same transaction, sometimes undone. */
static void command(struct play *p)
{
	struct client *c = &clients[dice(CLIENTS)];
	bool *undo = p->arg;

	for (unsigned i = 1 + dice(3); i; i--) {
		struct box *b = &boxes[dice(BOXES)];
		unsigned what = dice(10);

		if (what < 4 && b->n < 60)
			op_put(p, b);
		else if (what < 6)
			op_flag(p, b);
		else if (what < 8)
			op_expunge(p, b);
		else
			op_copy(p, b, &boxes[dice(BOXES)]);
		compare(p);
	}
	p->undo = *undo;
	if (c->on && dice(2))
		client_sync(p, c, !p->undo);
}

static void find_boxes(struct play *p)
{
	uint64_t *ids = p->arg;
	static const char *const names[BOXES] = { "INBOX", "Archive", "INBOX" };

	for (size_t i = 0; i < BOXES; i++) {
		struct mailbox box = box_of(p, ids[i / 2], names[i]);

		boxes[i] = (struct box){ .id = box.id, .account_id = box.account_id, .modseq = box.modseq, .uidnext = 1 };
	}
}

static void empty(struct play *p)
{
	for (size_t i = 0; i < BOXES; i++) {
		struct mailbox box = state_of(p, &boxes[i]);
		struct imap_set gone;
		uint64_t modseq;

		OK(message_expunge(h.org, p->tx, p->a, &box, NULL, true, &gone, &modseq, &p->e));
		boxes[i].n = 0;
	}
	compare(p);
}

static void test_model(void **state)
{
	uint64_t ids[2] = { test_person(&h, "eva@example.org", "Eva"), test_person(&h, "udo@example.org", "Udo") };

	(void)state;
	random_test_seed(20261124);
	mail = mail_new(h.org);
	play_with(find_boxes, ids);
	for (int i = 0; i < 2000; i++) {
		struct client *c = &clients[dice(CLIENTS)];
		bool undo = dice(6) == 0;

		if (dice(3)) {
			memcpy(saved, boxes, sizeof(boxes));
			play_with(command, &undo);
			if (undo)
				memcpy(boxes, saved, sizeof(boxes));
		} else if (c->on && dice(25) == 0) {
			mail_view_close(&c->view);
			*c = (struct client){ 0 };
		} else {
			look_with(client_turn, c);
		}
	}
	assert_all_well();
	play(empty);
	for (size_t i = 0; i < CLIENTS; i++) {
		while (clients[i].on && clients[i].n)
			look_with(client_turn, &clients[i]);
		mail_view_close(&clients[i].view);
	}
	mail_free(mail);
	random_test_seed(0);
	assert_int_equal(ask_int(h.store, "SELECT count(*) FROM blob"), 0);
	assert_int_equal(ask_int(h.store, "SELECT count(*) FROM blob_data"), 0);
	assert_int_equal(ask_int(h.store, "SELECT count(*) FROM email"), 0);
}

/* ---- many sessions at once on one mailbox; under TSan the cache's own proof ---- */

#define SESSIONS 4

struct session {
	struct mail_view view;
	uint32_t n;                    /* messages it has been told of */
	_Atomic bool *stop;
};

static int session_turn(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct session *s = arg;
	struct mail_changes ch;

	if (!s->view.mailbox_id) {
		if (mail_view_open(mail, tx, boxes[0].id, &s->view, e) < 0)
			return e->code;
		s->n = uid_set_count(s->view.uids);
		return 0;
	}
	if (mail_view_changes(mail, tx, a, &s->view, true, &ch, e) < 0)
		return e->code;
	s->n += (uint32_t)imap_set_count(&ch.arrived) - (uint32_t)imap_set_count(&ch.vanished);
	mail_view_apply(&s->view, &ch);
	return s->n == uid_set_count(s->view.uids) ? 0 : err_set(e, ERR_BROKEN, "", "told %u", s->n);
}

static void *session_run(void *arg)
{
	struct session *s = arg;
	struct err e = ERR_INIT;
	bool last;

	do {
		last = atomic_load(s->stop);
		if (store_read(h.store, session_turn, s, &e) < 0)
			return s; /* the thread's result: failed */
	} while (!last);
	return NULL;
}

static void put_or_expunge(struct play *p)
{
	if (dice(3))
		op_put(p, &boxes[0]);
	else
		op_expunge(p, &boxes[0]);
}

static void test_threads(void **state)
{
	uint64_t ids[2] = { test_person(&h, "ida@example.org", "Ida"), test_person(&h, "ole@example.org", "Ole") };
	_Atomic bool end = false;
	struct session s[SESSIONS] = { 0 };
	pthread_t t[SESSIONS];
	bool failed = false;

	(void)state;
	mail = mail_new(h.org);
	play_with(find_boxes, ids);
	for (int i = 0; i < SESSIONS; i++) {
		s[i].stop = &end;
		assert_int_equal(pthread_create(&t[i], NULL, session_run, &s[i]), 0);
	}
	for (int i = 0; i < 300; i++)
		play(put_or_expunge);
	atomic_store(&end, true);
	for (int i = 0; i < SESSIONS; i++) {
		void *bad;

		pthread_join(t[i], &bad);
		failed |= bad || s[i].n != boxes[0].n;
		mail_view_close(&s[i].view);
	}
	mail_free(mail);
	assert_false(failed);
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_threads),
	};

	memset(clients, 0, sizeof(clients));
	return cmocka_run_group_tests_name(name, tests, start, stop);
}

int main(void)
{
	return run_both("mail_model", group);
}
