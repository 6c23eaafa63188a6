/* cmd_copy.c - COPY, MOVE, EXPUNGE and their UID forms (RFC 9051 6.4.3, 6.4.7-6.4.9). */
#include "proto/imap/imap_int.h"

#define COPY_PART 1000                   /* messages */

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

/* In parts, so that there is something to tell; it is one transaction. */
static int copy_parts(struct imap_call *c, const struct mailbox *box, struct mailbox *to, const struct imap_set *uids, bool move,
	struct imap_set *from, struct imap_set *into, struct err *e)
{
	uint64_t goal = imap_set_count(uids);

	for (uint64_t done = 0; done < goal; done += COPY_PART) {
		struct imap_partial range = { .lo = (uint32_t)done + 1, .hi = (uint32_t)(done + COPY_PART) };
		struct imap_set part, out, in;
		struct imap_set_iter it;
		uint32_t uid;

		imap_progress(c, done, goal);
		imap_partial_cut(c->arena, uids, &range, &part);
		if (message_copy(c->org, c->tx, c->arena, box, to, &part, move, &out, &in, e) < 0)
			return e->code;
		for (it = imap_set_iter(&out); imap_set_next(&it, &uid);)
			imap_set_add(c->arena, from, uid);
		for (it = imap_set_iter(&in); imap_set_next(&it, &uid);)
			imap_set_add(c->arena, into, uid);
	}
	return 0;
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
	if (!uids.n || (!move && imap_limit_all(c, &uids, e) < 0))
		return e->code;
	imap_limit_cut(c, &uids);
	if (copy_parts(c, &box, &to, &uids, move, &from, &into, e) < 0) {
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

/* Only what would go counts; EXPUNGE and CLOSE know no limit (RFC 9738 section 3.1). */
static int limit_deleted(struct imap_call *c, struct imap_set *uids, struct err *e)
{
	struct imap_set deleted = { 0 };
	struct message_walk *w;
	struct mailbox box;
	struct message m;
	int r;

	if (imap_set_count(uids) <= imap_limit(c))
		return 0;
	if (imap_box(c, &box, e) < 0 || message_walk_open(c->org, c->tx, c->arena, &box, uids, WANT_META, &w, e) < 0)
		return e->code;
	while ((r = message_walk_next(w, &m, e)) > 0)
		if (m.flags & FLAG_DELETED)
			imap_set_add(c->arena, &deleted, m.uid);
	message_walk_close(w);
	*uids = deleted;
	imap_limit_cut(c, uids);
	return r;
}

int imap_uid_expunge(struct imap_call *c, struct err *e)
{
	struct imap_set uids;

	if (imap_arg_set(c, &uids, e) < 0 || imap_arg_end(c, e) < 0 || limit_deleted(c, &uids, e) < 0)
		return e->code;
	return uids.n ? expunge(c, &uids, e) : 0;
}
