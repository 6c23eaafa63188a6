#include "domain/mail/mail_check.h"
#include <stdarg.h>
#include <stdio.h>
#include "domain/mail/mail_impl.h"
#include "domain/mail/mail_index.h"
#include "domain/mail/queue.h"

struct check {
	struct org *org;
	struct findings found;
	uint64_t mailbox_id, after_uid;
	bool last_box, last_message;
	struct arena *arena;
};

void findings_add(struct findings *f, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->n++;
	f->say(f->arg, text);
}

/* Counters of one mailbox against its rows, in one snapshot; then the next. */
static int check_box(struct tx *tx, void *arg, struct err *e)
{
	struct check *c = arg;
	struct mailbox box;
	int r;

	{
		SCOPED_SQL q = sql_open(tx, "SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE id > ?1 ORDER BY id LIMIT 1");

		sql_int(q, 1, (int64_t)c->mailbox_id);
		r = sql_next(q, e);
		if (r <= 0) {
			c->last_box = true;
			return r;
		}
		mailbox_read(q, &box);
		c->mailbox_id = box.id;
	}
	SCOPED_SQL q = sql_open(tx, "SELECT count(*), coalesce(sum(CASE WHEN flags & 1 = 0 THEN 1 ELSE 0 END), 0),"
		" coalesce(sum(CASE WHEN flags & 8 <> 0 THEN 1 ELSE 0 END), 0), coalesce(sum(size), 0), coalesce(max(uid), 0)"
		" FROM message WHERE mailbox_id = ?1");

	sql_int(q, 1, (int64_t)box.id);
	r = sql_next(q, e);
	if (r < 0)
		return r;
	if (sql_col_int(q, 0) != box.messages || sql_col_int(q, 1) != box.unseen || sql_col_int(q, 2) != box.deleted ||
		sql_col_int(q, 3) != (int64_t)box.bytes || sql_col_int(q, 4) >= box.uidnext)
		findings_add(&c->found, "mailbox %llu: counters say %u messages, %u unseen, %llu bytes; rows say %lld, %lld, %lld",
			(unsigned long long)box.id, box.messages, box.unseen, (unsigned long long)box.bytes,
			(long long)sql_col_int(q, 0), (long long)sql_col_int(q, 1), (long long)sql_col_int(q, 3));
	return 0;
}

/* 1 one looked at, 0 no more. After a row that does not open the walk goes on behind it. */
static int check_one(struct check *c, struct tx *tx, struct message_walk *w, const struct mailbox *box, struct message *m,
	struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct err why = ERR_INIT;
	struct span body;
	int r = message_walk_next(w, m, &why);

	if (r == 0)
		return 0;
	if (r > 0)
		r = message_body(tx, a, m, &body, &why) < 0 ? why.code : 0;
	if (r == ERR_LATER || m->uid <= c->after_uid)
		return err_set(e, r, why.say, "%s", why.log);
	c->after_uid = m->uid;
	if (r < 0)
		findings_add(&c->found, "mailbox %llu message %u: %s", (unsigned long long)box->id, m->uid, why.log);
	else if (body.n != m->size)
		findings_add(&c->found, "mailbox %llu message %u: %zu bytes, the row says %llu", (unsigned long long)box->id, m->uid, body.n,
			(unsigned long long)m->size);
	return 1;
}

