/* imap_event.c - scripts that run when messages come or change by IMAP (RFC 6785).
 *
 * The command notes what it did in its own transaction; when that is durable the scripts of its first EVENTS_NOW messages run, so that
 * the client hears what they did with this command's reply. The rest is later/later.c's. Whatever a script does, the command has succeeded. */
#include "base/log.h"
#include "proto/imap/imap_int.h"

#define EVENTS_NOW 8

static int noted(struct imap_call *c, const struct mailbox *box, int r)
{
	if (r == 1)
		c->event_account = box->account_id;
	return r < 0 ? r : 0;
}

int imap_event(struct imap_call *c, const struct mailbox *box, enum event_cause cause, const struct imap_set *uids, struct err *e)
{
	return noted(c, box, event_note(c->org, c->tx, c->arena, c->who, box, cause, uids, 0, e));
}

int imap_event_flags(struct imap_call *c, const struct mailbox *box, const struct flags_changed *changed, size_t n, struct err *e)
{
	return noted(c, box, event_note_flags(c->org, c->tx, c->arena, c->who, box, changed, n, e));
}

void imap_events_run(struct imap_call *c)
{
	struct err e = ERR_INIT;
	unsigned n;

	if (c->event_account && event_run(c->call->house->mail, c->call->house->hostname, c->event_account, EVENTS_NOW, &n, &e) < 0 &&
		e.code != ERR_BUSY)
		log_msg("event_failed", "%s", e.log);
}
