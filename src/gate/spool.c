#include "gate/gate_int.h"
#include <unistd.h>
#include "base/io.h"

void spool_init(struct spool *s)
{
	*s = (struct spool){ .fd = -1 };
	buf_init(&s->small, BUS_MESSAGE_MAX);
}

static void give_back(struct conn *c, uint64_t n)
{
	c->g->spool_used -= n;
	if (c->addr)
		c->addr->spool -= n;
}

void spool_drop(struct conn *c, struct spool *s)
{
	give_back(c, c->spooled);
	c->spooled = 0;
	buf_fini(&s->small);
	io_close(&s->fd);
	spool_init(s);
}

void spool_release(struct conn *c)
{
	give_back(c, c->lent);
	c->lent = 0;
}

bool spool_room(struct conn *c, uint64_t n)
{
	const struct gate_limits *l = &c->g->lim;
	uint64_t mine = c->addr && !(c->loopback && l->loopback_exempt) ? c->addr->spool : 0;

	return n <= l->spool_bytes && c->g->spool_used <= l->spool_bytes - n && n <= l->spool_address_bytes &&
	       mine <= l->spool_address_bytes - n;
}

/* From memory to a memfd. */
static bool to_file(struct spool *s)
{
	if (s->fd < 0)
		s->fd = io_memfd("spool");
	if (s->fd < 0 || io_write_full(s->fd, buf_span(&s->small), NULL) < 0)
		return false;
	buf_fini(&s->small);
	return true;
}

static bool store(struct conn *c, struct spool *s, struct span bytes)
{
	if (s->fd < 0 && s->small.n + bytes.n <= c->g->lim.spool_inline_bytes)
		return buf_add(&s->small, bytes);
	if (s->small.n && !to_file(s))
		return false;
	if (s->fd < 0 && !to_file(s))
		return false;
	return io_write_full(s->fd, bytes, NULL) == 0;
}

void spool_add(struct conn *c, struct spool *s, struct span bytes, uint64_t max)
{
	if (s->nospace || s->toobig || bytes.n == 0)
		return;
	if (bytes.n > max || s->len > max - bytes.n) {
		spool_drop(c, s);
		s->toobig = true;
		return;
	}
	if (!spool_room(c, bytes.n) || !store(c, s, bytes)) {
		c->g->count.spool_full++;
		spool_drop(c, s);
		s->nospace = true;
		return;
	}
	s->len += bytes.n;
	c->spooled += bytes.n;
	c->g->spool_used += bytes.n;
	if (c->addr)
		c->addr->spool += bytes.n;
}

void spool_give(struct conn *c, struct spool *s, struct cmd *cmd, bool always_fd)
{
	if (s->nospace || s->toobig)
		return;
	if (always_fd && s->fd < 0 && !to_file(s)) {
		s->nospace = true;
		return;
	}
	if (s->fd >= 0) {
		cmd->spool_fd = s->fd;
		cmd->spool_len = s->len;
		s->fd = -1;
	} else {
		cmd->body = buf_span(&s->small); /* copied when it is encoded */
	}
	c->lent += c->spooled;
	c->spooled = 0;
}
