#include "domain/mail/gone.h"
#include <string.h>
#include "base/scan.h"
#include "base/time.h"
#include "domain/mail/mail_impl.h"

#define BATCH 500
#define DAY_SEC 86400

int gone_keep_days(struct org *o, struct tx *tx, struct arena *a, uint64_t *days_out, struct err *e)
{
	struct span value;
	int r = org_setting_get(o, tx, a, "undelete_days", &value, e);

	*days_out = GONE_DAYS;
	if (r == ERR_MISSING) {
		err_clear(e);
		return 0;
	}
	if (r == 0 && !span_num(value, days_out, 0, GONE_DAYS_MAX))
		*days_out = GONE_DAYS;
	return r;
}

int gone_take(struct tx *tx, uint64_t mailbox_id, uint32_t lo, uint32_t hi, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO gone_message (mailbox_id, uid, account_id, flags, email_id, size, received_sec, gone_sec)"
		" SELECT m.mailbox_id, m.uid, b.account_id, m.flags, m.email_id, m.size, m.received_sec, ?4 FROM message m"
		" JOIN mailbox b ON b.id = m.mailbox_id WHERE m.mailbox_id = ?1 AND m.uid >= ?2 AND m.uid <= ?3");

	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, lo);
	sql_int(q, 3, hi);
	sql_int(q, 4, time_real_sec());
	return sql_run(q, e) < 0 ? e->code : 0;
}

int gone_take_mailbox(struct tx *tx, uint64_t mailbox_id, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO gone_mailbox (id, account_id, sealed) SELECT id, account_id, sealed FROM mailbox"
		" WHERE id = ?1 AND EXISTS (SELECT 1 FROM gone_message g WHERE g.mailbox_id = ?1)");

	sql_int(q, 1, (int64_t)mailbox_id);
	return sql_run(q, e) < 0 ? e->code : 0;
}

/* ---- bringing back ---- */

/* Name and keywords of a mailbox that is deleted. */
static int deleted_box(struct org *o, struct tx *tx, struct arena *a, uint64_t mailbox_id, struct mailbox *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT account_id, sealed FROM gone_mailbox WHERE id = ?1");
	MAIL_KEY key = { { 0 } };
	int r;

	sql_int(q, 1, (int64_t)mailbox_id);
	r = sql_next(q, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_BROKEN, "Internal error", "gone mailbox %llu", (unsigned long long)mailbox_id);
	*out = (struct mailbox){ .id = mailbox_id, .account_id = (uint64_t)sql_col_int(q, 0) };
	if (org_key(o, tx, out->account_id, &key, e) < 0)
		return e->code;
	return mailbox_unpack(a, &key, sql_col(q, 1), out, e);
}

static int box_of(struct org *o, struct tx *tx, struct arena *a, uint64_t mailbox_id, struct mailbox *out, bool *there_out,
	struct err *e)
{
	int r = mailbox_get(o, tx, a, mailbox_id, out, e);

	*there_out = r == 0;
	if (r != ERR_MISSING)
		return r;
	err_clear(e);
	return deleted_box(o, tx, a, mailbox_id, out, e);
}

int gone_list(struct org *o, struct tx *tx, struct arena *a, const struct gone_filter *f, struct gone_box **out, size_t *n_out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT mailbox_id, count(*), sum(size), min(gone_sec), max(gone_sec) FROM gone_message"
		" WHERE account_id = ?1 AND gone_sec >= ?2 GROUP BY mailbox_id ORDER BY mailbox_id LIMIT ?3");
	struct span only = SPAN_NONE;
	int r;

	*n_out = 0;
	*out = ARENA_ARRAY(a, struct gone_box, MAILBOX_MAX);
	if (f->mailbox.n && mailbox_name_normal(a, f->mailbox, &only, e) < 0)
		return e->code;
	sql_int(q, 1, (int64_t)f->account_id);
	sql_int(q, 2, f->since_sec);
	sql_int(q, 3, MAILBOX_MAX);
	while ((r = sql_next(q, e)) == 1) {
		struct gone_box g = { .mailbox_id = (uint64_t)sql_col_int(q, 0), .messages = (uint64_t)sql_col_int(q, 1),
			.bytes = (uint64_t)sql_col_int(q, 2), .first_sec = sql_col_int(q, 3), .last_sec = sql_col_int(q, 4) };
		struct mailbox box;
		bool there;

		if (box_of(o, tx, a, g.mailbox_id, &box, &there, e) < 0)
			return e->code;
		g.name = box.name;
		if (!only.n || span_eq(only, g.name))
			(*out)[(*n_out)++] = g;
	}
	return r;
}

