/* imap_script.c - runs one conversation file against proto/imap in this process: frame and lex of codec/imap as the
 * gate does it, a bus that is a direct call, a real store and vault.
 *
 *   C: line        the client sends line CRLF (C1:, C2: for more connections; each is greeted when first named)
 *   S: line        the next line of the answer; {{regex}} pieces, all else as written. Every line must be named.
 *   S: ...         skips lines up to the one the next S: names
 *   <<N text>>     in a C: or S: line: text N times
 *   @peer C1 plain not loopback, no TLS (before C1 is first named)
 *   @peer C1 tls   TLS with channel binding
 *   @scram C1 LOGIN PASSWORD         a SCRAM-SHA-256 exchange, -PLUS when there is channel binding; tag "s"
 *   @restart       core forgets all sessions, the gate keeps its states
 *   @endterm       anna's term as vorstand is over
 *   @seal, @unseal the vault forgets and learns the master key
 *   # comment */
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "codec/imap/imap_frame.h"
#include "codec/imap/imap_lex.h"

#include "base/log.h"
#include "codec/base64.h"
#include "proto/imap/imap.h"
#include "script/house.h"
#include "script/scram_client.h"

#define CONNS 4
#define CHANNEL "0123456789abcdef0123456789abcdef"

struct conn {
	bool used, plain, tls, open, idle, cont, closed, told;
	struct session s;
	uint64_t watch;
	struct imap_frame frame;
	struct buf state, out;
	struct span tag;
	char tag_bytes[256];
	int spool;
	uint64_t spool_len;
};
static struct conn conns[CONNS];
static struct script_house house;
static const char *file;
static unsigned line_no;

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

static void watch(struct house *h, uint64_t session, uint64_t object_id)
{
	(void)h;
	conns[session - 1].watch = object_id;
}

static void changed(void *arg, const struct change *c, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < CONNS; k++)
			if (conns[k].watch && conns[k].watch == c[i].object_id)
				conns[k].told = true;
}

static void forget(struct conn *c)
{
	if (c->s.proto)
		c->s.proto_free(c->s.proto);
	c->s.proto = NULL;
	if (c->s.arena)
		arena_reset(c->s.arena);
	c->watch = 0;
	c->open = false;
}

static void take_reply(struct conn *c, struct reply *r, struct buf *out)
{
	if (r->nseg == 0 && out->n)
		reply_bytes(r, buf_span(out));
	for (size_t i = 0; i < r->nseg; i++) {
		if (r->seg[i].fd < 0) {
			buf_add(&c->out, r->seg[i].bytes);
			continue;
		}
		io_pread_full(r->seg[i].fd, buf_space(&c->out, r->seg[i].len), r->seg[i].len, r->seg[i].off, NULL);
		buf_grow(&c->out, r->seg[i].len);
		close(r->seg[i].fd);
	}
	if (r->state.p) {
		buf_reset(&c->state);
		buf_add(&c->state, r->state);
	}
	if (r->authenticated)
		c->frame.limits = &imap_limits_post_auth;
	c->idle = r->next == NEXT_IDLE;
	c->cont = r->next == NEXT_CONTINUE;
	c->closed |= r->next == NEXT_CLOSE;
}

static void ask(struct conn *c, struct cmd *cmd)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF out;
	struct reply r;
	struct call call = { .arena = a, .house = &house.house, .session = &c->s, .cmd = cmd, .reply = &r,
		.out = &out };

	buf_init(&out, 4u << 20);
	c->told = false;
	cmd->session = c->s.id;
	cmd->service = SVC_IMAP;
	if (!c->open) {
		cmd->flags |= CMD_OPEN;
		cmd->peer = (struct peer){ .address = SPAN("192.0.2.1"), .loopback = !c->plain && !c->tls,
			.tls = c->tls, .channel_binding = c->tls ? SPAN(CHANNEL) : SPAN_NONE };
		cmd->state = buf_span(&c->state);
		c->s.account_id = 0;
		c->s.peer = cmd->peer;
	}
	reply_init(&r, cmd);
	if (!org_is_open(house.house.org))
		imap_proto.refuse(&call, ERR_LATER, true);
	else if (c->open || imap_proto.begin(&call, cmd->state) == 0)
		imap_proto.run(&call);
	else
		r.next = NEXT_CLOSE;
	c->open |= c->s.proto != NULL;
	if (out.failed)
		wrong("reply too large", cmd->verb);
	take_reply(c, &r, &out);
	if (r.next == NEXT_MORE) {
		struct cmd more = { .verb = cmd->verb, .tag = cmd->tag, .flags = CMD_MORE, .cursor = r.cursor,
			.spool_fd = -1 };

		ask(c, &more);
	}
}

static void internal(struct conn *c, const char *verb, const struct tok *tok, size_t ntok)
{
	struct cmd cmd = { .verb = span_str(verb), .tag = c->tag, .flags = CMD_INTERNAL, .spool_fd = -1, .tok = tok,
		.ntok = ntok };

	ask(c, &cmd);
}

