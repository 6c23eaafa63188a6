/* Any bytes as a job or a result: never crashes; what is taken has one written form, which is read the same again. */
#include <stdlib.h>
#include <string.h>
#include "bus/name_job.h"
#include "bus/out_job.h"
#include "bus/scan_job.h"

static void same(const struct buf *x, const struct buf *y)
{
	if (x->failed || y->failed || x->n != y->n || memcmp(x->p, y->p, x->n) != 0)
		abort();
}

static void try_job(struct arena *a, struct span in, struct buf *x, struct buf *y)
{
	struct out_job job;
	struct err e = ERR_INIT;

	if (out_job_decode(a, in, &job, &e) < 0)
		return;
	out_job_encode(x, &job);
	if (out_job_decode(a, buf_span(x), &job, &e) < 0)
		abort();
	out_job_encode(y, &job);
	same(x, y);
}

static void try_result(struct arena *a, struct span in, struct buf *x, struct buf *y)
{
	struct out_result result;
	struct err e = ERR_INIT;

	if (out_result_decode(a, in, &result, &e) < 0)
		return;
	out_result_encode(x, &result);
	if (out_result_decode(a, buf_span(x), &result, &e) < 0)
		abort();
	out_result_encode(y, &result);
	same(x, y);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
static void try_names(struct arena *a, struct span in, struct buf *x, struct buf *y)
{
	struct name_question *q;
	struct name_answer *v;
	struct err e = ERR_INIT;
	size_t n;

	if (name_questions_decode(a, in, &q, &n, &e) == 0) {
		name_questions_encode(x, q, n);
		if (!span_eq(buf_span(x), in))
			abort();
	}
	buf_reset(x);
	if (name_answers_decode(a, in, &v, &n, &e) < 0)
		return;
	name_answers_encode(x, v, n);
	if (name_answers_decode(a, buf_span(x), &v, &n, &e) < 0)
		abort();
	name_answers_encode(y, v, n);
	same(x, y);
}

static void try_scans(struct arena *a, struct span in, struct buf *x, struct buf *y)
{
	struct scan_job jobs[SCAN_JOBS_MAX];
	struct scan_result results[SCAN_JOBS_MAX];
	unsigned wanted;
	size_t n;

	if (scan_jobs_decode(a, in, jobs, &n, NULL) == 0) {
		scan_jobs_encode(x, jobs, n);
		if (!span_eq(buf_span(x), in))
			abort();
	}
	buf_reset(x);
	if (scan_results_decode(in, &wanted, results, &n, NULL) < 0)
		return;
	scan_results_encode(x, wanted, results, n);
	if (scan_results_decode(buf_span(x), &wanted, results, &n, NULL) < 0)
		abort();
	scan_results_encode(y, wanted, results, n);
	same(x, y);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF x, y;

	buf_init(&x, 16u << 20);
	buf_init(&y, 16u << 20);
	if (n)
		(p[0] & 8 ? try_scans : p[0] & 4 ? try_names : p[0] & 1 ? try_job : try_result)(a, SPAN_BYTES(p + 1, n - 1), &x, &y);
	return 0;
}
