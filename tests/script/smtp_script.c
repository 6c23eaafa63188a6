/* smtp_script.c - conversations with proto/smtp; see script_run.h. Frame, lex and data of codec/smtp as the gate does it.
 *
 *   @peer C1 WORDS also: submission, lmtp
 *   @alias, @group ADDRESS TARGET...
 *   @max N         the gate takes no larger messages
 *   @full ADDRESS  no more room for this account;  @limit ADDRESS N  may send N an hour;  @lock ADDRESS
 *   @setting NAME VALUE
 *   @inbox ADDRESS [N]  the newest (N-th newest) message in INBOX, told by M: lines;  @count ADDRESS  "N messages"
 *   @queue         each queued recipient, one M: line
 *   @body          the newest queued message, M: lines
 *   @bounce ADDRESS  the newest queued message comes in again for this address; M: what DATA and the message get */
#include "base/io.h"
#include "base/scan.h"
#include "codec/smtp/smtp_data.h"
#include "codec/smtp/smtp_frame.h"
#include "codec/smtp/smtp_lex.h"
#include "domain/mail/queue.h"
#include "domain/org/address.h"
#include "proto/smtp/smtp.h"
#include "script/mail_look.h"
#include "script/script_run.h"

enum mode { MODE_COMMAND, MODE_DATA, MODE_BDAT };

struct conn {
	struct script_conn base;
	enum mode mode;
	struct smtp_frame frame;
	struct smtp_data data;
	struct buf body;
	bool toobig, bdat_any, bdat_last;
	uint64_t bdat_n, bdat_left;
};
static struct conn conns[SCRIPT_CONNS];
static size_t max_len = 52428800;

static struct conn *mine(struct script_conn *c)
{
	return (struct conn *)c;
}

static struct script_conn *conn(size_t i)
{
	return &conns[i].base;
}

static void no_watch(struct house *h, uint64_t session, uint64_t object_id)
{
	(void)h;
	(void)session;
	(void)object_id;
}

static void no_change(void *arg, const struct change *c, size_t n)
{
	(void)arg;
	(void)c;
	(void)n;
}

static void drop_body(struct conn *c)
{
	buf_reset(&c->body);
	smtp_data_init(&c->data);
	c->toobig = c->bdat_any = false;
}

static void took(struct script_conn *sc, const struct cmd *cmd, const struct reply *r)
{
	struct conn *c = mine(sc);

	if (r->mood == MOOD_BAD_COMMAND && span_eqz(cmd->verb, "BDAT"))
		drop_body(c);
	c->mode = MODE_COMMAND;
	if (r->next == NEXT_DATA) {
		drop_body(c);
		c->mode = MODE_DATA;
	}
}