static void command(struct conn *c)
{
	SCOPED_ARENA a = arena_new();
	struct imap_command lexed = { 0 };
	size_t n;
	const struct imap_literal *lit = imap_frame_literals(&c->frame, &n);
	struct err e = ERR_INIT;
	struct cmd cmd = { .spool_fd = c->spool, .spool_len = c->spool_len };

	if (imap_lex(a, imap_frame_text(&c->frame), lit, n, &lexed, &e) < 0) {
		buf_addf(&c->out, "%.*s BAD %s\r\n", SPAN_F(lexed.tag.n ? lexed.tag : SPAN("*")), e.say);
	} else {
		c->tag.n = lexed.tag.n;
		memcpy(c->tag_bytes, lexed.tag.p, lexed.tag.n);
		c->tag.p = c->tag_bytes;
		cmd.tag = c->tag;
		cmd.verb = lexed.verb;
		cmd.tok = lexed.args.v;
		cmd.ntok = lexed.args.n;
		ask(c, &cmd);
	}
	if (c->spool >= 0)
		close(c->spool);
	c->spool = -1;
	c->spool_len = 0;
}

static void feed(struct conn *c, struct span in)
{
	while (in.n) {
		size_t used = 0;
		int r = imap_frame(&c->frame, in, &used);

		in = span_from(in, used);
		if (r == 1) {
			command(c);
		} else if (r < 0) {
			struct span tag = imap_frame_tag(&c->frame);

			buf_addf(&c->out, "%.*s BAD %s\r\n", SPAN_F(tag.n ? tag : SPAN("*")), c->frame.why);
			if (c->frame.fatal)
				c->closed = true;
		} else if (c->frame.event == IMAP_FRAME_SPOOL) {
			if (c->spool < 0)
				c->spool = io_memfd("spool");
			io_write_full(c->spool, c->frame.spool, NULL);
			c->spool_len += c->frame.spool.n;
		} else if (c->frame.event == IMAP_FRAME_CONTINUE) {
			buf_addz(&c->out, "+ OK\r\n");
		}
	}
}

/* "<<3 ab>>" -> "ababab" */
static struct span expand(struct arena *a, struct span in)
{
	struct buf b;
	struct span out;
	ssize_t at;

	buf_init(&b, 64u << 20);
	while ((at = span_find(in, SPAN("<<"))) >= 0) {
		struct span rest = span_from(in, (size_t)at + 2), count = span_cut(&rest, ' ');
		ssize_t end = span_find(rest, SPAN(">>"));
		long n = strtol(arena_strz(a, count), NULL, 10);

		if (end < 0)
			wrong("no end of repetition", in);
		buf_add(&b, span_sub(in, 0, (size_t)at));
		for (long i = 0; i < n; i++)
			buf_add(&b, span_sub(rest, 0, (size_t)end));
		in = span_from(rest, (size_t)end + 2);
	}
	buf_add(&b, in);
	out = arena_span(a, buf_span(&b));
	buf_fini(&b);
	return out;
}

static bool line_fits(struct arena *a, struct span want, struct span line)
{
	SCOPED_BUF re;
	regex_t rx;
	bool inside = false, ok;

	buf_init(&re, 1u << 20);
	if (span_find(want, SPAN("{{")) < 0)
		return span_eq(want, line);
	buf_addc(&re, '^');
	while (want.n) {
		if (span_starts(want, inside ? SPAN("}}") : SPAN("{{"))) {
			buf_addz(&re, inside ? ")" : "(");
			inside = !inside;
			want = span_from(want, 2);
			continue;
		}
		if (!inside && memchr("\\^$.[]|()*+?{}", want.p[0], 14))
			buf_addc(&re, '\\');
		buf_addc(&re, want.p[0]);
		want = span_from(want, 1);
	}
	buf_addc(&re, '$');
	if (regcomp(&rx, arena_strz(a, buf_span(&re)), REG_EXTENDED | REG_NOSUB))
		wrong("bad pattern", buf_span(&re));
	ok = regexec(&rx, arena_strz(a, line), 0, NULL, 0) == 0;
	regfree(&rx);
	return ok;
}

static bool next_line(struct conn *c, struct arena *a, struct span *line)
{
	ssize_t at;

	if (!c->out.n && c->idle && c->told)
		internal(c, "*SYNC", NULL, 0);
	at = span_find(buf_span(&c->out), SPAN("\r\n"));
	if (at < 0)
		return false;
	*line = arena_span(a, span_sub(buf_span(&c->out), 0, (size_t)at));
	buf_eat(&c->out, (size_t)at + 2);
	return true;
}

static void expect(struct conn *c, struct arena *a, struct span want)
{
	static bool skip;
	struct span line;

	if (span_eqz(want, "...")) {
		skip = true;
		return;
	}
	if (span_eqz(want, "(closed)")) {
		if (!c->closed)
			wrong("still open", want);
		return;
	}
	do {
		if (!next_line(c, a, &line))
			wrong("no such line", want);
	} while (!line_fits(a, want, line) && skip);
	skip = false;
	if (!line_fits(a, want, line))
		wrong("got another line", line);
}

