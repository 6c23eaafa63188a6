#include "domain/mail/dmarc_send.h"

#define XML_REPORT_MAX (8u << 20)

struct sending {
	struct org *org;
	struct arena *arena;
	const struct dmarc_send *what;
	struct span organisation, from;
	struct dmarc_line *lines;
	size_t n;
	struct report_mail mail;
	bool sent;
};

static int read_all(struct tx *tx, void *arg, struct err *e)
{
	struct sending *s = arg;
	const struct dmarc_send *w = s->what;
	struct err why = ERR_INIT;

	if (org_setting_get(s->org, tx, s->arena, "organisation.name", &s->organisation, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	if (report_mail_from(s->org, tx, s->arena, "dmarc_reports.from", &s->from, e) < 0)
		return e->code;
	return dmarc_log_list(s->org, tx, s->arena, w->day, w->day, w->domain, DMARC_KINDS_MAX, &s->lines, &s->n, e);
}

static int write_xml(struct sending *s, struct span submitter, struct span report_id, struct err *e)
{
	const struct dmarc_send *w = s->what;
	struct dmarc_result *rows = ARENA_ARRAY(s->arena, struct dmarc_result, s->n);
	struct dmarc_feedback f = { .organisation = s->organisation.n ? s->organisation : submitter, .email = s->from, .report_id = report_id,
		.begin_sec = w->day * DMARC_DAY_SEC, .end_sec = (w->day + 1) * DMARC_DAY_SEC - 1, .domain = w->domain,
		.p = dmarc_policy_name(w->policy.policy), .sp = dmarc_policy_name(w->policy.subdomains),
		.np = dmarc_policy_name(w->policy.missing), .strict_dkim = w->policy.strict_dkim, .strict_spf = w->policy.strict_spf,
		.testing = w->policy.testing, .rows = rows, .n = s->n };
	SCOPED_BUF b;

	buf_init(&b, XML_REPORT_MAX);
	for (size_t i = 0; i < s->n; i++)
		rows[i] = s->lines[i].seen.result;
	if (s->lines[0].missed)
		f.error = arena_printf(s->arena, "Too many different results: %llu further messages are not listed.",
			(unsigned long long)s->lines[0].missed);
	if (dmarc_report_write(&b, &f, e) < 0)
		return e->code;
	s->mail.content = arena_span(s->arena, buf_span(&b));
	return 0;
}

static int draft(struct sending *s, struct err *e)
{
	const struct dmarc_send *w = s->what;
	struct arena *a = s->arena;
	ssize_t at = span_rchr(s->from, '@');
	struct span submitter = span_from(s->from, (size_t)(at + 1)),
		id = arena_printf(a, "%lld.%.*s@%s", (long long)w->day, SPAN_F(w->domain), w->hostname);

	s->mail = (struct report_mail){ .hostname = w->hostname, .from = s->from, .n_to = w->n_to, .now_sec = w->now_sec,
		.type = "application/gzip" };
	for (size_t i = 0; i < w->n_to; i++) {
		s->mail.to[i] = w->to[i].address;
		s->mail.size_max[i] = w->to[i].size_max;
	}
	s->mail.subject = arena_printf(a, "Report Domain: %.*s\r\n Submitter: %.*s\r\n Report-ID: <%.*s>", SPAN_F(w->domain), SPAN_F(submitter),
		SPAN_F(id));
	s->mail.text = arena_printf(a, "This is a DMARC aggregate report from %.*s for %.*s (RFC 9990).\n", SPAN_F(submitter),
		SPAN_F(w->domain));
	s->mail.filename = arena_printf(a, "%.*s!%.*s!%lld!%lld.xml.gz", SPAN_F(submitter), SPAN_F(w->domain),
		(long long)(w->day * DMARC_DAY_SEC), (long long)((w->day + 1) * DMARC_DAY_SEC - 1));
	return write_xml(s, submitter, id, e);
}

static int settle(struct tx *tx, void *arg, struct err *e)
{
	struct sending *s = arg;
	int r = dmarc_log_settle(s->org, tx, s->what->day, s->what->domain, s->mail.n_to ? DMARC_SENT : DMARC_NOBODY, e);

	s->sent = false;
	if (r <= 0 || !s->mail.n_to)
		return r < 0 ? r : 0;
	s->sent = true;
	return report_mail_put(s->org, tx, s->arena, &s->mail, e);
}

int dmarc_send(struct org *o, struct arena *a, const struct dmarc_send *what, struct err *e)
{
	struct sending s = { .org = o, .arena = a, .what = what };
	int rc;

	if (store_read(org_store(o), read_all, &s, e) < 0)
		return e->code;
	if (s.n && what->n_to && (draft(&s, e) < 0 || report_mail_prepare(o, a, &s.mail, e) < 0))
		return e->code;
	rc = store_write(org_store(o), settle, &s, e);
	report_mail_fini(&s.mail);
	return rc < 0 ? rc : s.sent;
}
