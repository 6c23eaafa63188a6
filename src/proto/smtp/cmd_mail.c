/* cmd_mail.c - MAIL and RCPT with their parameters (RFC 5321 4.1.1.2-3, 1870, 6152, 3030, 6531, 3461, 4954). */
#include <string.h>
#include "base/scan.h"
#include "base/time.h"
#include "codec/mime/mime_charset.h"
#include "codec/smtp/smtp_address.h"
#include "codec/smtp/smtp_xtext.h"
#include "domain/mail/report_in.h"
#include "domain/mail/deliver.h"
#include "domain/mail/forward.h"
#include "domain/mail/queue.h"
#include "proto/smtp/smtp_int.h"

static void bad(struct call *c, unsigned code, const char *status, const char *text)
{
	c->reply->mood = MOOD_BAD_COMMAND;
	err_set(&c->err, ERR_PARAM, "", "%s", text);
	smtpd_say(c, code, status, text);
}

/* One MAIL parameter; false: answered. */
static bool mail_param(struct call *c, struct smtp_mail *m, const struct tok *t)
{
	bool full;

	if (!smtp_session(c)->esmtp) {
		return bad(c, 555, "5.5.4", "Parameters are for EHLO"), false;
	} else if (span_eqz(t->text, "SIZE")) {
		if (!span_num(t->value, &m->size, 0, UINT64_MAX))
			return bad(c, 501, "5.5.4", "SIZE takes a number"), false;
		if (m->size > SMTP_SIZE_MAX)
			return bad(c, 552, "5.3.4", "Message too large"), false;
	} else if (span_eqz(t->text, "BODY")) {
		if (span_ieqz(t->value, "BINARYMIME"))
			m->flags |= QUEUE_8BIT | QUEUE_BINARY;
		else if (!span_ieqz(t->value, "8BITMIME") && !span_ieqz(t->value, "7BIT")) /* the gate sees which */
			return bad(c, 501, "5.5.4", "BODY is 7BIT, 8BITMIME or BINARYMIME"), false;
	} else if (span_eqz(t->text, "SMTPUTF8") && !t->value.p) {
		m->utf8 = true;
		m->flags |= QUEUE_UTF8;
	} else if (span_eqz(t->text, "REQUIRETLS") && !t->value.p && c->session->peer.tls && c->session->service != SVC_LMTP) {
		m->flags |= QUEUE_REQUIRETLS;
	} else if (span_eqz(t->text, "RET")) {
		if (smtp_ret_parse(t->value, &full, NULL) < 0)
			return bad(c, 501, "5.5.4", "RET is FULL or HDRS"), false;
		m->flags |= full ? QUEUE_RET_FULL : QUEUE_RET_HDRS;
	} else if (span_eqz(t->text, "ENVID")) {
		if (m->envid.p || smtp_envid_parse(m->arena, t->value, &m->envid, NULL) < 0)
			return bad(c, 501, "5.5.4", "Bad ENVID"), false;
	} else if (!(span_eqz(t->text, "AUTH") && t->value.n)) {
		return bad(c, 555, "5.5.4", "Unknown parameter"), false;
	}
	return true;
}

struct may {
	struct org *org;
	struct arena *arena;
	uint64_t account_id;
	struct span address;
	bool yes;
};

static int may_send(struct tx *tx, void *arg, struct err *e)
{
	struct may *m = arg;

	return address_may_send(m->org, tx, m->arena, m->account_id, m->address, &m->yes, e);
}

/* Submission: the sender is an address this account may use. */
static bool sender_ok(struct call *c, struct span sender)
{
	struct may m = { c->house->org, c->arena, c->session->account_id, sender, false };
	struct err e = ERR_INIT;

	if (c->session->service != SVC_SUBMISSION || !sender.n)
		return true;
	if (store_read(c->house->store, may_send, &m, &e) < 0 && e.code != ERR_PARAM && e.code != ERR_MISSING) {
		smtpd_fail(c, &e);
		return false;
	}
	if (!m.yes)
		bad(c, 553, "5.7.1", "This address is not yours to send with");
	return m.yes;
}

