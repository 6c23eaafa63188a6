/* imap_state.c - what the gate keeps for us, so that a session outlives core: login, what was enabled, what the
 * client knows of its mailbox. MACed with the run's ticket key; a mailbox whose changes cannot be told any more
 * (messages went meanwhile) ends the session with BYE. */
#include "base/wire.h"
#include "domain/mail/acl.h"
#include "proto/imap/context.h"
#include "proto/imap/notify.h"

#define STATE_VERSION 2
#define MAC_LEN 32
enum { ON_REV2 = 1, ON_CONDSTORE = 2, ON_QRESYNC = 4, ON_READONLY = 8, ON_UTF8 = 16, ON_COMPRESS = 32,
	ON_UIDONLY = 64, ON_NOTIFY = 128 };

static void state_pack(const struct imap_call *c, struct buf *b)
{
	const struct imap_session *s = c->s;
	SCOPED_BUF tags;

	buf_init(&tags, CONTEXTS_MAX * (1 + CONTEXT_TAG_MAX));
	contexts_pack(s, &tags);

	wire_u8(b, STATE_VERSION);
	wire_u8(b, (uint8_t)(s->rev2 * ON_REV2 | s->condstore * ON_CONDSTORE | s->qresync * ON_QRESYNC |
		s->readonly * ON_READONLY | s->utf8_accept * ON_UTF8 | s->compress * ON_COMPRESS |
		s->uidonly * ON_UIDONLY | (s->notify ? ON_NOTIFY : 0)));
	wire_u64(b, c->call->session->account_id);
	wire_span(b, c->call->session->login);
	wire_u64(b, s->box_id);
	wire_u32(b, s->view.uidvalidity);
	wire_u32(b, s->view.uidnext);
	wire_u64(b, s->view.modseq);
	wire_u32(b, s->view.uids ? uid_set_count(s->view.uids) : 0);
	wire_span(b, buf_span(&tags));
}

static uint64_t hash(struct span s)
{
	uint64_t h = 1469598103934665603u; /* FNV-1a: only to see that something changed */

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
	return h;
}

void imap_state_save(struct imap_call *c)
{
	SCOPED_BUF b;
	unsigned char mac[MAC_LEN];
	uint64_t h;

	buf_init(&b, BUS_STATE_MAX);
	state_pack(c, &b);
	h = hash(buf_span(&b));
	if (b.failed || h == c->s->state_hash)
		return;
	c->s->state_hash = h;
	seal_mac(c->call->house->ticket_key, "imap-state", buf_span(&b), mac);
	buf_add(&b, SPAN_BYTES(mac, MAC_LEN));
	if (!b.failed)
		c->call->reply->state = arena_span(c->arena, buf_span(&b));
}

struct old_state {
	struct imap_call *c;
	uint8_t on;
	uint64_t account_id, box_id, modseq;
	struct span login, tags;
	uint32_t uidvalidity, uidnext, count;
};

static int state_unpack(struct imap_call *c, struct span state, struct old_state *o, struct err *e)
{
	unsigned char mac[MAC_LEN];
	struct wire w;

	if (state.n <= MAC_LEN || state.n > BUS_STATE_MAX)
		return imap_no(e, ERR_DENIED, "Unknown session");
	seal_mac(c->call->house->ticket_key, "imap-state", span_sub(state, 0, state.n - MAC_LEN), mac);
	if (!span_equal_ct(SPAN_BYTES(mac, MAC_LEN), span_from(state, state.n - MAC_LEN)))
		return imap_no(e, ERR_DENIED, "Unknown session");
	w = wire_open(span_sub(state, 0, state.n - MAC_LEN));
	if (wire_get_u8(&w) != STATE_VERSION)
		return imap_no(e, ERR_DENIED, "Unknown session");
	o->on = wire_get_u8(&w);
	o->account_id = wire_get_u64(&w);
	o->login = wire_get_span(&w, 255);
	o->box_id = wire_get_u64(&w);
	o->uidvalidity = wire_get_u32(&w);
	o->uidnext = wire_get_u32(&w);
	o->modseq = wire_get_u64(&w);
	o->count = wire_get_u32(&w);
	o->tags = wire_get_span(&w, CONTEXTS_MAX * (1 + CONTEXT_TAG_MAX));
	return wire_done(&w) ? 0 : imap_no(e, ERR_DENIED, "Unknown session");
}

