/* mailbox_edit.c - making, removing, renaming mailboxes; subscriptions; keywords. */
#include <stdatomic.h>
#include <string.h>
#include "base/time.h"
#include "codec/imap/imap_utf7.h"
#include "domain/mail/acl.h"
#include "domain/mail/gone.h"
#include "domain/mail/mail_impl.h"

/* Larger than any handed out before by this process, than any of an earlier second, and - should the clock have gone
 * back - than that of any mailbox the account has. */
static int uidvalidity_next(struct tx *tx, uint64_t account_id, uint32_t *out, struct err *e)
{
	static atomic_uint last;
	unsigned now = (unsigned)time_real_sec(), seen = atomic_load(&last), next, known = 0;
	SCOPED_SQL q = sql_open(tx, "SELECT max(uidvalidity) FROM mailbox WHERE account_id = ?1");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	r = sql_next(q, e);
	if (r < 0)
		return r;
	if (r == 1)
		known = (unsigned)sql_col_int(q, 0);
	now = now > known ? now : known + 1;
	do {
		next = now > seen ? now : seen + 1;
	} while (!atomic_compare_exchange_weak(&last, &seen, next));
	*out = next;
	return 0;
}

int account_next_modseq(struct tx *tx, uint64_t account_id, uint64_t *modseq_out, struct err *e)
{
	return account_use(tx, account_id, 0, 0, true, modseq_out, e);
}

void mailbox_publish(struct tx *tx, const struct mailbox *box, uint64_t modseq)
{
	tx_publish(tx, (struct change){ box->account_id, box->id, FEED_MAILBOX, modseq });
}

static void publish_list(struct tx *tx, uint64_t account_id)
{
	tx_publish(tx, (struct change){ account_id, account_id, FEED_MAILBOX_LIST, 0 });
}

static int check_count(struct tx *tx, uint64_t account_id, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT count(*) FROM mailbox WHERE account_id = ?1");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	r = sql_next(q, e);
	if (r == 1 && sql_col_int(q, 0) >= MAILBOX_MAX)
		return err_set(e, ERR_LIMIT, "Too many mailboxes", "account %llu", (unsigned long long)account_id);
	return r < 0 ? r : 0;
}

