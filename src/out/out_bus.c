#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "out/out_int.h"

#define POOL_PER_WORKER 4             /* jobs leased ahead */
#define POOL_LEN_MAX (512ull << 20)   /* bytes of messages leased ahead */
#define LEASE_WAIT_MAX_SEC 60
#define AGAIN_US (2 * US_PER_SEC)     /* core could not: ask again after */
#define REPORT_TRIES 60               /* with growing pauses about an hour: core's lease is over then */

void out_bus_attach(struct out *o, int fd)
{
	if (o->bus_up) {
		close(fd);
		return;
	}
	io_nonblock(fd);
	bus_conn_init(&o->bus, fd);
	bus_put_hello(&o->bus, span_str(o->conf->name));
	o->bus_up = true;
	o->need_wait_us = NEED_FIRST_US;
	o->lease_at_us = 0;
	o->names_changed = true;
	o->scans_changed = true;
}

void out_bus_lost(struct out *o)
{
	if (!o->bus_up)
		return;
	bus_conn_fini(&o->bus);
	o->bus_up = false;
	o->need_at_us = time_mono_us() + NEED_FIRST_US;
	o->leasing = false;
	o->lease.open = false;
	o->naming = false;
	o->names.open = false;
	o->scanning = false;
	o->scan.open = false;
	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < sizeof(o->reporters) / sizeof(*o->reporters); i++) {
		struct reporter *p = &o->reporters[i];

		p->open = false;
		if (p->busy)          /* not known to be durable: the next core hears it again */
			out_report_push(o, p->busy);
		p->busy = NULL;
	}
	pthread_mutex_unlock(&o->lock);
}

static void put(struct out *o, struct reporter *p, const char *verb, struct span body)
{
	static const struct tok fresh = { .kind = TOK_ATOM, .text = { "FRESH", 5 } };
	struct cmd c = { .service = SVC_OUT, .verb = span_str(verb), .body = body, .spool_fd = -1 };

	if (!p->open)
		p->session = ++o->last_session;
	c.flags = p->open ? 0 : CMD_OPEN;
	if (p == &o->lease && !o->leased) {
		c.tok = &fresh;
		c.ntok = 1;
	}
	c.session = p->session;
	c.seq = ++p->seq;
	p->open = true;
	bus_put_cmd(&o->bus, &c);
}

/* ---- leasing ---- */

static bool lease_wanted(struct out *o)
{
	bool room;

	if (o->leasing || time_mono_us() < o->lease_at_us)
		return false;
	pthread_mutex_lock(&o->lock);
	room = !o->draining && o->held_len < POOL_LEN_MAX &&
	       o->active + schedule_waiting(o->schedule) < (size_t)o->n_workers * POOL_PER_WORKER;
	pthread_mutex_unlock(&o->lock);
	return room;
}

static void lease_idle(struct out *o, int64_t next_due_sec)
{
	int64_t now_sec = time_real_sec(), wait_sec = LEASE_WAIT_MAX_SEC;

	if (next_due_sec < now_sec + wait_sec)
		wait_sec = next_due_sec > now_sec ? next_due_sec - now_sec : 1;
	o->lease_at_us = o->changed ? 0 : time_mono_us() + wait_sec * US_PER_SEC;
}

static void job_add(struct out *o, struct work *w)
{
	w->item.destination = deliver_destination(w->arena, &w->job);
	pthread_mutex_lock(&o->lock);
	o->held_len += w->len;
	schedule_add(o->schedule, &w->item);
	pthread_cond_signal(&o->more);
	pthread_mutex_unlock(&o->lock);
}

static void lease_reply(struct out *o, struct reply *r)
{
	struct arena *a = arena_new();
	struct work *w = ARENA_NEW(a, struct work);
	struct err e = ERR_INIT;

	o->leasing = false;
	w->arena = a;
	w->fd = -1;
	o->lease_at_us = time_mono_us() + AGAIN_US;
	if (r->mood || !r->nseg || r->seg[0].fd >= 0) {
		log_msg("lease_error", "core has no answer now");
	} else if (out_job_decode(a, arena_span(a, r->seg[0].bytes), &w->job, &e) < 0) {
		log_msg("lease_error", "%s", e.log);
	} else if (!w->job.n_rcpts) {
		lease_idle(o, w->job.next_due_sec);
	} else if (r->nseg < 2 || r->seg[1].fd < 0) {
		log_msg("lease_error", "job without its message");
	} else {
		w->fd = r->seg[1].fd;
		w->off = r->seg[1].off;
		w->len = r->seg[1].len;
		r->seg[1].fd = -1;
		o->lease_at_us = 0;
		o->leased = true;
		job_add(o, w);
		return;
	}
	arena_free(a);
}

/* ---- reporting ---- */

static struct report *report_pop(struct out *o)
{
	int64_t now_us = time_mono_us();
	struct report *r = NULL;

