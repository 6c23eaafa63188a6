/* cmd_metadata.c - GETMETADATA, SETMETADATA (RFC 5464), METADATA for LIST (RFC 9590). */
#include "domain/mail/metadata.h"
#include "proto/imap/imap_int.h"

#define ENTRIES_MAX 64 /* named in one command */

struct wanted {
	uint64_t max_size;
	int depth; /* 0, 1, or 2: all below */
	bool has_max;
	uint64_t longest; /* of what was left out */
};

/* getmetadata-options = "(" option *(SP option) ")"; option = "MAXSIZE" SP number / "DEPTH" SP ("0" / "1" / "infinity") */
static int options(struct imap_args *g, struct wanted *w, struct err *e)
{
	struct imap_args list;

	if (!imap_args_list(g, &list))
		return imap_bad(e, "Options expected");
	while (!imap_args_end(&list)) {
		if (imap_args_word(&list, "MAXSIZE")) {
			if (!imap_args_number(&list, &w->max_size, 0, UINT32_MAX))
				return imap_bad(e, "MAXSIZE takes a number");
			w->has_max = true;
		} else if (imap_args_word(&list, "DEPTH")) {
			if (imap_args_word(&list, "0"))
				w->depth = 0;
			else if (imap_args_word(&list, "1"))
				w->depth = 1;
			else if (imap_args_word(&list, "infinity"))
				w->depth = 2;
			else
				return imap_bad(e, "DEPTH is 0, 1 or infinity");
		} else {
			return imap_bad(e, "Unknown option");
		}
	}
	return 0;
}

/* None for "": the server. */
static int place(struct imap_call *c, struct span name, struct mailbox *box, struct mailbox **out, struct err *e)
{
	*out = NULL;
	if (!name.n)
		return 0;
	*out = box;
	return mailbox_find(c->org, c->tx, c->arena, c->who, name, box, e);
}

static int take_place(struct imap_call *c, struct span *name, struct mailbox *box, struct mailbox **out, struct err *e)
{
	struct span wire;

	*name = SPAN("");
	*out = NULL;
	if (!imap_args_astring(&c->args, &wire))
		return imap_bad(e, "Mailbox name expected");
	if (wire.n && imap_mailbox_decode(c->arena, wire, c->s->utf8, name, e) < 0)
		return e->code;
	return place(c, *name, box, out, e);
}

static int bad_name(struct err *e)
{
	err_clear(e);
	return imap_bad(e, "Names of entries begin with /private/ or /shared/");
}

/* entries = entry / "(" entry *(SP entry) ")" */
static int entry_names(struct imap_call *c, struct imap_args *g, struct span *v, size_t *n, struct err *e)
{
	struct imap_args list, *from = g;
	struct span raw;

	if (imap_args_is_list(g)) {
		if (!imap_args_list(g, &list))
			return imap_bad(e, "Entries expected");
		from = &list;
	}
	for (*n = 0; imap_args_astring(from, &raw); ++*n) {
		if (*n == ENTRIES_MAX)
			return imap_no(e, ERR_LIMIT, "Too many entries");
		if (metadata_name(c->arena, raw, &v[*n], e) < 0)
			return bad_name(e);
		if (from == g && ++*n)
			break;
	}
	return *n && (from == g || imap_args_end(&list)) ? 0 : imap_bad(e, "Entries expected");
}

static bool covers(const struct wanted *w, struct span asked, struct span name)
{
	if (span_eq(asked, name))
		return true;
	if (!w->depth || name.n <= asked.n || !span_starts(name, asked) || name.p[asked.n] != '/')
		return false;
	return w->depth == 2 || span_chr(span_from(name, asked.n + 1), '/') < 0;
}

static void put_head(struct imap_call *c, struct span name, bool *begun)
{
	buf_addz(c->out, *begun ? " " : "* METADATA ");
	if (!*begun) {
		imap_write_mailbox(c->out, name, c->s->utf8);
		buf_addz(c->out, " (");
	}
	*begun = true;
}

static void put_value(struct imap_call *c, const struct metadata_entry *m)
{
	imap_write_astring(c->out, m->name, false);
	buf_addc(c->out, ' ');
	if (m->value.p && span_has_nul(m->value)) {
		imap_write_literal_len(c->out, m->value.n, true);
		buf_add(c->out, m->value);
	} else {
		imap_write_nstring(c->out, m->value, c->s->utf8);
	}
}

/* nil: what is asked for and not there is told, too (RFC 9590). */
static int put_entries(struct imap_call *c, struct span name, const struct mailbox *box, const struct span *asked, size_t n,
	struct wanted *w, bool nil, struct err *e)
{
	struct metadata_entry *v;
	bool begun = false;
	size_t n_v;

