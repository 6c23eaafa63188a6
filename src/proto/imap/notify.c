#include "proto/imap/notify.h"
#include <stdlib.h>

#define OUT_MAX (2u << 20)               /* of a reply that news may still be added to */

struct notify_seen {
	uint64_t id, modseq;             /* id 0: a subscribed name without mailbox */
	struct span name;
	uint32_t uidnext, messages;
	unsigned events;                 /* IMAP_EVENT_* that are wanted of it */
	bool subscribed;
	const struct mailbox_row *row;   /* while news are being told only */
};

struct telling {
	struct imap_call *c;
	struct imap_notify *n;
	struct mailbox_row *rows;
	size_t n_rows, out_at;
	struct arena *told;
	struct notify_seen *now;
	size_t n_now;
	bool status;                     /* NOTIFY SET STATUS: no differences, but how things are */
};

void notify_free(struct imap_notify *n)
{
	if (!n)
		return;
	if (n->asked)
		arena_free(n->asked);
	if (n->told)
		arena_free(n->told);
	free(n);
}

static struct imap_notify *notify_new(void)
{
	struct imap_notify *n = calloc(1, sizeof(*n));

	if (!n)
		abort();
	return n;
}

struct imap_notify *notify_lost(void)
{
	struct imap_notify *n = notify_new();

	n->overflow = true;
	return n;
}

unsigned notify_selected(const struct imap_session *s)
{
	if (!s->notify)
		return IMAP_EVENT_MESSAGES;
	return s->notify->selected ? s->notify->selected->events : 0;
}

void notify_own(struct imap_call *c, struct span name)
{
	c->own_name[c->n_own_names++ % 2] = name;
}

/* ---- which mailboxes, which events ---- */

static bool below(struct span name, struct span top, enum imap_filter filter)
{
	struct span rest;

	if (span_eq(name, top))
		return true;
	if (filter == IMAP_FILTER_MAILBOXES || name.n <= top.n || !span_starts(name, top) || name.p[top.n] != MAILBOX_DELIMITER)
		return false;
	rest = span_from(name, top.n + 1);
	return filter == IMAP_FILTER_SUBTREE || span_chr(rest, MAILBOX_DELIMITER) < 0;
}

/* "inboxes" are all of the account: Sieve may deliver anywhere (section 6.3). */
static bool matches(const struct imap_notify_group *g, uint64_t who, const struct mailbox_row *row)
{
	switch (g->filter) {
	case IMAP_FILTER_INBOXES:
	case IMAP_FILTER_PERSONAL:
		return row->box.id ? row->box.account_id == who : !below(row->name, SPAN(MAILBOX_SHARED), IMAP_FILTER_SUBTREE);
	case IMAP_FILTER_SUBSCRIBED:
		return row->subscribed;
	case IMAP_FILTER_SUBTREE:
	case IMAP_FILTER_SUBTREE_ONE:
	case IMAP_FILTER_MAILBOXES:
		for (size_t i = 0; i < g->n_names; i++)
			if (below(row->name, g->names[i], g->filter))
				return true;
		return false;
	default:
		return false;
	}
}

/* The first group that has the mailbox and the event decides; NONE ends the search (section 6). */
static unsigned events_of(const struct imap_notify *n, uint64_t who, const struct mailbox_row *row)
{
	unsigned events = 0;

	for (size_t i = 0; i < n->n; i++) {
		if (!matches(&n->group[i], who, row))
			continue;
		if (!n->group[i].events)
			break;
		events |= n->group[i].events;
	}
	return events;
}

static int seen_cmp(const void *a, const void *b)
{
	const struct notify_seen *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return span_cmp(x->name, y->name);
}

/* The present picture, in t->told. */
static int look(struct telling *t, struct err *e)
{
	struct imap_call *c = t->c;
	size_t bytes = 0;

	if (mailbox_list(c->org, c->tx, c->arena, c->who, &t->rows, &t->n_rows, e) < 0)
		return e->code;
	t->n_now = 0;
	for (size_t i = 0; i < t->n_rows; i++)
		if (events_of(t->n, c->who, &t->rows[i])) {
			bytes += sizeof(*t->now) + t->rows[i].name.n;
			t->n_now++;
		}
	if (bytes > NOTIFY_BYTES_MAX)
		return imap_no(e, ERR_LIMIT, "Too many mailboxes for NOTIFY");
	arena_reset(t->told);
	t->now = ARENA_ARRAY(t->told, struct notify_seen, t->n_now + 1);
	t->n_now = 0;
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct mailbox_row *row = &t->rows[i];
		unsigned events = events_of(t->n, c->who, row);

		if (events)
			t->now[t->n_now++] = (struct notify_seen){ .id = row->box.id, .modseq = row->box.modseq,
				.name = arena_span(t->told, row->name), .uidnext = row->box.uidnext, .messages = row->box.messages,
				.events = events, .subscribed = row->subscribed, .row = row };
	}
	qsort(t->now, t->n_now, sizeof(*t->now), seen_cmp);
	return 0;
}

