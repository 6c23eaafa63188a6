#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/time.h"
#include "gate/gate_int.h"

#define PIPELINE_OUT 262144 /* output at which a client that does not read gets no further commands */

static void on_input(void *arg);
static void on_drained(void *arg);
static void on_secured(void *arg);
static void on_gone(void *arg, const char *why);

const struct stream_ops conn_ops = { on_input, on_drained, on_secured, on_gone };

/* ---- deadlines ---- */

void conn_waits(struct conn *c)
{
	c->wait_ms = loop_now_ms();
}

/* Core answers or the client is told: no command waits for ever. */
static int64_t core_deadline(const struct conn *c)
{
	const struct gate_limits *l = &c->g->lim;
	bool bulk = c->lent || (c->proto->bulk && c->proto->bulk(c));

	return c->sent_ms + (int64_t)(bulk ? l->core_bulk_sec : l->core_sec) * 1000;
}

/* When the connection has waited long enough. */
static int64_t deadline(const struct conn *c)
{
	const struct gate_limits *l = &c->g->lim;

	if (c->phase == PHASE_CLOSING)
		return c->s.out_len ? c->s.progress_ms + (int64_t)l->write_sec * 1000 :
				      (c->s.progress_ms > c->wait_ms ? c->s.progress_ms : c->wait_ms) +
					      (int64_t)l->linger_ms;
	if (c->delayed || c->paced)
		return c->delay_ms;
	if (c->s.out_len && c->s.blocked)
		return c->s.progress_ms + (int64_t)l->write_sec * 1000;
	if (c->phase == PHASE_PROXY)
		return c->since_ms + (int64_t)l->proxy_header_sec * 1000;
	if (c->phase == PHASE_TLS)
		return c->wait_ms + (int64_t)l->tls_handshake_sec * 1000;
	return c->running ? core_deadline(c) : c->wait_ms + (int64_t)c->proto->idle_sec(c) * 1000;
}

static int64_t next_look(const struct conn *c)
{
	int64_t at = deadline(c);

	return c->wake_ms && c->phase == PHASE_OPEN && c->wake_ms < at ? c->wake_ms : at;
}

/* A timer that is set too early only looks again, so it is moved forward as rarely as possible. */
void conn_arm(struct conn *c)
{
	const struct gate_limits *l = &c->g->lim;
	bool closing = c->phase == PHASE_CLOSING; /* nobody tells when the last bytes are out and lingering begins */
	int64_t at = next_look(c), look = loop_now_ms() + (int64_t)(closing ? l->linger_ms : 1000 * l->write_sec);

	if (c->phase == PHASE_GONE)
		return;
	if (at > look)
		at = look;
	if (!c->timer.link || c->timer.at_ms > at)
		loop_timer_set(c->g->loop, &c->timer, at);
}

static void carry_on(struct conn *c);

static void end_delay(struct conn *c)
{
	c->delayed = false;
	stream_hold(&c->s, false);
	if (c->auth_failures >= c->g->lim.auth_failures_max) {
		c->g->count.closed_auth++;
		conn_bye(c, BYE_AUTH, "too many failed sign-ins");
		return;
	}
	carry_on(c);
	conn_step(c);
}

/* The command runs on in core, so its session is of no more use: the connection ends. CMD_CLOSE makes core
 * forget the session when the command is over; its late reply finds nobody. */
static void core_too_slow(struct conn *c)
{
	struct logline l;

	c->g->count.core_timeouts++;
	log_begin(&l, "core_timeout");
	log_kz(&l, "service", c->proto->name);
	log_kz(&l, "peer", c->address);
	log_kz(&l, "verb", c->verb);
	log_ki(&l, "ms", loop_now_ms() - c->sent_ms);
	log_end(&l);
	conn_bye(c, BYE_SLOW, "core did not answer in time");
}

void conn_on_timer(void *arg)
{
	struct conn *c = arg;
	int64_t now = loop_now_ms();

	if (next_look(c) > now) {
		conn_arm(c);
		return;
	}
	if (c->wake_ms && c->phase == PHASE_OPEN && c->wake_ms <= now) {
		c->wake_ms = 0;
		conn_step(c);
		return;
	}
	if (c->delayed) {
		end_delay(c);
		return;
	}
	if (c->paced) {
		c->paced = false;
		conn_waits(c);
		conn_step(c);
		return;
	}
	if (c->phase == PHASE_CLOSING) {
		stream_abort(&c->s, c->s.out_len ? "client does not read" : "closed");
		return;
	}
	if (c->phase == PHASE_OPEN && c->running && !(c->s.out_len && c->s.blocked)) {
		core_too_slow(c);
		return;
	}
	c->g->count.timeouts++;
	if (c->phase != PHASE_OPEN || (c->s.out_len && c->s.blocked))
		stream_abort(&c->s, "timeout");
	else
		conn_bye(c, BYE_TIMEOUT, "timeout");
}

