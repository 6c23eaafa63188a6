/* SMTP, submission and LMTP as far as the gate goes: lines, DATA and BDAT bodies (RFC 5321, 3030, 2033). */
#include <string.h>
#include "base/scan.h"
#include "codec/smtp/smtp_lex.h"
#include "gate/gate_int.h"

enum { MODE_COMMAND, MODE_ANSWER, MODE_DATA, MODE_BDAT };

static void init(struct conn *c)
{
	smtp_frame_init(&c->smtp.frame);
	spool_init(&c->smtp.body);
	c->smtp.mode = MODE_COMMAND;
}

static void drop_body(struct conn *c)
{
	spool_drop(c, &c->smtp.body);
	smtp_data_init(&c->smtp.data);
	c->smtp.bdat_any = false;
}

static void fini(struct conn *c)
{
	smtp_frame_fini(&c->smtp.frame);
	drop_body(c);
}

static void add_flag(struct toks *t, bool on, const char *flag)
{
	if (on)
		toks_add(t, (struct tok){ .kind = TOK_ATOM, .text = span_str(flag) });
}

static void add_flags(struct conn *c, struct toks *t, bool bdat)
{
	const struct smtp_data *d = &c->smtp.data;
	const struct spool *b = &c->smtp.body;

	add_flag(t, !bdat && smtp_data_stray(d), "BARE");
	add_flag(t, d->eight_bit, "8BIT");
	add_flag(t, d->nul, "NUL");
	add_flag(t, d->line_longest > 998, "LONG");
	add_flag(t, b->toobig, "TOOBIG");
	add_flag(t, b->nospace, "NOSPACE");
}

static void send_message(struct conn *c)
{
	struct cmd cmd = { .verb = SPAN("*MESSAGE"), .flags = CMD_INTERNAL, .spool_fd = -1 };
	struct toks t;

	arena_reset(c->g->arena);
	toks_init(&t, c->g->arena);
	spool_give(c, &c->smtp.body, &cmd, false);
	add_flags(c, &t, false);
	cmd.tok = t.v;
	cmd.ntok = t.n;
	c->smtp.mode = MODE_COMMAND;
	conn_send(c, &cmd);
	drop_body(c);
}

static void send_bdat(struct conn *c)
{
	struct cmd cmd = { .verb = SPAN("BDAT"), .spool_fd = -1 };
	bool last = c->smtp.bdat_last;
	struct toks t;

	arena_reset(c->g->arena);
	toks_init(&t, c->g->arena);
	toks_add(&t, (struct tok){ .kind = TOK_ATOM,
			     .text = arena_printf(c->g->arena, "%llu", (unsigned long long)c->smtp.bdat_n) });
	if (last) {
		add_flag(&t, true, "LAST");
		smtp_data_chunk(&c->smtp.data, SPAN_NONE, true);
		spool_give(c, &c->smtp.body, &cmd, false);
		add_flags(c, &t, true);
	}
	cmd.tok = t.v;
	cmd.ntok = t.n;
	c->smtp.mode = MODE_COMMAND;
	conn_send(c, &cmd);
	if (last)
		drop_body(c);
}

static void begin_bdat(struct conn *c, const struct toks *args)
{
	if (!args->n || !span_num(args->v[0].text, &c->smtp.bdat_n, 0, UINT64_MAX / 2)) {
		conn_say(c, "501 5.5.4 Bad chunk size\r\n");
		conn_bad(c, "BDAT");
		return;
	}
	if (!c->smtp.bdat_any)
		drop_body(c);
	c->smtp.bdat_any = true;
	c->smtp.bdat_left = c->smtp.bdat_n;
	c->smtp.bdat_last = args->n > 1;
	c->smtp.mode = MODE_BDAT;
	if (c->smtp.bdat_left == 0)
		send_bdat(c);
}

static void lex_and_send(struct conn *c, struct span line)
{
	struct smtp_command sc = { 0 };
	struct cmd cmd = { .spool_fd = -1 };
	struct err e = ERR_INIT;

	if (smtp_lex(c->g->arena, line, &sc, &e) < 0) {
		conn_say(c, "%u %s %s\r\n", sc.code, sc.status, e.say);
		conn_waits(c);
		conn_bad(c, e.say);
		return;
	}
	switch (sc.verb) {
	case SMTP_BDAT:
		begin_bdat(c, &sc.args);
		return;
	case SMTP_HELO:
	case SMTP_EHLO:
	case SMTP_LHLO:
	case SMTP_MAIL:
	case SMTP_RSET:
		drop_body(c);
		break;
	default:
		break;
	}
	cmd.verb = sc.word;
	cmd.tok = sc.args.v;
	cmd.ntok = sc.args.n;
	conn_send(c, &cmd);
}

static void run_line(struct conn *c, struct span line)
{
	lex_and_send(c, line);
	arena_wipe(c->g->arena); /* AUTH */
}

static void run_answer(struct conn *c, struct span line)
{
	struct tok t = { .kind = TOK_STRING, .text = line };
	struct cmd cmd = { .verb = SPAN("*CONTINUE"), .flags = CMD_INTERNAL, .tok = &t, .ntok = 1, .spool_fd = -1 };

	c->smtp.mode = MODE_COMMAND;
	conn_send(c, &cmd);
}

