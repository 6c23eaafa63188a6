#include "out/tls_policy.h"
#include "codec/mailtls/tlsa.h"
#include "codec/mime/mime_header.h"

#define TLSA 52
#define TEXT_MAX 16384

bool tls_relaxed(const struct out_job *job, struct span message)
{
	struct mime_field f;

	return !(job->flags & JOB_REQUIRETLS) && mime_header_find(span_sub(message, 0, mime_header_len(message)), "TLS-Required", &f) &&
		span_ieqz(span_trim(f.value), "No");
}

/* The records at this name. True: DANE decides. */
static bool by_dane_at(struct tls_ask *q, struct arena *a, struct span host, struct tls_choice *out, struct smtp_target *to)
{
	struct resolver_records *r = ARENA_NEW(a, struct resolver_records);
	enum resolve_status s = resolver_records(q->resolver, a, arena_printf(a, "_%u._tcp.%.*s", q->port, SPAN_F(host)), TLSA, 0, r);
	SCOPED_BUF text;

	buf_init(&text, TEXT_MAX);
	if (s == RESOLVE_FAILED) {
		out->policy = OUT_POLICY_TLSA;
		out->fault = "dnssec-invalid";
		out->why = arena_strz(a, arena_printf(a, "the server's TLSA records cannot be looked up: %s", r->why));
		return true;
	}
	if (s != RESOLVE_FOUND || !r->secure)
		return false;
	out->policy = OUT_POLICY_TLSA;
	out->tlsa = ARENA_ARRAY(a, struct span, r->n);
	for (size_t i = 0; i < r->n; i++) {
		if (tlsa_text(&text, r->v[i]))
			buf_addc(&text, '\n');
		if (tlsa_usable(r->v[i]))
			out->tlsa[out->n_tlsa++] = r->v[i];
	}
	out->text = span_trim(arena_span(a, buf_span(&text)));
	to->tls = out->n_tlsa ? TLS_DEMANDED : TLS_ANY;
	if (!out->n_tlsa)
		out->fault = "tlsa-invalid";
	to->tlsa = out->tlsa;
	to->n_tlsa = out->n_tlsa;
	to->tls_name = host;
	to->also = arena_strz(a, q->domain);
	return true;
}

static bool by_dane(struct tls_ask *q, struct arena *a, struct span host, const struct resolver_address_list *at, struct tls_choice *out,
	struct smtp_target *to)
{
	if (!q->mx_secure || !at->secure)
		return false;
	return (at->canonical.n && by_dane_at(q, a, at->canonical, out, to)) || by_dane_at(q, a, host, out, to);
}

/* True: the policy names this server. */
static bool by_sts(struct tls_ask *q, struct arena *a, struct span host, struct tls_choice *out, struct smtp_target *to)
{
	struct sts_stored stored = { q->job->sts_id, q->job->sts_text, q->job->sts_until_sec };
	struct sts_found *f = &q->found;

	if (!q->looked)
		sts_find(q->sts, a, q->domain, &stored, f);
	q->looked = true;
	if (f->any || f->fault)
		out->policy = OUT_POLICY_STS;
	out->text = f->any ? f->text : SPAN_NONE;
	out->fault = f->fault;
	if (!f->any)
		return false;
	if (!sts_match(&f->policy, host)) {
		out->fault = "validation-failure";
		if (f->policy.mode == STS_ENFORCE)
			out->why = "the domain's MTA-STS policy does not name this server";
		return false;
	}
	if (f->policy.mode == STS_ENFORCE)
		to->tls = TLS_DEMANDED;
	else
		to->look = true;
	return true;
}

void tls_choose(struct tls_ask *q, struct arena *a, struct span host, const struct resolver_address_list *at, struct tls_choice *out,
	struct smtp_target *to)
{
	bool proven = q->mx_secure;

	*out = (struct tls_choice){ .policy = OUT_POLICY_NONE };
	to->tls = TLS_IF_OFFERED;
	if (q->relaxed)
		return;
	if (!by_dane(q, a, host, at, out, to))
		proven |= by_sts(q, a, host, out, to);
	to->requiretls = q->job->flags & JOB_REQUIRETLS;
	if (out->why || !to->requiretls)
		return;
	to->tls = TLS_DEMANDED;       /* RFC 8689 section 4.2.1: the name proved, and that it is the domain's server */
	out->lacks = !proven;
	if (out->lacks)
		out->why = "the mail demands TLS all the way (REQUIRETLS), but nothing proves which server is the domain's";
}
