/* POP3 as far as the gate goes: command lines and SASL answers (RFC 1939, 5034). Lines are cut as SMTP's are. */
#include <string.h>
#include "codec/pop/pop_text.h"
#include "gate/gate_int.h"

static void init(struct conn *c)
{
	smtp_frame_init(&c->pop.frame);
	c->pop.answer = false;
}

static void fini(struct conn *c)
{
	smtp_frame_fini(&c->pop.frame);
}

static void refuse_bad(struct conn *c, const char *why)
{
	conn_say(c, "-ERR %s\r\n", why);
	conn_waits(c);
	conn_bad(c, why);
}

static void run_line(struct conn *c, struct span line)
{
	struct cmd cmd = { .spool_fd = -1 };
	struct pop_command pc;
	struct err e = ERR_INIT;

	arena_reset(c->g->arena);
	if (pop_lex(c->g->arena, line, &pc, &e) < 0) {
		refuse_bad(c, e.say);
		return;
	}
	cmd.verb = pc.verb;
	cmd.tok = pc.args.v;
	cmd.ntok = pc.args.n;
	conn_send(c, &cmd);
}

static void run_answer(struct conn *c, struct span line)
{
	struct tok t = { .kind = TOK_STRING, .text = line };
	struct cmd cmd = { .verb = SPAN("*CONTINUE"), .flags = CMD_INTERNAL, .tok = &t, .ntok = 1, .spool_fd = -1 };

	c->pop.answer = false;
	conn_send(c, &cmd);
}

static bool step(struct conn *c)
{
	struct smtp_frame *f = &c->pop.frame;
	struct span in = stream_input(&c->s);
	size_t used = 0;
	int r;

	if (!in.n)
		return false;
	r = c->pop.answer ? smtp_frame_answer(f, in, &used) : smtp_frame(f, in, &used);
	stream_consume(&c->s, used);
	if (r == 0)
		return false;
	if (f->fatal) {
		conn_say(c, "-ERR Line without end, closing\r\n");
		conn_close(c, "line without end");
	} else if (c->pop.answer) {
		run_answer(c, r < 0 ? SPAN("*") : smtp_frame_text(f)); /* unreadable: cancel */
	} else if (r < 0) {
		refuse_bad(c, f->why);
	} else {
		run_line(c, smtp_frame_text(f));
	}
	if (c->phase != PHASE_GONE && smtp_frame_idle(f) && !stream_input(&c->s).n) {
		smtp_frame_fini(f); /* nothing is kept while the connection is idle */
		smtp_frame_init(f);
	}
	return true;
}

static void next(struct conn *c, unsigned what)
{
	c->pop.answer = what == NEXT_CONTINUE;
}

static void unavailable(struct conn *c)
{
	c->pop.answer = false;
	if (span_eqz(SPAN("*GREETING"), c->verb)) {
		conn_bye(c, BYE_DOWN, "core is not there");
		return;
	}
	/* signed in: core has lost the numbers, so there is nothing to go on with; nothing is removed */
	conn_say(c, "-ERR [SYS/TEMP] Server is restarting, please try again\r\n");
	if (c->authenticated || span_eqz(SPAN("QUIT"), c->verb))
		conn_close(c, "core is not there");
}

static void bye(struct conn *c, enum bye why)
{
	static const char *const text[BYE_KINDS] = {
		[BYE_TIMEOUT] = "Autologout; idle for too long",
		[BYE_BAD] = "Too many errors",
		[BYE_AUTH] = "[AUTH] Too many failed sign-ins",
		[BYE_DRAIN] = "[SYS/TEMP] Server is restarting",
		[BYE_DOWN] = "[SYS/TEMP] Server is restarting, try again later",
		[BYE_CORE] = "[SYS/TEMP] Session ended by the server",
		[BYE_SEALED] = "[SYS/TEMP] Temporarily sealed",
		[BYE_SLOW] = "[SYS/TEMP] Server takes too long, try again later",
	};

	conn_say(c, "-ERR %s\r\n", text[why]);
}

static uint64_t idle_sec(const struct conn *c)
{
	return c->authenticated ? c->g->lim.pop_post_auth_sec : c->g->lim.pop_pre_auth_sec;
}

static bool between(const struct conn *c)
{
	return !c->pop.answer && smtp_frame_idle(&c->pop.frame);
}

const struct gate_proto proto_pop = {
	.name = "pop", .greets = true, .init = init, .fini = fini, .step = step, .next = next,
	.unavailable = unavailable, .bye = bye, .idle_sec = idle_sec, .between = between,
	.full = "-ERR [SYS/TEMP] Too many connections, try again later\r\n",
};
