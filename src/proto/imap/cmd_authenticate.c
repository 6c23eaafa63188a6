/* cmd_authenticate.c - AUTHENTICATE and its further lines (RFC 9051 6.2.2), with an initial response (RFC 4959).
 * The mechanisms: domain/org/sasl_server.h. Passwords live in locked memory only. */
#include "codec/base64.h"
#include "proto/imap/imap_int.h"

#define MESSAGE_MAX 8192

static void auth_end(struct imap_call *c)
{
	sasl_free(c->s->sasl);
	c->s->sasl = NULL;
}

static int step(struct imap_call *c, struct span message, struct err *e)
{
	struct span challenge;
	struct auth_who who;
	int r = sasl_step(c->s->sasl, c->org, c->arena, c->call->session->peer.address, message, &challenge, &who, e);

	if (r == SASL_MORE) {
		buf_addz(c->out, "+ ");
		base64_encode(c->out, challenge, 0);
		buf_addz(c->out, "\r\n");
		c->call->reply->next = NEXT_CONTINUE;
		c->answered = true;
		return 0;
	}
	auth_end(c);
	return r < 0 ? imap_auth_failed(c, e) : imap_signed_in(c, &who, e);
}

static int decode_and_step(struct imap_call *c, struct span line, struct err *e)
{
	SCOPED_SECRET message = { NULL, 0 };

	if (line.n > BASE64_LEN(MESSAGE_MAX) || (line.n && base64_decode_secret(line, &message) < 0)) {
		auth_end(c);
		return imap_bad(e, "Not base64");
	}
	return step(c, line.n ? secret_span(&message) : SPAN(""), e);
}

int imap_authenticate(struct imap_call *c, struct err *e)
{
	struct span name, initial;

	if (!imap_args_atom(&c->args, &name))
		return imap_bad(e, "AUTHENTICATE takes a mechanism");
	if (!imap_secure(c)) {
		c->no_code = "PRIVACYREQUIRED";
		return imap_no(e, ERR_DENIED, "Sign in over TLS only");
	}
	auth_end(c);
	c->s->sasl = sasl_new(name, c->call->session->peer.channel_binding);
	if (!c->s->sasl)
		return imap_no(e, ERR_PARAM, "Unknown mechanism");
	if (imap_args_end(&c->args))
		return step(c, SPAN_NONE, e);
	if (!imap_args_atom(&c->args, &initial) || imap_arg_end(c, e) < 0) {
		auth_end(c);
		return imap_bad(e, "The initial response is one word");
	}
	return decode_and_step(c, span_eqz(initial, "=") ? SPAN("") : initial, e);
}

int imap_continue(struct imap_call *c, struct err *e)
{
	const struct tok *t = c->call->cmd->tok;

	if (!c->s->sasl || c->call->cmd->ntok != 1 || t->kind != TOK_STRING)
		return imap_bad(e, "Nothing to continue");
	if (span_eqz(t->text, "*")) {
		auth_end(c);
		return imap_bad(e, "Cancelled");
	}
	return decode_and_step(c, t->text, e);
}
