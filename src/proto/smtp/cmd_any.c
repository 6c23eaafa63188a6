/* cmd_any.c - RSET, NOOP, QUIT, VRFY, EXPN, HELP (RFC 5321 4.1.1.5 to 4.1.1.10). Who lives here is not told. */
#include "proto/smtp/smtp_int.h"

int cmd_rset(struct smtp_call *c, struct err *e)
{
	(void)e;
	smtp_mail_end(c->s);
	c->s->reopened = false;
	return smtp_say(c, 250, "2.0.0", "Flushed");
}

int cmd_noop(struct smtp_call *c, struct err *e)
{
	(void)e;
	return smtp_say(c, 250, "2.0.0", "Fine");
}

int cmd_quit(struct smtp_call *c, struct err *e)
{
	(void)e;
	c->call->reply->next = NEXT_CLOSE;
	buf_addf(c->out, "221 2.0.0 %s Bye\r\n", c->call->house->hostname);
	return 0;
}

int cmd_vrfy(struct smtp_call *c, struct err *e)
{
	(void)e;
	return smtp_say(c, 252, "2.5.0", "Cannot say, but mail to it will be tried");
}

int cmd_expn(struct smtp_call *c, struct err *e)
{
	return smtp_no(c, ERR_DENIED, 502, "5.5.1", "Lists are not expanded", e);
}

int cmd_help(struct smtp_call *c, struct err *e)
{
	SCOPED_BUF b;

	(void)e;
	buf_init(&b, 1024);
	buf_addz(&b, "Commands:");
	for (size_t i = 0; i < smtp_rows_n; i++)
		if (smtp_rows[i].verb[0] != '*')
			buf_addf(&b, " %s", smtp_rows[i].verb);
	buf_addc(&b, '\0');
	return smtp_say(c, 214, "2.0.0", b.p);
}
