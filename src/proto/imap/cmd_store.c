/* cmd_store.c - STORE and UID STORE (RFC 9051 6.4.6; UNCHANGEDSINCE: RFC 7162 section 3.1.3).
 *
 * store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
 * The client hears FLAGS of all messages it named unless .SILENT; with CONDSTORE it hears MODSEQ in any case. */
#include "proto/imap/imap_int.h"

struct request {
	enum flag_change how;
	bool silent, conditional;
	uint64_t unchangedsince;
};

static int parse(struct imap_call *c, struct request *ch, struct err *e)
{
	struct imap_args mods;
	struct span item;

	*ch = (struct request){ .unchangedsince = UINT64_MAX };
	if (imap_args_is_list(&c->args)) {
		if (!imap_args_list(&c->args, &mods) || !imap_args_word(&mods, "UNCHANGEDSINCE") ||
			!imap_args_number(&mods, &ch->unchangedsince, 0, INT64_MAX) || !imap_args_end(&mods))
			return imap_bad(e, "UNCHANGEDSINCE and a change number expected");
		ch->conditional = true;
	}
	if (!imap_args_atom(&c->args, &item) || !item.n)
		return imap_bad(e, "FLAGS, +FLAGS or -FLAGS expected");
	ch->how = item.p[0] == '+' ? FLAGS_ADD : item.p[0] == '-' ? FLAGS_REMOVE : FLAGS_REPLACE;
	if (ch->how != FLAGS_REPLACE)
		item = span_from(item, 1);
	ch->silent = span_ieqz(item, "FLAGS.SILENT");
	if (!ch->silent && !span_ieqz(item, "FLAGS"))
		return imap_bad(e, "FLAGS, +FLAGS or -FLAGS expected");
	if (imap_args_end(&c->args)) /* only "()" clears them */
		return imap_bad(e, "Flags expected");
	return 0;
}

/* What one may not touch stays as it is (message_flag); being able to change nothing at all is refused (RFC 4314
 * section 4). Keywords that are not there yet count as such. */
static int allowed(struct imap_call *c, const struct request *ch, const struct span *flags, size_t n, struct err *e)
{
	uint64_t mask = mailbox_flags_mask(c->s->rights);
	bool may = n == 0 && mask;

	for (size_t i = 0; i < n; i++)
		may |= (mask & (span_ieqz(flags[i], "\\Seen") ? FLAG_SEEN : span_ieqz(flags[i], "\\Deleted") ? FLAG_DELETED :
			FLAG_FLAGGED)) != 0;
	if (ch->how == FLAGS_REPLACE)
		may |= mask != 0;
	return may ? 0 : imap_no(e, ERR_DENIED, "Not allowed in this mailbox");
}

static int put_changed(struct imap_call *c, const struct mailbox *box, const struct imap_set *uids, bool silent,
	const struct imap_set *skip, struct err *e)
{
	struct message_walk *w;
	struct message m;
	int r;

	c->own = ARENA_ARRAY(c->arena, struct flags_changed, imap_set_count(uids) + 1);
	c->n_own = 0;
	if (message_walk_open(c->org, c->tx, c->arena, box, uids, WANT_META, &w, e) < 0)
		return e->code;
	while ((r = message_walk_next(w, &m, e)) > 0) {
		if (imap_set_contains(skip, m.uid))
			continue;
		c->own[c->n_own++] = (struct flags_changed){ .uid = m.uid, .modseq = m.modseq, .flags = m.flags };
		if (silent && !c->s->condstore)
			continue;
		imap_put_fetch(c, c->s->view.uids, m.uid);
		if (!c->s->uidonly && (c->uid || c->s->qresync))
			buf_addf(c->out, "UID %u ", m.uid);
		if (!silent) {
			buf_addz(c->out, "FLAGS ");
			imap_put_flags(c->out, box, m.flags);
		}
		if (c->s->condstore)
			buf_addf(c->out, "%sMODSEQ (%llu)", silent ? "" : " ", (unsigned long long)m.modseq);
		buf_addz(c->out, ")\r\n");
	}
	message_walk_close(w);
	return r;
}

static struct span modified_code(struct imap_call *c, const struct imap_set *modified)
{
	struct imap_set seqs = { 0 };
	struct imap_set_iter it = imap_set_iter(modified);
	uint32_t uid;
	SCOPED_BUF b;

	buf_init(&b, 1u << 20);
	buf_addz(&b, "MODIFIED ");
	if (c->uid) {
		imap_set_format(&b, modified);
	} else {
		while (imap_set_next(&it, &uid))
			imap_set_add(c->arena, &seqs, uid_set_seq(c->s->view.uids, uid));
		imap_set_format(&b, &seqs);
	}
	return arena_span(c->arena, buf_span(&b));
}

/* $Junk and $NotJunk (IANA's registry of keywords), when they are new to a message. */
static void learn(struct imap_call *c, const struct mailbox *box, const struct request *ch, const struct span *flags, size_t n_flags,
	const struct flags_changed *changed, size_t n)
{
	struct imap_set uids = { 0 };
	bool junk = false, not_junk = false;

	for (size_t i = 0; i < n_flags && ch->how == FLAGS_ADD; i++) {
		junk |= span_ieqz(flags[i], "$Junk");
		not_junk |= span_ieqz(flags[i], "$NotJunk");
	}
	if (junk == not_junk || (junk && box->special == SPECIAL_JUNK))
		return;
	for (size_t i = 0; i < n; i++)
		imap_set_add(c->arena, &uids, changed[i].uid);
	imap_lesson(c, box, &uids, junk);
}

int imap_store(struct imap_call *c, struct err *e)
{
	struct imap_set uids, modified = { 0 };
	struct flags_changed *changed;
	struct request ch;
	struct mailbox box;
	struct span *flags;
	size_t n, n_flags;
	uint64_t bits;
	bool up_to_date;                 /* nobody else has changed anything: there is nothing to sync afterwards */

	if (imap_arg_set(c, &uids, e) < 0 || parse(c, &ch, e) < 0 || imap_arg_flags(c, &flags, &n_flags, e) < 0 ||
		imap_arg_end(c, e) < 0 || imap_box(c, &box, e) < 0 || allowed(c, &ch, flags, n_flags, e) < 0 ||
		imap_flag_bits(c, &box, flags, n_flags, ch.how != FLAGS_REMOVE && (box.rights & RIGHT_WRITE), &bits, e) < 0)
		return e->code;
	if (ch.conditional)
		imap_condstore_on(c);
	c->text = "STORE completed";
	imap_limit_cut(c, &uids);
	up_to_date = box.modseq == c->s->view.modseq && !c->s->view.flags_modseq && !c->s->notify && !c->s->contexts;
	if (!uids.n)
		return 0;
	if (message_flag(c->org, c->tx, c->arena, &box, &uids, ch.how, bits, ch.unchangedsince, &changed, &n,
		&modified, e) < 0)
		return e->code;
	if (imap_event_flags(c, &box, changed, n, e) < 0)
		return e->code;
	if (up_to_date)
		c->reached = n ? changed[0].modseq : box.modseq;
	learn(c, &box, &ch, flags, n_flags, changed, n);
	if (box.n_keywords != c->s->n_keywords)
		imap_put_flag_lines(c, &box);
	if (modified.n)
		c->code = modified_code(c, &modified);
	if (c->reached && ch.silent && !c->s->condstore)
		return 0;
	return put_changed(c, &box, &uids, ch.silent, &modified, e);
}
