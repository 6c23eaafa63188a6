/* runner.c - one command: checks, handler, metrics, one log line, reply. Nothing leaves before its data is
 * durable, because handlers only return after store_write has committed. */
#include "core/core_int.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "domain/org/org.h"

#define OUT_MAX (BUS_MESSAGE_MAX - 65536)

static struct buf *thread_out(void)
{
	static _Thread_local struct buf out;

	if (!out.max)
		buf_init(&out, OUT_MAX);
	if (out.cap > (2u << 20))
		buf_fini(&out), buf_init(&out, OUT_MAX);
	buf_reset(&out);
	return &out;
}

/* A first command, also after STARTTLS: the session starts afresh with what the gate knows of the peer. */
static void session_open(struct csession *s, const struct cmd *cmd)
{
	struct session *w = &s->s;
	const struct peer *p = &cmd->peer;

	if (w->proto && w->proto_free)
		w->proto_free(w->proto);
	w->proto = NULL;
	w->proto_free = NULL;
	w->account_id = 0;
	w->login = SPAN_NONE;
	arena_reset(w->arena);
	w->peer = *p;
	w->peer.address = arena_span(w->arena, p->address);
	w->peer.tls_version = arena_span(w->arena, p->tls_version);
	w->peer.tls_cipher = arena_span(w->arena, p->tls_cipher);
	w->peer.sni = arena_span(w->arena, p->sni);
	w->peer.channel_binding = arena_span(w->arena, p->channel_binding);
}

static void finish_reply(struct call *c)
{
	struct reply *r = c->reply;

	if (c->out->failed) { /* a handler built more than one message holds: our bug, shown, not sent in half */
		buf_reset(c->out);
		for (size_t i = 0; i < r->nseg; i++)
			if (r->seg[i].fd >= 0)
				close(r->seg[i].fd);
		r->nseg = 0;
		r->next = NEXT_CLOSE;
		err_set(&c->err, ERR_BROKEN, "", "reply larger than %u bytes", OUT_MAX);
		return;
	}
	if (r->nseg == 0 && c->out->n)
		reply_bytes(r, buf_span(c->out));
}

static void log_command(const struct call *c, int64_t run_us, struct logline *l)
{
	const struct session *s = c->session;

	log_begin(l, "command");
	log_ki(l, "session", (int64_t)s->id);
	log_ki(l, "service", s->service);
	if (c->log_verb)
		log_kz(l, "verb", c->log_verb);
	else
		log_kv(l, "verb", span_sub(c->cmd->verb, 0, 32));
	if (s->account_id)
		log_ki(l, "account", (int64_t)s->account_id);
	log_ki(l, "us", run_us);
	log_kz(l, "result", c->err.code ? err_name(c->err.code) : "ok");
	if (c->err.code && c->err.log[0])
		log_kz(l, "detail", c->err.log);
	if (c->cmd->flags & CMD_OPEN)
		log_kv(l, "peer", s->peer.address);
}

static void run(struct call *c, struct csession *s)
{
	struct core *core = c->house->core;
	bool open;

	if (!s->proto) {
		err_set(&c->err, ERR_PARAM, "", "no such service %u", c->cmd->service);
		c->reply->next = NEXT_CLOSE;
		return;
	}
	open = org_is_open(core->house.org);
	if (!open && s->s.service != SVC_METRICS) {
		err_set(&c->err, ERR_LATER, "Temporarily sealed", "sealed");
		s->proto->refuse(c, ERR_LATER, true);
		return;
	}
	if ((c->cmd->flags & CMD_OPEN) && s->proto->begin && s->proto->begin(c, c->cmd->state) < 0) {
		c->reply->next = NEXT_CLOSE;
		return;
	}
	s->proto->run(c);
}

void runner_free(struct job *j)
{
	struct core *core = j->core;
	struct arena *a = j->arena; /* the job itself lives in it */

	if (j->msg.cmd.spool_fd >= 0)
		close(j->msg.cmd.spool_fd);
	if (j->scan)
		scans_unref(core, j->scan);
	if (j->secret)
		arena_wipe(a);
	core_arena_put(core, a);
}

