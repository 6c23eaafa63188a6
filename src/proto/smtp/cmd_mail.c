/* cmd_mail.c - MAIL and its parameters (RFC 5321 4.1.1.2; SIZE 1870, BODY 6152 and 3030, RET and ENVID 3461,
 * AUTH 4954, SMTPUTF8 6531). On submission the sender must be an address the account may use. */
#include "base/scan.h"
#include "codec/smtp/smtp_xtext.h"
#include "proto/smtp/smtp_int.h"

struct asked {
	struct smtp_call *c;
	struct span sender;
	bool yes;
};

static int may_send(struct tx *tx, void *arg, struct err *e)
{
	struct asked *q = arg;

	return address_may_send(q->c->org, tx, q->c->arena, q->c->call->session->account_id, q->sender, &q->yes, e);
}

static int bad_value(struct smtp_call *c, struct err *e)
{
	err_clear(e);
	return smtp_no(c, ERR_SYNTAX, 501, "5.5.4", "Malformed parameter", e);
}

static int param_size(struct smtp_call *c, struct smtp_mail *m, struct span v, struct err *e)
{
	if (!span_num(v, &m->size, 0, UINT64_MAX / 2))
		return bad_value(c, e);
	if (m->size > SMTP_SIZE_MAX)
		return smtp_no(c, ERR_TOOBIG, 552, "5.3.4", "Message too large", e);
	return 0;
}

static int param_body(struct smtp_call *c, struct smtp_mail *m, struct span v, struct err *e)
{
	if (span_ieqz(v, "7BIT"))
		m->body = BODY_7BIT;
	else if (span_ieqz(v, "8BITMIME"))
		m->body = BODY_8BIT;
	else if (span_ieqz(v, "BINARYMIME"))
		m->body = BODY_BINARY;
	else
		return bad_value(c, e);
	return 0;
}

static int param_utf8(struct smtp_call *c, struct smtp_mail *m, struct span v, struct err *e)
{
	m->utf8 = true;
	return v.p ? bad_value(c, e) : 0;
}

static int param_ret(struct smtp_call *c, struct smtp_mail *m, struct span v, struct err *e)
{
	if (smtp_ret_parse(v, &m->ret_full, e) < 0)
		return bad_value(c, e);
	m->ret_hdrs = !m->ret_full;
	return 0;
}

static int param_envid(struct smtp_call *c, struct smtp_mail *m, struct span v, struct err *e)
{
	struct span envid;

	if (smtp_envid_parse(c->arena, v, &envid, e) < 0)
		return bad_value(c, e);
	m->envid = arena_span(m->arena, envid);
	return 0;
}

/* Who a trusted client says has written it: read, and believed nobody (RFC 4954 section 5). */
static int param_auth(struct smtp_call *c, struct smtp_mail *m, struct span v, struct err *e)
{
	struct span who;

	(void)m;
	return v.n && smtp_xtext_decode(c->arena, v, &who, e) == 0 ? 0 : bad_value(c, e);
}

static const struct {
	const char *name;
	int (*set)(struct smtp_call *c, struct smtp_mail *m, struct span value, struct err *e);
} params[] = {
	{ "SIZE", param_size }, { "BODY", param_body }, { "SMTPUTF8", param_utf8 }, { "RET", param_ret },
	{ "ENVID", param_envid }, { "AUTH", param_auth },
};
#define PARAMS (sizeof(params) / sizeof(*params))

static int read_params(struct smtp_call *c, struct smtp_mail *m, struct err *e)
{
	unsigned seen = 0;

	for (size_t i = 1; i < c->ntok; i++) {
		const struct tok *t = &c->tok[i];
		size_t k = 0;

		while (k < PARAMS && !(t->kind == TOK_PAIR && span_ieqz(t->text, params[k].name)))
			k++;
		if (k == PARAMS || !c->s->esmtp)
			return smtp_no(c, ERR_PARAM, 555, "5.5.4", "Parameter is not known here", e);
		if (seen & 1u << k)
			return bad_value(c, e);
		seen |= 1u << k;
		if (params[k].set(c, m, t->value, e) < 0)
			return e->code;
	}
	return 0;
}

static int check_sender(struct smtp_call *c, const struct smtp_mail *m, struct err *e)
{
	struct asked q = { .c = c, .sender = m->sender };

	if (m->sender.n && smtp_address_check(c, m->sender, m->utf8, e) < 0)
		return e->code;
	if (!smtp_is_submission(c))
		return 0;
	if (m->sender.n && store_read(c->store, may_send, &q, e) < 0)
		return e->code;
	return q.yes ? 0 : smtp_no(c, ERR_DENIED, 550, "5.7.1", "This is not your address", e);
}

int cmd_mail(struct smtp_call *c, struct err *e)
{
	struct smtp_mail *m;

	if (c->s->mail)
		return smtp_no(c, ERR_SYNTAX, 503, "5.5.1", "A sender was given already", e);
	if (c->ntok < 1 || c->tok[0].kind != TOK_STRING)
		return smtp_no(c, ERR_SYNTAX, 501, "5.5.4", "MAIL FROM:<address> required", e);
	if (c->s->mails >= SMTP_MAILS_MAX) {
		c->call->reply->next = NEXT_CLOSE;
		return smtp_no(c, ERR_LIMIT, 421, "4.5.3", "Enough mail for one connection", e);
	}
	smtp_mail_begin(c);
	m = c->s->mail;
	m->sender = arena_span(m->arena, c->tok[0].text);
	if (read_params(c, m, e) < 0 || check_sender(c, m, e) < 0) {
		smtp_mail_end(c->s);
		return e->code;
	}
	c->s->mails++;
	return smtp_say(c, 250, "2.1.0", "Sender ok");
}
