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

void session_end(struct core *c, struct csession *s)
{
	feed_unwatch(c, s);
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
