/* cmd_data.c - DATA, its body, BDAT (RFC 5321 4.1.1.4, 3030). */
#include <sys/mman.h>
#include "domain/mail/queue.h"
#include "proto/smtp/smtp_int.h"

static bool flag(const struct call *c, const char *name)
{
	for (size_t i = 0; i < c->cmd->ntok; i++)
		if (c->cmd->tok[i].kind == TOK_ATOM && span_eqz(c->cmd->tok[i].text, name))
			return true;
	return false;
}

/* One reply, or in LMTP one per recipient when the body has been taken. */
static void refuse_all(struct call *c, unsigned code, const char *status, const char *text)
{
	struct smtp_session *s = smtp_session(c);
	size_t n = c->session->service == SVC_LMTP && s->mail.n ? s->mail.n : 1;

	if (!c->err.code)
		err_set(&c->err, ERR_PARAM, "", "%s", text);
	for (size_t i = 0; i < n; i++)
		smtpd_say(c, code, status, text);
	smtpd_reset(s);
	smtpd_save(c);
}

static bool order_ok(struct call *c)
{
	struct smtp_session *s = smtp_session(c);

	if (s->lost && !s->mail.arena) {
		smtpd_say(c, 451, "4.3.0", "The server was restarted, send the mail again");
		c->reply->mood = MOOD_BAD_COMMAND;
		return false;
	}
	if (!s->mail.arena || !s->mail.n) {
		c->reply->mood = MOOD_BAD_COMMAND;
		err_set(&c->err, ERR_PARAM, "", "no recipients");
		smtpd_say(c, s->mail.arena ? 554 : 503, "5.5.1", s->mail.arena ? "No valid recipients" : "Say MAIL first");
		return false;
	}
	return true;
}

void smtpd_data(struct call *c)
{
	struct smtp_session *s = smtp_session(c);

	if (!order_ok(c))
		return;
	if (s->mail.bdat || (s->mail.flags & QUEUE_BINARY)) {
		c->reply->mood = MOOD_BAD_COMMAND;
		smtpd_say(c, 503, "5.5.1", "Use BDAT");
		return;
	}
	smtpd_say(c, 354, NULL, "Go ahead, end with a dot on a line of its own");
	c->reply->next = NEXT_DATA;
}

/* What the gate saw on the way; false: refused. */
static bool body_ok(struct call *c)
{
	if (flag(c, "TOOBIG"))
		refuse_all(c, 552, "5.3.4", "Message too large");
	else if (flag(c, "NOSPACE"))
		refuse_all(c, 452, "4.3.1", "No space for the message now, try again later");
	else if (flag(c, "BARE"))
		refuse_all(c, 550, "5.6.0", "Bare CR or LF in the message: every line must end with CR LF");
	else if (flag(c, "NUL") && !(smtp_session(c)->mail.flags & QUEUE_BINARY))
		refuse_all(c, 550, "5.6.0", "NUL in the message");
	else
		return true;
	return false;
}

static void take_body(struct call *c)
{
	struct smtp_session *s = smtp_session(c);
	void *map = NULL;

	if (!body_ok(c))
		return;
	if (flag(c, "8BIT"))
		s->mail.flags |= QUEUE_8BIT;
	if (c->cmd->spool_fd < 0) {
		smtpd_accept(c, c->cmd->body);
	} else {
		map = mmap(NULL, c->cmd->spool_len, PROT_READ, MAP_PRIVATE, c->cmd->spool_fd, 0);
		if (map == MAP_FAILED) {
			err_set(&c->err, ERR_BROKEN, "", "mmap: %m");
			refuse_all(c, 451, "4.3.0", "Internal error, try again later");
			return;
		}
		smtpd_accept(c, SPAN_BYTES(map, c->cmd->spool_len));
		munmap(map, c->cmd->spool_len);
	}
	smtpd_reset(s);
	smtpd_save(c);
}

void smtpd_message(struct call *c)
{
	if (order_ok(c))
		take_body(c);
}

void smtpd_bdat(struct call *c)
{
	struct smtp_session *s = smtp_session(c);

	if (!order_ok(c)) {
		if (s->mail.arena)
			smtpd_reset(s);
		return;
	}
	s->mail.bdat = true;
	if (flag(c, "LAST")) {
		take_body(c);
	} else if (flag(c, "TOOBIG") || flag(c, "NOSPACE")) {
		c->reply->mood = MOOD_BAD_COMMAND;
		body_ok(c);
	} else {
		smtpd_say(c, 250, "2.0.0", "Chunk received");
	}
}
