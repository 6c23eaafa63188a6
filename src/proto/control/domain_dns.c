/* domain_dns.c - `kontor domain dns` and `kontor domain check`: the records a mail domain needs in the DNS.
 *
 * One list of wanted records serves both: dns prints it as lines of a zone file, check asks the DNS for each and
 * says what to do. Pure but for the questions, which core's names answer (call.h). */
#include <stdio.h>
#include <string.h>
#include "base/scan.h"
#include "base/time.h"
#include "codec/mailauth/dmarc.h"
#include "codec/smtp/smtp_address.h"
#include "domain/mail/sts_policy.h"
#include "domain/org/domain_key.h"
#include "proto/control/domain_dns.h"

#define RECORDS_MAX 40
#define ROUNDS_MAX 16
#define TTL 3600

struct wanted {
	const char *purpose;              /* a word of the manual */
	struct span name;
	enum dns_type type;
	struct span value;                /* as in a zone file, TXT unquoted */
	bool (*good)(struct wanted *w, struct span found);   /* one record; NULL: the name must have any */
	bool optional, unique;            /* unique: exactly one record of its kind (same_kind) */
	const char *fix;                  /* besides "publish this" */
	uint64_t number;                  /* port of a SRV, preference of an MX */
	struct span target;
	const struct domain_key *key;
};
struct plan {
	struct control *c;
	struct span domain, host;         /* A-labels */
	struct domain_key *keys;
	size_t n_keys;
	struct span smarthost;
	struct sts_published sts;
	struct span reports;              /* setting report_address, or none */
	struct wanted v[RECORDS_MAX];
	size_t n;
};

/* ---- is a record that was found the right one? ---- */

static bool names_target(struct span found, size_t before, struct span target)
{
	return found.n >= before && span_ieq(span_from(found, before), target);
}

static bool good_mx(struct wanted *w, struct span found)
{
	return names_target(found, 2, w->target);
}

static bool good_srv(struct wanted *w, struct span found)
{
	return found.n > 6 && (uint64_t)((unsigned char)found.p[4] << 8 | (unsigned char)found.p[5]) == w->number &&
		names_target(found, 6, w->target);
}

static bool good_key(struct wanted *w, struct span found)
{
	SCOPED_ARENA a = arena_new();
	struct dkim_key k;

	return dkim_key_parse(a, found, &k, NULL) == 0 && span_eq(k.key, w->key->public_half);
}

static bool good_dmarc(struct wanted *w, struct span found)
{
	struct dmarc_record r;

	if (dmarc_record_parse(found, &r, NULL) < 0)
		return false;
	if (r.policy == DMARC_NONE)
		w->fix = N_("p=none asks nobody to refuse forged mail; go on to p=quarantine when the reports are clean");
	return true;
}

static bool good_prefix(struct wanted *w, struct span found)
{
	struct span start = w->value;

	return span_starts(found, span_cut(&start, ';'));
}

static bool good_sts(struct wanted *w, struct span found)
{
	span_cut(&found, '=');
	span_cut(&found, '=');
	return span_eq(span_trim(span_cut(&found, ';')), w->target);
}

static bool good_tlsa(struct wanted *w, struct span found)
{
	uint8_t hash[32];

	return found.n == 35 && span_eq(span_sub(found, 0, 3), SPAN("\3\1\1")) && scan_hex(w->target, hash, 32) &&
		span_eq(span_from(found, 3), SPAN_BYTES(hash, 32));
}

static bool good_any(struct wanted *w, struct span found)
{
	(void)w;
	return found.n > 0;
}

/* ---- what is wanted ---- */

static struct wanted *want(struct plan *p, const char *purpose, struct span name, enum dns_type type, struct span value,
	bool (*good)(struct wanted *, struct span))
{
	struct wanted *w = &p->v[p->n < RECORDS_MAX ? p->n++ : RECORDS_MAX - 1];

	*w = (struct wanted){ .purpose = purpose, .name = name, .type = type, .value = value, .good = good };
	return w;
}

static struct span under(struct plan *p, const char *label)
{
	return arena_printf(p->c->arena, "%s.%.*s", label, SPAN_F(p->domain));
}

static void want_service(struct plan *p, const char *label, unsigned port)
{
	struct wanted *w = want(p, "SRV", under(p, label), DNS_SRV,
		arena_printf(p->c->arena, "0 1 %u %.*s.", port, SPAN_F(p->host)), good_srv);

	w->number = port;
	w->target = p->host;
	w->optional = true;
	w->fix = N_("mail programs find their settings by it");
}

