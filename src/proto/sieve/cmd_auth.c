/* cmd_auth.c - AUTHENTICATE and its further lines (RFC 5804 section 2.1): base64 in strings. */
#include "codec/base64.h"
#include "domain/mail/hold.h"
#include "proto/sieve/sieve_int.h"

#define MESSAGE_MAX 8192

static void auth_end(struct call *c)
{
	struct sieve_session *s = sieve_session(c);

	sasl_free(s->sasl);
	s->sasl = NULL;
}

static void failed(struct call *c, const struct err *e)
{
	if (e->code == ERR_DENIED || e->code == ERR_MISSING || e->code == ERR_LIMIT) {
		err_set(&c->err, e->code, e->say, "%s", e->log);
		c->reply->mood = MOOD_AUTH_FAILED;
		sieved_say(c, "NO", e->code == ERR_LIMIT ? "TRYLATER" : NULL, span_str(e->say));
	} else {
		sieved_fail(c, e);
	}
}

static void step(struct call *c, struct span message)
{
	struct sieve_session *s = sieve_session(c);
	struct span challenge;
	struct auth_who who;
	struct err e = ERR_INIT;
	int r = sasl_step(s->sasl, c->house->org, c->arena, c->session->peer.address, message, &challenge, &who, &e);

	if (r == SASL_MORE) {
		buf_addc(c->out, '"');
		base64_encode(c->out, challenge, 0);
		buf_addz(c->out, "\"\r\n");
		c->reply->next = NEXT_CONTINUE;
		return;
	}
	auth_end(c);
	if (r < 0) {
		failed(c, &e);
		return;
	}
	if (c->house->admit && !c->house->admit(c->house, c->session->id, who.account_id)) {
		err_set(&c->err, ERR_LATER, "", "too many connections of the account");
		sieved_say(c, "NO", "TRYLATER", SPAN("Too many connections of this account"));
		return;
	}
	hold_sign_in(c->house->mail, c->arena, who.account_id, c->session->peer.address, false);
	c->session->account_id = who.account_id;
	c->session->login = arena_span(c->session->arena, who.login);
	c->reply->authenticated = true;
	sieved_save(c);
	sieved_say(c, "OK", NULL, SPAN("Welcome"));
}

static void decode_and_step(struct call *c, struct span line)
{
	SCOPED_SECRET message = { NULL, 0 };

	if (line.n > BASE64_LEN(MESSAGE_MAX) || (line.n && base64_decode_secret(line, &message) < 0)) {
		auth_end(c);
		sieved_bad(c, "Not base64");
		return;
	}
	step(c, line.n ? secret_span(&message) : SPAN(""));
}

void sieved_authenticate(struct call *c)
{
	struct sieve_session *s = sieve_session(c);
	const struct tok *t = c->cmd->tok;

	if (c->cmd->ntok < 1 || c->cmd->ntok > 2 || t[0].kind != TOK_STRING) {
		sieved_bad(c, "AUTHENTICATE takes a mechanism");
	} else if (!sieved_secure(c)) {
		sieved_say(c, "NO", "ENCRYPT-NEEDED", SPAN("Sign in over TLS only"));
	} else {
		auth_end(c);
		s->sasl = sasl_new(t[0].text, c->session->peer.channel_binding);
		if (!s->sasl)
			sieved_bad(c, "Unknown mechanism");
		else if (c->cmd->ntok == 1)
			step(c, SPAN_NONE);
		else
			decode_and_step(c, t[1].text);
	}
}

void sieved_continue(struct call *c)
{
	const struct tok *t = c->cmd->tok;

	if (!sieve_session(c)->sasl || c->cmd->ntok != 1 || t->kind != TOK_STRING) {
		sieved_bad(c, "Nothing to continue");
	} else if (span_eqz(t->text, "*")) {
		auth_end(c);
		sieved_bad(c, "Cancelled");
	} else {
		decode_and_step(c, t->text);
	}
}
