/* cmd_authenticate.c - AUTHENTICATE and its further lines: PLAIN, LOGIN, SCRAM-SHA-256(-PLUS) (RFC 9051 6.2.2,
 * 4616, 5802, 7677, 9266), with an initial response (RFC 4959). Passwords live in locked memory only. */
#include <string.h>
#include "base/time.h"
#include "codec/base64.h"
#include "proto/imap/imap_int.h"

#define MESSAGE_MAX 8192

enum mech { MECH_PLAIN = 1, MECH_LOGIN, MECH_SCRAM, MECH_SCRAM_PLUS };

struct imap_auth {                       /* in the session's arena; used again by every attempt */
	enum mech mech;
	int step;
	char name[SASL_NAME_MAX];        /* LOGIN */
	size_t name_len;
	struct arena *scratch;           /* SCRAM's messages until the exchange ends */
	struct scram_first first;
	struct auth_scram scram;
	struct span server_first, nonce;
	struct auth_who who;
};

static int ask(struct imap_call *c, struct span challenge)
{
	buf_addz(c->out, "+ ");
	base64_encode(c->out, challenge, 0);
	buf_addz(c->out, "\r\n");
	c->call->reply->next = NEXT_CONTINUE;
	c->answered = true;
	return 0;
}

static int failed(struct imap_call *c, struct err *e)
{
	if (e->code == ERR_DENIED || e->code == ERR_MISSING) {
		c->no_code = "AUTHENTICATIONFAILED";
		c->call->reply->mood = MOOD_AUTH_FAILED;
	}
	return e->code;
}

static void auth_end(struct imap_call *c)
{
	struct imap_auth *a = c->s->auth;

	if (a && a->scratch) {
		arena_free(a->scratch);
		a->scratch = NULL;
	}
	if (a)
		a->mech = 0;
}

static int by_password(struct imap_call *c, struct span login, struct span password, struct err *e)
{
	struct auth_who who;

	if (auth_password(c->org, c->arena, login, password, c->call->session->peer.address, &who, e) < 0)
		return failed(c, e);
	return imap_signed_in(c, &who);
}

static int plain(struct imap_call *c, struct span message, struct err *e)
{
	struct sasl_plain p;

	if (sasl_plain_parse(message, &p, e) < 0)
		return e->code;
	if (p.authorise.n && !span_ieq(p.authorise, p.login)) {
		c->no_code = "AUTHORIZATIONFAILED";
		return imap_no(e, ERR_DENIED, "Nobody can sign in for somebody else");
	}
	return by_password(c, p.login, p.password, e);
}

static int login(struct imap_call *c, struct span message, struct err *e)
{
	struct imap_auth *a = c->s->auth;
	struct span s;

	if (a->step == 0) {
		if (sasl_login_name(message, &s, e) < 0)
			return e->code;
		a->name_len = s.n < sizeof(a->name) ? s.n : sizeof(a->name);
		memcpy(a->name, s.p, a->name_len);
		a->step = 1;
		return ask(c, SPAN("Password:"));
	}
	if (sasl_login_password(message, &s, e) < 0)
		return e->code;
	return by_password(c, (struct span){ a->name, a->name_len }, s, e);
}

static struct span new_nonce(struct arena *a)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char r[24];
	char *p = arena_alloc(a, sizeof(r));

	random_bytes(r, sizeof(r));
	for (size_t i = 0; i < sizeof(r); i++)
		p[i] = set[r[i] & 63];
	return (struct span){ p, sizeof(r) };
}

static int scram_begin(struct imap_call *c, struct span message, struct err *e)
{
	struct imap_auth *a = c->s->auth;
	const struct peer *p = &c->call->session->peer;
	SCOPED_BUF b;

	buf_init(&b, 2048);
	a->scratch = arena_new();
	if (scram_first_parse(a->scratch, arena_span(a->scratch, message), &a->first, e) < 0)
		return e->code;
	if ((a->first.gs2 == 'p') != (a->mech == MECH_SCRAM_PLUS) ||
		(a->first.gs2 == 'p' && !span_eqz(a->first.binding, "tls-exporter")) ||
		(a->first.gs2 == 'y' && p->channel_binding.n) ||
		(a->first.authorise.n && !span_ieq(a->first.authorise, a->first.login))) {
		imap_no(e, ERR_DENIED, "Channel binding or identity does not fit");
		return failed(c, e);
	}
	if (auth_scram_begin(c->org, a->scratch, a->first.login, p->address, &a->scram, e) < 0)
		return failed(c, e);
	a->nonce = new_nonce(a->scratch);
	scram_server_first(&b, a->first.nonce, a->nonce, a->scram.salt, a->scram.iterations);
	a->server_first = arena_span(a->scratch, buf_span(&b));
	a->step = 1;
	return ask(c, a->server_first);
}

