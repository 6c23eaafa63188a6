#include "codec/mailauth/dmarc.h"
#include <string.h>
#include "codec/mime/mime_envelope.h"
#include "codec/smtp/smtp_address.h"

#define LABELS_MAX 128

const char *dmarc_policy_name(enum dmarc_policy p)
{
	static const char *const names[] = { "none", "quarantine", "reject" };

	return names[p];
}

static bool policy_parse(struct span s, enum dmarc_policy *out)
{
	for (*out = DMARC_NONE; *out <= DMARC_REJECT; (*out)++)
		if (span_ieqz(s, dmarc_policy_name(*out)))
			return true;
	*out = DMARC_NONE;
	return false;
}

/* dmarc-record = dmarc-version *( sep dmarc-tag ); v=DMARC1 first. A record without a sound p= counts as p=none. */
int dmarc_record_parse(struct span text, struct dmarc_record *out, struct err *e)
{
	struct tag_list l;
	struct span s;

	*out = (struct dmarc_record){ .psd = 'u' };
	if (tag_list_parse(text, &l, e) < 0)
		return ERR_SYNTAX;
	if (!span_eqz(l.v[0].name, "v") || !span_eqz(l.v[0].value, "DMARC1"))
		return err_set(e, ERR_SYNTAX, "Not a DMARC record", "v=DMARC1 is not first");
	if (tag_find(&l, "p", &s))
		policy_parse(s, &out->policy);
	out->subdomains = out->policy;
	if (tag_find(&l, "sp", &s) && !policy_parse(s, &out->subdomains))
		out->subdomains = out->policy;
	out->missing = out->subdomains;
	if (tag_find(&l, "np", &s) && !policy_parse(s, &out->missing))
		out->missing = out->subdomains;
	out->strict_dkim = tag_find(&l, "adkim", &s) && span_ieqz(s, "s");
	out->strict_spf = tag_find(&l, "aspf", &s) && span_ieqz(s, "s");
	out->testing = tag_find(&l, "t", &s) && span_ieqz(s, "y");
	if (tag_find(&l, "psd", &s) && s.n == 1 && (ascii_lower(s.p[0]) == 'y' || ascii_lower(s.p[0]) == 'n'))
		out->psd = ascii_lower(s.p[0]);
	tag_find(&l, "rua", &out->rua);
	tag_find(&l, "ruf", &out->ruf);
	return 0;
}

/* ---- the tree walk: RFC 9989 section 4.10 ---- */

struct node {
	struct span name;
	bool has, failed;
	struct dmarc_record record;
};
struct walk {
	struct node v[DMARC_WALK_MAX];
	size_t n;
	bool more, failed;
};

static void ask_node(struct arena *a, const struct dns_source *dns, struct walk *w, struct span name)
{
	struct node *k = &w->v[w->n++];
	struct dns_answer found;
	unsigned records = 0;

	memset(k, 0, sizeof(*k));
	k->name = name;
	if (!dns_ask(dns, a, arena_printf(a, "_dmarc.%.*s", SPAN_F(name)), DNS_TXT, &found)) {
		w->more = true;
		return;
	}
	k->failed = found.status == DNS_FAILED;
	w->failed |= k->failed;
	for (size_t i = 0; found.status == DNS_FOUND && i < found.n; i++) {
		struct dmarc_record r;

		if (dmarc_record_parse(found.v[i], &r, NULL) == 0 && records++ == 0)
			k->record = r;
	}
	k->has = records == 1;                /* several are none */
}

/* The name itself, then upwards to one label; of a long name only the last seven labels. */
static void walk_up(struct arena *a, const struct dns_source *dns, struct span name, struct walk *w)
{
	size_t labels = 1;

	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i < name.n; i++)
		labels += name.p[i] == '.';
	ask_node(a, dns, w, name);
	for (; labels >= DMARC_WALK_MAX; labels--)
		span_cut(&name, '.');
	while (w->n < DMARC_WALK_MAX && span_chr(name, '.') >= 0) {
		if (!span_eq(name, w->v[0].name))
			ask_node(a, dns, w, name);
		span_cut(&name, '.');
	}
	if (w->n < DMARC_WALK_MAX && !span_eq(name, w->v[0].name))
		ask_node(a, dns, w, name);
}

/* Section 4.10.2. The walked name's organizational domain; itself when there is no record at all. */
static struct span organization(const struct walk *w)
{
	struct span best = w->v[0].name;

	for (size_t i = 0; i < w->n; i++) {
		const struct node *k = &w->v[i];

		if (!k->has)
			continue;
		if (k->record.psd == 'n')
			return k->name;
		if (k->record.psd == 'y' && i > 0)
			return w->v[i - 1].name;   /* one label below: the node walked just before */
		best = k->name;                    /* fewest labels so far */
	}
	return best;
}

int dmarc_organization(struct arena *a, const struct dns_source *dns, struct span name, struct span *out)
{
	struct walk *w = ARENA_NEW(a, struct walk);

	walk_up(a, dns, name, w);
	*out = organization(w);
	return w->more ? MAILAUTH_MORE : w->failed ? -1 : 0;
}

