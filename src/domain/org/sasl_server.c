#include "domain/org/sasl_server.h"
#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "codec/base64.h"
#include "codec/sasl.h"

#define MESSAGE_MAX 8192

struct sasl_server {
	struct org *o;
	int (*run)(struct sasl_server *s, struct arena *a, struct span message, struct buf *out, struct auth_who *who,
		struct err *e);
	bool plus, asks_first;
	int step;
	struct arena *arena;
	struct span peer, binding;
	struct span login;               /* LOGIN */
	struct scram_first first;
	struct auth_scram scram;
	struct span server_first, nonce;
	struct auth_who who;
};

static int denied(struct err *e, const char *say)
{
	return err_set(e, ERR_DENIED, say, "%s", say);
}

static int ask(struct buf *out, struct span challenge)
{
	base64_encode(out, challenge, 0);
	return 1;
}

static int run_plain(struct sasl_server *s, struct arena *a, struct span message, struct buf *out, struct auth_who *who,
	struct err *e)
{
	struct sasl_plain p;

	(void)out;
	if (sasl_plain_parse(message, &p, e) < 0)
		return e->code;
	if (p.authorise.n && !span_ieq(p.authorise, p.login))
		return denied(e, "Nobody can sign in for somebody else");
	return auth_password(s->o, a, p.login, p.password, s->peer, who, e);
}

static int run_login(struct sasl_server *s, struct arena *a, struct span message, struct buf *out, struct auth_who *who,
	struct err *e)
{
	struct span text;

	if (s->step == 0) {
		if (sasl_login_name(message, &text, e) < 0)
			return e->code;
		s->login = arena_span(s->arena, text);
		s->step = 1;
		return ask(out, SPAN("Password:"));
	}
	if (sasl_login_password(message, &text, e) < 0)
		return e->code;
	return auth_password(s->o, a, s->login, text, s->peer, who, e);
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

static int scram_begin(struct sasl_server *s, struct span message, struct buf *out, struct err *e)
{
	const struct scram_first *f = &s->first;
	SCOPED_BUF b;

	buf_init(&b, 2048);
	if (scram_first_parse(s->arena, arena_span(s->arena, message), &s->first, e) < 0)
		return e->code;
	if ((f->gs2 == 'p') != s->plus || (f->gs2 == 'p' && !span_eqz(f->binding, "tls-exporter")) ||
		(f->gs2 == 'y' && s->binding.n) || (f->authorise.n && !span_ieq(f->authorise, f->login)))
		return denied(e, "Channel binding or identity does not fit");
	if (auth_scram_begin(s->o, s->arena, f->login, s->peer, &s->scram, e) < 0)
		return e->code;
	s->nonce = new_nonce(s->arena);
	scram_server_first(&b, f->nonce, s->nonce, s->scram.salt, s->scram.iterations);
	s->server_first = arena_span(s->arena, buf_span(&b));
	s->step = 1;
	return ask(out, s->server_first);
}

static int scram_prove(struct sasl_server *s, struct span message, struct buf *out, struct err *e)
{
	struct scram_final final;
	unsigned char signature[32];
	struct span nonce;
	SCOPED_BUF b;

	buf_init(&b, 8192);
	if (scram_final_parse(s->arena, message, &final, e) < 0)
		return e->code;
	nonce = arena_printf(s->arena, "%.*s%.*s", SPAN_F(s->first.nonce), SPAN_F(s->nonce));
	if (!span_eq(final.nonce, nonce) || !scram_binding_ok(&s->first, &final, s->binding, s->binding.n > 0))
		return denied(e, "Wrong nonce or channel binding");
	scram_auth_message(&b, &s->first, s->server_first, &final);
	if (auth_scram_finish(s->o, s->arena, &s->scram, buf_span(&b), SPAN_BYTES(final.proof, SCRAM_PROOF_LEN),
		s->peer, signature, &s->who, e) < 0)
		return e->code;
	buf_reset(&b);
	scram_server_final(&b, SPAN_BYTES(signature, sizeof(signature)));
	s->step = 2;
	return ask(out, buf_span(&b));
}

static int run_scram(struct sasl_server *s, struct arena *a, struct span message, struct buf *out, struct auth_who *who,
	struct err *e)
{
	if (s->step == 0)
		return scram_begin(s, message, out, e);
	if (s->step == 1)
		return scram_prove(s, message, out, e);
	if (message.n) /* only an empty answer to our signature */
		return err_set(e, ERR_SYNTAX, "Nothing more to say", "SCRAM goes on after its end");
	*who = s->who;
	who->login = arena_span(a, s->who.login);
	return 0;
}

int sasl_server_new(struct org *o, struct span mechanism, struct span peer, struct span channel_binding,
	struct sasl_server **out, struct err *e)
{
	struct sasl_server s = { .o = o, .peer = peer, .binding = channel_binding };

	if (span_ieqz(mechanism, "PLAIN")) {
		s.run = run_plain;
	} else if (span_ieqz(mechanism, "LOGIN")) {
		s.run = run_login;
		s.asks_first = true;
	} else if (span_ieqz(mechanism, "SCRAM-SHA-256")) {
		s.run = run_scram;
	} else if (span_ieqz(mechanism, "SCRAM-SHA-256-PLUS") && channel_binding.n) {
		s.run = run_scram;
		s.plus = true;
	} else {
		return err_set(e, ERR_PARAM, "Unknown mechanism", "mechanism %.*s", SPAN_F(span_sub(mechanism, 0, 40)));
	}
	*out = malloc(sizeof(s));
	if (!*out)
		abort();
	s.arena = arena_new();
	**out = s;
	return 0;
}

void sasl_server_free(struct sasl_server *s)
{
	if (!s)
		return;
	arena_free(s->arena);
	free(s);
}

int sasl_server_step(struct sasl_server *s, struct arena *a, const struct span *line, struct buf *out,
	struct auth_who *who, struct err *e)
{
	SCOPED_SECRET message = { NULL, 0 };

	if (!line)
		return ask(out, s->asks_first ? SPAN("Username:") : SPAN(""));
	if (line->n > BASE64_LEN(MESSAGE_MAX))
		return err_set(e, ERR_SYNTAX, "Too long", "SASL line of %zu octets", line->n);
	if (line->n && base64_decode_secret(*line, &message) < 0)
		return err_set(e, ERR_SYNTAX, "Not base64", "SASL line is not base64");
	return s->run(s, a, line->n ? secret_span(&message) : SPAN(""), out, who, e);
}
