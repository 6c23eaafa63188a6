/* cmd_ehlo.c - the greeting, EHLO, HELO and LHLO with what is offered here and now (RFC 5321 3.1, 4.1.1.1; 2033).
 *
 * LMTP serves the machine itself and the addresses in the setting smtp.lmtp_clients. */
#include <string.h>
#include "codec/smtp/smtp_reply.h"
#include "codec/smtp/smtp_address.h"
#include "proto/smtp/smtp_int.h"

struct listed {
	struct smtp_call *c;
	bool yes;
};

static int find_listed(struct tx *tx, void *arg, struct err *e)
{
	struct listed *l = arg;
	struct span list;
	int r = org_setting_get(l->c->org, tx, l->c->arena, "smtp.lmtp_clients", &list, e);

	if (r == ERR_MISSING) {
		err_clear(e);
		return 0;
	}
	while (r == 0 && list.n)
		l->yes |= span_eq(span_trim(span_cut(&list, ' ')), l->c->call->session->peer.address);
	return r;
}

static int lmtp_allowed(struct smtp_call *c, struct err *e)
{
	struct listed l = { .c = c };

	if (c->call->session->peer.loopback)
		return 0;
	if (store_read(c->store, find_listed, &l, e) < 0)
		return e->code;
	return l.yes ? 0 : smtp_no(c, ERR_DENIED, 554, "5.7.1", "LMTP is not for you", e);
}

int cmd_greeting(struct smtp_call *c, struct err *e)
{
	if (smtp_is_lmtp(c) && lmtp_allowed(c, e) < 0) {
		c->call->reply->next = NEXT_CLOSE;
		return e->code;
	}
	buf_addf(c->out, "220 %s %s ready\r\n", c->call->house->hostname, smtp_is_lmtp(c) ? "LMTP" : "ESMTP");
	return 0;
}

static int take_name(struct smtp_call *c, bool esmtp, struct err *e)
{
	struct span name = c->ntok == 1 ? c->tok[0].text : SPAN_NONE;

	if (!name.n || name.n >= sizeof(c->s->helo) || !(smtp_domain_ok(name) || smtp_literal_ok(name)))
		return smtp_no(c, ERR_SYNTAX, 501, "5.5.4", "Domain or address literal required", e);
	smtp_mail_end(c->s);
	c->s->reopened = false;
	memcpy(c->s->helo, name.p, name.n);
	c->s->helo_len = name.n;
	c->s->esmtp = esmtp;
	smtp_state_save(c);
	return 0;
}

static int say_offers(struct smtp_call *c)
{
	const struct peer *p = &c->call->session->peer;
	SCOPED_BUF b;

	buf_init(&b, 2048);
	buf_addf(&b, "%s\nPIPELINING\nSIZE %u\n8BITMIME\nENHANCEDSTATUSCODES\nCHUNKING\nBINARYMIME\nSMTPUTF8\nDSN\n",
		c->call->house->hostname, SMTP_SIZE_MAX);
	buf_addf(&b, "LIMITS MAILMAX=%u RCPTMAX=%u", SMTP_MAILS_MAX, SMTP_RCPTS_MAX);
	if (!p->tls)
		buf_addz(&b, "\nSTARTTLS");
	if (smtp_is_submission(c) && smtp_secure(c) && !c->call->session->account_id)
		buf_addf(&b, "\nAUTH PLAIN LOGIN SCRAM-SHA-256%s", p->channel_binding.n ? " SCRAM-SHA-256-PLUS" : "");
	smtp_reply_write(c->out, 250, NULL, buf_span(&b));
	return 0;
}

int cmd_ehlo(struct smtp_call *c, struct err *e)
{
	return take_name(c, true, e) < 0 ? e->code : say_offers(c);
}

int cmd_lhlo(struct smtp_call *c, struct err *e)
{
	return take_name(c, true, e) < 0 ? e->code : say_offers(c);
}

int cmd_helo(struct smtp_call *c, struct err *e)
{
	return take_name(c, false, e) < 0 ? e->code : smtp_say(c, 250, NULL, c->call->house->hostname);
}
