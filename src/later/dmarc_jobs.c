#include "later/dmarc_jobs.h"
#include "base/log.h"
#include "base/time.h"
#include "codec/smtp/smtp_address.h"
#include "domain/mail/dmarc_send.h"
#include "domain/mail/mail_view.h"
#include "domain/mail/tls_report.h"

#define FOLD_MAX 500                   /* mails a transaction */
#define AGAIN_US (600 * US_PER_SEC)    /* after a name server that had no answer */
#define REPORT_DAYS 2                  /* a report that could not leave for so long is not sent any more */
#define LATE_SEC 300                   /* after the day: its last mails are counted by then */

/* ---- counting ---- */

struct fold {
	struct house *house;
	struct arena *arena;
	struct dmarc_pile_row *refused;
	size_t n_refused, n;
};

static int fold(struct tx *tx, void *arg, struct err *e)
{
	struct fold *f = arg;

	return dmarc_log_fold(f->house->org, tx, f->arena, f->refused, f->n_refused, FOLD_MAX, &f->n, e);
}

static int any(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id FROM dmarc_seen LIMIT 1");
	struct fold *f = arg;
	int r = sql_next(q, e);

	f->n = r == 1;
	return r < 0 ? r : 0;
}

int dmarc_fold_run(struct house *h, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct dmarc_pile *pile = mail_dmarc_pile(h->mail);
	struct fold f = { .house = h, .arena = a };

	if (store_read(h->store, any, &f, e) < 0)
		return e->code;
	dmarc_pile_take(pile, a, &f.refused, &f.n_refused);
	while (f.n || f.n_refused) {
		if (store_write(h->store, fold, &f, e) < 0) {
			for (size_t i = 0; i < f.n_refused; i++)
				dmarc_pile_add(pile, f.refused[i].packed, f.refused[i].count);
			return e->code;
		}
		f.n_refused = 0;
		f.n = f.n == FOLD_MAX;
	}
	return 0;
}

/* ---- reports ---- */

struct job {
	struct call call;
	int64_t now_sec, day;
	struct span *domains;
	size_t n;
	bool unanswered;
};

/* For a dns_source: waits for the answer, DNS_FAILED when none came. */
static bool ask(void *arg, struct span name, enum dns_type type, struct dns_answer *out)
{
	struct job *j = arg;
	struct err e = ERR_INIT;

	*out = (struct dns_answer){ .status = DNS_FAILED };
	while (!j->call.house->name_find(&j->call, name, type, out))
		if (j->call.house->name_wait(&j->call, &e) < 0) {
			*out = (struct dns_answer){ .status = DNS_FAILED };
			break;
		}
	return true;
}

