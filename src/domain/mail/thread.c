/* thread.c - threads out of message ids and subjects, O(n log n) whatever the References say.
 *
 * Ids get numbers by sorting, not by a hash that a sender could make collide. A link is made only to a node without
 * parent, and "would that be a loop?" is "is this the root of that tree?", asked of a union-find. First the links of
 * messages to their last reference, then those within References (RFC 5256 says the former win). */
#include <stdlib.h>
#include <string.h>
#include "domain/mail/sort.h"

struct forest {
	struct arena *a;
	const struct mail_thread_row *rows;
	size_t n_rows, n;                 /* nodes: first the rows, then ids without message, then joints of subjects */
	struct mail_thread_node *v;
	int32_t *up;                      /* union-find: towards the root */
	bool *drop;
};

struct id {
	struct span text;
	uint32_t row;
	int32_t node;
	int32_t *to;                      /* where the node's number goes */
};

static int by_text(const void *x, const void *y)
{
	const struct id *a = x, *b = y;
	int d = span_cmp(a->text, b->text);

	if (d)
		return d;
	if ((a->node < 0) != (b->node < 0)) /* messages before mentions */
		return a->node < 0 ? 1 : -1;
	return (a->row > b->row) - (a->row < b->row);
}

static int32_t root_of(struct forest *f, int32_t i)
{
	int32_t root = i;

	while (f->up[root] != root)
		root = f->up[root];
	while (f->up[i] != root) {
		int32_t next = f->up[i];

		f->up[i] = root;
		i = next;
	}
	return root;
}

static void link_to(struct forest *f, int32_t child, int32_t parent)
{
	if (child == parent || f->v[child].parent >= 0 || root_of(f, parent) == child)
		return;
	f->v[child].parent = parent;
	f->up[child] = parent;
}

/* Numbers for all ids; refs_out[i] has the nodes of row i's references. */
static void number_ids(struct forest *f, int32_t **refs)
{
	size_t n = 0, total = 0;
	struct id *ids;

	for (size_t i = 0; i < f->n_rows; i++)
		total += 1 + f->rows[i].n_refs;
	ids = ARENA_ARRAY(f->a, struct id, total + 1);
	f->v = ARENA_ARRAY(f->a, struct mail_thread_node, 2 * total + 1);
	f->up = ARENA_ARRAY(f->a, int32_t, 2 * total + 1);
	f->drop = ARENA_ARRAY(f->a, bool, 2 * total + 1);
	for (size_t i = 0; i < f->n_rows; i++) {
		const struct mail_thread_row *row = &f->rows[i];

		f->v[i] = (struct mail_thread_node){ .uid = row->uid, .date_sec = row->date_sec };
		if (row->id.n)
			ids[n++] = (struct id){ row->id, (uint32_t)i, (int32_t)i, NULL };
		refs[i] = ARENA_ARRAY(f->a, int32_t, row->n_refs + 1);
		for (size_t k = 0; k < row->n_refs; k++)
			ids[n++] = (struct id){ row->refs[k], (uint32_t)i, -1, &refs[i][k] };
	}
	f->n = f->n_rows;
	if (n)
		qsort(ids, n, sizeof(*ids), by_text);
	for (size_t i = 0; i < n;) { /* of several messages with one id the first has it */
		int32_t node = ids[i].node >= 0 ? ids[i].node : (int32_t)f->n++;
		size_t k = i;

		for (; k < n && span_eq(ids[k].text, ids[i].text); k++)
			if (ids[k].to)
				*ids[k].to = node;
		i = k;
	}
	for (size_t i = 0; i < f->n; i++) {
		f->v[i].parent = f->v[i].child = f->v[i].next = -1;
		f->up[i] = (int32_t)i;
	}
}

static void link_all(struct forest *f)
{
	int32_t **refs = ARENA_ARRAY(f->a, int32_t *, f->n_rows + 1);

	number_ids(f, refs);
	for (size_t i = 0; i < f->n_rows; i++)
		if (f->rows[i].n_refs)
			link_to(f, (int32_t)i, refs[i][f->rows[i].n_refs - 1]);
	for (size_t i = 0; i < f->n_rows; i++)
		for (size_t k = 1; k < f->rows[i].n_refs; k++)
			link_to(f, refs[i][k], refs[i][k - 1]);
}

static void count_children(struct forest *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->v[i].children = 0;
	for (size_t i = 0; i < f->n; i++)
		if (!f->drop[i] && f->v[i].parent >= 0)
			f->v[f->v[i].parent].children++;
}