	if (metadata_list(c->org, c->tx, c->arena, c->who, box, &v, &n_v, e) < 0)
		return e->code;
	for (size_t i = 0; i < n_v; i++) {
		bool take = false;

		for (size_t k = 0; k < n && !take; k++)
			take = covers(w, asked[k], v[i].name);
		if (take && w->has_max && v[i].value.n > w->max_size) {
			w->longest = v[i].value.n > w->longest ? v[i].value.n : w->longest;
			continue;
		}
		if (!take)
			continue;
		put_head(c, name, &begun);
		put_value(c, &v[i]);
	}
	for (size_t k = 0; nil && k < n; k++) {
		struct metadata_entry none = { .name = asked[k] };
		bool there = false;

		for (size_t i = 0; i < n_v; i++)
			there |= span_eq(v[i].name, asked[k]);
		if (there)
			continue;
		put_head(c, name, &begun);
		put_value(c, &none);
	}
	if (begun)
		buf_addz(c->out, ")\r\n");
	return 0;
}

static bool options_follow(const struct imap_args *g)
{
	struct imap_args look = *g, list;

	return imap_args_is_list(&look) && imap_args_list(&look, &list) &&
		(imap_args_word(&list, "MAXSIZE") || imap_args_word(&list, "DEPTH"));
}

int imap_getmetadata(struct imap_call *c, struct err *e)
{
	struct span name, *asked = ARENA_ARRAY(c->arena, struct span, ENTRIES_MAX + 1);
	struct wanted w = { 0 };
	struct mailbox box, *at;
	size_t n;

	if (options_follow(&c->args) && options(&c->args, &w, e) < 0)
		return e->code;
	if (take_place(c, &name, &box, &at, e) < 0)
		return e->code;
	if (options_follow(&c->args) && options(&c->args, &w, e) < 0) /* where the RFC's examples have them */
		return e->code;
	if (entry_names(c, &c->args, asked, &n, e) < 0 || imap_arg_end(c, e) < 0 ||
		put_entries(c, name, at, asked, n, &w, false, e) < 0)
		return e->code;
	if (w.longest)
		c->code = arena_printf(c->arena, "METADATA LONGENTRIES %llu", (unsigned long long)w.longest);
	c->text = "GETMETADATA completed";
	return 0;
}

static int set_one(struct imap_call *c, struct imap_args *list, const struct mailbox *at, struct err *e)
{
	const struct tok *t;
	struct metadata_entry m;
	struct span raw;

	_Static_assert(METADATA_VALUE_MAX == 32768, "in the code");
	if (!imap_args_astring(list, &raw))
		return imap_bad(e, "Entry and value expected");
	if (metadata_name(c->arena, raw, &m.name, e) < 0)
		return bad_name(e);
	t = imap_args_peek(list);
	if (!imap_args_nstring(list, &m.value))
		return imap_bad(e, "Entry and value expected");
	if (t->kind != TOK_NIL && !m.value.n)
		m.value = SPAN("");
	if (t->kind != TOK_NIL && !at && imap_filter_check(c, m.name, m.value, e) < 0)
		return e->code;
	switch (metadata_set(c->org, c->tx, c->arena, c->who, at, &m, e)) {
	case ERR_TOOBIG:
		c->no_code = "METADATA MAXSIZE 32768";
		break;
	case ERR_LIMIT:
		c->no_code = "METADATA TOOMANY";
		break;
	case ERR_EXISTS:
		c->no_code = "OVERQUOTA";
		break;
	}
	return e->code;
}

/* All or none: the command is one transaction. */
int imap_setmetadata(struct imap_call *c, struct err *e)
{
	struct mailbox box, *at;
	struct imap_args list;
	struct span name;
	unsigned n = 0;

	if (take_place(c, &name, &box, &at, e) < 0)
		return e->code;
	if (!imap_args_list(&c->args, &list) || imap_args_end(&list))
		return imap_bad(e, "Entries and values expected");
	if (imap_arg_end(c, e) < 0)
		return e->code;
	while (!imap_args_end(&list)) {
		if (++n > ENTRIES_MAX)
			return imap_no(e, ERR_LIMIT, "Too many entries");
		if (set_one(c, &list, at, e) < 0)
			return e->code;
	}
	c->text = "SETMETADATA completed";
	return 0;
}

int imap_list_metadata_parse(struct imap_call *c, struct imap_args *g, struct span **names_out, size_t *n_out, struct err *e)
{
	*names_out = ARENA_ARRAY(c->arena, struct span, ENTRIES_MAX + 1);
	if (!imap_args_is_list(g))
		return imap_bad(e, "METADATA takes a list of entries");
	return entry_names(c, g, *names_out, n_out, e);
}

int imap_list_metadata_put(struct imap_call *c, struct span name, const struct mailbox *box, const struct span *names, size_t n,
	struct err *e)
{
	struct wanted w = { 0 };

	if (put_entries(c, name, box, names, n, &w, true, e) < 0 && (e->code == ERR_DENIED || e->code == ERR_MISSING))
		err_clear(e); /* seen in the list, but without a right that annotations need */
	return e->code;
}
