#include "script/script_run.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/scan.h"
#include "codec/base64.h"
#include "script/scram_client.h"
#include "script/script_text.h"

#define CHANNEL "0123456789abcdef0123456789abcdef"

struct script_house script_house;
static const struct script_kind *kind;
static struct buf looked; /* M: lines */
static const char *file;
static unsigned line_no;
static uint64_t times = 1; /* @times */

void script_wrong(const char *what, struct span detail)
{
	fprintf(stderr, "%s:%u: %s: %.*s\n", file, line_no, what, SPAN_F(detail));
	if (script_house.house.store)
		script_house_close(&script_house);
	exit(1);
}

static void no_log(struct span line)
{
	(void)line;
}

/* ---- core ---- */

static void forget(struct script_conn *c)
{
	if (c->s.proto)
		c->s.proto_free(c->s.proto);
	c->s.proto = NULL;
	if (c->s.arena)
		arena_reset(c->s.arena);
	c->s.account_id = 0;
	c->s.login = SPAN_NONE;
	c->open = false;
	if (kind->forgot)
		kind->forgot(c);
}

static void open_session(struct script_conn *c, struct cmd *cmd)
{
	cmd->flags |= CMD_OPEN;
	cmd->peer = (struct peer){ .address = SPAN("192.0.2.1"), .loopback = !c->outside, .tls = c->tls };
	if (c->tls) {
		cmd->peer.tls_version = SPAN("TLSv1.3");
		cmd->peer.tls_cipher = SPAN("TLS_AES_256_GCM_SHA384");
		cmd->peer.channel_binding = c->binding ? SPAN(CHANNEL) : SPAN_NONE;
	}
	cmd->state = buf_span(&c->state);
	c->s.account_id = 0;
	c->s.peer = cmd->peer;
}

static void take_reply(struct script_conn *c, const struct cmd *cmd, struct reply *r, struct buf *out)
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
	c->answer = r->next == NEXT_CONTINUE;
	c->closed |= r->next == NEXT_CLOSE;
	if (r->next == NEXT_STARTTLS) {
		forget(c);
		buf_reset(&c->state);
		c->tls = true;
	}
	kind->took(c, cmd, r);
}

void script_ask(struct script_conn *c, struct cmd *cmd)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF out;
	struct reply r;
	struct call call = { .arena = a, .house = &script_house.house, .session = &c->s, .cmd = cmd, .reply = &r,
		.out = &out };

	buf_init(&out, 4u << 20);
	cmd->session = c->s.id;
	cmd->service = c->service;
	if (!c->open)
		open_session(c, cmd);
	reply_init(&r, cmd);
	if (!org_is_open(script_house.house.org)) {
		kind->proto->refuse(&call, ERR_LATER, true);
	} else if (c->open || kind->proto->begin(&call, cmd->state) == 0) {
		kind->proto->run(&call);
		c->open = c->s.proto != NULL;
	} else {
		r.next = NEXT_CLOSE;
	}
	if (out.failed)
		script_wrong("reply too large", cmd->verb);
	take_reply(c, cmd, &r, &out);
	if (r.next == NEXT_MORE) {
		struct cmd more = { .verb = cmd->verb, .tag = cmd->tag, .flags = CMD_MORE, .cursor = r.cursor,
			.spool_fd = -1 };

		script_ask(c, &more);
	}
}

void script_start(struct script_conn *c)
{
	struct cmd cmd = { .verb = SPAN("*GREETING"), .flags = CMD_INTERNAL, .spool_fd = -1 };

	if (c->used)
		return;
	c->used = true;
	if (!c->service)
		c->service = kind->service;
	for (size_t i = 0; i < SCRIPT_CONNS; i++)
		if (kind->conn(i) == c)
			c->s.id = i + 1;
	c->s.service = c->service;
	c->s.arena = arena_new();
	buf_init(&c->out, 64u << 20);
	buf_init(&c->state, BUS_STATE_MAX);
	kind->start(c);
	script_ask(c, &cmd);
}

/* ---- the client ---- */

static void send(struct script_conn *c, struct span octets)
{
	if (c->out.n && !(kind->quiet && kind->quiet(c)))
		script_wrong("not expected", buf_span(&c->out));
	if (c->closed)
		script_wrong("connection is closed", octets);
	kind->feed(c, octets);
}

