/* imap_learn.c - what people move to Junk or out of it, or mark $Junk or $NotJunk, is learned: their account remembers the sender
 * (domain/mail/sender.h), and rspamd hears of the message where it is configured.
 *
 * After the command's own transaction, in two of its own: a lesson that is lost costs nothing. At most LESSONS_MAX messages of
 * one command, LEARN_LEN_MAX octets of each for rspamd. */
#include "base/time.h"
#include "bus/scan_job.h"
#include "codec/mime/mime_header.h"
#include "domain/mail/sender.h"
#include "proto/imap/imap_int.h"

#define LESSONS_MAX 100
#define HEADER_MAX 65536
#define LEARN_LEN_MAX (1u << 20)

void imap_lesson(struct imap_call *c, const struct mailbox *box, const struct imap_set *uids, bool junk)
{
	c->lesson = (struct imap_lesson){ .mailbox_id = box->id, .account_id = box->account_id, .uids = *uids, .junk = junk };
}

void imap_lesson_moved(struct imap_call *c, const struct mailbox *from, const struct mailbox *to, const struct imap_set *into)
{
	bool was = from->special == SPECIAL_JUNK, is = to->special == SPECIAL_JUNK;

	if (was != is && (is || to->special != SPECIAL_TRASH) && from->account_id == to->account_id)
		imap_lesson(c, to, into, is);
}

struct learning {
	struct imap_call *c;
	struct sender senders[LESSONS_MAX];
	size_t n;
	unsigned what;                   /* for rspamd; 0: it does not learn */
};

static int learn_one(struct learning *l, struct tx *tx, const struct message *m, struct err *e)
{
	struct imap_call *c = l->c;
	struct span text;
	uint64_t len = l->what && m->size <= LEARN_LEN_MAX ? m->size : HEADER_MAX;

	if (message_body_range(tx, c->arena, m, 0, len < m->size ? len : m->size, &text, e) < 0)
		return e->code;
	if (sender_of_mail(c->arena, span_sub(text, 0, mime_header_len(text)), &l->senders[l->n]))
		l->n++;
	if (l->what && text.n == m->size)
		c->call->house->scan_learn(c->call->house, l->what, text);
	return 0;
}

static int read_all(struct tx *tx, void *arg, struct err *e)
{
	struct learning *l = arg;
	struct imap_lesson *k = &l->c->lesson;
	struct message_walk *w;
	struct message m;
	struct mailbox box;
	unsigned n = 0;
	int r;

	l->n = 0;
	if (mailbox_get(l->c->org, tx, l->c->arena, k->mailbox_id, &box, e) < 0 ||
		message_walk_open(l->c->org, tx, l->c->arena, &box, &k->uids, WANT_SUMMARY, &w, e) < 0)
		return e->code;
	while ((r = message_walk_next(w, &m, e)) == 1 && n++ < LESSONS_MAX)
		if (learn_one(l, tx, &m, e) < 0)
			break;
	message_walk_close(w);
	return r < 0 ? r : e->code;
}

static int write_all(struct tx *tx, void *arg, struct err *e)
{
	struct learning *l = arg;
	int by = l->c->lesson.junk ? 1 : -1;

	for (size_t i = 0; i < l->n; i++)
		if (sender_note(l->c->org, tx, l->c->arena, l->c->lesson.account_id, &l->senders[i], -by, 0, by, time_steady_sec(), e) < 0)
			return e->code;
	return 0;
}

void imap_learn(struct imap_call *c)
{
	const struct house *h = c->call->house;
	unsigned what = c->lesson.junk ? SCAN_LEARN_SPAM : SCAN_LEARN_HAM;
	struct learning *l;
	struct err e = ERR_INIT;

	if (!c->lesson.uids.n)
		return;
	l = ARENA_NEW(c->arena, struct learning);
	l->c = c;
	l->what = h->scan_learn ? h->scanners & what : 0;
	if (store_read(c->store, read_all, l, &e) == 0 && l->n)
		store_write(c->store, write_all, l, &e);
}
