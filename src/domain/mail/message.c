#include "domain/mail/message.h"
#include <string.h>
#include "base/time.h"
#include "domain/mail/mail_impl.h"

#define VERSION 1
#define HEAD_LEN (1 + SEAL_KEY_LEN)       /* version, blob key; the summary follows */

int email_prepare(struct org *o, struct arena *a, struct span message, struct email_prepared *out, struct err *e)
{
	*out = (struct email_prepared){ .size = message.n };
	if (mime_summary_build(a, message, &out->summary, e) < 0)
		return e->code;
	return blob_stage(org_store(o), a, message, &out->blob, e);
}

int email_open(struct arena *a, const struct seal_key *key, uint64_t email_id, struct span sealed, struct seal_key *blob_key_out,
	struct mime_summary *out, struct err *e)
{
	struct span plain;

	if (unseal_column(a, key, (struct seal_place){ "email", "sealed", email_id }, sealed, &plain, e) < 0)
		return e->code;
	if (plain.n < HEAD_LEN || plain.p[0] != VERSION)
		return err_set(e, ERR_BROKEN, "Internal error", "email %llu is unreadable", (unsigned long long)email_id);
	memcpy(blob_key_out->k, plain.p + 1, SEAL_KEY_LEN);
	return mime_summary_open(span_from(plain, HEAD_LEN), out, e);
}

void email_prepared_fini(struct email_prepared *p)
{
	blob_staged_fini(&p->blob);
}

/* version || blob key || summary, sealed under the account's key. */
static struct span seal_email(struct arena *a, const struct seal_key *key, uint64_t email_id, const struct seal_key *blob_key,
	struct span summary)
{
	char *plain = arena_alloc(a, HEAD_LEN + summary.n);
	struct span out;

	plain[0] = VERSION;
	memcpy(plain + 1, blob_key->k, SEAL_KEY_LEN);
	memcpy(plain + HEAD_LEN, summary.p, summary.n);
	out = seal_column(a, key, (struct seal_place){ "email", "sealed", email_id }, SPAN_BYTES(plain, HEAD_LEN + summary.n));
	secret_wipe(plain + 1, SEAL_KEY_LEN);
	return out;
}

static int insert_email(struct tx *tx, uint64_t id, uint64_t account_id, uint64_t blob_id, int64_t refs, struct span sealed,
	struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO email (id, account_id, blob_id, refs, sealed) VALUES (?1, ?2, ?3, ?4, ?5)");

	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, (int64_t)account_id);
	sql_int(q, 3, (int64_t)blob_id);
	sql_int(q, 4, refs);
	sql_blob(q, 5, sealed);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int message_insert(struct tx *tx, uint64_t mailbox_id, uint32_t uid, uint64_t modseq, uint64_t flags, uint64_t email_id,
	uint64_t size, int64_t received_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO message (mailbox_id, uid, modseq, flags, email_id, size, received_sec, saved_sec)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");

	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, uid);
	sql_int(q, 3, (int64_t)modseq);
	sql_int(q, 4, (int64_t)flags);
	sql_int(q, 5, (int64_t)email_id);
	sql_int(q, 6, (int64_t)size);
	sql_int(q, 7, received_sec);
	sql_int(q, 8, time_real_sec());
	return sql_run(q, e) < 0 ? e->code : 0;
}

/* Counters for one more message; gives its UID. */
static int count_in(struct tx *tx, uint64_t mailbox_id, uint64_t modseq, uint64_t flags, uint64_t size, uint32_t *uid_out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "UPDATE mailbox SET uidnext = uidnext + 1, modseq = ?2, messages = messages + 1,"
		" unseen = unseen + ?3, deleted = deleted + ?4, bytes = bytes + ?5 WHERE id = ?1 RETURNING uidnext");
	int r;

	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, (int64_t)modseq);
	sql_int(q, 3, !(flags & FLAG_SEEN));
	sql_int(q, 4, !!(flags & FLAG_DELETED));
	sql_int(q, 5, (int64_t)size);
	r = sql_next(q, e);
	if (r == 0)
		return err_set(e, ERR_MISSING, "No such mailbox", "mailbox %llu is gone", (unsigned long long)mailbox_id);
	if (r < 0)
		return r;
	*uid_out = (uint32_t)sql_col_int(q, 0) - 1;
	if (*uid_out == UINT32_MAX)
		return err_set(e, ERR_LIMIT, "Mailbox is out of UIDs", "mailbox %llu", (unsigned long long)mailbox_id);
	return 0;
}

