/* ManageSieve as far as the gate goes: commands with their literals, SASL answers (RFC 5804). */
#include "gate/gate_int.h"

enum { MODE_COMMAND, MODE_ANSWER };
#define GUEST_LITERAL_MAX 8192       /* before sign-in only SASL messages are that large */

static uint64_t literal_max(const struct conn *c)
{
	return c->authenticated ? c->g->lim.sieve_script_bytes : GUEST_LITERAL_MAX;
}

static void init(struct conn *c)
{
	ms_frame_init(&c->sieve.frame, literal_max(c));
	c->sieve.mode = MODE_COMMAND;
}

static void fini(struct conn *c)
{
	ms_frame_fini(&c->sieve.frame);
}

static void again(struct conn *c)
{
	ms_frame_fini(&c->sieve.frame);
	ms_frame_init(&c->sieve.frame, literal_max(c));
}

static void say_no(struct conn *c, const char *why)
{
	conn_say(c, "NO \"%s\"\r\n", why);
	conn_waits(c);
	conn_bad(c, why);
}

static void greet(struct conn *c)
{
	struct cmd cmd = { .verb = SPAN("*GREETING"), .flags = CMD_INTERNAL, .spool_fd = -1 };

	conn_send(c, &cmd);          /* after STARTTLS the capabilities are said anew (section 2.2) */
}

static void run_command(struct conn *c)
{
	struct cmd cmd = { .spool_fd = -1 };
	struct ms_command m;
	struct err e = ERR_INIT;

	arena_reset(c->g->arena);
	if (ms_lex(c->g->arena, ms_frame_text(&c->sieve.frame), false, &m, &e) < 0) {
		say_no(c, e.say);
		return;
	}
	cmd.verb = m.verb;
	cmd.tok = m.args.v;
	cmd.ntok = m.args.n;
	conn_send(c, &cmd);
}

static void run_answer(struct conn *c)
{
	struct tok cancel = { .kind = TOK_STRING, .text = SPAN("*") };
	struct cmd cmd = { .verb = SPAN("*CONTINUE"), .flags = CMD_INTERNAL, .tok = &cancel, .ntok = 1, .spool_fd = -1 };
	struct ms_command m;
	struct err e = ERR_INIT;

	arena_reset(c->g->arena);
	if (!c->sieve.frame.toobig && ms_lex(c->g->arena, ms_frame_text(&c->sieve.frame), true, &m, &e) == 0 && m.args.n == 1)
		cmd.tok = m.args.v;
	c->sieve.mode = MODE_COMMAND;
	conn_send(c, &cmd);
}

static bool step(struct conn *c)
{
	struct ms_frame *f = &c->sieve.frame;
	struct span in = stream_input(&c->s);
	size_t used = 0;
	int r;

	if (!in.n)
		return false;
	r = ms_frame(f, in, &used);
	stream_consume(&c->s, used);
	if (f->left || f->skip)
		conn_waits(c);           /* a script comes in */
	if (r == 0)
		return false;
	if (r < 0) {
		c->g->count.bad_commands++;
		conn_say(c, "BYE \"%s\"\r\n", f->why);
		conn_close(c, f->why);
		return true;
	}
	if (c->sieve.mode == MODE_ANSWER) {
		run_answer(c);
	} else if (f->toobig) {
		conn_say(c, "NO (QUOTA/MAXSIZE) \"This is larger than %llu octets\"\r\n", (unsigned long long)literal_max(c));
		conn_waits(c);
		conn_bad(c, "too large");
	} else {
		run_command(c);
	}
	if (c->phase != PHASE_GONE)
		again(c);
	return true;
}

static void next(struct conn *c, unsigned what)
{
	c->sieve.mode = what == NEXT_CONTINUE ? MODE_ANSWER : MODE_COMMAND;
}

static void unavailable(struct conn *c)
{
	c->sieve.mode = MODE_COMMAND;
	if (span_eqz(span_str(c->verb), "*GREETING")) {
		conn_bye(c, BYE_DOWN, "core is not there");
	} else if (span_eqz(span_str(c->verb), "LOGOUT")) {
		conn_say(c, "OK \"Bye\"\r\n");
		conn_close(c, "client quit");
	} else {
		conn_say(c, "NO (TRYLATER) \"Server is restarting, please try again\"\r\n");
	}
}

static void bye(struct conn *c, enum bye why)
{
	static const char *const text[BYE_KINDS] = {
		[BYE_TIMEOUT] = "Idle for too long",
		[BYE_BAD] = "Too many errors",
		[BYE_AUTH] = "Too many failed sign-ins",
		[BYE_DRAIN] = "Server is restarting",
		[BYE_DOWN] = "Server is restarting, try again later",
		[BYE_CORE] = "Session ended by the server",
		[BYE_SEALED] = "Temporarily sealed",
		[BYE_SLOW] = "Server takes too long, try again later",
	};
	bool later = why == BYE_DRAIN || why == BYE_DOWN || why == BYE_SEALED || why == BYE_SLOW;

	conn_say(c, "BYE %s\"%s\"\r\n", later ? "(TRYLATER) " : "", text[why]);
}

static void authenticated(struct conn *c)
{
	again(c);
}

static uint64_t idle_sec(const struct conn *c)
{
	return c->authenticated ? c->g->lim.imap_post_auth_sec : c->g->lim.imap_pre_auth_sec;
}

static bool between(const struct conn *c)
{
	return c->sieve.mode == MODE_COMMAND && ms_frame_idle(&c->sieve.frame);
}

const struct gate_proto proto_sieve = {
	.name = "sieve", .greets = true, .init = init, .fini = fini, .step = step, .next = next, .unavailable = unavailable,
	.bye = bye, .authenticated = authenticated, .secured = greet, .idle_sec = idle_sec, .between = between,
	.full = "BYE (TRYLATER) \"Too many connections, try again later\"\r\n",
};
