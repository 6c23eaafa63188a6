/* cmd_ehlo.c - greeting, HELO, EHLO, LHLO, STARTTLS (RFC 5321 4.1.1.1, 2033, 3207). */
#include <stdio.h>
#include <string.h>
#include "proto/smtp/smtp_int.h"
#include "codec/smtp/smtp_reply.h"

static bool secure(const struct call *c)
{
	return c->session->peer.tls || c->session->peer.loopback;
}

struct listed {
	struct call *call;
	bool yes;
};

static int find_listed(struct tx *tx, void *arg, struct err *e)
{
	struct listed *l = arg;
	struct call *c = l->call;
	struct span list;
	int r = org_setting_get(c->house->org, tx, c->arena, "smtp.lmtp_clients", &list, e);

	if (r == ERR_MISSING) {
		err_clear(e);
		return 0;
	}
	while (r == 0 && list.n)
		l->yes |= span_eq(span_cut(&list, ' '), c->session->peer.address);
	return r;
}

/* LMTP takes mail without asking much: from this machine, or from those who are listed. */
static bool welcome(struct call *c)
{
	struct listed l = { .call = c };

	if (c->session->service != SVC_LMTP || c->session->peer.loopback)
		return true;
	if (store_read(c->house->store, find_listed, &l, &c->err) == 0 && !l.yes)
		err_set(&c->err, ERR_DENIED, "", "LMTP from an address that is not listed");
	return l.yes;
}

void smtpd_greeting(struct call *c)
{
	char text[300];

	if (!welcome(c)) {
		smtpd_say(c, 554, "5.7.1", "LMTP is not for you");
		c->reply->next = NEXT_CLOSE;
		return;
	}
	snprintf(text, sizeof(text), "%.250s %s kontor", c->house->hostname, c->session->service == SVC_LMTP ? "LMTP" : "ESMTP");
	smtpd_say(c, 220, NULL, text);
}

static void take_name(struct call *c, bool esmtp)
{
	struct smtp_session *s = smtp_session(c);
	struct span name = c->cmd->ntok ? c->cmd->tok[0].text : SPAN("unknown");

	smtpd_reset(s);
	s->esmtp = esmtp;
	snprintf(s->helo, sizeof(s->helo), "%.*s", SPAN_F(span_sub(name, 0, 255)));
	smtpd_save(c);
}

void smtpd_helo(struct call *c)
{
	take_name(c, false);
	smtpd_say(c, 250, NULL, c->house->hostname);
}

void smtpd_ehlo(struct call *c)
{
	const struct peer *p = &c->session->peer;
	SCOPED_BUF b;

	buf_init(&b, 2048);
	take_name(c, true);
	buf_addf(&b, "%s\nPIPELINING\nSIZE %u\n8BITMIME\nENHANCEDSTATUSCODES\nCHUNKING\nBINARYMIME\nSMTPUTF8\nDSN\n"
		"LIMITS RCPTMAX=%d\n", c->house->hostname, SMTP_SIZE_MAX, SMTP_RCPT_MAX);
	if (!p->tls)
		buf_addz(&b, "STARTTLS\n");
	if (c->session->service == SVC_SUBMISSION && secure(c) && !c->session->account_id)
		buf_addf(&b, "AUTH PLAIN LOGIN SCRAM-SHA-256%s\n", p->channel_binding.n ? " SCRAM-SHA-256-PLUS" : "");
	buf_addz(&b, "HELP");
	smtp_reply_write(c->out, 250, NULL, buf_span(&b));
}

void smtpd_starttls(struct call *c)
{
	if (c->session->peer.tls) {
		c->reply->mood = MOOD_BAD_COMMAND;
		smtpd_say(c, 503, "5.5.1", "Already over TLS");
		return;
	}
	smtpd_say(c, 220, "2.0.0", "Go ahead");
	c->reply->next = NEXT_STARTTLS;
}
