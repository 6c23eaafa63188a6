#include "later/outbound.h"
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "bus/out_job.h"
#include "later/bounce.h"

#define LEASE_SEC 1800                    /* longer than the longest delivery: all timeouts of RFC 5321 4.5.3.2 */
#define SHUNTS_MAX 20                     /* broken messages passed over in one LEASE */

/* ---- LEASE ---- */

struct leasing {
	struct call *call;
	int64_t now_sec, due_sec;
	struct queue_entry q;
	bool found;
	struct span message;
	struct out_job job;
};

static int look_due(struct tx *tx, void *arg, struct err *e)
{
	struct leasing *l = arg;

	return queue_next_due(tx, &l->due_sec, e);
}

static int lease(struct tx *tx, void *arg, struct err *e)
{
	struct leasing *l = arg;
	int r = queue_lease_one(l->call->house->org, tx, l->call->arena, l->now_sec, l->now_sec + LEASE_SEC, OUT_RCPTS_MAX,
		&l->q, e);

	l->found = r == 1;
	return r < 0 ? r : 0;
}

static int release(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return queue_release(tx, e);
}

static int setting(struct leasing *l, struct tx *tx, const char *name, struct span *out, struct err *e)
{
	int r = org_setting_get(l->call->house->org, tx, l->call->arena, name, out, e);

	if (r != ERR_MISSING)
		return r;
	err_clear(e);
	*out = SPAN_NONE;
	return 0;
}

static int load(struct tx *tx, void *arg, struct err *e)
{
	struct leasing *l = arg;
	struct out_job *j = &l->job;
	struct span tls;

	if (setting(l, tx, "smtp.smarthost", &j->smarthost, e) < 0 ||
		setting(l, tx, "smtp.smarthost_user", &j->smarthost_user, e) < 0 ||
		setting(l, tx, "smtp.smarthost_password", &j->smarthost_password, e) < 0 ||
		setting(l, tx, "smtp.smarthost_tls", &tls, e) < 0)
		return e->code;
	j->smarthost_tls = j->smarthost.n && !span_eqz(tls, "no");
	return blob_read(tx, l->call->arena, l->q.blob_id, &l->q.blob_key, &l->message, e);
}

struct shunting {
	struct org *o;
	uint64_t message_id;
};

static int shunt_in(struct tx *tx, void *arg, struct err *e)
{
	struct shunting *s = arg;

	return queue_set_state(s->o, tx, s->message_id, QUEUE_SHUNTED, time_real_sec(), e);
}

/* Put aside for a person to look at; the queue goes on. */
static int shunt(struct call *c, uint64_t message_id, struct err *why)
{
	struct shunting s = { c->house->org, message_id };
	struct err e = ERR_INIT;
	int r = store_write(c->house->store, shunt_in, &s, &e);

	log_msg("queue_shunted", "message %llu: %s: %s", (unsigned long long)message_id, err_name(why->code), why->log);
	if (r < 0 && r != ERR_MISSING)
		return r;
	err_clear(why);
	return 0;
}

/* Trouble of the moment: not the message's fault. */
static bool passes(int err_class)
{
	return err_class == ERR_LATER || err_class == ERR_BUSY || err_class == ERR_GONE;
}

static struct span domain_of(struct span address)
{
	ssize_t at = span_rchr(address, '@');

	return at < 0 ? SPAN_NONE : span_from(address, (size_t)at + 1);
}

static void fill_job(struct leasing *l)
{
	struct out_job *j = &l->job;

	j->message_id = l->q.id;
	j->size = l->message.n;
	j->flags = l->q.flags;
	j->sender = l->q.sender;
	j->envid = l->q.envid;
	j->domain = domain_of(l->q.rcpts[0].address);
	j->rcpts = ARENA_ARRAY(l->call->arena, struct out_rcpt, l->q.n_rcpts);
	j->n_rcpts = l->q.n_rcpts;
	for (size_t i = 0; i < l->q.n_rcpts; i++)
		j->rcpts[i] = (struct out_rcpt){ .id = l->q.rcpts[i].id, .address = l->q.rcpts[i].address,
			.orcpt = l->q.rcpts[i].orcpt, .notify = l->q.rcpts[i].notify };
}

