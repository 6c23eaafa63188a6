/* cmd_rcpt.c - RCPT (RFC 5321 4.1.1.3; NOTIFY and ORCPT 3461). The address is resolved here, once; what is known to
 * fail (no such user, full, not ours) is refused here, while the sender's server still has the message. */
#include <string.h>
#include "codec/smtp/smtp_address.h"
#include "codec/smtp/smtp_xtext.h"
#include "proto/smtp/smtp_int.h"

struct looked_up {
	struct smtp_call *c;
	struct smtp_rcpt rcpt;
	struct span key;
	struct recipients to;
};

static void hex(char out[SMTP_LOOP_LEN + 1], const unsigned char in[SEAL_LOOKUP_LEN])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SEAL_LOOKUP_LEN; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[SMTP_LOOP_LEN] = '\0';
}

static bool leads_outside(const struct recipients *to)
{
	for (size_t i = 0; i < to->n; i++)
		if (!to->v[i].account_id)
			return true;
	return false;
}

/* An address of ours: final recipients, room, the marker against loops. */
static int look_up_here(struct tx *tx, struct looked_up *l, struct err *e)
{
	unsigned char mark[SEAL_LOOKUP_LEN];

	l->rcpt.here = true;
	if (l->to.n == 1 && l->to.v[0].account_id) {
		l->rcpt.account_id = l->to.v[0].account_id;
		return deliver_room(tx, l->rcpt.account_id, l->c->s->mail->size, e);
	}
	if (!leads_outside(&l->to))
		return 0;
	if (org_lookup(l->c->org, tx, "loop", l->key, mark, e) < 0)
		return e->code;
	hex(l->rcpt.loop, mark);
	return 0;
}

static int look_up(struct tx *tx, void *arg, struct err *e)
{
	struct looked_up *l = arg;
	struct smtp_call *c = l->c;
	int r;

	l->to = (struct recipients){ 0 };
	r = address_resolve(c->org, tx, c->arena, l->rcpt.address, &l->to, e);
	if (r == ERR_DENIED && smtp_is_submission(c)) {
		err_clear(e);
		l->to.v = ARENA_NEW(c->arena, struct recipient);
		l->to.v[0].address = l->rcpt.address;
		l->to.n = 1;
		return 0;
	}
	return r < 0 ? r : look_up_here(tx, l, e);
}

static int refused(struct smtp_call *c, struct looked_up *l, struct err *e)
{
	if (e->code == ERR_DENIED) {
		c->code = 550;
		c->status = "5.7.1";
	} else if (e->code == ERR_LIMIT && l->rcpt.here) {
		c->code = 452;
		c->status = "4.2.2";
	} else if (e->code == ERR_LIMIT) { /* expansion is bounded */
		c->code = 550;
		c->status = "5.5.3";
	} else if (e->code == ERR_PARAM) {
		c->code = 501;
		c->status = "5.1.3";
	}
	return e->code;
}

static int read_params(struct smtp_call *c, struct smtp_rcpt *r, struct err *e)
{
	struct smtp_orcpt orcpt;
	bool notify = false;
	int rc = 0;

	for (size_t i = 1; i < c->ntok && rc >= 0; i++) {
		const struct tok *t = &c->tok[i];

		if (c->s->esmtp && t->kind == TOK_PAIR && span_ieqz(t->text, "NOTIFY") && !notify) {
			notify = true;
			rc = smtp_notify_parse(t->value, &r->notify, e);
		} else if (c->s->esmtp && t->kind == TOK_PAIR && span_ieqz(t->text, "ORCPT") && !r->orcpt.p) {
			rc = smtp_orcpt_parse(c->arena, t->value, &orcpt, e);
			if (rc == 0)
				r->orcpt = arena_printf(c->arena, "%.*s;%.*s", SPAN_F(orcpt.type), SPAN_F(orcpt.address));
		} else {
			return smtp_no(c, ERR_PARAM, 555, "5.5.4", "Parameter is not known here", e);
		}
	}
	if (rc < 0) {
		c->code = 501;
		c->status = "5.5.4";
	}
	return rc;
}

int cmd_rcpt(struct smtp_call *c, struct err *e)
{
	struct looked_up l = { .c = c };
	struct smtp_mail *m;

	if (smtp_mail_need(c, e) < 0)
		return e->code;
	m = c->s->mail;
	if (m->bdat)
		return smtp_no(c, ERR_SYNTAX, 503, "5.5.1", "The message has begun already", e);
	if (c->ntok < 1 || c->tok[0].kind != TOK_STRING || !c->tok[0].text.n)
		return smtp_no(c, ERR_SYNTAX, 501, "5.5.4", "RCPT TO:<address> required", e);
	l.rcpt.address = c->tok[0].text;
	if (read_params(c, &l.rcpt, e) < 0 || smtp_address_check(c, l.rcpt.address, m->utf8, e) < 0)
		return e->code;
	if (smtp_address_normalise(c->arena, l.rcpt.address, &l.key, e) < 0)
		return smtp_no(c, ERR_SYNTAX, 501, "5.1.3", "Malformed address", e);
	if (smtp_mail_rcpt(m, l.key))
		return smtp_say(c, 250, "2.1.5", "Recipient ok");
	if (m->n_rcpts >= SMTP_RCPTS_MAX)
		return smtp_no(c, ERR_LIMIT, 452, "4.5.3", "Too many recipients", e);
	if (store_read(c->store, look_up, &l, e) < 0)
		return refused(c, &l, e);
	if (m->n_targets + l.to.n > ADDRESS_EXPAND_MAX)
		return smtp_no(c, ERR_LIMIT, 452, "4.5.3", "Too many recipients", e);
	smtp_mail_add(m, &l.rcpt, l.key, &l.to, c->arena);
	return smtp_say(c, 250, "2.1.5", "Recipient ok");
}
