/* pop_auth.c - USER and PASS, AUTH and its further lines (RFC 1939 section 7, 5034). Only over TLS or from this machine. */
#include <string.h>
#include "codec/base64.h"
#include "codec/sasl.h"
#include "domain/mail/hold.h"
#include "proto/pop/pop_int.h"

#define MESSAGE_MAX 8192

static bool may_sign_in(struct call *c)
{
	if (pop_secure(c))
		return true;
	pop_err(c, ERR_DENIED, NULL, "Sign in over TLS only");
	return false;
}

static void failed(struct call *c, const struct err *e)
{
	bool wrong = e->code == ERR_DENIED || e->code == ERR_MISSING;

	err_set(&c->err, e->code, e->say, "%s", e->log);
	if (wrong || e->code == ERR_LIMIT)
		c->reply->mood = MOOD_AUTH_FAILED;
	if (e->code == ERR_SYNTAX || e->code == ERR_TOOBIG)
		pop_err(c, ERR_SYNTAX, NULL, e->say);
	else
		pop_err(c, e->code, wrong ? "AUTH" : "SYS/TEMP", wrong || e->code == ERR_LIMIT ? e->say :
			"Temporary authentication failure");
}

static void welcome(struct call *c, const struct auth_who *who)
{
	if (c->house->admit && !c->house->admit(c->house, c->session->id, who->account_id)) {
		pop_err(c, ERR_LATER, "SYS/TEMP", "Too many connections of this account");
		return;
	}
	hold_sign_in(c->house->mail, c->arena, who->account_id, c->session->peer.address, false);
	c->session->account_id = who->account_id;
	c->session->login = arena_span(c->session->arena, who->login);
	c->reply->authenticated = true;
	pop_signed_in(c);
}

void pop_user(struct call *c)
{
	struct pop_session *s = pop_session(c);
	struct span name = pop_arg(c, 0);

	if (!may_sign_in(c))
		return;
	if (name.n >= sizeof(s->user)) {
		pop_err(c, ERR_SYNTAX, NULL, "Name too long");
		return;
	}
	memcpy(s->user, name.p, name.n);
	s->user_len = name.n;
	pop_ok(c, "And the password?");
}

void pop_pass(struct call *c)
{
	struct pop_session *s = pop_session(c);
	struct span name = { s->user, s->user_len }, password = pop_arg(c, 0);
	struct err e = ERR_INIT;
	struct auth_who who;

	if (!may_sign_in(c))
		return;
	if (!name.n || password.n > SASL_PASSWORD_MAX) {
		pop_err(c, ERR_SYNTAX, NULL, name.n ? "Password too long" : "USER comes first");
		return;
	}
	s->user_len = 0;
	if (auth_password(c->house->org, c->arena, name, password, c->session->peer.address, &who, &e) < 0)
		failed(c, &e);
	else
		welcome(c, &who);
}

static void auth_end(struct call *c)
{
	sasl_free(pop_session(c)->sasl);
	pop_session(c)->sasl = NULL;
}

static void step(struct call *c, struct span message)
{
	struct span challenge;
	struct auth_who who;
	struct err e = ERR_INIT;
	int r = sasl_step(pop_session(c)->sasl, c->house->org, c->arena, c->session->peer.address, message, &challenge,
		&who, &e);

	if (r == SASL_MORE) {
		buf_addz(c->out, "+ ");
		base64_encode(c->out, challenge, 0);
		buf_addz(c->out, "\r\n");
		c->reply->next = NEXT_CONTINUE;
		return;
	}
	auth_end(c);
	if (r < 0)
		failed(c, &e);
	else
		welcome(c, &who);
}

static void decode_and_step(struct call *c, struct span line)
{
	SCOPED_SECRET message = { NULL, 0 };

	if (line.n > BASE64_LEN(MESSAGE_MAX) || (line.n && base64_decode_secret(line, &message) < 0)) {
		auth_end(c);
		pop_err(c, ERR_SYNTAX, NULL, "Not base64");
		return;
	}
	step(c, line.n ? secret_span(&message) : SPAN(""));
}

/* "AUTH" SP mechanism [SP initial-response]; alone: the list of an older draft, still asked for by some */
void pop_auth(struct call *c)
{
	struct pop_session *s = pop_session(c);
	struct span initial = pop_arg(c, 1);

	if (!may_sign_in(c))
		return;
	if (!c->cmd->ntok) {
		pop_ok(c, "Mechanisms follow");
		buf_addz(c->out, "PLAIN\r\nLOGIN\r\nSCRAM-SHA-256\r\n.\r\n");
		return;
	}
	auth_end(c);
	s->sasl = sasl_new(pop_arg(c, 0), c->session->peer.channel_binding);
	if (!s->sasl)
		pop_err(c, ERR_PARAM, NULL, "Unknown mechanism");
	else if (c->cmd->ntok == 1)
		step(c, SPAN_NONE);
	else
		decode_and_step(c, span_eqz(initial, "=") ? SPAN("") : initial);
}

void pop_continue(struct call *c)
{
	struct span line = pop_arg(c, 0);

	if (!pop_session(c)->sasl) {
		pop_err(c, ERR_SYNTAX, NULL, "Nothing to continue");
	} else if (span_eqz(line, "*")) {
		auth_end(c);
		pop_err(c, ERR_SYNTAX, NULL, "Cancelled");
	} else {
		decode_and_step(c, line);
	}
}
