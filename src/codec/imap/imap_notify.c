#include "codec/imap/imap_notify.h"

static int bad(struct err *e, const char *say, const struct imap_args *g)
{
	return err_set(e, ERR_SYNTAX, say, "token %zu of %zu", g->at, g->n);
}

static bool selected(const struct imap_notify_group *p)
{
	return p->filter == IMAP_FILTER_SELECTED || p->filter == IMAP_FILTER_SELECTED_DELAYED;
}

/* one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")" */
static int names_parse(struct arena *a, struct imap_args *g, struct imap_notify_group *p, size_t *left, struct err *e)
{
	struct imap_args list, *in = g;
	bool many = imap_args_is_list(g);

	if (many) {
		if (!imap_args_list(g, &list))
			return bad(e, "Mailbox names expected", g);
		in = &list;
	}
	p->names = ARENA_ARRAY(a, struct span, many ? list.n - list.at + 1 : 1);
	do {
		if (!*left)
			return err_set(e, ERR_LIMIT, "Too many mailbox names", "over %d", IMAP_NOTIFY_NAMES_MAX);
		if (!imap_args_astring(in, &p->names[p->n_names]))
			return bad(e, "Mailbox name expected", g);
		p->n_names++;
		--*left;
	} while (many && !imap_args_end(in));
	return 0;
}

static int filter_parse(struct arena *a, struct imap_args *g, struct imap_notify_group *p, size_t *left, struct err *e)
{
	static const char *const words[] = { [IMAP_FILTER_SELECTED] = "selected", [IMAP_FILTER_SELECTED_DELAYED] = "selected-delayed",
		[IMAP_FILTER_INBOXES] = "inboxes", [IMAP_FILTER_PERSONAL] = "personal", [IMAP_FILTER_SUBSCRIBED] = "subscribed",
		[IMAP_FILTER_SUBTREE] = "subtree", [IMAP_FILTER_SUBTREE_ONE] = "subtree-one", [IMAP_FILTER_MAILBOXES] = "mailboxes" };
	size_t i = IMAP_FILTER_SELECTED;

	while (i <= IMAP_FILTER_MAILBOXES && !imap_args_word(g, words[i]))
		i++;
	if (i > IMAP_FILTER_MAILBOXES)
		return bad(e, "Unknown kind of mailboxes", g);
	p->filter = (enum imap_filter)i;
	return i < IMAP_FILTER_SUBTREE ? 0 : names_parse(a, g, p, left, e);
}

/* message-event =/ "MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"] */
static int event_parse(struct arena *a, struct imap_args *g, struct imap_notify_group *p, bool *unknown, struct err *e)
{
	static const char *const words[] = { "MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange" };
	const size_t n = sizeof(words) / sizeof(*words);
	struct span word;
	size_t i = 0;

	while (i < n && !imap_args_word(g, words[i]))
		i++;
	if (i < n)
		p->events |= 1u << i;
	else if (imap_args_atom(g, &word))
		*unknown = true;
	else
		return bad(e, "Event expected", g);
	if (!imap_args_is_list(g))
		return 0;
	if (i > 0 && i < n)
		return bad(e, "This event takes no attributes", g);
	if (i == n)
		return imap_args_skip(g) ? 0 : bad(e, "Event expected", g);
	if (!selected(p) || p->n_items)
		return bad(e, "Attributes belong to new messages of the selected mailbox", g);
	return imap_fetch_parse(a, g, &p->items, &p->n_items, e);
}

/* events = "(" event *(SP event) ")" / "NONE" */
static int events_parse(struct arena *a, struct imap_args *g, struct imap_notify_group *p, bool *unknown, struct err *e)
{
	struct imap_args list;

	if (imap_args_word(g, "NONE"))
		return 0;
	if (!imap_args_list(g, &list) || imap_args_end(&list))
		return bad(e, "Events expected", g);
	do {
		int r = event_parse(a, &list, p, unknown, e);

		if (r < 0)
			return r;
	} while (!imap_args_end(&list));
	if (!(p->events & IMAP_EVENT_NEW) != !(p->events & IMAP_EVENT_EXPUNGE))
		return bad(e, "MessageNew and MessageExpunge go together", g);
	if ((p->events & IMAP_EVENT_FLAGS) && !(p->events & IMAP_EVENT_NEW))
		return bad(e, "FlagChange needs MessageNew and MessageExpunge", g);
	if (selected(p) && (p->events & ~(unsigned)IMAP_EVENT_MESSAGES))
		return bad(e, "Of the selected mailbox there are events of messages only", g);
	return 0;
}

/* event-group = "(" filter-mailboxes SP events ")" */
static int group_parse(struct arena *a, struct imap_args *g, struct imap_notify_args *out, size_t *left, struct err *e)
{
	struct imap_notify_group *p = &out->group[out->n];
	struct imap_args in;
	int r;

	if (out->n == IMAP_NOTIFY_GROUPS_MAX)
		return err_set(e, ERR_LIMIT, "Too many groups of events", "over %d", IMAP_NOTIFY_GROUPS_MAX);
	if (!imap_args_list(g, &in) || imap_args_end(&in))
		return bad(e, "Group of events expected", g);
	r = filter_parse(a, &in, p, left, e);
	if (r == 0)
		r = events_parse(a, &in, p, &out->bad_event, e);
	if (r < 0)
		return r;
	if (!imap_args_end(&in))
		return bad(e, "Too much in a group of events", g);
	for (size_t i = 0; i < out->n && selected(p); i++)
		if (selected(&out->group[i]))
			return bad(e, "The selected mailbox may be named once", g);
	out->n++;
	return 0;
}

/* notify = "NOTIFY" SP ("SET" [SP "STATUS"] 1*(SP event-group) / "NONE") */
int imap_notify_parse(struct arena *a, struct imap_args *g, struct imap_notify_args *out, struct err *e)
{
	size_t left = IMAP_NOTIFY_NAMES_MAX;
	int r;

	*out = (struct imap_notify_args){ 0 };
	if (imap_args_word(g, "NONE")) {
		out->none = true;
		return imap_args_done(g, e);
	}
	if (!imap_args_word(g, "SET"))
		return bad(e, "SET or NONE expected", g);
	out->status = imap_args_word(g, "STATUS");
	out->group = ARENA_ARRAY(a, struct imap_notify_group, IMAP_NOTIFY_GROUPS_MAX + 1);
	do {
		r = group_parse(a, g, out, &left, e);
		if (r < 0)
			return r;
	} while (!imap_args_end(g));
	return out->bad_event ? err_set(e, ERR_PARAM, "Not all of these events are offered", "event") : 0;
}