static void want_keys(struct plan *p)
{
	for (size_t i = 0; i < p->n_keys; i++) {
		const struct domain_key *k = &p->keys[i];
		struct wanted *w = want(p, "DKIM", arena_printf(p->c->arena, "%.*s._domainkey.%.*s", SPAN_F(k->selector),
			SPAN_F(p->domain)), DNS_TXT, domain_key_record(p->c->arena, k), good_key);

		w->key = k;
	}
}

static void want_tlsa(struct plan *p)
{
	struct span list = span_str(p->c->call->house->tlsa);

	while (list.n) {
		struct span hex = span_cut(&list, ' ');
		struct wanted *w = want(p, "TLSA", arena_printf(p->c->arena, "_25._tcp.%.*s", SPAN_F(p->host)), DNS_TLSA,
			arena_printf(p->c->arena, "3 1 1 %.*s", SPAN_F(hex)), good_tlsa);

		w->target = hex;
		w->optional = true;
		w->fix = N_("only in a zone signed with DNSSEC; change it before the certificate's key changes");
	}
}

static void want_spf(struct plan *p)
{
	struct span host = p->smarthost;
	struct wanted *w;

	host = span_cut(&host, ':');
	w = want(p, "SPF", p->domain, DNS_TXT, host.n ? arena_printf(p->c->arena, "v=spf1 mx a:%.*s -all", SPAN_F(host)) :
		SPAN("v=spf1 mx -all"), good_prefix);
	w->unique = true;
	w->fix = N_("one record that names all servers that send for this domain");
	w = want(p, "SPF", p->host, DNS_TXT, SPAN("v=spf1 a -all"), good_prefix);
	w->unique = true;
	w->optional = true;
	w->fix = N_("for reports, which have no sender: the name in HELO is asked instead");
}

/* Reports about this domain go to an address of another: that one must agree (RFC 9990 section 4). */
static void want_report_consent(struct plan *p)
{
	ssize_t at = span_rchr(p->reports, '@');
	struct span there = at < 0 ? SPAN_NONE : span_from(p->reports, (size_t)at + 1);

	if (there.n && !span_ieq(there, p->domain))
		want(p, "DMARC", arena_printf(p->c->arena, "%.*s._report._dmarc.%.*s", SPAN_F(p->domain), SPAN_F(there)), DNS_TXT,
			SPAN("v=DMARC1"), good_prefix)->fix = N_("else nobody sends the reports there");
}

static void want_policies(struct plan *p)
{
	struct arena *a = p->c->arena;
	struct span reports = p->reports.n ? p->reports : arena_printf(a, "postmaster@%.*s", SPAN_F(p->domain));
	struct wanted *w = want(p, "DMARC", under(p, "_dmarc"), DNS_TXT, arena_printf(a,
		"v=DMARC1; p=quarantine; rua=mailto:%.*s", SPAN_F(reports)), good_dmarc);

	w->unique = true;
	want_report_consent(p);
	w = want(p, "TLS-RPT", under(p, "_smtp._tls"), DNS_TXT, arena_printf(a,
		"v=TLSRPTv1; rua=mailto:%.*s", SPAN_F(reports)), good_prefix);
	w->optional = true;
	w->fix = N_("others report here when they cannot encrypt");
	w = want(p, "MTA-STS", under(p, "_mta-sts"), DNS_TXT, arena_printf(a, "v=STSv1; id=%.*s", SPAN_F(p->sts.id)), good_sts);
	w->optional = w->unique = true;
	w->target = p->sts.id;
	w->fix = N_("a new id with each change of the policy (kontor settings: mta_sts_mode)");
	w = want(p, "CAA", p->domain, DNS_CAA, SPAN("0 issue \"letsencrypt.org\""), good_any);
	w->optional = true;
	w->fix = N_("the certification authority that may issue certificates for this domain");
}

