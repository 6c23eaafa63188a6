/* kontor queue ... */
#include <time.h>
#include "base/time.h"
#include "codec/smtp/smtp_address.h"
#include "domain/mail/queue.h"
#include "domain/mail/tls_log.h"
#include "proto/control/control_int.h"

#define LIST_MAX 1000

static const char *state_name(enum queue_state s)
{
	static const char *const names[] = { "", "ready", "leased", "held", "shunted" };

	return names[s];
}

static json_t *row(const struct queue_entry *q, bool full)
{
	json_t *o = json_object(), *list = json_array();

	control_put_int(o, "id", q->id);
	control_put(o, "sender", q->sender.n ? q->sender : SPAN("<>"));
	control_put_int(o, "size", q->size);
	control_put_time(o, "created", q->created_sec);
	control_put_time(o, "expires", q->expires_sec);
	if (!full && q->n_rcpts) {
		control_put(o, "recipient", q->rcpts[0].address);
		control_put_int(o, "recipients", q->n_rcpts);
		json_object_set_new(o, "state", json_string(state_name(q->rcpts[0].state)));
		control_put_time(o, "next", q->rcpts[0].next_sec);
	}
	for (size_t i = 0; full && i < q->n_rcpts; i++) {
		json_t *r = json_object();

		control_put(r, "address", q->rcpts[i].address);
		json_object_set_new(r, "state", json_string(state_name(q->rcpts[i].state)));
		control_put_int(r, "attempts", q->rcpts[i].attempts);
		control_put_time(r, "next", q->rcpts[i].next_sec);
		control_put(r, "last_reply", q->rcpts[i].last_reply);
		json_array_append_new(list, r);
	}
	if (full)
		json_object_set(o, "recipients", list);
	json_decref(list);
	return o;
}

static bool has_held(const struct queue_entry *q)
{
	for (size_t i = 0; i < q->n_rcpts; i++)
		if (q->rcpts[i].state == QUEUE_HELD)
			return true;
	return false;
}

static int list_all(struct control *c, struct tx *tx, bool held, struct err *e)
{
	json_t *out = json_array();
	struct queue_entry *v;
	size_t n = 0;
	int rc = queue_list(c->org, tx, c->arena, 0, LIST_MAX, &v, &n, e);

	control_result(c, out);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (!held || has_held(&v[i]))
			json_array_append_new(out, row(&v[i], false));
	return rc;
}

static int list(struct control *c, struct tx *tx, struct err *e)
{
	return list_all(c, tx, false, e);
}

static int list_held(struct control *c, struct tx *tx, struct err *e)
{
	return list_all(c, tx, true, e);
}

static int entry_id(struct control *c, uint64_t *out, struct err *e)
{
	return control_number(c, "id", 0, INT64_MAX, out, e);
}

static int show(struct control *c, struct tx *tx, struct err *e)
{
	struct queue_entry q;
	uint64_t id;

	if (entry_id(c, &id, e) < 0 || queue_get(c->org, tx, c->arena, id, &q, e) < 0)
		return e->code;
	control_result(c, row(&q, true));
	return 0;
}

static int set(struct control *c, struct tx *tx, enum queue_state state, struct err *e)
{
	uint64_t id;

	if (entry_id(c, &id, e) < 0)
		return e->code;
	return queue_set_state(c->org, tx, id, state, time_real_sec(), e);
}

static int retry(struct control *c, struct tx *tx, struct err *e)
{
	return set(c, tx, QUEUE_READY, e);
}

static int hold(struct control *c, struct tx *tx, struct err *e)
{
	return set(c, tx, QUEUE_HELD, e);
}

static int remove_entry(struct control *c, struct tx *tx, struct err *e)
{
	uint64_t id;

	if (entry_id(c, &id, e) < 0)
		return e->code;
	return queue_remove(c->org, tx, id, e);
}

/* ---- how TLS went ---- */

#define TLS_ROWS 2000

static const char *policy_name(enum tls_policy p)
{
	return p == TLS_POLICY_TLSA ? "DANE" : p == TLS_POLICY_STS ? "MTA-STS" : "none";
}

static int tls(struct control *c, struct tx *tx, struct err *e)
{
	struct span domain = control_text(c, "domain");
	json_t *out = json_array();
	int64_t today = time_real_sec() / TLS_DAY_SEC;
	struct tls_row *v;
	uint64_t days;
	size_t n;

	control_result(c, out);
	if (control_number(c, "days", 7, TLS_DAYS_KEPT, &days, e) < 0 ||
		(domain.n && smtp_domain_ascii(c->arena, domain, &domain, e) < 0) ||
		tls_log_list(c->org, tx, c->arena, today - (int64_t)days + 1, today, domain, TLS_ROWS, &v, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();
		time_t t = (time_t)(v[i].day * TLS_DAY_SEC);
		char day[16] = "";
		struct tm tm;

		if (gmtime_r(&t, &tm))
			strftime(day, sizeof(day), "%Y-%m-%d", &tm);
		json_object_set_new(o, "day", json_string(day));
		control_put(o, "domain", v[i].domain);
		json_object_set_new(o, "policy", json_string(policy_name(v[i].policy)));
		control_put(o, "server", v[i].mx);
		control_put(o, "result", v[i].fault.n ? v[i].fault : SPAN("ok"));
		control_put_int(o, "sessions", v[i].sessions);
		json_array_append_new(out, o);
	}
	return 0;
}

#define ID { "id", ARG_NUMBER, ARG_POSITION | ARG_NEEDED, N_("number of the message in the queue") }

static const struct control_command commands[] = {
	{ "list", N_("list what waits to go out"), CONTROL_READ, list, { { 0 } } },
	{ "held", N_("list what is held, by hand or with its account"), CONTROL_READ, list_held, { { 0 } } },
	{ "show", N_("show one message with its recipients and the last answers"), CONTROL_READ, show, { ID } },
	{ "retry", N_("try now, also what is held or shunted"), CONTROL_WRITE, retry, { ID } },
	{ "hold", N_("keep it until it is released"), CONTROL_WRITE, hold, { ID } },
	{ "release", N_("let a held message go; the same as `retry`"), CONTROL_WRITE, retry, { ID } },
	{ "remove", N_("throw it away; nobody is told"), CONTROL_WRITE, remove_entry, { ID } },
	{ "tls", N_("how TLS to other domains' servers went, by day, policy and result"), CONTROL_READ, tls, {
		{ "domain", ARG_TEXT, ARG_POSITION, N_("of this domain only") },
		{ "days", ARG_NUMBER, 0, N_("how many days back (7)") } } },
};
CONTROL_NOUN(queue, "queue", N_("mail on its way out"));
