#include "bus/out_job.h"
#include "base/wire.h"

#define TEXT_MAX 4096
#define POLICY_MAX 20000              /* octets of a policy in its short form */

void out_job_encode(struct buf *b, const struct out_job *j)
{
	wire_u64(b, j->message_id);
	wire_u64(b, j->size);
	wire_u32(b, j->flags);
	wire_span(b, j->sender);
	wire_span(b, j->envid);
	wire_span(b, j->domain);
	wire_span(b, j->smarthost);
	wire_span(b, j->smarthost_user);
	wire_span(b, j->smarthost_password);
	wire_u8(b, j->smarthost_tls);
	wire_span(b, j->sts_id);
	wire_span(b, j->sts_text);
	wire_u64(b, (uint64_t)j->sts_until_sec);
	wire_u64(b, (uint64_t)j->next_due_sec);
	wire_u16(b, (uint16_t)j->n_rcpts);
	for (size_t i = 0; i < j->n_rcpts; i++) {
		wire_u64(b, j->rcpts[i].id);
		wire_span(b, j->rcpts[i].address);
		wire_span(b, j->rcpts[i].orcpt);
		wire_u8(b, (uint8_t)j->rcpts[i].notify);
	}
}

int out_job_decode(struct arena *a, struct span in, struct out_job *j, struct err *e)
{
	struct wire w = wire_open(in);

	*j = (struct out_job){ .message_id = wire_get_u64(&w) };
	j->size = wire_get_u64(&w);
	j->flags = wire_get_u32(&w);
	j->sender = wire_get_span(&w, TEXT_MAX);
	j->envid = wire_get_span(&w, TEXT_MAX);
	j->domain = wire_get_span(&w, TEXT_MAX);
	j->smarthost = wire_get_span(&w, TEXT_MAX);
	j->smarthost_user = wire_get_span(&w, TEXT_MAX);
	j->smarthost_password = wire_get_span(&w, TEXT_MAX);
	j->smarthost_tls = wire_get_u8(&w);
	j->sts_id = wire_get_span(&w, 64);
	j->sts_text = wire_get_span(&w, POLICY_MAX);
	j->sts_until_sec = (int64_t)wire_get_u64(&w);
	j->next_due_sec = (int64_t)wire_get_u64(&w);
	j->n_rcpts = wire_get_u16(&w);
	if (w.failed || j->n_rcpts > OUT_RCPTS_MAX)
		return err_set(e, ERR_SYNTAX, "", "job of %zu recipients", j->n_rcpts);
	j->rcpts = ARENA_ARRAY(a, struct out_rcpt, j->n_rcpts);
	for (size_t i = 0; i < j->n_rcpts; i++) {
		j->rcpts[i].id = wire_get_u64(&w);
		j->rcpts[i].address = wire_get_span(&w, TEXT_MAX);
		j->rcpts[i].orcpt = wire_get_span(&w, TEXT_MAX);
		j->rcpts[i].notify = wire_get_u8(&w);
	}
	if (!wire_done(&w))
		return err_set(e, ERR_SYNTAX, "", "job is cut");
	return 0;
}

void out_result_encode(struct buf *b, const struct out_result *r)
{
	wire_u64(b, r->message_id);
	wire_u8(b, r->tls);
	wire_u16(b, (uint16_t)r->n_rows);
	for (size_t i = 0; i < r->n_rows; i++) {
		wire_u64(b, r->rows[i].rcpt_id);
		wire_u8(b, r->rows[i].outcome);
		wire_span(b, r->rows[i].status);
		wire_span(b, r->rows[i].reply);
		wire_span(b, r->rows[i].remote_mta);
	}
	wire_u16(b, (uint16_t)r->n_sessions);
	for (size_t i = 0; i < r->n_sessions; i++) {
		wire_u8(b, r->sessions[i].policy);
		wire_span(b, r->sessions[i].text);
		wire_span(b, r->sessions[i].fault);
		wire_span(b, r->sessions[i].mx);
		wire_span(b, r->sessions[i].ip);
	}
	wire_span(b, r->sts_id);
	wire_span(b, r->sts_text);
}

static void sessions_get(struct wire *w, struct out_result *r)
{
	r->n_sessions = wire_get_u16(w);
	if (r->n_sessions > OUT_TLS_MAX)
		w->failed = true;
	for (size_t i = 0; i < r->n_sessions && !w->failed; i++) {
		struct out_tls *t = &r->sessions[i];
		unsigned policy = wire_get_u8(w);

		if (policy < OUT_POLICY_NONE || policy > OUT_POLICY_TLSA)
			w->failed = true;
		t->policy = (enum out_policy)policy;
		t->text = wire_get_span(w, POLICY_MAX);
		t->fault = wire_get_span(w, 64);
		t->mx = wire_get_span(w, 256);
		t->ip = wire_get_span(w, 64);
	}
}

int out_result_decode(struct arena *a, struct span in, struct out_result *r, struct err *e)
{
	struct wire w = wire_open(in);

	*r = (struct out_result){ .message_id = wire_get_u64(&w) };
	r->tls = wire_get_u8(&w);
	r->n_rows = wire_get_u16(&w);
	if (w.failed || r->n_rows > OUT_RCPTS_MAX)
		return err_set(e, ERR_SYNTAX, "", "result of %zu rows", r->n_rows);
	r->rows = ARENA_ARRAY(a, struct out_row, r->n_rows);
	for (size_t i = 0; i < r->n_rows; i++) {
		uint8_t outcome;

		r->rows[i].rcpt_id = wire_get_u64(&w);
		outcome = wire_get_u8(&w);
		if (outcome < OUT_SENT || outcome > OUT_REFUSED)
			return err_set(e, ERR_SYNTAX, "", "outcome %u", outcome);
		r->rows[i].outcome = (enum out_outcome)outcome;
		r->rows[i].status = wire_get_span(&w, 64);
		r->rows[i].reply = wire_get_span(&w, TEXT_MAX);
		r->rows[i].remote_mta = wire_get_span(&w, TEXT_MAX);
	}
	sessions_get(&w, r);
	r->sts_id = wire_get_span(&w, 64);
	r->sts_text = wire_get_span(&w, POLICY_MAX);
	if (!wire_done(&w))
		return err_set(e, ERR_SYNTAX, "", "result is cut");
	return 0;
}
