/* cmd_fetch.c - FETCH and UID FETCH (RFC 9051 6.4.5; CHANGEDSINCE, VANISHED: RFC 7162; BINARY: RFC 3516).
 *
 * The hot path: replies go straight into call->out, about a MiB at a time; then NEXT_MORE with the next UID as
 * cursor. The command's tokens are kept in the session for that, the view does not move meanwhile. \Seen is set
 * in one write before the walk, which then reports the new state. Writers of items: fetch_item.c. */
#include "proto/imap/fetch.h"
#include "proto/imap/notify.h"

static bool needs_summary(const struct imap_fetch_item *i)
{
	switch (i->kind) {
	case IMAP_FETCH_ENVELOPE:
	case IMAP_FETCH_BODY:
	case IMAP_FETCH_BODYSTRUCTURE:
	case IMAP_FETCH_SECTION:
	case IMAP_FETCH_RFC822:
	case IMAP_FETCH_RFC822_HEADER:
	case IMAP_FETCH_RFC822_TEXT:
	case IMAP_FETCH_BINARY:
	case IMAP_FETCH_BINARY_SIZE:
	case IMAP_FETCH_PREVIEW:
		return true;
	default:
		return false;
	}
}

static int check_items(struct imap_call *c, struct fetch *f, struct err *e)
{
	SCOPED_BUF b;

	f->labels = ARENA_ARRAY(c->arena, struct span, f->n + 1);
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < f->n; i++) {
		const struct imap_fetch_item *it = &f->items[i];

		f->want |= needs_summary(it) ? WANT_SUMMARY : 0;
		f->sets_seen |= !it->peek;
		f->has_uid |= it->kind == IMAP_FETCH_UID;
		f->has_modseq |= it->kind == IMAP_FETCH_MODSEQ;
		buf_reset(&b);
		imap_fetch_label(&b, it);
		f->labels[i] = arena_span(c->arena, buf_span(&b));
	}
	if (f->mods.vanished && (!c->uid || !c->s->qresync || !f->mods.has_changedsince))
		return imap_bad(e, "VANISHED needs QRESYNC, UID FETCH and CHANGEDSINCE");
	return 0;
}

static int parse(struct imap_call *c, struct fetch *f, struct err *e)
{
	const struct tok *set = imap_args_peek(&c->args);

	f->set_text = set ? set->text : SPAN_NONE;
	if (imap_arg_set(c, &f->uids, e) < 0 || imap_fetch_parse(c->arena, &c->args, &f->items, &f->n, e) < 0 ||
		imap_fetch_mods_parse(&c->args, &f->mods, e) < 0 || imap_arg_end(c, e) < 0)
		return e->code;
	if (f->mods.has_partial && !c->uid)
		return imap_bad(e, "PARTIAL needs UID FETCH");
	if (f->mods.has_partial && f->mods.partial.hi - f->mods.partial.lo >= imap_limit(c)) {
		c->no_code = arena_printf(c->arena, "MESSAGELIMIT %llu", (unsigned long long)imap_limit(c)).p;
		return imap_no(e, ERR_LIMIT, "Too many messages at a time");
	}
	if (!f->mods.has_partial)
		imap_limit_cut(c, &f->uids);
	return check_items(c, f, e);
}

/* PARTIAL counts among what CHANGEDSINCE leaves (RFC 9394 section 3.3). */
static int cut_uids(struct tx *tx, void *arg, struct err *e)
{
	struct fetch *f = arg;
	struct imap_call *c = f->c;
	struct imap_set all = f->uids, part = { 0 };
	struct message_walk *w;
	struct message m;
	int r = 0;

	c->tx = tx;
	if (f->mods.has_changedsince && all.n) {
		r = imap_box(c, &f->box, e);
		if (r >= 0)
			r = message_walk_open(c->org, tx, c->arena, &f->box, &f->uids, WANT_META, &w, e);
		if (r >= 0) {
			all = part;
			while ((r = message_walk_next(w, &m, e)) > 0)
				if (m.modseq > f->mods.changedsince)
					imap_set_add(c->arena, &all, m.uid);
			message_walk_close(w);
		}
	}
	c->tx = NULL;
	if (r >= 0) {
		imap_partial_cut(c->arena, &all, &f->mods.partial, &part);
		f->uids = part;
	}
	return r;
}

static int unseen(struct fetch *f, struct imap_set *out, struct err *e)
{
	struct imap_call *c = f->c;
	struct message_walk *w;
	struct message m;
	int r;

	if (message_walk_open(c->org, c->tx, c->arena, &f->box, &f->uids, WANT_META, &w, e) < 0)
		return e->code;
	while ((r = message_walk_next(w, &m, e)) > 0)
		if (!(m.flags & FLAG_SEEN))
			imap_set_add(c->arena, out, m.uid);
	message_walk_close(w);
	return r;
}

static int walk(struct fetch *f, struct err *e)
{
	struct imap_call *c = f->c;
	struct message_walk *w;
	struct message m;
	int r;

	if (message_walk_open(c->org, c->tx, c->arena, &f->box, &f->uids, f->want, &w, e) < 0)
		return e->code;
	while ((r = message_walk_next(w, &m, e)) > 0) {
		f->found++;
		f->last_uid = m.uid;
		if (f->mods.has_changedsince && m.modseq <= f->mods.changedsince)
			continue;
		r = fetch_message(f, &m, e);
		if (r < 0)
			break;
		if (c->out->n + f->segment_bytes >= IMAP_MORE_LEN || c->nseg > IMAP_SEGMENTS_MAX / 2) {
			f->cut = m.uid < f->uids.v[f->uids.n - 1].hi;
			r = 0;
			break;
		}
	}
	message_walk_close(w);
	return r;
}

