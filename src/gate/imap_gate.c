/* IMAP as far as the gate goes: commands with literals, IDLE, NOTIFY, SASL answers (RFC 9051, 7888, 2177, 5465). */
#include <stdio.h>
#include <string.h>
#include "codec/imap/imap_lex.h"
#include "gate/gate_int.h"

enum { MODE_COMMAND, MODE_ANSWER, MODE_IDLE };

static void init(struct conn *c)
{
	imap_frame_init(&c->imap.frame, c->authenticated ? &imap_limits_post_auth : &imap_limits_pre_auth);
	spool_init(&c->imap.body);
	c->imap.mode = MODE_COMMAND;
	c->imap.sync_due = c->imap.syncing = c->imap.notify = false;
	c->imap.notify_ms = 0;
}

static void fini(struct conn *c)
{
	imap_frame_fini(&c->imap.frame);
	spool_drop(c, &c->imap.body);
}

static void authenticated(struct conn *c)
{
	c->imap.frame.limits = &imap_limits_post_auth;
}

/* An answer with the tag, where it is one: it goes back to its sender, so only what a tag may be. */
static void say_tagged(struct conn *c, struct span tag, const char *text)
{
	if (!tag.n || tag.n > IMAP_TAG_MAX)
		tag = SPAN("*");
	conn_say(c, "%.*s %s\r\n", SPAN_F(tag), text);
}

static void refuse_bad(struct conn *c, struct span tag, const char *why)
{
	char line[200];

	(void)!snprintf(line, sizeof(line), "BAD %s", why);
	say_tagged(c, tag, line);
	conn_waits(c);
	conn_bad(c, why);
}

static void send_command(struct conn *c, const struct imap_command *ic)
{
	struct cmd cmd = { .verb = ic->verb, .tag = ic->tag, .tok = ic->args.v, .ntok = ic->args.n, .spool_fd = -1 };

	if (c->imap.frame.spool_len)
		spool_give(c, &c->imap.body, &cmd, true);
	if (c->imap.body.nospace) {
		say_tagged(c, ic->tag, "NO [LIMIT] No room for this message now, try again later");
		conn_waits(c);
	} else {
		conn_send(c, &cmd);
	}
}

static void run_command(struct conn *c)
{
	struct imap_frame *f = &c->imap.frame;
	struct imap_command ic = { 0 };
	struct err e = ERR_INIT;
	size_t n;
	const struct imap_literal *literals = imap_frame_literals(f, &n);
	int r = imap_lex(c->g->arena, imap_frame_text(f), literals, n, &ic, &e);

	if (r == 0)
		send_command(c, &ic);
	spool_drop(c, &c->imap.body);
	if (r < 0)
		refuse_bad(c, ic.tag, e.say);
	arena_wipe(c->g->arena); /* LOGIN */
}

static void invite_literal(struct conn *c)
{
	struct imap_frame *f = &c->imap.frame;

	if (f->literal_len > c->g->lim.spool_inline_bytes && !spool_room(c, f->literal_len)) {
		say_tagged(c, imap_frame_tag(f), "NO [LIMIT] No room for this message now, try again later");
		imap_frame_drop(f);
		spool_drop(c, &c->imap.body);
		c->g->count.spool_full++;
	} else {
		conn_say(c, "+ OK\r\n");
	}
}

/* Memory of an idle connection: the frame without its buffers. */
static void slim(struct conn *c)
{
	const struct imap_limits *l = c->imap.frame.limits;

	if (c->phase == PHASE_GONE || !imap_frame_idle(&c->imap.frame) || stream_input(&c->s).n)
		return;
	imap_frame_fini(&c->imap.frame);
	imap_frame_init(&c->imap.frame, l);
	stream_rest(&c->s);
}

/* A client with NOTIFY may hear of a whole account: not one by one. */
static bool news_due(struct conn *c)
{
	int64_t now = loop_now_ms();

	if (!c->imap.sync_due || !c->g->bus_up)
		return false;
	if (c->imap.notify && now < c->imap.notify_ms) {
		c->wake_ms = c->imap.notify_ms;
		return false;
	}
	c->imap.notify_ms = now + (int64_t)c->g->lim.imap_notify_ms;
	c->imap.sync_due = false;
	c->imap.syncing = true;
	return true;
}

/* Between commands. No tag: nothing that core says here is an answer. */
static bool step_notify(struct conn *c)
{
	struct cmd cmd = { .verb = SPAN("*NOTICE"), .flags = CMD_INTERNAL, .spool_fd = -1 };

	if (!c->imap.notify || !imap_frame_idle(&c->imap.frame) || !news_due(c))
		return false;
	conn_send(c, &cmd);
	return true;
}

static bool step_command(struct conn *c)
{
	struct imap_frame *f = &c->imap.frame;
	struct span in = stream_input(&c->s);
	size_t used = 0;
	int r;

	if (!in.n)
		return step_notify(c);
	r = imap_frame(f, in, &used);
	if (r == 0 && f->event == IMAP_FRAME_SPOOL) { /* f->spool lies in the input */
		spool_add(c, &c->imap.body, f->spool, UINT64_MAX);
		conn_waits(c);
	}
	stream_consume(&c->s, used);
	if (r == 0 && f->event == IMAP_FRAME_CONTINUE) {
		invite_literal(c);
	} else if (r < 0) {
		spool_drop(c, &c->imap.body);
		refuse_bad(c, imap_frame_tag(f), f->why);
		if (f->fatal)
			conn_bye(c, BYE_BAD, "out of step");
	} else if (r == 1) {
		c->imap.sync_due = false; /* core looks afresh */
		run_command(c);
	} else if (f->event != IMAP_FRAME_SPOOL) {
		return false;
	}
	slim(c);
	return true;
}

