/* session.c - the registry of sessions: found by (connection, id on the wire). */
#include "core/core_int.h"
#include <stdlib.h>

struct csession *session_get(struct core *c, struct conn *n, const struct cmd *cmd)
{
	uint64_t key[2] = { (uint64_t)(uintptr_t)n, cmd->session };
	struct csession *s;

	HASH_FIND(hh, c->by_key, key, sizeof(key), s);
	if (s || !(cmd->flags & CMD_OPEN))
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		abort();
	s->s.id = ++c->next_session;
	s->s.service = cmd->service;
	s->s.arena = arena_new();
	s->conn = n;
	s->proto = core_proto(cmd->service);
	s->key[0] = key[0];
	s->key[1] = key[1];
	HASH_ADD(hh, c->by_key, key, sizeof(s->key), s);
	HASH_ADD(hh_id, c->by_id, s.id, sizeof(s->s.id), s);
	atomic_fetch_add(&c->metrics.sessions, 1);
	return s;
}

void session_count(struct core *c, struct csession *s, uint64_t account_id)
{
	struct account_sessions *a;

	if (s->account == account_id)
		return;
	HASH_FIND(hh, c->accounts, &s->account, sizeof(s->account), a);
	if (a && --a->n == 0) {
		HASH_DEL(c->accounts, a);
		free(a);
	}
	s->account = account_id;
	if (!account_id)
		return;
	HASH_FIND(hh, c->accounts, &account_id, sizeof(account_id), a);
	if (!a) {
		a = calloc(1, sizeof(*a));
		if (!a)
			abort();
		a->account_id = account_id;
		HASH_ADD(hh, c->accounts, account_id, sizeof(a->account_id), a);
	}
	a->n++;
}

bool session_admit(struct house *h, uint64_t session, uint64_t account_id)
{
	struct core *c = h->core;
	struct account_sessions *a;
	struct csession *s;
	bool room;

	pthread_mutex_lock(&c->reg);
	HASH_FIND(hh_id, c->by_id, &session, sizeof(session), s);
	HASH_FIND(hh, c->accounts, &account_id, sizeof(account_id), a);
	room = !a || a->n < ACCOUNT_SESSIONS_MAX;
	if (s && room)
		session_count(c, s, account_id);
	pthread_mutex_unlock(&c->reg);
	return room;
}

static void drop_release(struct core *c, struct csession *s)
{
	if (s->maildrop)
		HASH_DELETE(hh_drop, c->by_drop, s);
	s->maildrop = 0;
}

bool session_maildrop(struct house *h, uint64_t session, uint64_t account_id)
{
	struct core *c = h->core;
	struct csession *s, *owner = NULL;

	pthread_mutex_lock(&c->reg);
	HASH_FIND(hh_id, c->by_id, &session, sizeof(session), s);
	if (account_id)
		HASH_FIND(hh_drop, c->by_drop, &account_id, sizeof(account_id), owner);
	if (s && !owner) {
		drop_release(c, s);
		s->maildrop = account_id;
		if (account_id)
			HASH_ADD(hh_drop, c->by_drop, maildrop, sizeof(s->maildrop), s);
	}
	pthread_mutex_unlock(&c->reg);
	return !owner || owner == s;
}

void session_end(struct core *c, struct csession *s)
{
	feed_forget(c, s);
	drop_release(c, s);
	session_count(c, s, 0);
	HASH_DEL(c->by_key, s);
	HASH_DELETE(hh_id, c->by_id, s);
	if (s->s.proto && s->s.proto_free)
		s->s.proto_free(s->s.proto);
	arena_free(s->s.arena);
	free(s);
	atomic_fetch_sub(&c->metrics.sessions, 1);
}

void session_end_all(struct core *c, struct conn *n)
{
	struct csession *s, *tmp;

	HASH_ITER(hh, c->by_key, s, tmp) {
		if (s->conn != n)
			continue;
		if (s->running)
			s->closing = true;
		else
			session_end(c, s);
	}
}