/* Who may see the level above may see what is made below it. */
static int inherit(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, struct err *e)
{
	ssize_t cut = span_rchr(box->name, MAILBOX_DELIMITER);
	struct mailbox above;
	struct sql *q;

	if (cut <= 0)
		return 0;
	switch (mailbox_lookup(o, tx, a, box->account_id, span_sub(box->name, 0, (size_t)cut), &above, e)) {
	case 0: break;
	case ERR_MISSING: err_clear(e); return 0;
	default: return e->code;
	}
	q = sql_open(tx, "INSERT INTO mailbox_acl (mailbox_id, kind, grantee_id, negative, owner_id, rights)"
		" SELECT ?2, kind, grantee_id, negative, owner_id, rights FROM mailbox_acl WHERE mailbox_id = ?1");
	sql_int(q, 1, (int64_t)above.id);
	sql_int(q, 2, (int64_t)box->id);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int mailbox_insert(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span inner,
	enum mailbox_special special, struct mailbox *out, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY key = { { 0 } };
	struct sql *q;
	uint64_t modseq;
	uint32_t validity;
	int r;

	if (check_count(tx, account_id, e) < 0 || org_key(o, tx, account_id, &key, e) < 0 ||
		account_next_modseq(tx, account_id, &modseq, e) < 0 ||
		uidvalidity_next(tx, account_id, &validity, e) < 0)
		return e->code;
	seal_lookup(&key, "mailbox", inner, lookup);
	*out = (struct mailbox){ .id = tx_id(tx), .account_id = account_id, .uidvalidity = validity, .uidnext = 1,
		.modseq = modseq, .expunged_modseq = modseq, .special = special, .created_sec = time_real_sec(),
		.name = arena_span(a, inner), .rights = RIGHT_OWNER };
	q = sql_open(tx, "INSERT INTO mailbox (id, account_id, lookup, uidvalidity, uidnext, modseq, expunged_modseq,"
		" messages, unseen, deleted, bytes, special, created_sec, sealed)"
		" VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5, 0, 0, 0, 0, ?6, ?7, ?8) ON CONFLICT (account_id, lookup) DO NOTHING");
	sql_int(q, 1, (int64_t)out->id);
	sql_int(q, 2, (int64_t)account_id);
	sql_blob(q, 3, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_int(q, 4, out->uidvalidity);
	sql_int(q, 5, (int64_t)modseq);
	sql_int(q, 6, special);
	sql_int(q, 7, out->created_sec);
	sql_blob(q, 8, mailbox_pack(a, &key, out));
	r = sql_run(q, e);
	if (r == 0)
		return err_set(e, ERR_EXISTS, "Mailbox already exists", "account %llu", (unsigned long long)account_id);
	if (r > 0)
		publish_list(tx, account_id);
	return r < 0 ? r : inherit(o, tx, a, out, e);
}

static int subscribe_name(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span name, bool on,
	struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY key = { { 0 } };
	struct sql *q;
	int r;

	if (org_key(o, tx, viewer_id, &key, e) < 0)
		return e->code;
	seal_lookup(&key, "subscription", name, lookup);
	q = sql_open(tx, on ? "INSERT INTO subscription (account_id, lookup, sealed) VALUES (?1, ?2, ?3)"
			      " ON CONFLICT (account_id, lookup) DO NOTHING" :
			      "DELETE FROM subscription WHERE account_id = ?1 AND lookup = ?2");
	sql_int(q, 1, (int64_t)viewer_id);
	sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
	if (on)
		sql_blob(q, 3, seal_column(a, &key, (struct seal_place){ "subscription", "sealed", viewer_id }, name));
	r = sql_run(q, e);
	if (r > 0)
		publish_list(tx, viewer_id);
	return r < 0 ? r : 0;
}

int mailbox_create_first(struct org *o, struct tx *tx, uint64_t account_id, struct span language, struct err *e)
{
	static const struct {
		const char *en, *de;
		enum mailbox_special special;
	} first[] = { { "INBOX", "INBOX", SPECIAL_INBOX }, { "Drafts", "Entwürfe", SPECIAL_DRAFTS },
		{ "Sent", "Gesendet", SPECIAL_SENT }, { "Junk", "Spam", SPECIAL_JUNK },
		{ "Trash", "Papierkorb", SPECIAL_TRASH }, { "Archive", "Archiv", SPECIAL_ARCHIVE } };
	SCOPED_ARENA a = arena_new();
	bool german = span_istarts(language, SPAN("de"));

	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++) {
		struct span name = span_str(german ? first[i].de : first[i].en);
		struct mailbox box;

		if (mailbox_insert(o, tx, a, account_id, name, first[i].special, &box, e) < 0 ||
			subscribe_name(o, tx, a, account_id, name, true, e) < 0)
			return e->code;
	}
	return 0;
}

static int special_free(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, enum mailbox_special special,
	struct err *e)
{
	struct mailbox other;

	if (special == SPECIAL_NONE)
		return 0;
	switch (mailbox_by_special(o, tx, a, account_id, special, &other, e)) {
	case ERR_MISSING:
		err_clear(e);
		return 0;
	case 0:
		return err_set(e, ERR_EXISTS, "There is a mailbox for this use already", "special %d", special);
	default:
		return e->code;
	}
}

/* Levels above a new name that do not exist yet. */
static int make_levels(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span inner, struct err *e)
{
	for (size_t i = 1; i < inner.n; i++) {
		struct mailbox level;

		if (inner.p[i] != MAILBOX_DELIMITER)
			continue;
		if (mailbox_insert(o, tx, a, account_id, span_sub(inner, 0, i), SPECIAL_NONE, &level, e) < 0) {
			if (e->code != ERR_EXISTS)
				return e->code;
			err_clear(e);
		}
	}
	return 0;
}

/* The right to make what is below a level: the nearest that exists decides. */
static int may_create(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, const struct mailbox_place *at,
	struct err *e)
{
	struct span up = at->name;
	struct mailbox box;
	uint32_t rights = at->rights;
	ssize_t cut;

	while (!(rights & RIGHT_CREATE) && (cut = span_rchr(up, MAILBOX_DELIMITER)) > 0) {
		up.n = (size_t)cut;
		switch (mailbox_lookup(o, tx, a, at->account_id, up, &box, e)) {
		case ERR_MISSING:
			err_clear(e);
			continue;
		case 0:
			break;
		default:
			return e->code;
		}
		if (acl_rights(o, tx, a, viewer_id, at->account_id, box.id, &rights, e) < 0)
			return e->code;
		break;
	}
	return at->name.n && (rights & RIGHT_CREATE) ? 0 : err_set(e, ERR_DENIED, "Not permitted", "create without right");
}

int mailbox_create(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span full_name,
	enum mailbox_special special, struct mailbox *out, struct err *e)
{
	struct mailbox_place at;

	if (mailbox_locate(o, tx, a, viewer_id, full_name, &at, e) < 0)
		return e->code;
	if (may_create(o, tx, a, viewer_id, &at, e) < 0)
		return e->code;
	if (special_free(o, tx, a, at.account_id, special, e) < 0)
		return e->code;
	if (make_levels(o, tx, a, at.account_id, at.name, e) < 0 ||
		mailbox_insert(o, tx, a, at.account_id, at.name, special, out, e) < 0)
		return e->code;
	return acl_rights(o, tx, a, viewer_id, at.account_id, out->id, &out->rights, e);
}

static int keep_all(struct tx *tx, const struct mailbox *box, struct err *e)
{
	struct sql *d;

	if (gone_take(tx, box->id, 1, UINT32_MAX, e) < 0)
		return e->code;
	d = sql_open(tx, "DELETE FROM message WHERE mailbox_id = ?1");
	sql_int(d, 1, (int64_t)box->id);
	return sql_run(d, e) < 0 ? e->code : 0;
}

/* All its messages go; usage and references follow. */
static int empty_mailbox(struct tx *tx, const struct mailbox *box, bool keep, struct err *e)
{
	struct sql *d;
	uint64_t modseq;

	if (keep && keep_all(tx, box, e) < 0)
		return e->code;
	while (!keep) { /* in portions: on PostgreSQL a result is held whole */
		SCOPED_SQL q = sql_open(tx, "SELECT uid, email_id FROM message WHERE mailbox_id = ?1 ORDER BY uid LIMIT 5000");
		int64_t last = 0;
		int r;

		sql_int(q, 1, (int64_t)box->id);
		while ((r = sql_next(q, e)) == 1) {
			last = sql_col_int(q, 0);
			if (email_unref(tx, (uint64_t)sql_col_int(q, 1), 1, e) < 0)
				return e->code;
		}
		if (r < 0)
			return r;
		if (!last)
			break;
		d = sql_open(tx, "DELETE FROM message WHERE mailbox_id = ?1 AND uid <= ?2");
		sql_int(d, 1, (int64_t)box->id);
		sql_int(d, 2, last);
		if (sql_run(d, e) < 0)
			return e->code;
	}
	return account_use(tx, box->account_id, -(int64_t)box->bytes, -(int64_t)box->messages, true, &modseq, e);
}

/* Of a mailbox with expunged mails that can be brought back, name and keywords stay, too. */
static int drop_mailbox(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, struct err *e)
{
	struct sql *q;
	uint64_t keep_days;

	if (gone_keep_days(o, tx, a, &keep_days, e) < 0 || empty_mailbox(tx, box, keep_days > 0, e) < 0 ||
		gone_take_mailbox(tx, box->id, e) < 0)
		return e->code;
	q = sql_open(tx, "DELETE FROM expunged WHERE mailbox_id = ?1");
	sql_int(q, 1, (int64_t)box->id);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "DELETE FROM metadata WHERE mailbox_id = ?1");
	sql_int(q, 1, (int64_t)box->id);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "DELETE FROM mailbox_acl WHERE mailbox_id = ?1");
	sql_int(q, 1, (int64_t)box->id);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "DELETE FROM mailbox WHERE id = ?1");
	sql_int(q, 1, (int64_t)box->id);
	if (sql_run(q, e) < 0)
		return e->code;
	mailbox_publish(tx, box, box->modseq);
	publish_list(tx, box->account_id);
	return 0;
}

