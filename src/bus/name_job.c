#include "bus/name_job.h"
#include "base/wire.h"

void name_questions_encode(struct buf *b, const struct name_question *v, size_t n)
{
	wire_u16(b, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		wire_u64(b, v[i].id);
		wire_u16(b, (uint16_t)v[i].type);
		wire_span(b, v[i].name);
	}
}

int name_questions_decode(struct arena *a, struct span in, struct name_question **out, size_t *n_out, struct err *e)
{
	struct wire w = wire_open(in);
	size_t n = wire_get_u16(&w);

	*n_out = 0;
	if (w.failed || n > NAME_JOBS_MAX)
		return err_set(e, ERR_SYNTAX, "", "%zu questions", n);
	*out = ARENA_ARRAY(a, struct name_question, n + 1);
	for (size_t i = 0; i < n; i++) {
		struct name_question *q = &(*out)[i];

		q->id = wire_get_u64(&w);
		q->type = wire_get_u16(&w);
		q->name = wire_get_span(&w, DNS_NAME_MAX);
		if (w.failed || !dns_name_ok(q->name))
			return err_set(e, ERR_SYNTAX, "", "question %zu is malformed", i);
	}
	*n_out = n;
	return wire_done(&w) ? 0 : err_set(e, ERR_SYNTAX, "", "questions are cut");
}

void name_answers_encode(struct buf *b, const struct name_answer *v, size_t n)
{
	wire_u16(b, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		wire_u64(b, v[i].id);
		wire_u8(b, (uint8_t)v[i].answer.status);
		wire_u8(b, v[i].answer.secure);
		wire_u32(b, v[i].ttl_sec);
		wire_u16(b, (uint16_t)v[i].answer.n);
		for (size_t k = 0; k < v[i].answer.n; k++)
			wire_span(b, v[i].answer.v[k]);
	}
}

static bool answer_get(struct arena *a, struct wire *w, struct name_answer *out)
{
	struct span *v;
	size_t len = 0;

	out->id = wire_get_u64(w);
	out->answer.status = wire_get_u8(w);
	out->answer.secure = wire_get_u8(w);
	out->ttl_sec = wire_get_u32(w);
	out->answer.n = wire_get_u16(w);
	if (w->failed || out->answer.status > DNS_FAILED || out->answer.n > DNS_RECORDS_MAX)
		return false;
	out->answer.v = v = ARENA_ARRAY(a, struct span, out->answer.n + 1);
	for (size_t i = 0; i < out->answer.n; i++) {
		v[i] = wire_get_span(w, NAME_RECORDS_LEN_MAX);
		len += v[i].n;
	}
	return !w->failed && len <= NAME_RECORDS_LEN_MAX;
}

int name_answers_decode(struct arena *a, struct span in, struct name_answer **out, size_t *n_out, struct err *e)
{
	struct wire w = wire_open(in);
	size_t n = wire_get_u16(&w);

	*n_out = 0;
	if (w.failed || n > NAME_JOBS_MAX)
		return err_set(e, ERR_SYNTAX, "", "%zu answers", n);
	*out = ARENA_ARRAY(a, struct name_answer, n + 1);
	for (size_t i = 0; i < n; i++)
		if (!answer_get(a, &w, &(*out)[i]))
			return err_set(e, ERR_SYNTAX, "", "answer %zu is malformed", i);
	*n_out = n;
	return wire_done(&w) ? 0 : err_set(e, ERR_SYNTAX, "", "answers are cut");
}