/* ---- untagged lines ---- */

static void put_list(struct imap_call *c, const struct mailbox_row *row, struct span old_name)
{
	buf_addz(c->out, "* LIST ");
	imap_put_attributes(c->out, row, row->box.id != 0, true);
	buf_addz(c->out, " \"/\" ");
	imap_write_mailbox(c->out, row->name, c->s->utf8);
	if (old_name.n) {
		buf_addz(c->out, " (\"OLDNAME\" (");
		imap_write_mailbox(c->out, old_name, c->s->utf8);
		buf_addz(c->out, "))");
	}
	buf_addz(c->out, "\r\n");
}

static void put_gone(struct imap_call *c, const struct notify_seen *s)
{
	put_list(c, &(struct mailbox_row){ .name = s->name, .subscribed = s->subscribed }, SPAN_NONE);
}

static void put_status(struct imap_call *c, const struct notify_seen *s, bool messages)
{
	enum { MESSAGES = 1, UIDNEXT = 2, UIDVALIDITY = 4, UNSEEN = 8, HIGHESTMODSEQ = 64 };
	unsigned items = UIDVALIDITY;

	if (!(s->row->box.rights & RIGHT_READ) || s->id == c->s->box_id)
		return;
	items |= messages ? MESSAGES | UIDNEXT : 0;
	items |= s->events & IMAP_EVENT_FLAGS ? UNSEEN : 0;
	items |= c->s->condstore ? HIGHESTMODSEQ : 0;
	imap_status_put(c, s->name, &s->row->box, items);
}

static bool is_own(const struct imap_call *c, struct span name)
{
	for (size_t i = 0; i < c->n_own_names && i < 2; i++)
		if (below(name, c->own_name[i], IMAP_FILTER_SUBTREE))
			return true;
	return false;
}

static const struct mailbox_row *row_of(const struct telling *t, const struct notify_seen *s)
{
	for (size_t i = 0; i < t->n_rows; i++)
		if (s->id ? t->rows[i].box.id == s->id : span_eq(t->rows[i].name, s->name))
			return &t->rows[i];
	return NULL;
}

/* Asked for before; not any more, or not there. */
static void tell_gone(struct telling *t, const struct notify_seen *was)
{
	const struct mailbox_row *row;

	if (!was->id || !(was->events & IMAP_EVENT_NAME) || is_own(t->c, was->name))
		return;
	row = row_of(t, was);
	if (!row)
		put_gone(t->c, was);
	else if (!span_eq(row->name, was->name))
		put_list(t->c, row, was->name);
}

static void tell_new(struct telling *t, const struct notify_seen *is)
{
	if (!is->id)
		return;
	if ((is->events & IMAP_EVENT_NAME) && !is_own(t->c, is->name))
		put_list(t->c, is->row, SPAN_NONE);
	if ((is->events & IMAP_EVENT_NEW) && is->messages)
		put_status(t->c, is, true);
}

static void tell_changed(struct telling *t, const struct notify_seen *was, const struct notify_seen *is)
{
	if (!is->id)
		return;
	if ((is->events & IMAP_EVENT_NAME) && !span_eq(was->name, is->name) && !is_own(t->c, is->name) && !is_own(t->c, was->name))
		put_list(t->c, is->row, was->name);
	if ((is->events & IMAP_EVENT_NEW) && (was->uidnext != is->uidnext || was->messages != is->messages))
		put_status(t->c, is, true);
	else if ((is->events & IMAP_EVENT_FLAGS) && was->modseq != is->modseq)
		put_status(t->c, is, false);
}

static void tell_boxes(struct telling *t)
{
	const struct notify_seen *was = t->n->seen, *is = t->now, *was_end = was + t->n->n_seen, *is_end = is + t->n_now;

	while (was < was_end || is < is_end) {
		int r = was == was_end ? 1 : is == is_end ? -1 : seen_cmp(was, is);

		if (r && was < was_end && is < is_end && was->id && was->id == is->id)
			r = 0; /* another name */
		if (r < 0)
			tell_gone(t, was++);
		else if (r > 0)
			tell_new(t, is++);
		else
			tell_changed(t, was++, is++);
	}
}

/* ---- subscriptions: names, whatever is behind them ---- */

