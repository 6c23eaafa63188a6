#include "domain/mail/event.h"
#include <string.h>
#include "base/log.h"
#include "base/time.h"
#include "domain/mail/filter_int.h"
#include "domain/mail/mail_impl.h"
#include "domain/mail/metadata.h"

/* ---- notes ---- */

/* The name of the script for a mailbox; 1, 0: there is none. */
static int script_of(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, struct span *out, struct err *e)
{
	struct mailbox own = *box;
	const struct {
		const struct mailbox *box;
		struct span entry;
	} places[] = { { &own, SPAN("/shared/" EVENT_ENTRY) }, { NULL, SPAN("/private/" EVENT_ENTRY) }, { NULL, SPAN("/shared/" EVENT_ENTRY) } };

	own.rights = RIGHT_OWNER;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		int r = metadata_get(o, tx, a, box->account_id, places[i].box, places[i].entry, out, e);

		if (r == 0)
			return out->n > 0;
		if (r != ERR_MISSING)
			return r;
		err_clear(e);
	}
	return 0;
}

static int wanted(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, struct err *e)
{
	struct span name;
	int r = script_any(tx, box->account_id, e);

	return r == 1 ? script_of(o, tx, a, box, &name, e) : r;
}

static int insert(struct tx *tx, uint64_t actor_id, const struct mailbox *box, enum event_cause cause, struct imap_range uids,
	uint64_t flags, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO mail_event (id, account_id, mailbox_id, uid_lo, uid_hi, actor_id, cause, flags, created_sec)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
	int r;

	sql_int(q, 1, (int64_t)tx_id(tx));
	sql_int(q, 2, (int64_t)box->account_id);
	sql_int(q, 3, (int64_t)box->id);
	sql_int(q, 4, uids.lo);
	sql_int(q, 5, uids.hi);
	sql_int(q, 6, (int64_t)actor_id);
	sql_int(q, 7, cause);
	sql_int(q, 8, (int64_t)flags);
	sql_int(q, 9, time_steady_sec());
	r = sql_run(q, e);
	return r < 0 ? r : 0;
}

int event_note(struct org *o, struct tx *tx, struct arena *a, uint64_t actor_id, const struct mailbox *box, enum event_cause cause,
	const struct imap_set *uids, uint64_t flags, struct err *e)
{
	int r = uids->n ? wanted(o, tx, a, box, e) : 0;

	for (size_t i = 0; r == 1 && i < uids->n && i < EVENT_RANGES_MAX; i++)
		if (insert(tx, actor_id, box, cause, uids->v[i], flags, e) < 0)
			return e->code;
	return r;
}

int event_note_flags(struct org *o, struct tx *tx, struct arena *a, uint64_t actor_id, const struct mailbox *box,
	const struct flags_changed *changed, size_t n, struct err *e)
{
	int r = n ? wanted(o, tx, a, box, e) : 0;
	size_t rows = 0;

	for (size_t i = 0, k; r == 1 && i < n && rows++ < EVENT_RANGES_MAX; i = k) {
		uint64_t flags = changed[i].flags ^ changed[i].was;

		for (k = i + 1; k < n && changed[k].uid == changed[k - 1].uid + 1 && (changed[k].flags ^ changed[k].was) == flags; k++)
			;
		if (insert(tx, actor_id, box, EVENT_FLAG, (struct imap_range){ changed[i].uid, changed[k - 1].uid }, flags, e) < 0)
			return e->code;
	}
	return r;
}

/* ---- one message ---- */

struct event {
	uint64_t id, account_id, mailbox_id, actor_id, flags;
	uint32_t lo, hi;
	enum event_cause cause;
	int64_t created_sec;
};
struct step {
	struct mail *m;
	struct org *org;
	struct arena *a;
	const char *hostname;
	uint64_t account_id;         /* whose events; 0: everybody's */
	int64_t now_sec;
	struct event ev;
	uint32_t uid;                /* the message looked at; 0: there is none */
	struct mailbox box;
	struct span text;
	uint64_t had;                /* its flags */
	int64_t received_sec;
	struct filter_mail mail;
	struct filter_event what;
	struct delivery *to;
	size_t n_to;
	struct email_prepared whole; /* for accounts here to which it is redirected */
	bool drop;                   /* what the script wants cannot be done */
};