static void send_internal(struct conn *c, const char *verb, const struct tok *tok, size_t n)
{
	struct cmd cmd = { .verb = span_str(verb), .tag = span_str(c->tag), .flags = CMD_INTERNAL, .tok = tok,
		.ntok = n, .spool_fd = -1 };

	conn_send(c, &cmd);
}

static bool step_answer(struct conn *c)
{
	struct imap_frame *f = &c->imap.frame;
	struct span in = stream_input(&c->s);
	struct tok t = { .kind = TOK_STRING, .text = SPAN("*") };
	size_t used = 0;
	int r;

	if (!in.n)
		return false;
	r = imap_frame_line(f, in, &used);
	stream_consume(&c->s, used);
	if (r == 0)
		return false;
	if (r > 0)
		t.text = imap_frame_text(f);
	c->imap.mode = MODE_COMMAND;
	send_internal(c, "*CONTINUE", &t, 1);
	slim(c);
	return true;
}

static bool step_idle(struct conn *c)
{
	struct imap_frame *f = &c->imap.frame;
	struct tok bad = { .kind = TOK_ATOM, .text = SPAN("BAD") };
	struct span in = stream_input(&c->s);
	size_t used = 0;
	bool done;
	int r;

	if (news_due(c)) {
		send_internal(c, "*SYNC", NULL, 0);
		return true;
	}
	if (!in.n)
		return false;
	r = imap_frame_line(f, in, &used);
	stream_consume(&c->s, used);
	if (r == 0)
		return false;
	done = r > 0 && span_ieqz(imap_frame_text(f), "DONE");
	c->imap.mode = MODE_COMMAND;
	c->imap.sync_due = false;
	send_internal(c, "*DONE", &bad, done ? 0 : 1);
	slim(c);
	return true;
}

static bool step(struct conn *c)
{
	switch (c->imap.mode) {
	case MODE_ANSWER:
		return step_answer(c);
	case MODE_IDLE:
		return step_idle(c);
	default:
		return step_command(c);
	}
}

static void next(struct conn *c, unsigned what)
{
	c->imap.syncing = false;
	c->imap.mode = MODE_COMMAND;
	if (what == NEXT_CONTINUE)
		c->imap.mode = MODE_ANSWER;
	if (what == NEXT_IDLE)
		c->imap.mode = MODE_IDLE;
	else
		c->imap.notify = what == NEXT_NOTIFY;
	slim(c);
}

static void notice(struct conn *c)
{
	/* A notice may overtake the reply that begins IDLE: it is kept, and asked for as soon as IDLE stands. */
	c->imap.sync_due = true;
	if (c->imap.mode == MODE_IDLE || c->imap.notify)
		conn_step(c);
}

static void unavailable(struct conn *c)
{
	if (c->imap.syncing) { /* nobody waits for an answer; the new core will be asked again */
		c->imap.syncing = false;
		return;
	}
	c->imap.mode = MODE_COMMAND;
	if (span_eqz(span_str(c->verb), "*GREETING")) {
		conn_bye(c, BYE_DOWN, "core is not there");
	} else if (span_eqz(span_str(c->verb), "LOGOUT")) {
		conn_say(c, "* BYE Logging out\r\n");
		say_tagged(c, span_str(c->tag), "OK LOGOUT completed");
		conn_close(c, "client quit");
	} else {
		say_tagged(c, span_str(c->tag), "NO [UNAVAILABLE] Server is restarting, please try again");
	}
}

static void bye(struct conn *c, enum bye why)
{
	static const char *const text[BYE_KINDS] = {
		[BYE_TIMEOUT] = "Autologout; idle for too long",
		[BYE_BAD] = "Too many errors",
		[BYE_AUTH] = "Too many failed sign-ins",
		[BYE_DRAIN] = "[UNAVAILABLE] Server is restarting",
		[BYE_DOWN] = "[UNAVAILABLE] Server is restarting, try again later",
		[BYE_CORE] = "Session ended by the server",
		[BYE_SEALED] = "[UNAVAILABLE] temporarily sealed",
		[BYE_SLOW] = "[UNAVAILABLE] Server takes too long, try again later",
	};

	if (why == BYE_SLOW && c->running && c->verb[0] != '*')
		say_tagged(c, span_str(c->tag), "NO [UNAVAILABLE] Server takes too long, please try again");
	conn_say(c, "* BYE %s\r\n", text[why]);
}

static uint64_t idle_sec(const struct conn *c)
{
	return c->authenticated ? c->g->lim.imap_post_auth_sec : c->g->lim.imap_pre_auth_sec;
}

/* Those whose work grows with the mailbox and is one piece; FETCH comes in parts. */
static bool bulk(const struct conn *c)
{
	static const char *const verbs[] = { "APPEND", "CLOSE", "COPY", "DELETE", "ESEARCH", "EXPUNGE", "MOVE", "REPLACE", "SEARCH", "STORE" };
	struct span verb = span_str(c->verb);

	if (span_starts(verb, SPAN("UID ")))
		verb = span_from(verb, 4);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (span_eqz(verb, verbs[i]))
			return true;
	return false;
}

static bool between(const struct conn *c)
{
	return c->imap.mode == MODE_IDLE || imap_frame_idle(&c->imap.frame);
}

const struct gate_proto proto_imap = {
	.name = "imap", .greets = true, .init = init, .fini = fini, .step = step, .next = next,
	.unavailable = unavailable, .bye = bye, .notice = notice, .authenticated = authenticated,
	.idle_sec = idle_sec, .bulk = bulk, .between = between, .full = "* BYE [LIMIT] Too many connections, try again later\r\n",
};