static int name_cmp(const void *a, const void *b)
{
	const struct notify_seen *const *x = a, *const *y = b;

	return span_cmp((*x)->name, (*y)->name);
}

static const struct notify_seen **subscribed(struct arena *a, const struct notify_seen *v, size_t n, size_t *n_out)
{
	const struct notify_seen **out = ARENA_ARRAY(a, const struct notify_seen *, n + 1);

	*n_out = 0;
	for (size_t i = 0; i < n; i++)
		if (v[i].subscribed && (v[i].events & IMAP_EVENT_SUBSCRIPTION))
			out[(*n_out)++] = &v[i];
	qsort(out, *n_out, sizeof(*out), name_cmp);
	return out;
}

/* A name that is not asked for any more may still be subscribed. */
static void tell_unsubscribed(struct telling *t, const struct notify_seen *was)
{
	struct notify_seen by_name = { .name = was->name };
	const struct mailbox_row *row = row_of(t, &by_name);

	if (is_own(t->c, was->name) || (row && row->subscribed))
		return;
	if (row)
		put_list(t->c, row, SPAN_NONE);
	else
		put_gone(t->c, &by_name);
}

static void tell_subscriptions(struct telling *t)
{
	size_t n_was, n_is, i = 0, k = 0;
	const struct notify_seen **was = subscribed(t->c->arena, t->n->seen, t->n->n_seen, &n_was);
	const struct notify_seen **is = subscribed(t->c->arena, t->now, t->n_now, &n_is);

	while (i < n_was || k < n_is) {
		int r = i == n_was ? 1 : k == n_is ? -1 : span_cmp(was[i]->name, is[k]->name);

		if (r < 0)
			tell_unsubscribed(t, was[i]);
		else if (r > 0 && !is_own(t->c, is[k]->name))
			put_list(t->c, is[k]->row, SPAN_NONE);
		i += r <= 0;
		k += r >= 0;
	}
}

/* ---- the accounts to watch ---- */

static int add_account(struct imap_notify *n, uint64_t id, struct err *e)
{
	for (size_t i = 0; i < n->n_accounts; i++)
		if (n->accounts[i] == id)
			return 0;
	if (n->n_accounts == WATCH_ACCOUNTS_MAX)
		return imap_no(e, ERR_LIMIT, "Too many accounts share mailboxes with this one");
	n->accounts[n->n_accounts++] = id;
	return 0;
}

/* The own account always: what is shared with it is published there. True: others than before. */
static int accounts(struct telling *t, bool *other_out, struct err *e)
{
	struct imap_notify now = { 0 };

	if (add_account(&now, t->c->who, e) < 0)
		return e->code;
	for (size_t i = 0; i < t->n_now; i++)
		if (t->now[i].id && add_account(&now, t->now[i].row->box.account_id, e) < 0)
			return e->code;
	*other_out = now.n_accounts != t->n->n_accounts;
	for (size_t i = 0; i < now.n_accounts && !*other_out; i++)
		*other_out = now.accounts[i] != t->n->accounts[i];
	t->n->n_accounts = now.n_accounts;
	for (size_t i = 0; i < now.n_accounts; i++)
		t->n->accounts[i] = now.accounts[i];
	return 0;
}

static void watch(struct imap_call *c, const struct imap_notify *n)
{
	c->call->house->watch_accounts(c->call->house, c->call->session->id, n ? n->accounts : NULL, n ? n->n_accounts : 0);
}

/* ---- telling ---- */

static int tell(struct tx *tx, void *arg, struct err *e)
{
	struct telling *t = arg;
	int r;

	t->c->out->n = t->out_at;
	t->c->tx = tx;
	r = look(t, e);
	t->c->tx = NULL;
	if (r < 0)
		return r;
	if (t->status) {
		for (size_t i = 0; i < t->n_now; i++)
			if (t->now[i].id && (t->now[i].events & IMAP_EVENT_NEW))
				put_status(t->c, &t->now[i], true);
	} else if (t->n->seen) {
		tell_boxes(t);
		tell_subscriptions(t);
	}
	return 0;
}

/* One look at the store; the picture is then what was told. */
static int step(struct imap_call *c, struct imap_notify *n, bool status, bool *other_out, struct err *e)
{
	struct telling t = { .c = c, .n = n, .out_at = c->out->n, .told = arena_new(), .status = status };

	if (store_read(c->store, tell, &t, e) < 0 || accounts(&t, other_out, e) < 0) {
		c->out->n = t.out_at;
		arena_free(t.told);
		return e->code;
	}
	for (size_t i = 0; i < t.n_now; i++)
		t.now[i].row = NULL;
	if (n->told)
		arena_free(n->told);
	n->told = t.told;
	n->seen = t.now;
	n->n_seen = t.n_now;
	return 0;
}