/* The handler has answered nothing and is run again when its names are known or its message was looked at. False: it is not
 * ours any more. */
static bool park(struct job *j, struct call *c)
{
	if (c->scan && !c->wants) {
		scans_park(j, c);
		return false;
	}
	if (names_park(j, c))
		return false;
	buf_reset(c->out);
	err_set(&c->err, ERR_LATER, "Try again later", "too many commands wait for the DNS");
	j->s->proto->refuse(c, ERR_LATER, false);
	return true;
}

static void say_now(struct call *c, struct span bytes)
{
	struct job *j = c->runner;
	struct reply r;

	reply_init(&r, c->cmd);
	r.next = NEXT_WAIT;
	reply_bytes(&r, bytes);
	conn_send_reply(j->conn, &r);
}

void runner_job(void *arg)
{
	struct job *j = arg;
	struct core *core = j->core;
	struct csession *s = j->s;
	struct conn *n = j->conn;
	struct reply r;
	struct logline line;
	struct call c = { .arena = j->arena, .house = &core->house, .session = &s->s, .cmd = &j->msg.cmd,
		.reply = &r, .out = thread_out(), .names_final = j->names_final, .scan = j->scan, .keep = j->keep,
		.say_now = say_now, .runner = j };
	int64_t start = time_mono_us(), took;
	bool late;

	reply_init(&r, &j->msg.cmd);
	if (j->msg.cmd.flags & CMD_OPEN)
		session_open(s, &j->msg.cmd);
	run(&c, s);
	j->scan = c.scan;
	if (c.waits && !park(j, &c))
		return;
	names_unref(&c);
	finish_reply(&c);
	took = time_mono_us() - start;
	metrics_command(&core->metrics, s->s.service, c.err.code, took);
	log_command(&c, took, &line);
	pthread_mutex_lock(&core->reg);
	s->running = false;
	late = feed_late(core, s, r.next);
	session_count(core, s, s->s.account_id); /* also one that came back with its state */
	if (s->closing)
		session_end(core, s);
	pthread_mutex_unlock(&core->reg);
	conn_send_reply(n, &r);
	if (late)
		conn_send_notice(n, r.session, NOTICE_CHANGED);
	log_end(&line);
	pthread_mutex_lock(&core->reg);
	conn_unref(n);
	pthread_mutex_unlock(&core->reg);
	runner_free(j);
}

/* On the I/O thread: nothing may block here. */
void runner_refuse(struct job *j, int err_class)
{
	struct core *core = j->core;
	const struct proto *proto = core_proto(j->msg.cmd.service);
	struct session nobody = { .service = j->msg.cmd.service };
	struct reply r;
	struct call c = { .arena = j->arena, .house = &core->house, .session = j->s ? &j->s->s : &nobody,
		.cmd = &j->msg.cmd, .reply = &r, .out = thread_out() };

	reply_init(&r, &j->msg.cmd);
	err_set(&c.err, err_class, "Try again later", "%s", j->s ? "lane is full" : "unknown session");
	if (proto)
		proto->refuse(&c, err_class, false);
	if (!j->s)
		r.next = NEXT_CLOSE;
	finish_reply(&c);
	atomic_fetch_add_explicit(&core->metrics.refused, 1, memory_order_relaxed);
	conn_send_reply(j->conn, &r);
	runner_free(j);
}

void runner_give_up(struct job *j)
{
	struct core *core = j->core;
	struct csession *s = j->s;
	struct conn *n = j->conn;

	runner_refuse(j, ERR_LATER);
	pthread_mutex_lock(&core->reg);
	s->running = false;
	if (feed_late(core, s, NEXT_IDLE)) /* what it was, is not known here */
		conn_send_notice(n, s->key[1], NOTICE_CHANGED);
	if (s->closing)
		session_end(core, s);
	conn_unref(n);
	pthread_mutex_unlock(&core->reg);
}
