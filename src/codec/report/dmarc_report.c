#include "codec/report/dmarc_report.h"
#include <string.h>
#include "base/scan.h"
#include "codec/xml/xml_read.h"

#define TEXT_KEPT_MAX 255
#define COUNT_MAX (1ull << 40)
#define SEC_MAX (1ll << 36)

struct reading {
	struct arena *arena;
	struct dmarc_report *out;
};

static struct dmarc_row *last(struct dmarc_report *r)
{
	return r->n ? &r->rows[r->n - 1] : NULL;
}

static int begin(void *arg, struct span path)
{
	struct reading *r = arg;
	struct dmarc_report *out = r->out;

	if (!span_eqz(path, "feedback/record"))
		return 0;
	if (out->n == DMARC_ROWS_MAX)
		return ERR_TOOBIG;
	if (out->n == out->cap) {
		size_t cap = out->cap ? 2 * out->cap : 16;
		struct dmarc_row *v = ARENA_ARRAY(r->arena, struct dmarc_row, cap);

		if (out->n)
			memcpy(v, out->rows, out->n * sizeof(*v));
		out->rows = v;
		out->cap = cap;
	}
	out->rows[out->n++] = (struct dmarc_row){ .count = 0 };
	return 0;
}

static struct span *text_of(struct dmarc_report *o, struct span path)
{
	struct dmarc_row *row = last(o);
	const struct {
		const char *path;
		struct span *to;
	} rows[] = {
		{ "feedback/report_metadata/org_name", &o->organisation },
		{ "feedback/report_metadata/report_id", &o->report_id },
		{ "feedback/policy_published/domain", &o->domain },
		{ "feedback/record/row/source_ip", row ? &row->source_ip : NULL },
		{ "feedback/record/row/policy_evaluated/disposition", row ? &row->disposition : NULL },
		{ "feedback/record/row/policy_evaluated/dkim", row ? &row->dkim : NULL },
		{ "feedback/record/row/policy_evaluated/spf", row ? &row->spf : NULL },
		{ "feedback/record/identifiers/header_from", row ? &row->header_from : NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (span_eqz(path, rows[i].path))
			return rows[i].to;
	return NULL;
}

static int end(void *arg, struct span path, struct span text)
{
	struct reading *r = arg;
	struct dmarc_report *o = r->out;
	struct span *to = text_of(o, path);
	uint64_t n = 0;

	if (to) {
		*to = arena_span(r->arena, span_sub(text, 0, TEXT_KEPT_MAX));
	} else if (span_eqz(path, "feedback/record/row/count")) {
		if (!span_num(text, &last(o)->count, 0, COUNT_MAX))
			return ERR_SYNTAX;
	} else if (span_eqz(path, "feedback/report_metadata/date_range/begin")) {
		if (!span_num(text, &n, 0, SEC_MAX))
			return ERR_SYNTAX;
		o->begin_sec = (int64_t)n;
	} else if (span_eqz(path, "feedback/report_metadata/date_range/end")) {
		if (!span_num(text, &n, 0, SEC_MAX))
			return ERR_SYNTAX;
		o->end_sec = (int64_t)n;
	}
	return 0;
}

int dmarc_report_parse(struct arena *a, struct span xml, struct dmarc_report *out, struct err *e)
{
	struct reading r = { a, out };
	struct xml_sink sink = { .arg = &r, .begin = begin, .end = end, .elements_max = 100 * DMARC_ROWS_MAX };
	int rc;

	*out = (struct dmarc_report){ .n = 0 };
	rc = xml_read(xml, &sink, e);
	if (rc < 0)
		return rc;
	if (!out->domain.n || !out->report_id.n)
		return err_set(e, ERR_SYNTAX, "This is no DMARC report", "dmarc report without domain or id");
	return 0;
}
