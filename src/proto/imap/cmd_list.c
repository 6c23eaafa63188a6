/* cmd_list.c - LIST with selection and return options (RFC 9051 6.3.9, 5258, 5819, 6154) and LSUB (RFC 3501 6.3.9). */
#include "codec/imap/imap_match.h"
#include "proto/imap/imap_int.h"

#define PATTERNS_MAX 16

struct list {
	bool subscribed, remote, recursive, special;            /* selection */
	bool ret_subscribed, ret_children, ret_special, ret_rights, extended;
	unsigned status;                                        /* items, 0: none */
	struct imap_pattern *pattern[PATTERNS_MAX];
	size_t n_patterns;
	struct span *metadata;                                  /* names of entries */
	size_t n_metadata;
};

static int selection(struct imap_args *g, struct list *l, struct err *e)
{
	struct imap_args list;

	if (!imap_args_list(g, &list))
		return imap_bad(e, "Selection options expected");
	l->extended = true;
	while (!imap_args_end(&list)) {
		if (imap_args_word(&list, "SUBSCRIBED"))
			l->subscribed = l->ret_subscribed = true;
		else if (imap_args_word(&list, "REMOTE"))
			l->remote = true;
		else if (imap_args_word(&list, "RECURSIVEMATCH"))
			l->recursive = true;
		else if (imap_args_word(&list, "SPECIAL-USE"))
			l->special = true;
		else
			return imap_bad(e, "Unknown selection option");
	}
	if (l->recursive && !l->subscribed && !l->special)
		return imap_bad(e, "RECURSIVEMATCH needs another selection option");
	return 0;
}

static int returns(struct imap_call *c, struct list *l, struct err *e)
{
	struct imap_args list;

	if (imap_args_end(&c->args))
		return 0;
	if (!imap_args_word(&c->args, "RETURN") || !imap_args_list(&c->args, &list))
		return imap_bad(e, "Return options expected");
	l->extended = true;
	while (!imap_args_end(&list)) {
		if (imap_args_word(&list, "SUBSCRIBED"))
			l->ret_subscribed = true;
		else if (imap_args_word(&list, "CHILDREN"))
			l->ret_children = true;
		else if (imap_args_word(&list, "SPECIAL-USE"))
			l->ret_special = true;
		else if (imap_args_word(&list, "MYRIGHTS")) /* RFC 8440 */
			l->ret_rights = true;
		else if (imap_args_word(&list, "METADATA")) {
			if (imap_list_metadata_parse(c, &list, &l->metadata, &l->n_metadata, e) < 0)
				return e->code;
		} else if (!imap_args_word(&list, "STATUS"))
			return imap_bad(e, "Unknown return option");
		else if (imap_status_parse(c, &list, &l->status, e) < 0)
			return e->code;
	}
	return imap_arg_end(c, e);
}

static int add_pattern(struct imap_call *c, struct list *l, struct span reference, struct span pattern, struct err *e)
{
	struct span wire = arena_printf(c->arena, "%.*s%.*s", SPAN_F(reference), SPAN_F(pattern)), utf8;

	if (l->n_patterns == PATTERNS_MAX)
		return imap_no(e, ERR_LIMIT, "Too many patterns");
	if (imap_mailbox_decode(c->arena, wire, c->s->utf8, &utf8, e) < 0)
		return e->code;
	l->pattern[l->n_patterns] = ARENA_NEW(c->arena, struct imap_pattern);
	return imap_pattern_init(l->pattern[l->n_patterns++], utf8, MAILBOX_DELIMITER, e);
}

/* mbox-or-pat: one list-mailbox or a list of them; *root_out when the pattern is "" (only the delimiter is asked) */
static int patterns(struct imap_call *c, struct list *l, bool *root_out, struct err *e)
{
	struct imap_args list;
	struct span reference, pattern;

	*root_out = false;
	if (!imap_args_astring(&c->args, &reference))
		return imap_bad(e, "Reference name expected");
	if (reference.n > IMAP_PATTERN_MAX)
		return imap_no(e, ERR_TOOBIG, "Pattern too long");
	if (imap_args_list(&c->args, &list)) {
		l->extended = true;
		while (imap_args_astring(&list, &pattern))
			if (pattern.n > IMAP_PATTERN_MAX || add_pattern(c, l, reference, pattern, e) < 0)
				return e->code ? e->code : imap_no(e, ERR_TOOBIG, "Pattern too long");
		return imap_args_end(&list) && l->n_patterns ? 0 : imap_bad(e, "Patterns expected");
	}
	if (!imap_args_astring(&c->args, &pattern))
		return imap_bad(e, "Pattern expected");
	if (pattern.n > IMAP_PATTERN_MAX)
		return imap_no(e, ERR_TOOBIG, "Pattern too long");
	*root_out = !pattern.n && !l->extended;
	return add_pattern(c, l, reference, pattern, e);
}