static void conn_start(struct conn *c)
{
	c->used = true;
	c->spool = -1;
	c->s.id = (uint64_t)(c - conns) + 1;
	c->s.service = SVC_IMAP;
	c->s.arena = arena_new();
	buf_init(&c->out, 64u << 20);
	buf_init(&c->state, BUS_STATE_MAX);
	imap_frame_init(&c->frame, &imap_limits_pre_auth);
	c->tag = SPAN_NONE;
	internal(c, "*GREETING", NULL, 0);
}

static void client(struct conn *c, struct arena *a, struct span text)
{
	struct tok tok = { .kind = TOK_STRING };

	if (c->out.n)
		wrong("not expected", buf_span(&c->out));
	if (c->closed)
		wrong("connection is closed", text);
	text = expand(a, text);
	if (c->idle) {
		struct tok bad = { .kind = TOK_ATOM, .text = SPAN("BAD") };

		internal(c, "*DONE", &bad, !span_ieqz(text, "DONE"));
	} else if (c->cont) {
		tok.text = text;
		internal(c, "*CONTINUE", &tok, 1);
	} else {
		feed(c, arena_printf(a, "%.*s\r\n", SPAN_F(text)));
	}
}

/* "+ base64" */
static struct span challenge(struct conn *c, struct arena *a)
{
	struct span line;
	char *p;
	size_t n = 0;

	if (!next_line(c, a, &line) || !span_starts(line, SPAN("+ ")))
		wrong("no challenge", line);
	p = arena_alloc(a, line.n);
	if (base64_decode(span_from(line, 2), p, line.n, &n) < 0)
		wrong("challenge is not base64", line);
	return (struct span){ p, n };
}

static struct span base64(struct arena *a, struct span data)
{
	SCOPED_BUF b;

	buf_init(&b, 4096);
	base64_encode(&b, data, 0);
	return arena_span(a, buf_span(&b));
}

static void scram(struct conn *c, struct arena *a, struct span args)
{
	struct span login = span_cut(&args, ' '), channel = c->tls ? SPAN(CHANNEL) : SPAN_NONE, want, final;

	client(c, a, arena_printf(a, "s AUTHENTICATE SCRAM-SHA-256%s %.*s", c->tls ? "-PLUS" : "",
		SPAN_F(base64(a, scram_client_first(a, login, channel)))));
	final = scram_client_final(a, login, args, channel, challenge(c, a), &want);
	client(c, a, base64(a, final));
	if (!c->cont)
		return; /* refused: the script says how */
	if (!span_eq(challenge(c, a), want))
		wrong("server's signature", want);
	client(c, a, SPAN(""));
}

static void run_line(struct arena *a, struct span line)
{
	size_t i = 0;
	char side = line.p[0];
	struct conn *c;

	if (span_eqz(line, "@restart")) {
		for (i = 0; i < CONNS; i++)
			forget(&conns[i]);
		return;
	}
	if (span_eqz(line, "@seal") || span_eqz(line, "@unseal")) {
		if (span_eqz(line, "@seal"))
			test_house_seal(&house.under);
		else
			test_house_unseal(&house.under);
		return;
	}
	if (span_eqz(line, "@endterm")) {
		script_house_end_term(&house);
		return;
	}
	if (span_starts(line, SPAN("@peer C")) && line.n > 7) {
		conns[line.p[7] - '0'].plain = span_ends(line, SPAN("plain"));
		conns[line.p[7] - '0'].tls = span_ends(line, SPAN("tls"));
		return;
	}
	if (span_starts(line, SPAN("@scram C")) && line.n > 10) {
		scram(&conns[line.p[8] - '0'], a, span_from(line, 10));
		return;
	}
	line = span_from(line, 1);
	if (line.n && ascii_digit(line.p[0])) {
		i = (size_t)(line.p[0] - '0');
		line = span_from(line, 1);
	}
	if ((side != 'C' && side != 'S') || i >= CONNS || !line.n || line.p[0] != ':')
		wrong("bad script line", line);
	line = span_from(line, line.n > 1 && line.p[1] == ' ' ? 2 : 1);
	c = &conns[i];
	if (!c->used)
		conn_start(c);
	if (side == 'C')
		client(c, a, line);
	else
		expect(c, a, expand(a, line));
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
	if (io_read_file(AT_FDCWD, file, &text, &e) < 0)
		wrong("cannot read", span_str(e.log));
	log_test_sink(no_log);
	script_house_open(&house, watch, changed);
	rest = buf_span(&text);
	while (rest.n) {
		SCOPED_ARENA a = arena_new();
		struct span line = span_cut(&rest, '\n');

		line_no++;
		if (line.n && line.p[0] != '#')
			run_line(a, line);
	}
	for (size_t i = 0; i < CONNS; i++) {
		if (!conns[i].used)
			continue;
		if (conns[i].out.n)
			wrong("not expected", buf_span(&conns[i].out));
		forget(&conns[i]);
		arena_free(conns[i].s.arena);
		imap_frame_fini(&conns[i].frame);
		buf_fini(&conns[i].out);
		buf_fini(&conns[i].state);
	}
	script_house_close(&house);
	return 0;
}
