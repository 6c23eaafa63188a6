/* Days in seconds for DMARC reports: counting with its bounds, who is written to, once, and what is forgotten. */
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/time.h"
#include "codec/mailauth/dns_ask.h"
#include "domain/mail/dmarc_log.h"
#include "domain/mail/mail_view.h"
#include "domain/mail/queue.h"
#include "domain/mail/tls_report.h"
#include "later/dmarc_jobs.h"
#include "script/house.h"

#define DAY 20833                      /* 2027-01-15 */
#define T0 (DAY * 86400LL + 3600)

static struct script_house house;
static bool slow_answers;
static unsigned asked;

static void no_log(struct span line)
{
	(void)line;
}

static const struct {
	const char *name, *text;
} zone[] = {
	{ "_dmarc.a.example", "v=DMARC1; p=none; rua=mailto:r@a.example,mailto:small@a.example!100" },
	{ "_dmarc.sub.a.example", "v=DMARC1; p=none; rua=mailto:r@a.example" },            /* one organization */
	{ "_dmarc.two.example", "v=DMARC1; p=none; rua=mailto:r@two.example" },
	{ "_dmarc.two.example", "v=DMARC1; p=none; rua=mailto:r@two.example" },            /* two records are none */
	{ "_dmarc.slow.example", "v=DMARC1; p=none; rua=mailto:r@slow.example" },
	{ "_dmarc.far.example", "v=DMARC1; p=none; rua=mailto:r@b.example,mailto:r@c.example,mailto:r@dead.example" },
	{ "far.example._report._dmarc.b.example", "v=spf1 -all" },                         /* no leave */
	{ "far.example._report._dmarc.c.example", "v=DMARC1; rua=mailto:one@c.example,mailto:x@b.example" }, /* leads elsewhere */
	{ "_dmarc.many.example", "v=DMARC1; p=none; rua=mailto:1@many.example,mailto:2@many.example,mailto:3@many.example,"
		"mailto:4@many.example,mailto:5@many.example,mailto:6@many.example" },
};

static bool find(struct call *c, struct span name, int type, struct dns_answer *out)
{
	struct span *v = ARENA_ARRAY(c->arena, struct span, 4);

	*out = (struct dns_answer){ .status = DNS_NO_NAME, .v = v };
	asked++;
	for (size_t i = 0; i < sizeof(zone) / sizeof(*zone); i++)
		if (type == DNS_TXT && span_eqz(name, zone[i].name)) {
			v[out->n++] = span_str(zone[i].text);
			out->status = DNS_FOUND;
		}
	if ((span_eqz(name, "_dmarc.slow.example") && !slow_answers) || span_eqz(name, "far.example._report._dmarc.dead.example"))
		*out = (struct dns_answer){ .status = DNS_FAILED };
	return true;
}

static int start(void **state)
{
	(void)state;
	log_test_sink(no_log);
	script_house_open(&house, NULL, NULL);
	house.house.name_find = find;
	script_house_clock(T0);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	time_test_set_real(0);
	script_house_close(&house);
	log_test_sink(NULL);
	return 0;
}

struct doing {
	struct arena *a;
	struct span packed;
	struct dmarc_line *lines;
	size_t n;
	int64_t days[2];
	const char *sql;
};

static void job(int (*fn)(struct house *h, struct err *e))
{
	struct err e = ERR_INIT;

	if (fn(&house.house, &e) < 0)
		fail_msg("%s", e.log);
}

static struct span row(struct arena *a, int64_t day, const char *domain, unsigned host)
{
	struct dmarc_seen s = { .day = day, .domain = span_str(domain), .result = { .source_ip = arena_printf(a, "192.0.2.%u", host),
		.disposition = SPAN("none"), .spf = true, .header_from = span_str(domain), .envelope_from = SPAN("e.example"),
		.signatures = { { span_str(domain), SPAN("k"), SPAN("fail") } }, .n_signatures = 1,
		.spf_auth = { .domain = SPAN("e.example"), .result = SPAN("pass") } } };

	return dmarc_seen_pack(a, &s);
}

static int take(struct tx *tx, void *arg, struct err *e)
{
	struct doing *d = arg;

	return dmarc_log_seen(house.house.org, tx, d->a, d->packed, e);
}