	pthread_mutex_lock(&o->lock);
	for (struct report **p = &o->reports; *p; p = &(*p)->next)
		if ((*p)->not_before_us <= now_us) {
			r = *p;
			*p = r->next;
			if (!*p)
				o->reports_end = p;
			break;
		}
	pthread_mutex_unlock(&o->lock);
	return r;
}

static void report_free(struct report *r)
{
	buf_fini(&r->body);
	free(r);
}

static void report_reply(struct out *o, struct reporter *p, const struct reply *r)
{
	struct report *report = p->busy;
	bool taken = !r->mood && r->next != NEXT_CLOSE;

	for (size_t i = 0; i < r->nseg; i++)
		taken &= r->seg[i].fd < 0 && r->seg[i].bytes.n == 0;
	p->busy = NULL;
	if (r->next == NEXT_CLOSE)
		p->open = false;
	if (!taken && ++report->tries < REPORT_TRIES) {
		report->not_before_us = time_mono_us() + AGAIN_US * report->tries;
		pthread_mutex_lock(&o->lock);
		out_report_push(o, report);
		pthread_mutex_unlock(&o->lock);
		return;
	}
	if (!taken)
		log_msg("report_lost", "message %llu: core does not take the result; it may be sent again",
			(unsigned long long)report->message_id);
	report_free(report);
}

bool out_reported(struct out *o)
{
	bool done;

	pthread_mutex_lock(&o->lock);
	done = !o->active && !schedule_waiting(o->schedule) && !o->reports;
	pthread_mutex_unlock(&o->lock);
	for (size_t i = 0; i < sizeof(o->reporters) / sizeof(*o->reporters); i++)
		done &= !o->reporters[i].busy;
	return done;
}

/* ---- the socket ---- */

void out_bus_write(struct out *o)
{
	struct buf body;

	if (!o->bus_up)
		return;
	if (lease_wanted(o)) {
		o->leasing = true;
		o->changed = false;
		put(o, &o->lease, "LEASE", SPAN_NONE);
	}
	for (size_t i = 0; i < sizeof(o->reporters) / sizeof(*o->reporters); i++) {
		struct reporter *p = &o->reporters[i];

		if (!p->busy && (p->busy = report_pop(o)))
			put(o, p, "RESULT", buf_span(&p->busy->body));
	}
	if (out_names_next(o, &body)) {
		put(o, &o->names, "NAMES", buf_span(&body));
		buf_fini(&body);
	}
	if (out_scan_next(o, &body)) {
		put(o, &o->scan, "SCAN", buf_span(&body));
		buf_fini(&body);
	}
	if (bus_flush(&o->bus) < 0)
		out_bus_lost(o);
}

static void take_reply(struct out *o, struct reply *r)
{
	if (o->leasing && r->session == o->lease.session && r->seq == o->lease.seq) {
		if (r->next == NEXT_CLOSE)
			o->lease.open = false;
		lease_reply(o, r);
	}
	for (size_t i = 0; i < sizeof(o->reporters) / sizeof(*o->reporters); i++) {
		struct reporter *p = &o->reporters[i];

		if (p->busy && r->session == p->session && r->seq == p->seq)
			report_reply(o, p, r);
	}
	if (o->naming && r->session == o->names.session && r->seq == o->names.seq) {
		if (r->next == NEXT_CLOSE)
			o->names.open = false;
		out_names_reply(o, r);
	}
	if (o->scanning && r->session == o->scan.session && r->seq == o->scan.seq) {
		if (r->next == NEXT_CLOSE)
			o->scan.open = false;
		out_scan_reply(o, r);
	}
	for (size_t i = 0; i < r->nseg; i++)
		io_close(&r->seg[i].fd);
}

void out_bus_read(struct out *o)
{
	struct bus_msg *m = &o->msg;
	int rc = bus_fill(&o->bus);

	while (rc >= 0) {
		arena_reset(o->bus_arena);
		rc = bus_recv(&o->bus, o->bus_arena, m);
		if (rc <= 0)
			break;
		if (m->kind == BUS_REPLY) {
			take_reply(o, &m->reply);
		} else if (m->kind == BUS_NOTICE && m->notice.session == o->lease.session) {
			o->changed = true;
			o->lease_at_us = 0;
			o->lease.open &= m->notice.kind != NOTICE_CLOSE;
		} else if (m->kind == BUS_NOTICE && m->notice.session == o->names.session) {
			o->names_changed = true;
			o->names.open &= m->notice.kind != NOTICE_CLOSE;
		} else if (m->kind == BUS_NOTICE && m->notice.session == o->scan.session) {
			o->scans_changed = true;
			o->scan.open &= m->notice.kind != NOTICE_CLOSE;
		} else if (m->kind == BUS_CMD) {
			io_close(&m->cmd.spool_fd);
		}
	}
	if (rc == ERR_SYNTAX)
		log_msg("bus_error", "core sent something unreadable");
	if (rc < 0)
		out_bus_lost(o);
}