/* ---- beginning and end ---- */

void conn_start_tls(struct conn *c)
{
	c->phase = PHASE_TLS;
	conn_waits(c);
	stream_tls_server(&c->s, c->g->tls);
	conn_arm(c);
}

void conn_start(struct conn *c)
{
	struct cmd cmd = { .verb = SPAN("*GREETING"), .flags = CMD_INTERNAL, .spool_fd = -1 };

	c->phase = PHASE_OPEN;
	conn_waits(c);
	if (c->proto->greets)
		conn_send(c, &cmd);
	conn_step(c);
}

static void on_secured(void *arg)
{
	struct conn *c = arg;

	c->g->count.tls_handshakes++;
	if (c->implicit_tls && !c->tls_on) {
		c->tls_on = true;
		conn_start(c);
		return;
	}
	c->tls_on = true;
	c->phase = PHASE_OPEN;
	conn_waits(c);
	if (c->proto->secured)
		c->proto->secured(c);
	conn_step(c);
}

static void tell_core_closed(struct conn *c)
{
	struct cmd cmd = { .session = c->id, .service = c->service, .flags = CMD_CLOSE, .spool_fd = -1 };

	if (c->opened && c->g->bus_up)
		gate_bus_put(c->g, &cmd);
	c->opened = false;
}

static void log_end_of(struct conn *c)
{
	struct logline l;

	log_begin(&l, "connection");
	log_kz(&l, "service", c->proto->name);
	log_kz(&l, "peer", c->address);
	log_ki(&l, "port", c->local_port);
	log_ki(&l, "ms", loop_now_ms() - c->since_ms);
	log_ki(&l, "commands", (int64_t)c->commands);
	log_ki(&l, "bad", (int64_t)c->bad);
	log_ki(&l, "in", (int64_t)c->s.bytes_in);
	log_ki(&l, "out", (int64_t)c->s.bytes_out);
	log_kz(&l, "tls", c->tls_on ? "yes" : "no");
	log_kz(&l, "auth", c->authenticated ? "yes" : "no");
	log_kz(&l, "end", c->why);
	log_end(&l);
}

static void on_gone(void *arg, const char *why)
{
	struct conn *c = arg;

	if (c->phase == PHASE_TLS && c->g->tls)
		c->g->count.tls_failed++;
	if (!c->why)
		c->why = why;
	c->g->count.bytes_in += c->s.bytes_in;
	c->g->count.bytes_out += c->s.bytes_out;
	tell_core_closed(c);
	log_end_of(c);
	c->phase = PHASE_GONE;
	c->running = false;
	c->proto->fini(c);
	spool_release(c);
	conn_unstall(c);
	loop_timer_stop(&c->timer);
	conn_unlist(c);
	c->g->n_dead++;
	loop_call_later(c->g->loop, &c->release);
}

void conn_release(void *arg)
{
	struct conn *c = arg;

	c->g->n_dead--;
	loop_timer_stop(&c->timer);
	stream_fini(&c->s);
	free(c->state);
	free(c);
}

void conn_close(struct conn *c, const char *log_why)
{
	if (c->phase >= PHASE_CLOSING)
		return;
	if (!c->why)
		c->why = log_why;
	tell_core_closed(c);
	c->phase = PHASE_CLOSING;
	c->running = c->delayed = c->paced = c->more = false;
	conn_unstall(c);
	conn_waits(c);
	stream_finish(&c->s);
	loop_timer_stop(&c->timer);
	conn_arm(c);
}

void conn_bye(struct conn *c, enum bye why, const char *log_why)
{
	if (c->phase == PHASE_OPEN)
		c->proto->bye(c, why);
	conn_close(c, log_why);
}

void conn_leave(struct conn *c)
{
	if (c->phase != PHASE_OPEN || c->running || c->delayed || c->more || !c->proto->between(c))
		return;
	if (c->sealed)
		conn_bye(c, BYE_SEALED, "sealed");
	else if (c->g->draining)
		conn_bye(c, BYE_DRAIN, "server stops");
}

void conn_say(struct conn *c, const char *fmt, ...)
{
	char line[600];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line)) {
		n = (int)sizeof(line) - 1;
		line[n - 2] = '\r';
		line[n - 1] = '\n';
	}
	c->g->count.local_replies++;
	stream_write(&c->s, SPAN_BYTES(line, (size_t)n));
}

