/* imap_script.c - conversations with proto/imap; see script_run.h. Frame and lex of codec/imap as the gate does it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/scan.h"
#include "codec/imap/imap_frame.h"
#include "codec/imap/imap_lex.h"
#include "proto/imap/imap.h"
#include "script/script_run.h"

struct conn {
	struct script_conn base;
	bool idle, told;
	uint64_t watch, accounts[WATCH_ACCOUNTS_MAX];
	size_t n_accounts;
	bool news, notify;
	struct imap_frame frame;
	struct span tag;
	char tag_bytes[256];
	int spool;
	uint64_t spool_len;
};
static struct conn conns[SCRIPT_CONNS];

static struct conn *mine(struct script_conn *c)
{
	return (struct conn *)c;
}

static struct script_conn *conn(size_t i)
{
	return &conns[i].base;
}

static void watch(struct house *h, uint64_t session, uint64_t object_id)
{
	(void)h;
	conns[session - 1].watch = object_id;
}

static void watch_accounts(struct house *h, uint64_t session, const uint64_t *account_ids, size_t n)
{
	struct conn *c = &conns[session - 1];

	(void)h;
	for (size_t i = 0; i < n; i++)
		c->accounts[i] = account_ids[i];
	c->n_accounts = n;
	c->news = n > 0;
}

static bool news(struct house *h, uint64_t session)
{
	struct conn *c = &conns[session - 1];
	bool is = c->news;

	(void)h;
	c->news = false;
	return is;
}

static void changed(void *arg, const struct change *c, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < SCRIPT_CONNS; k++)
			if (conns[k].watch && conns[k].watch == c[i].object_id)
				conns[k].told = true;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < SCRIPT_CONNS; k++)
			for (size_t j = 0; j < conns[k].n_accounts; j++)
				if (conns[k].accounts[j] == c[i].account_id)
					conns[k].told = conns[k].news = true;
}

static void forgot(struct script_conn *c)
{
	mine(c)->watch = mine(c)->n_accounts = 0;
	mine(c)->news = false;
	mine(c)->told = mine(c)->notify; /* core is back: the gate asks */
}

static void took(struct script_conn *c, const struct cmd *cmd, const struct reply *r)
{
	(void)cmd;
	if (r->authenticated)
		mine(c)->frame.limits = &imap_limits_post_auth;
	mine(c)->idle = r->next == NEXT_IDLE;
	if (!mine(c)->idle)
		mine(c)->notify = r->next == NEXT_NOTIFY;
}

static void ask(struct conn *c, struct cmd *cmd)
{
	c->told = false;
	script_ask(&c->base, cmd);
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
		buf_addf(&c->base.out, "%.*s BAD %s\r\n", SPAN_F(lexed.tag.n ? lexed.tag : SPAN("*")), e.say);
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
	io_close(&c->spool);
	c->spool_len = 0;
}

static void commands(struct conn *c, struct span in)
{
	while (in.n) {
		size_t used = 0;
		int r = imap_frame(&c->frame, in, &used);

		in = span_from(in, used);
		if (r == 1) {
			command(c);
		} else if (r < 0) {
			struct span tag = imap_frame_tag(&c->frame);

			buf_addf(&c->base.out, "%.*s BAD %s\r\n", SPAN_F(tag.n ? tag : SPAN("*")), c->frame.why);
			if (c->frame.fatal)
				c->base.closed = true;
		} else if (c->frame.event == IMAP_FRAME_SPOOL) {
			if (c->spool < 0)
				c->spool = io_memfd("spool");
			io_write_full(c->spool, c->frame.spool, NULL);
			c->spool_len += c->frame.spool.n;
		} else if (c->frame.event == IMAP_FRAME_CONTINUE) {
			buf_addz(&c->base.out, "+ OK\r\n");
		}
	}
}

static void feed(struct script_conn *sc, struct span in)
{
	struct conn *c = mine(sc);
	struct span line = in;
	struct tok tok = { .kind = TOK_STRING }, bad = { .kind = TOK_ATOM, .text = SPAN("BAD") };

	if (span_ends(line, SPAN("\r\n")))
		line.n -= 2;
	tok.text = line;
	if (c->idle)
		internal(c, "*DONE", &bad, !span_ieqz(line, "DONE"));
	else if (sc->answer)
		internal(c, "*CONTINUE", &tok, 1);
	else
		commands(c, in);
}

static void idle(struct script_conn *sc)
{
	struct conn *c = mine(sc);
	struct cmd notice = { .verb = SPAN("*NOTICE"), .flags = CMD_INTERNAL, .spool_fd = -1 };

	if (c->idle && c->told)
		internal(c, "*SYNC", NULL, 0);
	else if (c->notify && c->told)
		ask(c, &notice);
}

static void start(struct script_conn *c)
{
	mine(c)->spool = -1;
	script_house.house.watch_accounts = watch_accounts;
	script_house.house.news = news;
	imap_frame_init(&mine(c)->frame, &imap_limits_pre_auth);
}

static bool directive(struct arena *a, struct span word, struct span rest, struct buf *looked)
{
	uint64_t n[3];

	(void)a;
	(void)looked;
	if (!span_eqz(word, "@fill"))
		return false;
	for (size_t i = 0; i < 3; i++)
		if (!span_num(span_cut(&rest, ' '), &n[i], 1, UINT32_MAX))
			return false;
	if (test_pg())
		exit(77);            /* hundreds of thousands of rows take too long there: skipped */
	script_house_fill(&script_house, (uint32_t)n[0], (uint32_t)n[1], (uint32_t)n[2]);
	return true;
}

static void end(struct script_conn *c)
{
	imap_frame_fini(&mine(c)->frame);
}

int main(int argc, char **argv)
{
	static const struct script_kind kind = {
		.proto = &imap_proto, .service = SVC_IMAP, .challenge = "+ ",
		.scram = { "s AUTHENTICATE SCRAM-SHA-256 ", "s AUTHENTICATE SCRAM-SHA-256-PLUS " },
		.conn = conn, .start = start, .feed = feed, .took = took, .forgot = forgot, .idle = idle, .directive = directive, .end = end,
		.watch = watch, .changed = changed,
	};

	return script_main(&kind, argc, argv);
}