static bool step_line(struct conn *c)
{
	struct smtp_frame *f = &c->smtp.frame;
	bool answer = c->smtp.mode == MODE_ANSWER;
	struct span in = stream_input(&c->s);
	size_t used = 0;
	int r;

	if (!in.n)
		return false;
	r = answer ? smtp_frame_answer(f, in, &used) : smtp_frame(f, in, &used);
	stream_consume(&c->s, used);
	if (r == 0)
		return false;
	if (f->fatal) {
		conn_say(c, "421 4.7.0 %s Line without end, closing\r\n", c->g->conf->hostname);
		conn_close(c, "line without end");
	} else if (answer) {
		run_answer(c, r < 0 ? SPAN("*") : smtp_frame_text(f)); /* unreadable: cancel */
	} else if (r < 0) {
		conn_say(c, "500 %s %s\r\n", r == ERR_TOOBIG ? "5.5.6" : "5.5.2", f->why);
		conn_waits(c);
		conn_bad(c, f->why);
	} else {
		run_line(c, smtp_frame_text(f));
	}
	if (c->phase != PHASE_GONE && smtp_frame_idle(f) && !stream_input(&c->s).n) {
		smtp_frame_fini(f); /* nothing is kept while the connection is idle */
		smtp_frame_init(f);
	}
	return true;
}

static bool step_data(struct conn *c)
{
	struct span in = stream_input(&c->s), rest = in;
	int r = 0;

	if (!in.n)
		return false;
	while (rest.n && !r) {
		size_t used;

		r = smtp_data(&c->smtp.data, rest, &used);
		spool_add(c, &c->smtp.body, c->smtp.data.run, c->g->lim.smtp_message_bytes);
		rest = span_from(rest, used);
	}
	stream_consume(&c->s, in.n - rest.n);
	conn_waits(c);
	if (r)
		send_message(c);
	return true;
}

static bool step_bdat(struct conn *c)
{
	struct span in = stream_input(&c->s);

	if (!in.n)
		return false;
	if (in.n > c->smtp.bdat_left)
		in.n = (size_t)c->smtp.bdat_left;
	smtp_data_chunk(&c->smtp.data, in, false);
	spool_add(c, &c->smtp.body, in, c->g->lim.smtp_message_bytes);
	c->smtp.bdat_left -= in.n;
	stream_consume(&c->s, in.n);
	conn_waits(c);
	if (c->smtp.bdat_left == 0)
		send_bdat(c);
	return true;
}

static bool step(struct conn *c)
{
	switch (c->smtp.mode) {
	case MODE_DATA:
		return step_data(c);
	case MODE_BDAT:
		return step_bdat(c);
	default:
		return step_line(c);
	}
}

static void next(struct conn *c, unsigned what)
{
	c->smtp.mode = MODE_COMMAND;
	if (what == NEXT_CONTINUE)
		c->smtp.mode = MODE_ANSWER;
	if (what == NEXT_DATA) {
		drop_body(c);
		c->smtp.mode = MODE_DATA;
	}
}

static void reply(struct conn *c, struct reply *r)
{
	if (r->mood == MOOD_BAD_COMMAND && span_eqz(SPAN("BDAT"), c->verb))
		drop_body(c);
}

static bool was(const struct conn *c, const char *verb)
{
	return span_eqz(span_str(c->verb), verb);
}

static void unavailable(struct conn *c)
{
	bool begun = c->running;

	c->smtp.mode = MODE_COMMAND;
	if (was(c, "*GREETING")) {
		conn_bye(c, BYE_DOWN, "core is not there");
	} else if (was(c, "QUIT")) {
		conn_say(c, "221 2.0.0 %s Bye\r\n", c->g->conf->hostname);
		conn_close(c, "client quit");
	} else if (c->service == SVC_LMTP && (was(c, "*MESSAGE") || was(c, "BDAT"))) {
		conn_bye(c, BYE_DOWN, "core is not there"); /* one reply per recipient: not ours to count */
	} else {
		drop_body(c);
		conn_say(c, begun ? "451 4.3.0 Interrupted, please try again\r\n" :
				    "451 4.3.2 Server is restarting, please try again\r\n");
	}
}

static void bye(struct conn *c, enum bye why)
{
	static const struct {
		const char *status, *text;
	} row[BYE_KINDS] = {
		[BYE_TIMEOUT] = { "4.4.2", "Timeout, closing" },
		[BYE_BAD] = { "4.7.0", "Too many errors, closing" },
		[BYE_AUTH] = { "4.7.0", "Too many failed sign-ins, closing" },
		[BYE_DRAIN] = { "4.3.2", "Server is restarting, closing" },
		[BYE_DOWN] = { "4.3.2", "Server is restarting, try again later" },
		[BYE_CORE] = { "4.3.0", "Closing" },
		[BYE_SEALED] = { "4.3.2", "Temporarily sealed, try again later" },
		[BYE_SLOW] = { "4.3.0", "Server takes too long, try again later" },
	};

	conn_say(c, "421 %s %s %s\r\n", row[why].status, c->g->conf->hostname, row[why].text);
}

static uint64_t idle_sec(const struct conn *c)
{
	bool body = c->smtp.mode == MODE_DATA || c->smtp.mode == MODE_BDAT;

	return body ? c->g->lim.smtp_data_sec : c->g->lim.smtp_command_sec;
}

static bool bulk(const struct conn *c)
{
	return was(c, "*MESSAGE") || was(c, "BDAT");
}

static bool between(const struct conn *c)
{
	return c->smtp.mode == MODE_COMMAND && smtp_frame_idle(&c->smtp.frame);
}

const struct gate_proto proto_smtp = {
	.name = "smtp", .greets = true, .init = init, .fini = fini, .step = step, .next = next, .reply = reply,
	.unavailable = unavailable, .bye = bye, .idle_sec = idle_sec, .bulk = bulk, .between = between,
	.full = "421 4.7.0 Too many connections, try again later\r\n",
};