/* A hundred messages of the mailbox: each email unseals, its body opens and has the size the row says. */
static int check_messages(struct tx *tx, void *arg, struct err *e)
{
	struct check *c = arg;
	struct mailbox box;
	struct imap_range range = { (uint32_t)c->after_uid + 1, UINT32_MAX };
	struct imap_set set = { &range, 1, 1 };
	struct message_walk *w = NULL;
	struct message m = { 0 };
	int r = mailbox_state(tx, c->mailbox_id, &box, e), n = 0;

	if (r == ERR_MISSING) {
		err_clear(e);
		c->last_message = true;
		return 0;
	}
	arena_reset(c->arena);
	if (r < 0)
		return r;
	r = message_walk_open(c->org, tx, c->arena, &box, &set, WANT_SUMMARY, &w, e);
	if (r == ERR_MISSING) { /* the account was removed and its key destroyed: nobody is to open this */
		err_clear(e);
		c->last_message = true;
		return 0;
	}
	if (r < 0)
		return r;
	for (r = 1; r == 1 && n < 100; n++)
		r = check_one(c, tx, w, &box, &m, e);
	message_walk_close(w);
	c->last_message = r != 1;
	return r < 0 ? r : 0;
}

/* ---- references: blob table and rows are compared in windows of ids, so that memory is bounded ---- */

#define WINDOW 500000
struct window {
	struct check *c;
	uint64_t after_id;
	bool last;
};

/* The WINDOW-th id above after_id, or all that is left. */
static int window_end(struct tx *tx, const char *sql, struct window *w, int64_t *end_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, sql);
	int r;

	sql_int(q, 1, (int64_t)w->after_id);
	sql_int(q, 2, WINDOW - 1);
	r = sql_next(q, e);
	w->last = r == 0;
	*end_out = r == 1 ? sql_col_int(q, 0) : INT64_MAX;
	return r < 0 ? r : 0;
}

static int compare(struct tx *tx, const char *sql, struct window *w, int64_t end, const char *what, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, sql);
	int r;

	sql_int(q, 1, (int64_t)w->after_id);
	sql_int(q, 2, end);
	while ((r = sql_next(q, e)) == 1)
		findings_add(&w->c->found, "%s %lld: counts %lld references, there are %lld", what, (long long)sql_col_int(q, 0),
			(long long)sql_col_int(q, 1), (long long)sql_col_int(q, 2));
	w->after_id = (uint64_t)end;
	return r;
}

static int check_emails(struct tx *tx, void *arg, struct err *e)
{
	struct window *w = arg;
	int64_t end;

	if (window_end(tx, "SELECT id FROM email WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2", w, &end, e) < 0)
		return e->code;
	return compare(tx, "SELECT e.id, e.refs, coalesce(c.n, 0) FROM email e LEFT JOIN (SELECT email_id, count(*) AS n FROM"
		" (SELECT email_id FROM message WHERE email_id > ?1 AND email_id <= ?2 UNION ALL SELECT email_id FROM gone_message"
		" WHERE email_id > ?1 AND email_id <= ?2) u GROUP BY email_id) c ON c.email_id = e.id"
		" WHERE e.id > ?1 AND e.id <= ?2 AND e.refs <> coalesce(c.n, 0)", w, end, "email", e);
}

/* Emails and waiting messages are all that refers to blobs. */
static int check_blobs(struct tx *tx, void *arg, struct err *e)
{
	struct window *w = arg;
	int64_t end;

	if (window_end(tx, "SELECT id FROM blob WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2", w, &end, e) < 0)
		return e->code;
	return compare(tx, "SELECT b.id, b.refs, coalesce(c.n, 0) FROM blob b LEFT JOIN (SELECT blob_id, count(*) AS n FROM"
		" (SELECT blob_id FROM email WHERE blob_id > ?1 AND blob_id <= ?2 UNION ALL SELECT blob_id FROM queue_message"
		" WHERE blob_id > ?1 AND blob_id <= ?2) u GROUP BY blob_id) c ON c.blob_id = b.id"
		" WHERE b.id > ?1 AND b.id <= ?2 AND b.refs <> coalesce(c.n, 0)", w, end, "blob", e);
}

