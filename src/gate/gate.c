#include "gate/gate.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/io.h"
#include "base/secret.h"
#include "base/time.h"
#include "bus/link.h"
#include "gate/gate_int.h"

#define TICK_MS 1000
#define STATS_MS 5000
#define SPARE_FDS 256

void gate_need_bus(struct gate *g)
{
	int64_t now = loop_now_ms();
	uint64_t wait = g->bus_wait_ms;

	g->bus_wait_ms = wait ? wait * 2 : g->lim.bus_retry_ms;
	if (g->bus_wait_ms > g->lim.bus_retry_max_ms)
		g->bus_wait_ms = g->lim.bus_retry_max_ms;
	loop_timer_set(g->loop, &g->bus_retry, now + (int64_t)wait);
}

static void on_bus_retry(void *arg)
{
	struct gate *g = arg;

	if (g->bus_up || g->conf->link_fd < 0)
		return;
	if (link_send(g->conf->link_fd, LINK_NEED_BUS, SPAN_NONE, -1, NULL) < 0)
		gate_need_bus(g); /* the link is full: later */
}

/* New handshakes use the new certificates; a broken set is logged and the old one stays. */
static void reload_tls(struct gate *g, struct span payload)
{
	struct link_cert in[LINK_CERTS_MAX];
	struct tls_cert certs[LINK_CERTS_MAX];
	struct err e = ERR_INIT;
	struct tls_server *t = NULL;
	size_t n;

	if (link_tls_decode(payload, in, &n, &e) == 0) {
		for (size_t i = 0; i < n; i++)
			certs[i] = (struct tls_cert){ in[i].chain, in[i].key };
		t = tls_server_new(certs, n, &e);
	}
	secret_wipe((void *)(uintptr_t)payload.p, payload.n); /* it holds the private keys */
	if (!t) {
		log_msg("tls_refused", "%s", e.log);
		return;
	}
	tls_server_unref(g->tls);
	g->tls = t;
}

static void drain(struct gate *g)
{
	if (g->draining)
		return;
	g->draining = true;
	g->drain_ms = loop_now_ms() + (int64_t)g->lim.drain_sec * 1000;
	for (size_t i = 0; i < g->n_ports; i++)
		listener_fini(&g->ports[i].l);
	g->n_ports = 0;
	for (uint32_t i = 0; i < g->n_slots; i++) {
		struct conn *c = g->slots[i];

		if (!c || c->phase == PHASE_CLOSING)
			continue;
		if (c->phase != PHASE_OPEN)
			stream_abort(&c->s, "server stops");
		else
			conn_leave(c);
	}
}

static void on_tick(void *arg)
{
	struct gate *g = arg;
	int64_t now = loop_now_ms();

	loop_timer_set(g->loop, &g->tick, now + TICK_MS);
	if (now >= g->stats_ms) {
		g->stats_ms = now + STATS_MS;
		gate_addr_sweep(g);
		gate_stats(g);
	}
	if (g->draining && (g->n_conns == 0 || now >= g->drain_ms))
		loop_stop(g->loop);
}

static void on_link(void *arg, unsigned what)
{
	struct gate *g = arg;
	SCOPED_ARENA a = arena_new();
	struct link_msg m;
	struct err e = ERR_INIT;
	int r;

	(void)what;
	r = link_recv(g->conf->link_fd, a, &m, &e);
	if (r < 0) {
		log_msg("link_lost", "%s", e.log);
		g->result = ERR_GONE;
		loop_fd_want(&g->link, 0);
		loop_stop(g->loop);
		return;
	}
	if (r == 0)
		return;
	if (m.kind == LINK_BUS && m.fd >= 0) {
		io_nonblock(m.fd);
		gate_bus_attach(g, m.fd);
		m.fd = -1;
	} else if (m.kind == LINK_BUS && !g->bus_up) {
		gate_need_bus(g);
	} else if (m.kind == LINK_TLS) {
		reload_tls(g, m.payload);
	} else if (m.kind == LINK_DRAIN) {
		drain(g);
	}
	io_close(&m.fd);
}

static void on_accepted(void *arg, int fd, const struct sockaddr_storage *from)
{
	struct gate_port *p = arg;

	gate_accept(p->g, &p->conf, fd, from);
}

/* Every connection is a descriptor, and some are left for bodies and for core's replies. */
static void fit_descriptors(struct gate *g)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	if (r.rlim_cur != RLIM_INFINITY && g->lim.connections_max + SPARE_FDS > r.rlim_cur)
		g->lim.connections_max = r.rlim_cur > 2 * SPARE_FDS ? r.rlim_cur - SPARE_FDS : SPARE_FDS;
}

void gate_open(struct gate *g, const struct gate_config *conf)
{
	*g = (struct gate){ .conf = conf, .lim = conf->limits ? *conf->limits : gate_limits_default };
	g->bus.fd = -1;
	fit_descriptors(g);
	g->loop = loop_new();
	g->arena = arena_new();
	g->bus_arena = arena_new();
	random_bytes(g->addr_salt, sizeof(g->addr_salt));
	loop_timer_init(&g->tick, on_tick, g);
	loop_timer_init(&g->bus_retry, on_bus_retry, g);
	if (conf->link_fd >= 0) {
		io_nonblock(conf->link_fd);
		loop_fd_init(&g->link, g->loop, conf->link_fd, on_link, g);
		loop_fd_want(&g->link, LOOP_READ);
	}
	g->ports = calloc(conf->n_listeners + 1, sizeof(*g->ports));
	if (!g->ports)
		abort();
	for (; g->n_ports < conf->n_listeners; g->n_ports++) {
		struct gate_port *p = &g->ports[g->n_ports];

		p->g = g;
		p->conf = conf->listeners[g->n_ports];
		listener_init(&p->l, g->loop, p->conf.fd, on_accepted, p);
	}
	g->stats_ms = loop_now_ms() + STATS_MS;
	loop_timer_set(g->loop, &g->tick, loop_now_ms() + TICK_MS);
}

void gate_close(struct gate *g)
{
	struct addr *a, *tmp;

	loop_timer_stop(&g->bus_retry);
	loop_timer_stop(&g->tick);
	loop_fd_fini(&g->link);
	for (size_t i = 0; i < g->n_ports; i++)
		listener_fini(&g->ports[i].l);
	for (uint32_t i = 0; i < g->n_slots; i++)
		if (g->slots[i])
			stream_abort(&g->slots[i]->s, "server stops");
	while (g->n_dead) /* their release is a deferred call */
		loop_once(g->loop, false);
	if (g->bus_up) {
		bus_flush(&g->bus);
		loop_call_cancel(&g->bus_send);
		loop_fd_fini(&g->bus_io);
		bus_conn_fini(&g->bus);
	}
	HASH_ITER(hh, g->addrs, a, tmp) {
		HASH_DEL(g->addrs, a);
		free(a);
	}
	free(g->slots);
	free(g->free_slots);
	free(g->ports);
	tls_server_unref(g->tls);
	arena_free(g->arena);
	arena_free(g->bus_arena);
	loop_free(g->loop);
}

int gate_main(const struct gate_config *conf, struct err *e)
{
	struct gate *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		abort();
	log_role(conf->name);
	r = tls_prepare(e);
	if (r == 0) {
		gate_open(g, conf);
		if (conf->enter_sandbox)
			conf->enter_sandbox();
		r = link_send(conf->link_fd, LINK_READY, SPAN_NONE, -1, e);
		gate_need_bus(g);
		if (r == 0) {
			loop_run(g->loop);
			r = g->result;
		}
		gate_close(g);
	}
	free(g);
	close(conf->link_fd);
	return r;
}