static void taken(struct arena *a, const char *domain, unsigned host)
{
	script_house_run(&house, store_write, take, &(struct doing){ .a = a, .packed = row(a, DAY, domain, host) });
}

static int list(struct tx *tx, void *arg, struct err *e)
{
	struct doing *d = arg;

	return dmarc_log_list(house.house.org, tx, d->a, d->days[0], d->days[1], SPAN_NONE, 5000, &d->lines, &d->n, e);
}

static struct doing lines(struct arena *a, int64_t from, int64_t to)
{
	struct doing d = { .a = a, .days = { from, to } };

	script_house_run(&house, store_read, list, &d);
	return d;
}

static enum dmarc_state state_of(const struct doing *d, const char *domain)
{
	for (size_t i = 0; i < d->n; i++)
		if (span_eqz(d->lines[i].seen.domain, domain))
			return d->lines[i].state;
	fail_msg("no line about %s", domain);
	return DMARC_WAITS;
}

static void queued(uint64_t want)
{
	assert_int_equal(script_house_queued(&house, QUEUE_READY), want);
}

static void test_reports(void **state)
{
	static const char *const domains[] = { "a.example", "a.example", "sub.a.example", "two.example", "slow.example", "far.example",
		"many.example", "gone.example", "example.org" /* ours */ };
	SCOPED_ARENA a = arena_new();
	struct dmarc_pile *pile = mail_dmarc_pile(house.house.mail);
	struct doing d;

	(void)state;
	for (size_t i = 0; i < sizeof(domains) / sizeof(*domains); i++)
		taken(a, domains[i], 1);
	dmarc_pile_add(pile, row(a, DAY, "a.example", 1), 1);
	dmarc_pile_add(pile, row(a, DAY, "a.example", 1), 4);
	dmarc_pile_add(pile, row(a, DAY, "a.example", 2), 1);
	assert_int_equal(lines(a, DAY, DAY).n, 0);
	job(dmarc_fold_run);
	job(dmarc_fold_run);                                 /* nothing is counted twice */
	d = lines(a, DAY, DAY);
	assert_int_equal(d.n, 8);
	assert_true(span_eqz(d.lines[0].seen.domain, "a.example") && d.lines[0].seen.result.count == 7);
	assert_true(span_eqz(d.lines[0].seen.result.signatures[0].selector, "k") && d.lines[0].seen.result.spf);
	job(dmarc_reports_run);
	assert_int_equal(asked, 0);                          /* the day is not over */
	script_house_clock((DAY + 1) * 86400LL + TLS_REPORT_SPREAD_SEC + 300);
	job(dmarc_reports_run);
	queued(1 + 1 + 5);                                   /* a., not its small address; sub.a.; five of many. */
	d = lines(a, DAY, DAY);
	assert_int_equal(state_of(&d, "a.example"), DMARC_SENT);
	assert_int_equal(state_of(&d, "sub.a.example"), DMARC_SENT);
	assert_int_equal(state_of(&d, "two.example"), DMARC_NOBODY);
	assert_int_equal(state_of(&d, "gone.example"), DMARC_NOBODY);
	assert_int_equal(state_of(&d, "slow.example"), DMARC_WAITS);
	assert_int_equal(state_of(&d, "far.example"), DMARC_WAITS);       /* one address cannot be asked about */
	asked = 0;
	script_house_clock(time_real_sec() + 60);
	job(dmarc_reports_run);
	assert_int_equal(asked, 0);                          /* nobody answered: not at once again */
	slow_answers = true;
	script_house_clock(time_real_sec() + 601);
	job(dmarc_reports_run);
	queued(8);
	script_house_clock(time_real_sec() + 86400);
	job(dmarc_reports_run);
	queued(8);
	d = lines(a, DAY, DAY);
	assert_int_equal(state_of(&d, "slow.example"), DMARC_SENT);
	assert_int_equal(state_of(&d, "far.example"), DMARC_NOBODY);      /* the last day: without leave, nothing */
}

static int count_sql(struct tx *tx, void *arg, struct err *e)
{
	struct doing *d = arg;
	SCOPED_SQL q = sql_open(tx, d->sql);
	int r;

	sql_int(q, 1, d->days[0]);
	r = sql_next(q, e);
	d->n = r == 1 ? (size_t)sql_col_int(q, 0) : 0;
	return r < 0 ? r : 0;
}