static void add_flags(const struct conn *c, struct toks *t, bool bdat)
{
	const struct {
		bool on;
		const char *name;
	} flags[] = {
		{ !bdat && smtp_data_stray(&c->data), "BARE" }, { c->data.eight_bit, "8BIT" }, { c->data.nul, "NUL" },
		{ c->data.line_longest > 998, "LONG" }, { c->toobig, "TOOBIG" },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (flags[i].on)
			toks_add(t, (struct tok){ .kind = TOK_ATOM, .text = span_str(flags[i].name) });
}

/* Up to 64 KiB inside the command, else in a descriptor, as the gate does it. */
static void give_body(struct conn *c, struct cmd *cmd)
{
	struct span body = c->toobig ? SPAN_NONE : buf_span(&c->body);

	if (body.n <= 65536) {
		cmd->body = body;
		return;
	}
	cmd->spool_fd = io_memfd("body");
	cmd->spool_len = body.n;
	io_write_full(cmd->spool_fd, body, NULL);
}

static void send_body(struct conn *c, struct cmd *cmd, struct toks *t)
{
	cmd->tok = t->v;
	cmd->ntok = t->n;
	c->mode = MODE_COMMAND;
	script_ask(&c->base, cmd);
	io_close(&cmd->spool_fd);
}

static void send_message(struct conn *c)
{
	SCOPED_ARENA a = arena_new();
	struct cmd cmd = { .verb = SPAN("*MESSAGE"), .flags = CMD_INTERNAL, .spool_fd = -1 };
	struct toks t;

	toks_init(&t, a);
	give_body(c, &cmd);
	add_flags(c, &t, false);
	send_body(c, &cmd, &t);
	drop_body(c);
}

static void send_bdat(struct conn *c)
{
	SCOPED_ARENA a = arena_new();
	struct cmd cmd = { .verb = SPAN("BDAT"), .spool_fd = -1 };
	bool last = c->bdat_last;
	struct toks t;

	toks_init(&t, a);
	toks_add(&t, (struct tok){ .kind = TOK_ATOM, .text = arena_printf(a, "%llu", (unsigned long long)c->bdat_n) });
	if (last) {
		toks_add(&t, (struct tok){ .kind = TOK_ATOM, .text = SPAN("LAST") });
		smtp_data_chunk(&c->data, SPAN_NONE, true);
		give_body(c, &cmd);
		add_flags(c, &t, true);
	}
	send_body(c, &cmd, &t);
	if (last)
		drop_body(c);
}

static void add_body(struct conn *c, struct span s)
{
	c->toobig |= c->body.n + s.n > max_len;
	if (!c->toobig)
		buf_add(&c->body, s);
}

static void command(struct conn *c, struct span line)
{
	SCOPED_ARENA a = arena_new();
	struct smtp_command lexed = { 0 };
	struct err e = ERR_INIT;
	struct cmd cmd = { .spool_fd = -1 };

	if (smtp_lex(a, line, &lexed, &e) < 0) {
		buf_addf(&c->base.out, "%u %s %s\r\n", lexed.code, lexed.status, e.say);
		return;
	}
	if (lexed.verb == SMTP_BDAT) {
		span_num(lexed.args.v[0].text, &c->bdat_n, 0, UINT64_MAX);
		if (!c->bdat_any)
			drop_body(c);
		c->bdat_any = true;
		c->bdat_left = c->bdat_n;
		c->bdat_last = lexed.args.n > 1;
		c->mode = MODE_BDAT;
		if (!c->bdat_left)
			send_bdat(c);
		return;
	}
	if (lexed.verb == SMTP_MAIL || lexed.verb == SMTP_RSET || lexed.verb == SMTP_EHLO)
		drop_body(c);
	cmd.verb = lexed.word;
	cmd.tok = lexed.args.v;
	cmd.ntok = lexed.args.n;
	script_ask(&c->base, &cmd);
}

static void answer(struct conn *c, struct span line)
{
	struct tok t = { .kind = TOK_STRING, .text = line };
	struct cmd cmd = { .verb = SPAN("*CONTINUE"), .flags = CMD_INTERNAL, .tok = &t, .ntok = 1, .spool_fd = -1 };

	script_ask(&c->base, &cmd);
}

static struct span feed_line(struct conn *c, struct span in)
{
	bool is_answer = c->base.answer;
	size_t used = 0;
	int r = is_answer ? smtp_frame_answer(&c->frame, in, &used) : smtp_frame(&c->frame, in, &used);

	if (r < 0)
		buf_addf(&c->base.out, "500 %s %s\r\n", r == ERR_TOOBIG ? "5.5.6" : "5.5.2", c->frame.why);
	else if (r == 1 && is_answer)
		answer(c, smtp_frame_text(&c->frame));
	else if (r == 1)
		command(c, smtp_frame_text(&c->frame));
	return span_from(in, used);
}

static void feed(struct script_conn *sc, struct span in)
{
	struct conn *c = mine(sc);

	while (in.n && !sc->closed) {
		if (c->mode == MODE_DATA) {
			size_t used;
			int r = smtp_data(&c->data, in, &used);

			add_body(c, c->data.run);
			in = span_from(in, used);
			if (r)
				send_message(c);
		} else if (c->mode == MODE_BDAT) {
			struct span now = span_sub(in, 0, c->bdat_left < in.n ? (size_t)c->bdat_left : in.n);

			smtp_data_chunk(&c->data, now, false);
			add_body(c, now);
			c->bdat_left -= now.n;
			in = span_from(in, now.n);
			if (!c->bdat_left)
				send_bdat(c);
		} else {
			in = feed_line(c, in);
		}
	}
}

static void start(struct script_conn *c)
{
	buf_init(&mine(c)->body, 64u << 20);
	smtp_frame_init(&mine(c)->frame);
}

static void end(struct script_conn *c)
{
	smtp_frame_fini(&mine(c)->frame);
	buf_fini(&mine(c)->body);
}

static bool quiet(struct script_conn *c)
{
	return mine(c)->mode != MODE_COMMAND;
}

static bool peer(struct script_conn *c, struct span word)
{
	if (span_eqz(word, "submission"))
		c->service = SVC_SUBMISSION;
	else if (span_eqz(word, "lmtp"))
		c->service = SVC_LMTP;
	else
		return false;
	return true;
}

static bool bounce(struct arena *a, struct span address, struct buf *looked)
{
	struct script_conn *c = conn(SCRIPT_CONNS - 1);
	SCOPED_BUF text;

	buf_init(&text, 64u << 20);
	script_start(c);
	if (!mail_look(&script_house.house, a, SPAN("@body"), SPAN_NONE, &text))
		return false;
	feed(c, arena_printf(a, "EHLO back.example\r\nMAIL FROM:<>\r\nRCPT TO:<%.*s>\r\n", SPAN_F(address)));
	buf_reset(&c->out);
	feed(c, SPAN("DATA\r\n"));
	feed(c, buf_span(&text));
	feed(c, SPAN(".\r\n"));
	buf_add(looked, buf_span(&c->out));
	buf_reset(&c->out);
	return true;
}

static bool directive(struct arena *a, struct span word, struct span rest, struct buf *looked)
{
	uint64_t n;

	if (span_eqz(word, "@bounce"))
		return bounce(a, rest, looked);
	if (!span_eqz(word, "@max"))
		return mail_look(&script_house.house, a, word, rest, looked);
	if (!span_num(rest, &n, 0, UINT32_MAX))
		return false;
	max_len = (size_t)n;
	return true;
}

int main(int argc, char **argv)
{
	static const struct script_kind kind = {
		.proto = &smtp_proto, .service = SVC_SMTP, .challenge = "334 ",
		.scram = { "AUTH SCRAM-SHA-256 ", "AUTH SCRAM-SHA-256-PLUS " },
		.conn = conn, .start = start, .feed = feed, .took = took, .quiet = quiet, .peer = peer,
		.directive = directive, .end = end, .watch = no_watch, .changed = no_change,
	};

	return script_main(&kind, argc, argv);
}
