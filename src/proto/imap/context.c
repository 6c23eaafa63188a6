#include "proto/imap/context.h"
#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "codec/imap/imap_context.h"
#include "domain/mail/search.h"
#include "domain/mail/sort.h"

struct imap_context {
	struct imap_context *next;
	struct arena *asked;             /* tag and query */
	struct span tag;
	bool uid, sorted, lost;
	enum imap_context_kind kind;
	struct imap_search query;
	struct imap_sort how;
	struct arena *result;
	struct imap_set found;           /* UIDs */
	uint32_t *order;                 /* of a sort: the same, in order */
	size_t n;
};

struct context_news {
	struct context_news *next;
	struct imap_context *context;
	struct imap_context_change change;
	uint32_t *order;
	size_t n;
	bool failed;
};

static void context_free(struct imap_context *x)
{
	if (x->result)
		arena_free(x->result);
	arena_free(x->asked);
	free(x);
}

void contexts_free(struct imap_session *s)
{
	while (s->contexts) {
		struct imap_context *x = s->contexts;

		s->contexts = x->next;
		context_free(x);
	}
}

static bool cancel(struct imap_session *s, struct span tag)
{
	for (struct imap_context **at = &s->contexts, *x; (x = *at); at = &x->next) {
		if (!span_eq(x->tag, tag))
			continue;
		*at = x->next;
		context_free(x);
		return true;
	}
	return false;
}

static void put_noupdate(struct imap_call *c, struct span tag, const char *why)
{
	buf_addz(c->out, "* NO [NOUPDATE ");
	imap_write_quoted(c->out, tag);
	buf_addf(c->out, "] %s\r\n", why);
}

static size_t bytes_of(const struct imap_set *set, size_t n)
{
	return set->n * sizeof(*set->v) + n * sizeof(uint32_t);
}

static bool room(const struct imap_session *s, const struct imap_context *but, size_t bytes)
{
	for (const struct imap_context *x = s->contexts; x; x = x->next)
		bytes += x == but ? arena_used(x->asked) : arena_used(x->asked) + bytes_of(&x->found, x->n);
	return bytes <= CONTEXT_BYTES_MAX;
}

static void keep_result(struct imap_context *x, const struct imap_set *found, const uint32_t *order, size_t n)
{
	if (x->result)
		arena_free(x->result);
	x->result = arena_new();
	x->found = (struct imap_set){ .n = found->n, .cap = found->n };
	x->found.v = found->n ? arena_dup(x->result, found->v, found->n * sizeof(*found->v)) : NULL;
	x->n = n;
	x->order = n ? arena_dup(x->result, order, n * sizeof(*order)) : NULL;
}

static struct imap_context *context_new(struct imap_session *s, struct span tag)
{
	struct imap_context *x = calloc(1, sizeof(*x));

	if (!x)
		abort();
	x->asked = arena_new();
	x->tag = arena_span(x->asked, tag);
	x->next = s->contexts;
	s->contexts = x;
	return x;
}

void context_begin(struct imap_call *c, const struct imap_search *q, const struct imap_sort *how, const struct imap_set *found,
	const uint32_t *order, size_t n)
{
	struct imap_session *s = c->s;
	struct span tag = c->call->cmd->tag;
	enum imap_context_kind kind = imap_context_kind(q, uid_set_max(s->view.uids));
	struct imap_context *x;
	size_t many = 0;

	cancel(s, tag); /* the command may be run again */
	for (x = s->contexts; x; x = x->next)
		many++;
	if (!kind || (how && how->has_relevancy)) {
		put_noupdate(c, tag, "This result changes with more than its messages");
		return;
	}
	if (c->limit_uid) {
		put_noupdate(c, tag, "Only a part of the messages was looked at");
		return;
	}
	if (many >= CONTEXTS_MAX || tag.n > CONTEXT_TAG_MAX || n > CONTEXT_SORT_MAX) {
		put_noupdate(c, tag, "Too many results to keep");
		return;
	}
	x = context_new(s, tag);
	x->uid = c->uid;
	x->sorted = how != NULL;
	x->kind = kind;
	imap_search_copy(x->asked, q, &x->query);
	if (how)
		x->how = *how;
	if (!room(s, x, bytes_of(found, n))) {
		cancel(s, tag);
		put_noupdate(c, tag, "Results too large to keep");
		return;
	}
	keep_result(x, found, order, n);
}

/* ---- changes ---- */

