#include "domain/org/sasl_server.h"
#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "codec/sasl.h"

enum mech { MECH_PLAIN = 1, MECH_LOGIN, MECH_SCRAM, MECH_SCRAM_PLUS };

struct sasl {
	enum mech mech;
	int step;
	struct arena *arena;           /* what must outlive a line */
	struct span binding, name;
	struct scram_first first;
	struct auth_scram scram;
	struct span server_first, nonce;
	struct auth_who who;
};

struct sasl *sasl_new(struct span mechanism, struct span binding)
{
	static const char *const names[] = { "", "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS" };
	struct sasl *s;
	int mech = 0;

	for (int i = MECH_PLAIN; i <= MECH_SCRAM_PLUS; i++)
		if (span_ieqz(mechanism, names[i]))
			mech = i;
	if (!mech || (mech == MECH_SCRAM_PLUS && !binding.n))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		abort();
	s->arena = arena_new();
	s->mech = (enum mech)mech;
	s->binding = arena_span(s->arena, binding);
	return s;
}

void sasl_free(struct sasl *s)
{
	if (!s)
		return;
	arena_free(s->arena);
	free(s);
}

bool sasl_client_first(const struct sasl *s)
{
	return s->mech != MECH_LOGIN;
}

static int plain(struct org *o, struct arena *a, struct span peer, struct span message, struct auth_who *who, struct err *e)
{
	struct sasl_plain p;

	if (sasl_plain_parse(message, &p, e) < 0)
		return e->code;
	if (p.authorise.n && !span_ieq(p.authorise, p.login))
		return err_set(e, ERR_DENIED, "Nobody can sign in for somebody else", "authzid differs");
	return auth_password(o, a, p.login, p.password, peer, who, e);
}

static int login(struct sasl *s, struct org *o, struct arena *a, struct span peer, struct span message, struct span *challenge,
	struct auth_who *who, struct err *e)
{
	struct span text;

	if (!message.p || s->step == 0) {
		if (!message.p) {
			*challenge = SPAN("Username:");
			return SASL_MORE;
		}
		if (sasl_login_name(message, &text, e) < 0)
			return e->code;
		s->name = arena_span(s->arena, text);
		s->step = 1;
		*challenge = SPAN("Password:");
		return SASL_MORE;
	}
	if (sasl_login_password(message, &text, e) < 0)
		return e->code;
	return auth_password(o, a, s->name, text, peer, who, e);
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

static int scram_begin(struct sasl *s, struct org *o, struct span peer, struct span message, struct span *challenge, struct err *e)
{
	SCOPED_BUF b;

	buf_init(&b, 2048);
	if (scram_first_parse(s->arena, arena_span(s->arena, message), &s->first, e) < 0)
		return e->code;
	if ((s->first.gs2 == 'p') != (s->mech == MECH_SCRAM_PLUS) ||
		(s->first.gs2 == 'p' && !span_eqz(s->first.binding, "tls-exporter")) ||
		(s->first.gs2 == 'y' && s->binding.n) ||
		(s->first.authorise.n && !span_ieq(s->first.authorise, s->first.login)))
		return err_set(e, ERR_DENIED, "Channel binding or identity does not fit", "gs2 %c", s->first.gs2);
	if (auth_scram_begin(o, s->arena, s->first.login, peer, &s->scram, e) < 0)
		return e->code;
	s->nonce = new_nonce(s->arena);
	scram_server_first(&b, s->first.nonce, s->nonce, s->scram.salt, s->scram.iterations);
	s->server_first = arena_span(s->arena, buf_span(&b));
	s->step = 1;
	*challenge = s->server_first;
	return SASL_MORE;
}

static int scram_prove(struct sasl *s, struct org *o, struct span peer, struct span message, struct span *challenge, struct err *e)
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
		return err_set(e, ERR_DENIED, "Wrong nonce or channel binding", "scram");
	scram_auth_message(&b, &s->first, s->server_first, &final);
	if (auth_scram_finish(o, s->arena, &s->scram, buf_span(&b), SPAN_BYTES(final.proof, SCRAM_PROOF_LEN), peer, signature,
		    &s->who, e) < 0)
		return e->code;
	buf_reset(&b);
	scram_server_final(&b, SPAN_BYTES(signature, sizeof(signature)));
	s->step = 2;
	*challenge = arena_span(s->arena, buf_span(&b));
	return SASL_MORE;
}

int sasl_step(struct sasl *s, struct org *o, struct arena *a, struct span peer, struct span message, struct span *challenge_out,
	struct auth_who *who_out, struct err *e)
{
	*challenge_out = SPAN("");
	if (s->mech == MECH_LOGIN)
		return login(s, o, a, peer, message, challenge_out, who_out, e);
	if (!message.p)
		return SASL_MORE;
	if (s->mech == MECH_PLAIN)
		return plain(o, a, peer, message, who_out, e);
	if (s->step == 0)
		return scram_begin(s, o, peer, message, challenge_out, e);
	if (s->step == 1)
		return scram_prove(s, o, peer, message, challenge_out, e);
	if (message.n)
		return err_set(e, ERR_SYNTAX, "Nothing more to say", "scram: %zu octets after the signature", message.n);
	*who_out = s->who;
	who_out->login = arena_span(a, s->who.login);
	return SASL_DONE;
}