void conn_bad(struct conn *c, const char *what)
{
	struct logline l;

	c->g->count.bad_commands++;
	if (c->bad++ == 0 && what) {
		log_begin(&l, "bad_command");
		log_kz(&l, "service", c->proto->name);
		log_kz(&l, "peer", c->address);
		log_kz(&l, "what", what);
		log_end(&l);
	}
	if (c->bad > c->g->lim.bad_commands_max && c->phase == PHASE_OPEN) {
		c->g->count.closed_bad++;
		conn_bye(c, BYE_BAD, "too many bad commands");
	}
}

/* ---- commands to core ---- */

static void fill_peer(struct conn *c, struct peer *p, uint8_t binding[TLS_BINDING_LEN])
{
	*p = (struct peer){ .address = span_str(c->address), .port = c->port, .local_port = c->local_port,
		.loopback = c->loopback, .tls = c->tls_on };
	if (!c->tls_on)
		return;
	p->tls_version = stream_tls_version(&c->s);
	p->tls_cipher = stream_tls_cipher(&c->s);
	p->sni = stream_tls_sni(&c->s);
	if (p->sni.n > 255)
		p->sni = SPAN_NONE;
	if (tls_binding(c->s.ssl, binding))
		p->channel_binding = SPAN_BYTES(binding, TLS_BINDING_LEN);
}

static void keep(char *to, size_t cap, struct span s)
{
	size_t n = s.n < cap ? s.n : cap - 1;

	if (s.p != to)
		memmove(to, s.n ? s.p : "", n);
	to[n] = 0;
}

void conn_send(struct conn *c, struct cmd *cmd)
{
	uint8_t binding[TLS_BINDING_LEN];

	keep(c->verb, sizeof(c->verb), cmd->verb);
	keep(c->tag, sizeof(c->tag), cmd->tag);
	cmd->verb = span_str(c->verb);
	cmd->tag = span_str(c->tag);
	c->commands++;
	c->g->count.commands++;
	if (c->addr)
		c->addr->command_tokens--;
	if (!c->g->bus_up) {
		if (cmd->spool_fd >= 0)
			close(cmd->spool_fd);
		spool_release(c);
		c->g->count.unavailable++;
		c->proto->unavailable(c);
		conn_waits(c);
		return;
	}
	cmd->session = c->id;
	cmd->seq = ++c->seq;
	cmd->service = c->service;
	if (c->need_open) {
		cmd->flags |= CMD_OPEN;
		fill_peer(c, &cmd->peer, binding);
		cmd->state = c->state ? SPAN_BYTES(c->state, c->state_len) : SPAN_NONE;
	}
	c->need_open = false;
	c->opened = c->running = true;
	c->sent_ms = loop_now_ms();
	gate_bus_put(c->g, cmd);
}

void conn_core_lost(struct conn *c)
{
	bool was = c->running || c->more;

	c->opened = false;
	c->need_open = true;
	if (c->phase != PHASE_OPEN || !was)
		return;
	c->more = false;
	c->running = true; /* tells the protocol that the command had begun */
	c->g->count.unavailable++;
	c->proto->unavailable(c);
	c->running = false;
	spool_release(c);
	if (c->phase != PHASE_OPEN)
		return;
	conn_waits(c);
	conn_step(c);
}

static void send_more(struct conn *c)
{
	struct cmd cmd = { .verb = span_str(c->verb), .tag = span_str(c->tag), .flags = CMD_MORE,
		.cursor = c->cursor, .spool_fd = -1 };

	c->more = false;
	if (c->verb[0] == '*')
		cmd.flags |= CMD_INTERNAL;
	c->commands--; /* the same command */
	if (c->addr)
		c->addr->command_tokens++;
	conn_send(c, &cmd);
	conn_step(c);
}

static void on_drained(void *arg)
{
	struct conn *c = arg;

	if (c->phase != PHASE_OPEN)
		return;
	if (c->more)
		send_more(c);
	else
		conn_step(c);
}

/* ---- replies ---- */

static void begin_starttls(struct conn *c)
{
	if (!c->g->tls || c->tls_on) {
		conn_close(c, "STARTTLS without certificate");
		return;
	}
	free(c->state);
	c->state = NULL;
	c->state_len = 0;
	c->need_open = true;
	c->proto->fini(c);
	c->proto->init(c);
	conn_start_tls(c);
}

/* What core wants after its reply has been queued (and its delay is over). */
static void carry_on(struct conn *c)
{
	switch (c->next) {
	case NEXT_CLOSE:
		conn_close(c, "server closed");
		return;
	case NEXT_MORE:
		c->more = true;
		conn_waits(c);
		stream_notify(&c->s, c->g->lim.output_low_bytes);
		return;
	case NEXT_STARTTLS:
		begin_starttls(c);
		return;
	case NEXT_COMPRESS:
		stream_deflate(&c->s);
		break;
	}
	conn_waits(c);
	c->proto->next(c, c->next);
	conn_leave(c);
}

