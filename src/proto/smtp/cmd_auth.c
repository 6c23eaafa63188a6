/* cmd_auth.c - STARTTLS (RFC 3207), AUTH and its further lines (RFC 4954), submission only. */
#include "proto/smtp/smtp_int.h"

int cmd_starttls(struct smtp_call *c, struct err *e)
{
	if (c->call->session->peer.tls)
		return smtp_no(c, ERR_SYNTAX, 503, "5.5.1", "TLS is on already", e);
	smtp_say(c, 220, "2.0.0", "Ready to start TLS");
	c->call->reply->next = NEXT_STARTTLS;
	c->call->reply->state = SPAN(""); /* nothing said in clear text counts afterwards */
	return 0;
}

static int auth_failed(struct smtp_call *c, struct err *e)
{
	switch (e->code) {
	case ERR_DENIED:
	case ERR_MISSING:
		c->call->reply->mood = MOOD_AUTH_FAILED;
		c->code = 535;
		c->status = "5.7.8";
		break;
	case ERR_LIMIT:
		c->call->reply->mood = MOOD_AUTH_FAILED;
		c->code = 454;
		c->status = "4.7.0";
		break;
	case ERR_PARAM:
		c->code = 504;
		c->status = "5.5.4";
		break;
	case ERR_SYNTAX:
	case ERR_TOOBIG:
		c->code = 501;
		c->status = "5.5.2";
		break;
	default:
		c->code = 454;
		c->status = "4.7.0";
	}
	return e->code;
}

static int auth_step(struct smtp_call *c, const struct span *line, struct err *e)
{
	struct session *w = c->call->session;
	struct auth_who who = { 0 };
	SCOPED_BUF challenge;
	int r;

	buf_init(&challenge, 16384);
	r = sasl_server_step(c->s->sasl, c->arena, line, &challenge, &who, e);
	if (r == 1) {
		buf_addf(c->out, "334 %.*s\r\n", SPAN_F(buf_span(&challenge)));
		c->call->reply->next = NEXT_CONTINUE;
		return 0;
	}
	sasl_server_free(c->s->sasl);
	c->s->sasl = NULL;
	if (r < 0)
		return auth_failed(c, e);
	w->account_id = who.account_id;
	w->login = arena_span(w->arena, who.login);
	c->call->reply->authenticated = true;
	smtp_state_save(c);
	return smtp_say(c, 235, "2.7.0", "Signed in");
}

int cmd_auth(struct smtp_call *c, struct err *e)
{
	const struct session *w = c->call->session;
	struct span initial = c->ntok > 1 ? c->tok[1].text : SPAN_NONE;

	if (w->account_id)
		return smtp_no(c, ERR_SYNTAX, 503, "5.5.1", "Signed in already", e);
	if (c->s->mail)
		return smtp_no(c, ERR_SYNTAX, 503, "5.5.1", "Not within a mail transaction", e);
	if (!c->s->esmtp)
		return smtp_no(c, ERR_SYNTAX, 503, "5.5.1", "Say EHLO first", e);
	if (!smtp_secure(c))
		return smtp_no(c, ERR_DENIED, 538, "5.7.11", "Sign in over TLS only", e);
	if (c->ntok < 1 || c->ntok > 2)
		return smtp_no(c, ERR_SYNTAX, 501, "5.5.4", "AUTH takes a mechanism", e);
	sasl_server_free(c->s->sasl);
	c->s->sasl = NULL;
	if (sasl_server_new(c->org, c->tok[0].text, w->peer.address, w->peer.channel_binding, &c->s->sasl, e) < 0)
		return auth_failed(c, e);
	if (span_eqz(initial, "="))
		initial = SPAN("");
	return auth_step(c, c->ntok > 1 ? &initial : NULL, e);
}

int cmd_continue(struct smtp_call *c, struct err *e)
{
	if (!c->s->sasl || c->ntok != 1)
		return smtp_no(c, ERR_SYNTAX, 503, "5.5.1", "Nothing to continue", e);
	if (span_eqz(c->tok[0].text, "*")) {
		sasl_server_free(c->s->sasl);
		c->s->sasl = NULL;
		return smtp_no(c, ERR_SYNTAX, 501, "5.7.0", "Cancelled", e);
	}
	return auth_step(c, &c->tok[0].text, e);
}
