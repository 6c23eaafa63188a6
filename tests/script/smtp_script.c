/* smtp_script.c - runs one conversation file against proto/smtp in this process: frame, lex and data of codec/smtp as
 * the gate does it, a bus that is a direct call, a real store and vault.
 *
 *   C: line        the client sends line CRLF (C1:, C2: for more connections; each is greeted when first named)
 *   X: octets      the client sends these, with \r \n \0 \xHH, nothing added
 *   S: line        the next line of the answer; {{regex}} pieces, all else as written. Every line must be named.
 *   S: ...         skips lines up to the one the next S: names;  S: (closed)
 *   <<N text>>     text N times
 *   @peer C1 WORDS submission, lmtp, outside (not loopback), tls, binding (before C1 is first named)
 *   @alias, @group ADDRESS TARGET...
 *   @restart       core forgets all sessions, the gate keeps its states
 *   @seal, @unseal the vault forgets and learns the master key
 *   @max N         the gate takes no larger messages
 *   @full ADDRESS  no more room for this account;  @limit ADDRESS N  may send N an hour;  @lock ADDRESS
 *   @setting NAME VALUE
 *   @inbox ADDRESS [N]  the newest (N-th newest) message in INBOX, told by M: lines;  @count ADDRESS  "N messages"
 *   @queue         each queued recipient, one M: line
 *   @body          the newest queued message, M: lines
 *   @bounce ADDRESS  the newest queued message comes in again for this address; M: what DATA and the message get
 *   # comment */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/scan.h"
#include "codec/smtp/smtp_data.h"
#include "codec/smtp/smtp_frame.h"
#include "codec/smtp/smtp_lex.h"
#include "domain/mail/queue.h"
#include "domain/org/address.h"
#include "proto/smtp/smtp.h"
#include "script/house.h"
#include "script/mail_look.h"
#include "script/script_text.h"

#define CONNS 4
enum mode { MODE_COMMAND, MODE_ANSWER, MODE_DATA, MODE_BDAT };

struct conn {
	bool used, open, closed, outside, tls, binding;
	uint8_t service;
	struct session s;
	enum mode mode;
	struct smtp_frame frame;
	struct smtp_data data;
	struct buf state, out, body;
	bool toobig, bdat_any, bdat_last;
	uint64_t bdat_n, bdat_left;
};
static struct conn conns[CONNS];
static struct buf looked;                    /* M: lines */
static struct script_house house;
static const char *file;
static unsigned line_no;
static size_t max_len = 52428800;

static void wrong(const char *what, struct span detail)
{
	fprintf(stderr, "%s:%u: %s: %.*s\n", file, line_no, what, SPAN_F(detail));
	if (house.house.store)
		script_house_close(&house);
	exit(1);
}

static void no_log(struct span line)
{
	(void)line;
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

/* ---- core ---- */

static void forget(struct conn *c)
{
	if (c->s.proto)
		c->s.proto_free(c->s.proto);
	c->s.proto = NULL;
	if (c->s.arena)
		arena_reset(c->s.arena);
	c->s.account_id = 0;
	c->s.login = SPAN_NONE;
	c->open = false;
}

static void drop_body(struct conn *c)
{
	buf_reset(&c->body);
	smtp_data_init(&c->data);
	c->toobig = c->bdat_any = false;
}

static void take_reply(struct conn *c, const struct cmd *cmd, struct reply *r, struct buf *out)
{
	if (r->nseg == 0 && out->n)
		reply_bytes(r, buf_span(out));
	for (size_t i = 0; i < r->nseg; i++)
		buf_add(&c->out, r->seg[i].bytes);
	if (r->state.p) {
		buf_reset(&c->state);
		buf_add(&c->state, r->state);
	}
	if (r->mood == MOOD_BAD_COMMAND && span_eqz(cmd->verb, "BDAT"))
		drop_body(c);
	c->mode = MODE_COMMAND;
	c->closed |= r->next == NEXT_CLOSE;
	switch (r->next) {
	case NEXT_CONTINUE:
		c->mode = MODE_ANSWER;
		break;
	case NEXT_DATA:
		drop_body(c);
		c->mode = MODE_DATA;
		break;
	case NEXT_STARTTLS:
		forget(c);
		buf_reset(&c->state);
		c->tls = true;
		break;
	}
}

static void ask(struct conn *c, struct cmd *cmd)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF out;
	struct reply r;
	struct call call = { .arena = a, .house = &house.house, .session = &c->s, .cmd = cmd, .reply = &r,
		.out = &out };

	buf_init(&out, 4u << 20);
	cmd->session = c->s.id;
	cmd->service = c->service;
	if (!c->open) {
		cmd->flags |= CMD_OPEN;
		cmd->peer = (struct peer){ .address = SPAN("192.0.2.1"), .loopback = !c->outside, .tls = c->tls };
		if (c->tls) {
			cmd->peer.tls_version = SPAN("TLSv1.3");
			cmd->peer.tls_cipher = SPAN("TLS_AES_256_GCM_SHA384");
			cmd->peer.channel_binding = c->binding ? SPAN("0123456789abcdef") : SPAN_NONE;
		}
		cmd->state = buf_span(&c->state);
		c->s.peer = cmd->peer;
	}
	reply_init(&r, cmd);
	if (!org_is_open(house.house.org)) {
		smtp_proto.refuse(&call, ERR_LATER, true);
	} else if (c->open || smtp_proto.begin(&call, cmd->state) == 0) {
		c->open = true;
		smtp_proto.run(&call);
	} else {
		r.next = NEXT_CLOSE;
	}
	if (out.failed)
		wrong("reply too large", cmd->verb);
	take_reply(c, cmd, &r, &out);
}