void smtpd_mail(struct call *c)
{
	struct smtp_session *s = smtp_session(c);
	struct smtp_mail *m = &s->mail;
	const struct tok *t = c->cmd->tok;

	if (m->arena) {
		bad(c, 503, "5.5.1", "A mail is under way already");
		return;
	}
	smtpd_reset(s);
	m->arena = arena_new();
	m->sender = arena_span(m->arena, t[0].text);
	for (size_t i = 1; i < c->cmd->ntok; i++) {
		if (!mail_param(c, m, &t[i])) {
			smtpd_reset(s);
			return;
		}
	}
	if (!mime_ascii(m->sender) && !m->utf8) {
		bad(c, 553, "5.6.7", "This address needs SMTPUTF8");
		smtpd_reset(s);
		return;
	}
	if (!sender_ok(c, m->sender) || !smtpd_hold_mail(c) || !smtpd_door_mail(c)) {
		smtpd_reset(s);
		return;
	}
	smtpd_save(c);
	smtpd_say(c, 250, "2.1.0", "Sender accepted");
}

/* ---- RCPT ---- */

static bool rcpt_param(struct call *c, struct smtp_mail *m, struct smtp_rcpt *r, const struct tok *t)
{
	struct smtp_orcpt orcpt;

	if (!smtp_session(c)->esmtp) {
		return bad(c, 555, "5.5.4", "Parameters are for EHLO"), false;
	} else if (span_eqz(t->text, "NOTIFY")) {
		if (smtp_notify_parse(t->value, &r->notify, NULL) < 0)
			return bad(c, 501, "5.5.4", "Bad NOTIFY"), false;
	} else if (span_eqz(t->text, "ORCPT")) {
		if (smtp_orcpt_parse(m->arena, t->value, &orcpt, NULL) < 0)
			return bad(c, 501, "5.5.4", "Bad ORCPT"), false;
		r->orcpt = arena_printf(m->arena, "%.*s;%.*s", SPAN_F(orcpt.type), SPAN_F(orcpt.address));
	} else {
		return bad(c, 555, "5.5.4", "Unknown parameter"), false;
	}
	return true;
}

struct look {
	struct call *c;
	struct span address;
	struct span origin;              /* a return address of ours (SRS): whom it stands for; its bad ones say so */
	bool returns;
	uint64_t account_id;
	bool full, report;
};

/* Bounces of what we forwarded; 1, 0: no such address. */
static int look_origin(struct tx *tx, struct look *l, struct err *e)
{
	int r;

	if (l->c->session->service == SVC_SUBMISSION)
		return 0;
	r = forward_origin(l->c->house->org, tx, l->c->arena, l->address, time_real_sec(), &l->origin, e);
	l->returns = r == 1 || r == ERR_MISSING;
	return r;
}

/* Is there somebody, and room in the mailbox? */
static int look_up(struct tx *tx, void *arg, struct err *e)
{
	struct look *l = arg;
	uint64_t size = smtp_session(l->c)->mail.size;
	struct err why = ERR_INIT;
	int r = look_origin(tx, l, e);

	if (r != 0)
		return r < 0 ? r : 0;
	if (report_in_address(l->c->house->org, tx, l->c->arena, l->address, &l->report, e) < 0 || l->report)
		return e->code;
	if (address_accepts(l->c->house->org, tx, l->c->arena, l->address, &l->account_id, e) < 0)
		return e->code;
	if (!l->account_id || deliver_room(tx, l->account_id, size ? size : 1, &why) == 0)
		return 0;
	l->full = why.code == ERR_LIMIT;
	return l->full ? 0 : err_set(e, why.code, why.say, "%s", why.log);
}

static void rcpt_refused(struct call *c, const struct err *e)
{
	err_set(&c->err, e->code, e->say, "%s", e->log);
	switch (e->code) {
	case ERR_MISSING: smtpd_say(c, 550, "5.1.1", "No such user here"); break;
	case ERR_DENIED: smtpd_say(c, 550, "5.7.1", "Relaying denied"); break;
	case ERR_PARAM: smtpd_say(c, 501, "5.1.3", "Bad address"); break;
	default: smtpd_fail(c, e);
	}
}

