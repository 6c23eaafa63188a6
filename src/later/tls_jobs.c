#include "later/tls_jobs.h"
#include "base/log.h"
#include "base/time.h"
#include "codec/mailauth/dns_ask.h"
#include "codec/smtp/smtp_address.h"
#include "domain/mail/sts_keep.h"
#include "domain/mail/tls_report.h"
#include "domain/org/org.h"

#define AGAIN_US (600 * US_PER_SEC)    /* after a name server that had no answer */
#define REPORT_DAYS 2                  /* a report that could not leave for so long is not sent any more */

struct job {
	struct call call;
	int64_t now_sec, day;
	struct sts_kept *kept;
	struct span *domains, id, text, domain;
	size_t n;
	bool unanswered;
};

static void job_init(struct job *j, struct house *h, struct arena *a)
{
	*j = (struct job){ .call = { .arena = a, .house = h }, .now_sec = time_real_sec() };
}

/* Waits for the answer; DNS_FAILED when none came. */
static struct dns_answer ask(struct job *j, struct span name, enum dns_type type)
{
	struct dns_answer found = { .status = DNS_FAILED };
	struct err e = ERR_INIT;

	while (!j->call.house->name_find(&j->call, name, type, &found))
		if (j->call.house->name_wait(&j->call, &e) < 0)
			break;
	return found;
}

/* ---- policies ---- */

static int due(struct tx *tx, void *arg, struct err *e)
{
	struct job *j = arg;

	return sts_keep_due(j->call.house->org, tx, j->call.arena, j->now_sec, TLS_JOBS_MAX, &j->kept, &j->n, e);
}

static int keep(struct tx *tx, void *arg, struct err *e)
{
	struct job *j = arg;

	return sts_keep_put(j->call.house->org, tx, j->call.arena, j->domain, j->id, j->text, j->now_sec, e);
}

int tls_refresh_run(struct house *h, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct job j;

	job_init(&j, h, a);
	if (!h->name_find)
		return 0;
	if (store_write(h->store, due, &j, e) < 0)
		return e->code;
	for (size_t i = 0; i < j.n && !j.call.names_final; i++) {
		struct dns_answer found = ask(&j, j.kept[i].domain, DNS_STS_POLICY);

		if (found.status != DNS_FOUND || found.n != 2)
			continue;
		j.domain = j.kept[i].domain;
		j.id = found.v[0];
		j.text = found.v[1];
		if (store_write(h->store, keep, &j, e) < 0)
			return e->code;
	}
	return 0;
}

/* ---- reports ---- */

static int unreported(struct tx *tx, void *arg, struct err *e)
{
	struct job *j = arg;
	struct span on = SPAN_NONE;
	struct err why = ERR_INIT;

	j->n = 0;
	if (org_setting_get(j->call.house->org, tx, j->call.arena, "tls_reports", &on, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	if (span_eqz(on, "off"))
		return 0;
	return tls_log_due(j->call.house->org, tx, j->call.arena, j->day, TLS_JOBS_MAX * 4, &j->domains, &j->n, e);
}

/* Addresses that could not be written to are left out. */
static void wanted(struct job *j, const struct dns_answer *found, struct tlsrpt_record *out)
{
	struct smtp_address address;
	size_t n = 0;

	if (found->status != DNS_FOUND || !tlsrpt_record(j->call.arena, found->v, found->n, out))
		out->n = out->n_https = 0;
	for (size_t i = 0; i < out->n; i++)
		if (smtp_address_split(j->call.arena, out->mailto[i], &address, NULL) == 0 && address.domain.n)
			out->mailto[n++] = out->mailto[i];
	out->n = n;
}

static int report_one(struct job *j, struct span domain, struct err *e)
{
	struct tls_report r = { .hostname = j->call.house->hostname, .domain = domain, .day = j->day, .now_sec = j->now_sec };
	struct dns_answer found = ask(j, arena_printf(j->call.arena, "_smtp._tls.%.*s", SPAN_F(domain)), DNS_TXT);
	int sent;

	j->unanswered |= found.status == DNS_FAILED;
	if (found.status == DNS_FAILED)
		return 0;
	wanted(j, &found, &r.to);
	sent = tls_report_send(j->call.house->org, j->call.arena, &r, e);
	if (sent == 1)
		log_msg("tls_report", "sent to %zu addresses", r.to.n + r.to.n_https);
	return sent < 0 ? sent : 0;
}

int tls_reports_run(struct house *h, struct err *e)
{
	static int64_t not_before_us;        /* one thread runs this */
	SCOPED_ARENA a = arena_new();
	struct job j;

	job_init(&j, h, a);
	if (time_mono_us() < not_before_us)
		return 0;
	for (int back = 1; h->name_find && back <= REPORT_DAYS; back++) {
		j.day = j.now_sec / TLS_DAY_SEC - back;
		if (store_read(h->store, unreported, &j, e) < 0)
			return e->code;
		/* from anywhere on, so that a domain nobody answers for does not hold up the same ones each time */
		for (size_t i = 0, from = random_u64() % (j.n + 1); i < j.n && !j.call.names_final; i++) {
			struct span domain = j.domains[(from + i) % j.n];

			if (tls_report_due_sec(j.day, domain) <= j.now_sec && report_one(&j, domain, e) < 0)
				return e->code;
		}
	}
	if (j.unanswered)
		not_before_us = time_mono_us() + AGAIN_US;
	return 0;
}

static int forget(struct tx *tx, void *arg, struct err *e)
{
	int64_t now = time_past_sec();

	(void)arg;
	return tls_log_forget(tx, now / TLS_DAY_SEC - TLS_DAYS_KEPT, e) < 0 ? e->code : sts_keep_forget(tx, now, e);
}

int tls_forget_run(struct house *h, struct err *e)
{
	return store_write(h->store, forget, NULL, e);
}
