/* The gate's side of the bus: one socket to core for all connections. */
#include <unistd.h>
#include "gate/gate_int.h"

static void on_send(void *arg)
{
	struct gate *g = arg;
	int r;

	if (!g->bus_up)
		return;
	r = bus_flush(&g->bus);
	if (r < 0) {
		gate_bus_lost(g);
		return;
	}
	loop_fd_want(&g->bus_io, LOOP_READ | (r == 1 ? LOOP_WRITE : 0));
	if (bus_pending(&g->bus) > g->lim.bus_pending_bytes) {
		g->bus_full = true;
	} else if (g->bus_full && bus_pending(&g->bus) < g->lim.bus_pending_bytes / 4) {
		struct conn *c;

		g->bus_full = false;
		while (!g->bus_full && (c = g->stalled)) {
			conn_unstall(c);
			conn_step(c);
		}
	}
}

void gate_bus_put(struct gate *g, const struct cmd *cmd)
{
	bus_put_cmd(&g->bus, cmd);
	if (bus_pending(&g->bus) > g->lim.bus_pending_bytes)
		g->bus_full = true;
	loop_call_later(g->loop, &g->bus_send);
}

/* Replies waiting for slow readers are bounded in all: the largest queue goes. */
static void shed(struct gate *g)
{
	uint64_t total = 0;
	struct conn *largest = NULL;

	for (uint32_t i = 0; i < g->n_slots; i++) {
		struct conn *c = g->slots[i];

		if (!c)
			continue;
		total += c->s.out_len;
		if (!largest || c->s.out_len > largest->s.out_len)
			largest = c;
	}
	if (total > g->lim.output_total_bytes && largest) {
		g->count.output_shed++;
		stream_abort(&largest->s, "output memory used up");
	}
}

static void take_reply(struct gate *g, struct reply *r)
{
	struct conn *c = gate_find(g, r->session);

	if (c) {
		conn_reply(c, r);
		if (c->s.out_len > g->lim.output_low_bytes)
			g->out_check = true;
	}
	for (size_t i = 0; i < r->nseg; i++)
		if (r->seg[i].fd >= 0)
			close(r->seg[i].fd);
}

/* A message that is just arriving, and a reply on its way, are finished first; core refuses what it must. */
static void take_sealed(struct gate *g)
{
	for (uint32_t i = 0; i < g->n_slots; i++) {
		struct conn *c = g->slots[i];

		if (!c || c->phase != PHASE_OPEN || c->service == SVC_METRICS)
			continue;
		c->sealed = true;
		conn_leave(c);
	}
}

static void take_notice(struct gate *g, const struct notice *n)
{
	struct conn *c = gate_find(g, n->session);

	if (n->session == NOTICE_EVERY && n->kind == NOTICE_SEALED)
		take_sealed(g);
	if (!c || c->phase != PHASE_OPEN)
		return;
	if (n->kind == NOTICE_CLOSE)
		conn_bye(c, BYE_CORE, "closed by core");
	else if (n->kind == NOTICE_CHANGED && c->proto->notice)
		c->proto->notice(c);
}

static void on_bus(void *arg, unsigned what)
{
	struct gate *g = arg;
	struct bus_msg *m = &g->msg;
	int r;

	if (what & LOOP_WRITE)
		on_send(g);
	if (!(what & LOOP_READ) || !g->bus_up)
		return;
	r = bus_fill(&g->bus);
	if (r < 0) {
		gate_bus_lost(g);
		return;
	}
	for (;;) {
		arena_reset(g->bus_arena);
		r = bus_recv(&g->bus, g->bus_arena, m);
		if (r <= 0)
			break;
		if (m->kind == BUS_REPLY)
			take_reply(g, &m->reply);
		else if (m->kind == BUS_NOTICE)
			take_notice(g, &m->notice);
		else if (m->kind == BUS_CMD && m->cmd.spool_fd >= 0)
			close(m->cmd.spool_fd);
		if (!g->bus_up)
			return;
	}
	if (r < 0) {
		log_msg("bus_error", "core sent something unreadable");
		gate_bus_lost(g);
	}
	if (g->out_check) {
		g->out_check = false;
		shed(g);
	}
}

void gate_bus_attach(struct gate *g, int fd)
{
	if (g->bus_up) {
		close(fd);
		return;
	}
	bus_conn_init(&g->bus, fd);
	buf_secret(&g->bus.out);
	loop_fd_init(&g->bus_io, g->loop, fd, on_bus, g);
	loop_call_init(&g->bus_send, on_send, g);
	loop_fd_want(&g->bus_io, LOOP_READ);
	g->bus_up = true;
	g->bus_full = false;
	g->bus_wait_ms = 0;
	bus_put_hello(&g->bus, span_str(g->conf->name));
	loop_call_later(g->loop, &g->bus_send);
	log_msg("core_found", "connected to core");
	for (uint32_t i = 0; i < g->n_slots; i++) {
		struct conn *c = g->slots[i];

		if (c && c->phase == PHASE_OPEN && c->commands && c->proto->notice)
			c->proto->notice(c); /* those in IDLE must be watched by the new core, too */
	}
}

void gate_bus_lost(struct gate *g)
{
	if (!g->bus_up)
		return;
	g->bus_up = g->bus_full = false;
	g->count.core_lost++;
	loop_call_cancel(&g->bus_send);
	loop_fd_fini(&g->bus_io);
	bus_conn_fini(&g->bus);
	log_msg("core_lost", "connection to core ended");
	for (uint32_t i = 0; i < g->n_slots; i++)
		if (g->slots[i])
			conn_core_lost(g->slots[i]);
	while (g->stalled) {
		struct conn *c = g->stalled;

		conn_unstall(c);
		conn_step(c);
	}
	gate_need_bus(g);
}

void gate_stats(struct gate *g)
{
	struct toks t;
	struct cmd cmd = { .verb = SPAN("*STATS"), .service = SVC_METRICS, .flags = CMD_INTERNAL,
		.spool_fd = -1 };
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
#define X(counter) { #counter, g->count.counter },
		GATE_COUNTERS(X)
#undef X
		{ "connections", g->n_conns },
		{ "spool_used", g->spool_used },
	};

	if (!g->bus_up)
		return;
	arena_reset(g->arena);
	toks_init(&t, g->arena);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		toks_add(&t, (struct tok){ .kind = TOK_PAIR, .text = span_str(rows[i].name),
				     .value = arena_printf(g->arena, "%llu", (unsigned long long)rows[i].value) });
	cmd.tok = t.v;
	cmd.ntok = t.n;
	gate_bus_put(g, &cmd);
}
