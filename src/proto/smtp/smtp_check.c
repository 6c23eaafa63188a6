/* smtp_check.c - mail that comes in from outside: SPF, DKIM, ARC, DMARC (codec/mailauth), and what follows from them.
 *
 * Only port 25, and not from this machine or a relay that is trusted (setting smtp.trusted_relays): there somebody else has
 * asked already. A domain's DMARC policy is done as it says unless the setting smtp.dmarc is "note". Nobody is refused
 * because the DNS has no answer. */
#include "base/time.h"
#include "codec/mime/mime_envelope.h"
#include "codec/smtp/smtp_address.h"
#include "proto/smtp/smtp_int.h"

#define FIELD_MAX 16384

/* For SPF: the domain as A-label; what cannot be one is left as it is and found to be none. */
static struct span ascii_sender(struct arena *a, struct span sender)
{
	struct span domain;
	ssize_t at = span_rchr(sender, '@');

	if (at < 0 || smtp_domain_ascii(a, span_from(sender, (size_t)at + 1), &domain, NULL) < 0)
		return sender;
	return arena_printf(a, "%.*s@%.*s", (int)at, sender.p, SPAN_F(domain));
}

static bool wanted(struct call *c)
{
	return c->house->name_find && smtpd_stranger(c);
}

/* What is done of what the domain asks for. */
static enum dmarc_policy decide(struct call *c, const struct mailauth_verdict *v, struct smtp_checked *out)
{
	enum dmarc_policy p = v->dmarc.disposition;

	if (p == DMARC_NONE && v->dmarc.result == DKIM_PERMERROR)
		p = DMARC_QUARANTINE;         /* no one From: nobody can be asked what is to be done */
	if (p == DMARC_NONE || smtpd_setting_is(c, "smtp.dmarc", "note"))
		return DMARC_NONE;
	if (p == DMARC_REJECT)
		out->refuse = arena_printf(c->arena, "Refused as %.*s asks for (DMARC): the mail is not from there",
			SPAN_F(v->dmarc.record_domain));
	else
		out->junk = true;
	return p;
}

/* Within the other, or the same: without a DMARC record nobody has said more about alignment. */
static bool akin(struct span x, struct span y)
{
	struct span longer = x.n > y.n ? x : y, shorter = x.n > y.n ? y : x;

	return shorter.n && span_chr(shorter, '.') > 0 && longer.n >= shorter.n && span_ieq(span_from(longer, longer.n - shorter.n), shorter) &&
		(longer.n == shorter.n || longer.p[longer.n - shorter.n - 1] == '.');
}

static bool verified(const struct mailauth_verdict *v)
{
	if (v->dmarc.record_domain.n)
		return v->dmarc.result == DKIM_PASS;
	if (v->spf.result == SPF_PASS && akin(v->spf.domain, v->dmarc.from))
		return true;
	for (size_t i = 0; i < v->n_dkim; i++)
		if (v->dkim[i].result == DKIM_PASS && akin(v->dkim[i].signature.domain, v->dmarc.from))
			return true;
	return false;
}

static bool proven(const struct mailauth_verdict *v)
{
	bool yes = v->spf.result == SPF_PASS || v->spf.result == SPF_TEMPERROR || v->dmarc.result == DKIM_TEMPERROR;

	for (size_t i = 0; i < v->n_dkim; i++)
		yes |= v->dkim[i].result == DKIM_PASS || v->dkim[i].result == DKIM_TEMPERROR;
	return yes;
}

/* The one address in From. */
static struct sender author(struct call *c, struct span header, const struct mailauth_verdict *v)
{
	struct sender out = { .verified = verified(v) };
	struct mime_addresses list;
	struct mime_field f;

	if (!v->dmarc.from.n || !mime_header_find(header, "From", &f))
		return out;
	mime_addresses_parse(c->arena, f.value, &list);
	for (size_t i = 0; i < list.count; i++) {
		if (!list.rows[i].domain.n)
			continue;
		if (out.address.n || sender_parse(c->arena, smtp_address_join(c->arena, list.rows[i].local, list.rows[i].domain), &out.address,
			NULL) < 0)
			return (struct sender){ 0 };
	}
	return out;
}

bool smtpd_check(struct call *c, struct span header, struct span body, struct smtp_checked *out)
{
	const struct smtp_session *s = smtp_session(c);
	struct mailauth_request q = { .ip = c->session->peer.address, .helo = span_str(s->helo),
		.sender = ascii_sender(c->arena, s->mail.sender), .authserv_id = span_str(c->house->hostname),
		.mail = { header, body }, .now_sec = time_real_sec() };
	struct dns_source dns = { smtpd_find_name, c };
	struct mailauth_verdict *v;
	SCOPED_BUF b;

	buf_init(&b, FIELD_MAX);
	*out = (struct smtp_checked){ 0 };
	if (!wanted(c))
		return true;
	v = ARENA_NEW(c->arena, struct mailauth_verdict);
	if (mailauth_check(c->arena, &q, &dns, v) == MAILAUTH_MORE) {
		c->waits = true;
		return false;
	}
	out->from = author(c, header, v);
	authres_build(&b, &q, v);
	sender_field(&b, &out->from);
	out->field = b.failed ? SPAN_NONE : arena_span(c->arena, buf_span(&b));
	if (v->dmarc.result == DKIM_PASS)
		out->authentic = v->dmarc.from;
	out->dmarc = smtpd_dmarc_seen(c, header, v, decide(c, v, out));
	out->listed = out->spam = s->listing.weight >= DNSBL_JUNK;
	out->proven = proven(v);
	return true;
}

/* Fields in our name and in a scanner's that came with a mail say nothing; relays we trust may have them. */
struct span smtpd_check_strip(struct call *c, struct span header)
{
	SCOPED_BUF b;

	buf_init(&b, header.n + 64);
	if (c->session->service == SVC_LMTP || (c->session->service == SVC_SMTP &&
		(c->session->peer.loopback || smtpd_listed(c, "smtp.trusted_relays"))) ||
		!mailauth_strip(&b, header, span_str(c->house->hostname)))
		return header;
	return arena_span(c->arena, buf_span(&b));
}