static int scram_prove(struct imap_call *c, struct span message, struct err *e)
{
	struct imap_auth *a = c->s->auth;
	const struct peer *p = &c->call->session->peer;
	struct scram_final final;
	unsigned char signature[32];
	struct span nonce;
	SCOPED_BUF b;

	buf_init(&b, 8192);
	if (scram_final_parse(a->scratch, message, &final, e) < 0)
		return e->code;
	nonce = arena_printf(a->scratch, "%.*s%.*s", SPAN_F(a->first.nonce), SPAN_F(a->nonce));
	if (!span_eq(final.nonce, nonce) ||
		!scram_binding_ok(&a->first, &final, p->channel_binding, p->channel_binding.n > 0)) {
		imap_no(e, ERR_DENIED, "Wrong nonce or channel binding");
		return failed(c, e);
	}
	scram_auth_message(&b, &a->first, a->server_first, &final);
	if (auth_scram_finish(c->org, a->scratch, &a->scram, buf_span(&b),
		SPAN_BYTES(final.proof, SCRAM_PROOF_LEN), p->address, signature, &a->who, e) < 0)
		return failed(c, e);
	buf_reset(&b);
	scram_server_final(&b, SPAN_BYTES(signature, sizeof(signature)));
	a->step = 2;
	return ask(c, buf_span(&b));
}

static int scram(struct imap_call *c, struct span message, struct err *e)
{
	switch (c->s->auth->step) {
	case 0:
		return scram_begin(c, message, e);
	case 1:
		return scram_prove(c, message, e);
	default: /* the empty answer to our signature */
		return message.n ? imap_bad(e, "Nothing more to say") : imap_signed_in(c, &c->s->auth->who);
	}
}

static int step(struct imap_call *c, struct span line, struct err *e)
{
	SCOPED_SECRET message = { NULL, 0 };
	int r;

	if (line.n > BASE64_LEN(MESSAGE_MAX)) {
		r = imap_bad(e, "Too long");
	} else if (line.n && base64_decode_secret(line, &message) < 0) {
		r = imap_bad(e, "Not base64");
	} else {
		struct span m = line.n ? secret_span(&message) : SPAN("");

		r = c->s->auth->mech == MECH_PLAIN ? plain(c, m, e) :
			c->s->auth->mech == MECH_LOGIN ? login(c, m, e) : scram(c, m, e);
	}
	if (r < 0 || c->call->reply->next != NEXT_CONTINUE)
		auth_end(c);
	return r;
}

static enum mech mech_find(const struct imap_call *c, struct span name)
{
	if (span_ieqz(name, "PLAIN"))
		return MECH_PLAIN;
	if (span_ieqz(name, "LOGIN"))
		return MECH_LOGIN;
	if (span_ieqz(name, "SCRAM-SHA-256"))
		return MECH_SCRAM;
	if (span_ieqz(name, "SCRAM-SHA-256-PLUS") && c->call->session->peer.channel_binding.n)
		return MECH_SCRAM_PLUS;
	return 0;
}

int imap_authenticate(struct imap_call *c, struct err *e)
{
	struct span name, initial;
	enum mech mech;

	if (!imap_args_atom(&c->args, &name))
		return imap_bad(e, "AUTHENTICATE takes a mechanism");
	if (!imap_secure(c)) {
		c->no_code = "PRIVACYREQUIRED";
		return imap_no(e, ERR_DENIED, "Sign in over TLS only");
	}
	mech = mech_find(c, name);
	if (!mech)
		return imap_no(e, ERR_PARAM, "Unknown mechanism");
	if (!c->s->auth)
		c->s->auth = ARENA_NEW(c->call->session->arena, struct imap_auth);
	auth_end(c);
	c->s->auth->mech = mech;
	c->s->auth->step = 0;
	if (imap_args_end(&c->args)) {
		if (mech == MECH_LOGIN)
			return ask(c, SPAN("Username:"));
		return ask(c, SPAN(""));
	}
	if (!imap_args_atom(&c->args, &initial) || imap_arg_end(c, e) < 0) {
		auth_end(c);
		return imap_bad(e, "The initial response is one word");
	}
	return step(c, span_eqz(initial, "=") ? SPAN("") : initial, e);
}

int imap_continue(struct imap_call *c, struct err *e)
{
	const struct tok *t = c->call->cmd->tok;

	if (!c->s->auth || !c->s->auth->mech || c->call->cmd->ntok != 1 || t->kind != TOK_STRING)
		return imap_bad(e, "Nothing to continue");
	if (span_eqz(t->text, "*")) {
		auth_end(c);
		return imap_bad(e, "Cancelled");
	}
	return step(c, t->text, e);
}
