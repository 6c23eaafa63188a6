/* HTTP/1.1 as far as the gate goes: heads and bodies (RFC 9112). A request goes to core as its method with the tokens
 * close|keep, host, port, path, query and a pair for each field; what core wants signed (NEXT_SIGN) is signed here, where the key is. */
#include "base/time.h"
#include "codec/http/http_write.h"
#include "gate/gate_int.h"

enum { MODE_HEAD, MODE_BODY };

static void init(struct conn *c)
{
	struct http_conn *h = &c->http;

	*h = (struct http_conn){ .mode = MODE_HEAD };
	buf_init(&h->head, c->g->lim.http_head_bytes);
	spool_init(&h->body);
}

static void fini(struct conn *c)
{
	buf_fini(&c->http.head);
	spool_drop(c, &c->http.body);
}

static void again(struct conn *c)
{
	fini(c);
	init(c);
}

/* The gate's own answers end the connection: what follows is not a request any more. */
static void say_status(struct conn *c, int status)
{
	SCOPED_BUF b;

	buf_init(&b, 512);
	http_status(&b, status, time_real_sec(), true);
	buf_addz(&b, "Content-Length: 0\r\n\r\n");
	c->g->count.local_replies++;
	stream_write(&c->s, buf_span(&b));
}

static void answer(struct conn *c, int status, const char *why)
{
	say_status(c, status);
	conn_close(c, why);
}

static void refuse(struct conn *c, int status, const char *why)
{
	c->g->count.bad_commands++;
	answer(c, status, why);
}

static void send_request(struct conn *c, const struct http_request_head *h, struct cmd *cmd)
{
	struct toks t;

	toks_init(&t, c->g->arena);
	toks_add(&t, (struct tok){ .kind = TOK_ATOM, .text = h->close ? SPAN("close") : SPAN("keep") });
	toks_add(&t, (struct tok){ .kind = TOK_STRING, .text = h->host });
	toks_add(&t, (struct tok){ .kind = TOK_ATOM, .text = arena_printf(c->g->arena, "%u", h->port) });
	toks_add(&t, (struct tok){ .kind = TOK_STRING, .text = h->path });
	toks_add(&t, (struct tok){ .kind = TOK_STRING, .text = h->query });
	for (size_t i = 0; i < h->n; i++)
		toks_add(&t, (struct tok){ .kind = TOK_PAIR, .text = h->field[i].name, .value = h->field[i].value });
	cmd->verb = h->method;
	cmd->tok = t.v;
	cmd->ntok = t.n;
	conn_send(c, cmd);
}

/* The head was good when it came in; it is read again because the body came after it. */
static void run_request(struct conn *c)
{
	struct cmd cmd = { .spool_fd = -1 };
	struct http_request_head h;

	arena_reset(c->g->arena);
	if (c->http.body.nospace || http_head_parse(buf_span(&c->http.head), &h)) {
		answer(c, 503, "no room for a body");
		return;
	}
	spool_give(c, &c->http.body, &cmd, false);
	if (c->http.body.nospace) {
		answer(c, 503, "no room for a body");
		return;
	}
	send_request(c, &h, &cmd);
	if (c->phase == PHASE_OPEN)
		again(c);
}

static void begin_body(struct conn *c, const struct http_request_head *h)
{
	c->http.left = h->body_len;
	c->http.mode = MODE_BODY;
	conn_waits(c);
	if (h->body_len > c->g->lim.http_body_bytes)
		refuse(c, 413, "body is too large");
	else if (h->expects)
		conn_say(c, "HTTP/1.1 100 Continue\r\n\r\n");
}

static bool step_head(struct conn *c, struct span in)
{
	struct http_conn *hc = &c->http;
	struct http_request_head h;
	size_t n;
	int status;

	if (!hc->begun && span_starts(in, SPAN("\r\n"))) {
		stream_consume(&c->s, 2);       /* section 2.2: left over from the body before */
		hc->begun = true;
		return true;
	}
	if (!hc->seen)
		conn_waits(c);
	hc->begun = true;
	n = http_head_end(in, &hc->seen);
	if (n > hc->head.max || (!n && in.n > hc->head.max)) {
		refuse(c, 431, "head is too large");
		return true;
	}
	if (!n)
		return false;
	buf_add(&hc->head, span_sub(in, 0, n));
	stream_consume(&c->s, n);
	status = http_head_parse(buf_span(&hc->head), &h);
	if (status)
		refuse(c, status, h.why);
	else
		begin_body(c, &h);
	return true;
}

static bool step(struct conn *c)
{
	struct span in = stream_input(&c->s);

	if (c->http.mode == MODE_BODY && !c->http.left) {
		run_request(c);
		return true;
	}
	if (!in.n)
		return false;
	if (c->http.mode == MODE_HEAD)
		return step_head(c, in);
	in = span_sub(in, 0, c->http.left);
	spool_add(c, &c->http.body, in, c->g->lim.http_body_bytes);
	c->http.left -= in.n;
	stream_consume(&c->s, in.n);
	return true;
}

/* The body of the answer becomes a CMS message around it; without a certificate it goes out as it is. */
static void reply(struct conn *c, struct reply *r)
{
	struct span all, head, body;
	ssize_t end;
	SCOPED_BUF signed_body, out;

	buf_init(&signed_body, BUS_MESSAGE_MAX);
	buf_init(&out, BUS_MESSAGE_MAX);
	if (r->next != NEXT_SIGN && r->next != NEXT_SIGN_CLOSE)
		return;
	r->next = r->next == NEXT_SIGN ? NEXT_READ : NEXT_CLOSE;
	c->next = r->next;
	all = r->nseg == 1 && r->seg[0].fd < 0 ? r->seg[0].bytes : SPAN_NONE;
	end = span_find(all, SPAN("\r\n\r\n"));
	if (end < 0)
		return;
	head = span_sub(all, 0, (size_t)end + 2);
	body = span_from(all, (size_t)end + 4);
	if (c->tls_on && tls_cms_sign(c->s.ssl, body, &signed_body))
		body = buf_span(&signed_body);
	buf_add(&out, head);
	buf_addf(&out, "Content-Length: %zu\r\n\r\n", body.n);
	buf_add(&out, body);
	stream_write(&c->s, buf_span(&out));
	r->nseg = 0;
}

static void next(struct conn *c, unsigned what)
{
	(void)c;
	(void)what;
}

static void unavailable(struct conn *c)
{
	answer(c, 503, "core is not there");
}

static bool between(const struct conn *c)
{
	return c->http.mode == MODE_HEAD && !c->http.begun;
}

static void bye(struct conn *c, enum bye why)
{
	if (why == BYE_TIMEOUT && between(c))
		return;                         /* nobody asked anything */
	say_status(c, why == BYE_TIMEOUT ? 408 : why == BYE_BAD ? 400 : 503);
}

static uint64_t idle_sec(const struct conn *c)
{
	const struct gate_limits *l = &c->g->lim;

	return c->http.mode == MODE_BODY ? l->http_body_sec : c->http.begun ? l->http_head_sec : l->http_idle_sec;
}

const struct gate_proto proto_http = {
	.name = "http", .init = init, .fini = fini, .step = step, .next = next, .reply = reply, .unavailable = unavailable,
	.bye = bye, .idle_sec = idle_sec, .between = between,
	.full = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
};
