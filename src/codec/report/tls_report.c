#include "codec/report/tls_report.h"
#include <jansson.h>

#define TEXT_KEPT_MAX 255

static struct span text(struct arena *a, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? arena_span(a, span_sub(SPAN_BYTES(json_string_value(v), json_string_length(v)), 0,
		TEXT_KEPT_MAX)) : SPAN_NONE;
}

static uint64_t number(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 && n < (1ll << 40) ? (uint64_t)n : 0;
}

static int read_policy(struct arena *a, const json_t *p, struct tlsrpt_report *out)
{
	const json_t *policy = json_object_get(p, "policy"), *summary = json_object_get(p, "summary");
	const json_t *failures = json_object_get(p, "failure-details"), *f;
	struct tlsrpt_row row = { .domain = text(a, policy, "policy-domain"), .policy = text(a, policy, "policy-type") };
	size_t i;

	if (out->n == TLSRPT_ROWS_MAX)
		return ERR_TOOBIG;
	out->rows[out->n] = row;
	out->rows[out->n].good = number(summary, "total-successful-session-count");
	out->rows[out->n++].failed = number(summary, "total-failure-session-count");
	json_array_foreach(failures, i, f) {
		if (out->n == TLSRPT_ROWS_MAX)
			return ERR_TOOBIG;
		out->rows[out->n] = row;
		out->rows[out->n].result = text(a, f, "result-type");
		out->rows[out->n].mx = text(a, f, "receiving-mx-hostname");
		out->rows[out->n++].failed = number(f, "failed-session-count");
	}
	return 0;
}

int tls_report_parse(struct arena *a, struct span in, struct tlsrpt_report *out, struct err *e)
{
	json_t *root, *policies, *p;
	int r = 0;
	size_t i;

	*out = (struct tlsrpt_report){ .n = 0 };
	if (in.n > TLS_REPORT_MAX)
		return err_set(e, ERR_TOOBIG, "The report is too large", "tls report of %zu", in.n);
	root = json_loadb(in.n ? in.p : "", in.n, 0, NULL);
	policies = json_object_get(root, "policies");
	out->organisation = text(a, root, "organization-name");
	out->report_id = text(a, root, "report-id");
	out->rows = ARENA_ARRAY(a, struct tlsrpt_row, TLSRPT_ROWS_MAX);
	json_array_foreach(policies, i, p)
		r = r < 0 ? r : read_policy(a, p, out);
	if (!json_is_array(policies) || !out->report_id.n)
		r = ERR_SYNTAX;
	json_decref(root);
	return r < 0 ? err_set(e, r, r == ERR_TOOBIG ? "The report is too large" : "This is no TLS report", "tls report") : 0;
}