static int put_one(struct tx *tx, struct arena *a, const struct email_prepared *p, const struct message_put *to,
	const struct seal_key *key, uint32_t *uid_out, uint64_t *email_out, struct err *e)
{
	uint64_t modseq, email;

	if (account_use(tx, to->account_id, (int64_t)p->size, 1, to->force, &modseq, e) < 0)
		return e->code;
	email = tx_id(tx); /* the account's row is locked: ids of its emails are committed in their order (mail_index.h) */
	if (count_in(tx, to->mailbox_id, modseq, to->flags, p->size, uid_out, e) < 0 ||
		insert_email(tx, email, to->account_id, p->blob.id, 1, seal_email(a, key, email, &p->blob.key, p->summary), e) < 0 ||
		message_insert(tx, to->mailbox_id, *uid_out, modseq, to->flags, email, p->size, to->received_sec, e) < 0)
		return e->code;
	*email_out = email;
	tx_publish(tx, (struct change){ to->account_id, to->mailbox_id, FEED_MAILBOX, modseq });
	return 0;
}

int message_put(struct org *o, struct tx *tx, struct arena *a, const struct email_prepared *p, const struct message_put *to,
	size_t n, uint32_t *uids_out, uint64_t *email_ids_out, struct err *e)
{
	struct seal_key *keys = ARENA_ARRAY(a, struct seal_key, n);
	uint64_t *ids = ARENA_ARRAY(a, uint64_t, n);
	int r;

	for (size_t i = 0; i < n; i++)
		ids[i] = to[i].account_id;
	r = org_keys(o, tx, n, ids, keys, e);
	if (r == 0)
		r = blob_adopt(tx, &p->blob, (uint32_t)n, e);
	for (size_t i = 0; i < n && r == 0; i++) {
		uint64_t email = 0;

		r = put_one(tx, a, p, &to[i], &keys[i], &uids_out[i], &email, e);
		if (email_ids_out)
			email_ids_out[i] = email;
	}
	secret_wipe(keys, n * sizeof(*keys));
	return r;
}

int email_unref(struct tx *tx, uint64_t email_id, int64_t n, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "UPDATE email SET refs = refs - ?2 WHERE id = ?1 RETURNING refs, blob_id");
	struct sql *d;
	uint64_t blob;
	int r;

	sql_int(q, 1, (int64_t)email_id);
	sql_int(q, 2, n);
	r = sql_next(q, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_BROKEN, "Internal error", "email %llu is missing", (unsigned long long)email_id);
	if (sql_col_int(q, 0) > 0)
		return 0;
	blob = (uint64_t)sql_col_int(q, 1);
	d = sql_open(tx, "DELETE FROM search_text WHERE email_id = ?1");
	sql_int(d, 1, (int64_t)email_id);
	if (sql_run(d, e) < 0)
		return e->code;
	d = sql_open(tx, "DELETE FROM email WHERE id = ?1");
	sql_int(d, 1, (int64_t)email_id);
	if (sql_run(d, e) < 0)
		return e->code;
	return blob_ref(tx, blob, -1, e) < 0 ? e->code : 0;
}

/* ---- the walk ---- */

struct message_walk {
	struct tx *tx;
	struct arena *scratch;
	const struct imap_set *set;
	size_t at;
	struct sql *q;
	unsigned want;
	uint64_t mailbox_id, next;     /* uid */
	size_t left;                   /* rows this statement may still give */
	struct seal_key key;
};