int mailbox_delete(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span full_name, struct err *e)
{
	struct mailbox box;

	if (mailbox_find(o, tx, a, viewer_id, full_name, &box, e) < 0 || mailbox_need(&box, RIGHT_REMOVE, e) < 0)
		return e->code;
	if (span_eqz(box.name, "INBOX"))
		return err_set(e, ERR_DENIED, "INBOX cannot be deleted", "INBOX");
	return drop_mailbox(o, tx, a, &box, e);
}

static int rename_one(struct org *o, struct tx *tx, struct arena *a, struct mailbox *box, struct span inner, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY key = { { 0 } };
	struct mailbox other;
	struct sql *q;

	if (inner.n > IMAP_NAME_MAX)
		return err_set(e, ERR_PARAM, "The name of a mailbox below it would be too long", "rename: %zu bytes", inner.n);
	switch (mailbox_lookup(o, tx, a, box->account_id, inner, &other, e)) {
	case 0: return err_set(e, ERR_EXISTS, "Mailbox already exists", "rename");
	case ERR_MISSING: err_clear(e); break;
	default: return e->code;
	}
	if (org_key(o, tx, box->account_id, &key, e) < 0)
		return e->code;
	seal_lookup(&key, "mailbox", inner, lookup);
	box->name = inner;
	q = sql_open(tx, "UPDATE mailbox SET lookup = ?2, sealed = ?3 WHERE id = ?1");
	sql_int(q, 1, (int64_t)box->id);
	sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_blob(q, 3, mailbox_pack(a, &key, box));
	return sql_run(q, e) < 0 ? e->code : 0;
}

