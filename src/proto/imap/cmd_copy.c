/* cmd_copy.c - COPY, MOVE, EXPUNGE and their UID forms (RFC 9051 6.4.3, 6.4.7-6.4.9). */
#include "proto/imap/imap_int.h"

static struct span copyuid(struct imap_call *c, const struct mailbox *to, const struct imap_set *from,
	const struct imap_set *into)
{
	SCOPED_BUF b;

	buf_init(&b, 2u << 20);
	buf_addf(&b, "COPYUID %u ", to->uidvalidity);
	imap_set_format(&b, from);
	buf_addc(&b, ' ');
	imap_set_format(&b, into);
	return arena_span(c->arena, buf_span(&b));
}

static int copy(struct imap_call *c, bool move, struct err *e)
{
	struct imap_set uids, from = { 0 }, into = { 0 };
	struct mailbox box, to;
	struct span name;

	if (imap_arg_set(c, &uids, e) < 0 || imap_arg_mailbox(c, &name, e) < 0 || imap_arg_end(c, e) < 0 ||
		imap_box(c, &box, e) < 0 || (move && imap_need(c, RIGHT_DELETE | RIGHT_EXPUNGE, e) < 0))
		return e->code;
	if (mailbox_find(c->org, c->tx, c->arena, c->who, name, &to, e) < 0) {
		if (e->code == ERR_MISSING)
			c->no_code = "TRYCREATE";
		return e->code;
	}
	if (mailbox_need(&to, RIGHT_INSERT, e) < 0)
		return e->code;
	if (!uids.n)
		return 0;
	if (message_copy(c->org, c->tx, c->arena, &box, &to, &uids, move, &from, &into, e) < 0) {
		if (e->code == ERR_LIMIT)
			c->no_code = "OVERQUOTA";
		return e->code;
	}
	if (!from.n)
		return c->uid ? 0 : (c->no_code = "EXPUNGEISSUED", imap_no(e, ERR_MISSING, "The messages are gone"));
	if (imap_event(c, &to, EVENT_COPY, &into, e) < 0)
		return e->code;
	imap_lesson_moved(c, &box, &to, &into);
	if (move)
		buf_addf(c->out, "* OK [%.*s] Moved\r\n", SPAN_F(copyuid(c, &to, &from, &into)));
	else
		c->code = copyuid(c, &to, &from, &into);
	return 0;
}

int imap_copy(struct imap_call *c, struct err *e)
{
	c->text = "COPY completed";
	return copy(c, false, e);
}

int imap_move(struct imap_call *c, struct err *e)
{
	c->text = "MOVE completed";
	return copy(c, true, e);
}

static int expunge(struct imap_call *c, const struct imap_set *uids, struct err *e)
{
	struct imap_set gone = { 0 };
	struct mailbox box;
	uint64_t modseq = 0;

	if (imap_need(c, RIGHT_EXPUNGE, e) < 0 || imap_box(c, &box, e) < 0 ||
		message_expunge(c->org, c->tx, c->arena, &box, uids, false, &gone, &modseq, e) < 0)
		return e->code;
	if (gone.n && c->s->condstore)
		c->code = arena_printf(c->arena, "HIGHESTMODSEQ %llu", (unsigned long long)modseq);
	c->text = "EXPUNGE completed";
	return 0;
}

int imap_expunge(struct imap_call *c, struct err *e)
{
	if (imap_arg_end(c, e) < 0)
		return e->code;
	return expunge(c, NULL, e);
}

int imap_uid_expunge(struct imap_call *c, struct err *e)
{
	struct imap_set uids;

	if (imap_arg_set(c, &uids, e) < 0 || imap_arg_end(c, e) < 0)
		return e->code;
	return uids.n ? expunge(c, &uids, e) : 0;
}
