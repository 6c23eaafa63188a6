/* kontor report ... : what others report about mail in our name and about their connections to us, and what we tell them. */
#include <stdlib.h>
#include <time.h>
#include "base/time.h"
#include "codec/smtp/smtp_address.h"
#include "domain/mail/dmarc_log.h"
#include "domain/mail/report_in.h"
#include "proto/control/control_int.h"

#define ROWS_MAX 2000                 /* different rows kept while counting; more are dropped */
#define DAY_SEC 86400
#define DAYS_SHOWN 30

struct table {
	struct control *c;
	json_t *rows;                     /* by key */
	struct span domain;
};

/* The row with these texts (keys and values by turns, ends with NULL), made when it is not there yet. */
static json_t *row_of(struct table *t, const char *const keys[], const struct span values[], size_t n)
{
	SCOPED_BUF key;
	json_t *row;

	buf_init(&key, 8192);
	for (size_t i = 0; i < n; i++) {
		buf_add(&key, values[i]);
		buf_addc(&key, '\n');
	}
	row = json_object_getn(t->rows, key.p, key.n);
	if (row || json_object_size(t->rows) >= ROWS_MAX)
		return row;
	row = json_object();
	for (size_t i = 0; i < n; i++)
		control_put(row, keys[i], values[i]);
	if (json_object_setn_new(t->rows, key.p, key.n, row) < 0)
		return NULL;
	return row;
}

static void count(json_t *row, const char *key, uint64_t n)
{
	uint64_t had = (uint64_t)json_integer_value(json_object_get(row, key));

	if (row)
		control_put_int(row, key, had + n);
}

static bool wanted(const struct table *t, struct span domain)
{
	return !t->domain.n || span_ieq(t->domain, domain);
}

static struct span or_dash(struct span s)
{
	return s.n ? s : SPAN("-");
}

static int each_dmarc(void *arg, const struct report_in *r, struct err *e)
{
	static const char *const keys[] = { "domain", "reporter", "confirmed", "source", "header_from", "disposition", "dkim", "spf" };
	struct table *t = arg;

	(void)e;
	for (size_t i = 0; wanted(t, r->domain) && i < r->dmarc.n; i++) {
		const struct dmarc_row *d = &r->dmarc.rows[i];
		const struct span values[] = { r->domain, or_dash(r->organisation), or_dash(r->authentic), or_dash(d->source_ip),
			or_dash(d->header_from), or_dash(d->disposition), or_dash(d->dkim), or_dash(d->spf) };

		count(row_of(t, keys, values, 8), "messages", d->count);
	}
	return 0;
}

static int each_tls(void *arg, const struct report_in *r, struct err *e)
{
	static const char *const keys[] = { "domain", "reporter", "confirmed", "policy", "result", "mx" };
	struct table *t = arg;

	(void)e;
	for (size_t i = 0; i < r->tls.n; i++) {
		const struct tlsrpt_row *d = &r->tls.rows[i];
		const struct span values[] = { or_dash(d->domain), or_dash(r->organisation), or_dash(r->authentic), or_dash(d->policy),
			d->result.n ? d->result : SPAN("all"), or_dash(d->mx) };
		json_t *row = wanted(t, d->domain) ? row_of(t, keys, values, 6) : NULL;

		count(row, "good", d->good);
		count(row, "failed", d->failed);
	}
	return 0;
}

static int more(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	json_int_t n = json_integer_value(json_object_get(x, "messages")) + json_integer_value(json_object_get(x, "failed"));
	json_int_t m = json_integer_value(json_object_get(y, "messages")) + json_integer_value(json_object_get(y, "failed"));

	return (n < m) - (n > m);
}

static int show(struct control *c, struct tx *tx, enum report_kind kind, struct err *e)
{
	struct table t = { .c = c, .rows = json_object(), .domain = control_text(c, "domain") };
	json_t *out = json_array(), *row, **sorted;
	const char *key;
	uint64_t days;
	size_t n = 0;
	int rc;

	control_result(c, out);
	rc = control_number(c, "days", DAYS_SHOWN, 3650, &days, e);
	if (rc == 0)
		rc = report_in_each(c->org, tx, kind, time_real_sec() - (int64_t)days * DAY_SEC, kind == REPORT_IN_DMARC ? each_dmarc :
			each_tls, &t, e);
	sorted = ARENA_ARRAY(c->arena, json_t *, json_object_size(t.rows) + 1);
	json_object_foreach(t.rows, key, row)
		sorted[n++] = row;
	qsort(sorted, n, sizeof(*sorted), more);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, sorted[i]);
	json_decref(t.rows);
	return rc;
}

static int dmarc(struct control *c, struct tx *tx, struct err *e)
{
	return show(c, tx, REPORT_IN_DMARC, e);
}

static int tls(struct control *c, struct tx *tx, struct err *e)
{
	return show(c, tx, REPORT_IN_TLS, e);
}

/* ---- what others are told ---- */

#define SENT_DAYS 2

static void put_line(json_t *out, const struct dmarc_line *l)
{
	static const char *const states[] = { "waits", "sent", "nobody" };
	const struct dmarc_result *r = &l->seen.result;
	time_t t = (time_t)(l->seen.day * DAY_SEC);
	json_t *o = json_object();
	char day[16] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	json_object_set_new(o, "day", json_string(day));
	control_put(o, "domain", l->seen.domain);
	control_put(o, "source", r->source_ip);
	control_put(o, "header_from", r->header_from);
	control_put(o, "disposition", r->disposition);
	json_object_set_new(o, "dkim", json_string(r->dkim ? "pass" : "fail"));
	json_object_set_new(o, "spf", json_string(r->spf ? "pass" : "fail"));
	control_put_int(o, "messages", r->count);
	json_object_set_new(o, "report", json_string(states[l->state]));
	json_array_append_new(out, o);
}

static int sent(struct control *c, struct tx *tx, struct err *e)
{
	struct span domain = control_text(c, "domain");
	json_t *out = json_array();
	int64_t today = time_real_sec() / DAY_SEC;
	struct dmarc_line *v;
	uint64_t days;
	size_t n;

	control_result(c, out);
	if (control_number(c, "days", SENT_DAYS, DMARC_DAYS_KEPT, &days, e) < 0 ||
		(domain.n && smtp_domain_ascii(c->arena, domain, &domain, e) < 0) ||
		dmarc_log_list(c->org, tx, c->arena, today - (int64_t)days + 1, today, domain, ROWS_MAX, &v, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++)
		put_line(out, &v[i]);
	return 0;
}

#define WHICH { "domain", ARG_TEXT, ARG_POSITION, N_("only about this domain") }, \
	{ "days", ARG_NUMBER, 0, N_("reports of the last days (30)") }

static const struct control_command commands[] = {
	{ "dmarc", N_("who sends mail in our name, as others have seen it (DMARC reports)"), CONTROL_READ, dmarc, { WHICH } },
	{ "sent", N_("how mail in other domains' names fared here, as they are told the day after (DMARC reports)"), CONTROL_READ, sent, {
		{ "domain", ARG_TEXT, ARG_POSITION, N_("only about this domain") },
		{ "days", ARG_NUMBER, 0, N_("how many days back (2)") } } },
	{ "tls", N_("how others fared when they connected to us with TLS (TLS reports)"), CONTROL_READ, tls, { WHICH } },
};
CONTROL_NOUN(report, "report", N_("reports of others about our domains, and ours to them"));
