#include "bus/scan_job.h"
#include "base/wire.h"

#define TEXT_MAX 4096

void scan_jobs_encode(struct buf *b, const struct scan_job *v, size_t n)
{
	wire_u16(b, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		const struct scan_envelope *w = &v[i].envelope;

		wire_u64(b, v[i].id);
		wire_u64(b, v[i].size);
		wire_u8(b, (uint8_t)v[i].what);
		wire_span(b, w->ip);
		wire_span(b, w->helo);
		wire_span(b, w->sender);
		wire_span(b, w->user);
		wire_u16(b, (uint16_t)w->n_rcpts);
		for (size_t k = 0; k < w->n_rcpts; k++)
			wire_span(b, w->rcpts[k]);
	}
}

static bool job_get(struct arena *a, struct wire *w, struct scan_job *out)
{
	struct scan_envelope *v = &out->envelope;
	struct span *rcpts;

	*out = (struct scan_job){ .id = wire_get_u64(w), .size = wire_get_u64(w), .what = wire_get_u8(w) };
	v->ip = wire_get_span(w, TEXT_MAX);
	v->helo = wire_get_span(w, TEXT_MAX);
	v->sender = wire_get_span(w, TEXT_MAX);
	v->user = wire_get_span(w, TEXT_MAX);
	v->n_rcpts = wire_get_u16(w);
	if (w->failed || v->n_rcpts > SCAN_RCPTS_MAX)
		return false;
	v->rcpts = rcpts = ARENA_ARRAY(a, struct span, v->n_rcpts + 1);
	for (size_t k = 0; k < v->n_rcpts; k++)
		rcpts[k] = wire_get_span(w, TEXT_MAX);
	return !w->failed;
}

int scan_jobs_decode(struct arena *a, struct span in, struct scan_job *out, size_t *n_out, struct err *e)
{
	struct wire w = wire_open(in);
	size_t n = wire_get_u16(&w);

	*n_out = 0;
	if (w.failed || n > SCAN_JOBS_MAX)
		return err_set(e, ERR_SYNTAX, "", "%zu scans", n);
	for (size_t i = 0; i < n; i++)
		if (!job_get(a, &w, &out[i]))
			return err_set(e, ERR_SYNTAX, "", "scan %zu is malformed", i);
	*n_out = n;
	return wire_done(&w) ? 0 : err_set(e, ERR_SYNTAX, "", "scans are cut");
}

void scan_results_encode(struct buf *b, unsigned wanted, const struct scan_result *v, size_t n)
{
	wire_u16(b, (uint16_t)wanted);
	wire_u16(b, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		wire_u64(b, v[i].id);
		wire_u8(b, (uint8_t)v[i].spam_state);
		wire_u8(b, (uint8_t)v[i].virus_state);
		wire_u8(b, (uint8_t)v[i].spam.action);
		wire_u64(b, (uint64_t)v[i].spam.score_milli);
		wire_u64(b, (uint64_t)v[i].spam.required_milli);
		wire_span(b, v[i].spam.words);
		wire_span(b, v[i].spam.message);
		wire_span(b, v[i].virus);
	}
}

static bool result_get(struct wire *w, struct scan_result *r)
{
	*r = (struct scan_result){ .id = wire_get_u64(w), .spam_state = wire_get_u8(w), .virus_state = wire_get_u8(w) };
	r->spam.action = wire_get_u8(w);
	r->spam.score_milli = (int64_t)wire_get_u64(w);
	r->spam.required_milli = (int64_t)wire_get_u64(w);
	r->spam.words = wire_get_span(w, SCAN_WORDS_MAX);
	r->spam.message = wire_get_span(w, TEXT_MAX);
	r->virus = wire_get_span(w, SCAN_NAME_MAX);
	return !w->failed && r->spam_state <= SCAN_FAILED && r->virus_state <= SCAN_TOO_LARGE && r->spam.action <= SCAN_REJECT;
}

int scan_results_decode(struct span in, unsigned *wanted_out, struct scan_result *out, size_t *n_out, struct err *e)
{
	struct wire w = wire_open(in);
	unsigned wanted = wire_get_u16(&w);
	size_t n = wire_get_u16(&w);

	*n_out = 0;
	*wanted_out = 0;
	if (w.failed || n > SCAN_JOBS_MAX)
		return err_set(e, ERR_SYNTAX, "", "%zu results", n);
	for (size_t i = 0; i < n; i++)
		if (!result_get(&w, &out[i]))
			return err_set(e, ERR_SYNTAX, "", "result %zu is malformed", i);
	if (!wire_done(&w))
		return err_set(e, ERR_SYNTAX, "", "results are cut");
	*n_out = n;
	*wanted_out = wanted < SCAN_JOBS_MAX ? wanted : SCAN_JOBS_MAX;
	return 0;
}