/* In portions: on PostgreSQL a result is held whole. */
static const int walk_portion[] = { [WANT_META] = 5000, [WANT_SUMMARY] = 500 };

static const char *const walk_sql[] = {
	[WANT_META] = "SELECT uid, modseq, flags, email_id, size, received_sec, saved_sec FROM message"
		      " WHERE mailbox_id = ?1 AND uid >= ?2 AND uid <= ?3 ORDER BY uid LIMIT ?4",
	[WANT_SUMMARY] = "SELECT m.uid, m.modseq, m.flags, m.email_id, m.size, m.received_sec, m.saved_sec, e.blob_id, e.sealed"
			 " FROM message m JOIN email e ON e.id = m.email_id"
			 " WHERE m.mailbox_id = ?1 AND m.uid >= ?2 AND m.uid <= ?3 ORDER BY m.uid LIMIT ?4",
};

int message_walk_open(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *set,
	unsigned want, struct message_walk **out, struct err *e)
{
	struct message_walk *w = ARENA_NEW(a, struct message_walk);

	*w = (struct message_walk){ .tx = tx, .set = set, .want = want, .mailbox_id = box->id };
	if (want && org_key(o, tx, box->account_id, &w->key, e) < 0)
		return e->code;
	w->scratch = arena_new();
	*out = w;
	return 0;
}

void message_walk_close(struct message_walk *w)
{
	if (!w)
		return;
	sql_close(w->q);
	arena_free(w->scratch);
	seal_key_wipe(&w->key);
	*w = (struct message_walk){ 0 };
}

/* The next portion of this range, or of the next range. False: no more ranges. */
static bool walk_on(struct message_walk *w)
{
	const struct imap_range *r;

	if (w->at == w->set->n)
		return false;
	r = &w->set->v[w->at];
	w->left = (size_t)walk_portion[w->want];
	w->q = sql_open(w->tx, walk_sql[w->want]);
	sql_int(w->q, 1, (int64_t)w->mailbox_id);
	sql_int(w->q, 2, w->next > r->lo ? (int64_t)w->next : r->lo);
	sql_int(w->q, 3, r->hi);
	sql_int(w->q, 4, walk_portion[w->want]);
	return true;
}

int message_walk_next(struct message_walk *w, struct message *out, struct err *e)
{
	int r;

	for (;;) {
		if (!w->q && !walk_on(w))
			return 0;
		r = sql_next(w->q, e);
		if (r < 0)
			return r;
		if (r == 1)
			break;
		sql_close(w->q);
		w->q = NULL;
		w->at += w->left > 0 || w->next > w->set->v[w->at].hi;
	}
	w->left--;
	out->uid = (uint32_t)sql_col_int(w->q, 0);
	w->next = (uint64_t)out->uid + 1;
	out->modseq = (uint64_t)sql_col_int(w->q, 1);
	out->flags = (uint64_t)sql_col_int(w->q, 2);
	out->email_id = (uint64_t)sql_col_int(w->q, 3);
	out->size = (uint64_t)sql_col_int(w->q, 4);
	out->received_sec = sql_col_int(w->q, 5);
	out->saved_sec = sql_col_int(w->q, 6);
	if (!w->want)
		return 1;
	out->blob_id = (uint64_t)sql_col_int(w->q, 7);
	arena_reset(w->scratch);
	return email_open(w->scratch, &w->key, out->email_id, sql_col(w->q, 8), &out->blob_key, &out->summary, e) < 0 ? e->code : 1;
}

int message_body(struct tx *tx, struct arena *a, const struct message *m, struct span *out, struct err *e)
{
	return blob_read(tx, a, m->blob_id, &m->blob_key, out, e);
}

int message_body_range(struct tx *tx, struct arena *a, const struct message *m, uint64_t off, uint64_t len, struct span *out,
	struct err *e)
{
	return blob_read_range(tx, a, m->blob_id, &m->blob_key, off, len, out, e);
}
