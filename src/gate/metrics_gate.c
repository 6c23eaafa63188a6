/* GET /metrics and nothing else (RFC 9112, one request per connection). */
#include "base/scan.h"
#include "gate/gate_int.h"

#define HEAD_MAX 4096

static void init(struct conn *c)
{
	c->metrics.asked = false;
}

static void fini(struct conn *c)
{
	(void)c;
}

static void answer(struct conn *c, const char *status)
{
	conn_say(c, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
	conn_close(c, status);
}

/* request-line = method SP request-target SP HTTP-version CRLF; *( field-line CRLF ) CRLF */
static bool step(struct conn *c)
{
	struct cmd cmd = { .verb = SPAN("*METRICS"), .flags = CMD_INTERNAL, .spool_fd = -1 };
	struct span in = stream_input(&c->s), line;
	ssize_t end = span_find(in, SPAN("\r\n\r\n"));

	if (c->metrics.asked || !in.n)
		return false;
	if (end < 0 && in.n < HEAD_MAX)
		return false;
	if (end < 0 || span_has_nul(in)) {
		answer(c, "400 Bad Request");
		return true;
	}
	line = span_sub(in, 0, (size_t)span_find(in, SPAN("\r\n")));
	if (!span_ends(line, SPAN(" HTTP/1.1")) && !span_ends(line, SPAN(" HTTP/1.0"))) {
		answer(c, "400 Bad Request");
	} else if (!span_starts(line, SPAN("GET "))) {
		answer(c, "405 Method Not Allowed");
	} else if (!span_eqz(span_sub(line, 4, line.n - 13), "/metrics")) {
		answer(c, "404 Not Found");
	} else {
		c->metrics.asked = true;
		stream_consume(&c->s, in.n);
		conn_send(c, &cmd);
	}
	return true;
}

static void reply(struct conn *c, struct reply *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->nseg; i++)
		n += r->seg[i].fd < 0 ? r->seg[i].bytes.n : r->seg[i].len;
	conn_say(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %llu\r\n"
		    "Connection: close\r\n\r\n", (unsigned long long)n);
	c->next = NEXT_CLOSE;
}

static void next(struct conn *c, unsigned what)
{
	(void)what;
	conn_close(c, "server closed");
}

static void unavailable(struct conn *c)
{
	answer(c, "503 Service Unavailable");
}

static void bye(struct conn *c, enum bye why)
{
	conn_say(c, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		why == BYE_TIMEOUT ? "408 Request Timeout" : "503 Service Unavailable");
}

static uint64_t idle_sec(const struct conn *c)
{
	return c->g->lim.metrics_sec;
}

static bool between(const struct conn *c)
{
	return !c->metrics.asked;
}

const struct gate_proto proto_metrics = {
	.name = "metrics", .init = init, .fini = fini, .step = step, .next = next, .reply = reply,
	.unavailable = unavailable, .bye = bye, .idle_sec = idle_sec, .between = between,
	.full = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
};
