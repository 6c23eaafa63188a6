/* message_change.c - flags, expunge, copy and move. */
#include <string.h>
#include "base/time.h"
#include "domain/mail/gone.h"
#include "domain/mail/mail_impl.h"

#define VANISH_REMEMBERED 100000u      /* tombstones kept per mailbox; older ones are pruned now and then */
#define PRUNE_AT 64

/* One message's row in a list that grows in the arena. */
struct rows {
	struct row {
		uint32_t uid;
		uint64_t flags, email_id, size, modseq;
		int64_t received_sec;
	} *v;
	size_t n, cap;
};

static struct row *rows_add(struct arena *a, struct rows *r)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct row *v = ARENA_ARRAY(a, struct row, cap);

		if (r->n)
			memcpy(v, r->v, r->n * sizeof(*v));
		r->v = v;
		r->cap = cap;
	}
	return &r->v[r->n++];
}

static int read_rows(struct tx *tx, struct arena *a, uint64_t mailbox_id, const struct imap_set *uids, struct rows *out,
	struct err *e)
{
	for (size_t i = 0; i < uids->n; i++) {
		SCOPED_SQL q = sql_open(tx, "SELECT uid, flags, email_id, size, modseq, received_sec FROM message"
			" WHERE mailbox_id = ?1 AND uid >= ?2 AND uid <= ?3 ORDER BY uid");
		int r;

		sql_int(q, 1, (int64_t)mailbox_id);
		sql_int(q, 2, uids->v[i].lo);
		sql_int(q, 3, uids->v[i].hi);
		while ((r = sql_next(q, e)) == 1)
			*rows_add(a, out) = (struct row){ (uint32_t)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1),
				(uint64_t)sql_col_int(q, 2), (uint64_t)sql_col_int(q, 3), (uint64_t)sql_col_int(q, 4),
				sql_col_int(q, 5) };
		if (r < 0)
			return r;
	}
	return 0;
}

int mailbox_count(struct tx *tx, uint64_t mailbox_id, uint64_t modseq, int64_t messages, int64_t unseen, int64_t deleted,
	int64_t bytes, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE mailbox SET modseq = ?2, messages = messages + ?3, unseen = unseen + ?4,"
		" deleted = deleted + ?5, bytes = bytes + ?6 WHERE id = ?1");
	int r;

	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, (int64_t)modseq);
	sql_int(q, 3, messages);
	sql_int(q, 4, unseen);
	sql_int(q, 5, deleted);
	sql_int(q, 6, bytes);
	r = sql_run(q, e);
	if (r == 0)
		return err_set(e, ERR_MISSING, "No such mailbox", "mailbox %llu is gone", (unsigned long long)mailbox_id);
	return r < 0 ? r : 0;
}

/* What becomes of flags: (old & keep) | set. */
struct flag_bits {
	uint64_t keep, set;
};

static struct flag_bits flag_bits(enum flag_change how, uint64_t flags, uint64_t mask)
{
	flags &= mask;
	return (struct flag_bits){ how == FLAGS_ADD ? UINT64_MAX : how == FLAGS_REMOVE ? ~flags : ~mask,
		how == FLAGS_REMOVE ? 0 : flags };
}

/* One statement per range, with the same conditions as in message_flag. `+modseq`: the rows are found by uid. */
static int write_flags(struct tx *tx, const struct mailbox *box, const struct imap_set *uids, struct flag_bits bits,
	uint64_t unchangedsince, uint64_t modseq, struct err *e)
{
	for (size_t i = 0; i < uids->n; i++) {
		struct sql *q = sql_open(tx, "UPDATE message SET flags = (flags & ?4) | ?5, modseq = ?6 WHERE mailbox_id = ?1"
			" AND uid >= ?2 AND uid <= ?3 AND +modseq <= ?7 AND flags <> ((flags & ?4) | ?5)");

		sql_int(q, 1, (int64_t)box->id);
		sql_int(q, 2, uids->v[i].lo);
		sql_int(q, 3, uids->v[i].hi);
		sql_int(q, 4, (int64_t)bits.keep);
		sql_int(q, 5, (int64_t)bits.set);
		sql_int(q, 6, (int64_t)modseq);
		sql_int(q, 7, unchangedsince > INT64_MAX ? INT64_MAX : (int64_t)unchangedsince);
		if (sql_run(q, e) < 0)
			return e->code;
	}
	return 0;
}