/* RFC 9051 section 6.3.6: renaming INBOX moves its messages and leaves it empty. */
static int rename_inbox(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *inbox, struct span inner,
	struct err *e)
{
	struct imap_set all = { 0 }, from, to;
	struct mailbox box;

	if (make_levels(o, tx, a, inbox->account_id, inner, e) < 0 ||
		mailbox_insert(o, tx, a, inbox->account_id, inner, SPECIAL_NONE, &box, e) < 0)
		return e->code;
	if (inbox->uidnext <= 1)
		return 0;
	imap_set_add(a, &all, 1);
	all.v[0].hi = inbox->uidnext - 1;
	return message_copy(o, tx, a, inbox, &box, &all, true, &from, &to, e);
}

/* Each mailbox that gets another name needs the right to be removed. */
static int may_move(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, const struct mailbox_place *src,
	uint64_t mailbox_id, struct err *e)
{
	uint32_t rights = src->rights;

	if (!(rights & RIGHT_REMOVE) && acl_rights(o, tx, a, viewer_id, src->account_id, mailbox_id, &rights, e) < 0)
		return e->code;
	return rights & RIGHT_REMOVE ? 0 : err_set(e, ERR_DENIED, "Not permitted", "rename without right");
}

static int rename_tree(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, const struct mailbox_place *src,
	struct span to, struct err *e)
{
	struct mailbox_rows rows = { 0 };
	struct span below = arena_printf(a, "%.*s/", SPAN_F(src->name));
	struct mailbox taken;
	bool any = false;

