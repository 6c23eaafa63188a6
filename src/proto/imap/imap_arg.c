/* imap_arg.c - arguments that many commands take, and what they need of the selected mailbox. */
#include "proto/imap/imap_int.h"

int imap_arg_mailbox(struct imap_call *c, struct span *name_out, struct err *e)
{
	struct span wire;

	if (!imap_args_astring(&c->args, &wire))
		return imap_bad(e, "Mailbox name expected");
	return imap_mailbox_decode(c->arena, wire, c->s->utf8, name_out, e);
}

int imap_arg_end(struct imap_call *c, struct err *e)
{
	return imap_args_done(&c->args, e);
}

static int set_from_seqs(struct imap_call *c, struct span text, struct imap_set *uids_out, struct err *e)
{
	const struct uid_set *known = c->s->view.uids;
	uint32_t max = uid_set_count(known);
	struct imap_set seqs;

	if (imap_set_parse(c->arena, text, max, &seqs, e) < 0)
		return e->code;
	if (seqs.n && seqs.v[seqs.n - 1].hi > max)
		return imap_bad(e, "No message has this number");
	uid_set_from_seqs(c->arena, known, &seqs, uids_out);
	return 0;
}

int imap_arg_set(struct imap_call *c, struct imap_set *uids_out, struct err *e)
{
	const struct uid_set *known = c->s->view.uids;
	struct imap_set uids;
	struct span text;

	if (!imap_args_atom(&c->args, &text))
		return imap_bad(e, "Message set expected");
	if (span_eqz(text, "$")) {
		uid_set_existing(c->arena, known, &c->s->saved, uids_out);
		return 0;
	}
	if (!c->uid)
		return set_from_seqs(c, text, uids_out, e);
	if (imap_set_parse(c->arena, text, uid_set_max(known), &uids, e) < 0)
		return e->code;
	uid_set_existing(c->arena, known, &uids, uids_out);
	return 0;
}

uint64_t imap_limit(const struct imap_call *c)
{
	return c->call->house->message_limit ? c->call->house->message_limit : IMAP_MESSAGE_LIMIT;
}

void imap_limit_cut(struct imap_call *c, struct imap_set *uids)
{
	struct imap_partial newest = { 1, (uint32_t)imap_limit(c), true };
	struct imap_set all = *uids;

	if (imap_set_count(uids) <= newest.hi)
		return;
	imap_partial_cut(c->arena, &all, &newest, uids);
	c->limit_uid = uids->v[0].lo;
}

int imap_limit_all(struct imap_call *c, const struct imap_set *uids, struct err *e)
{
	struct imap_set newest = *uids;

	imap_limit_cut(c, &newest);
	if (!c->limit_uid)
		return 0;
	c->no_code = arena_printf(c->arena, "MESSAGELIMIT %llu %u", (unsigned long long)imap_limit(c), c->limit_uid).p;
	return imap_no(e, ERR_LIMIT, "Too many messages, please take fewer at a time");
}

int imap_arg_flags(struct imap_call *c, struct span **flags_out, size_t *n_out, struct err *e)
{
	struct imap_args list, *g = &c->args;
	size_t n = 0, cap = c->args.n - c->args.at;
	struct span *v;

	if (imap_args_is_list(g)) {
		if (!imap_args_list(g, &list))
			return imap_bad(e, "Flag list expected");
		g = &list;
	}
	v = ARENA_ARRAY(c->arena, struct span, cap + 1);
	while (n <= cap && imap_args_atom(g, &v[n]))
		n++;
	if (!imap_args_end(g))
		return imap_bad(e, "Flags are atoms");
	*flags_out = v;
	*n_out = n;
	return 0;
}

static const struct {
	const char *name;
	uint64_t bit;
} system_flags[] = {
	{ "\\Seen", FLAG_SEEN }, { "\\Answered", FLAG_ANSWERED }, { "\\Flagged", FLAG_FLAGGED },
	{ "\\Deleted", FLAG_DELETED }, { "\\Draft", FLAG_DRAFT },
};