static const struct node *node_of(const struct walk *w, struct span name)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].has && span_eq(w->v[i].name, name))
			return &w->v[i];
	return NULL;
}

/* The record that speaks for the walked name: its own, its organization's, its public suffix's. */
static const struct node *record_for(const struct walk *w, struct span org)
{
	const struct node *k = node_of(w, w->v[0].name);

	if (!k)
		k = node_of(w, org);
	for (size_t i = 0; !k && i < w->n; i++)
		if (w->v[i].has && w->v[i].record.psd == 'y')
			k = &w->v[i];
	return k;
}

/* ---- alignment ---- */

static bool inside(struct span name, struct span org)
{
	return span_ieq(name, org) || (name.n > org.n && span_ieq(span_from(name, name.n - org.n), org) &&
		name.p[name.n - org.n - 1] == '.');
}

static bool aligned(struct arena *a, const struct dns_source *dns, struct span name, bool strict,
	const struct dmarc_verdict *v, bool *more)
{
	struct walk *w;

	if (span_ieq(name, v->from))
		return true;
	if (strict || !inside(name, v->organization))
		return false;
	if (span_ieq(name, v->organization))
		return true;
	w = ARENA_NEW(a, struct walk);
	walk_up(a, dns, name, w);
	*more |= w->more;
	return !w->more && span_ieq(organization(w), v->organization);
}

/* ---- the name in From ---- */

static bool author(struct arena *a, struct span header, struct dmarc_verdict *v)
{
	struct mime_addresses list;
	struct mime_field f;
	struct span domain;
	struct err e = ERR_INIT;

	if (!mime_header_find(header, "From", &f))
		return v->why = "no From: nobody's name is used", false;
	v->result = DKIM_PERMERROR;
	if (mime_header_count(header, "From") != 1)
		return v->why = "more than one From", false;
	mime_addresses_parse(a, f.value, &list);
	for (size_t i = 0; i < list.count; i++) {
		if (!list.rows[i].domain.n)
			continue;
		if (smtp_domain_ascii(a, list.rows[i].domain, &domain, &e) < 0 || !dns_name_ok(domain))
			return v->why = "From has no sound domain", false;
		if (v->from.n && !span_ieq(v->from, domain))
			return v->why = "From names several domains", false;
		v->from = domain;
	}
	if (!v->from.n)
		return v->why = "From has no domain", false;
	v->result = DKIM_NONE;
	return true;
}

static enum dmarc_policy published(const struct dns_source *dns, struct arena *a, const struct node *k,
	const struct dmarc_verdict *v, bool *more)
{
	struct dns_answer found;

	if (span_eq(k->name, v->from))
		return k->record.policy;
	if (k->record.missing == k->record.subdomains)
		return k->record.subdomains;
	if (!dns_ask(dns, a, v->from, DNS_A, &found))     /* np=: for names that do not exist */
		*more = true;
	else if (found.status == DNS_NO_NAME)
		return k->record.missing;
	return k->record.subdomains;
}

static void align_all(struct arena *a, const struct dkim_verdict *dkim, size_t n_dkim, const struct spf_verdict *spf,
	const struct dns_source *dns, const struct dmarc_record *r, struct dmarc_verdict *out, bool *more)
{
	for (size_t i = 0; i < n_dkim && !out->by_dkim; i++)
		out->by_dkim = dkim[i].result == DKIM_PASS &&
			aligned(a, dns, dkim[i].signature.domain, r->strict_dkim, out, more);
	out->by_spf = spf->result == SPF_PASS && aligned(a, dns, spf->domain, r->strict_spf, out, more);
}

int dmarc_check(struct arena *a, struct span header, const struct dkim_verdict *dkim, size_t n_dkim,
	const struct spf_verdict *spf, const struct dns_source *dns, struct dmarc_verdict *out)
{
	struct walk *w = ARENA_NEW(a, struct walk);
	const struct node *k;
	bool more = false, unsure = spf->result == SPF_TEMPERROR;

	memset(out, 0, sizeof(*out));
	if (!author(a, header, out))
		return 0;
	walk_up(a, dns, out->from, w);
	if (w->more)
		return MAILAUTH_MORE;
	out->organization = organization(w);
	k = record_for(w, out->organization);
	if (!k) {
		out->result = w->failed ? DKIM_TEMPERROR : DKIM_NONE;
		return 0;
	}
	out->record_domain = k->name;
	out->reported = k->record.rua.n > 0;
	out->policy = published(dns, a, k, out, &more);
	align_all(a, dkim, n_dkim, spf, dns, &k->record, out, &more);
	if (more && !(out->by_dkim || out->by_spf))
		return MAILAUTH_MORE;
	for (size_t i = 0; i < n_dkim; i++)
		unsure |= dkim[i].result == DKIM_TEMPERROR;
	out->result = out->by_dkim || out->by_spf ? DKIM_PASS : unsure || w->failed ? DKIM_TEMPERROR : DKIM_FAIL;
	if (out->result == DKIM_FAIL)
		out->disposition = out->policy > DMARC_NONE && k->record.testing ? out->policy - 1 : out->policy;
	return more ? MAILAUTH_MORE : 0;
}