static void plan_records(struct plan *p)
{
	static const char *const helpers[] = { "autoconfig", "autodiscover", "mta-sts" };
	struct span target = arena_printf(p->c->arena, "%.*s.", SPAN_F(p->host));
	struct wanted *w = want(p, "MX", p->domain, DNS_MX, arena_printf(p->c->arena, "10 %.*s.", SPAN_F(p->host)), good_mx);

	w->target = p->host;
	w->fix = N_("until then mail for this domain goes elsewhere");
	w = want(p, "address", p->host, DNS_A, SPAN("(the IPv4 address of this server)"), NULL);
	w->fix = N_("others must find this server; its address should lead back to this name (PTR)");
	want_spf(p);
	want_keys(p);
	want_policies(p);
	want_tlsa(p);
	want_service(p, "_submissions._tcp", 465);
	want_service(p, "_submission._tcp", 587);
	want_service(p, "_imaps._tcp", 993);
	want_service(p, "_imap._tcp", 143);
	want_service(p, "_pop3s._tcp", 995);
	want_service(p, "_pop3._tcp", 110);
	want_service(p, "_sieve._tcp", 4190);
	want_service(p, "_autodiscover._tcp", 443);
	for (size_t i = 0; i < 3; i++) {
		w = want(p, i < 2 ? "autoconfig" : "MTA-STS", under(p, helpers[i]), DNS_CNAME, target, NULL);
		w->optional = true;
		w->fix = i < 2 ? N_("mail programs look there for their settings; the certificate must have this name") :
			N_("the policy is served there; the certificate must have this name");
	}
}

