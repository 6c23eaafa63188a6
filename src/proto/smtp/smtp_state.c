/* smtp_state.c - what the gate keeps for us, so that a session outlives core: HELO and login, MACed with the run's
 * ticket key. The mail transaction is not in it: its commands get 451 until the client begins again. */
#include <string.h>
#include "base/wire.h"
#include "proto/smtp/smtp_int.h"

#define STATE_VERSION 1
#define MAC_LEN 32

void smtp_state_save(struct smtp_call *c)
{
	const struct smtp_session *s = c->s;
	unsigned char mac[MAC_LEN];
	SCOPED_BUF b;

	buf_init(&b, 1024);
	wire_u8(&b, STATE_VERSION);
	wire_u8(&b, c->service);
	wire_u8(&b, s->esmtp);
	wire_u64(&b, c->call->session->account_id);
	wire_span(&b, span_sub(c->call->session->login, 0, 150));
	wire_span(&b, span_sub(SPAN_BYTES(s->helo, s->helo_len), 0, 255));
	seal_mac(c->call->house->ticket_key, "smtp-state", buf_span(&b), mac);
	buf_add(&b, SPAN_BYTES(mac, MAC_LEN));
	if (!b.failed && b.n <= BUS_STATE_MAX)
		c->call->reply->state = arena_span(c->arena, buf_span(&b));
}

static int unknown(struct err *e)
{
	return err_set(e, ERR_DENIED, "Unknown session", "state of the session is not ours");
}

struct reopen {
	struct smtp_call *c;
	uint64_t account_id;
};

static int still_active(struct tx *tx, void *arg, struct err *e)
{
	struct reopen *r = arg;
	struct account a;

	if (account_get(r->c->org, tx, r->c->arena, r->account_id, &a, e) < 0)
		return e->code;
	return a.state == ACCOUNT_ACTIVE ? 0 : err_set(e, ERR_DENIED, "The account is not active", "account %llu",
		(unsigned long long)a.id);
}

int smtp_state_load(struct smtp_call *c, struct span state, struct err *e)
{
	struct session *w = c->call->session;
	struct reopen r = { .c = c };
	unsigned char mac[MAC_LEN];
	struct span login, helo, body = span_sub(state, 0, state.n > MAC_LEN ? state.n - MAC_LEN : 0);
	struct wire in = wire_open(body);
	bool esmtp;

	if (!body.n || state.n > BUS_STATE_MAX)
		return unknown(e);
	seal_mac(c->call->house->ticket_key, "smtp-state", body, mac);
	if (!span_equal_ct(SPAN_BYTES(mac, MAC_LEN), span_from(state, body.n)))
		return unknown(e);
	if (wire_get_u8(&in) != STATE_VERSION || wire_get_u8(&in) != c->service)
		return unknown(e);
	esmtp = wire_get_u8(&in);
	r.account_id = wire_get_u64(&in);
	login = wire_get_span(&in, 150);
	helo = wire_get_span(&in, sizeof(c->s->helo) - 1);
	if (!wire_done(&in))
		return unknown(e);
	if (r.account_id && store_read(c->store, still_active, &r, e) < 0)
		return e->code;
	memcpy(c->s->helo, helo.p, helo.n);
	c->s->helo_len = helo.n;
	c->s->esmtp = esmtp;
	c->s->reopened = true;
	w->account_id = r.account_id;
	w->login = arena_span(w->arena, login);
	return 0;
}
