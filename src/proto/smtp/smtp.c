/* smtp.c - the commands, the error classes, the session's state. */
#include "proto/smtp/smtp_int.h"
#include <stdlib.h>
#include <string.h>
#include "base/wire.h"
#include "codec/smtp/smtp_reply.h"

enum { IN_LMTP = 1, IN_SMTP = 2, NEEDS_HELO = 4, NEEDS_LOGIN = 8 };

static void reset(struct call *c)
{
	smtpd_reset(smtp_session(c));
	smtpd_save(c);
	smtpd_say(c, 250, "2.0.0", "Flushed");
}

static void noop(struct call *c)
{
	smtpd_say(c, 250, "2.0.0", "OK");
}

static void quit(struct call *c)
{
	smtpd_say(c, 221, "2.0.0", "Bye");
	c->reply->next = NEXT_CLOSE;
}

static void vrfy(struct call *c)
{
	smtpd_say(c, 252, "2.1.5", "Cannot say; try to send some mail");
}

static void expn(struct call *c)
{
	c->reply->mood = MOOD_BAD_COMMAND;
	smtpd_say(c, 502, "5.5.1", "Lists are not shown");
}

static void help(struct call *c)
{
	smtpd_say(c, 214, "2.0.0", "HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT AUTH STARTTLS; see RFC 5321");
}

static const struct row {
	const char *verb;
	unsigned flags;
	smtp_handler *run;
} rows[] = {
	{ "*GREETING", IN_SMTP | IN_LMTP, smtpd_greeting },               /* RFC 5321 4.3.1 */
	{ "*CONTINUE", IN_SMTP | IN_LMTP, smtpd_continue },               /* RFC 4954 */
	{ "*MESSAGE", IN_SMTP | IN_LMTP | NEEDS_HELO, smtpd_message },    /* RFC 5321 4.1.1.4 */
	{ "HELO", IN_SMTP, smtpd_helo },                                  /* 4.1.1.1 */
	{ "EHLO", IN_SMTP, smtpd_ehlo },
	{ "LHLO", IN_LMTP, smtpd_ehlo },                                  /* RFC 2033 */
	{ "STARTTLS", IN_SMTP | IN_LMTP, smtpd_starttls },                /* RFC 3207 */
	{ "AUTH", IN_SMTP | NEEDS_HELO, smtpd_auth },                     /* RFC 4954 */
	{ "MAIL", IN_SMTP | IN_LMTP | NEEDS_HELO | NEEDS_LOGIN, smtpd_mail },
	{ "RCPT", IN_SMTP | IN_LMTP | NEEDS_HELO | NEEDS_LOGIN, smtpd_rcpt },
	{ "DATA", IN_SMTP | IN_LMTP | NEEDS_HELO | NEEDS_LOGIN, smtpd_data },
	{ "BDAT", IN_SMTP | IN_LMTP | NEEDS_HELO | NEEDS_LOGIN, smtpd_bdat }, /* RFC 3030 */
	{ "RSET", IN_SMTP | IN_LMTP, reset },
	{ "NOOP", IN_SMTP | IN_LMTP, noop },
	{ "QUIT", IN_SMTP | IN_LMTP, quit },
	{ "VRFY", IN_SMTP | IN_LMTP, vrfy },
	{ "EXPN", IN_SMTP | IN_LMTP, expn },
	{ "HELP", IN_SMTP | IN_LMTP, help },
};

/* What a client hears of our error classes. */
static const struct answer {
	int code;
	unsigned reply;
	const char *status;
} answers[] = {
	{ ERR_PARAM, 501, "5.5.4" }, { ERR_DENIED, 550, "5.7.1" }, { ERR_MISSING, 550, "5.1.1" },
	{ ERR_EXISTS, 550, "5.5.0" }, { ERR_LIMIT, 452, "4.2.2" }, { ERR_BUSY, 451, "4.3.0" }, { ERR_GONE, 451, "4.3.0" },
	{ ERR_SYNTAX, 501, "5.5.4" }, { ERR_TOOBIG, 552, "5.3.4" }, { ERR_LATER, 451, "4.3.2" }, { ERR_BROKEN, 451, "4.3.0" },
};

void smtpd_say(struct call *c, unsigned code, const char *status, const char *text)
{
	smtp_reply_write(c->out, code, status, span_str(text));
}

void smtpd_fail(struct call *c, const struct err *e)
{
	if (!c->err.code)
		err_set(&c->err, e->code, e->say, "%s", e->log);
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		if (answers[i].code == e->code)
			smtpd_say(c, answers[i].reply, answers[i].status, e->code == ERR_BROKEN || !e->say[0] ?
				"Internal error, try again later" : e->say);
}

void smtpd_reset(struct smtp_session *s)
{
	arena_free(s->mail.arena);
	s->mail = (struct smtp_mail){ 0 };
	s->lost = false;
}

static void session_free(void *proto)
{
	struct smtp_session *s = proto;

	smtpd_reset(s);
	sasl_free(s->sasl);
	free(s);
}

/* ---- state for a core that starts anew: HELO name, account, whether a transaction was open ---- */

#define MAC_LEN 32