static size_t count(const char *sql, int64_t day)
{
	struct doing d = { .sql = sql, .days = { day } };

	script_house_run(&house, store_read, count_sql, &d);
	return d.n;
}

/* Rows of other domains: for counting, not for reading. */
static int fill_day(struct tx *tx, void *arg, struct err *e)
{
	const struct doing *d = arg;

	for (size_t i = 0; i < d->n; i++) {
		struct sql *q = sql_open(tx, "INSERT INTO dmarc_count (id, day, lookup, domain, messages, sealed) VALUES (?1, ?2, ?3, ?3, 1, ?3)");
		uint64_t id = tx_id(tx);

		sql_int(q, 1, (int64_t)id);
		sql_int(q, 2, d->days[0]);
		sql_blob(q, 3, SPAN_BYTES(&id, sizeof(id)));
		if (sql_run(q, e) < 0)
			return e->code;
	}
	return 0;
}

static void test_day_bound(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct dmarc_pile *pile = mail_dmarc_pile(house.house.mail);
	const int64_t day = DAY + 50;

	(void)state;
	script_house_run(&house, store_write, fill_day, &(struct doing){ .days = { day }, .n = DMARC_DAY_KINDS_MAX - 1 });
	for (unsigned i = 0; i < 2; i++) {
		dmarc_pile_add(pile, row(a, day, "z.example", i), 3);
		job(dmarc_fold_run);
		assert_int_equal(count("SELECT count(*) FROM dmarc_count WHERE day = ?1", day), DMARC_DAY_KINDS_MAX);
		assert_int_equal(count("SELECT missed FROM dmarc_domain WHERE day = ?1", day), 3 * i);
	}
}

/* A flood of names and of addresses: so many rows, and a number of what is beyond. */
static void test_bounds(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct dmarc_pile *pile = mail_dmarc_pile(house.house.mail);
	struct doing d;
	size_t domains = 0;

	(void)state;
	for (unsigned i = 0; i < DMARC_PILE_MAX + 20; i++)
		dmarc_pile_add(pile, row(a, DAY + 10, "a.example", i), 2);
	dmarc_pile_add(pile, row(a, DAY + 10, "a.example", 0), 1);        /* known: counted however full it is */
	job(dmarc_fold_run);
	d = lines(a, DAY + 10, DAY + 10);
	assert_int_equal(d.n, DMARC_KINDS_MAX);
	assert_int_equal(d.lines[0].seen.result.count, 3);
	assert_int_equal(d.lines[0].missed, 2 * (DMARC_PILE_MAX - DMARC_KINDS_MAX));
	for (unsigned i = 0; i < DMARC_DOMAINS_MAX + 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d%u.example", i);
		dmarc_pile_add(pile, row(a, DAY + 11, name, 1), 1);
		if (i % 500 == 0)
			job(dmarc_fold_run);
	}
	job(dmarc_fold_run);
	d = lines(a, DAY + 11, DAY + 11);
	for (size_t i = 0; i < d.n; i++)
		domains += d.lines[i].seen.result.count;
	assert_int_equal(domains, DMARC_DOMAINS_MAX);
	script_house_clock((DAY + 12) * 86400LL + TLS_REPORT_SPREAD_SEC + 300);
	for (size_t run = 1; run <= 2; run++) {
		job(dmarc_reports_run);                      /* nobody wants any: so many are settled */
		assert_int_equal(count("SELECT count(*) FROM dmarc_domain WHERE day = ?1 AND state = 0", DAY + 11),
			DMARC_DOMAINS_MAX - run * DMARC_REPORTS_MAX);
	}
	script_house_clock((DAY + 11 + DMARC_DAYS_KEPT) * 86400LL);
	job(dmarc_forget_run);
	assert_int_equal(lines(a, DAY, DAY + 10).n, 0);
	assert_int_equal(lines(a, DAY + 11, DAY + 11).n, DMARC_DOMAINS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_reports), cmocka_unit_test(test_bounds), cmocka_unit_test(test_day_bound) };

	return cmocka_run_group_tests(tests, start, stop);
}
