/* smtp_dmarc.c - what the owner of the name in From is told about this mail in tomorrow's report (RFC 9990).
 *
 * Nothing about mail that was put off (it comes again), and nothing about reports themselves, so that two houses do not go on
 * telling each other about their reports: mail to the address for reports, proved mail with their subject, and bounces of our own. */
#include <string.h>
#include "base/time.h"
#include "codec/mime/mime_header.h"
#include "domain/mail/mail_view.h"
#include "domain/mail/report_mail.h"
#include "proto/smtp/smtp_int.h"

/* A name that fits into a subject and a file's name. */
static bool plain(struct span domain)
{
	for (size_t i = 0; i < domain.n; i++)
		if (!ascii_alpha(domain.p[i]) && !ascii_digit(domain.p[i]) && span_chr(SPAN(".-_"), domain.p[i]) < 0)
			return false;
	return domain.n > 0;
}

/* "Report Domain: ..." as RFC 9990 section 3.5 and RFC 8460 section 5.3 have it. */
static bool is_report(struct call *c, struct span header, const struct mailauth_verdict *v)
{
	const struct smtp_mail *m = &smtp_session(c)->mail;
	struct mime_field f;

	for (size_t i = 0; i < m->n; i++)
		if (m->rcpts[i].report)
			return true;
	return v->dmarc.result == DKIM_PASS && mime_header_find(header, "Subject", &f) && span_istarts(span_trim(f.value), SPAN("Report Domain:"));
}

static void add_signatures(const struct mailauth_verdict *v, struct dmarc_result *r)
{
	_Static_assert(DKIM_SIGNATURES_MAX <= DMARC_SIGNATURES_LEN, "a report has room for all signatures that are looked at");

	for (size_t i = 0; i < v->n_dkim; i++)
		if (v->dkim[i].signature.domain.n && v->dkim[i].signature.selector.n)
			r->signatures[r->n_signatures++] = (struct dmarc_auth){ v->dkim[i].signature.domain, v->dkim[i].signature.selector,
				span_str(dkim_result_name(v->dkim[i].result)) };
}

/* RFC 9990 section 2.1.1.7: with a reason whenever what is done is not the policy. */
static void add_disposition(const struct dmarc_verdict *v, enum dmarc_policy done, struct dmarc_result *r)
{
	r->disposition = span_str(dmarc_policy_name(done));
	if (v->result == DKIM_PASS) {
		if (v->policy > DMARC_NONE)
			r->disposition = SPAN("pass");
	} else if (v->result == DKIM_TEMPERROR && v->policy > DMARC_NONE) {
		r->reason = SPAN("other");
		r->comment = SPAN("a name server did not answer");
	} else if (done != v->disposition) {
		r->reason = SPAN("local_policy");
	} else if (v->disposition != v->policy) {
		r->reason = SPAN("policy_test_mode");
	}
}

static struct span domain_of(struct span sender)
{
	ssize_t at = span_rchr(sender, '@');

	return at < 0 ? SPAN_NONE : span_from(sender, (size_t)at + 1);
}

struct dmarc_seen *smtpd_dmarc_seen(struct call *c, struct span header, const struct mailauth_verdict *v, enum dmarc_policy disposition)
{
	const struct dmarc_verdict *d = &v->dmarc;
	struct dmarc_seen *s;
	struct dmarc_result *r;

	if (!d->reported || !plain(d->record_domain) || is_report(c, header, v))
		return NULL;
	s = ARENA_NEW(c->arena, struct dmarc_seen);
	s->domain = d->record_domain;
	r = &s->result;
	r->source_ip = c->session->peer.address;
	if (span_istarts(r->source_ip, SPAN("::ffff:")) && span_chr(r->source_ip, '.') > 0)
		r->source_ip = span_from(r->source_ip, 7);
	r->dkim = d->by_dkim;
	r->spf = d->by_spf;
	r->header_from = d->from;
	r->envelope_from = domain_of(smtp_session(c)->mail.sender);
	r->spf_auth = (struct dmarc_auth){ .domain = v->spf.domain, .result = span_str(spf_result_name(v->spf.result)) };
	add_signatures(v, r);
	add_disposition(d, disposition, r);
	return s;
}

/* A bounce to the address that our own reports come from. */
static int is_bounce(struct call *c, struct tx *tx, struct err *e)
{
	const struct smtp_mail *m = &smtp_session(c)->mail;
	struct span from;

	if (m->sender.n || m->n != 1)
		return 0;
	return report_mail_from(c->house->org, tx, c->arena, "dmarc_reports.from", &from, e) < 0 ? e->code : span_ieq(from, m->rcpts[0].address);
}

static struct span packed(struct call *c, const struct smtp_checked *v)
{
	v->dmarc->day = time_real_sec() / DMARC_DAY_SEC;
	return dmarc_seen_pack(c->arena, v->dmarc);
}

int smtpd_dmarc_taken(struct call *c, struct tx *tx, const struct smtp_checked *v, struct err *e)
{
	int bounce = v->dmarc ? is_bounce(c, tx, e) : 1;

	return bounce ? bounce < 0 ? bounce : 0 : dmarc_log_seen(c->house->org, tx, c->arena, packed(c, v), e);
}

void smtpd_dmarc_refused(struct call *c, const struct smtp_checked *v)
{
	if (v->dmarc)
		dmarc_pile_add(mail_dmarc_pile(c->house->mail), packed(c, v), 1);
}