struct dated {
	int64_t date_sec;
	uint32_t uid;
	int32_t node;
};

static int by_date(const void *x, const void *y)
{
	const struct dated *a = x, *b = y;

	if (a->date_sec != b->date_sec)
		return a->date_sec < b->date_sec ? -1 : 1;
	if (a->uid != b->uid)
		return a->uid < b->uid ? -1 : 1;
	return (a->node > b->node) - (a->node < b->node);
}

/* Lists of children and roots by date; what is not there has its first child's. */
static void order(struct forest *f, int32_t *first_out)
{
	struct dated *d = ARENA_ARRAY(f->a, struct dated, f->n + 1);
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (!f->v[i].uid)
			f->v[i].date_sec = INT64_MAX;
		f->v[i].child = f->v[i].next = -1;
	}
	for (size_t i = 0; i < f->n; i++) {
		int32_t p = f->v[i].parent;

		if (!f->drop[i] && f->v[i].uid && p >= 0 && !f->v[p].uid && f->v[i].date_sec < f->v[p].date_sec)
			f->v[p].date_sec = f->v[i].date_sec;
	}
	for (size_t i = 0; i < f->n; i++)
		if (!f->drop[i])
			d[n++] = (struct dated){ f->v[i].date_sec, f->v[i].uid, (int32_t)i };
	if (n)
		qsort(d, n, sizeof(*d), by_date);
	*first_out = -1;
	while (n-- > 0) {
		int32_t i = d[n].node, *head = f->v[i].parent >= 0 ? &f->v[f->v[i].parent].child : first_out;

		f->v[i].next = *head;
		*head = i;
	}
	count_children(f);
}

/* Step 3: what is not there goes; its children rise to the next message above, or to the root when that has others. */
static void prune(struct forest *f)
{
	int32_t first, *todo = ARENA_ARRAY(f->a, int32_t, f->n + 1), *above = ARENA_ARRAY(f->a, int32_t, f->n + 1);
	size_t n = 0;

	order(f, &first);
	for (int32_t i = first; i >= 0; i = f->v[i].next) {
		above[i] = -1;
		todo[n++] = i;
	}
	for (size_t at = 0; at < n; at++) {
		int32_t p = todo[at];

		for (int32_t i = f->v[p].child; i >= 0; i = f->v[i].next) {
			above[i] = f->v[p].uid || above[p] < 0 ? p : above[p];
			todo[n++] = i;
		}
	}
	for (size_t i = 0; i < f->n; i++) {
		f->drop[i] = !f->v[i].uid && above[i] >= 0;
		f->v[i].parent = above[i];
	}
	count_children(f);
	for (size_t i = 0; i < f->n; i++) {
		int32_t p = f->v[i].parent;

		if (!f->drop[i] && p >= 0 && !f->v[p].uid && f->v[p].children == 1)
			f->v[i].parent = -1;
	}
	for (size_t i = 0; i < f->n; i++)
		f->drop[i] |= !f->v[i].uid && f->v[i].children <= 1;
}

struct subject {
	struct span text;
	uint32_t at;                      /* place among the roots */
	int32_t root;
	bool reply;
};

static int by_subject(const void *x, const void *y)
{
	const struct subject *a = x, *b = y;
	int d = span_cmp(a->text, b->text);

	return d ? d : (a->at > b->at) - (a->at < b->at);
}

static int32_t joint_new(struct forest *f)
{
	int32_t i = (int32_t)f->n++;

	f->v[i] = (struct mail_thread_node){ .parent = -1, .child = -1, .next = -1 };
	return i;
}

/* Step 5: roots s[0..n) have one subject; all gather at one of them or at a new joint. */
static void gather(struct forest *f, struct subject *s, size_t n)
{
	struct subject *best = &s[0];
	bool empty, reply;
	int32_t to;

	for (size_t i = 1; i < n; i++)
		if ((f->v[best->root].uid && !f->v[s[i].root].uid) ||
			(f->v[best->root].uid && best->reply && !s[i].reply))
			best = &s[i];
	to = best->root;
	empty = !f->v[to].uid;
	reply = best->reply;
	for (size_t i = 0; i < n; i++) {
		int32_t r = s[i].root;

		if (r == best->root)
			continue;
		if (empty && !f->v[r].uid) {
			for (int32_t k = f->v[r].child; k >= 0; k = f->v[k].next)
				f->v[k].parent = to;
			f->drop[r] = true;
		} else if (empty || (s[i].reply && !reply)) {
			f->v[r].parent = to;
		} else {
			int32_t joint = joint_new(f);

			f->v[to].parent = f->v[r].parent = joint;
			to = joint;
			empty = true;
		}
	}
}

