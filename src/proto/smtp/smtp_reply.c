/* smtp_reply.c - the server's replies; the one table that turns a class of error into a code. */
#include "codec/smtp/smtp_reply.h"
#include "proto/smtp/smtp_int.h"

static const struct {
	unsigned code;
	const char *status, *text;
} error_table[] = {
	[-ERR_PARAM] = { 501, "5.5.4", "Argument makes no sense" },
	[-ERR_DENIED] = { 550, "5.7.1", "Not allowed" },
	[-ERR_MISSING] = { 550, "5.1.1", "No such user here" },
	[-ERR_EXISTS] = { 550, "5.5.0", "There already" },
	[-ERR_LIMIT] = { 452, "4.5.3", "A limit is reached" },
	[-ERR_BUSY] = { 451, "4.3.0", "Please try again" },
	[-ERR_GONE] = { 451, "4.3.0", "Please try again" },
	[-ERR_SYNTAX] = { 501, "5.5.2", "Syntax error" },
	[-ERR_TOOBIG] = { 552, "5.3.4", "Message too large" },
	[-ERR_LATER] = { 451, "4.3.0", "Temporarily unavailable, please try again" },
	[-ERR_BROKEN] = { 451, "4.3.0", "Internal error, please try again" },
};

int smtp_say(struct smtp_call *c, unsigned code, const char *status, const char *text)
{
	smtp_reply_write(c->out, code, status, span_str(text));
	return 0;
}

int smtp_no(struct smtp_call *c, int class, unsigned code, const char *status, const char *say, struct err *e)
{
	c->code = code;
	c->status = status;
	return err_set(e, class, say, "%u %s", code, say);
}

void smtp_error_line(struct smtp_call *c, int class)
{
	smtp_say(c, error_table[-class].code, error_table[-class].status, error_table[-class].text);
}

/* What counts against a client is what a correct one never says; trouble of ours or of a mailbox does not. */
static bool is_bad_command(unsigned code)
{
	return code == 500 || code == 501 || code == 502 || code == 503 || code == 504 || code == 555;
}

void smtp_error(struct smtp_call *c, const struct err *e)
{
	unsigned code = c->code ? c->code : error_table[-e->code].code;
	const char *status = c->code ? c->status : error_table[-e->code].status;
	const char *text = e->say[0] && e->code != ERR_BROKEN ? e->say : error_table[-e->code].text;

	smtp_say(c, code, status, text);
	if (is_bad_command(code) && !c->call->reply->mood)
		c->call->reply->mood = MOOD_BAD_COMMAND;
}

bool smtp_secure(const struct smtp_call *c)
{
	return c->call->session->peer.tls || c->call->session->peer.loopback;
}