void notify_overflow(struct imap_call *c)
{
	notify_free(c->s->notify);
	c->s->notify = notify_lost();
	watch(c, NULL);
}

void notify_tell(struct imap_call *c)
{
	struct imap_notify *n = c->s->notify;
	struct err e = ERR_INIT;
	bool other = true;

	/* twice: accounts that are watched from now on may have changed before */
	for (int i = 0; i < 2 && other && n->n_accounts; i++) {
		other = false;
		if (!c->call->house->news(c->call->house, c->call->session->id))
			break;
		if (c->out->n > OUT_MAX || step(c, n, false, &other, &e) < 0) {
			notify_overflow(c);
			n = c->s->notify;
		} else if (other) {
			watch(c, n);
		}
	}
	if (!n->overflow)
		return;
	n->overflow = false;
	buf_addz(c->out, "* OK [NOTIFICATIONOVERFLOW] Too much to tell, ask again with NOTIFY\r\n");
}

/* ---- the command ---- */

static int names_decode(struct imap_call *c, struct imap_notify *n, struct err *e)
{
	for (size_t i = 0; i < n->n; i++) {
		for (size_t k = 0; k < n->group[i].n_names; k++) {
			struct span *name = &n->group[i].names[k];

			if (imap_mailbox_decode(n->asked, *name, c->s->utf8, name, e) < 0)
				return e->code;
			if (span_ieqz(*name, "INBOX"))
				*name = SPAN("INBOX");
		}
	}
	return 0;
}

/* The groups point into the tokens, which end with the command. */
static int parse(struct imap_call *c, struct imap_notify *n, bool *status_out, struct err *e)
{
	const struct cmd *cmd = c->call->cmd;
	struct tok *tok;
	struct imap_notify_args args;
	struct imap_args g;

	n->asked = arena_new();
	tok = ARENA_ARRAY(n->asked, struct tok, cmd->ntok + 1);
	for (size_t i = 0; i < cmd->ntok; i++)
		tok[i] = (struct tok){ .kind = cmd->tok[i].kind, .text = arena_span(n->asked, cmd->tok[i].text) };
	g = imap_args(tok, cmd->ntok);
	if (imap_notify_parse(n->asked, &g, &args, e) < 0) {
		if (args.bad_event && e->code == ERR_PARAM)
			c->no_code = "BADEVENT (" IMAP_NOTIFY_EVENTS ")";
		return e->code;
	}
	*status_out = args.status;
	n->group = args.group;
	n->n = args.n;
	for (size_t i = 0; i < n->n; i++)
		if (n->group[i].filter == IMAP_FILTER_SELECTED || n->group[i].filter == IMAP_FILTER_SELECTED_DELAYED)
			n->selected = &n->group[i];
	if (arena_used(n->asked) > NOTIFY_BYTES_MAX)
		return imap_no(e, ERR_LIMIT, "NOTIFY asks for too much");
	return names_decode(c, n, e);
}

/* Watched before it is looked at: nothing falls in between. */
static int begin(struct imap_call *c, struct imap_notify *n, bool status, struct err *e)
{
	bool other, elsewhere = false;

	for (size_t i = 0; i < n->n; i++)
		elsewhere |= &n->group[i] != n->selected && n->group[i].events;
	if (!elsewhere) {
		watch(c, NULL);
		return 0;
	}
	if (step(c, n, false, &other, e) < 0)
		return e->code;
	watch(c, n);
	(void)c->call->house->news(c->call->house, c->call->session->id); /* those are in the picture */
	return step(c, n, status, &other, e);
}

int imap_notify(struct imap_call *c, struct err *e)
{
	struct imap_notify *n = notify_new();
	bool status = false;

	if (parse(c, n, &status, e) < 0) {
		notify_free(n);
		return e->code;
	}
	if (begin(c, n, status, e) < 0) {
		watch(c, c->s->notify); /* as before */
		notify_free(n);
		return e->code;
	}
	notify_free(c->s->notify);
	c->s->notify = n;
	c->text = "NOTIFY completed";
	return 0;
}

/* The gate asks, between commands, after a notice. */
int imap_notice(struct imap_call *c, struct err *e)
{
	const struct imap_notify *n = c->s->notify;

	c->answered = true;
	if (c->s->at != ST_SELECTED || !n || !n->selected)
		return 0;
	return imap_sync(c, n->selected->filter == IMAP_FILTER_SELECTED, e);
}
