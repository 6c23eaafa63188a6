/* core_bus.c - the one I/O thread: reads whole commands from the gates, hands them to lanes. */
#include "core/core_int.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"

#define PENDING_MAX (64u << 20)        /* a gate that does not read its replies is cut off */

static void conn_arm(struct conn *n, bool out)
{
	struct epoll_event ev = { .events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = n };

	epoll_ctl(n->core->epoll_fd, EPOLL_CTL_MOD, n->bus.fd, &ev);
}

/* Under n->out. */
static void conn_push(struct conn *n)
{
	int r = bus_flush(&n->bus);

	if (r == 1)
		conn_arm(n, true);
	if (r < 0 || bus_pending(&n->bus) > PENDING_MAX) {
		n->dead = true;
		shutdown(n->bus.fd, SHUT_RDWR); /* the I/O thread sees the end and cleans up */
	}
}

void conn_send_reply(struct conn *n, const struct reply *r)
{
	pthread_mutex_lock(&n->out);
	if (!n->dead) {
		bus_put_reply(&n->bus, r);
		conn_push(n);
	} else {
		for (size_t i = 0; i < r->nseg; i++)
			if (r->seg[i].fd >= 0)
				close(r->seg[i].fd);
	}
	pthread_mutex_unlock(&n->out);
}

void conn_send_notice(struct conn *n, uint64_t wire_session, uint8_t kind)
{
	struct notice notice = { .session = wire_session, .kind = kind };

	pthread_mutex_lock(&n->out);
	if (!n->dead) {
		bus_put_notice(&n->bus, &notice);
		conn_push(n);
	}
	pthread_mutex_unlock(&n->out);
}

void conn_unref(struct conn *n)
{
	if (--n->refs)
		return;
	bus_conn_fini(&n->bus);
	pthread_mutex_destroy(&n->out);
	free(n);
}

