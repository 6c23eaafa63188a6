#include "later/outbound.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/scan.h"
#include "base/time.h"
#include "bus/out_job.h"
#include "codec/smtp/smtp_address.h"
#include "codec/smtp/smtp_xtext.h"
#include "domain/mail/hold.h"
#include "domain/mail/queue.h"
#include "domain/mail/report.h"
#include "domain/mail/sts_keep.h"
#include "domain/mail/tls_log.h"
#include "later/retry.h"

#define LEASE_SEC 3600                  /* longer than any delivery may take; a new `out` voids them */
#define GIVE_BACK_SEC 60
#define JUMP_SEC 60                     /* less is the clock being kept, not set */

_Static_assert((int)JOB_UTF8 == (int)QUEUE_UTF8 && (int)JOB_8BIT == (int)QUEUE_8BIT && (int)JOB_BINARY == (int)QUEUE_BINARY &&
	(int)JOB_RET_HDRS == (int)QUEUE_RET_HDRS && (int)JOB_RET_FULL == (int)QUEUE_RET_FULL &&
	(int)JOB_REQUIRETLS == (int)QUEUE_REQUIRETLS && (int)JOB_HTTPS == (int)QUEUE_HTTPS, "flags of the queue travel to `out` as they are");
_Static_assert((int)SMTP_NOTIFY_NEVER == (int)NOTIFY_NEVER && (int)SMTP_NOTIFY_SUCCESS == (int)NOTIFY_SUCCESS &&
	(int)SMTP_NOTIFY_FAILURE == (int)NOTIFY_FAILURE && (int)SMTP_NOTIFY_DELAY == (int)NOTIFY_DELAY, "so does NOTIFY");
_Static_assert((int)OUT_POLICY_NONE == (int)TLS_POLICY_NONE && (int)OUT_POLICY_STS == (int)TLS_POLICY_STS &&
	(int)OUT_POLICY_TLSA == (int)TLS_POLICY_TLSA, "and which policy a session was under");

/* ---- the clock ---- */

/* What the real clock showed beside the monotonic one when last looked at. Between two looks they go apart only when
 * somebody sets the clock: then no lease may end and no message expire for it. */
static struct {
	pthread_mutex_t lock;
	bool known;
	int64_t apart_sec;
} watch_clock = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct jump {
	int64_t by_sec;
};

static int clock_follow(struct tx *tx, void *arg, struct err *e)
{
	const struct jump *j = arg;
	int64_t now = time_real_sec();

	if (j->by_sec && queue_shift(tx, j->by_sec, j->by_sec > 0 ? now - j->by_sec : INT64_MAX, e) < 0)
		return e->code;
	return queue_clamp(tx, now, now + 2 * RETRY_MAX_SEC, e);
}

static int clock_look(struct house *h, struct err *e)
{
	int64_t apart = time_real_sec() - time_mono_us() / US_PER_SEC;
	struct jump j;
	int r = 0;

	pthread_mutex_lock(&watch_clock.lock);
	j.by_sec = watch_clock.known ? apart - watch_clock.apart_sec : 0;
	if (j.by_sec > -JUMP_SEC && j.by_sec < JUMP_SEC)
		j.by_sec = 0;
	if (!watch_clock.known || j.by_sec)
		r = store_write(h->store, clock_follow, &j, e);
	if (r == 0 && j.by_sec) {
		struct logline l;

		log_begin(&l, "clock_jump");
		log_ki(&l, "seconds", j.by_sec);
		log_end(&l);
	}
	if (r == 0) {
		watch_clock.known = true;
		watch_clock.apart_sec = apart;
	}
	pthread_mutex_unlock(&watch_clock.lock);
	return r;
}

/* ---- LEASE ---- */

