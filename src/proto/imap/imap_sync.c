/* imap_sync.c - untagged data about what changed in the selected mailbox since the client last heard.
 *
 * Order: expunges (numbers of the old view, from the highest down), the new EXISTS, then flags by the new numbers.
 * What NOTIFY has not asked for is left out (RFC 5465): the client's view then stays where it is, but for what the
 * command itself has expunged.
 * RFC 9051 section 7.5.1: no EXPUNGE while FETCH, STORE or SEARCH by numbers are answered. */
#include "proto/imap/context.h"
#include "proto/imap/notify.h"

static void put_expunges(struct imap_call *c, const struct mail_changes *ch)
{
	size_t n = 0;

	if (!ch->vanished.n)
		return;
	if (c->s->qresync || c->s->uidonly) {
		buf_addz(c->out, "* VANISHED ");
		imap_set_format(c->out, &ch->vanished);
		buf_addz(c->out, "\r\n");
		return;
	}
	/* vanished_seqs has as many numbers as vanished has UIDs; count its ranges by that */
	for (uint64_t left = imap_set_count(&ch->vanished); left > 0; n++)
		left -= (uint64_t)ch->vanished_seqs[n].hi - ch->vanished_seqs[n].lo + 1;
	while (n-- > 0) {
		for (uint64_t i = ch->vanished_seqs[n].hi; i >= ch->vanished_seqs[n].lo; i--) {
			buf_addz(c->out, "* ");
			buf_addu(c->out, i);
			buf_addz(c->out, " EXPUNGE\r\n");
		}
	}
}

static bool is_own(const struct imap_call *c, const struct message_flags *f)
{
	size_t lo = 0, hi = c->n_own;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->own[mid].uid < f->uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->n_own && c->own[lo].uid == f->uid && c->own[lo].modseq == f->modseq;
}

static void put_flags(struct imap_call *c, const struct mail_changes *ch, const struct mailbox *box)
{
	struct buf *b = c->out;

	for (size_t i = 0; i < ch->n_flags; i++) {
		const struct message_flags *f = &ch->flags[i];

		if (!uid_set_seq(ch->after, f->uid) || is_own(c, f))
			continue;
		imap_put_fetch(c, ch->after, f->uid);
		if (!c->s->uidonly && (c->uid || c->s->qresync || c->s->rev2))
			buf_addf(b, "UID %u ", f->uid);
		buf_addz(b, "FLAGS ");
		imap_put_flags(b, box, f->flags);
		if (c->s->condstore)
			buf_addf(b, " MODSEQ (%llu)", (unsigned long long)f->modseq);
		buf_addz(b, ")\r\n");
	}
}

/* MessageNew with attributes. */
static void put_new(struct imap_call *c, const struct imap_set *arrived)
{
	const struct imap_notify_group *g = c->s->notify->selected;
	struct err e = ERR_INIT;

	if (g->n_items && imap_fetch_new(c, g->items, g->n_items, arrived, &e) != 0)
		notify_overflow(c);
}

int imap_sync(struct imap_call *c, bool expunge, struct err *e)
{
	struct mail *mail = c->call->house->mail;
	struct mail_changes ch = { 0 };
	struct mailbox box = { 0 };
	unsigned events = notify_selected(c->s);
	struct context_news *news = NULL;

	if (!events && !(c->row->flags & EXPUNGES))
		return 0;
	if (mail_view_changes(mail, c->tx, c->arena, &c->s->view, expunge, &ch, e) < 0)
		return e->code;
	if (ch.gone) {
		buf_addz(c->out, "* BYE The mailbox is gone\r\n");
		c->call->reply->next = NEXT_CLOSE;
		return 0;
	}
	if (!ch.any)
		return 0;
	if (c->s->contexts)
		news = contexts_look(c, &ch);
	if (!(events & IMAP_EVENT_FLAGS))
		ch.n_flags = 0;
	if (ch.n_flags && imap_box(c, &box, e) < 0) {
		uid_set_unref(ch.after);
		return e->code;
	}
	contexts_put_removed(c, news, ch.before);
	put_expunges(c, &ch);
	if (ch.arrived.n) {
		buf_addf(c->out, "* %u EXISTS\r\n", ch.exists);
		if (!c->s->rev2)
			buf_addz(c->out, "* 0 RECENT\r\n");
	}
	if (ch.n_flags && box.n_keywords != c->s->n_keywords)
		imap_put_flag_lines(c, &box);
	put_flags(c, &ch, &box);
	mail_view_apply(&c->s->view, &ch);
	contexts_put_added(c, news);
	if (ch.arrived.n && c->s->notify && c->s->notify->selected)
		put_new(c, &ch.arrived);
	return 0;
}