int message_flag(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *uids,
	enum flag_change how, uint64_t flags, uint64_t unchangedsince, struct flags_changed **changed_out, size_t *n_out,
	struct imap_set *modified_out, struct err *e)
{
	struct rows rows = { 0 };
	int64_t unseen = 0, deleted = 0;
	uint64_t modseq = 0;
	struct flag_bits bits = flag_bits(how, flags, mailbox_flags_mask(box->rights));

	(void)o;
	*modified_out = (struct imap_set){ 0 };
	*n_out = 0;
	if (read_rows(tx, a, box->id, uids, &rows, e) < 0)
		return e->code;
	*changed_out = ARENA_ARRAY(a, struct flags_changed, rows.n);
	for (size_t i = 0; i < rows.n; i++) {
		const struct row *row = &rows.v[i];
		uint64_t now = (row->flags & bits.keep) | bits.set;

		if (row->modseq > unchangedsince) {
			imap_set_add(a, modified_out, row->uid);
			continue;
		}
		if (now == row->flags)
			continue;
		unseen += !!(row->flags & FLAG_SEEN) - !!(now & FLAG_SEEN);
		deleted += !!(now & FLAG_DELETED) - !!(row->flags & FLAG_DELETED);
		(*changed_out)[(*n_out)++] = (struct flags_changed){ row->uid, 0, now, row->flags };
	}
	if (!*n_out)
		return 0;
	if (account_next_modseq(tx, box->account_id, &modseq, e) < 0 ||
		write_flags(tx, box, uids, bits, unchangedsince, modseq, e) < 0 ||
		mailbox_count(tx, box->id, modseq, 0, unseen, deleted, 0, e) < 0)
		return e->code;
	for (size_t i = 0; i < *n_out; i++)
		(*changed_out)[i].modseq = modseq;
	mailbox_publish(tx, box, modseq);
	return 0;
}

/* ---- expunge ---- */

/* What becomes of the emails of rows that leave a mailbox. */
enum leave { LEAVE_MOVED, LEAVE_GONE, LEAVE_KEPT /* to be brought back (gone.h) */ };

static int delete_rows(struct tx *tx, const struct mailbox *box, const struct imap_set *gone, uint64_t modseq, enum leave how,
	struct err *e)
{
	for (size_t i = 0; i < gone->n; i++) {
		struct sql *q = sql_open(tx, "INSERT INTO expunged (mailbox_id, modseq, uid) SELECT mailbox_id, ?4, uid FROM message"
			" WHERE mailbox_id = ?1 AND uid >= ?2 AND uid <= ?3");

		sql_int(q, 1, (int64_t)box->id);
		sql_int(q, 2, gone->v[i].lo);
		sql_int(q, 3, gone->v[i].hi);
		sql_int(q, 4, (int64_t)modseq);
		if (sql_run(q, e) < 0)
			return e->code;
		if (how == LEAVE_KEPT && gone_take(tx, box->id, gone->v[i].lo, gone->v[i].hi, e) < 0)
			return e->code;
		q = sql_open(tx, "DELETE FROM message WHERE mailbox_id = ?1 AND uid >= ?2 AND uid <= ?3");
		sql_int(q, 1, (int64_t)box->id);
		sql_int(q, 2, gone->v[i].lo);
		sql_int(q, 3, gone->v[i].hi);
		if (sql_run(q, e) < 0)
			return e->code;
	}
	return 0;
}

/* Tombstones beyond what is remembered go; expunged_modseq says from where on they are complete. */
static int prune(struct tx *tx, const struct mailbox *box, struct err *e)
{
	int64_t edge;
	int r;

	{
		SCOPED_SQL q = sql_open(tx, "SELECT modseq FROM expunged WHERE mailbox_id = ?1 ORDER BY modseq DESC LIMIT 1 OFFSET ?2");

		sql_int(q, 1, (int64_t)box->id);
		sql_int(q, 2, VANISH_REMEMBERED);
		r = sql_next(q, e);
		if (r <= 0)
			return r;
		edge = sql_col_int(q, 0);
	}
	struct sql *d = sql_open(tx, "DELETE FROM expunged WHERE mailbox_id = ?1 AND modseq <= ?2");

	sql_int(d, 1, (int64_t)box->id);
	sql_int(d, 2, edge);
	if (sql_run(d, e) < 0)
		return e->code;
	d = sql_open(tx, "UPDATE mailbox SET expunged_modseq = ?2 WHERE id = ?1");
	sql_int(d, 1, (int64_t)box->id);
	sql_int(d, 2, edge);
	return sql_run(d, e) < 0 ? e->code : 0;
}