static void join_subjects(struct forest *f)
{
	struct subject *s;
	size_t n = 0, at = 0;
	int32_t first;

	order(f, &first);
	s = ARENA_ARRAY(f->a, struct subject, f->n + 1);
	for (int32_t i = first; i >= 0; i = f->v[i].next, at++) {
		int32_t m = f->v[i].uid ? i : f->v[i].child;

		if (m >= 0 && f->rows[m].subject.n)
			s[n++] = (struct subject){ f->rows[m].subject, (uint32_t)at, i, f->rows[m].reply };
	}
	if (n)
		qsort(s, n, sizeof(*s), by_subject);
	for (size_t i = 0, k; i < n; i = k) {
		for (k = i + 1; k < n && span_eq(s[i].text, s[k].text); k++)
			;
		if (k - i > 1)
			gather(f, &s[i], k - i);
	}
}

static int by_row_subject(const void *x, const void *y)
{
	const struct mail_thread_row *a = *(const struct mail_thread_row *const *)x, *b = *(const struct mail_thread_row *const *)y;
	int d = span_cmp(a->subject, b->subject);

	if (!d)
		d = (a->date_sec > b->date_sec) - (a->date_sec < b->date_sec);
	return d ? d : (a->uid > b->uid) - (a->uid < b->uid);
}

/* ORDEREDSUBJECT: the oldest with a subject leads, the others are its children. */
static void link_subjects(struct forest *f)
{
	const struct mail_thread_row **r = ARENA_ARRAY(f->a, const struct mail_thread_row *, f->n_rows + 1);
	int32_t lead = -1;

	f->v = ARENA_ARRAY(f->a, struct mail_thread_node, f->n_rows + 1);
	f->drop = ARENA_ARRAY(f->a, bool, f->n_rows + 1);
	f->n = f->n_rows;
	for (size_t i = 0; i < f->n_rows; i++) {
		r[i] = &f->rows[i];
		f->v[i] = (struct mail_thread_node){ .uid = r[i]->uid, .date_sec = r[i]->date_sec, .parent = -1 };
	}
	if (f->n_rows)
		qsort(r, f->n_rows, sizeof(*r), by_row_subject);
	for (size_t i = 0; i < f->n_rows; i++) {
		int32_t me = (int32_t)(r[i] - f->rows);

		if (i && span_eq(r[i]->subject, r[i - 1]->subject))
			f->v[me].parent = lead;
		else
			lead = me;
	}
}

/* REFS: threads by the newest arrival in them. */
static void order_by_newest(struct forest *f, int32_t *first)
{
	int32_t *root = ARENA_ARRAY(f->a, int32_t, f->n + 1), *todo = ARENA_ARRAY(f->a, int32_t, f->n + 1);
	struct dated *d = ARENA_ARRAY(f->a, struct dated, f->n + 1);
	size_t n = 0, n_roots;

	for (int32_t i = *first; i >= 0; i = f->v[i].next) {
		d[n] = (struct dated){ INT64_MIN, f->v[i].uid, i };
		root[i] = (int32_t)n;
		todo[n++] = i;
	}
	n_roots = n;
	for (size_t at = 0; at < n; at++) {
		int32_t p = todo[at];
		struct dated *top = &d[root[p]];

		if (f->v[p].uid && f->rows[p].received_sec > top->date_sec)
			top->date_sec = f->rows[p].received_sec;
		for (int32_t i = f->v[p].child; i >= 0; i = f->v[i].next) {
			root[i] = root[p];
			todo[n++] = i;
		}
	}
	if (n_roots)
		qsort(d, n_roots, sizeof(*d), by_date);
	*first = -1;
	while (n_roots-- > 0) {
		f->v[d[n_roots].node].next = *first;
		*first = d[n_roots].node;
	}
}

void mail_thread_rows(struct arena *a, const struct mail_thread_row *rows, size_t n, enum mail_thread_how how,
	struct mail_threads *out)
{
	struct forest f = { .a = a, .rows = rows, .n_rows = n };

	if (how == THREAD_ORDEREDSUBJECT) {
		link_subjects(&f);
	} else {
		link_all(&f);
		prune(&f);
		if (how == THREAD_REFERENCES)
			join_subjects(&f);
	}
	order(&f, &out->first);
	if (how == THREAD_REFS)
		order_by_newest(&f, &out->first);
	out->v = f.v;
	out->n = f.n;
}