static int read_all(struct tx *tx, void *arg, struct err *e)
{
	struct fetch *f = arg;
	struct imap_call *c = f->c;
	struct imap_set gone = { 0 }, within;
	int r;

	c->tx = tx;
	r = imap_box(c, &f->box, e);
	if (r >= 0 && f->first && f->mods.vanished) {
		r = imap_set_parse(c->arena, f->set_text, c->s->view.uidnext - 1, &within, e);
		if (r >= 0)
			r = mail_vanished_since(tx, c->arena, &c->s->view, f->mods.changedsince, &within, &gone, e);
		if (r >= 0 && gone.n) {
			buf_addz(c->out, "* VANISHED (EARLIER) ");
			imap_set_format(c->out, &gone);
			buf_addz(c->out, "\r\n");
		}
	}
	if (r >= 0 && f->uids.n)
		r = walk(f, e);
	c->tx = NULL;
	return r;
}

static int find_unseen(struct tx *tx, void *arg, struct err *e)
{
	struct fetch *f = arg;
	int r;

	f->c->tx = tx;
	r = imap_box(f->c, &f->box, e);
	if (r >= 0)
		r = unseen(f, &f->unseen, e);
	f->c->tx = NULL;
	return r;
}

static int set_seen(struct tx *tx, void *arg, struct err *e)
{
	struct fetch *f = arg;
	struct flags_changed *changed;
	struct imap_set modified = { 0 };
	size_t n;
	int r;

	f->c->event_account = 0;
	if (message_flag(f->c->org, tx, f->c->arena, &f->box, &f->unseen, FLAGS_ADD, FLAG_SEEN, UINT64_MAX,
		&changed, &n, &modified, e) < 0)
		return e->code;
	f->c->tx = tx;
	r = imap_event_flags(f->c, &f->box, changed, n, e);
	f->c->tx = NULL;
	return r;
}

static int mark_seen(struct fetch *f, struct err *e)
{
	struct imap_call *c = f->c;

	if (!f->sets_seen || c->s->readonly || !(c->s->rights & RIGHT_SEEN) || !f->uids.n)
		return 0;
	if (store_read(c->store, find_unseen, f, e) < 0)
		return e->code;
	return f->unseen.n ? store_write(c->store, set_seen, f, e) : 0;
}

/* Messages the client knows and another session has removed: it is told so (RFC 2180 section 4.1.2). */
static int finish(struct fetch *f, struct err *e)
{
	struct imap_call *c = f->c;
	struct imap_set part = f->uids;
	bool missing = c->s->more_missing;

	if (f->cut)
		imap_set_clip(&part, 1, f->last_uid);
	missing |= imap_set_count(&part) > f->found;
	if (f->cut) {
		imap_more_begin(c);
		c->s->more_missing = missing;
		c->call->reply->next = NEXT_MORE;
		c->call->reply->cursor = (uint64_t)f->last_uid + 1;
		c->answered = true;
		return 0;
	}
	imap_more_end(c->s);
	c->text = "FETCH completed";
	if (missing && !c->uid) {
		c->no_code = "EXPUNGEISSUED";
		return imap_no(e, ERR_MISSING, "Some messages are gone");
	}
	return 0;
}

int imap_fetch(struct imap_call *c, struct err *e)
{
	struct fetch *f = ARENA_NEW(c->arena, struct fetch);
	SCOPED_ARENA scratch = arena_new();

	f->c = c;
	f->scratch = scratch;
	f->first = !(c->call->cmd->flags & CMD_MORE);
	if (f->first)
		imap_more_end(c->s);
	else
		c->args = imap_args(c->s->more_tok, c->s->more_ntok);
	if (parse(c, f, e) < 0)
		return e->code;
	if (f->has_modseq || f->mods.has_changedsince)
		imap_condstore_on(c);
	if (f->mods.has_partial && store_read(c->store, cut_uids, f, e) < 0) {
		imap_more_end(c->s);
		return e->code;
	}
	if (f->first && mark_seen(f, e) < 0)
		return e->code;
	if (!f->first)
		imap_set_clip(&f->uids, (uint32_t)c->call->cmd->cursor, UINT32_MAX);
	if (store_read(c->store, read_all, f, e) < 0) {
		imap_more_end(c->s);
		return e->code;
	}
	return finish(f, e);
}

int imap_fetch_new(struct imap_call *c, struct imap_fetch_item *items, size_t n, const struct imap_set *uids, struct err *e)
{
	SCOPED_ARENA scratch = arena_new();
	struct fetch *f = ARENA_NEW(c->arena, struct fetch);
	bool uid = c->uid;
	int r;

	*f = (struct fetch){ .c = c, .items = items, .n = n, .uids = *uids, .scratch = scratch };
	c->uid = true;
	r = check_items(c, f, e);
	if (r == 0)
		r = imap_box(c, &f->box, e);
	if (r == 0)
		r = walk(f, e);
	c->uid = uid;
	return r < 0 ? r : f->cut;
}