static int take_out(struct tx *tx, struct arena *a, const struct mailbox *box, const struct rows *rows, enum leave how,
	struct imap_set *gone_out, uint64_t *modseq_out, struct err *e)
{
	int64_t unseen = 0, deleted = 0, bytes = 0;

	*gone_out = (struct imap_set){ 0 };
	*modseq_out = box->modseq;
	if (!rows->n)
		return 0;
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *r = &rows->v[i];

		imap_set_add(a, gone_out, r->uid);
		unseen += !(r->flags & FLAG_SEEN);
		deleted += !!(r->flags & FLAG_DELETED);
		bytes += (int64_t)r->size;
		if (how == LEAVE_GONE && email_unref(tx, r->email_id, 1, e) < 0)
			return e->code;
	}
	if (account_use(tx, box->account_id, how == LEAVE_MOVED ? 0 : -bytes, how == LEAVE_MOVED ? 0 : -(int64_t)rows->n, true, modseq_out, e) < 0 ||
		delete_rows(tx, box, gone_out, *modseq_out, how, e) < 0 ||
		mailbox_count(tx, box->id, *modseq_out, -(int64_t)rows->n, -unseen, -deleted, -bytes, e) < 0)
		return e->code;
	mailbox_publish(tx, box, *modseq_out);
	/* Looking for the edge costs milliseconds in a mailbox with many: not at every single message. */
	return rows->n >= PRUNE_AT || *modseq_out % PRUNE_AT == 0 ? prune(tx, box, e) : 0;
}

int message_expunge(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *uids,
	bool any, struct imap_set *gone_out, uint64_t *modseq_out, struct err *e)
{
	struct imap_range whole = { 1, UINT32_MAX };
	struct imap_set all = { &whole, 1, 1 };
	struct rows rows = { 0 };
	uint64_t keep_days;
	size_t n = 0;

	if (gone_keep_days(o, tx, a, &keep_days, e) < 0 || read_rows(tx, a, box->id, uids ? uids : &all, &rows, e) < 0)
		return e->code;
	for (size_t i = 0; i < rows.n; i++)
		if (any || (rows.v[i].flags & FLAG_DELETED))
			rows.v[n++] = rows.v[i];
	rows.n = n;
	return take_out(tx, a, box, &rows, keep_days ? LEAVE_KEPT : LEAVE_GONE, gone_out, modseq_out, e);
}

/* ---- copy and move ---- */

/* Keyword bits of one mailbox in terms of another, made there as needed; what does not fit is left out. */
static int translate(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *from, struct mailbox *to,
	uint64_t used, uint64_t map[64], struct err *e)
{
	for (size_t i = 0; i < from->n_keywords; i++) {
		uint64_t bit = 0;

		if (!(used >> (FLAG_KEYWORD_SHIFT + i) & 1))
			continue;
		if (mailbox_keyword(o, tx, a, to, from->keywords[i], true, &bit, e) < 0) {
			if (e->code != ERR_LIMIT)
				return e->code;
			err_clear(e);
		}
		map[FLAG_KEYWORD_SHIFT + i] = bit;
	}
	return 0;
}

static uint64_t translated(uint64_t flags, const uint64_t map[64])
{
	uint64_t out = flags & FLAG_SYSTEM;

	for (unsigned i = FLAG_KEYWORD_SHIFT; i < 63; i++)
		if (flags >> i & 1)
			out |= map[i];
	return out;
}