static bool matches(const struct list *l, struct span name)
{
	for (size_t i = 0; i < l->n_patterns; i++)
		if (imap_pattern_match(l->pattern[i], name))
			return true;
	return false;
}

static bool selected(const struct list *l, const struct mailbox_row *row)
{
	if (l->subscribed && !row->subscribed)
		return false;
	if (l->special && !imap_special_name(row->box.special).n)
		return false;
	return l->subscribed || row->box.id || row->has_children;
}

static bool is_below(struct span name, struct span parent)
{
	return name.n > parent.n && span_starts(name, parent) && name.p[parent.n] == MAILBOX_DELIMITER;
}

/* A descendant that the selection takes and no pattern shows. */
static bool has_hidden_child(const struct list *l, const struct mailbox_row *rows, size_t n, size_t parent)
{
	for (size_t i = 0; i < n; i++)
		if (is_below(rows[i].name, rows[parent].name) && selected(l, &rows[i]) && !matches(l, rows[i].name))
			return true;
	return false;
}

static void put_row(struct imap_call *c, const struct list *l, const struct mailbox_row *row, bool childinfo)
{
	buf_addz(c->out, "* LIST ");
	imap_put_attributes(c->out, row, l->ret_children || !l->extended, l->ret_subscribed);
	buf_addz(c->out, " \"/\" ");
	imap_write_mailbox(c->out, row->name, c->s->utf8);
	if (childinfo)
		buf_addf(c->out, " (\"CHILDINFO\" (%s))", l->subscribed ? "\"SUBSCRIBED\"" : "\"SPECIAL-USE\"");
	buf_addz(c->out, "\r\n");
	if (l->status && row->box.id && (row->box.rights & RIGHT_READ))
		imap_status_put(c, row->name, &row->box, l->status);
	if (l->ret_rights && row->box.id)
		imap_myrights_put(c, row->name, &row->box);
}

int imap_list(struct imap_call *c, struct err *e)
{
	struct list l = { 0 };
	struct mailbox_row *rows;
	bool root;
	size_t n;

	if (imap_args_is_list(&c->args) && selection(&c->args, &l, e) < 0)
		return e->code;
	if (patterns(c, &l, &root, e) < 0 || returns(c, &l, e) < 0)
		return e->code;
	c->text = "LIST completed";
	if (root) {
		buf_addz(c->out, "* LIST (\\Noselect) \"/\" \"\"\r\n");
		return 0;
	}
	if (mailbox_list(c->org, c->tx, c->arena, c->who, &rows, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		bool take, child;

		if (!matches(&l, rows[i].name))
			continue;
		take = selected(&l, &rows[i]);
		child = l.recursive && has_hidden_child(&l, rows, n, i);
		if (take || child)
			put_row(c, &l, &rows[i], child);
		if ((take || child) && l.n_metadata && rows[i].box.id &&
			imap_list_metadata_put(c, rows[i].name, &rows[i].box, l.metadata, l.n_metadata, e) < 0)
			return e->code;
	}
	return 0;
}

/* "%" shows a level that is only above subscribed names as \Noselect (RFC 3501 6.3.9). */
int imap_lsub(struct imap_call *c, struct err *e)
{
	struct list l = { .subscribed = true };
	struct mailbox_row *rows;
	bool root;
	size_t n;

	if (patterns(c, &l, &root, e) < 0 || imap_arg_end(c, e) < 0 ||
		mailbox_list(c->org, c->tx, c->arena, c->who, &rows, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		if (!matches(&l, rows[i].name) || (!rows[i].subscribed && !has_hidden_child(&l, rows, n, i)))
			continue;
		buf_addf(c->out, "* LSUB (%s) \"/\" ", rows[i].subscribed && rows[i].box.id ? "" : "\\Noselect");
		imap_write_mailbox(c->out, rows[i].name, c->s->utf8);
		buf_addz(c->out, "\r\n");
	}
	c->text = "LSUB completed";
	return 0;
}