static uint64_t system_bit(struct span flag)
{
	for (size_t i = 0; i < sizeof(system_flags) / sizeof(*system_flags); i++)
		if (span_ieqz(flag, system_flags[i].name))
			return system_flags[i].bit;
	return 0;
}

int imap_flag_bits(struct imap_call *c, struct mailbox *box, const struct span *flags, size_t n, bool add,
	uint64_t *bits_out, struct err *e)
{
	struct err miss = ERR_INIT;
	uint64_t bit;

	*bits_out = 0;
	for (size_t i = 0; i < n; i++) {
		if (flags[i].n && flags[i].p[0] == '\\') {
			bit = system_bit(flags[i]);
			if (!bit)
				return imap_bad(e, "No such system flag");
		} else if (flags[i].n > 100) {
			return imap_no(e, ERR_LIMIT, "Keyword too long");
		} else if (add) {
			if (mailbox_keyword(c->org, c->tx, c->arena, box, flags[i], true, &bit, e) < 0)
				return e->code;
		} else if (mailbox_keyword(c->org, c->tx, c->arena, box, flags[i], false, &bit, &miss) < 0) {
			if (miss.code != ERR_MISSING)
				return *e = miss, miss.code;
			err_clear(&miss);
			bit = 0;
		}
		*bits_out |= bit;
	}
	return 0;
}

int imap_need(struct imap_call *c, uint32_t right, struct err *e)
{
	if ((c->s->rights & right) == right)
		return 0;
	return imap_no(e, ERR_DENIED, "Not allowed in this mailbox");
}

int imap_box(struct imap_call *c, struct mailbox *out, struct err *e)
{
	if (mailbox_get(c->org, c->tx, c->arena, c->s->box_id, out, e) < 0)
		return e->code;
	out->rights = c->s->rights;
	return 0;
}

/* RFC 7162 section 3.1: the first command that shows interest switches it on. */
void imap_condstore_on(struct imap_call *c)
{
	if (c->s->condstore)
		return;
	c->s->condstore = true;
	if (c->s->at == ST_SELECTED)
		buf_addf(c->out, "* OK [HIGHESTMODSEQ %llu] Now with change numbers\r\n",
			(unsigned long long)c->s->view.modseq);
}

void imap_more_end(struct imap_session *s)
{
	if (s->more)
		arena_free(s->more);
	s->more = NULL;
	s->more_tok = NULL;
	s->more_ntok = 0;
	s->more_missing = false;
	s->more_boxes = NULL;
	s->more_nboxes = 0;
}

void imap_more_begin(struct imap_call *c)
{
	const struct cmd *cmd = c->call->cmd;
	struct imap_session *s = c->s;

	if (s->more)
		return;
	s->more = arena_new();
	s->more_tok = ARENA_ARRAY(s->more, struct tok, cmd->ntok + 1);
	s->more_ntok = cmd->ntok;
	s->more_run = c->row->run;
	for (size_t i = 0; i < cmd->ntok; i++) {
		s->more_tok[i] = cmd->tok[i];
		s->more_tok[i].text = arena_span(s->more, cmd->tok[i].text);
		s->more_tok[i].value = SPAN_NONE;
	}
}

struct in_tx {
	struct imap_call *c;
	int (*fn)(struct imap_call *, struct err *);
};

static int in_tx(struct tx *tx, void *arg, struct err *e)
{
	struct in_tx *t = arg;
	int r;

	t->c->tx = tx;
	r = t->fn(t->c, e);
	t->c->tx = NULL;
	return r;
}

int imap_in_read(struct imap_call *c, int (*fn)(struct imap_call *, struct err *), struct err *e)
{
	struct in_tx t = { c, fn };

	return store_read(c->store, in_tx, &t, e);
}

int imap_in_write(struct imap_call *c, int (*fn)(struct imap_call *, struct err *), struct err *e)
{
	struct in_tx t = { c, fn };

	return store_write(c->store, in_tx, &t, e);
}