static int put_job(struct leasing *l, struct err *e)
{
	struct reply *r = l->call->reply;
	SCOPED_BUF b;
	SCOPED_FD fd = -1;

	buf_init(&b, 1u << 20);
	if (l->job.n_rcpts) {
		fd = io_memfd("job");
		if (fd < 0)
			return err_errno(e, "memfd");
		if (io_write_full(fd, l->message, e) < 0)
			return e->code;
	}
	out_job_encode(&b, &l->job);
	if (b.failed)
		return err_set(e, ERR_BROKEN, "", "job over %zu octets", b.max);
	reply_bytes(r, arena_span(l->call->arena, buf_span(&b)));
	if (fd >= 0)
		r->seg[r->nseg++] = (struct segment){ .fd = fd, .off = 0, .len = l->message.n };
	fd = -1; /* the reply's now */
	return 0;
}

static int find_job(struct leasing *l, struct err *e)
{
	struct call *c = l->call;

	for (int i = 0; i < SHUNTS_MAX; i++) {
		l->now_sec = time_real_sec();
		if (store_read(c->house->store, look_due, l, e) < 0)
			return e->code;
		l->job = (struct out_job){ .next_due_sec = l->due_sec };
		if (l->due_sec > l->now_sec)
			return 0;
		if (store_write(c->house->store, lease, l, e) < 0)
			return e->code;
		if (!l->found)
			return 0;
		if (store_read(c->house->store, load, l, e) == 0) {
			fill_job(l);
			return 0;
		}
		if (passes(e->code) || shunt(c, l->q.id, e) < 0)
			return e->code;
	}
	l->job.next_due_sec = l->now_sec;
	return 0;
}

static int run_lease(struct call *c, struct err *e)
{
	struct leasing l = { .call = c };

	c->house->watch(c->house, c->session->id, WATCH_QUEUE); /* before looking: nothing is missed */
	if (c->cmd->ntok && span_eqz(c->cmd->tok[0].text, "FRESH") &&
		store_write(c->house->store, release, NULL, e) < 0)
		return e->code;
	return find_job(&l, e) < 0 ? e->code : put_job(&l, e);
}

/* ---- RESULT ---- */

struct settling {
	struct call *call;
	struct out_result result;
	struct queue_entry q;
	struct span message;
	struct bounce_plan plan;
	struct report report;
	struct report_ready ready;
	int64_t now_sec;
};

static int get_entry(struct tx *tx, void *arg, struct err *e)
{
	struct settling *s = arg;

	return queue_get(s->call->house->org, tx, s->call->arena, s->result.message_id, &s->q, e);
}

static int find_report(struct tx *tx, void *arg, struct err *e)
{
	struct settling *s = arg;

	if (blob_read(tx, s->call->arena, s->q.blob_id, &s->q.blob_key, &s->message, e) < 0)
		return e->code;
	s->report = (struct report){ .sender = s->q.sender, .envid = s->q.envid, .hostname = s->call->house->hostname,
		.arrival_sec = s->q.created_sec, .now_sec = s->now_sec, .rows = s->plan.report,
		.n = s->plan.n_report, .message = s->message, .flags = s->q.flags };
	return report_find(s->call->house->org, tx, s->call->arena, &s->report, &s->ready, e);
}

static int settle_row(struct settling *s, struct tx *tx, const struct bounce_row *row, struct err *e)
{
	struct err why = ERR_INIT;
	struct org *o = s->call->house->org;
	int r = row->fate == FATE_LATER ?
		queue_defer(o, tx, s->call->arena, row->rcpt_id, row->next_sec, row->reply, &why) :
		queue_finish(o, tx, row->rcpt_id, &why);

	return r < 0 && r != ERR_MISSING ? err_set(e, r, why.say, "%s", why.log) : 0; /* missing: removed meanwhile */
}