/* Where the mails of a mailbox go back to. */
static int target_of(struct org *o, struct tx *tx, struct arena *a, uint64_t mailbox_id, struct mailbox *old, struct mailbox *to,
	struct err *e)
{
	bool there;
	int r = box_of(o, tx, a, mailbox_id, old, &there, e);

	if (r < 0)
		return r;
	*to = *old;
	if (there)
		return 0;
	r = mailbox_lookup(o, tx, a, old->account_id, old->name, to, e);
	if (r != ERR_MISSING)
		return r;
	err_clear(e);
	if (mailbox_create(o, tx, a, old->account_id, old->name, SPECIAL_NONE, to, e) < 0)
		return e->code;
	return mailbox_subscribe(o, tx, a, old->account_id, old->name, true, e);
}

struct back {
	uint32_t uid;
	uint64_t flags, email_id, size;
	int64_t received_sec;
};

static int read_back(struct tx *tx, const struct gone_filter *f, uint64_t mailbox_id, struct back *v, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT uid, flags, email_id, size, received_sec FROM gone_message WHERE mailbox_id = ?1"
		" AND gone_sec >= ?2 ORDER BY uid LIMIT ?3");
	int r;

	*n_out = 0;
	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, f->since_sec);
	sql_int(q, 3, BATCH);
	while ((r = sql_next(q, e)) == 1)
		v[(*n_out)++] = (struct back){ (uint32_t)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1), (uint64_t)sql_col_int(q, 2),
			(uint64_t)sql_col_int(q, 3), sql_col_int(q, 4) };
	return r;
}

static int forget_row(struct tx *tx, uint64_t mailbox_id, uint32_t uid, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM gone_message WHERE mailbox_id = ?1 AND uid = ?2");

	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, uid);
	return sql_run(q, e) < 0 ? e->code : 0;
}

/* Keywords by name; in the same mailbox their bits are what they were. */
static int flags_in(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *old, struct mailbox *to, uint64_t flags,
	uint64_t *out, struct err *e)
{
	*out = flags & FLAG_SYSTEM & ~(uint64_t)FLAG_DELETED;
	for (size_t i = 0; i < old->n_keywords; i++) {
		uint64_t bit = (uint64_t)1 << (FLAG_KEYWORD_SHIFT + i);

		if (!(flags & bit))
			continue;
		if (to->id != old->id && mailbox_keyword(o, tx, a, to, old->keywords[i], true, &bit, e) < 0) {
			if (e->code != ERR_LIMIT)
				return e->code;
			err_clear(e);
			bit = 0;
		}
		*out |= bit;
	}
	return 0;
}