static bool next_line(struct script_conn *c, struct buf *from, struct arena *a, struct span *line)
{
	ssize_t at;

	if (c && !from->n && kind->idle)
		kind->idle(c);
	at = span_find(buf_span(from), SPAN("\r\n"));
	if (at < 0)
		return false;
	*line = arena_span(a, span_sub(buf_span(from), 0, (size_t)at));
	buf_eat(from, (size_t)at + 2);
	return true;
}

static void expect(struct script_conn *c, struct buf *from, struct arena *a, struct span want)
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
			script_wrong("still open", want);
		return;
	}
	for (; times; times--) {
		do {
			if (!next_line(c, from, a, &line))
				script_wrong("no such line", want);
			fits = script_fits(a, want, line);
		} while (fits == 0 && skip);
		skip = false;
		if (fits != 1)
			script_wrong(fits ? "bad pattern" : "got another line", line);
	}
	times = 1;
}

static struct span challenge(struct script_conn *c, struct arena *a)
{
	struct span line = SPAN_NONE;
	char *p;
	size_t n = 0;

	if (!next_line(c, &c->out, a, &line) || !span_starts(line, span_str(kind->challenge)))
		script_wrong("no challenge", line);
	p = arena_alloc(a, line.n);
	if (base64_decode(span_from(line, strlen(kind->challenge)), p, line.n, &n) < 0)
		script_wrong("challenge is not base64", line);
	return (struct span){ p, n };
}

static struct span encoded_line(struct arena *a, const char *head, struct span data)
{
	SCOPED_BUF b;

	buf_init(&b, 4096);
	base64_encode(&b, data, 0);
	return arena_printf(a, "%s%.*s\r\n", head, SPAN_F(buf_span(&b)));
}

static void scram(struct script_conn *c, struct arena *a, struct span args)
{
	struct span login = span_cut(&args, ' '), channel = c->binding ? SPAN(CHANNEL) : SPAN_NONE, want, final;

	send(c, encoded_line(a, kind->scram[c->binding], scram_client_first(a, login, channel)));
	final = scram_client_final(a, login, args, channel, challenge(c, a), &want);
	send(c, encoded_line(a, "", final));
	if (!c->answer)
		return; /* refused: the script says how */
	if (!span_eq(challenge(c, a), want))
		script_wrong("server's signature", want);
	send(c, SPAN("\r\n"));
}

/* ---- the script ---- */

static struct script_conn *conn_named(struct span *rest)
{
	struct span name = span_cut(rest, ' ');

	if (name.n != 2 || name.p[0] != 'C' || name.p[1] < '0' || name.p[1] >= '0' + SCRIPT_CONNS)
		script_wrong("which connection", name);
	return kind->conn((size_t)(name.p[1] - '0'));
}

static void peer(struct span rest)
{
	struct script_conn *c = conn_named(&rest);

	while (rest.n) {
		struct span w = span_cut(&rest, ' ');

		if (span_eqz(w, "outside"))
			c->outside = true;
		else if (span_eqz(w, "tls"))
			c->tls = true;
		else if (span_eqz(w, "binding"))
			c->tls = c->binding = true;
		else if (!kind->peer || !kind->peer(c, w))
			script_wrong("unknown word", w);
	}
}

static void must_refuse(struct script_conn *c, struct arena *a, struct span state)
{
	SCOPED_BUF out;
	struct session s = { .id = 99, .service = c->service, .arena = a, .peer = { .address = SPAN("192.0.2.1") } };
	struct cmd cmd = { .verb = SPAN("NOOP"), .tag = SPAN("x"), .flags = CMD_OPEN, .service = c->service, .spool_fd = -1,
		.state = state };
	struct reply r;
	struct call call = { .arena = a, .house = &script_house.house, .session = &s, .cmd = &cmd, .reply = &r,
		.out = &out };
	int class;

	buf_init(&out, 1u << 20);
	reply_init(&r, &cmd);
	class = kind->proto->begin(&call, state);
	if (s.proto)
		s.proto_free(s.proto);
	if (class >= 0 || s.account_id)
		script_wrong("a damaged state was believed", state);
}

static void damage(struct script_conn *c, struct arena *a)
{
	struct span state = arena_span(a, buf_span(&c->state));
	char *p = arena_alloc(a, state.n);

	if (!state.n)
		script_wrong("no state", state);
	memcpy(p, state.p, state.n);
	for (size_t n = 1; n < state.n; n++) /* none at all is a new session */
		must_refuse(c, a, (struct span){ p, n });
	for (size_t bit = 0; bit < 8 * state.n; bit++) {
		p[bit / 8] ^= (char)(1 << bit % 8);
		must_refuse(c, a, (struct span){ p, state.n });
		p[bit / 8] ^= (char)(1 << bit % 8);
	}
}

