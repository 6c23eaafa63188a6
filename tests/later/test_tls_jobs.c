/* Days in seconds for other domains' TLS: reports that leave once, policies that are fetched again, what is forgotten. */
#include <string.h>
#include "base/log.h"
#include "base/time.h"
#include "codec/mailauth/dns_ask.h"
#include "domain/mail/queue.h"
#include "domain/mail/sts_keep.h"
#include "domain/mail/tls_log.h"
#include "domain/mail/tls_report.h"
#include "later/tls_jobs.h"
#include "script/house.h"

#define DAY 20833                      /* 2027-01-15 */
#define T0 (DAY * 86400LL + 3600)
#define POLICY "version: STSv1\nmode: enforce\nmx: mx.a.example\nmax_age: 864000\n"

#define POST "v=TLSRPTv1; rua=https://r.example/tls,https://127.0.0.1/,https://s.example:8443"
#define RECORD "v=TLSRPTv1; rua=mailto:tls@a.example,mailto:nonsense"

static struct script_house house;
static bool slow_answers;
static unsigned asked;

static void no_log(struct span line)
{
	(void)line;
}

/* a. and slow.example want reports, c. by HTTPS, b. does not, nobody answers for slow.example unless told so. */
static bool find(struct call *c, struct span name, int type, struct dns_answer *out)
{
	static const struct span record = { RECORD, sizeof(RECORD) - 1 }, post = { POST, sizeof(POST) - 1 },
		policy[] = { { "id2", 3 }, { POLICY, sizeof(POLICY) - 1 } };

	(void)c;
	asked++;
	*out = (struct dns_answer){ .status = DNS_NO_NAME };
	if (type == DNS_STS_POLICY)
		*out = (struct dns_answer){ .status = DNS_FOUND, .v = policy, .n = 2 };
	else if (span_eqz(name, "_smtp._tls.a.example") || span_eqz(name, "_smtp._tls.slow.example"))
		*out = (struct dns_answer){ .status = DNS_FOUND, .v = &record, .n = 1 };
	else if (span_eqz(name, "_smtp._tls.c.example"))
		*out = (struct dns_answer){ .status = DNS_FOUND, .v = &post, .n = 1 };
	if (span_eqz(name, "_smtp._tls.slow.example") && !slow_answers)
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
	const char *domain, *fault, *value;
	int64_t day;
	struct sts_kept kept;
	struct tls_row *rows;
	size_t n;
};

static int add_row(struct tx *tx, void *arg, struct err *e)
{
	struct doing *d = arg;
	struct tls_row row = { .day = d->day, .policy = TLS_POLICY_NONE, .domain = span_str(d->domain), .fault = span_str(d->fault),
		.mx = SPAN("mx.example"), .ip = SPAN("192.0.2.1"), .sessions = 1 };

	return tls_log_add(house.house.org, tx, d->a, &row, e);
}

static void count_session(struct arena *a, const char *domain, const char *fault)
{
	script_house_run(&house, store_write, add_row, &(struct doing){ .a = a, .day = DAY, .domain = domain, .fault = fault });
}

static void count_session_on(struct arena *a, int64_t day, const char *domain)
{
	script_house_run(&house, store_write, add_row, &(struct doing){ .a = a, .day = day, .domain = domain, .fault = "" });
}

static void queued(uint64_t want)
{
	assert_int_equal(script_house_queued(&house, QUEUE_READY), want);
}

static int set_reports(struct tx *tx, void *arg, struct err *e)
{
	return org_setting_set(house.house.org, tx, "tls_reports", span_str(((struct doing *)arg)->value), e);
}

static int list_rows(struct tx *tx, void *arg, struct err *e)
{
	struct doing *d = arg;

	return tls_log_list(house.house.org, tx, d->a, 0, DAY + 100, SPAN_NONE, 100, &d->rows, &d->n, e);
}

static void job(int (*fn)(struct house *h, struct err *e))
{
	struct err e = ERR_INIT;

	if (fn(&house.house, &e) < 0)
		fail_msg("%s", e.log);
}

