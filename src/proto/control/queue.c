/* kontor queue ... : what waits to go out. */
#include "domain/mail/queue.h"
#include <string.h>
#include "base/time.h"
#include "proto/control/control_int.h"

#define LIST_MAX 1000

static const char *state_name(enum queue_state s)
{
	static const char *const names[] = { "?", "waiting", "sending", "held", "shunted" };

	return names[s <= QUEUE_SHUNTED ? s : 0];
}

/* Of several recipients the one that says most. */
static enum queue_state state_of(const struct queue_entry *q)
{
	enum queue_state s = QUEUE_READY;

	for (size_t i = 0; i < q->n_rcpts; i++)
		if (q->rcpts[i].state > s)
			s = q->rcpts[i].state;
	return s;
}

static json_t *row_of(const struct queue_entry *q)
{
	json_t *o = json_object(), *to = json_array();
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < q->n_rcpts; i++) {
		json_array_append_new(to, control_span(q->rcpts[i].address));
		if (q->rcpts[i].next_sec < next)
			next = q->rcpts[i].next_sec;
	}
	control_put_int(o, "id", q->id);
	json_object_set_new(o, "state", json_string(state_name(state_of(q))));
	control_put(o, "sender", q->sender.n ? q->sender : SPAN("<>"));
	json_object_set_new(o, "recipients", to);
	control_put_int(o, "size_bytes", q->size);
	control_put_time(o, "created", q->created_sec);
	control_put_time(o, "next", q->n_rcpts && state_of(q) != QUEUE_HELD ? next : 0);
	return o;
}

static int list(struct control *c, struct tx *tx, struct err *e)
{
	json_t *out = json_array();
	struct queue_entry *v;
	uint64_t after;
	size_t n = 0;
	int rc;

	control_result(c, out);
	if ((rc = control_number(c, "after", 0, INT64_MAX, &after, e)) < 0 ||
		(rc = queue_list(c->org, tx, c->arena, after, LIST_MAX, &v, &n, e)) < 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		json_array_append_new(out, row_of(&v[i]));
	return 0;
}

static int get(struct control *c, struct tx *tx, struct queue_entry *out, struct err *e)
{
	uint64_t id;
	int rc = control_number(c, "id", 0, INT64_MAX, &id, e);

	return rc < 0 ? rc : queue_get(c->org, tx, c->arena, id, out, e);
}

static int show(struct control *c, struct tx *tx, struct err *e)
{
	json_t *rows = json_array();
	struct queue_entry q;
	int rc = get(c, tx, &q, e);

	if (rc < 0) {
		json_decref(rows);
		return rc;
	}
	control_result(c, row_of(&q));
	control_put_time(c->result, "expires", q.expires_sec);
	for (size_t i = 0; i < q.n_rcpts; i++) {
		const struct queue_rcpt *r = &q.rcpts[i];
		json_t *o = json_object();

		control_put(o, "address", r->address);
		json_object_set_new(o, "state", json_string(state_name(r->state)));
		control_put_int(o, "attempts", r->attempts);
		control_put_time(o, "next", r->state == QUEUE_HELD ? 0 : r->next_sec);
		control_put(o, "last_reply", r->last_reply.n ? r->last_reply : SPAN_NONE);
		json_array_append_new(rows, o);
	}
	json_object_set_new(c->result, "recipients", rows);
	return 0;
}

static int set_state(struct control *c, struct tx *tx, enum queue_state state, struct err *e)
{
	struct queue_entry q;
	int rc = get(c, tx, &q, e);

	if (rc == 0)
		rc = queue_set_state(c->org, tx, q.id, state, time_real_sec(), e);
	return rc < 0 ? rc : 0;
}

static int retry(struct control *c, struct tx *tx, struct err *e)
{
	return set_state(c, tx, QUEUE_READY, e);
}

static int hold(struct control *c, struct tx *tx, struct err *e)
{
	return set_state(c, tx, QUEUE_HELD, e);
}

static int remove_it(struct control *c, struct tx *tx, struct err *e)
{
	struct queue_entry q;
	int rc = get(c, tx, &q, e);

	return rc < 0 ? rc : queue_remove(c->org, tx, q.id, e);
}

#define ID { "id", ARG_NUMBER, ARG_POSITION | ARG_NEEDED, N_("number of the message in the queue") }

static const struct control_command commands[] = {
	{ "list", N_("list what waits, at most 1000 messages"), CONTROL_READ, list, {
		{ "after", ARG_NUMBER, 0, N_("only numbers above this one") } } },
	{ "show", N_("show one message's recipients and their last replies"), CONTROL_READ, show, { ID } },
	{ "retry", N_("try again now"), CONTROL_WRITE, retry, { ID } },
	{ "hold", N_("keep it back until it is released"), CONTROL_WRITE, hold, { ID } },
	{ "release", N_("let a held message go"), CONTROL_WRITE, retry, { ID } },
	{ "remove", N_("throw it away without a report to its sender"), CONTROL_WRITE, remove_it, { ID } },
};
CONTROL_NOUN(queue, "queue", N_("outgoing mail"));