/* ---- gate ---- */

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
	ask(c, cmd);
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
		buf_addf(&c->out, "%u %s %s\r\n", lexed.code, lexed.status, e.say);
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
	ask(c, &cmd);
}

static void answer(struct conn *c, struct span line)
{
	struct tok t = { .kind = TOK_STRING, .text = line };
	struct cmd cmd = { .verb = SPAN("*CONTINUE"), .flags = CMD_INTERNAL, .tok = &t, .ntok = 1, .spool_fd = -1 };

	ask(c, &cmd);
}

static struct span feed_line(struct conn *c, struct span in)
{
	bool is_answer = c->mode == MODE_ANSWER;
	size_t used = 0;
	int r = is_answer ? smtp_frame_answer(&c->frame, in, &used) : smtp_frame(&c->frame, in, &used);

	if (r < 0)
		buf_addf(&c->out, "500 %s %s\r\n", r == ERR_TOOBIG ? "5.5.6" : "5.5.2", c->frame.why);
	else if (r == 1 && is_answer)
		answer(c, smtp_frame_text(&c->frame));
	else if (r == 1)
		command(c, smtp_frame_text(&c->frame));
	return span_from(in, used);
}

static void feed(struct conn *c, struct span in)
{
	while (in.n && !c->closed) {
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

static void conn_start(struct conn *c)
{
	struct cmd cmd = { .verb = SPAN("*GREETING"), .flags = CMD_INTERNAL, .spool_fd = -1 };

	c->used = true;
	if (!c->service)
		c->service = SVC_SMTP;
	c->s.id = (uint64_t)(c - conns) + 1;
	c->s.service = c->service;
	c->s.arena = arena_new();
	buf_init(&c->out, 64u << 20);
	buf_init(&c->state, BUS_STATE_MAX);
	buf_init(&c->body, 64u << 20);
	smtp_frame_init(&c->frame);
	ask(c, &cmd);
}

static void conn_end(struct conn *c)
{
	forget(c);
	arena_free(c->s.arena);
	smtp_frame_fini(&c->frame);
	buf_fini(&c->out);
	buf_fini(&c->state);
	buf_fini(&c->body);
}

/* ---- the script ---- */

static void bounce(struct arena *a, struct span address)
{
	struct conn *c = &conns[CONNS - 1];
	struct buf text;

	if (!c->used)
		conn_start(c);
	buf_init(&text, 64u << 20);
	if (!mail_look(&house.house, a, SPAN("@body"), SPAN_NONE, &text))
		wrong("nothing to bounce", address);
	feed(c, arena_printf(a, "EHLO back.example\r\nMAIL FROM:<>\r\nRCPT TO:<%.*s>\r\n", SPAN_F(address)));
	buf_reset(&c->out);
	feed(c, SPAN("DATA\r\n"));
	feed(c, buf_span(&text));
	feed(c, SPAN(".\r\n"));
	buf_add(&looked, buf_span(&c->out));
	buf_reset(&c->out);
	buf_fini(&text);
}

static void expect(struct conn *c, struct buf *from, struct arena *a, struct span want)
{
	static bool skip;
	struct span line;
	int fits;

	if (span_eqz(want, "...")) {
		skip = true;
		return;
	}
	if (c && span_eqz(want, "(closed)")) {
		if (!c->closed)
			wrong("still open", want);
		return;
	}
	do {
		ssize_t at = span_find(buf_span(from), SPAN("\r\n"));

		if (at < 0)
			wrong("no such line", want);
		line = arena_span(a, span_sub(buf_span(from), 0, (size_t)at));
		buf_eat(from, (size_t)at + 2);
		fits = script_fits(a, want, line);
	} while (fits == 0 && skip);
	skip = false;
	if (fits != 1)
		wrong(fits ? "bad pattern" : "got another line", line);
}

static void peer_words(struct span words)
{
	struct conn *c;

	if (words.n < 2 || words.p[0] != 'C' || words.p[1] < '0' || words.p[1] >= '0' + CONNS)
		wrong("which connection", words);
	c = &conns[words.p[1] - '0'];
	words = span_from(words, 3);
	while (words.n) {
		struct span w = span_cut(&words, ' ');

		if (span_eqz(w, "submission"))
			c->service = SVC_SUBMISSION;
		else if (span_eqz(w, "lmtp"))
			c->service = SVC_LMTP;
		else if (span_eqz(w, "outside"))
			c->outside = true;
		else if (span_eqz(w, "tls"))
			c->tls = true;
		else if (span_eqz(w, "binding"))
			c->tls = c->binding = true;
		else
			wrong("unknown word", w);
	}
}

static void directive(struct arena *a, struct span line)
{
	struct span rest = line, word = span_cut(&rest, ' ');
	uint64_t n;

	if (span_eqz(word, "@peer")) {
		peer_words(rest);
	} else if (span_eqz(word, "@restart")) {
		for (size_t i = 0; i < CONNS; i++)
			forget(&conns[i]);
	} else if (span_eqz(word, "@seal")) {
		test_house_seal(&house.under);
	} else if (span_eqz(word, "@unseal")) {
		test_house_unseal(&house.under);
	} else if (span_eqz(word, "@max") && span_num(rest, &n, 0, UINT32_MAX)) {
		max_len = (size_t)n;
	} else if (looked.n) {
		wrong("not expected", buf_span(&looked));
	} else if (span_eqz(word, "@bounce")) {
		bounce(a, rest);
	} else {
		if (!mail_look(&house.house, a, word, rest, &looked))
			wrong("bad directive", line);
	}
}

static void run_line(struct arena *a, struct span line)
{
	size_t i = 0;
	char side = line.p[0];
	struct conn *c;

	if (side == '@') {
		directive(a, line);
		return;
	}
	line = span_from(line, 1);
	if (line.n && ascii_digit(line.p[0])) {
		i = (size_t)(line.p[0] - '0');
		line = span_from(line, 1);
	}
	if (!strchr("CSXM", side) || i >= CONNS || !line.n || line.p[0] != ':')
		wrong("bad script line", line);
	line = script_expand(a, span_from(line, line.n > 1 && line.p[1] == ' ' ? 2 : 1));
	if (!line.p)
		wrong("bad repetition", line);
	if (side == 'M') {
		expect(NULL, &looked, a, line);
		return;
	}
	c = &conns[i];
	if (!c->used)
		conn_start(c);
	if (side == 'S') {
		expect(c, &c->out, a, line);
		return;
	}
	if (c->out.n && c->mode != MODE_DATA && c->mode != MODE_BDAT)
		wrong("not expected", buf_span(&c->out));
	if (c->closed)
		wrong("connection is closed", line);
	feed(c, side == 'X' ? script_unescape(a, line) : arena_printf(a, "%.*s\r\n", SPAN_F(line)));
}

int main(int argc, char **argv)
{
	SCOPED_BUF text;
	struct span rest;
	struct err e = ERR_INIT;

	if (argc != 2)
		return 2;
	file = argv[1];
	buf_init(&text, 1u << 20);
	buf_init(&looked, 64u << 20);
	if (io_read_file(AT_FDCWD, file, &text, &e) < 0)
		wrong("cannot read", span_str(e.log));
	log_test_sink(no_log);
	script_house_open(&house, no_watch, no_change);
	rest = buf_span(&text);
	while (rest.n) {
		SCOPED_ARENA a = arena_new();
		struct span line = span_cut(&rest, '\n');

		line_no++;
		if (line.n && line.p[0] != '#')
			run_line(a, line);
	}
	for (size_t i = 0; i < CONNS; i++)
		if (conns[i].used && conns[i].out.n)
			wrong("not expected", buf_span(&conns[i].out));
	if (looked.n)
		wrong("not expected", buf_span(&looked));
	for (size_t i = 0; i < CONNS; i++)
		if (conns[i].used)
			conn_end(&conns[i]);
	buf_fini(&looked);
	script_house_close(&house);
	return 0;
}