static void test_reports(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct doing d = { .a = a };

	(void)state;
	count_session(a, "a.example", "");
	count_session(a, "a.example", "");
	count_session(a, "a.example", "starttls-not-supported");
	count_session(a, "b.example", "");
	count_session(a, "slow.example", "");
	count_session(a, "c.example", "");
	script_house_run(&house, store_read, list_rows, &d);
	assert_int_equal(d.n, 5);
	assert_int_equal(d.rows[0].sessions, 2);
	assert_true(span_eqz(d.rows[0].domain, "a.example"));
	job(tls_reports_run);
	assert_int_equal(asked, 0);                          /* the day is not over */
	script_house_clock((DAY + 1) * 86400LL + TLS_REPORT_SPREAD_SEC);
	script_house_run(&house, store_write, set_reports, &(struct doing){ .value = "off" });
	job(tls_reports_run);
	assert_int_equal(asked, 0);
	script_house_run(&house, store_write, set_reports, &(struct doing){ .value = "on" });
	job(tls_reports_run);
	assert_int_equal(asked, 4);
	queued(3);                                           /* the nonsense address is left out; c. has two URLs */
	script_house_clock(time_real_sec() + 60);
	job(tls_reports_run);
	assert_int_equal(asked, 4);                          /* nobody answered: not at once again */
	slow_answers = true;
	script_house_clock(time_real_sec() + 601);
	job(tls_reports_run);
	assert_int_equal(asked, 5);                          /* the others are settled */
	queued(4);
	script_house_clock(time_real_sec() + 86400);
	job(tls_reports_run);
	assert_int_equal(asked, 5);
	queued(4);                                           /* once a day and domain */
}

static int keep_policy(struct tx *tx, void *arg, struct err *e)
{
	struct doing *d = arg;

	return sts_keep_put(house.house.org, tx, d->a, d->domain ? span_str(d->domain) : SPAN("a.example"), SPAN("id1"), SPAN(POLICY), time_real_sec(), e);
}

static int get_policy(struct tx *tx, void *arg, struct err *e)
{
	struct doing *d = arg;
	int r = sts_keep_get(house.house.org, tx, d->a, SPAN("a.example"), time_real_sec(), &d->kept, e);

	d->n = r == 1;
	return r < 0 ? r : 0;
}

static void test_policies(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct doing d = { .a = a };
	int64_t from = time_real_sec();

	(void)state;
	asked = 0;
	script_house_run(&house, store_write, keep_policy, &d);
	job(tls_refresh_run);
	assert_int_equal(asked, 0);
	script_house_clock(from + 86400);
	job(tls_refresh_run);
	job(tls_refresh_run);
	assert_int_equal(asked, 1);                          /* a day later, once */
	script_house_run(&house, store_read, get_policy, &d);
	assert_int_equal(d.n, 1);
	assert_true(span_eqz(d.kept.id, "id2") && span_eqz(d.kept.text, POLICY));
	assert_int_equal(d.kept.until_sec, from + 86400 + 864000);
	script_house_clock(from + 86400 + 864000);
	script_house_run(&house, store_read, get_policy, &d);
	assert_int_equal(d.n, 0);                            /* its time is over */
	script_house_clock((DAY + TLS_DAYS_KEPT + 1) * 86400LL);
	job(tls_forget_run);
	script_house_run(&house, store_read, list_rows, &d);
	assert_int_equal(d.n, 0);
}

/* So many policies a run, four times as many reports; what is left has its turn in the next. */
static void test_bounds(void **state)
{
	SCOPED_ARENA a = arena_new();
	int64_t from = (DAY + 100) * 86400LL;
	struct doing d = { .a = a };

	(void)state;
	script_house_clock(from);
	for (int i = 0; i <= TLS_JOBS_MAX; i++) {
		d.domain = arena_strz(a, arena_printf(a, "p%d.example", i));
		script_house_run(&house, store_write, keep_policy, &d);
	}
	script_house_clock(from + 86400);
	asked = 0;
	job(tls_refresh_run);
	assert_int_equal(asked, TLS_JOBS_MAX);
	job(tls_refresh_run);
	assert_int_equal(asked, TLS_JOBS_MAX + 1);
	for (int i = 0; i <= 4 * TLS_JOBS_MAX; i++)
		count_session_on(a, DAY + 101, arena_strz(a, arena_printf(a, "r%d.example", i)));
	script_house_clock((DAY + 102) * 86400LL + TLS_REPORT_SPREAD_SEC);
	asked = 0;
	job(tls_reports_run);
	assert_int_equal(asked, 4 * TLS_JOBS_MAX);
	job(tls_reports_run);
	assert_int_equal(asked, 4 * TLS_JOBS_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_reports), cmocka_unit_test(test_policies), cmocka_unit_test(test_bounds) };

	return cmocka_run_group_tests(tests, start, stop);
}
