/* cmd_select.c - SELECT and EXAMINE with CONDSTORE and QRESYNC, CLOSE and UNSELECT.
 *
 * select-param =/ "CONDSTORE" / "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids]
 *                 [SP "(" known-sequence-set SP known-uid-set ")"] ")"   (RFC 7162 section 7)
 * The optional number-to-UID map only saves work; it is checked and not used. */
#include "proto/imap/imap_int.h"

struct params {
	bool condstore, qresync, numbers;
	uint64_t uidvalidity, modseq;
	struct span known;
};

static int qresync_params(struct imap_args *g, struct params *p, struct err *e)
{
	struct imap_args list, map;
	struct span seqs, uids;

	if (!imap_args_list(g, &list) || !imap_args_number(&list, &p->uidvalidity, 1, UINT32_MAX) ||
		!imap_args_number(&list, &p->modseq, 0, INT64_MAX))
		return imap_bad(e, "QRESYNC takes UIDVALIDITY and a change number");
	if (imap_args_atom(&list, &p->known) && !imap_set_valid(p->known))
		return imap_bad(e, "Known UIDs expected");
	p->numbers = imap_args_is_list(&list);
	if (imap_args_list(&list, &map) && (!imap_args_atom(&map, &seqs) || !imap_args_atom(&map, &uids) ||
		!imap_args_end(&map) || !imap_set_valid(seqs) || !imap_set_valid(uids)))
		return imap_bad(e, "Numbers and UIDs expected");
	if (!imap_args_end(&list))
		return imap_bad(e, "Too much in QRESYNC");
	p->qresync = p->condstore = true;
	return 0;
}

static int select_params(struct imap_call *c, struct params *p, struct err *e)
{
	struct imap_args list;

	*p = (struct params){ 0 };
	if (imap_args_is_list(&c->args)) {
		if (!imap_args_list(&c->args, &list))
			return imap_bad(e, "Parameter list expected");
		while (!imap_args_end(&list)) {
			if (imap_args_word(&list, "CONDSTORE"))
				p->condstore = true;
			else if (!imap_args_word(&list, "QRESYNC"))
				return imap_bad(e, "Unknown parameter");
			else if (!c->s->qresync)
				return imap_bad(e, "QRESYNC is not enabled");
			else if (qresync_params(&list, p, e) < 0)
				return e->code;
			else if (p->numbers && c->s->uidonly)
				return imap_uid_required(c, e);
		}
	}
	return imap_arg_end(c, e);
}

/* What went and what changed since the client's change number. */
static int put_resync(struct imap_call *c, const struct params *p, const struct mailbox *box, struct err *e)
{
	struct imap_session *s = c->s;
	struct mail_view then = s->view;
	struct mail_changes ch = { 0 };
	struct imap_set known, gone;

	if (p->uidvalidity != s->view.uidvalidity)
		return 0;
	if (p->known.n && imap_set_parse(c->arena, p->known, s->view.uidnext - 1, &known, e) < 0)
		return e->code;
	if (mail_vanished_since(c->tx, c->arena, &s->view, p->modseq, p->known.n ? &known : NULL, &gone, e) < 0)
		return e->code;
	if (gone.n) {
		buf_addz(c->out, "* VANISHED (EARLIER) ");
		imap_set_format(c->out, &gone);
		buf_addz(c->out, "\r\n");
	}
	then.modseq = p->modseq;
	if (mail_view_changes(c->call->house->mail, c->tx, c->arena, &then, false, &ch, e) < 0)
		return e->code;
	for (size_t i = 0; i < ch.n_flags; i++) {
		if (p->known.n && !imap_set_contains(&known, ch.flags[i].uid))
			continue;
		imap_put_fetch(c, s->view.uids, ch.flags[i].uid);
		if (!s->uidonly)
			buf_addf(c->out, "UID %u ", ch.flags[i].uid);
		buf_addz(c->out, "FLAGS ");
		imap_put_flags(c->out, box, ch.flags[i].flags);
		buf_addf(c->out, " MODSEQ (%llu))\r\n", (unsigned long long)ch.flags[i].modseq);
	}
	uid_set_unref(ch.after);
	return 0;
}