/* What would hide from the walk, and what accounts are said to use. */
static int check_rows(struct tx *tx, void *arg, struct err *e)
{
	struct check *c = arg;
	int r;

	{
		SCOPED_SQL q = sql_open(tx, "SELECT m.mailbox_id, m.uid FROM message m"
			" WHERE NOT EXISTS (SELECT 1 FROM email e WHERE e.id = m.email_id)"
			" OR NOT EXISTS (SELECT 1 FROM mailbox b WHERE b.id = m.mailbox_id)");

		while ((r = sql_next(q, e)) == 1)
			findings_add(&c->found, "mailbox %lld message %lld: its email or its mailbox is missing", (long long)sql_col_int(q, 0),
				(long long)sql_col_int(q, 1));
		if (r < 0)
			return r;
	}
	SCOPED_SQL q = sql_open(tx, "SELECT u.account_id, u.used_messages, u.used_bytes, coalesce(b.messages, 0), coalesce(b.bytes, 0)"
		" FROM usage u LEFT JOIN (SELECT account_id, sum(messages) AS messages, sum(bytes) AS bytes FROM mailbox"
		" GROUP BY account_id) b ON b.account_id = u.account_id"
		" WHERE u.used_messages <> coalesce(b.messages, 0) OR u.used_bytes <> coalesce(b.bytes, 0)");

	while ((r = sql_next(q, e)) == 1)
		findings_add(&c->found, "account %lld: uses %lld messages and %lld bytes, its mailboxes hold %lld and %lld",
			(long long)sql_col_int(q, 0), (long long)sql_col_int(q, 1), (long long)sql_col_int(q, 2),
			(long long)sql_col_int(q, 3), (long long)sql_col_int(q, 4));
	return r;
}

/* One waiting message. */
static int check_queue(struct tx *tx, void *arg, struct err *e)
{
	struct window *w = arg;
	SCOPED_ARENA a = arena_new();
	struct err why = ERR_INIT;
	struct queue_entry entry;
	struct span body;
	uint64_t id;
	int r;

	{
		SCOPED_SQL q = sql_open(tx, "SELECT id FROM queue_message WHERE id > ?1 ORDER BY id LIMIT 1");

		sql_int(q, 1, (int64_t)w->after_id);
		r = sql_next(q, e);
		w->last = r == 0;
		if (r <= 0)
			return r;
		id = w->after_id = (uint64_t)sql_col_int(q, 0);
	}
	r = queue_get(w->c->org, tx, a, id, &entry, &why);
	if (r == 0)
		r = blob_read(tx, a, entry.blob_id, &entry.blob_key, &body, &why);
	if (r == ERR_LATER)
		return err_set(e, r, why.say, "%s", why.log);
	if (r < 0)
		findings_add(&w->c->found, "waiting message %llu: %s", (unsigned long long)id, why.log);
	else if (body.n != entry.size)
		findings_add(&w->c->found, "waiting message %llu: %zu bytes, the row says %llu", (unsigned long long)id, body.n,
			(unsigned long long)entry.size);
	return 0;
}

static int windows(struct check *c, struct store *s, store_fn *fn, struct err *e)
{
	struct window w = { .c = c };

	while (!w.last)
		if (store_read(s, fn, &w, e) < 0)
			return e->code;
	return 0;
}

int mail_check(struct org *o, struct store *s, void (*say)(void *arg, const char *problem), void *arg, uint64_t *problems_out,
	struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct check c = { .org = o, .found = { say, arg, 0 }, .arena = a };
	uint64_t more = 0;

	while (!c.last_box) {
		if (store_read(s, check_box, &c, e) < 0)
			return e->code;
		c.after_uid = 0;
		c.last_message = c.last_box;
		while (!c.last_message)
			if (store_read(s, check_messages, &c, e) < 0)
				return e->code;
	}
	if (store_read(s, check_rows, &c, e) < 0 || windows(&c, s, check_emails, e) < 0 || windows(&c, s, check_blobs, e) < 0 ||
		windows(&c, s, check_queue, e) < 0 || mail_index_check(o, s, say, arg, &more, e) < 0)
		return e->code;
	*problems_out = c.found.n + more;
	return 0;
}
