/* cmd_auth.c - AUTH and its further lines (RFC 4954). */
#include "codec/base64.h"
#include "domain/mail/hold.h"
#include "proto/smtp/smtp_int.h"

#define MESSAGE_MAX 8192

static void auth_end(struct call *c)
{
	struct smtp_session *s = smtp_session(c);

	sasl_free(s->sasl);
	s->sasl = NULL;
}

static void auth_failed(struct call *c, const struct err *e)
{
	err_set(&c->err, e->code, e->say, "%s", e->log);
	switch (e->code) {
	case ERR_DENIED:
	case ERR_MISSING:
		c->reply->mood = MOOD_AUTH_FAILED;
		smtpd_say(c, 535, "5.7.8", e->say);
		break;
	case ERR_LIMIT:
		c->reply->mood = MOOD_AUTH_FAILED;
		smtpd_say(c, 454, "4.7.0", e->say);
		break;
	case ERR_SYNTAX:
	case ERR_TOOBIG:
		c->reply->mood = MOOD_BAD_COMMAND;
		smtpd_say(c, 501, "5.5.2", e->say);
		break;
	default:
		smtpd_say(c, 454, "4.7.0", "Temporary authentication failure");
	}
}

static void step(struct call *c, struct span message)
{
	struct smtp_session *s = smtp_session(c);
	struct span challenge;
	struct auth_who who;
	struct err e = ERR_INIT;
	int r = sasl_step(s->sasl, c->house->org, c->arena, c->session->peer.address, message, &challenge, &who, &e);

	if (r == SASL_MORE) {
		buf_addz(c->out, "334 ");
		base64_encode(c->out, challenge, 0);
		buf_addz(c->out, "\r\n");
		c->reply->next = NEXT_CONTINUE;
		return;
	}
	auth_end(c);
	if (r < 0) {
		auth_failed(c, &e);
		return;
	}
	if (c->house->admit && !c->house->admit(c->house, c->session->id, who.account_id)) {
		err_set(&c->err, ERR_LATER, "", "too many connections of the account");
		smtpd_say(c, 454, "4.7.0", "Too many connections of this account");
		return;
	}
	c->session->account_id = who.account_id;
	c->session->login = arena_span(c->session->arena, who.login);
	hold_sign_in(c->house->mail, c->arena, who.account_id, c->session->peer.address, true);
	c->reply->authenticated = true;
	smtpd_save(c);
	smtpd_say(c, 235, "2.7.0", "Welcome");
}

static void decode_and_step(struct call *c, struct span line)
{
	SCOPED_SECRET message = { NULL, 0 };

	if (line.n > BASE64_LEN(MESSAGE_MAX) || (line.n && base64_decode_secret(line, &message) < 0)) {
		auth_end(c);
		c->reply->mood = MOOD_BAD_COMMAND;
		err_set(&c->err, ERR_SYNTAX, "", "not base64");
		smtpd_say(c, 501, "5.5.2", "Not base64");
		return;
	}
	step(c, line.n ? secret_span(&message) : SPAN(""));
}

void smtpd_auth(struct call *c)
{
	struct smtp_session *s = smtp_session(c);
	const struct peer *p = &c->session->peer;
	const struct tok *t = c->cmd->tok;

	c->reply->mood = MOOD_BAD_COMMAND;
	if (c->session->service != SVC_SUBMISSION) {
		smtpd_say(c, 502, "5.5.1", "Sign in at the submission port");
	} else if (c->session->account_id || s->mail.arena) {
		smtpd_say(c, 503, "5.5.1", "Signed in already, or a mail is under way");
	} else if (!p->tls && !p->loopback) {
		smtpd_say(c, 538, "5.7.11", "Sign in over TLS only");
	} else if (c->cmd->ntok < 1) {
		smtpd_say(c, 501, "5.5.4", "AUTH takes a mechanism");
	} else {
		auth_end(c);
		s->sasl = sasl_new(t[0].text, p->channel_binding);
		if (!s->sasl) {
			smtpd_say(c, 504, "5.5.4", "Unknown mechanism");
			return;
		}
		c->reply->mood = MOOD_FINE;
		if (c->cmd->ntok == 1)
			step(c, SPAN_NONE);
		else
			decode_and_step(c, span_eqz(t[1].text, "=") ? SPAN("") : t[1].text);
	}
}

void smtpd_continue(struct call *c)
{
	struct smtp_session *s = smtp_session(c);

	if (!s->sasl || c->cmd->ntok != 1) {
		c->reply->mood = MOOD_BAD_COMMAND;
		smtpd_say(c, 503, "5.5.1", "Nothing to continue");
	} else if (span_eqz(c->cmd->tok[0].text, "*")) {
		auth_end(c);
		c->reply->mood = MOOD_BAD_COMMAND;
		smtpd_say(c, 501, "5.7.0", "Cancelled");
	} else {
		decode_and_step(c, c->cmd->tok[0].text);
	}
}