/* 1, 0: nothing is left. */
static int oldest(struct step *s, struct tx *tx, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, s->account_id ?
		"SELECT id, account_id, mailbox_id, uid_lo, uid_hi, actor_id, cause, flags, created_sec FROM mail_event WHERE account_id = ?1"
		" ORDER BY id LIMIT 1" :
		"SELECT id, account_id, mailbox_id, uid_lo, uid_hi, actor_id, cause, flags, created_sec FROM mail_event WHERE ?1 = 0"
		" ORDER BY id LIMIT 1");
	int r;

	sql_int(q, 1, (int64_t)s->account_id);
	r = sql_next(q, e);
	if (r == 1)
		s->ev = (struct event){ .id = (uint64_t)sql_col_int(q, 0), .account_id = (uint64_t)sql_col_int(q, 1),
			.mailbox_id = (uint64_t)sql_col_int(q, 2), .lo = (uint32_t)sql_col_int(q, 3), .hi = (uint32_t)sql_col_int(q, 4),
			.actor_id = (uint64_t)sql_col_int(q, 5), .cause = (enum event_cause)sql_col_int(q, 6),
			.flags = (uint64_t)sql_col_int(q, 7), .created_sec = sql_col_int(q, 8) };
	return r;
}

static struct span flag_names(struct arena *a, const struct mailbox *box, uint64_t flags, struct span **out, size_t *n_out)
{
	static const char *const system[] = { "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft" };
	SCOPED_BUF b;

	*out = ARENA_ARRAY(a, struct span, 5 + box->n_keywords);
	*n_out = 0;
	for (size_t i = 0; i < 5; i++)
		if (flags >> i & 1)
			(*out)[(*n_out)++] = span_str(system[i]);
	for (size_t i = 0; i < box->n_keywords; i++)
		if (flags >> (FLAG_KEYWORD_SHIFT + i) & 1)
			(*out)[(*n_out)++] = box->keywords[i];
	buf_init(&b, 65536);
	for (size_t i = 0; i < *n_out; i++)
		buf_addf(&b, "%s%.*s", i ? " " : "", SPAN_F((*out)[i]));
	return arena_span(a, buf_span(&b));
}

/* The first message of the event that is still there, whole. */
static int find_message(struct step *s, struct tx *tx, struct err *e)
{
	struct imap_range range = { s->ev.lo, s->ev.hi };
	struct imap_set set = { &range, 1, 1 };
	struct message_walk *w;
	struct message m;
	int r;

	if (message_walk_open(s->org, tx, s->a, &s->box, &set, WANT_SUMMARY, &w, e) < 0)
		return e->code;
	r = message_walk_next(w, &m, e);
	if (r == 1) {
		s->uid = m.uid;
		s->had = m.flags;
		s->received_sec = m.received_sec;
		r = message_body(tx, s->a, &m, &s->text, e);
	}
	message_walk_close(w);
	return r < 0 ? r : 0;
}

/* What the script will be told. */
static int describe(struct step *s, struct tx *tx, struct err *e)
{
	static const char *const causes[] = { "", "APPEND", "COPY", "FLAG" };
	struct account owner, actor;
	struct span *flags, *changed;
	size_t n, n_changed;

	if (account_get(s->org, tx, s->a, s->ev.account_id, &owner, e) < 0 || account_get(s->org, tx, s->a, s->ev.actor_id, &actor, e) < 0)
		return e->code;
	s->what.cause = span_str(causes[s->ev.cause]);
	s->what.mailbox = s->box.name;
	s->what.user = actor.address;
	s->what.changed = flag_names(s->a, &s->box, s->ev.flags, &changed, &n_changed);
	flag_names(s->a, &s->box, s->had, &flags, &n);
	s->what.flags = flags;
	s->what.n_flags = n;
	s->mail = (struct filter_mail){ .hostname = s->hostname, .message = s->text, .sender = owner.address, .now_sec = s->now_sec,
		.zone_min = filter_zone_min(s->now_sec), .event = &s->what };
	s->to = ARENA_NEW(s->a, struct delivery);
	*s->to = (struct delivery){ .account_id = owner.id, .address = owner.address };
	s->n_to = 1;
	return 0;
}

static int look(struct tx *tx, void *arg, struct err *e)
{
	struct step *s = arg;
	int r = oldest(s, tx, e);

	s->uid = 0;
	s->n_to = 0;
	if (r <= 0 || time_past_sec() - s->ev.created_sec > EVENT_KEEP_SEC)
		return r;
	if (mailbox_get(s->org, tx, s->a, s->ev.mailbox_id, &s->box, e) == 0 && (r = script_of(s->org, tx, s->a, &s->box, &s->what.script, e)) == 1 &&
		find_message(s, tx, e) == 0 && s->uid)
		describe(s, tx, e);
	if (e->code == ERR_LATER || e->code == ERR_BUSY)
		return e->code;
	if (e->code) {                       /* mailbox or account are gone, the message is unreadable */
		s->n_to = 0;
		s->uid = 0;
		err_clear(e);
	}
	return 1;
}

static int forget(struct step *s, struct tx *tx, struct err *e)
{
	bool last = !s->uid || s->uid >= s->ev.hi;
	struct sql *q = sql_open(tx, last ? "DELETE FROM mail_event WHERE id = ?1 AND uid_lo = ?2" :
		"UPDATE mail_event SET uid_lo = ?3 WHERE id = ?1 AND uid_lo = ?2");

	sql_int(q, 1, (int64_t)s->ev.id);
	sql_int(q, 2, s->ev.lo);
	if (!last)
		sql_int(q, 3, (int64_t)s->uid + 1);
	return sql_run(q, e);
}

