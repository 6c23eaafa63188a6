#include "domain/mail/mail_check.h"
#include <stdarg.h>
#include <stdio.h>
#include "domain/mail/mail_impl.h"

#define PORTION 100                /* messages in one read */

struct check {
	struct org *org;
	void (*say)(void *arg, const char *problem);
	void *arg;
	uint64_t problems, mailbox_id, account_id, after_uid;
	bool last_box, last_message;
	struct arena *arena;
};

__attribute__((format(printf, 2, 3))) static void problem(struct check *c, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->problems++;
	c->say(c->arg, text);
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
		c->account_id = box.account_id;
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
		problem(c, "mailbox %llu: counters say %u messages, %u unseen, %llu bytes; rows say %lld, %lld, %lld",
			(unsigned long long)box.id, box.messages, box.unseen, (unsigned long long)box.bytes,
			(long long)sql_col_int(q, 0), (long long)sql_col_int(q, 1), (long long)sql_col_int(q, 3));
	return 0;
}

static void check_body(struct tx *tx, struct check *c, const struct message *m)
{
	SCOPED_ARENA a = arena_new();
	struct err why = ERR_INIT;
	struct span body;

	if (message_body(tx, a, m, &body, &why) < 0)
		problem(c, "mailbox %llu message %u: %s", (unsigned long long)c->mailbox_id, m->uid, why.log);
	else if (body.n != m->size)
		problem(c, "mailbox %llu message %u: %zu bytes, the row says %llu", (unsigned long long)c->mailbox_id, m->uid,
			body.n, (unsigned long long)m->size);
}

/* Some messages of the mailbox: each email unseals, its body opens and has the size the row says. Stops at one that
 * does not, and goes on behind it when called again. */
static int check_messages(struct tx *tx, void *arg, struct err *e)
{
	struct check *c = arg;
	struct mailbox box = { .id = c->mailbox_id, .account_id = c->account_id };
	struct imap_range range = { (uint32_t)c->after_uid + 1, UINT32_MAX };
	struct imap_set set = { &range, 1, 1 };
	struct message_walk *w = NULL;
	int r;

	arena_reset(c->arena);
	r = message_walk_open(c->org, tx, c->arena, &box, &set, WANT_SUMMARY, &w, e);
	if (r == ERR_MISSING) { /* the account is gone and its key destroyed: nobody is to open this */
		err_clear(e);
		c->last_message = true;
		return 0;
	}
	if (r < 0)
		return r;
	for (int n = 0; n < PORTION; n++) {
		struct message m = { 0 };

		r = message_walk_next(w, &m, e);
		if (r == 0)
			c->last_message = true;
		if (r < 0 && (e->code != ERR_BROKEN || !m.uid))
			break;
		if (r == 0)
			break;
		c->after_uid = m.uid;
		if (r > 0) {
			check_body(tx, c, &m);
			continue;
		}
		problem(c, "mailbox %llu message %u: %s", (unsigned long long)box.id, m.uid, e->log);
		err_clear(e);
		r = 0;
		break;
	}
	message_walk_close(w);
	return r < 0 ? r : 0;
}

/* Rows of (id, what is written there, what was counted). */
static int differing(struct tx *tx, struct check *c, const char *what, const char *sql, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, sql);
	int r;

	while ((r = sql_next(q, e)) == 1)
		problem(c, "%s %lld: the row says %lld, counted %lld", what, (long long)sql_col_int(q, 0),
			(long long)sql_col_int(q, 1), (long long)sql_col_int(q, 2));
	return r;
}

static int references(struct tx *tx, void *arg, struct err *e)
{
	static const struct {
		const char *what, *sql;
	} all[] = {
		{ "references to email", "SELECT x.id, x.refs, coalesce(m.n, 0) FROM email x LEFT JOIN (SELECT email_id, count(*) AS n"
			" FROM message GROUP BY email_id) m ON m.email_id = x.id WHERE x.refs <> coalesce(m.n, 0)"
			" ORDER BY x.id LIMIT 1000" },
		{ "message without email, mailbox and uid", "SELECT m.mailbox_id, m.uid, m.email_id FROM message m LEFT JOIN email x"
			" ON x.id = m.email_id WHERE x.id IS NULL ORDER BY m.mailbox_id, m.uid LIMIT 1000" },
		{ "references to blob", "SELECT b.id, b.refs, coalesce(r.n, 0) FROM blob b LEFT JOIN (SELECT blob_id, count(*) AS n"
			" FROM (SELECT blob_id FROM email UNION ALL SELECT blob_id FROM queue_message) x GROUP BY blob_id) r"
			" ON r.blob_id = b.id WHERE b.refs <> coalesce(r.n, 0) ORDER BY b.id LIMIT 1000" },
		{ "bytes used by account", "SELECT u.account_id, u.used_bytes, CAST(coalesce(m.n, 0) AS BIGINT) FROM usage u LEFT JOIN"
			" (SELECT account_id, sum(bytes) AS n FROM mailbox GROUP BY account_id) m ON m.account_id = u.account_id"
			" WHERE u.used_bytes <> coalesce(m.n, 0) ORDER BY u.account_id LIMIT 1000" },
		{ "messages of account", "SELECT u.account_id, u.used_messages, CAST(coalesce(m.n, 0) AS BIGINT) FROM usage u LEFT JOIN"
			" (SELECT account_id, sum(messages) AS n FROM mailbox GROUP BY account_id) m ON m.account_id = u.account_id"
			" WHERE u.used_messages <> coalesce(m.n, 0) ORDER BY u.account_id LIMIT 1000" },
	};
	struct check *c = arg;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (differing(tx, c, all[i].what, all[i].sql, e) < 0)
			return e->code;
	return 0;
}

int mail_check(struct org *o, struct store *s, void (*say)(void *arg, const char *problem), void *arg, uint64_t *problems_out,
	struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct check c = { .org = o, .say = say, .arg = arg, .arena = a };

	while (!c.last_box) {
		if (store_read(s, check_box, &c, e) < 0)
			return e->code;
		c.after_uid = 0;
		c.last_message = c.last_box;
		while (!c.last_message)
			if (store_read(s, check_messages, &c, e) < 0)
				return e->code;
	}
	if (store_read(s, references, &c, e) < 0)
		return e->code;
	*problems_out = c.problems;
	return 0;
}