static int due(struct tx *tx, void *arg, struct err *e)
{
	struct job *j = arg;
	struct span on = SPAN_NONE;
	struct err why = ERR_INIT;

	j->n = 0;
	if (org_setting_get(j->call.house->org, tx, j->call.arena, "dmarc_reports", &on, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	if (span_eqz(on, "off"))
		return 0;
	return dmarc_log_due(j->call.house->org, tx, j->call.arena, j->day, DMARC_REPORTS_MAX, &j->domains, &j->n, e);
}

/* The one DMARC record of these; false: none, or several. */
static bool only_record(const struct dns_answer *found, struct dmarc_record *out)
{
	struct dmarc_record r;
	size_t n = 0;

	for (size_t i = 0; found->status == DNS_FOUND && i < found->n; i++)
		if (dmarc_record_parse(found->v[i], &r, NULL) == 0 && n++ == 0)
			*out = r;
	return n == 1;
}

static struct span host_of(struct span address)
{
	ssize_t at = span_rchr(address, '@');

	return span_from(address, (size_t)(at + 1));
}

/* RFC 9990 section 4, with what it finds in *rua. 1: may be written to, 0: not, -1: nobody answers now. */
static int leave_of(struct job *j, struct span domain, struct span host, struct span *rua)
{
	struct dns_source dns = { ask, j };
	struct arena *a = j->call.arena;
	struct dns_answer found;
	struct dmarc_record r;
	struct span ours, theirs;
	bool yes = false;

	if (dmarc_organization(a, &dns, domain, &ours) != 0 || dmarc_organization(a, &dns, host, &theirs) != 0)
		return -1;
	if (span_ieq(ours, theirs))
		return 1;
	dns_ask(&dns, a, arena_printf(a, "%.*s._report._dmarc.%.*s", SPAN_F(domain), SPAN_F(host)), DNS_TXT, &found);
	if (found.status == DNS_FAILED)
		return -1;
	for (size_t i = 0; found.status == DNS_FOUND && i < found.n; i++) {
		if (dmarc_record_parse(found.v[i], &r, NULL) < 0)
			continue;
		yes = true;
		if (!rua->n)
			*rua = r.rua;
	}
	return yes;
}

static bool writable(struct job *j, struct dmarc_rua *r)
{
	struct smtp_address parts;

	return smtp_address_ascii(j->call.arena, r->address, &r->address, NULL) == 0 &&
		smtp_address_split(j->call.arena, r->address, &parts, NULL) == 0 && parts.domain.n && !parts.literal && dns_name_ok(parts.domain);
}

/* What the foreign host wants instead, but nowhere else than there: one address elsewhere, and nobody gets anything. */
static void instead(struct job *j, struct dmarc_send *s, struct span host, struct span rua)
{
	struct dmarc_rua v[REPORT_MAIL_TO_MAX];
	size_t n = dmarc_rua_parse(j->call.arena, rua, v, REPORT_MAIL_TO_MAX);

	for (size_t i = 0; i < n; i++)
		if (!writable(j, &v[i]) || !span_ieq(host_of(v[i].address), host))
			return;
	for (size_t i = 0; i < n && s->n_to < REPORT_MAIL_TO_MAX; i++)
		s->to[s->n_to++] = v[i];
}

/* Fills s->to. False: somebody's name server has no answer. */
static bool recipients(struct job *j, struct dmarc_send *s)
{
	struct dmarc_rua v[REPORT_MAIL_TO_MAX];
	size_t n = dmarc_rua_parse(j->call.arena, s->policy.rua, v, REPORT_MAIL_TO_MAX);
	bool all = true;

	for (size_t i = 0; i < n && s->n_to < REPORT_MAIL_TO_MAX; i++) {
		struct span rua = SPAN_NONE, host;
		int leave;

		if (!writable(j, &v[i]))
			continue;
		host = host_of(v[i].address);
		leave = leave_of(j, s->domain, host, &rua);
		all &= leave >= 0;
		if (leave == 1 && rua.n)
			instead(j, s, host, rua);
		else if (leave == 1)
			s->to[s->n_to++] = v[i];
	}
	return all;
}

/* last: whoever cannot be asked now is left out. */
static int report_one(struct job *j, struct span domain, bool last, struct err *e)
{
	struct dmarc_send s = { .hostname = j->call.house->hostname, .domain = domain, .day = j->day, .now_sec = j->now_sec };
	struct dns_source dns = { ask, j };
	SCOPED_ARENA a = arena_new();
	struct dns_answer found;
	int sent;

	j->call.arena = a;
	dns_ask(&dns, a, arena_printf(a, "_dmarc.%.*s", SPAN_F(domain)), DNS_TXT, &found);
	if (found.status == DNS_FAILED || (only_record(&found, &s.policy) && !recipients(j, &s) && !last)) {
		j->unanswered = true;
		return 0;
	}
	sent = dmarc_send(j->call.house->org, a, &s, e);
	if (sent == 1)
		log_msg("dmarc_report", "sent to %zu addresses", s.n_to);
	return sent < 0 ? sent : 0;
}

int dmarc_reports_run(struct house *h, struct err *e)
{
	static int64_t not_before_us;        /* one thread runs this */
	SCOPED_ARENA a = arena_new();
	struct job j = { .call = { .house = h }, .now_sec = time_real_sec() };

	if (time_mono_us() < not_before_us || dmarc_fold_run(h, e) < 0)
		return e->code < 0 ? e->code : 0;
	for (int back = 1; h->name_find && back <= REPORT_DAYS; back++) {
		j.day = j.now_sec / DMARC_DAY_SEC - back;
		j.call.arena = a;
		if (store_read(h->store, due, &j, e) < 0)
			return e->code;
		/* from anywhere on, so that a domain nobody answers for does not hold up the same ones each time */
		for (size_t i = 0, from = random_u64() % (j.n + 1); i < j.n && !j.call.names_final; i++) {
			struct span domain = j.domains[(from + i) % j.n];

			if (tls_report_due_sec(j.day, domain) + LATE_SEC <= j.now_sec && report_one(&j, domain, back == REPORT_DAYS, e) < 0)
				return e->code;
		}
	}
	if (j.unanswered)
		not_before_us = time_mono_us() + AGAIN_US;
	return 0;
}

static int forget(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return dmarc_log_forget(tx, time_real_sec() / DMARC_DAY_SEC - DMARC_DAYS_KEPT, e);
}

int dmarc_forget_run(struct house *h, struct err *e)
{
	return store_write(h->store, forget, NULL, e);
}
