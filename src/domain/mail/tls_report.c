#include "domain/mail/tls_report.h"
#include <jansson.h>
#include <stdlib.h>
#include <time.h>
#include "domain/mail/queue.h"
#include "domain/mail/report_mail.h"

#define POST_MAX (4u << 20)
#define POST_EXPIRES_SEC 86400

static json_t *text(struct span s)
{
	json_t *j = json_stringn(s.p ? s.p : "", s.n);

	return j ? j : json_string("?");       /* no UTF-8 */
}

static json_t *lines(struct span s)
{
	json_t *list = json_array();

	while (s.n) {
		struct span line = span_trim(span_cut(&s, '\n'));

		if (line.n)
			json_array_append_new(list, text(line));
	}
	return list;
}

/* The mx lines of a policy's text. */
static json_t *patterns(struct span s)
{
	json_t *list = json_array();

	while (s.n) {
		struct span line = span_trim(span_cut(&s, '\n'));

		if (span_starts(line, SPAN("mx: ")))
			json_array_append_new(list, text(span_from(line, 4)));
	}
	return list;
}

static json_t *policy_of(const struct tls_row *row)
{
	static const char *const types[] = { "", "no-policy-found", "sts", "tlsa" };
	json_t *p = json_object();

	json_object_set_new(p, "policy-type", json_string(types[row->policy]));
	if (row->text.n)
		json_object_set_new(p, "policy-string", lines(row->text));
	json_object_set_new(p, "policy-domain", text(row->domain));
	if (row->policy == TLS_POLICY_STS && row->text.n)
		json_object_set_new(p, "mx-host", patterns(row->text));
	return p;
}

static json_t *failure_of(const struct tls_row *row)
{
	json_t *f = json_object();

	json_object_set_new(f, "result-type", text(row->fault));
	if (row->mx.n)
		json_object_set_new(f, "receiving-mx-hostname", text(row->mx));
	if (row->ip.n)
		json_object_set_new(f, "receiving-ip", text(row->ip));
	json_object_set_new(f, "failed-session-count", json_integer((json_int_t)row->sessions));
	return f;
}

static bool same_policy(const struct tls_row *x, const struct tls_row *y)
{
	return x->policy == y->policy && span_eq(x->text, y->text);
}

/* All rows of one policy; `first` is the first of them. */
static json_t *policy_entry(const struct tls_row *rows, size_t n, const struct tls_row *first)
{
	json_t *entry = json_object(), *summary = json_object(), *failures = json_array();
	json_int_t good = 0, bad = 0;

	for (size_t i = 0; i < n; i++) {
		if (!same_policy(&rows[i], first))
			continue;
		if (rows[i].fault.n)
			json_array_append_new(failures, failure_of(&rows[i]));
		*(rows[i].fault.n ? &bad : &good) += (json_int_t)rows[i].sessions;
	}
	json_object_set_new(summary, "total-successful-session-count", json_integer(good));
	json_object_set_new(summary, "total-failure-session-count", json_integer(bad));
	json_object_set_new(entry, "policy", policy_of(first));
	json_object_set_new(entry, "summary", summary);
	if (json_array_size(failures))
		json_object_set(entry, "failure-details", failures);
	json_decref(failures);
	return entry;
}

static json_t *policies_of(const struct tls_row *rows, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (!same_policy(&rows[k], &rows[i]))
			k++;
		if (k == i)
			json_array_append_new(list, policy_entry(rows, n, &rows[i]));
	}
	return list;
}

/* "2026-11-29" and what follows. */
static struct span date(struct arena *a, int64_t day, const char *rest)
{
	time_t t = (time_t)(day * TLS_DAY_SEC);
	struct tm tm;

	gmtime_r(&t, &tm);
	return arena_printf(a, "%04d-%02d-%02d%s", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, rest);
}

struct span tls_report_json(struct arena *a, const struct tls_report *r, struct span organisation, struct span contact,
	struct span report_id, const struct tls_row *rows, size_t n)
{
	json_t *o = json_object(), *range = json_object();
	struct span out;
	char *s;

	json_object_set_new(o, "organization-name", text(organisation));
	json_object_set_new(range, "start-datetime", text(date(a, r->day, "T00:00:00Z")));
	json_object_set_new(range, "end-datetime", text(date(a, r->day, "T23:59:59Z")));
	json_object_set_new(o, "date-range", range);
	json_object_set_new(o, "contact-info", text(contact));
	json_object_set_new(o, "report-id", text(report_id));
	json_object_set_new(o, "policies", policies_of(rows, n));
	s = json_dumps(o, JSON_INDENT(1));
	json_decref(o);
	out = arena_span(a, span_str(s));
	free(s);
	return out;
}

int64_t tls_report_due_sec(int64_t day, struct span domain)
{
	uint64_t h = 1469598103934665603u ^ (uint64_t)day;

	for (size_t i = 0; i < domain.n; i++)
		h = (h ^ (unsigned char)domain.p[i]) * 1099511628211u;
	return (day + 1) * TLS_DAY_SEC + (int64_t)(h % TLS_REPORT_SPREAD_SEC);
}