struct lease {
	struct call *call;
	bool fresh;                     /* a new `out`: what its predecessor held is void */
	struct out_job job;
	struct queue_entry *entry;
	struct span body;
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

/* The MTA-STS policy that is kept for the domain, if any. */
static int fill_policy(struct call *c, struct tx *tx, int64_t now_sec, struct out_job *j, struct err *e)
{
	struct sts_kept kept;
	struct span domain;
	int r;

	if (j->smarthost.n || smtp_domain_ascii(c->arena, j->domain, &domain, NULL) < 0)
		return 0;
	r = sts_keep_get(c->house->org, tx, c->arena, domain, now_sec, &kept, e);
	if (r < 0)
		return r;
	j->sts_id = kept.id;
	j->sts_text = kept.text;
	j->sts_until_sec = kept.until_sec;
	return 0;
}

static int lease(struct tx *tx, void *arg, struct err *e)
{
	struct lease *l = arg;
	struct call *c = l->call;
	int64_t now = time_real_sec();
	struct queue_entry *q;
	ssize_t at;
	size_t n;

	l->job = (struct out_job){ 0 };
	if (l->fresh && queue_release(tx, e) < 0)
		return e->code;
	if (queue_lease(c->house->org, tx, c->arena, now, now + LEASE_SEC, 1, &q, &n, e) < 0)
		return e->code;
	if (!n)
		return queue_next_due(tx, &l->job.next_due_sec, e);
	l->entry = q;
	l->job = (struct out_job){ .message_id = q->id, .size = q->size, .flags = q->flags,
		.sender = q->sender, .envid = q->envid, .n_rcpts = q->n_rcpts, .rcpts = ARENA_ARRAY(c->arena, struct out_rcpt, q->n_rcpts) };
	for (size_t i = 0; i < q->n_rcpts; i++)
		l->job.rcpts[i] = (struct out_rcpt){ q->rcpts[i].id, q->rcpts[i].address, q->rcpts[i].orcpt, q->rcpts[i].notify };
	at = span_rchr(q->rcpts[0].address, '@');
	l->job.domain = at < 0 ? q->rcpts[0].address : span_from(q->rcpts[0].address, (size_t)at + 1);
	return fill_route(c, tx, &l->job, e) < 0 ? e->code : fill_policy(c, tx, now, &l->job, e);
}

static int read_body(struct tx *tx, void *arg, struct err *e)
{
	struct lease *l = arg;

	return blob_read(tx, l->call->arena, l->entry->blob_id, &l->entry->blob_key, &l->body, e);
}

static int shunt_leased(struct tx *tx, void *arg, struct err *e)
{
	struct lease *l = arg;

	return queue_set_state(l->call->house->org, tx, l->entry->id, QUEUE_SHUNTED, time_real_sec(), e);
}

static int give_back(struct tx *tx, void *arg, struct err *e)
{
	struct lease *l = arg;

	for (size_t i = 0; i < l->entry->n_rcpts; i++)
		if (queue_unlease(tx, l->entry->rcpts[i].id, time_real_sec() + GIVE_BACK_SEC, e) < 0)
			return e->code;
	return 0;
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

/* The body is read after the commit: it may be large, and others wait for theirs. 1: it does not open, take another. */
static int lease_one(struct lease *l, int *fd_out, struct err *e)
{
	struct store *store = l->call->house->store;
	struct err why = ERR_INIT;
	int r = store_write(store, lease, l, e);

	if (r < 0 || !l->job.n_rcpts)
		return r;
	r = store_read(store, read_body, l, e);
	if (r == ERR_BROKEN || r == ERR_MISSING) {
		log_msg("queue_shunted", "message %llu does not open: %s", (unsigned long long)l->entry->id, e->log);
		err_clear(e);
		return store_write(store, shunt_leased, l, e) < 0 ? e->code : 1;
	}
	if (r == 0)
		*fd_out = memory_of(l->body, e);
	if (r == 0 && *fd_out >= 0)
		return 0;
	store_write(store, give_back, l, &why); /* or the lease runs out by itself */
	return e->code;
}

static void run_lease(struct call *c)
{
	struct lease l = { .call = c, .fresh = c->cmd->ntok && span_eqz(c->cmd->tok[0].text, "FRESH") };
	struct err e = ERR_INIT;
	int fd = -1;

	c->house->watch(c->house, c->session->id, WATCH_QUEUE); /* first, so that nothing new is missed */
	if (clock_look(c->house, &e) == 0)
		while (lease_one(&l, &fd, &e) == 1)
			l.fresh = false;
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

/* Read first, then composed, then one transaction that only writes. */
struct result {
	struct call *call;
	struct out_result result;
	bool gone;                      /* removed meanwhile */
	struct queue_entry q;
	struct plan {
		uint64_t rcpt_id;
		int64_t next_sec;       /* 0: finished */
		struct span reply;
	} *plans;
	size_t n_plans;
	bool delayed;
	unsigned refused;               /* for good */
	struct report report;
	struct report_draft draft;
};

static const struct queue_rcpt *find_rcpt(const struct queue_entry *q, uint64_t id)
{
	for (size_t i = 0; i < q->n_rcpts; i++)
		if (q->rcpts[i].id == id)
			return &q->rcpts[i];
	return NULL;
}

/* One outcome: finished and perhaps reported, or put off. */
static void plan_row(struct result *r, const struct out_row *row, const struct queue_rcpt *rcpt, struct report_rcpt *rows)
{
	int64_t now = time_real_sec(), next = 0;
	enum report_action action = row->outcome == OUT_REFUSED ? REPORT_FAILED : REPORT_RELAYED;

	if (row->outcome == OUT_LATER) {
		next = retry_next(now, r->q.expires_sec, rcpt->attempts + 1, random_u64());
		action = next ? REPORT_DELAYED : REPORT_FAILED;
	}
	r->refused += row->outcome == OUT_REFUSED;
	r->plans[r->n_plans++] = (struct plan){ rcpt->id, next, row->reply };
	if (row->outcome == OUT_SENT) /* the peer took the DSN request along: it reports, not we */
		return;
	if (action == REPORT_DELAYED && !retry_warn(now, r->q.created_sec, r->q.warned))
		return;
	r->delayed |= action == REPORT_DELAYED;
	rows[r->report.n_rcpts++] = (struct report_rcpt){ .address = rcpt->address, .orcpt = rcpt->orcpt, .notify = rcpt->notify,
		.action = action, .status = row->status, .reply = row->reply, .remote_mta = row->remote_mta,
		.until_sec = action == REPORT_DELAYED ? r->q.expires_sec : 0 };
}

static int read_plan(struct tx *tx, void *arg, struct err *e)
{
	struct result *r = arg;
	struct call *c = r->call;
	struct report_rcpt *rows = ARENA_ARRAY(c->arena, struct report_rcpt, r->result.n_rows);
	struct err why = ERR_INIT;
	int x;

	if (queue_get(c->house->org, tx, c->arena, r->result.message_id, &r->q, &why) < 0) {
		r->gone = why.code == ERR_MISSING;
		return r->gone ? 0 : err_set(e, why.code, why.say, "%s", why.log);
	}
	r->plans = ARENA_ARRAY(c->arena, struct plan, r->result.n_rows);
	r->refused = 0;
	r->report = (struct report){ .hostname = c->house->hostname, .rcpts = rows, .sender = r->q.sender, .envid = r->q.envid,
		.flags = r->q.flags, .arrival_sec = r->q.created_sec };
	for (size_t i = 0; i < r->result.n_rows; i++) {
		const struct queue_rcpt *rcpt = find_rcpt(&r->q, r->result.rows[i].rcpt_id);

		if (rcpt)
			plan_row(r, &r->result.rows[i], rcpt, rows);
	}
	x = report_find(c->house->org, tx, c->arena, &r->report, &r->draft, e);
	if (x <= 0)
		return x;
	return blob_read_range(tx, c->arena, r->q.blob_id, &r->q.blob_key, 0, report_original_len(r->q.size), &r->report.message, e);
}

/* 1 done, 0 this recipient is gone: an administrator removed the message, or this result has been worked before. */
static int work_plan(struct result *r, struct tx *tx, const struct plan *p, struct err *e)
{
	struct org *o = r->call->house->org;
	struct err why = ERR_INIT;
	int x = p->next_sec ? queue_defer(o, tx, r->call->arena, p->rcpt_id, p->next_sec, p->reply, &why) :
		queue_finish(o, tx, p->rcpt_id, &why);

	if (x == 0)
		return 1;
	return x == ERR_MISSING ? 0 : err_set(e, why.code, why.say, "%s", why.log);
}

/* What `out` has learnt of the domain: its policy, how TLS went. */
static int keep_learnt(struct result *r, struct tx *tx, struct err *e)
{
	struct call *c = r->call;
	struct span address = r->q.n_rcpts ? r->q.rcpts[0].address : SPAN_NONE, domain;
	const struct queue_rcpt *rcpt = r->result.n_rows ? find_rcpt(&r->q, r->result.rows[0].rcpt_id) : NULL;
	int64_t now = time_real_sec();
	ssize_t at;

	if (rcpt)
		address = rcpt->address;
	at = span_rchr(address, '@');
	if (at < 0 || smtp_domain_ascii(c->arena, span_from(address, (size_t)at + 1), &domain, NULL) < 0)
		return 0;
	if (r->result.sts_text.n && sts_keep_put(c->house->org, tx, c->arena, domain, r->result.sts_id, r->result.sts_text, now, e) < 0)
		return e->code;
	for (size_t i = 0; i < r->result.n_sessions; i++) {
		const struct out_tls *s = &r->result.sessions[i];
		struct tls_row row = { .day = now / TLS_DAY_SEC, .policy = (enum tls_policy)s->policy, .domain = domain, .text = s->text,
			.fault = s->fault, .mx = s->mx, .ip = s->ip, .sessions = 1 };

		if (tls_log_add(c->house->org, tx, c->arena, &row, e) < 0)
			return e->code;
	}
	return 0;
}

static int work(struct tx *tx, void *arg, struct err *e)
{
	struct result *r = arg;
	struct call *c = r->call;
	bool any = false;

	for (size_t i = 0; i < r->n_plans; i++) {
		int x = work_plan(r, tx, &r->plans[i], e);

		if (x < 0)
			return x;
		any |= x == 1;
	}
	if (!any)
		return 0;
	if (keep_learnt(r, tx, e) < 0)
		return e->code;
	if (r->refused && r->q.account_id && hold_watch(c->house->org, tx, c->arena, r->q.account_id, 0, r->refused, time_steady_sec(), e) < 0)
		return e->code;
	if (r->delayed && queue_set_warned(tx, r->q.id, e) < 0)
		return e->code;
	return report_put(c->house->org, tx, c->arena, &r->report, &r->draft, e);
}

static int work_result(struct result *r, struct err *e)
{
	struct house *h = r->call->house;

	if (clock_look(h, e) < 0)
		return e->code;
	if (store_read(h->store, read_plan, r, e) < 0 || r->gone)
		return e->code;
	if (report_prepare(h->mail, r->call->arena, &r->report, &r->draft, e) < 0)
		return e->code;
	return store_write(h->store, work, r, e);
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
	int worked;

	if (out_result_decode(c->arena, c->cmd->body, &r.result, &e) < 0) {
		err_set(&c->err, e.code, e.say, "%s", e.log); /* out's bug: the lease runs out and the attempt is made again */
		return;
	}
	worked = work_result(&r, &e);
	report_draft_fini(&r.draft);
	if (worked == 0)
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
	else if (span_eqz(c->cmd->verb, "NAMES") && c->house->name_exchange)
		c->house->name_exchange(c);
	else if (span_eqz(c->cmd->verb, "SCAN") && c->house->scan_exchange)
		c->house->scan_exchange(c);
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
	return span_eqz(verb, "NAMES") || span_eqz(verb, "SCAN") ? LANE_INTERACTIVE : LANE_LATER;     /* somebody waits at the door for it */
}

const struct proto outbound_proto = { .name = "out", .run = run, .lane = lane, .refuse = refuse };
