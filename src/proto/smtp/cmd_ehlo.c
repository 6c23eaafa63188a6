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
	const char *setting;
	struct span value;
};

static int get_setting(struct tx *tx, void *arg, struct err *e)
{
	struct listed *l = arg;
	struct call *c = l->call;
	int r = org_setting_get(c->house->org, tx, c->arena, l->setting, &l->value, e);

	if (r == ERR_MISSING)
		err_clear(e);
	return r == ERR_MISSING ? 0 : r;
}

bool smtpd_listed(struct call *c, const char *setting)
{
	struct listed l = { .call = c, .setting = setting };
	bool yes = false;

	if (store_read(c->house->store, get_setting, &l, &c->err) == 0)
		while (l.value.n)
			yes |= span_eq(span_cut(&l.value, ' '), c->session->peer.address);
	return yes;
}

bool smtpd_setting_is(struct call *c, const char *setting, const char *value)
{
	struct listed l = { .call = c, .setting = setting };

	return store_read(c->house->store, get_setting, &l, &c->err) == 0 && span_eqz(l.value, value);
}

/* LMTP takes mail without asking much: from this machine, or from those who are listed. */
static bool welcome(struct call *c)
{
	if (c->session->service != SVC_LMTP || c->session->peer.loopback || smtpd_listed(c, "smtp.lmtp_clients"))
		return true;
	if (!c->err.code)
		err_set(&c->err, ERR_DENIED, "", "LMTP from an address that is not listed");
	return false;
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
	else if (c->session->service != SVC_LMTP)
		buf_addz(&b, "REQUIRETLS\n");
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