/* Only for bounces, or anybody who has seen such an address could send on through us. */
static bool origin_ok(struct call *c, const struct err *e)
{
	const char *why = e->code ? e->say : smtp_session(c)->mail.sender.n ? "This return address takes bounces only" : NULL;

	if (why) {
		err_set(&c->err, ERR_DENIED, "", "%s", why);
		smtpd_say(c, 550, e->code ? "5.1.1" : "5.7.1", why);
	}
	return !why;
}

static void rcpt_keep(struct smtp_mail *m, struct smtp_rcpt r)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 8;
		struct smtp_rcpt *v = ARENA_ARRAY(m->arena, struct smtp_rcpt, cap);

		if (m->n)
			memcpy(v, m->rcpts, m->n * sizeof(*v));
		m->rcpts = v;
		m->cap = cap;
	}
	m->rcpts[m->n++] = r;
}

static bool rcpt_order_ok(struct call *c)
{
	struct smtp_session *s = smtp_session(c);

	if (s->lost && !s->mail.arena) {
		smtpd_say(c, 451, "4.3.0", "The server was restarted, send the mail again");
		return false;
	}
	if (!s->mail.arena || s->mail.bdat) {
		bad(c, 503, "5.5.1", s->mail.bdat ? "BDAT is under way" : "Say MAIL first");
		return false;
	}
	if (s->mail.n >= SMTP_RCPT_MAX) {
		smtpd_say(c, 452, "4.5.3", "Too many recipients");
		return false;
	}
	return true;
}

/* false: answered. */
static bool rcpt_find(struct call *c, struct look *l, struct smtp_rcpt *r)
{
	struct err e = ERR_INIT;

	r->outside = store_read(c->house->store, look_up, l, &e) == 0 && l->origin.n;
	if (e.code == ERR_MISSING || e.code == ERR_DENIED)
		smtpd_door_asked(c, false);
	if (l->returns) {
		if (!origin_ok(c, &e))
			return false;
		r->address = arena_span(smtp_session(c)->mail.arena, l->origin);
	} else if (e.code) {
		r->outside = e.code == ERR_DENIED && c->session->service == SVC_SUBMISSION;
		if (!r->outside)
			rcpt_refused(c, &e);
		return r->outside;
	}
	return true;
}

void smtpd_rcpt(struct call *c)
{
	struct smtp_mail *m = &smtp_session(c)->mail;
	const struct tok *t = c->cmd->tok;
	struct look l = { .c = c };
	struct smtp_rcpt r = { 0 };

	if (!rcpt_order_ok(c) || !smtpd_door_lists(c))
		return;
	for (size_t i = 1; i < c->cmd->ntok; i++)
		if (!rcpt_param(c, m, &r, &t[i]))
			return;
	if (!t[0].text.n) {
		bad(c, 501, "5.1.3", "A recipient is not empty");
		return;
	}
	if (!mime_ascii(t[0].text) && !m->utf8) {
		bad(c, 553, "5.6.7", "This address needs SMTPUTF8");
		return;
	}
	l.address = r.address = arena_span(m->arena, t[0].text);
	if (smtp_address_normalise(m->arena, r.address, &r.key, NULL) < 0)
		r.key = r.address;
	for (size_t i = 0; i < m->n; i++) { /* LMTP answers for each that was accepted */
		if (span_eq(m->rcpts[i].key, r.key) && c->session->service != SVC_LMTP) {
			smtpd_say(c, 250, "2.1.5", "Recipient accepted already");
			return;
		}
	}
	if (!smtpd_door_rcpt(c, r.address))
		return;
	if (!rcpt_find(c, &l, &r))
		return;
	if (l.full) {
		err_set(&c->err, ERR_LIMIT, "", "mailbox full");
		smtpd_say(c, 452, "4.2.2", "Mailbox full");
		return;
	}
	smtpd_door_asked(c, true);
	r.account_id = l.account_id;
	r.report = l.report;
	rcpt_keep(m, r);
	smtpd_say(c, 250, "2.1.5", "Recipient accepted");
}