static void take_state(struct conn *c, struct span state)
{
	if (!state.p || state.n > BUS_STATE_MAX)
		return;
	free(c->state);
	c->state = NULL;
	c->state_len = (uint16_t)state.n;
	if (!state.n)
		return;
	c->state = malloc(state.n);
	if (!c->state)
		abort();
	memcpy(c->state, state.p, state.n);
}

static void take_segments(struct conn *c, struct reply *r)
{
	for (size_t i = 0; i < r->nseg; i++) {
		struct segment *s = &r->seg[i];

		if (s->fd < 0) {
			stream_write(&c->s, s->bytes);
		} else {
			stream_write_fd(&c->s, s->fd, s->off, s->len);
			s->fd = -1;
		}
	}
}

static void begin_delay(struct conn *c)
{
	const struct gate_limits *l = &c->g->lim;
	uint64_t ms = l->auth_delay_ms;

	c->g->count.auth_failed++;
	for (unsigned i = 0; i < c->auth_failures && ms < l->auth_delay_max_ms; i++)
		ms *= 2;
	if (ms > l->auth_delay_max_ms)
		ms = l->auth_delay_max_ms;
	c->auth_failures++;
	c->delayed = true;
	c->delay_ms = loop_now_ms() + (int64_t)ms;
	stream_hold(&c->s, true);
}

void conn_reply(struct conn *c, struct reply *r)
{
	if (!c->running || r->seq != c->seq || c->phase != PHASE_OPEN)
		return; /* the receiver closes descriptors that are left */
	if (r->next == NEXT_WAIT) { /* a sign of life: core's time begins anew */
		take_segments(c, r);
		stream_reply_ends(&c->s);
		c->sent_ms = loop_now_ms();
		return;
	}
	c->running = false;
	c->next = r->next;
	c->cursor = r->cursor;
	spool_release(c);
	take_state(c, r->state);
	if (r->authenticated && !c->authenticated) {
		c->authenticated = true;
		if (c->proto->authenticated)
			c->proto->authenticated(c);
	}
	if (c->proto->reply)
		c->proto->reply(c, r);
	if (r->mood == MOOD_AUTH_FAILED)
		begin_delay(c);
	take_segments(c, r);
	stream_reply_ends(&c->s);
	if (r->mood == MOOD_BAD_COMMAND)
		conn_bad(c, c->verb);
	if (!c->delayed && c->phase == PHASE_OPEN)
		carry_on(c);
	conn_step(c);
}

/* ---- the driver ---- */

void conn_unstall(struct conn *c)
{
	if (!c->stall_link)
		return;
	*c->stall_link = c->stall_next;
	if (c->stall_next)
		c->stall_next->stall_link = c->stall_link;
	c->stall_link = NULL;
	c->stall_next = NULL;
}

static void stall(struct conn *c)
{
	struct gate *g = c->g;

	if (c->stall_link)
		return;
	c->stall_next = g->stalled;
	c->stall_link = &g->stalled;
	if (c->stall_next)
		c->stall_next->stall_link = &c->stall_next;
	g->stalled = c;
}

static bool may_step(struct conn *c)
{
	int64_t wait;

	if (c->phase != PHASE_OPEN || c->running || c->delayed || c->paced || c->more)
		return false;
	wait = gate_command_wait(c);
	if (wait) { /* what the client sends meanwhile waits in its socket */
		c->paced = true;
		c->delay_ms = loop_now_ms() + wait;
		c->g->count.paced++;
		return false;
	}
	if (c->g->bus_full) {
		stall(c);
		return false;
	}
	if (c->s.out_len > PIPELINE_OUT) {
		stream_notify(&c->s, c->g->lim.output_low_bytes);
		return false;
	}
	return true;
}

void conn_step(struct conn *c)
{
	bool hungry = false;

	if (c->in_step || c->phase == PHASE_GONE)
		return;
	c->in_step = true;
	while (!hungry && may_step(c))
		hungry = !c->proto->step(c);
	c->in_step = false;
	if (hungry && c->phase == PHASE_OPEN && !c->running && stream_eof(&c->s))
		conn_close(c, "client closed");
	conn_arm(c);
}

static void on_input(void *arg)
{
	struct conn *c = arg;

	if (c->phase == PHASE_PROXY) {
		if (!conn_proxy(c))
			return;
		if (c->implicit_tls && !c->g->tls)
			stream_abort(&c->s, "no certificate yet");
		else if (c->implicit_tls)
			conn_start_tls(c);
		else
			conn_start(c);
		return;
	}
	conn_step(c);
}