/* The same message for another account: its blob gets a reference, its summary and key are sealed anew. */
static int email_for(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *from, const struct mailbox *to,
	uint64_t email_id, uint64_t *out, struct err *e)
{
	MAIL_KEY old = { { 0 } };
	MAIL_KEY new = { { 0 } };
	SCOPED_SQL q = NULL;
	struct sql *i;
	struct span plain;
	uint64_t blob, id = tx_id(tx);

	if (org_key(o, tx, from->account_id, &old, e) < 0 || org_key(o, tx, to->account_id, &new, e) < 0)
		return e->code;
	q = sql_open(tx, "SELECT blob_id, sealed FROM email WHERE id = ?1");
	sql_int(q, 1, (int64_t)email_id);
	if (sql_next(q, e) != 1)
		return err_set(e, ERR_BROKEN, "Internal error", "email %llu is missing", (unsigned long long)email_id);
	blob = (uint64_t)sql_col_int(q, 0);
	if (unseal_column(a, &old, (struct seal_place){ "email", "sealed", email_id }, sql_col(q, 1), &plain, e) < 0 ||
		blob_ref(tx, blob, 1, e) < 0)
		return e->code;
	i = sql_open(tx, "INSERT INTO email (id, account_id, blob_id, refs, sealed) VALUES (?1, ?2, ?3, 1, ?4)");
	sql_int(i, 1, (int64_t)id);
	sql_int(i, 2, (int64_t)to->account_id);
	sql_int(i, 3, (int64_t)blob);
	sql_blob(i, 4, seal_column(a, &new, (struct seal_place){ "email", "sealed", id }, plain));
	secret_wipe((void *)(uintptr_t)plain.p, plain.n);
	*out = id;
	return sql_run(i, e) < 0 ? e->code : 0;
}

static int email_share(struct tx *tx, uint64_t email_id, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE email SET refs = refs + 1 WHERE id = ?1");

	sql_int(q, 1, (int64_t)email_id);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int mailbox_reserve(struct tx *tx, uint64_t mailbox_id, size_t n, uint32_t *first_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "UPDATE mailbox SET uidnext = uidnext + ?2 WHERE id = ?1 RETURNING uidnext");
	int r;

	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, (int64_t)n);
	r = sql_next(q, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_MISSING, "No such mailbox", "target is gone");
	if (sql_col_int(q, 0) >= UINT32_MAX)
		return err_set(e, ERR_LIMIT, "Mailbox is out of UIDs", "mailbox %llu", (unsigned long long)mailbox_id);
	*first_out = (uint32_t)(sql_col_int(q, 0) - (int64_t)n);
	return 0;
}

static int put_copies(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *from, struct mailbox *to,
	const struct rows *rows, bool move, struct imap_set *to_out, struct err *e)
{
	bool inside = from->account_id == to->account_id;
	int64_t bytes = 0, unseen = 0, deleted = 0;
	uint64_t modseq, used = 0, map[64] = { 0 }, mask = mailbox_flags_mask(to->rights);
	uint32_t uid = 0;

	for (size_t i = 0; i < rows->n; i++) {
		bytes += (int64_t)rows->v[i].size;
		used |= rows->v[i].flags & mask;
	}
	if (translate(o, tx, a, from, to, used, map, e) < 0 || mailbox_reserve(tx, to->id, rows->n, &uid, e) < 0 ||
		account_use(tx, to->account_id, inside && move ? 0 : bytes, inside && move ? 0 : (int64_t)rows->n, false, &modseq, e) < 0)
		return e->code;
	for (size_t i = 0; i < rows->n; i++, uid++) {
		const struct row *r = &rows->v[i];
		uint64_t flags = translated(r->flags & (mask | ~(uint64_t)FLAG_SYSTEM), map), email = r->email_id;
		int x = inside ? (move ? 0 : email_share(tx, email, e)) : email_for(o, tx, a, from, to, r->email_id, &email, e);

		if (x < 0 || message_insert(tx, to->id, uid, modseq, flags, email, r->size, r->received_sec, e) < 0)
			return e->code;
		unseen += !(flags & FLAG_SEEN);
		deleted += !!(flags & FLAG_DELETED);
		imap_set_add(a, to_out, uid);
	}
	if (mailbox_count(tx, to->id, modseq, (int64_t)rows->n, unseen, deleted, bytes, e) < 0)
		return e->code;
	mailbox_publish(tx, to, modseq);
	return 0;
}

int message_copy(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *from, struct mailbox *to,
	const struct imap_set *uids, bool move, struct imap_set *from_out, struct imap_set *to_out, struct err *e)
{
	struct rows rows = { 0 };
	uint64_t modseq;

	*from_out = *to_out = (struct imap_set){ 0 };
	if (read_rows(tx, a, from->id, uids, &rows, e) < 0)
		return e->code;
	if (!rows.n)
		return 0;
	if (put_copies(o, tx, a, from, to, &rows, move, to_out, e) < 0)
		return e->code;
	if (move)
		return take_out(tx, a, from, &rows, from->account_id == to->account_id ? LEAVE_MOVED : LEAVE_GONE, from_out, &modseq, e);
	for (size_t i = 0; i < rows.n; i++)
		imap_set_add(a, from_out, rows.v[i].uid);
	return 0;
}
