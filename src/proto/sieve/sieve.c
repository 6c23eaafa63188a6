/* sieve.c - ManageSieve's commands, the error classes, the session's state (RFC 5804). */
#include "proto/sieve/sieve_int.h"
#include <stdlib.h>
#include "base/wire.h"
#include "codec/sieve/sieve.h"
#include "domain/org/account.h"
#include "seal/seal.h"

#define MAC_LEN 32
enum { GUEST = 1, MEMBER = 2, ANYBODY = 3 };

void sieved_say(struct call *c, const char *what, const char *code, struct span text)
{
	buf_addz(c->out, what);
	if (code)
		buf_addf(c->out, " (%s)", code);
	if (text.n) {
		buf_addc(c->out, ' ');
		ms_string(c->out, text);
	}
	buf_addz(c->out, "\r\n");
}

void sieved_bad(struct call *c, const char *say)
{
	err_set(&c->err, ERR_SYNTAX, say, "%s", say);
	c->reply->mood = MOOD_BAD_COMMAND;
	sieved_say(c, "NO", NULL, span_str(say));
}

/* What a client hears of our error classes: response codes of section 1.3. */
void sieved_fail(struct call *c, const struct err *e)
{
	static const struct { int class; const char *code; } rows[] = { { ERR_MISSING, "NONEXISTENT" }, { ERR_EXISTS, "ALREADYEXISTS" },
		{ ERR_LIMIT, "QUOTA" }, { ERR_TOOBIG, "QUOTA/MAXSIZE" }, { ERR_DENIED, "ACTIVE" }, { ERR_LATER, "TRYLATER" },
		{ ERR_BUSY, "TRYLATER" } };
	const char *code = NULL;

	if (!c->err.code)
		err_set(&c->err, e->code, e->say, "%s", e->log);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].class == e->code)
			code = rows[i].code;
	sieved_say(c, "NO", code, e->code == ERR_BROKEN || !e->say[0] ? SPAN("Internal error, try again later") : span_str(e->say));
}

bool sieved_secure(const struct call *c)
{
	return c->session->peer.tls || c->session->peer.loopback;
}

/* Section 1.7. OWNER only for who has signed in. */
void sieved_capability(struct call *c)
{
	const struct peer *p = &c->session->peer;
	struct buf *b = c->out;

	buf_addz(b, "\"IMPLEMENTATION\" \"kontor\"\r\n\"VERSION\" \"1.0\"\r\n\"SASL\" \"");
	if (sieved_secure(c) && !c->session->account_id)
		buf_addf(b, "PLAIN LOGIN SCRAM-SHA-256%s", p->channel_binding.n ? " SCRAM-SHA-256-PLUS" : "");
	buf_addz(b, "\"\r\n\"SIEVE\" \"");
	sieve_extensions(b);
	buf_addf(b, "\"\r\n\"NOTIFY\" \"" SIEVE_NOTIFY_METHODS "\"\r\n\"MAXREDIRECTS\" \"%d\"\r\n\"LANGUAGE\" \"en\"\r\n\"UNAUTHENTICATE\"\r\n",
		SIEVE_REDIRECTS_MAX);
	if (!p->tls)
		buf_addz(b, "\"STARTTLS\"\r\n");
	if (c->session->account_id) {
		buf_addz(b, "\"OWNER\" ");
		ms_string(b, c->session->login);
		buf_addz(b, "\r\n");
	}
}

static void greeting(struct call *c)
{
	sieved_capability(c);
	sieved_say(c, "OK", NULL, arena_printf(c->arena, "%s ready", c->house->hostname));
}

static void capability(struct call *c)
{
	if (c->cmd->ntok) {
		sieved_bad(c, "CAPABILITY takes nothing");
		return;
	}
	sieved_capability(c);
	sieved_say(c, "OK", NULL, SPAN_NONE);
}

static void noop(struct call *c)
{
	if (c->cmd->ntok > 1 || (c->cmd->ntok && c->cmd->tok[0].kind != TOK_STRING)) {
		sieved_bad(c, "NOOP takes a string or nothing");
	} else if (c->cmd->ntok) {      /* section 2.13: the string comes back */
		buf_addz(c->out, "OK (TAG ");
		ms_string(c->out, c->cmd->tok[0].text);
		buf_addz(c->out, ") \"Done\"\r\n");
	} else {
		sieved_say(c, "OK", NULL, SPAN("Done"));
	}
}

static void logout(struct call *c)
{
	sieved_say(c, "OK", NULL, SPAN("Bye"));
	c->reply->next = NEXT_CLOSE;
}

static void starttls(struct call *c)
{
	if (c->session->peer.tls) {
		sieved_bad(c, "TLS is in use already");
		return;
	}
	sieved_say(c, "OK", NULL, SPAN("Begin TLS negotiation now"));
	c->reply->next = NEXT_STARTTLS;
}