static int flag(struct step *s, struct tx *tx, const struct mailbox *box, uint32_t uid, enum flag_change how, uint64_t flags,
	struct err *e)
{
	struct imap_set set = { 0 }, modified = { 0 };
	struct flags_changed *changed;
	size_t n;

	imap_set_add(s->a, &set, uid);
	return message_flag(s->org, tx, s->a, box, &set, how, flags, UINT64_MAX, &changed, &n, &modified, e);
}

/* Copies of the message as it is: the email is shared, as with COPY. */
static int copy_all(struct step *s, struct tx *tx, const struct deliver_puts *copies, struct filter_plan *p, struct err *e)
{
	struct imap_set one = { 0 };

	imap_set_add(s->a, &one, s->uid);
	for (size_t i = 0; i < copies->n; i++) {
		struct imap_set from = { 0 }, into = { 0 };
		struct mailbox to;

		if (copies->v[i].mailbox_id == s->box.id) {
			p->kept = true;      /* filed where it is */
			continue;
		}
		if (mailbox_get(s->org, tx, s->a, copies->v[i].mailbox_id, &to, e) < 0 ||
			message_copy(s->org, tx, s->a, &s->box, &to, &one, false, &from, &into, e) < 0)
			return e->code;
		if (into.n && flag(s, tx, &to, into.v[0].lo, FLAGS_REPLACE, copies->v[i].flags, e) < 0)
			return e->code;
	}
	return 0;
}

/* The message itself: only what the script changed is changed. */
static int change_flags(struct step *s, struct tx *tx, const struct filter_plan *p, struct err *e)
{
	uint64_t want;

	if (!p->kept)
		return flag(s, tx, &s->box, s->uid, FLAGS_ADD, FLAG_DELETED, e);
	if (deliver_flag_bits(s->org, tx, s->a, &s->box, p->kept_flags, p->n_kept_flags, &want, e) < 0)
		return e->code;
	if ((want & ~s->had) && flag(s, tx, &s->box, s->uid, FLAGS_ADD, want & ~s->had, e) < 0)
		return e->code;
	return (s->had & ~want) ? flag(s, tx, &s->box, s->uid, FLAGS_REMOVE, s->had & ~want, e) : 0;
}

static int apply(struct tx *tx, void *arg, struct err *e)
{
	struct step *s = arg;
	struct deliver_puts copies = { 0 };
	struct filter_plan *p = s->n_to ? s->to[0].plan : NULL;
	int r = forget(s, tx, e);

	if (r <= 0)
		return r;                    /* somebody else was there first */
	if (!p || s->drop)
		return 0;
	if (mailbox_get(s->org, tx, s->a, s->ev.mailbox_id, &s->box, e) < 0 ||
		deliver_planned(s->org, tx, s->a, &s->to[0], 0, s->received_sec, &copies, e) < 0 || copy_all(s, tx, &copies, p, e) < 0 ||
		change_flags(s, tx, p, e) < 0)
		return e->code;
	return s->n_to > 1 ? deliver(s->org, tx, s->a, &s->whole, s->to + 1, s->n_to - 1, s->now_sec, e) : 0;
}

static int plan(struct step *s, struct err *e)
{
	if (!s->n_to)
		return 0;
	if (filter_plan(s->m, s->a, &s->mail, &s->to, &s->n_to, e) < 0)
		return e->code;
	return s->n_to > 1 ? email_prepare(s->org, s->a, s->text, &s->whole, e) : 0;
}

/* 1 done, 0 there was nothing. */
static int step(struct step *s, struct err *e)
{
	struct store *store = org_store(s->org);
	int r = store_read(store, look, s, e);

	if (r <= 0)
		return r;
	r = plan(s, e);
	if (r == 0)
		r = store_write(store, apply, s, e);
	if (r < 0 && r != ERR_LATER && r != ERR_BUSY) {
		log_msg("event_failed", "account %llu: %s", (unsigned long long)s->ev.account_id, e->log);
		err_clear(e);
		s->drop = true;
		r = store_write(store, apply, s, e);
	}
	filter_free(s->to, s->n_to);
	email_prepared_fini(&s->whole);
	return r < 0 ? r : 1;
}

int event_run(struct mail *m, const char *hostname, uint64_t account_id, unsigned max, unsigned *n_out, struct err *e)
{
	for (*n_out = 0; *n_out < max; ++*n_out) {
		SCOPED_ARENA a = arena_new();
		struct step s = { .m = m, .org = mail_org(m), .a = a, .hostname = hostname, .account_id = account_id, .now_sec = time_real_sec() };
		int r = step(&s, e);

		if (r <= 0)
			return r;
	}
	return 0;
}