/* The view the client has: the first `count` of the present messages, if nothing has gone since. */
static int old_view(struct old_state *o, struct tx *tx, struct mail_view *v, struct err *e)
{
	struct imap_set all, gone = { 0 };
	struct uid_set *known;
	uint32_t left = o->count;

	if (v->uidvalidity != o->uidvalidity || uid_set_count(v->uids) < o->count)
		return imap_no(e, ERR_GONE, "The mailbox has changed");
	if (o->modseq < v->modseq && mail_vanished_since(tx, o->c->arena, v, o->modseq, NULL, &gone, e) < 0)
		return e->code;
	if (gone.n && gone.v[0].lo < o->uidnext)
		return imap_no(e, ERR_GONE, "The mailbox has changed");
	uid_set_all(o->c->arena, v->uids, &all);
	known = uid_set_new();
	for (size_t i = 0; i < all.n && left; i++) {
		uint32_t n = all.v[i].hi - all.v[i].lo + 1;

		n = n < left ? n : left;
		uid_set_add_range(known, all.v[i].lo, all.v[i].lo + n - 1);
		left -= n;
	}
	if (uid_set_max(known) >= o->uidnext) {
		uid_set_unref(known);
		return imap_no(e, ERR_GONE, "The mailbox has changed");
	}
	uid_set_unref(v->uids);
	v->uids = known;
	v->modseq = o->modseq;
	v->uidnext = o->uidnext;
	return 0;
}

static int reselect(struct old_state *o, struct tx *tx, struct err *e)
{
	struct imap_session *s = o->c->s;
	struct mailbox box;
	struct mail_view v = { 0 };
	uint32_t rights;

	if (mailbox_get(o->c->org, tx, o->c->arena, o->box_id, &box, e) < 0)
		return e->code;
	if (acl_rights(o->c->org, tx, o->c->arena, o->account_id, box.account_id, box.id, &rights, e) < 0)
		return e->code;
	if (!(rights & RIGHT_READ))
		return imap_no(e, ERR_DENIED, "Not allowed");
	if (mail_view_open(o->c->call->house->mail, tx, o->box_id, &v, e) < 0)
		return e->code;
	if (old_view(o, tx, &v, e) < 0) {
		mail_view_close(&v);
		return e->code;
	}
	s->view = v;
	s->at = ST_SELECTED;
	s->box_id = box.id;
	s->box_account = box.account_id;
	s->box_shared = box.account_id != o->account_id;
	s->rights = rights;
	s->readonly = o->on & ON_READONLY;
	s->n_keywords = box.n_keywords;
	return 0;
}

static int reopen(struct tx *tx, void *arg, struct err *e)
{
	struct old_state *o = arg;
	struct account a;

	if (account_get(o->c->org, tx, o->c->arena, o->account_id, &a, e) < 0)
		return e->code;
	if (a.state != ACCOUNT_ACTIVE)
		return imap_no(e, ERR_DENIED, "The account is not active");
	o->c->s->at = ST_AUTH;
	return o->box_id ? reselect(o, tx, e) : 0;
}

int imap_state_load(struct imap_call *c, struct span state, struct err *e)
{
	struct old_state o = { .c = c };
	struct session *w = c->call->session;

	if (state_unpack(c, state, &o, e) < 0)
		return e->code;
	c->s->rev2 = o.on & ON_REV2;
	c->s->utf8_accept = o.on & ON_UTF8;
	c->s->utf8 = c->s->rev2 || c->s->utf8_accept;
	c->s->compress = o.on & ON_COMPRESS;
	c->s->condstore = o.on & ON_CONDSTORE;
	c->s->qresync = o.on & ON_QRESYNC;
	c->s->uidonly = o.on & ON_UIDONLY;
	c->s->notify = o.on & ON_NOTIFY ? notify_lost() : NULL;
	if (store_read(c->store, reopen, &o, e) < 0)
		return e->code;
	if (!contexts_lost(c->s, o.tags))
		return imap_no(e, ERR_DENIED, "Unknown session");
	w->account_id = o.account_id;
	w->login = arena_span(w->arena, o.login);
	if (c->s->box_id)
		c->call->house->watch(c->call->house, w->id, c->s->box_id);
	return 0;
}