void smtpd_save(struct call *c)
{
	struct smtp_session *s = smtp_session(c);
	unsigned char mac[MAC_LEN];
	SCOPED_BUF b;

	buf_init(&b, BUS_STATE_MAX);
	wire_u8(&b, s->esmtp);
	wire_u8(&b, s->mail.arena != NULL);
	wire_u64(&b, c->session->account_id);
	wire_span(&b, span_str(s->helo));
	seal_mac(c->house->ticket_key, "smtp-state", buf_span(&b), mac);
	buf_add(&b, SPAN_BYTES(mac, MAC_LEN));
	if (!b.failed)
		c->reply->state = arena_span(c->arena, buf_span(&b));
}

struct who {
	struct org *org;
	uint64_t id;
	struct arena *arena;
	struct account account;
};

static int still_there(struct tx *tx, void *arg, struct err *e)
{
	struct who *w = arg;

	return account_get(w->org, tx, w->arena, w->id, &w->account, e);
}

static int reopen(struct call *c, struct smtp_session *s, struct span state)
{
	unsigned char mac[MAC_LEN];
	struct wire w;
	struct who who = { c->house->org, 0, c->arena, { 0 } };
	struct span helo;

	if (state.n <= MAC_LEN)
		return err_set(&c->err, ERR_SYNTAX, "", "session state is cut");
	seal_mac(c->house->ticket_key, "smtp-state", span_sub(state, 0, state.n - MAC_LEN), mac);
	if (!span_equal_ct(SPAN_BYTES(mac, MAC_LEN), span_from(state, state.n - MAC_LEN)))
		return err_set(&c->err, ERR_DENIED, "", "session state does not verify");
	w = wire_open(span_sub(state, 0, state.n - MAC_LEN));
	s->esmtp = wire_get_u8(&w);
	s->lost = wire_get_u8(&w);
	who.id = wire_get_u64(&w);
	helo = wire_get_span(&w, sizeof(s->helo) - 1);
	if (!wire_done(&w))
		return err_set(&c->err, ERR_SYNTAX, "", "session state is cut");
	memcpy(s->helo, helo.p, helo.n);
	if (who.id && store_read(c->house->store, still_there, &who, &c->err) < 0)
		return c->err.code;
	if (who.id && who.account.state != ACCOUNT_ACTIVE)
		return err_set(&c->err, ERR_DENIED, "", "account is not active any more");
	c->session->account_id = who.id;
	c->session->login = arena_span(c->session->arena, who.account.address);
	return 0;
}

static int begin(struct call *c, struct span state)
{
	struct smtp_session *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	c->session->proto = s;
	c->session->proto_free = session_free;
	if (!state.n || reopen(c, s, state) == 0)
		return 0;
	smtpd_say(c, 421, "4.3.2", "Please connect again");
	return c->err.code;
}

static bool allowed(struct call *c, const struct row *row)
{
	bool lmtp = c->session->service == SVC_LMTP;

	if (!(row->flags & (lmtp ? IN_LMTP : IN_SMTP))) {
		c->reply->mood = MOOD_BAD_COMMAND;
		smtpd_say(c, 500, "5.5.1", lmtp ? "This is LMTP: say LHLO" : "Not here");
		return false;
	}
	if ((row->flags & NEEDS_HELO) && !smtp_session(c)->helo[0]) {
		c->reply->mood = MOOD_BAD_COMMAND;
		smtpd_say(c, 503, "5.5.1", lmtp ? "Say LHLO first" : "Say EHLO first");
		return false;
	}
	if ((row->flags & NEEDS_LOGIN) && c->session->service == SVC_SUBMISSION && !c->session->account_id) {
		c->reply->mood = MOOD_BAD_COMMAND;
		smtpd_say(c, 530, "5.7.0", "Sign in first");
		return false;
	}
	return true;
}

static void run(struct call *c)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!span_eqz(c->cmd->verb, rows[i].verb))
			continue;
		if (allowed(c, &rows[i]))
			rows[i].run(c);
		else
			err_set(&c->err, ERR_PARAM, "", "%s out of order", rows[i].verb);
		return;
	}
	c->reply->mood = MOOD_BAD_COMMAND;
	err_set(&c->err, ERR_SYNTAX, "", "unknown command");
	smtpd_say(c, 500, "5.5.2", "Unknown command");
}

static int lane(struct span verb)
{
	return span_eqz(verb, "AUTH") || span_eqz(verb, "*CONTINUE") ? LANE_PASSWORD : LANE_INTERACTIVE;
}

/* LMTP has one answer for each recipient; core may not know any more how many those are. */
static bool uncountable(const struct call *c)
{
	return c->session->service == SVC_LMTP && (span_eqz(c->cmd->verb, "*MESSAGE") || span_eqz(c->cmd->verb, "BDAT"));
}

static void refuse(struct call *c, int err_class, bool sealed)
{
	const char *why = sealed ? "Temporarily sealed, try again later" : err_class == ERR_LATER ?
		"Too busy, try again later" : "Internal error, try again later";

	if (span_eqz(c->cmd->verb, "*GREETING") || uncountable(c)) {
		smtpd_say(c, 421, "4.3.2", why);
		c->reply->next = NEXT_CLOSE;
	} else if (span_eqz(c->cmd->verb, "QUIT")) {
		quit(c);
	} else {
		smtpd_say(c, 450, "4.3.2", why);
		if (span_eqz(c->cmd->verb, "BDAT"))
			c->reply->mood = MOOD_BAD_COMMAND; /* the gate drops what it has gathered */
	}
}

const struct proto smtp_proto = { .name = "smtp", .begin = begin, .run = run, .lane = lane, .refuse = refuse };
