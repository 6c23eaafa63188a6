#include "codec/mailauth/mailauth.h"

int mailauth_check(struct arena *a, const struct mailauth_request *q, const struct dns_source *dns, struct mailauth_verdict *out)
{
	struct spf_request spf = { .ip = q->ip, .sender = q->sender, .helo = q->helo, .receiver = q->authserv_id,
		.now_sec = q->now_sec };
	int more = 0;

	/* all names at once, and nothing is calculated before they are known */
	more |= spf_check(a, &spf, dns, &out->spf);
	more |= dkim_ask_keys(a, &q->mail, dns);
	more |= dmarc_check(a, q->mail.header, NULL, 0, &out->spf, dns, &out->dmarc);
	if (more)
		return MAILAUTH_MORE;
	more |= dkim_verify(a, &q->mail, dns, q->now_sec, out->dkim, &out->n_dkim);
	more |= arc_verify(a, &q->mail, dns, &out->arc);
	more |= dmarc_check(a, q->mail.header, out->dkim, out->n_dkim, &out->spf, dns, &out->dmarc);
	return more ? MAILAUTH_MORE : 0;
}

/* What strangers wrote, as the value of a property: plain, or quoted; never a line end. */
static void pvalue(struct buf *b, struct span s)
{
	bool plain = s.n > 0;

	for (size_t i = 0; i < s.n; i++)
		plain &= ascii_alpha(s.p[i]) || ascii_digit(s.p[i]) || span_chr(SPAN(".-_@+/="), s.p[i]) >= 0;
	if (plain) {
		buf_add(b, s);
		return;
	}
	buf_addc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\')
			buf_addc(b, '\\');
		if (c >= 32 && c != 127)
			buf_addc(b, s.p[i]);
	}
	buf_addc(b, '"');
}

static void property(struct buf *b, const char *name, struct span value)
{
	if (!value.n)
		return;
	buf_addf(b, "\r\n\t%s=", name);
	pvalue(b, value);
}

static void add_dkim(struct buf *b, const struct dkim_verdict *d)
{
	buf_addf(b, ";\r\n\tdkim=%s", dkim_result_name(d->result));
	if (d->why)
		buf_addf(b, " (%s)", d->why);
	else if (d->bits)
		buf_addf(b, " (%u bits)", d->bits);
	property(b, "header.d", d->signature.domain);
	property(b, "header.s", d->signature.selector);
	if (d->signature.algorithm)
		property(b, "header.a", d->signature.algorithm == DKIM_RSA_SHA256 ? SPAN("rsa-sha256") :
			d->signature.algorithm == DKIM_RSA_SHA1 ? SPAN("rsa-sha1") : SPAN("ed25519-sha256"));
	property(b, "header.b", span_sub(d->signature.b_text, 0, 8));
}

static void add_spf(struct buf *b, const struct mailauth_request *q, const struct spf_verdict *s)
{
	buf_addf(b, ";\r\n\tspf=%s", spf_result_name(s->result));
	if (s->why)
		buf_addf(b, " (%s)", s->why);
	property(b, q->sender.n ? "smtp.mailfrom" : "smtp.helo", q->sender.n ? q->sender : q->helo);
}

void authres_build(struct buf *b, const struct mailauth_request *q, const struct mailauth_verdict *v)
{
	buf_addz(b, "Authentication-Results: ");
	buf_add(b, q->authserv_id);
	add_spf(b, q, &v->spf);
	for (size_t i = 0; i < v->n_dkim; i++)
		add_dkim(b, &v->dkim[i]);
	if (!v->n_dkim)
		buf_addz(b, ";\r\n\tdkim=none");
	if (v->arc.result != DKIM_NONE) {
		buf_addf(b, ";\r\n\tarc=%s (%s)", dkim_result_name(v->arc.result), v->arc.why ? v->arc.why : "chain is whole");
		property(b, "arc.domain", v->arc.domain);
	}
	buf_addf(b, ";\r\n\tdmarc=%s", dkim_result_name(v->dmarc.result));
	if (v->dmarc.record_domain.n)
		buf_addf(b, " (p=%s dis=%s)", dmarc_policy_name(v->dmarc.policy),
			dmarc_policy_name(v->dmarc.disposition));
	else if (v->dmarc.why)
		buf_addf(b, " (%s)", v->dmarc.why);
	property(b, "header.from", v->dmarc.from);
	buf_addz(b, "\r\n");
}

/* [CFWS]; false: a comment without its end. */
static bool skip_cfws(struct span *in)
{
	unsigned depth = 0;

	while (in->n) {
		char c = in->p[0];

		if (c == '(')
			depth++;
		else if (depth && c == ')')
			depth--;
		else if (depth && c == '\\')
			*in = span_from(*in, 1);
		else if (!depth && c != ' ' && c != '\t' && c != '\r' && c != '\n')
			return true;
		*in = span_from(*in, 1);
	}
	return depth == 0;
}

/* authres-payload = [CFWS] authserv-id [CFWS authres-version] ( no-result / 1*resinfo )
 * authserv-id = value: a token or a quoted string */
bool authres_is_ours(struct span value, struct span authserv_id)
{
	char id[256];
	size_t n = 0, i = 0;
	bool quoted;

	if (!skip_cfws(&value) || !value.n)
		return true;
	quoted = value.p[0] == '"';
	for (i = quoted; i < value.n && n < sizeof(id); i++) {
		char c = value.p[i];

		if (quoted ? c == '"' : c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';' || c == '(')
			break;
		if (quoted && c == '\\' && i + 1 < value.n)
			c = value.p[++i];
		id[n++] = c;
	}
	if (n && id[n - 1] == '.')
		n--;
	return n == 0 || n == sizeof(id) || (quoted && i == value.n) || span_ieq(SPAN_BYTES(id, n), authserv_id);
}

/* What scanners write, as ours and Sieve's spamtest and virustest read it (RFC 5235). */
static bool is_scanner_field(struct span name)
{
	return span_istarts(name, SPAN("X-Spam")) || span_istarts(name, SPAN("X-Rspamd")) || span_istarts(name, SPAN("X-Virus"));
}

static bool is_claim(const struct mime_field *f, struct span authserv_id)
{
	return is_scanner_field(f->name) || (span_ieqz(f->name, "Authentication-Results") && authres_is_ours(f->value, authserv_id));
}

bool mailauth_strip(struct buf *b, struct span header, struct span authserv_id)
{
	struct span rest = header;
	struct mime_field f;
	size_t drop = 0;

	while (mime_header_next(&rest, &f))
		drop += is_claim(&f, authserv_id);
	if (!drop)
		return false;
	for (rest = header; mime_header_next(&rest, &f);)
		if (!is_claim(&f, authserv_id))
			buf_add(b, f.raw);
	buf_add(b, rest);
	return true;
}
