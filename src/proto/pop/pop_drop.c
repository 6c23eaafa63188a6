/* pop_drop.c - the maildrop: INBOX as it was at sign-in; STAT, LIST, UIDL, RETR, TOP, DELE, RSET, QUIT (RFC 1939). */
#include <stdlib.h>
#include <unistd.h>
#include "base/io.h"
#include "base/scan.h"
#include "codec/pop/pop_text.h"
#include "proto/pop/pop_int.h"

#define INLINE_MAX (1u << 20)            /* larger answers leave as a descriptor */
#define PIECE_LEN 65536

struct look {
	struct call *c;
	struct pop_session *s;
	uint32_t uid;
	uint64_t lines;                   /* of the body; UINT64_MAX: all */
	bool missing;
};

static int picture(struct tx *tx, void *arg, struct err *e)
{
	struct look *l = arg;
	struct imap_range all = { 1, UINT32_MAX };
	struct imap_set set = { &all, 1, 1 };
	struct message_walk *w;
	struct mailbox box;
	struct message m;
	int r = 1;

	l->s->n = 0;
	if (mailbox_by_special(l->c->house->org, tx, l->c->arena, l->c->session->account_id, SPECIAL_INBOX, &box, e) < 0)
		return e->code;
	l->s->box_id = box.id;
	l->s->uidvalidity = box.uidvalidity;
	free(l->s->v);
	l->s->v = calloc((size_t)box.messages + 1, sizeof(*l->s->v));
	if (!l->s->v)
		abort();
	if (message_walk_open(l->c->house->org, tx, l->c->arena, &box, &set, WANT_META, &w, e) < 0)
		return e->code;
	while (l->s->n < box.messages && l->s->n < POP_MESSAGES_MAX && (r = message_walk_next(w, &m, e)) > 0)
		l->s->v[l->s->n++] = (struct pop_message){ m.uid, m.size, false };
	message_walk_close(w);
	return r < 0 ? r : 0;
}

static void totals(const struct pop_session *s, size_t *n, uint64_t *bytes)
{
	*n = 0;
	*bytes = 0;
	for (size_t i = 0; i < s->n; i++) {
		*n += !s->v[i].gone;
		*bytes += s->v[i].gone ? 0 : s->v[i].size;
	}
}

static void say_totals(struct call *c, const char *before)
{
	uint64_t bytes;
	size_t n;

	totals(pop_session(c), &n, &bytes);
	buf_addf(c->out, pop_session(c)->german ? "+OK %s%zu Nachrichten (%llu Oktette)\r\n" : "+OK %s%zu messages (%llu octets)\r\n",
		before, n, (unsigned long long)bytes);
}

static void give_back(struct call *c)
{
	if (c->house->maildrop)
		c->house->maildrop(c->house, c->session->id, 0);
}

static void not_in(struct call *c)
{
	c->session->account_id = 0;
	c->reply->authenticated = false;
}

/* RFC 1939 section 4: nobody else opens the maildrop meanwhile. IMAP and deliveries go on: numbers are those of the picture. */
void pop_signed_in(struct call *c)
{
	struct look l = { .c = c, .s = pop_session(c) };
	struct err e = ERR_INIT;

	if (c->house->maildrop && !c->house->maildrop(c->house, c->session->id, c->session->account_id)) {
		not_in(c);
		pop_err(c, ERR_BUSY, "IN-USE", "Another POP3 session has this mailbox");
		return;
	}
	if (store_read(c->house->store, picture, &l, &e) < 0) {
		give_back(c);
		not_in(c);
		pop_fail(c, &e);
		return;
	}
	c->reply->state = SPAN("pop"); /* so that a core that does not know the session refuses it */
	say_totals(c, pop_session(c)->german ? "Willkommen, " : "Welcome, ");
}

/* The message a command names; NULL: it has been answered. */
static struct pop_message *named(struct call *c)
{
	struct pop_session *s = pop_session(c);
	uint64_t n;

	if (!span_num(pop_arg(c, 0), &n, 1, UINT32_MAX))
		pop_err(c, ERR_SYNTAX, NULL, "Message number expected");
	else if (n > s->n || s->v[n - 1].gone)
		pop_err(c, ERR_MISSING, NULL, "No such message");
	else
		return &s->v[n - 1];
	return NULL;
}

void pop_stat(struct call *c)
{
	uint64_t bytes;
	size_t n;

	totals(pop_session(c), &n, &bytes);
	buf_addf(c->out, "+OK %zu %llu\r\n", n, (unsigned long long)bytes);
}

static void put_line(struct call *c, const struct pop_message *m, bool uidl)
{
	struct pop_session *s = pop_session(c);

	if (uidl)
		buf_addf(c->out, "%zu %u.%u\r\n", (size_t)(m - s->v) + 1, s->uidvalidity, m->uid);
	else
		buf_addf(c->out, "%zu %llu\r\n", (size_t)(m - s->v) + 1, (unsigned long long)m->size);
}

static void list(struct call *c, bool uidl)
{
	struct pop_session *s = pop_session(c);
	struct pop_message *m;

	if (c->cmd->ntok) {
		m = named(c);
		if (!m)
			return;
		buf_addz(c->out, "+OK ");
		put_line(c, m, uidl);
		return;
	}
	say_totals(c, "");
	for (size_t i = 0; i < s->n; i++)
		if (!s->v[i].gone)
			put_line(c, &s->v[i], uidl);
	buf_addz(c->out, ".\r\n");
}