static void conn_accept(struct core *c)
{
	int fd = accept4(c->config->bus_listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct epoll_event ev = { .events = EPOLLIN };
	struct conn *n;

	if (fd < 0)
		return;
	n = calloc(1, sizeof(*n));
	if (!n)
		abort();
	n->core = c;
	n->refs = 1;
	bus_conn_init(&n->bus, fd);
	buf_secret(&n->bus.in);
	pthread_mutex_init(&n->out, NULL);
	pthread_mutex_lock(&c->reg);
	n->next = c->conns;
	c->conns = n;
	pthread_mutex_unlock(&c->reg);
	ev.data.ptr = n;
	epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

static void conn_drop(struct conn *n)
{
	struct core *c = n->core;
	struct conn **at = &c->conns;

	epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, n->bus.fd, NULL);
	pthread_mutex_lock(&n->out);
	n->dead = true;
	pthread_mutex_unlock(&n->out);
	pthread_mutex_lock(&c->reg);
	session_end_all(c, n);
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	conn_unref(n);
	pthread_mutex_unlock(&c->reg);
}

/* Name=value tokens become one Prometheus line each, labelled with the gate's name. */
static void keep_stats(struct conn *n, const struct cmd *cmd)
{
	SCOPED_BUF b;

	buf_init(&b, sizeof(n->stats) - 1);
	for (size_t i = 0; i < cmd->ntok; i++)
		if (cmd->tok[i].kind == TOK_PAIR)
			buf_addf(&b, "kontor_gate_%.*s{gate=\"%s\"} %.*s\n", SPAN_F(cmd->tok[i].text), n->name,
				SPAN_F(cmd->tok[i].value));
	pthread_mutex_lock(&n->core->reg);
	memcpy(n->stats, b.p ? b.p : "", b.n);
	n->stats[b.n] = '\0';
	pthread_mutex_unlock(&n->core->reg);
}

static void close_session(struct core *c, struct conn *n, const struct cmd *cmd)
{
	struct csession *s = session_get(c, n, cmd);

	if (s && s->running)
		s->closing = true;
	else if (s)
		session_end(c, s);
}

/* Takes the arena; false when the gate broke the contract. */
static bool take_command(struct core *c, struct conn *n, struct arena *a, const struct bus_msg *msg)
{
	struct job *j = ARENA_NEW(a, struct job);
	const struct proto *proto = core_proto(msg->cmd.service);
	int lane = proto && proto->lane ? proto->lane(msg->cmd.verb) : LANE_INTERACTIVE;
	struct csession *s;

	*j = (struct job){ .core = c, .conn = n, .arena = a, .lane = lane, .secret = lane == LANE_PASSWORD, .msg = *msg };
	pthread_mutex_lock(&c->reg);
	s = session_get(c, n, &msg->cmd);
	if (s && s->running) {
		pthread_mutex_unlock(&c->reg);
		runner_free(j);
		return false;
	}
	if (s) {
		s->running = true;
		s->told = false;
		n->refs++;
	}
	pthread_mutex_unlock(&c->reg);
	j->s = s;
	if (!s) {
		runner_refuse(j, ERR_LATER);
		return true;
	}
	if (pool_submit(c->pool, (size_t)lane, s->s.account_id, runner_job, j) < 0) {
		runner_give_up(j);
	}
	return true;
}

static bool conn_messages(struct conn *n)
{
	struct core *c = n->core;
	struct bus_msg msg;
	int r;

	for (;;) {
		struct arena *a = core_arena_get(c);

		r = bus_recv_copy(&n->bus, a, &msg);
		if (r == 1 && msg.kind == BUS_CMD && msg.cmd.session && !(msg.cmd.flags & CMD_CLOSE)) {
			if (!take_command(c, n, a, &msg))
				return false;
			continue;
		}
		if (r == 1 && msg.kind == BUS_CMD && (msg.cmd.flags & CMD_CLOSE)) {
			pthread_mutex_lock(&c->reg);
			close_session(c, n, &msg.cmd);
			pthread_mutex_unlock(&c->reg);
		} else if (r == 1 && msg.kind == BUS_CMD) {
			keep_stats(n, &msg.cmd);
		} else if (r == 1 && msg.kind == BUS_HELLO) {
			pthread_mutex_lock(&c->reg);
			snprintf(n->name, sizeof(n->name), "%.*s", (int)(msg.hello.n < 23 ? msg.hello.n : 23),
				msg.hello.p);
			pthread_mutex_unlock(&c->reg);
			seal_watch_look(c);
		}
		core_arena_put(c, a);
		if (r <= 0)
			return r == 0;
	}
}

static void conn_event(struct conn *n, uint32_t events)
{
	if (events & EPOLLOUT) {
		pthread_mutex_lock(&n->out);
		if (!n->dead && bus_flush(&n->bus) == 0)
			conn_arm(n, false);
		pthread_mutex_unlock(&n->out);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		int r = bus_fill(&n->bus);

		if (r < 0 || (r > 0 && !conn_messages(n))) {
			if (r >= 0)
				log_msg("bus", "gate %s broke the contract, connection cut", n->name);
			conn_drop(n);
		}
	}
}

int core_bus_loop(struct core *c, struct err *e)
{
	struct epoll_event ev[64], add = { .events = EPOLLIN };

	add.data.ptr = (void *)(uintptr_t)&c->config->bus_listen_fd;
	if (epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, c->config->bus_listen_fd, &add) < 0)
		return err_errno(e, "epoll");
	add.data.ptr = &c->stopping;
	if (epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, c->config->stop_fd, &add) < 0)
		return err_errno(e, "epoll");
	while (!c->stopping) {
		int n = epoll_wait(c->epoll_fd, ev, 64, -1);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr == &c->config->bus_listen_fd)
				conn_accept(c);
			else if (ev[i].data.ptr == &c->stopping)
				c->stopping = true;
			else
				conn_event(ev[i].data.ptr, ev[i].events);
		}
		if (n < 0 && errno != EINTR)
			return err_errno(e, "epoll_wait");
	}
	return 0;
}
