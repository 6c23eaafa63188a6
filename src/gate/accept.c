/* The door: who may come in, the tables of connections and addresses. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/time.h"
#include "gate/gate_int.h"

#define SLOT_BITS 20

static void ip_of(const struct sockaddr_storage *a, uint8_t ip[16], uint16_t *port)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	static const uint8_t own[4] = { 127, 0, 0, 1 };

	memcpy(ip, mapped, 12);
	memcpy(ip + 12, own, 4); /* UNIX sockets count as loopback */
	*port = 0;
	if (a->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)a;

		memcpy(ip + 12, &in->sin_addr, 4);
		*port = ntohs(in->sin_port);
	} else if (a->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)a;

		memcpy(ip, &in->sin6_addr, 16);
		*port = ntohs(in->sin6_port);
	}
}

static bool is_v4(const uint8_t ip[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	return memcmp(ip, mapped, 12) == 0;
}

static bool is_loopback(const uint8_t ip[16])
{
	static const uint8_t one[16] = { [15] = 1 };

	return is_v4(ip) ? ip[12] == 127 : memcmp(ip, one, 16) == 0;
}

static void set_peer(struct conn *c, const uint8_t ip[16], uint16_t port)
{
	bool v4 = is_v4(ip);

	inet_ntop(v4 ? AF_INET : AF_INET6, ip + (v4 ? 12 : 0), c->address, sizeof(c->address));
	c->port = port;
	c->loopback = is_loopback(ip);
}

/* ---- addresses: at most so many connections, and new ones at most so fast (token bucket) ---- */

static void refill(struct gate *g, struct addr *a)
{
	int64_t now = loop_now_ms();

	a->tokens += (double)(now - a->tokens_ms) * (double)g->lim.address_accept_per_min / 60000.0;
	if (a->tokens > (double)g->lim.address_accept_burst)
		a->tokens = (double)g->lim.address_accept_burst;
	a->command_tokens += (double)(now - a->tokens_ms) * (double)g->lim.address_commands_per_sec / 1000.0;
	if (a->command_tokens > (double)g->lim.address_command_burst)
		a->command_tokens = (double)g->lim.address_command_burst;
	a->tokens_ms = now;
}

int64_t gate_command_wait(struct conn *c)
{
	if (!c->addr || (c->loopback && c->g->lim.loopback_exempt) || c->addr->command_tokens >= 1)
		return 0;
	refill(c->g, c->addr);
	return c->addr->command_tokens >= 1 ? 0 :
		1 + (int64_t)((1 - c->addr->command_tokens) * 1000.0 / (double)c->g->lim.address_commands_per_sec);
}

static struct addr *addr_get(struct gate *g, const uint8_t ip[16])
{
	struct addr *a;
	uint8_t key[16];

	memcpy(key, ip, 16);
	if (!is_v4(ip))
		memset(key + 8, 0, 8);
	for (size_t i = 0; i < 16; i++)
		key[i] ^= g->addr_salt[i];
	HASH_FIND(hh, g->addrs, key, sizeof(key), a);
	if (a)
		return a;
	a = calloc(1, sizeof(*a));
	if (!a)
		abort();
	memcpy(a->key, key, sizeof(key));
	a->tokens = (double)g->lim.address_accept_burst;
	a->command_tokens = (double)g->lim.address_command_burst;
	a->tokens_ms = loop_now_ms();
	HASH_ADD(hh, g->addrs, key, sizeof(a->key), a);
	return a;
}

void gate_addr_sweep(struct gate *g)
{
	struct addr *a, *tmp;

	HASH_ITER(hh, g->addrs, a, tmp) {
		refill(g, a);
		if (a->conns == 0 && a->tokens >= (double)g->lim.address_accept_burst &&
			a->command_tokens >= (double)g->lim.address_command_burst) {
			HASH_DEL(g->addrs, a);
			free(a);
		}
	}
}

static const struct gate_proto *proto_of(uint8_t service)
{
	switch (service) {
#define SERVICE(id, word) case SVC_##id: return &proto_##word;
#include "bus/services.def"
	default:
		return &proto_smtp;
	}
}

static void log_refusal(struct gate *g, const struct conn *c, const char *why)
{
	struct logline l;

	if (time_real_sec() != g->refusal_sec) {
		g->refusal_sec = time_real_sec();
		g->refusal_lines = 0;
	}
	if (g->refusal_lines++ >= g->lim.refusal_logs_per_sec)
		return;
	log_begin(&l, "refused");
	log_kz(&l, "service", c->proto->name);
	log_kz(&l, "peer", c->address);
	log_kz(&l, "why", why);
	log_end(&l);
}

/* Books the connection to its address; false: refused, *why says why. */
static bool admit(struct conn *c, const uint8_t ip[16], const char **why)
{
	struct gate *g = c->g;
	struct addr *a = addr_get(g, ip);
	bool exempt = c->loopback && g->lim.loopback_exempt;

	refill(g, a);
	if (!exempt && a->conns >= g->lim.address_connections_max) {
		g->count.refused_address++;
		*why = "too many connections from this address";
		return false;
	}
	if (!exempt && a->tokens < 1) {
		g->count.refused_rate++;
		*why = "connections from this address come too fast";
		return false;
	}
	a->tokens -= a->tokens >= 1;
	a->conns++;
	c->addr = a;
	return true;
}

/* ---- the table of connections ---- */

static void enlist(struct conn *c)
{
	struct gate *g = c->g;
	uint32_t slot;

	if (g->n_free) {
		slot = g->free_slots[--g->n_free];
	} else {
		if (g->n_slots == g->cap_slots) {
			g->cap_slots = g->cap_slots ? g->cap_slots * 2 : 64;
			g->slots = reallocarray(g->slots, g->cap_slots, sizeof(*g->slots));
			g->free_slots = reallocarray(g->free_slots, g->cap_slots, sizeof(*g->free_slots));
			if (!g->slots || !g->free_slots)
				abort();
		}
		slot = g->n_slots++;
	}
	c->id = ++g->generation << SLOT_BITS | slot;
	g->slots[slot] = c;
	g->n_conns++;
}

struct conn *gate_find(struct gate *g, uint64_t id)
{
	uint64_t slot = id & ((1u << SLOT_BITS) - 1);
	struct conn *c = slot < g->n_slots ? g->slots[slot] : NULL;

	return c && c->id == id ? c : NULL;
}

void conn_unlist(struct conn *c)
{
	struct gate *g = c->g;
	uint32_t slot = (uint32_t)(c->id & ((1u << SLOT_BITS) - 1));

	if (c->id) {
		g->slots[slot] = NULL;
		g->free_slots[g->n_free++] = slot;
		g->n_conns--;
		c->id = 0;
	}
	if (c->addr)
		c->addr->conns--;
	c->addr = NULL;
}

static bool trusted(const struct gate *g, const uint8_t ip[16])
{
	for (size_t i = 0; i < g->conf->n_proxy_nets; i++)
		if (gate_net_has(&g->conf->proxy_nets[i], ip))
			return true;
	return false;
}

/* At the door: one line for those who would understand it, nothing else is spent. */
static void refuse(struct conn *c, const char *why, bool polite)
{
	const char *line = c->proto->full;

	log_refusal(c->g, c, why);
	if (polite && !c->implicit_tls)
		(void)!send(c->s.io.fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void gate_accept(struct gate *g, const struct gate_listener *conf, int fd, const struct sockaddr_storage *from)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct sockaddr_storage own = { 0 };
	socklen_t n = sizeof(own);
	const char *why = NULL;
	uint8_t ip[16];
	uint16_t port;

	if (!c)
		abort();
	c->g = g;
	c->service = conf->service;
	c->proto = proto_of(conf->service);
	c->implicit_tls = conf->implicit_tls;
	c->since_ms = loop_now_ms();
	c->need_open = true;
	loop_timer_init(&c->timer, conn_on_timer, c);
	loop_call_init(&c->release, conn_release, c);
	if (getsockname(fd, (struct sockaddr *)&own, &n) == 0)
		ip_of(&own, ip, &c->local_port);
	ip_of(from, ip, &port);
	set_peer(c, ip, port);
	stream_init(&c->s, g->loop, fd, g->lim.input_bytes, &conn_ops, c);
	if (g->n_conns >= g->lim.connections_max || g->n_conns >= (1u << SLOT_BITS) - 1) {
		g->count.refused_full++;
		why = "too many connections";
	} else if (conf->proxy && !trusted(g, ip)) {
		g->count.refused_proxy++;
		why = "not a trusted proxy";
	} else if (conf->implicit_tls && !g->tls) {
		g->count.refused_tls++;
		why = "no certificate yet";
	}
	if (why || (!conf->proxy && !admit(c, ip, &why))) {
		refuse(c, why, !conf->proxy || trusted(g, ip));
		stream_fini(&c->s);
		free(c);
		return;
	}
	g->count.accepted++;
	enlist(c);
	c->proto->init(c);
	c->phase = PHASE_PROXY;
	if (conf->proxy) {
		stream_bound(&c->s, PROXY_HEAD); /* what follows may be a TLS handshake: read no further */
		conn_arm(c);
	} else if (c->implicit_tls) {
		conn_start_tls(c);
	} else {
		conn_start(c);
	}
}

bool conn_proxy(struct conn *c)
{
	struct proxy_head h;
	const char *why = "bad PROXY header";
	size_t used;
	int r = proxy_parse(stream_input(&c->s), &h, &used);

	if (r == 0 && !stream_eof(&c->s)) {
		stream_bound(&c->s, proxy_length(stream_input(&c->s)));
		return false;
	}
	if (r == 1) {
		uint8_t ip[16];

		stream_consume(&c->s, used);
		stream_bound(&c->s, c->g->lim.input_bytes);
		if (!h.local) {
			set_peer(c, h.from, h.from_port);
			c->local_port = h.to_port;
		}
		memset(ip, 0, sizeof(ip));
		if (h.local) { /* the proxy itself, a health check */
			uint8_t v4[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

			if (inet_pton(AF_INET6, c->address, ip) != 1) {
				memcpy(ip, v4, 12);
				inet_pton(AF_INET, c->address, ip + 12);
			}
		}
		if (admit(c, h.local ? ip : h.from, &why))
			return true;
		refuse(c, why, true);
	} else {
		c->g->count.refused_proxy++;
		log_refusal(c->g, c, why);
	}
	stream_abort(&c->s, why);
	return false;
}