static void unauthenticate(struct call *c)
{
	c->session->account_id = 0;
	c->session->login = SPAN_NONE;
	sieved_save(c);
	sieved_say(c, "OK", NULL, SPAN_NONE);
}

static const struct row {
	const char *verb;
	unsigned who;
	sieve_handler *run;
} rows[] = {
	{ "*GREETING", ANYBODY, greeting },               /* 5804 1.7, 2.2 */
	{ "*CONTINUE", GUEST, sieved_continue },          /* 2.1 */
	{ "AUTHENTICATE", GUEST, sieved_authenticate },
	{ "STARTTLS", GUEST, starttls },                  /* 2.2 */
	{ "LOGOUT", ANYBODY, logout },                    /* 2.3 */
	{ "CAPABILITY", ANYBODY, capability },            /* 2.4 */
	{ "HAVESPACE", MEMBER, sieved_havespace },        /* 2.5 */
	{ "PUTSCRIPT", MEMBER, sieved_putscript },        /* 2.6 */
	{ "LISTSCRIPTS", MEMBER, sieved_listscripts },    /* 2.7 */
	{ "SETACTIVE", MEMBER, sieved_setactive },        /* 2.8 */
	{ "GETSCRIPT", MEMBER, sieved_getscript },        /* 2.9 */
	{ "DELETESCRIPT", MEMBER, sieved_deletescript },  /* 2.10 */
	{ "RENAMESCRIPT", MEMBER, sieved_renamescript },  /* 2.11 */
	{ "CHECKSCRIPT", MEMBER, sieved_checkscript },    /* 2.12 */
	{ "NOOP", ANYBODY, noop },                        /* 2.13 */
	{ "UNAUTHENTICATE", MEMBER, unauthenticate },     /* 2.14 */
};

static void run(struct call *c)
{
	unsigned who = c->session->account_id ? MEMBER : GUEST;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!span_eqz(c->cmd->verb, rows[i].verb))
			continue;
		if (rows[i].who & who)
			rows[i].run(c);
		else
			sieved_bad(c, who == GUEST ? "Sign in first" : "You are signed in already");
		return;
	}
	sieved_bad(c, "Unknown command");
}

/* ---- state for a core that starts anew: who signed in ---- */

void sieved_save(struct call *c)
{
	unsigned char mac[MAC_LEN];
	SCOPED_BUF b;

	buf_init(&b, BUS_STATE_MAX);
	wire_u64(&b, c->session->account_id);
	seal_mac(c->house->ticket_key, "sieve-state", buf_span(&b), mac);
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

static int reopen(struct call *c, struct span state)
{
	unsigned char mac[MAC_LEN];
	struct who who = { .org = c->house->org, .arena = c->arena };
	struct span plain = span_sub(state, 0, state.n - MAC_LEN);
	struct wire w = wire_open(plain);

	seal_mac(c->house->ticket_key, "sieve-state", plain, mac);
	if (!span_equal_ct(SPAN_BYTES(mac, MAC_LEN), span_from(state, state.n - MAC_LEN)))
		return err_set(&c->err, ERR_DENIED, "", "session state does not verify");
	who.id = wire_get_u64(&w);
	if (!wire_done(&w))
		return err_set(&c->err, ERR_SYNTAX, "", "session state is cut");
	if (who.id && store_read(c->house->store, still_there, &who, &c->err) < 0)
		return c->err.code;
	if (who.id && who.account.state != ACCOUNT_ACTIVE)
		return err_set(&c->err, ERR_DENIED, "", "account is not active any more");
	c->session->account_id = who.id;
	c->session->login = arena_span(c->session->arena, who.account.address);
	return 0;
}

static void session_free(void *proto)
{
	struct sieve_session *s = proto;

	sasl_free(s->sasl);
	free(s);
}

static int begin(struct call *c, struct span state)
{
	struct sieve_session *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	c->session->proto = s;
	c->session->proto_free = session_free;
	if (state.n <= MAC_LEN || reopen(c, state) == 0)
		return 0;
	sieved_say(c, "BYE", "TRYLATER", SPAN("Please connect again"));
	return c->err.code;
}

static int lane(struct span verb)
{
	return span_eqz(verb, "AUTHENTICATE") || span_eqz(verb, "*CONTINUE") ? LANE_PASSWORD : LANE_INTERACTIVE;
}

static void refuse(struct call *c, int err_class, bool sealed)
{
	const char *why = sealed ? "Temporarily sealed, try again later" : err_class == ERR_LATER ?
		"Too busy, try again later" : "Internal error, try again later";

	if (span_eqz(c->cmd->verb, "*GREETING")) {
		sieved_say(c, "BYE", "TRYLATER", span_str(why));
		c->reply->next = NEXT_CLOSE;
	} else if (span_eqz(c->cmd->verb, "LOGOUT")) {
		logout(c);
	} else {
		sieved_say(c, "NO", "TRYLATER", span_str(why));
	}
}

const struct proto sieve_proto = { .name = "sieve", .begin = begin, .run = run, .lane = lane, .refuse = refuse };
