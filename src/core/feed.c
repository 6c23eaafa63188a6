/* feed.c - committed changes become notices to the sessions that watch the object, or its account. */
#include "core/core_int.h"
#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include "later/indexer.h"

static void unwatch(struct core *c, struct csession *s)
{
	struct watch *w;

	if (!s->watch)
		return;
	HASH_FIND(hh, c->watches, &s->watch, sizeof(s->watch), w);
	if (w) {
		DL_DELETE2(w->first, s, watch_prev, watch_next);
		if (!w->first) {
			HASH_DEL(c->watches, w);
			free(w);
		}
	}
	s->watch = 0;
}

void feed_watch(struct house *h, uint64_t session, uint64_t object_id)
{
	struct core *c = h->core;
	struct csession *s;
	struct watch *w;

	pthread_mutex_lock(&c->reg);
	HASH_FIND(hh_id, c->by_id, &session, sizeof(session), s);
	if (s && s->watch != object_id) {
		unwatch(c, s);
		if (object_id) {
			HASH_FIND(hh, c->watches, &object_id, sizeof(object_id), w);
			if (!w) {
				w = calloc(1, sizeof(*w));
				if (!w)
					abort();
				w->object_id = object_id;
				HASH_ADD(hh, c->watches, object_id, sizeof(w->object_id), w);
			}
			s->watch = object_id;
			DL_APPEND2(w->first, s, watch_prev, watch_next);
		}
	}
	pthread_mutex_unlock(&c->reg);
}

static void unwatch_accounts(struct core *c, struct csession *s)
{
	for (size_t i = 0; i < s->n_watchers; i++) {
		struct account_watch *w = s->watchers[i].watch;

		DL_DELETE(w->first, &s->watchers[i]);
		if (!w->first) {
			HASH_DEL(c->account_watches, w);
			free(w);
		}
	}
	free(s->watchers);
	s->watchers = NULL;
	s->n_watchers = 0;
}

void feed_forget(struct core *c, struct csession *s)
{
	unwatch(c, s);
	unwatch_accounts(c, s);
}

static void watch_account(struct core *c, struct csession *s, uint64_t account_id)
{
	struct watcher *x = &s->watchers[s->n_watchers++];
	struct account_watch *w;

	HASH_FIND(hh, c->account_watches, &account_id, sizeof(account_id), w);
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			abort();
		w->account_id = account_id;
		HASH_ADD(hh, c->account_watches, account_id, sizeof(w->account_id), w);
	}
	*x = (struct watcher){ .session = s, .watch = w };
	DL_APPEND(w->first, x);
}

void feed_watch_accounts(struct house *h, uint64_t session, const uint64_t *account_ids, size_t n)
{
	struct core *c = h->core;
	struct csession *s;

	if (n > WATCH_ACCOUNTS_MAX)
		n = WATCH_ACCOUNTS_MAX;
	pthread_mutex_lock(&c->reg);
	HASH_FIND(hh_id, c->by_id, &session, sizeof(session), s);
	if (s) {
		unwatch_accounts(c, s);
		s->news = n > 0;
		s->watchers = n ? calloc(n, sizeof(*s->watchers)) : NULL;
		if (n && !s->watchers)
			abort();
		for (size_t i = 0; i < n; i++)
			watch_account(c, s, account_ids[i]);
	}
	pthread_mutex_unlock(&c->reg);
}

bool feed_news(struct house *h, uint64_t session)
{
	struct core *c = h->core;
	struct csession *s;
	bool news;

	pthread_mutex_lock(&c->reg);
	HASH_FIND(hh_id, c->by_id, &session, sizeof(session), s);
	news = s && s->news;
	if (s)
		s->news = false;
	pthread_mutex_unlock(&c->reg);
	return news;
}

/* A notice is sent once until the session's next command (told); what happens during a command, mostly what it does itself,
 * after its reply, if there is any use for it (feed_late). Under reg. */
static void tell_session(struct core *c, struct csession *s)
{
	s->due |= s->running;
	if (s->told || s->closing || s->running || s->quiet)
		return;
	s->told = true;
	atomic_fetch_add_explicit(&c->metrics.notices, 1, memory_order_relaxed);
	conn_send_notice(s->conn, s->key[1], NOTICE_CHANGED);
}

bool feed_late(struct core *c, struct csession *s, unsigned next)
{
	bool due = s->due;

	s->due = false;
	s->quiet = s->s.service == SVC_IMAP && next == NEXT_READ;
	if (!due || s->quiet)
		return false;
	s->told = true;
	atomic_fetch_add_explicit(&c->metrics.notices, 1, memory_order_relaxed);
	return true;
}

static void tell(struct core *c, uint64_t object)
{
	struct csession *s;
	struct watch *w;

	HASH_FIND(hh, c->watches, &object, sizeof(object), w);
	if (!w)
		return;
	DL_FOREACH2(w->first, s, watch_next)
		tell_session(c, s);
}

static void tell_account(struct core *c, uint64_t account_id)
{
	struct account_watch *w;
	struct watcher *x;

	HASH_FIND(hh, c->account_watches, &account_id, sizeof(account_id), w);
	if (!w)
		return;
	DL_FOREACH(w->first, x) {
		x->session->news = true;
		tell_session(c, x->session);
	}
}

/* Called by the store's leader after the commit: must not block. */
void feed_publish(void *core, const struct change *ch, size_t n)
{
	struct core *c = core;

	indexer_changed(ch, n);
	pthread_mutex_lock(&c->reg);
	for (size_t i = 0; i < n && c->watches; i++)
		tell(c, ch[i].kind == FEED_QUEUE ? WATCH_QUEUE : ch[i].object_id);
	for (size_t i = 0; i < n && c->account_watches; i++)
		if (ch[i].kind == FEED_MAILBOX || ch[i].kind == FEED_MAILBOX_LIST || ch[i].kind == FEED_ORG)
			tell_account(c, ch[i].account_id);
	pthread_mutex_unlock(&c->reg);
}

void feed_tell(struct core *c, uint64_t object_id)
{
	pthread_mutex_lock(&c->reg);
	tell(c, object_id);
	pthread_mutex_unlock(&c->reg);
}

/* Clients hear it now, not at their next command; also those this core does not know, since they came from an earlier one. */
void feed_sealed(struct house *h)
{
	struct core *c = h->core;

	pthread_mutex_lock(&c->reg);
	for (struct conn *n = c->conns; n; n = n->next)
		if (strncmp(n->name, "gate", 4) == 0)
			conn_send_notice(n, NOTICE_EVERY, NOTICE_SEALED);
	pthread_mutex_unlock(&c->reg);
}
