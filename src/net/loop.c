#include "net/loop.h"
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include "base/time.h"

#define SLOTS 1024

struct loop {
	struct event_base *base;
	struct event tick, calls;
	struct loop_timer *slot[SLOTS];
	struct loop_call *call_list;
	int64_t tick_at; /* the last tick that was looked at */
	bool ticking, calls_active;
	char scratch[LOOP_SCRATCH];
};

int64_t loop_now_ms(void)
{
	return time_mono_us() / 1000;
}

char *loop_scratch(struct loop *l)
{
	return l->scratch;
}

static void start_tick(struct loop *l)
{
	struct timeval tv = { 0, LOOP_TICK_MS * 1000 };

	if (l->ticking)
		return;
	l->ticking = true;
	l->tick_at = loop_now_ms() / LOOP_TICK_MS;
	event_add(&l->tick, &tv);
}

static void link_timer(struct loop *l, struct loop_timer *t)
{
	int64_t tick = t->at_ms / LOOP_TICK_MS + 1;
	struct loop_timer **head;

	if (tick <= l->tick_at)
		tick = l->tick_at + 1;
	head = &l->slot[tick % SLOTS];
	t->next = *head;
	t->link = head;
	if (t->next)
		t->next->link = &t->next;
	*head = t;
}

/* Every timer of the slot: due ones fire, those of a later turn of the wheel go back. The list is moved
 * to a head of its own first, so that callbacks may set and stop timers freely. */
static void run_slot(struct loop *l, size_t i, int64_t now_ms)
{
	struct loop_timer *list = l->slot[i], *t;

	l->slot[i] = NULL;
	if (list)
		list->link = &list;
	while ((t = list)) {
		loop_timer_stop(t);
		if (t->at_ms > now_ms)
			link_timer(l, t);
		else
			t->cb(t->arg);
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	int64_t now_ms = loop_now_ms(), to = now_ms / LOOP_TICK_MS, from = l->tick_at + 1;

	(void)fd;
	(void)what;
	if (to - from >= SLOTS)
		from = to - SLOTS + 1;
	for (int64_t t = from; t <= to; t++) {
		l->tick_at = t;
		run_slot(l, (size_t)(t % SLOTS), now_ms);
	}
}

static void on_calls(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct loop_call *list = l->call_list, *c;

	(void)fd;
	(void)what;
	l->calls_active = false;
	l->call_list = NULL;
	if (list)
		list->link = &list;
	while ((c = list)) {
		list = c->next;
		if (list)
			list->link = &list;
		c->link = NULL;
		c->next = NULL;
		c->cb(c->arg);
	}
}

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	struct event_config *conf = event_config_new();

	if (!l || !conf)
		abort();
	signal(SIGPIPE, SIG_IGN);
	event_config_set_flag(conf, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(conf, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	event_config_set_flag(conf, EVENT_BASE_FLAG_IGNORE_ENV);
	l->base = event_base_new_with_config(conf);
	event_config_free(conf);
	if (!l->base)
		abort();
	event_assign(&l->tick, l->base, -1, EV_PERSIST, on_tick, l);
	event_assign(&l->calls, l->base, -1, 0, on_calls, l);
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	event_del(&l->tick);
	event_del(&l->calls);
	event_base_free(l->base);
	free(l);
}

void loop_run(struct loop *l)
{
	event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

bool loop_once(struct loop *l, bool wait)
{
	return event_base_loop(l->base, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK)) == 0;
}

void loop_stop(struct loop *l)
{
	event_base_loopbreak(l->base);
}

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct loop_fd *w = arg;
	unsigned got = (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0);

	(void)fd;
	w->cb(w->arg, got);
}

void loop_fd_init(struct loop_fd *w, struct loop *l, int fd, void (*cb)(void *, unsigned), void *arg)
{
	*w = (struct loop_fd){ .loop = l, .fd = fd, .cb = cb, .arg = arg };
	event_assign(&w->ev, l->base, fd, 0, on_fd, w);
}

void loop_fd_want(struct loop_fd *w, unsigned what)
{
	short ev = (short)(EV_PERSIST | (what & LOOP_READ ? EV_READ : 0) | (what & LOOP_WRITE ? EV_WRITE : 0));

	if (what == w->want)
		return;
	if (w->want)
		event_del(&w->ev);
	w->want = what;
	if (!what)
		return;
	event_assign(&w->ev, w->loop->base, w->fd, ev, on_fd, w);
	event_add(&w->ev, NULL);
}

void loop_fd_fini(struct loop_fd *w)
{
	if (w->loop)
		loop_fd_want(w, 0);
	w->loop = NULL;
	w->fd = -1;
}

void loop_timer_init(struct loop_timer *t, void (*cb)(void *), void *arg)
{
	*t = (struct loop_timer){ .cb = cb, .arg = arg };
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_ms)
{
	loop_timer_stop(t);
	t->at_ms = at_ms;
	start_tick(l);
	link_timer(l, t);
}

void loop_timer_stop(struct loop_timer *t)
{
	if (!t->link)
		return;
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->link = NULL;
	t->next = NULL;
}

void loop_call_init(struct loop_call *c, void (*cb)(void *), void *arg)
{
	*c = (struct loop_call){ .cb = cb, .arg = arg };
}

void loop_call_later(struct loop *l, struct loop_call *c)
{
	if (c->link)
		return;
	c->link = &l->call_list;
	c->next = l->call_list;
	if (c->next)
		c->next->link = &c->next;
	l->call_list = c;
	if (!l->calls_active) {
		l->calls_active = true;
		event_active(&l->calls, EV_TIMEOUT, 0);
	}
}

void loop_call_cancel(struct loop_call *c)
{
	if (!c->link)
		return;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->link = NULL;
	c->next = NULL;
}