void pop_list(struct call *c)
{
	list(c, false);
}

void pop_uidl(struct call *c)
{
	list(c, true);
}

static int put_spilled(struct call *c, struct span bytes, struct err *e)
{
	struct pop_stuff s = { 0 };
	uint64_t len = 0;
	int fd = io_memfd("retr");
	SCOPED_BUF b;

	buf_init(&b, 3 * PIECE_LEN);
	if (fd < 0)
		return err_errno(e, "memfd");
	for (size_t at = 0; at <= bytes.n; at += PIECE_LEN) {
		buf_reset(&b);
		pop_stuff(&s, &b, span_sub(bytes, at, PIECE_LEN));
		if (at + PIECE_LEN > bytes.n)
			pop_stuff_end(&s, &b);
		if (io_write_full(fd, buf_span(&b), e) < 0) {
			close(fd);
			return e->code;
		}
		len += b.n;
	}
	reply_bytes(c->reply, buf_span(c->out));
	c->reply->seg[c->reply->nseg++] = (struct segment){ .fd = fd, .off = 0, .len = len };
	return 0;
}

static int put_body(struct tx *tx, void *arg, struct err *e)
{
	struct look *l = arg;
	struct imap_range one = { l->uid, l->uid };
	struct imap_set set = { &one, 1, 1 };
	struct mailbox box = { .id = l->s->box_id, .account_id = l->c->session->account_id };
	struct message_walk *w;
	struct span body;
	struct message m;
	int r;

	buf_reset(l->c->out);
	if (message_walk_open(l->c->house->org, tx, l->c->arena, &box, &set, WANT_SUMMARY, &w, e) < 0)
		return e->code;
	r = message_walk_next(w, &m, e);
	l->missing = r == 0;
	if (r > 0)
		r = message_body(tx, l->c->arena, &m, &body, e);
	if (r >= 0 && !l->missing) {
		if (l->lines != UINT64_MAX)
			body.n = pop_top_len(body, m.summary.header_len, l->lines);
		buf_addf(l->c->out, l->s->german ? "+OK %zu Oktette\r\n" : "+OK %zu octets\r\n", body.n);
		if (body.n > INLINE_MAX) {
			r = put_spilled(l->c, body, e);
		} else {
			struct pop_stuff s = { 0 };

			pop_stuff(&s, l->c->out, body);
			pop_stuff_end(&s, l->c->out);
		}
	}
	message_walk_close(w);
	return r < 0 ? r : 0;
}

static void send_body(struct call *c, uint64_t lines)
{
	struct pop_message *m = named(c);
	struct look l = { .c = c, .s = pop_session(c), .lines = lines };
	struct err e = ERR_INIT;

	if (!m)
		return;
	l.uid = m->uid;
	if (store_read(c->house->store, put_body, &l, &e) < 0) {
		buf_reset(c->out);
		pop_fail(c, &e);
	} else if (l.missing) {
		pop_err(c, ERR_MISSING, NULL, "The message has been removed elsewhere");
	}
}

void pop_retr(struct call *c)
{
	send_body(c, UINT64_MAX);
}

void pop_top(struct call *c)
{
	uint64_t lines;

	if (span_num(pop_arg(c, 1), &lines, 0, UINT32_MAX))
		send_body(c, lines);
	else
		pop_err(c, ERR_SYNTAX, NULL, "Number of lines expected");
}

void pop_dele(struct call *c)
{
	struct pop_message *m = named(c);

	if (!m)
		return;
	m->gone = true;
	pop_ok(c, "Will be removed at QUIT");
}

void pop_rset(struct call *c)
{
	struct pop_session *s = pop_session(c);

	for (size_t i = 0; i < s->n; i++)
		s->v[i].gone = false;
	say_totals(c, "");
}

static int remove_all(struct tx *tx, void *arg, struct err *e)
{
	struct look *l = arg;
	struct imap_set uids = { 0 }, gone = { 0 };
	struct mailbox box;
	uint64_t modseq;

	for (size_t i = 0; i < l->s->n; i++)
		if (l->s->v[i].gone)
			imap_set_add(l->c->arena, &uids, l->s->v[i].uid);
	if (!uids.n)
		return 0;
	if (mailbox_get(l->c->house->org, tx, l->c->arena, l->s->box_id, &box, e) < 0)
		return e->code;
	return message_expunge(l->c->house->org, tx, l->c->arena, &box, &uids, true, &gone, &modseq, e);
}

void pop_quit(struct call *c)
{
	struct look l = { .c = c, .s = pop_session(c) };
	size_t n = 0;
	struct err e = ERR_INIT;

	c->reply->next = NEXT_CLOSE;
	for (size_t i = 0; i < l.s->n; i++)
		n += l.s->v[i].gone;
	if (n)
		store_write(c->house->store, remove_all, &l, &e);
	give_back(c); /* before the answer: who reads it may come again at once */
	if (e.code) {
		err_set(&c->err, e.code, e.say, "%s", e.log);
		pop_err(c, e.code, "SYS/TEMP", "Nothing has been removed");
		return;
	}
	pop_ok(c, "Bye");
}
