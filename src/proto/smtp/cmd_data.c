/* cmd_data.c - DATA, its body, BDAT (RFC 5321 4.1.1.4, 3030). */
#include "base/io.h"
#include "codec/smtp/smtp_data.h"
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

static bool ends_message(const struct call *c)
{
	return c->session->service == SVC_LMTP && (span_eqz(c->cmd->verb, "*MESSAGE") || flag(c, "LAST"));
}

static bool order_ok(struct call *c)
{
	struct smtp_session *s = smtp_session(c);

	if (s->lost && !s->mail.arena && ends_message(c)) { /* nobody knows how many answers LMTP waits for */
		err_set(&c->err, ERR_LATER, "", "transaction is lost");
		smtpd_say(c, 421, "4.3.0", "The server was restarted, send the mail again");
		c->reply->next = NEXT_CLOSE;
		return false;
	}
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

/* The gate looks for stray line ends after DATA only; chunks may have them in BINARYMIME alone (RFC 3030 section 3). */
static bool lines_ok(struct call *c, struct span body)
{
	const struct smtp_mail *m = &smtp_session(c)->mail;
	struct smtp_data d;

	if (!m->bdat || (m->flags & QUEUE_BINARY))
		return true;
	smtp_data_init(&d);
	smtp_data_chunk(&d, body, true);
	if (smtp_data_stray(&d))
		refuse_all(c, 550, "5.6.0", "Bare CR or LF in the message: every line must end with CR LF");
	return !smtp_data_stray(&d);
}

static void take_body(struct call *c)
{
	struct smtp_session *s = smtp_session(c);
	struct span body = c->cmd->body;
	struct smtp_kept *kept = c->keep;
	struct err e = ERR_INIT;

	if (kept) {                  /* run again: it was read and looked at before */
		if (!smtpd_accept(c, kept))
			return;
		smtpd_reset(s);
		smtpd_save(c);
		return;
	}
	if (!body_ok(c))
		return;
	if (flag(c, "8BIT"))
		s->mail.flags |= QUEUE_8BIT;
	if (c->cmd->spool_fd >= 0) { /* read, not mapped: a gate gone bad may cut or change its file meanwhile */
		char *p;

		if (c->cmd->spool_len > SMTP_SIZE_MAX) {
			refuse_all(c, 552, "5.3.4", "Message too large");
			return;
		}
		p = arena_alloc(c->arena, c->cmd->spool_len);
		body = SPAN_BYTES(p, c->cmd->spool_len);
		if (io_pread_full(c->cmd->spool_fd, p, body.n, 0, &e) < 0) {
			err_set(&c->err, e.code, e.say, "%s", e.log);
			refuse_all(c, 451, "4.3.0", "Internal error, try again later");
			return;
		}
	}
	if (!lines_ok(c, body))
		return;
	kept = ARENA_NEW(c->arena, struct smtp_kept);
	kept->body = body;
	c->keep = kept;
	if (!smtpd_accept(c, kept))
		return;
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
