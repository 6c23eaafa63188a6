#include "later/outbound.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/scan.h"
#include "base/time.h"
#include "bus/out_job.h"
#include "domain/mail/queue.h"
#include "domain/mail/report.h"
#include "later/retry.h"

#define LEASE_SEC 3600                  /* longer than any delivery may take; a new `out` voids them */
#define JOB_MAX 262144u

/* ---- LEASE ---- */

struct lease {
	struct call *call;
	struct out_job job;
	struct span body;
	uint64_t broken;                /* a message whose blob does not open */
};

static int setting(struct call *c, struct tx *tx, const char *name, struct span *out, struct err *e)
{
	struct err why = ERR_INIT;

	*out = SPAN_NONE;
	if (org_setting_get(c->house->org, tx, c->arena, name, out, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	return 0;
}

static int fill_route(struct call *c, struct tx *tx, struct out_job *j, struct err *e)
{
	struct span tls;

	if (setting(c, tx, "smarthost", &j->smarthost, e) < 0 || setting(c, tx, "smarthost.user", &j->smarthost_user, e) < 0 ||
		setting(c, tx, "smarthost.password", &j->smarthost_password, e) < 0 || setting(c, tx, "smarthost.tls", &tls, e) < 0)
		return e->code;
	j->smarthost_tls = !span_eqz(tls, "no");
	return 0;
}

static int lease(struct tx *tx, void *arg, struct err *e)
{
	struct lease *l = arg;
	struct call *c = l->call;
	struct queue_entry *q;
	int64_t now = time_real_sec();
	ssize_t at;
	size_t n;

	l->job = (struct out_job){ 0 };
	l->body = SPAN_NONE;
	l->broken = 0;
	if (c->cmd->ntok && span_eqz(c->cmd->tok[0].text, "FRESH") && queue_release(tx, e) < 0)
		return e->code;
	if (queue_lease(c->house->org, tx, c->arena, now, now + LEASE_SEC, 1, &q, &n, e) < 0)
		return e->code;
	if (!n)
		return queue_next_due(tx, &l->job.next_due_sec, e);
	l->job = (struct out_job){ .message_id = q->id, .size = q->size, .flags = q->flags, .sender = q->sender, .envid = q->envid,
		.n_rcpts = q->n_rcpts, .rcpts = ARENA_ARRAY(c->arena, struct out_rcpt, q->n_rcpts) };
	for (size_t i = 0; i < q->n_rcpts; i++)
		l->job.rcpts[i] = (struct out_rcpt){ q->rcpts[i].id, q->rcpts[i].address, q->rcpts[i].orcpt, q->rcpts[i].notify };
	at = span_rchr(q->rcpts[0].address, '@');
	l->job.domain = at < 0 ? q->rcpts[0].address : span_from(q->rcpts[0].address, (size_t)at + 1);
	if (blob_read(tx, c->arena, q->blob_id, &q->blob_key, &l->body, e) < 0) {
		if (e->code != ERR_BROKEN && e->code != ERR_MISSING)
			return e->code;
		l->broken = q->id;
		return queue_set_state(c->house->org, tx, q->id, QUEUE_SHUNTED, now, e) < 0 ? e->code : 0;
	}
	return fill_route(c, tx, &l->job, e);
}

static int memory_of(struct span body, struct err *e)
{
	int fd = io_memfd("out");

	if (fd < 0)
		return err_errno(e, "memfd");
	if (io_write_full(fd, body, e) < 0) {
		close(fd);
		return e->code;
	}
	return fd;
}

static void run_lease(struct call *c)
{
	struct lease l = { .call = c };
	struct err e = ERR_INIT;
	int fd = -1;

	c->house->watch(c->house, c->session->id, WATCH_QUEUE); /* first, so that nothing new is missed */
	do {
		err_clear(&e);
		if (store_write(c->house->store, lease, &l, &e) < 0)
			break;
		if (l.broken)
			log_msg("queue_shunted", "message %llu does not open", (unsigned long long)l.broken);
	} while (l.broken);
	if (e.code == 0 && l.job.n_rcpts) {
		fd = memory_of(l.body, &e);
		if (fd < 0)
			l.job = (struct out_job){ .next_due_sec = time_real_sec() + 60 }; /* the lease runs out by itself */
	}
	if (e.code) {
		err_set(&c->err, e.code, e.say, "%s", e.log);
		l.job = (struct out_job){ .next_due_sec = time_real_sec() + 10 };
	}
	out_job_encode(c->out, &l.job);
	reply_bytes(c->reply, arena_span(c->arena, buf_span(c->out)));
	if (fd >= 0) {
		c->reply->seg[c->reply->nseg++] = (struct segment){ .fd = fd, .off = 0, .len = l.body.n };
	}
}

/* ---- RESULT ---- */

struct result {
	struct call *call;
	struct out_result result;
};

static const struct queue_rcpt *find_rcpt(const struct queue_entry *q, uint64_t id)
{
	for (size_t i = 0; i < q->n_rcpts; i++)
		if (q->rcpts[i].id == id)
			return &q->rcpts[i];
	return NULL;
}

/* One outcome: finished and perhaps reported, or put off. */
static int work_row(struct call *c, struct tx *tx, const struct queue_entry *q, const struct out_row *row,
	const struct queue_rcpt *rcpt, struct report *report, struct report_rcpt *rows, bool *delayed, struct err *e)
{
	int64_t now = time_real_sec(), next = 0;
	enum report_action action = row->outcome == OUT_REFUSED ? REPORT_FAILED : row->outcome == OUT_RELAYED ? REPORT_RELAYED :
		REPORT_DELIVERED;

	if (row->outcome == OUT_LATER) {
		next = retry_next(now, q->expires_sec, rcpt->attempts + 1, random_u64());
		action = next ? REPORT_DELAYED : REPORT_FAILED;
		if (next && queue_defer(c->house->org, tx, c->arena, rcpt->id, next, row->reply, e) < 0)
			return e->code;
	}
	if (!next && queue_finish(c->house->org, tx, rcpt->id, e) < 0)
		return e->code;
	if (row->outcome == OUT_SENT && !(rcpt->notify & NOTIFY_SUCCESS))
		return 0;
	if (row->outcome == OUT_SENT) /* the peer took the DSN request along: it reports, not we */
		return 0;
	if (action == REPORT_DELAYED && !retry_warn(now, q->created_sec, q->warned))
		return 0;
	*delayed |= action == REPORT_DELAYED;
	rows[report->n_rcpts++] = (struct report_rcpt){ .address = rcpt->address, .orcpt = rcpt->orcpt, .notify = rcpt->notify,
		.action = action, .status = row->status, .reply = row->reply, .remote_mta = row->remote_mta,
		.until_sec = action == REPORT_DELAYED ? q->expires_sec : 0 };
	return 0;
}

static int work(struct tx *tx, void *arg, struct err *e)
{
	struct result *r = arg;
	struct call *c = r->call;
	struct queue_entry q;
	struct report_rcpt *rows = ARENA_ARRAY(c->arena, struct report_rcpt, r->result.n_rows);
	struct report report = { .hostname = c->house->hostname, .rcpts = rows };
	bool delayed = false;
	struct err why = ERR_INIT;

	if (queue_get(c->house->org, tx, c->arena, r->result.message_id, &q, &why) < 0)
		return why.code == ERR_MISSING ? 0 : err_set(e, why.code, why.say, "%s", why.log); /* removed meanwhile */
	report.sender = q.sender;
	report.envid = q.envid;
	report.flags = q.flags;
	report.arrival_sec = q.created_sec;
	if (blob_read(tx, c->arena, q.blob_id, &q.blob_key, &report.message, e) < 0)
		return e->code;
	for (size_t i = 0; i < r->result.n_rows; i++) {
		const struct queue_rcpt *rcpt = find_rcpt(&q, r->result.rows[i].rcpt_id);

		if (rcpt && work_row(c, tx, &q, &r->result.rows[i], rcpt, &report, rows, &delayed, e) < 0)
			return e->code;
	}
	if (delayed && queue_set_warned(tx, q.id, e) < 0)
		return e->code;
	return report_send(c->house->org, tx, c->arena, &report, e);
}

static int shunt(struct tx *tx, void *arg, struct err *e)
{
	struct result *r = arg;

	return queue_set_state(r->call->house->org, tx, r->result.message_id, QUEUE_SHUNTED, time_real_sec(), e);
}

static void run_result(struct call *c)
{
	struct result r = { .call = c };
	struct err e = ERR_INIT;

	if (out_result_decode(c->arena, c->cmd->body, &r.result, &e) < 0) {
		err_set(&c->err, e.code, e.say, "%s", e.log); /* out's bug: the lease runs out and the attempt is made again */
		return;
	}
	if (store_write(c->house->store, work, &r, &e) == 0)
		return;
	err_set(&c->err, e.code, e.say, "%s", e.log);
	if (e.code == ERR_LATER) {
		c->reply->mood = MOOD_BAD_COMMAND; /* not durable: say it again */
		return;
	}
	err_clear(&e);
	if (store_write(c->house->store, shunt, &r, &e) == 0)
		log_msg("queue_shunted", "message %llu: %s", (unsigned long long)r.result.message_id, c->err.log);
}

static void run(struct call *c)
{
	if (span_eqz(c->cmd->verb, "LEASE"))
		run_lease(c);
	else if (span_eqz(c->cmd->verb, "RESULT"))
		run_result(c);
	else
		err_set(&c->err, ERR_SYNTAX, "", "no such verb");
}

/* Sealed or overloaded: nothing is due for a while. */
static void refuse(struct call *c, int err_class, bool sealed)
{
	struct out_job none = { .next_due_sec = time_real_sec() + (sealed ? 2 : 5) };

	(void)err_class;
	if (span_eqz(c->cmd->verb, "LEASE"))
		out_job_encode(c->out, &none);
	else
		c->reply->mood = MOOD_BAD_COMMAND;
}

static int lane(struct span verb)
{
	(void)verb;
	return LANE_LATER;
}

const struct proto outbound_proto = { .name = "out", .run = run, .lane = lane, .refuse = refuse };
