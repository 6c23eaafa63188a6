/* pop.c - the commands, their states, errors as a client hears them. */
#include <stdlib.h>
#include "proto/pop/pop_int.h"

enum { GUEST = 1, USER = 2, BOTH = 3, HIDDEN = 4 };

void pop_ok(struct call *c, const char *text)
{
	buf_addf(c->out, "+OK %s\r\n", pop_text(c, text));
}

void pop_err(struct call *c, int class, const char *code, const char *text)
{
	if (class == ERR_SYNTAX)
		c->reply->mood = MOOD_BAD_COMMAND;
	if (!c->err.code)
		err_set(&c->err, class, text, "%s", text);
	buf_addz(c->out, "-ERR ");
	if (code)
		buf_addf(c->out, "[%s] ", code);
	buf_addf(c->out, "%s\r\n", pop_text(c, text));
}

void pop_fail(struct call *c, const struct err *e)
{
	bool ours = e->code == ERR_BROKEN || !e->say[0];

	err_set(&c->err, e->code, e->say, "%s", e->log);
	pop_err(c, e->code, e->code == ERR_BROKEN ? "SYS/PERM" : e->code == ERR_LATER || e->code == ERR_BUSY ? "SYS/TEMP" : NULL,
		ours ? "Internal error" : e->say);
}

bool pop_secure(const struct call *c)
{
	return c->session->peer.tls || c->session->peer.loopback;
}

struct span pop_arg(const struct call *c, size_t i)
{
	return i < c->cmd->ntok && c->cmd->tok[i].kind == TOK_STRING ? c->cmd->tok[i].text : SPAN_NONE;
}

static void greeting(struct call *c)
{
	buf_addf(c->out, "+OK %s ready\r\n", c->house->hostname);
}

static void noop(struct call *c)
{
	pop_ok(c, "Nothing done");
}

/* RFC 2449, 2595, 3206, 5034, 6856 */
static void capa(struct call *c)
{
	pop_ok(c, "Capabilities follow");
	if (!c->session->peer.tls)
		buf_addz(c->out, "STLS\r\n");
	if (pop_secure(c))
		buf_addf(c->out, "USER\r\nSASL PLAIN LOGIN SCRAM-SHA-256%s\r\n",
			c->session->peer.channel_binding.n ? " SCRAM-SHA-256-PLUS" : "");
	buf_addz(c->out, "TOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\nUTF8 USER\r\n"
		"LANG\r\nIMPLEMENTATION kontor\r\n.\r\n");
}

static void stls(struct call *c)
{
	if (c->session->peer.tls) {
		pop_err(c, ERR_PARAM, NULL, "TLS is in use already");
		return;
	}
	pop_ok(c, "Begin TLS negotiation now");
	c->reply->next = NEXT_STARTTLS;
}

static void utf8(struct call *c)
{
	pop_session(c)->utf8 = true;
	pop_ok(c, "UTF-8");
}

static const struct row {
	const char *verb;
	unsigned states;
	size_t args_min, args_max;
	pop_handler *run;
} rows[] = {
	{ "*GREETING", BOTH | HIDDEN, 0, 0, greeting },
	{ "*CONTINUE", GUEST | HIDDEN, 1, 1, pop_continue },
	{ "CAPA", BOTH, 0, 0, capa },             /* RFC 2449 5 */
	{ "STLS", GUEST, 0, 0, stls },            /* RFC 2595 4 */
	{ "UTF8", GUEST, 0, 0, utf8 },            /* RFC 6856 2.1 */
	{ "LANG", BOTH, 0, 1, pop_lang },         /* RFC 6856 3 */
	{ "USER", GUEST, 1, 1, pop_user },        /* RFC 1939 7 */
	{ "PASS", GUEST, 1, 1, pop_pass },
	{ "AUTH", GUEST, 0, 2, pop_auth },        /* RFC 5034 4 */
	{ "STAT", USER, 0, 0, pop_stat },         /* RFC 1939 5 */
	{ "LIST", USER, 0, 1, pop_list },
	{ "RETR", USER, 1, 1, pop_retr },
	{ "DELE", USER, 1, 1, pop_dele },
	{ "NOOP", USER, 0, 0, noop },
	{ "RSET", USER, 0, 0, pop_rset },
	{ "TOP", USER, 2, 2, pop_top },           /* RFC 1939 7 */
	{ "UIDL", USER, 0, 1, pop_uidl },
	{ "QUIT", BOTH, 0, 0, pop_quit },
};

static void session_free(void *proto)
{
	struct pop_session *s = proto;

	sasl_free(s->sasl);
	free(s->v);
	free(s);
}

static int begin(struct call *c, struct span state)
{
	struct pop_session *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	c->session->proto = s;
	c->session->proto_free = session_free;
	if (!state.n)
		return 0;
	/* signed in with an earlier core: its numbers are lost, and so are its DELEs */
	pop_err(c, ERR_LATER, "SYS/TEMP", "Server was restarted, please connect again");
	return ERR_LATER;
}

static void run(struct call *c)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];

		if (!span_eqz(c->cmd->verb, r->verb))
			continue;
		c->log_verb = r->verb;
		if (!!(r->states & HIDDEN) != !!(c->cmd->flags & CMD_INTERNAL))
			break;
		if (!(r->states & (c->session->account_id ? USER : GUEST)))
			pop_err(c, ERR_SYNTAX, NULL, c->session->account_id ? "Signed in already" : "Sign in first");
		else if (c->cmd->ntok < r->args_min || c->cmd->ntok > r->args_max)
			pop_err(c, ERR_SYNTAX, NULL, "Wrong number of arguments");
		else
			r->run(c);
		return;
	}
	pop_err(c, ERR_SYNTAX, NULL, "Unknown command");
}

static int lane(struct span verb)
{
	return span_eqz(verb, "PASS") || span_eqz(verb, "AUTH") || span_eqz(verb, "*CONTINUE") ? LANE_PASSWORD :
		LANE_INTERACTIVE;
}

static void refuse(struct call *c, int err_class, bool sealed)
{
	const char *why = sealed ? "Temporarily sealed, try again later" : err_class == ERR_LATER ?
		"Too busy, try again later" : "Internal error";

	buf_addf(c->out, "-ERR [%s] %s\r\n", sealed || err_class == ERR_LATER ? "SYS/TEMP" : "SYS/PERM",
		c->session && c->session->proto ? pop_text(c, why) : why);
	if (span_eqz(c->cmd->verb, "*GREETING") || span_eqz(c->cmd->verb, "QUIT"))
		c->reply->next = NEXT_CLOSE;
}

const struct proto pop_proto = { .name = "pop", .begin = begin, .run = run, .lane = lane, .refuse = refuse };