static int put_back(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *old, struct mailbox *to, const struct back *v,
	size_t n, struct err *e)
{
	int64_t bytes = 0, unseen = 0;
	uint64_t modseq;
	uint32_t uid;

	for (size_t i = 0; i < n; i++)
		bytes += (int64_t)v[i].size;
	if (mailbox_reserve(tx, to->id, n, &uid, e) < 0 || account_use(tx, to->account_id, bytes, (int64_t)n, false, &modseq, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		uint64_t flags;

		if (flags_in(o, tx, a, old, to, v[i].flags, &flags, e) < 0 ||
			message_insert(tx, to->id, uid + (uint32_t)i, modseq, flags, v[i].email_id, v[i].size, v[i].received_sec, e) < 0 ||
			forget_row(tx, old->id, v[i].uid, e) < 0)
			return e->code;
		unseen += !(flags & FLAG_SEEN);
	}
	if (mailbox_count(tx, to->id, modseq, (int64_t)n, unseen, 0, bytes, e) < 0)
		return e->code;
	mailbox_publish(tx, to, modseq);
	return 0;
}

int gone_restore(struct org *o, struct tx *tx, struct arena *a, const struct gone_filter *f, uint64_t *restored_out, struct err *e)
{
	struct back *v = ARENA_ARRAY(a, struct back, BATCH);
	struct mailbox old, to;
	struct gone_box *boxes;
	size_t n;

	*restored_out = 0;
	if (gone_list(o, tx, a, f, &boxes, &n, e) < 0)
		return e->code;
	if (!n)
		return 0;
	if (read_back(tx, f, boxes[0].mailbox_id, v, &n, e) < 0 ||
		target_of(o, tx, a, boxes[0].mailbox_id, &old, &to, e) < 0 || put_back(o, tx, a, &old, &to, v, n, e) < 0)
		return e->code;
	*restored_out = n;
	return 0;
}

/* ---- the end of it ---- */

struct sweep {
	struct org *o;
	int64_t now_sec;
	uint64_t n;
};

/* The ways of being over; each gives mailbox, uid, email of some rows. */
static const char *const over[] = {
	"SELECT g.mailbox_id, g.uid, g.email_id FROM gone_message g JOIN account a ON a.id = g.account_id WHERE a.state = 3 LIMIT 500",
	"SELECT mailbox_id, uid, email_id FROM gone_message WHERE gone_sec <= ?1 ORDER BY gone_sec LIMIT 500",
	"SELECT mailbox_id, uid, email_id FROM (SELECT m.mailbox_id, m.uid, m.email_id, w.quota_bytes AS quota, sum(m.size) OVER"
	" (ORDER BY m.gone_sec DESC, m.mailbox_id DESC, m.uid DESC ROWS UNBOUNDED PRECEDING) AS kept"
	" FROM gone_message m JOIN usage w ON w.account_id = m.account_id WHERE m.account_id = (SELECT g.account_id FROM gone_message g"
	" JOIN usage u ON u.account_id = g.account_id WHERE u.quota_bytes > 0 GROUP BY g.account_id, u.quota_bytes"
	" HAVING sum(g.size) > CASE WHEN u.quota_bytes > 1073741824 THEN u.quota_bytes ELSE 1073741824 END LIMIT 1)) x"
	" WHERE kept > CASE WHEN quota > 1073741824 THEN quota ELSE 1073741824 END LIMIT 500",
};
_Static_assert(ACCOUNT_REMOVED == 3 && GONE_FREE_BYTES == 1073741824, "in the SQL");

static int find_over(struct tx *tx, const char *sql, int64_t edge_sec, struct back *v, uint64_t *boxes, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, sql);
	int r;

	*n_out = 0;
	if (sql == over[1])
		sql_int(q, 1, edge_sec);
	while ((r = sql_next(q, e)) == 1) {
		boxes[*n_out] = (uint64_t)sql_col_int(q, 0);
		v[(*n_out)++] = (struct back){ .uid = (uint32_t)sql_col_int(q, 1), .email_id = (uint64_t)sql_col_int(q, 2) };
	}
	return r;
}

static int find_any(struct sweep *s, struct tx *tx, struct arena *a, struct back *v, uint64_t *boxes, size_t *n, struct err *e)
{
	uint64_t days;

	if (gone_keep_days(s->o, tx, a, &days, e) < 0)
		return e->code;
	*n = 0;
	for (size_t i = 0; i < sizeof(over) / sizeof(*over) && !*n; i++)
		if (find_over(tx, over[i], s->now_sec - (int64_t)days * DAY_SEC, v, boxes, n, e) < 0)
			return e->code;
	return 0;
}

static int sweep_batch(struct tx *tx, void *arg, struct err *e)
{
	struct sweep *s = arg;
	SCOPED_ARENA a = arena_new();
	struct back v[BATCH];
	uint64_t boxes[BATCH];
	size_t n;
	struct sql *q;

	s->n = 0;
	if (find_any(s, tx, a, v, boxes, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++)
		if (email_unref(tx, v[i].email_id, 1, e) < 0 || forget_row(tx, boxes[i], v[i].uid, e) < 0)
			return e->code;
	s->n = n;
	q = sql_open(tx, "DELETE FROM gone_mailbox WHERE NOT EXISTS (SELECT 1 FROM gone_message g WHERE g.mailbox_id = gone_mailbox.id)");
	return sql_run(q, e) < 0 ? e->code : 0;
}

/* Nearly always nothing, and no write for that. */
static int any_over(struct tx *tx, void *arg, struct err *e)
{
	struct sweep *s = arg;
	SCOPED_ARENA a = arena_new();
	struct back v[BATCH];
	uint64_t boxes[BATCH];
	size_t n;
	int r = find_any(s, tx, a, v, boxes, &n, e);

	s->n = n;
	return r;
}

int gone_sweep(struct org *o, int64_t now_sec, unsigned batches, uint64_t *messages_out, struct err *e)
{
	struct sweep s = { .o = o, .now_sec = now_sec };
	int r = store_read(org_store(o), any_over, &s, e);

	*messages_out = 0;
	for (; r >= 0 && s.n && batches; batches--) {
		r = store_write(org_store(o), sweep_batch, &s, e);
		*messages_out += r >= 0 ? s.n : 0;
	}
	return r < 0 ? r : 0;
}