static int by_number(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static struct imap_set set_of(struct arena *a, const uint32_t *v, size_t n)
{
	struct imap_set out = { 0 };
	uint32_t *up = n ? arena_dup(a, v, n * sizeof(*v)) : NULL;

	if (n)
		qsort(up, n, sizeof(*up), by_number);
	for (size_t i = 0; i < n; i++)
		imap_set_add(a, &out, up[i]);
	return out;
}

/* New messages and, where flags count, those that have changed. */
static struct imap_set open_messages(struct imap_call *c, const struct imap_context *x, const struct mail_changes *ch)
{
	struct imap_set_iter it = imap_set_iter(&ch->arrived);
	struct imap_set out = { 0 };
	uint32_t uid;

	for (size_t i = 0; x->kind == IMAP_CONTEXT_FLAGS && i < ch->n_flags; i++)
		imap_set_add(c->arena, &out, ch->flags[i].uid);
	while (imap_set_next(&it, &uid)) /* all above the known */
		imap_set_add(c->arena, &out, uid);
	return out;
}

static struct imap_set with_vanished(struct imap_call *c, const struct imap_set *open, const struct imap_set *vanished)
{
	size_t n = imap_set_count(open) + imap_set_count(vanished), k = 0;
	uint32_t *v = ARENA_ARRAY(c->arena, uint32_t, n + 1);
	struct imap_set_iter it = imap_set_iter(open), gone = imap_set_iter(vanished);

	while (imap_set_next(&it, &v[k]))
		k++;
	while (imap_set_next(&gone, &v[k]))
		k++;
	return set_of(c->arena, v, k);
}

static int search_open(struct imap_call *c, const struct imap_context *x, const struct imap_set *open, const struct mailbox *box,
	const struct uid_set *uids, struct imap_set *hits, struct err *e)
{
	struct imap_search q = x->query;
	struct imap_search_key only = { .kind = IMAP_SEARCH_UID, .next = q.root };
	struct imap_search_key both = { .kind = IMAP_SEARCH_AND, .child = &only };
	struct mail_search how = { .query = &q, .uids = uids, .saved = &c->s->saved, .now_sec = time_real_sec() };
	uint64_t modseq;
	SCOPED_BUF text;

	buf_init(&text, CONTEXT_BYTES_MAX);
	*hits = (struct imap_set){ 0 };
	if (!open->n)
		return 0;
	imap_set_format(&text, open);
	only.set = arena_span(c->arena, buf_span(&text));
	q.root = &both;
	if (text.failed)
		return imap_no(e, ERR_LIMIT, "Too many changes");
	return mail_search(c->org, c->tx, c->arena, box, &how, hits, &modseq, e);
}

static int look(struct imap_call *c, struct context_news *w, const struct mail_changes *ch, const struct mailbox *box, struct err *e)
{
	const struct imap_context *x = w->context;
	struct imap_set open = open_messages(c, x, ch), looked = with_vanished(c, &open, &ch->vanished), hits;

	if (search_open(c, x, &open, box, ch->after, &hits, e) < 0)
		return e->code;
	imap_context_change(c->arena, &x->found, &looked, &hits, &w->change);
	if (x->sorted && (w->change.removed.n || w->change.added.n)) {
		if (imap_set_count(&w->change.now) > CONTEXT_SORT_MAX)
			return imap_no(e, ERR_LIMIT, "Too many messages to keep in order");
		if (mail_sort(c->call->house->mail, c->tx, c->arena, box, &w->change.now, &x->how, NULL, &w->order, &w->n, e) < 0)
			return e->code;
		w->change.now = set_of(c->arena, w->order, w->n);
	}
	return room(c->s, x, bytes_of(&w->change.now, w->n)) ? 0 : imap_no(e, ERR_LIMIT, "Results too large to keep");
}

struct context_news *contexts_look(struct imap_call *c, const struct mail_changes *ch)
{
	struct context_news *first = NULL, **at = &first;
	struct mailbox box;
	struct err e = ERR_INIT;
	int r = imap_box(c, &box, &e);

	for (struct imap_context *x = c->s->contexts; x; x = x->next) {
		struct context_news *w;

		if (x->lost)
			continue;
		w = *at = ARENA_NEW(c->arena, struct context_news);
		w->context = x;
		err_clear(&e);
		w->failed = r < 0 || look(c, w, ch, &box, &e) < 0;
		at = &w->next;
	}
	return first;
}

static void put_head(struct imap_call *c, const struct imap_context *x)
{
	buf_addz(c->out, "* ESEARCH (TAG ");
	imap_write_quoted(c->out, x->tag);
	buf_addz(c->out, x->uid ? ") UID" : ")");
}

/* Messages of the one array that are not in the set, each with its place. */
static void put_places(struct imap_call *c, const struct imap_context *x, const uint32_t *v, size_t n, const struct imap_set *in,
	const struct uid_set *numbers, const char *word)
{
	bool any = false, down = span_eqz(span_str(word), "REMOVEFROM");

	for (size_t k = 0; k < n; k++) {
		size_t i = down ? n - 1 - k : k; /* so that the places are right one after the other */

		if (imap_set_contains(in, v[i]))
			continue;
		if (!any) {
			put_head(c, x);
			buf_addf(c->out, " %s (", word);
		}
		buf_addf(c->out, "%s%zu %u", any ? " " : "", i + 1, x->uid ? v[i] : uid_set_seq(numbers, v[i]));
		any = true;
	}
	if (any)
		buf_addz(c->out, ")\r\n");
}

/* A search has no order: place 0. */
static void put_set(struct imap_call *c, const struct imap_context *x, const struct imap_set *uids, const struct uid_set *numbers,
	const char *word)
{
	struct imap_set_iter it = imap_set_iter(uids);
	struct imap_set seqs = { 0 };
	uint32_t uid;

	if (!uids->n)
		return;
	while (!x->uid && imap_set_next(&it, &uid))
		imap_set_add(c->arena, &seqs, uid_set_seq(numbers, uid));
	put_head(c, x);
	buf_addf(c->out, " %s (0 ", word);
	imap_set_format(c->out, x->uid ? uids : &seqs);
	buf_addz(c->out, ")\r\n");
}

void contexts_put_removed(struct imap_call *c, const struct context_news *news, const struct uid_set *before)
{
	for (const struct context_news *w = news; w; w = w->next) {
		if (w->failed)
			continue;
		if (!w->context->sorted)
			put_set(c, w->context, &w->change.removed, before, "REMOVEFROM");
		else if (w->change.removed.n || w->change.added.n)
			put_places(c, w->context, w->context->order, w->context->n, &w->change.now, before, "REMOVEFROM");
	}
}

void contexts_put_added(struct imap_call *c, const struct context_news *news)
{
	for (const struct context_news *w = news; w; w = w->next) {
		struct imap_context *x = w->context;

		if (w->failed) {
			put_noupdate(c, x->tag, "This result is not kept any more");
			cancel(c->s, x->tag);
			continue;
		}
		if (!w->change.removed.n && !w->change.added.n)
			continue;
		if (x->sorted)
			put_places(c, x, w->order, w->n, &x->found, c->s->view.uids, "ADDTO");
		else
			put_set(c, x, &w->change.added, c->s->view.uids, "ADDTO");
		keep_result(x, &w->change.now, w->order, w->n);
	}
}

/* ---- core starts again ---- */

void contexts_pack(const struct imap_session *s, struct buf *b)
{
	for (const struct imap_context *x = s->contexts; x; x = x->next) {
		buf_addc(b, (char)x->tag.n);
		buf_add(b, x->tag);
	}
}

bool contexts_lost(struct imap_session *s, struct span packed)
{
	while (packed.n) {
		size_t n = (unsigned char)packed.p[0];

		if (n > CONTEXT_TAG_MAX || n >= packed.n)
			return false;
		context_new(s, span_sub(packed, 1, n))->lost = true;
		packed = span_from(packed, n + 1);
	}
	return true;
}

void contexts_tell_lost(struct imap_call *c)
{
	struct imap_context *x = c->s->contexts;

	while (x) {
		struct imap_context *next = x->next;

		if (x->lost) {
			put_noupdate(c, x->tag, "This result is not kept any more");
			cancel(c->s, x->tag);
		}
		x = next;
	}
}

/* cancelupdate = "CANCELUPDATE" 1*(SP quoted) */
int imap_cancelupdate(struct imap_call *c, struct err *e)
{
	struct span tag;
	size_t n = 0;

	for (; imap_args_string(&c->args, &tag); n++)
		;
	if (!n || !imap_args_end(&c->args))
		return imap_bad(e, "Tags in quotes expected");
	c->args.at = 0;
	while (imap_args_string(&c->args, &tag))
		if (!cancel(c->s, tag))
			return imap_bad(e, "No result is kept for this tag");
	return 0;
}
