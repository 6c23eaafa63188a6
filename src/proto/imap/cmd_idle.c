/* cmd_idle.c - IDLE, and what the gate sends while it lasts: *SYNC after a notice, *DONE at its end (RFC 2177). */
#include "proto/imap/imap_int.h"

int imap_sync_idle(struct imap_call *c, struct err *e)
{
	c->answered = true;
	if (c->s->at == ST_SELECTED && imap_sync(c, true, e) < 0) {
		buf_reset(c->out);
		buf_addz(c->out, "* BYE [UNAVAILABLE] Try again later\r\n");
		c->call->reply->next = NEXT_CLOSE;
		return e->code;
	}
	if (c->call->reply->next != NEXT_CLOSE)
		c->call->reply->next = NEXT_IDLE;
	return 0;
}

int imap_idle(struct imap_call *c, struct err *e)
{
	if (imap_arg_end(c, e) < 0)
		return e->code;
	buf_addz(c->out, "+ idling\r\n");
	return imap_sync_idle(c, e);
}

int imap_done(struct imap_call *c, struct err *e)
{
	if (!imap_args_end(&c->args))
		return imap_bad(e, "Expected DONE");
	c->text = "IDLE completed";
	return 0;
}