static void directive(struct arena *a, struct span line)
{
	struct span rest = line, word = span_cut(&rest, ' ');
	uint64_t limit;

	if (span_eqz(word, "@peer")) {
		peer(rest);
	} else if (span_eqz(word, "@scram")) {
		struct script_conn *c = conn_named(&rest);

		script_start(c);
		scram(c, a, rest);
	} else if (span_eqz(word, "@damage")) {
		damage(conn_named(&rest), a);
	} else if (span_eqz(word, "@times")) {
		if (!span_num(rest, &times, 1, 100000))
			script_wrong("how often", rest);
	} else if (span_eqz(word, "@restart")) {
		for (size_t i = 0; i < SCRIPT_CONNS; i++)
			forget(kind->conn(i));
	} else if (span_eqz(word, "@seal")) {
		test_house_seal(&script_house.under);
	} else if (span_eqz(word, "@unseal")) {
		test_house_unseal(&script_house.under);
	} else if (span_eqz(word, "@messagelimit")) {
		if (!span_num(rest, &limit, 1, 1000000))
			script_wrong("what limit", rest);
		script_house.house.message_limit = (unsigned)limit;
	} else if (span_eqz(word, "@endterm")) {
		script_house_end_term(&script_house);
	} else if (looked.n) {
		script_wrong("not expected", buf_span(&looked));
	} else if (!kind->directive || !kind->directive(a, word, rest, &looked)) {
		script_wrong("bad directive", line);
	}
}

static void run_line(struct arena *a, struct span line)
{
	char side = line.p[0];
	struct script_conn *c;
	size_t i = 0;

	if (side == '@') {
		directive(a, line);
		return;
	}
	line = span_from(line, 1);
	if (line.n && ascii_digit(line.p[0])) {
		i = (size_t)(line.p[0] - '0');
		line = span_from(line, 1);
	}
	if (!strchr("CSXM", side) || i >= SCRIPT_CONNS || !line.n || line.p[0] != ':')
		script_wrong("bad script line", line);
	line = script_expand(a, span_from(line, line.n > 1 && line.p[1] == ' ' ? 2 : 1));
	if (!line.p)
		script_wrong("bad repetition", line);
	if (side == 'M') {
		expect(NULL, &looked, a, line);
		return;
	}
	c = kind->conn(i);
	script_start(c);
	if (side == 'S')
		expect(c, &c->out, a, line);
	else
		send(c, side == 'X' ? script_unescape(a, line) : arena_printf(a, "%.*s\r\n", SPAN_F(line)));
}

static void all_ends(void)
{
	if (looked.n)
		script_wrong("not expected", buf_span(&looked));
	for (size_t i = 0; i < SCRIPT_CONNS; i++)
		if (kind->conn(i)->out.n)
			script_wrong("not expected", buf_span(&kind->conn(i)->out));
	for (size_t i = 0; i < SCRIPT_CONNS; i++) {
		struct script_conn *c = kind->conn(i);

		if (!c->used)
			continue;
		forget(c);
		arena_free(c->s.arena);
		kind->end(c);
		buf_fini(&c->out);
		buf_fini(&c->state);
	}
	buf_fini(&looked);
}

int script_main(const struct script_kind *k, int argc, char **argv)
{
	SCOPED_BUF text;
	struct span rest;
	struct err e = ERR_INIT;

	buf_init(&text, 1u << 20);
	if (argc != 2)
		return 2;
	kind = k;
	file = argv[1];
	buf_init(&looked, 64u << 20);
	if (io_read_file(AT_FDCWD, file, &text, &e) < 0)
		script_wrong("cannot read", span_str(e.log));
	log_test_sink(no_log);
	if (test_pg())
		test_url = test_pg();
	script_house_open(&script_house, kind->watch, kind->changed);
	rest = buf_span(&text);
	while (rest.n) {
		SCOPED_ARENA a = arena_new();
		struct span line = span_cut(&rest, '\n');

		line_no++;
		if (line.n && line.p[0] != '#')
			run_line(a, line);
	}
	all_ends();
	script_house_close(&script_house);
	return 0;
}