static void put_box(struct imap_call *c, struct span name, const struct mailbox *box)
{
	struct imap_session *s = c->s;
	struct mailbox_row row = { .box = *box };

	imap_put_flag_lines(c, box);
	buf_addf(c->out, "* %u EXISTS\r\n", uid_set_count(s->view.uids));
	if (!s->rev2)
		buf_addz(c->out, "* 0 RECENT\r\n");
	buf_addf(c->out, "* OK [UIDVALIDITY %u] UIDs are valid\r\n* OK [UIDNEXT %u] Next UID\r\n",
		s->view.uidvalidity, s->view.uidnext);
	buf_addf(c->out, "* OK [HIGHESTMODSEQ %llu] Highest change number\r\n",
		(unsigned long long)s->view.modseq);
	buf_addf(c->out, "* OK [MAILBOXID (F%llu)] Id\r\n", (unsigned long long)box->id);
	if (!s->rev2)
		return;
	buf_addz(c->out, "* LIST ");
	imap_put_attributes(c->out, &row, false, false);
	buf_addz(c->out, " \"/\" ");
	imap_write_mailbox(c->out, name, true);
	buf_addz(c->out, "\r\n");
}

static int open_box(struct imap_call *c, bool readonly, struct err *e)
{
	struct imap_session *s = c->s;
	struct params p;
	struct mailbox box;
	struct span name;

	if (imap_arg_mailbox(c, &name, e) < 0 || select_params(c, &p, e) < 0)
		return e->code;
	if (s->at == ST_SELECTED) {
		imap_unselect(c);
		if (s->rev2 || s->qresync)
			buf_addz(c->out, "* OK [CLOSED] The mailbox before is closed\r\n");
	}
	if (mailbox_find(c->org, c->tx, c->arena, c->who, name, &box, e) < 0)
		return e->code;
	if (mailbox_need(&box, RIGHT_READ, e) < 0)
		return e->code;
	c->call->house->watch(c->call->house, c->call->session->id, box.id);
	if (mail_view_open(c->call->house->mail, c->tx, box.id, &s->view, e) < 0)
		return e->code;
	s->box_id = box.id;
	s->box_account = box.account_id;
	s->box_shared = box.account_id != c->who;
	s->rights = box.rights;
	s->readonly = readonly || !(box.rights & (RIGHT_SEEN | RIGHT_WRITE | RIGHT_DELETE | RIGHT_EXPUNGE | RIGHT_INSERT));
	s->at = ST_SELECTED;
	s->condstore |= p.condstore;
	put_box(c, name, &box);
	if (p.qresync && put_resync(c, &p, &box, e) < 0) {
		imap_unselect(c);
		return e->code;
	}
	c->code = s->readonly ? SPAN("READ-ONLY") : SPAN("READ-WRITE");
	c->text = readonly ? "EXAMINE completed" : "SELECT completed";
	return 0;
}

int imap_select(struct imap_call *c, struct err *e)
{
	return open_box(c, false, e);
}

int imap_examine(struct imap_call *c, struct err *e)
{
	return open_box(c, true, e);
}

static int remove_deleted(struct imap_call *c, struct err *e)
{
	struct imap_set gone;
	struct mailbox box;
	uint64_t modseq;

	if (imap_box(c, &box, e) < 0)
		return e->code;
	return message_expunge(c->org, c->tx, c->arena, &box, NULL, false, &gone, &modseq, e);
}

int imap_close(struct imap_call *c, struct err *e)
{
	if (imap_arg_end(c, e) < 0)
		return e->code;
	if (!c->s->readonly && (c->s->rights & RIGHT_EXPUNGE) && imap_in_write(c, remove_deleted, e) < 0)
		return e->code;
	imap_unselect(c);
	return 0;
}

int imap_unselect_cmd(struct imap_call *c, struct err *e)
{
	if (imap_arg_end(c, e) < 0)
		return e->code;
	imap_unselect(c);
	return 0;
}
