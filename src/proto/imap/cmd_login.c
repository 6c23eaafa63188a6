/* cmd_login.c - LOGIN (RFC 9051 6.2.3): only over TLS or from this machine. */
#include "domain/mail/hold.h"
#include "proto/imap/imap_int.h"

int imap_signed_in(struct imap_call *c, const struct auth_who *who, struct err *e)
{
	struct session *w = c->call->session;
	struct house *h = c->call->house;
	SCOPED_BUF b;

	buf_init(&b, 4096);
	if (h->admit && !h->admit(h, w->id, who->account_id)) {
		c->no_code = "LIMIT";
		return imap_no(e, ERR_LATER, "Too many connections of this account");
	}
	hold_sign_in(h->mail, c->arena, who->account_id, w->peer.address, false);
	w->account_id = c->who = who->account_id;
	w->login = arena_span(w->arena, who->login);
	c->s->at = ST_AUTH;
	c->call->reply->authenticated = true;
	imap_capability(c, &b);
	c->code = arena_span(c->arena, buf_span(&b));
	c->text = "Signed in";
	return 0;
}

/* Wrong, or wrong too often: both make the gate wait. */
int imap_auth_failed(struct imap_call *c, struct err *e)
{
	if (e->code == ERR_DENIED || e->code == ERR_MISSING)
		c->no_code = "AUTHENTICATIONFAILED";
	if (c->no_code || e->code == ERR_LIMIT)
		c->call->reply->mood = MOOD_AUTH_FAILED;
	return e->code;
}

int imap_login(struct imap_call *c, struct err *e)
{
	struct span login, password;
	struct auth_who who;

	if (!imap_secure(c)) {
		c->no_code = "PRIVACYREQUIRED";
		return imap_no(e, ERR_DENIED, "Sign in over TLS only");
	}
	if (!imap_args_astring(&c->args, &login) || !imap_args_astring(&c->args, &password))
		return imap_bad(e, "LOGIN takes a name and a password");
	if (imap_arg_end(c, e) < 0)
		return e->code;
	if (login.n > SASL_NAME_MAX || password.n > SASL_PASSWORD_MAX)
		return imap_bad(e, "Name or password too long");
	if (auth_password(c->org, c->arena, login, password, c->call->session->peer.address, &who, e) < 0)
		return imap_auth_failed(c, e);
	return imap_signed_in(c, &who, e);
}