static int read_plan(struct tx *tx, void *arg, struct err *e)
{
	struct plan *p = arg;
	struct err why = ERR_INIT;

	if (org_setting_get(p->c->org, tx, p->c->arena, "smarthost", &p->smarthost, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	err_clear(&why);
	if (org_setting_get(p->c->org, tx, p->c->arena, "report_address", &p->reports, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	if (p->reports.n && smtp_address_ascii(p->c->arena, p->reports, &p->reports, e) < 0)
		return e->code;
	if (sts_policy(p->c->org, tx, p->c->arena, p->host, &p->sts, e) < 0)
		return e->code;
	return domain_key_list(p->c->org, tx, p->c->arena, control_text(p->c, "domain"), time_real_sec(), &p->keys,
		&p->n_keys, e);
}

static int plan_make(struct control *c, struct plan **out, struct err *e)
{
	struct plan *p = *out = ARENA_NEW(c->arena, struct plan);

	p->c = c;
	if (smtp_domain_ascii(c->arena, control_text(c, "domain"), &p->domain, e) < 0 ||
		smtp_domain_ascii(c->arena, span_str(c->call->house->hostname), &p->host, e) < 0 ||
		store_read(c->call->house->store, read_plan, p, e) < 0)
		return e->code;
	plan_records(p);
	return 0;
}

/* ---- dns ---- */

static const char *type_name(enum dns_type t)
{
	static const struct {
		enum dns_type type;
		const char *name;
	} names[] = { { DNS_A, "A" }, { DNS_CNAME, "CNAME" }, { DNS_MX, "MX" }, { DNS_TXT, "TXT" }, { DNS_SRV, "SRV" },
		{ DNS_TLSA, "TLSA" }, { DNS_CAA, "CAA" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].type == t)
			return names[i].name;
	return "?";
}

/* TXT in strings of at most 255 octets. */
static struct span zone_value(struct arena *a, const struct wanted *w)
{
	SCOPED_BUF b;
	struct span rest = w->value;

	buf_init(&b, 65536);
	if (w->type != DNS_TXT)
		return w->value;
	while (rest.n) {
		buf_addf(&b, "%s\"%.*s\"", b.n ? " " : "", SPAN_F(span_sub(rest, 0, 255)));
		rest = span_from(rest, 255);
	}
	return arena_span(a, buf_span(&b));
}

static json_t *row(struct control *c, const struct wanted *w)
{
	json_t *r = json_object();

	control_put(r, "purpose", span_str(w->purpose));
	control_put(r, "record", arena_printf(c->arena, "%.*s. %d IN %s %.*s", SPAN_F(w->name), TTL, type_name(w->type),
		SPAN_F(zone_value(c->arena, w))));
	return r;
}

int control_domain_dns(struct control *c, struct tx *tx, struct err *e)
{
	json_t *out = json_array();
	struct plan *p;

	(void)tx;
	control_result(c, out);
	if (plan_make(c, &p, e) < 0)
		return e->code;
	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(out, row(c, &p->v[i]));
	return 0;
}

/* ---- check ---- */

static bool ask(void *arg, struct span name, enum dns_type type, struct dns_answer *out)
{
	struct call *c = arg;

	return c->house->name_find(c, name, type, out);
}

/* Records that count as one more of the same: those that begin with the same version. */
static bool same_kind(const struct wanted *w, struct span found)
{
	ssize_t end = span_chr(w->value, ' ');
	struct span version = span_sub(w->value, 0, end < 0 ? w->value.n : (size_t)end);

	if (span_ends(version, SPAN(";")))
		version.n--;
	return span_istarts(found, version);
}

static const char *judge(struct wanted *w, const struct dns_answer *found)
{
	size_t good = 0, alike = 0;

	if (found->status == DNS_FAILED)
		return "unknown";
	if (found->status != DNS_FOUND)
		return w->optional ? "optional" : "missing";
	if (!w->good)
		return "ok";
	for (size_t i = 0; i < found->n; i++) {
		good += w->good(w, found->v[i]);
		alike += same_kind(w, found->v[i]);
	}
	if (w->unique && alike > 1)
		return "wrong";
	if (good)
		return "ok";
	return w->type == DNS_TXT && !alike && !w->key ? (w->optional ? "optional" : "missing") : "wrong";
}

/* Does SPF let our own address send? Asked of the evaluator itself, for the first address of this host. */
static const char *judge_spf(struct plan *p, const struct dns_source *dns, struct span domain)
{
	struct dns_answer host;
	struct spf_verdict v;
	struct spf_request q = { .helo = p->host, .now_sec = time_real_sec() };
	const unsigned char *ip;

	if (!dns_ask(dns, p->c->arena, p->host, DNS_A, &host) || host.status != DNS_FOUND || host.v[0].n != 4)
		return NULL;
	ip = (const unsigned char *)host.v[0].p;
	q.ip = arena_printf(p->c->arena, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
	q.sender = arena_printf(p->c->arena, "postmaster@%.*s", SPAN_F(domain));
	if (spf_check(p->c->arena, &q, dns, &v) == MAILAUTH_MORE)
		return NULL;
	return v.result == SPF_PASS ? NULL : v.result == SPF_TEMPERROR ? "unknown" : "wrong";
}

static const char *state_of(struct plan *p, const struct dns_source *dns, struct wanted *w)
{
	struct dns_answer found;
	const char *state, *spf;

	if (!dns_ask(dns, p->c->arena, w->name, w->type, &found))
		return "unknown";
	state = judge(w, &found);
	if (strcmp(w->purpose, "SPF") != 0 || strcmp(state, "ok") != 0 || p->smarthost.n)
		return state;
	spf = judge_spf(p, dns, w->name);
	return spf ? spf : state;
}

static json_t *check_row(struct control *c, const struct wanted *w, const char *state)
{
	json_t *r = json_object();
	bool fine = strcmp(state, "ok") == 0;

	control_put(r, "purpose", span_str(w->purpose));
	control_put(r, "name", w->name);
	control_put(r, "state", span_str(state));
	control_put(r, "fix", fine ? SPAN("") : arena_printf(c->arena, "%.*s. %d IN %s %.*s", SPAN_F(w->name), TTL,
		type_name(w->type), SPAN_F(zone_value(c->arena, w))));
	control_put(r, "hint", w->fix && (!fine || w->good == good_dmarc) ? span_str(w->fix) : SPAN(""));
	return r;
}

static json_t *no_keys_row(struct plan *p)
{
	json_t *r = json_object();

	control_put(r, "purpose", SPAN("DKIM"));
	control_put(r, "name", p->domain);
	control_put(r, "state", SPAN("missing"));
	control_put(r, "fix", arena_printf(p->c->arena, "kontor domain dkim %.*s", SPAN_F(p->domain)));
	control_put(r, "hint", span_str(N_("there are no keys yet: mail of this domain goes out unsigned")));
	return r;
}

int control_domain_check(struct control *c, struct tx *tx, struct err *e)
{
	struct dns_source dns = { ask, c->call };
	const char *state[RECORDS_MAX];
	json_t *out = json_array();
	struct plan *p;

	(void)tx;
	control_result(c, out);
	if (!c->call->house->name_find)
		return err_set(e, ERR_LATER, "The DNS cannot be asked now", "no names");
	if (plan_make(c, &p, e) < 0)
		return e->code;
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		for (size_t i = 0; i < p->n; i++)
			state[i] = state_of(p, &dns, &p->v[i]);
		if (!c->call->wants)
			break;
		if (c->call->house->name_wait(c->call, e) < 0)
			return e->code;
	}
	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(out, check_row(c, &p->v[i], state[i]));
	if (!p->n_keys)
		json_array_append_new(out, no_keys_row(p));
	return 0;
}
