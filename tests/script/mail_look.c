#include "script/mail_look.h"
#include <stdio.h>
#include "base/scan.h"
#include "domain/mail/mailbox.h"
#include "domain/mail/message.h"
#include "domain/mail/queue.h"
#include "domain/org/address.h"

struct looking {
	struct house *h;
	struct arena *a;
	struct span rest;
	struct buf *out;
	enum address_kind kind;
};

static int set_address(struct tx *tx, void *arg, struct err *e)
{
	struct looking *l = arg;
	struct span rest = l->rest, address = span_cut(&rest, ' '), to[16];
	size_t n = 0;

	while (rest.n && n < 16)
		to[n++] = span_cut(&rest, ' ');
	return address_set(l->h->org, tx, l->kind, address, to, n, e);
}

static int find(struct looking *l, struct tx *tx, struct span *rest, struct account *who, struct err *e)
{
	*rest = l->rest;
	return account_find(l->h->org, tx, l->a, span_cut(rest, ' '), false, who, e);
}

static int fill_account(struct tx *tx, void *arg, struct err *e)
{
	struct looking *l = arg;
	struct account who;
	struct span rest;

	if (find(l, tx, &rest, &who, e) < 0)
		return e->code;
	return account_set_limits(l->h->org, tx, who.id, 1, 0, 0, e);
}

static int limit_account(struct tx *tx, void *arg, struct err *e)
{
	struct looking *l = arg;
	struct account who;
	struct span rest;
	uint64_t n;

	if (find(l, tx, &rest, &who, e) < 0)
		return e->code;
	if (!span_num(rest, &n, 0, UINT32_MAX))
		return err_set(e, ERR_PARAM, "", "no number");
	return account_set_limits(l->h->org, tx, who.id, 0, 0, (uint32_t)n, e);
}

static int lock_account(struct tx *tx, void *arg, struct err *e)
{
	struct looking *l = arg;
	struct account who;
	struct span rest;

	if (find(l, tx, &rest, &who, e) < 0)
		return e->code;
	return account_set_state(l->h->org, tx, who.id, ACCOUNT_LOCKED, e);
}

static int set_setting(struct tx *tx, void *arg, struct err *e)
{
	struct looking *l = arg;
	struct span rest = l->rest, name = span_cut(&rest, ' ');

	return org_setting_set(l->h->org, tx, arena_strz(l->a, name), rest, e);
}

static int inbox(struct looking *l, struct tx *tx, struct span *rest, struct mailbox *box, struct err *e)
{
	struct account who;

	if (find(l, tx, rest, &who, e) < 0)
		return e->code;
	return mailbox_by_special(l->h->org, tx, l->a, who.id, SPECIAL_INBOX, box, e);
}

static int count_inbox(struct tx *tx, void *arg, struct err *e)
{
	struct looking *l = arg;
	struct mailbox box;
	struct span rest;

	if (inbox(l, tx, &rest, &box, e) < 0)
		return e->code;
	buf_addf(l->out, "%u messages\r\n", box.messages);
	return 0;
}

static int show_inbox(struct tx *tx, void *arg, struct err *e)
{
	struct looking *l = arg;
	struct imap_set all = { 0 };
	struct message_walk *w;
	struct message m;
	struct mailbox box;
	struct span rest, text;
	uint64_t back = 1;
	int r;

	if (inbox(l, tx, &rest, &box, e) < 0)
		return e->code;
	if (rest.n && !span_num(rest, &back, 1, 1000))
		return err_set(e, ERR_PARAM, "", "no number");
	if (back > box.uidnext - 1)
		return err_set(e, ERR_MISSING, "", "mailbox is empty");
	imap_set_add(l->a, &all, box.uidnext - (uint32_t)back);
	if (message_walk_open(l->h->org, tx, l->a, &box, &all, WANT_SUMMARY, &w, e) < 0)
		return e->code;
	r = message_walk_next(w, &m, e);
	if (r == 1 && (r = message_body(tx, l->a, &m, &text, e)) == 0)
		buf_add(l->out, text);
	else if (r == 0)
		r = err_set(e, ERR_MISSING, "", "no such message");
	message_walk_close(w);
	return r;
}

static int show_queue(struct tx *tx, void *arg, struct err *e)
{
	struct looking *l = arg;
	struct queue_entry *q;
	size_t n;

	if (queue_list(l->h->org, tx, l->a, 0, 100, &q, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < q[i].n_rcpts; k++) {
			const struct queue_rcpt *r = &q[i].rcpts[k];

			buf_addf(l->out, "<%.*s> -> <%.*s> flags=%u notify=%u orcpt=%.*s envid=%.*s\r\n",
				SPAN_F(q[i].sender), SPAN_F(r->address), q[i].flags, r->notify, SPAN_F(r->orcpt),
				SPAN_F(q[i].envid));
		}
	if (!n)
		buf_addz(l->out, "empty\r\n");
	return 0;
}

static int show_body(struct tx *tx, void *arg, struct err *e)
{
	struct looking *l = arg;
	struct queue_entry *q;
	struct span text;
	size_t n;

	if (queue_list(l->h->org, tx, l->a, 0, 100, &q, &n, e) < 0)
		return e->code;
	if (!n)
		return err_set(e, ERR_MISSING, "", "queue is empty");
	if (blob_read(tx, l->a, q[n - 1].blob_id, &q[n - 1].blob_key, &text, e) < 0)
		return e->code;
	buf_add(l->out, text);
	return 0;
}

bool mail_look(struct house *h, struct arena *a, struct span word, struct span rest, struct buf *out)
{
	static const struct {
		const char *word;
		store_fn *fn;
		bool writes;
	} what[] = {
		{ "@alias", set_address, true }, { "@group", set_address, true }, { "@full", fill_account, true },
		{ "@limit", limit_account, true }, { "@lock", lock_account, true }, { "@setting", set_setting, true },
		{ "@inbox", show_inbox, false }, { "@count", count_inbox, false }, { "@queue", show_queue, false },
		{ "@body", show_body, false },
	};
	struct looking l = { h, a, rest, out, span_eqz(word, "@group") ? ADDRESS_GROUP : ADDRESS_ALIAS };
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof(what) / sizeof(*what); i++) {
		if (!span_eqz(word, what[i].word))
			continue;
		if ((what[i].writes ? store_write : store_read)(h->store, what[i].fn, &l, &e) == 0)
			return true;
		fprintf(stderr, "%s: %s\n", e.say, e.log);
	}
	return false;
}