	switch (mailbox_lookup(o, tx, a, src->account_id, to, &taken, e)) {
	case 0: return err_set(e, ERR_EXISTS, "Mailbox already exists", "rename");
	case ERR_MISSING: err_clear(e); break;
	default: return e->code;
	}
	if (mailbox_rows_of(o, tx, a, src->account_id, RIGHT_OWNER, SPAN_NONE, &rows, e) < 0 ||
		make_levels(o, tx, a, src->account_id, to, e) < 0)
		return e->code;
	for (size_t i = 0; i < rows.n; i++) {
		struct span name = rows.v[i].box.name;

		if (!span_eq(name, src->name) && !span_starts(name, below))
			continue;
		any = true;
		if (may_move(o, tx, a, viewer_id, src, rows.v[i].box.id, e) < 0 ||
			rename_one(o, tx, a, &rows.v[i].box, arena_printf(a, "%.*s%.*s", SPAN_F(to), SPAN_F(span_from(name, src->name.n))), e) < 0)
			return e->code;
	}
	if (!any)
		return err_set(e, ERR_MISSING, "No such mailbox", "rename");
	publish_list(tx, src->account_id);
	return 0;
}

int mailbox_rename(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span from, struct span to,
	struct err *e)
{
	struct mailbox_place src, dst;
	struct mailbox inbox;

	if (mailbox_locate(o, tx, a, viewer_id, from, &src, e) < 0 || mailbox_locate(o, tx, a, viewer_id, to, &dst, e) < 0)
		return e->code;
	if (!src.name.n || src.account_id != dst.account_id ||
		(span_eqz(src.name, "INBOX") && !(src.rights & RIGHT_DELETE)))
		return err_set(e, ERR_DENIED, "Not permitted", "rename across accounts or without right");
	if (may_create(o, tx, a, viewer_id, &dst, e) < 0)
		return e->code;
	if (span_eq(dst.name, src.name) || span_eqz(dst.name, "INBOX"))
		return err_set(e, ERR_EXISTS, "Mailbox already exists", "rename to itself or INBOX");
	if (span_starts(dst.name, arena_printf(a, "%.*s/", SPAN_F(src.name))) && !span_eqz(src.name, "INBOX"))
		return err_set(e, ERR_PARAM, "A mailbox cannot be moved below itself", "rename below itself");
	if (!span_eqz(src.name, "INBOX"))
		return rename_tree(o, tx, a, viewer_id, &src, dst.name, e);
	if (mailbox_lookup(o, tx, a, src.account_id, src.name, &inbox, e) < 0)
		return e->code;
	return rename_inbox(o, tx, a, &inbox, dst.name, e);
}

int mailbox_subscribe(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span full_name, bool on,
	struct err *e)
{
	struct span name;

	if (mailbox_name_normal(a, full_name, &name, e) < 0)
		return e->code;
	return subscribe_name(o, tx, a, viewer_id, name, on, e);
}

int mailbox_keyword(struct org *o, struct tx *tx, struct arena *a, struct mailbox *box, struct span keyword, bool add,
	uint64_t *bit_out, struct err *e)
{
	MAIL_KEY key = { { 0 } };
	struct span *more;
	struct sql *q;

	for (size_t i = 0; i < box->n_keywords; i++) {
		if (span_ieq(box->keywords[i], keyword)) {
			*bit_out = (uint64_t)1 << (FLAG_KEYWORD_SHIFT + i);
			return 0;
		}
	}
	if (!add)
		return err_set(e, ERR_MISSING, "No such keyword", "keyword");
	if (box->n_keywords == MAILBOX_KEYWORDS_MAX || keyword.n > 200)
		return err_set(e, ERR_LIMIT, "No more keywords in this mailbox", "%zu keywords", box->n_keywords);
	more = ARENA_ARRAY(a, struct span, box->n_keywords + 1);
	if (box->n_keywords)
		memcpy(more, box->keywords, box->n_keywords * sizeof(*more));
	more[box->n_keywords] = arena_span(a, keyword);
	*bit_out = (uint64_t)1 << (FLAG_KEYWORD_SHIFT + box->n_keywords);
	box->keywords = more;
	box->n_keywords++;
	if (org_key(o, tx, box->account_id, &key, e) < 0)
		return e->code;
	q = sql_open(tx, "UPDATE mailbox SET sealed = ?2 WHERE id = ?1");
	sql_int(q, 1, (int64_t)box->id);
	sql_blob(q, 2, mailbox_pack(a, &key, box));
	return sql_run(q, e) < 0 ? e->code : 0;
}
