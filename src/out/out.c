#include "out/out.h"
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "bus/link.h"
#include "out/out_int.h"

#define WORKERS 16
#define TICK_MS 1000
#define DRAIN_MS 60000

static struct out *out_new(const struct out_config *conf, struct err *e)
{
	struct out *o = calloc(1, sizeof(*o));

	if (!o)
		abort();
	o->conf = conf;
	o->n_workers = conf->workers ? conf->workers : WORKERS;
	if (o->n_workers > OUT_WORKERS_MAX)
		o->n_workers = OUT_WORKERS_MAX;
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->more, NULL);
	/* one destination never gets all workers */
	o->schedule = schedule_new(o->n_workers - (o->n_workers + 3) / 4);
	o->reports_end = &o->reports;
	o->bus_arena = arena_new();
	o->need_wait_us = NEED_FIRST_US;
	o->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	o->deliver = o->wake_fd < 0 ? NULL : deliver_new(conf, e);
	if (o->deliver)
		return o;
	if (o->wake_fd < 0)
		err_set(e, ERR_BROKEN, "", "eventfd: %m");
	io_close(&o->wake_fd);
	schedule_free(o->schedule);
	arena_free(o->bus_arena);
	free(o);
	return NULL;
}

static void out_free(struct out *o)
{
	if (o->bus_up)
		out_bus_lost(o);
	for (struct report *r = o->reports, *next; r; r = next) {
		next = r->next;
		buf_fini(&r->body);
		free(r);
	}
	deliver_free(o->deliver);
	schedule_free(o->schedule);
	arena_free(o->bus_arena);
	io_close(&o->wake_fd);
	pthread_mutex_destroy(&o->lock);
	pthread_cond_destroy(&o->more);
	free(o);
}

static void drain(struct out *o)
{
	pthread_mutex_lock(&o->lock);
	o->draining = true;
	pthread_mutex_unlock(&o->lock);
}

static bool is_active(struct out *o)
{
	bool active;

	pthread_mutex_lock(&o->lock);
	active = o->active > 0;
	pthread_mutex_unlock(&o->lock);
	return active;
}

/* 0, 1 after LINK_DRAIN, ERR_GONE. */
static int link_read(struct out *o, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct link_msg m;
	int rc = link_recv(o->conf->link_fd, a, &m, e);

	if (rc <= 0)
		return rc == ERR_SYNTAX ? ERR_GONE : rc;
	if (m.kind == LINK_DRAIN) {
		io_close(&m.fd);
		return 1;
	}
	if (m.kind == LINK_BUS && m.fd >= 0) {
		out_bus_attach(o, m.fd);
		return 0;
	}
	if (m.kind == LINK_BUS) {
		o->need_at_us = time_mono_us() + o->need_wait_us;
		o->need_wait_us = o->need_wait_us * 2 > NEED_MAX_US ? NEED_MAX_US : o->need_wait_us * 2;
	}
	io_close(&m.fd);
	return 0;
}

static void need_bus(struct out *o)
{
	if (o->bus_up || time_mono_us() < o->need_at_us)
		return;
	o->need_at_us = time_mono_us() + NEED_MAX_US; /* should no answer come */
	link_send(o->conf->link_fd, LINK_NEED_BUS, SPAN_NONE, -1, NULL);
}

static int next_ms(const struct out *o)
{
	int64_t at_us = o->bus_up ? o->lease_at_us : o->need_at_us, left_us = at_us - time_mono_us();

	return o->bus_up && o->leasing ? TICK_MS : left_us <= 0 || left_us > TICK_MS * 1000 ? TICK_MS : (int)(left_us / 1000) + 1;
}

static int turn(struct out *o, bool link_open, struct err *e)
{
	struct pollfd p[3] = { { .fd = o->wake_fd, .events = POLLIN }, { .fd = -1 }, { .fd = -1 } };
	uint64_t count;
	int rc = 0;

	if (link_open) {
		need_bus(o);
		p[1] = (struct pollfd){ .fd = o->conf->link_fd, .events = POLLIN };
	}
	out_bus_write(o);
	if (o->bus_up)
		p[2] = (struct pollfd){ .fd = o->bus.fd, .events = (short)(POLLIN | (bus_pending(&o->bus) ? POLLOUT : 0)) };
	poll(p, 3, next_ms(o));
	if (p[0].revents && read(o->wake_fd, &count, sizeof(count)) < 0)
		return err_errno(e, "eventfd");
	if (p[2].revents & (POLLIN | POLLHUP | POLLERR))
		out_bus_read(o);
	if (p[1].revents)
		rc = link_read(o, e);
	return rc;
}

/* After LINK_DRAIN or the link's end: what is under way is finished and reported. True: all was. */
static bool finish(struct out *o, bool link_open)
{
	int64_t ms = o->conf->drain_ms ? o->conf->drain_ms : DRAIN_MS, until_us = time_mono_us() + ms * 1000;

	drain(o);
	while (!out_reported(o) && time_mono_us() < until_us) {
		if (!link_open && !o->bus_up && !is_active(o))
			break; /* nobody to report to any more */
		if (turn(o, link_open, NULL) < 0)
			link_open = false;
	}
	return out_reported(o);
}

int out_main(const struct out_config *conf, struct err *e)
{
	int64_t swept_us = 0;
	struct out *o;
	int rc = 0;
	bool all;

	log_role(conf->name);
	signal(SIGPIPE, SIG_IGN);
	o = out_new(conf, e);
	if (!o)
		return ERR_BROKEN;
	if (conf->enter_sandbox)
		conf->enter_sandbox();
	if (out_names_start(o, e) < 0 || out_scan_start(o, e) < 0 || out_work_start(o, e) < 0) {
		out_free(o);
		return ERR_BROKEN;
	}
	rc = link_send(conf->link_fd, LINK_READY, SPAN_NONE, -1, e);
	while (rc == 0) {
		rc = turn(o, true, e);
		if (time_mono_us() - swept_us > US_PER_SEC) {
			deliver_sweep(o->deliver);
			swept_us = time_mono_us();
		}
	}
	all = finish(o, rc == 1);
	log_msg("stop", all ? "all work is reported" : "some work is given up");
	close(conf->link_fd);
	if (!all && is_active(o))
		return ERR_GONE; /* workers hang in the network: the process ends with them, nothing is freed */
	out_work_join(o);
	out_names_join(o);
	out_scan_join(o);
	out_free(o);
	return rc == 1 ? 0 : ERR_GONE;
}
