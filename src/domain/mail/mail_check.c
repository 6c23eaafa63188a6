#include "domain/mail/mail_check.h"
#include <stdarg.h>
#include <stdio.h>
#include "domain/mail/mail_impl.h"

struct check {
	struct org *org;
	void (*say)(void *arg, const char *problem);
	void *arg;
	uint64_t problems, mailbox_id, after_uid;
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

/* A hundred messages of the mailbox: each email unseals, its body opens and has the size the row says. */
static int check_messages(struct tx *tx, void *arg, struct err *e)
{
	struct check *c = arg;
	struct mailbox box;
	struct imap_range range = { (uint32_t)c->after_uid + 1, UINT32_MAX };
	struct imap_set set = { &range, 1, 1 };
	struct message_walk *w = NULL;
	struct message m;
	int r = mailbox_state(tx, c->mailbox_id, &box, e), n = 0;

	if (r == ERR_MISSING) {
		err_clear(e);
		c->last_message = true;
		return 0;
	}
	arena_reset(c->arena);
	if (r < 0 || message_walk_open(c->org, tx, c->arena, &box, &set, WANT_SUMMARY, &w, e) < 0)
		return e->code;
	while (n++ < 100) {
		SCOPED_ARENA a = arena_new();
		struct err why = ERR_INIT;
		struct span body;

		r = message_walk_next(w, &m, &why);
		if (r <= 0) {
			c->last_message = true;
			if (r == ERR_BROKEN || r == ERR_MISSING)
				problem(c, "mailbox %llu after message %llu: %s", (unsigned long long)box.id, (unsigned long long)c->after_uid,
					why.log);
			break;
		}
		c->after_uid = m.uid;
		if (message_body(tx, a, &m, &body, &why) < 0)
			problem(c, "mailbox %llu message %u: %s", (unsigned long long)box.id, m.uid, why.log);
		else if (body.n != m.size)
			problem(c, "mailbox %llu message %u: %zu bytes, the row says %llu", (unsigned long long)box.id, m.uid, body.n,
				(unsigned long long)m.size);
	}
	message_walk_close(w);
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
	*problems_out = c.problems;
	return 0;
}