struct sending {
	struct org *org;
	struct arena *arena;
	const struct tls_report *report;
	struct span organisation, from;
	struct tls_row *rows;
	size_t n;
	struct report_mail mail;
	struct email_prepared post;    /* the packed JSON alone */
	bool sent;
};

static int read_all(struct tx *tx, void *arg, struct err *e)
{
	struct sending *s = arg;
	struct err why = ERR_INIT;

	if (org_setting_get(s->org, tx, s->arena, "organisation.name", &s->organisation, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	if (report_mail_from(s->org, tx, s->arena, "tls_reports.from", &s->from, e) < 0)
		return e->code;
	return tls_log_list(s->org, tx, s->arena, s->report->day, s->report->day, s->report->domain, TLS_ROWS_MAX, &s->rows, &s->n, e);
}

static void draft(struct sending *s)
{
	const struct tls_report *r = s->report;
	struct arena *a = s->arena;
	ssize_t at = span_rchr(s->from, '@');
	struct span submitter = span_from(s->from, (size_t)(at + 1)), day = date(a, r->day, ""),
		id = arena_printf(a, "%.*s_%.*s@%s", SPAN_F(day), SPAN_F(r->domain), r->hostname);

	s->mail = (struct report_mail){ .hostname = r->hostname, .from = s->from, .n_to = r->to.n, .now_sec = r->now_sec,
		.report_type = "tlsrpt", .type = "application/tlsrpt+gzip" };
	for (size_t i = 0; i < r->to.n; i++)
		s->mail.to[i] = r->to.mailto[i];
	s->mail.subject = arena_printf(a, "Report Domain: %.*s Submitter: %.*s Report-ID: <%.*s>", SPAN_F(r->domain), SPAN_F(submitter),
		SPAN_F(id));
	s->mail.fields = arena_printf(a, "TLS-Report-Domain: %.*s\r\nTLS-Report-Submitter: %.*s\r\n", SPAN_F(r->domain), SPAN_F(submitter));
	s->mail.text = arena_printf(a, "This is an aggregate TLS report from %.*s for %.*s, day %.*s (UTC).\n", SPAN_F(submitter),
		SPAN_F(r->domain), SPAN_F(day));
	s->mail.filename = arena_printf(a, "%.*s!%.*s!%lld!%lld.json.gz", SPAN_F(submitter), SPAN_F(r->domain),
		(long long)(r->day * TLS_DAY_SEC), (long long)((r->day + 1) * TLS_DAY_SEC - 1));
	s->mail.content = tls_report_json(a, r, s->organisation.n ? s->organisation : submitter, s->from, id, s->rows, s->n);
}

static int prepare_post(struct sending *s, struct err *e)
{
	struct span packed;
	SCOPED_BUF b;

	buf_init(&b, POST_MAX);
	if (report_mail_pack(s->mail.content, &b, e) < 0)
		return e->code;
	packed = arena_span(s->arena, buf_span(&b));
	return email_prepare(s->org, s->arena, packed, &s->post, e);
}

static int put_post(struct sending *s, struct tx *tx, struct err *e)
{
	const struct tlsrpt_record *to = &s->report->to;
	int64_t now = s->report->now_sec;
	struct queue_entry q = { .created_sec = now, .expires_sec = now + POST_EXPIRES_SEC, .flags = QUEUE_HTTPS, .sender = s->from,
		.rcpts = ARENA_ARRAY(s->arena, struct queue_rcpt, to->n_https), .n_rcpts = to->n_https };
	uint64_t id;

	for (size_t i = 0; i < to->n_https; i++)
		q.rcpts[i] = (struct queue_rcpt){ .address = to->https[i], .next_sec = now, .notify = NOTIFY_NEVER };
	return queue_add(s->org, tx, s->arena, &s->post, false, &q, &id, e);
}

static int settle(struct tx *tx, void *arg, struct err *e)
{
	struct sending *s = arg;
	int r = tls_log_settle(s->org, tx, s->report->day, s->report->domain, e);

	s->sent = r > 0 && (s->mail.n_to || s->post.size);
	if (!s->sent)
		return r < 0 ? r : 0;
	if (s->mail.n_to && report_mail_put(s->org, tx, s->arena, &s->mail, e) < 0)
		return e->code;
	return s->post.size ? put_post(s, tx, e) : 0;
}

int tls_report_send(struct org *o, struct arena *a, const struct tls_report *r, struct err *e)
{
	struct sending s = { .org = o, .arena = a, .report = r };
	int rc = 0;

	_Static_assert(TLSRPT_ADDRESS_MAX <= REPORT_MAIL_TO_MAX, "all addresses of a record fit into one mail");
	if (store_read(org_store(o), read_all, &s, e) < 0)
		return e->code;
	if (s.n && (r->to.n || r->to.n_https))
		draft(&s);
	if (s.n && r->to.n)
		rc = report_mail_prepare(o, a, &s.mail, e);
	if (rc == 0 && s.n && r->to.n_https)
		rc = prepare_post(&s, e);
	if (rc == 0)
		rc = store_write(org_store(o), settle, &s, e);
	email_prepared_fini(&s.post);
	report_mail_fini(&s.mail);
	return rc < 0 ? rc : s.sent;
}