static int settle(struct tx *tx, void *arg, struct err *e)
{
	struct settling *s = arg;

	if (s->plan.warned && queue_set_warned(tx, s->q.id, e) < 0)
		return e->code;
	for (size_t i = 0; i < s->plan.n; i++)
		if (settle_row(s, tx, &s->plan.rows[i], e) < 0)
			return e->code;
	if (!s->plan.n_report)
		return 0;
	return report_put(s->call->house->org, tx, s->call->arena, &s->report, &s->ready, e);
}

/* A report on a report goes to postmaster; one on that to nobody: both have no sender, so the first would be
 * followed by a second. Postmaster's own lies in a mailbox here, not in the queue, and ends it. */
static int settle_all(struct settling *s, struct err *e)
{
	struct call *c = s->call;
	uint64_t *randoms = ARENA_ARRAY(c->arena, uint64_t, s->result.n_rows);

	for (size_t i = 0; i < s->result.n_rows; i++)
		randoms[i] = random_u64();
	bounce_plan(c->arena, &s->q, &s->result, s->now_sec, randoms, &s->plan);
	if (s->plan.n_report && (store_read(c->house->store, find_report, s, e) < 0 ||
		report_prepare(c->house->org, c->arena, &s->report, &s->ready, e) < 0))
		return e->code;
	return store_write(c->house->store, settle, s, e);
}

/* Reporting has failed for a reason of ours: what is done is done, the others are put aside. */
static int settle_without_report(struct settling *s, struct err *e)
{
	struct err why = *e;
	size_t n = 0;

	for (size_t i = 0; i < s->plan.n; i++)
		if (s->plan.rows[i].fate == FATE_DONE)
			s->plan.rows[n++] = s->plan.rows[i];
	s->plan.n = n;
	s->plan.n_report = 0;
	s->plan.warned = false;
	err_clear(e);
	if (store_write(s->call->house->store, settle, s, e) < 0 && passes(e->code))
		return e->code;
	err_clear(e);
	return shunt(s->call, s->q.id, &why);
}

static int run_result(struct call *c, struct err *e)
{
	struct settling s = { .call = c, .now_sec = time_real_sec() };
	int r;

	if (out_result_decode(c->arena, c->cmd->body, &s.result, e) < 0) {
		log_msg("result_unreadable", "%s", e->log);
		return 0; /* bringing it again would not help */
	}
	r = store_read(c->house->store, get_entry, &s, e);
	if (r == ERR_MISSING) { /* removed meanwhile */
		err_clear(e);
		return 0;
	}
	if (r == 0)
		r = settle_all(&s, e);
	if (r < 0 && !passes(r))
		r = settle_without_report(&s, e);
	report_fini(&s.ready);
	return r;
}

/* ---- the protocol ---- */

static void not_taken(struct call *c)
{
	if (span_eqz(c->cmd->verb, "RESULT"))
		buf_addz(c->out, "later\n");
}

static void run(struct call *c)
{
	int r;

	if (span_eqz(c->cmd->verb, "LEASE"))
		r = run_lease(c, &c->err);
	else if (span_eqz(c->cmd->verb, "RESULT"))
		r = run_result(c, &c->err);
	else
		r = err_set(&c->err, ERR_PARAM, "", "out may not %.*s", SPAN_F(span_sub(c->cmd->verb, 0, 32)));
	if (r < 0)
		not_taken(c);
}

static int lane(struct span verb)
{
	(void)verb;
	return LANE_LATER;
}

static void refuse(struct call *c, int err_class, bool sealed)
{
	(void)err_class;
	(void)sealed;
	not_taken(c);
}

const struct proto outbound_proto = { .name = "outbound", .run = run, .lane = lane, .refuse = refuse };
