#include "codec/mailauth/spf_int.h"
#include <arpa/inet.h>
#include <string.h>
#include "base/scan.h"

enum { QUALIFIED_MATCH = 1, NO_MATCH = 0 };    /* of a mechanism; else -SPF_TEMPERROR, -SPF_PERMERROR */

const char *spf_result_name(enum spf_result r)
{
	static const char *const names[] = { "none", "pass", "fail", "softfail", "neutral", "temperror", "permerror" };

	return names[r];
}

bool spf_ask(struct spf *s, struct span name, enum dns_type type, struct dns_answer *out)
{
	if (dns_ask(s->dns, s->arena, name, type, out))
		return true;
	s->more = true;
	*out = (struct dns_answer){ .status = DNS_FAILED };
	return false;
}

static int error_of(struct spf *s, enum spf_result r, const char *why)
{
	if (!s->why)
		s->why = why;
	return -(int)r;
}

static bool address_parse(struct spf *s, struct span text)
{
	static const unsigned char mapped[12] = { [10] = 0xff, 0xff };
	char z[INET6_ADDRSTRLEN + 1];

	if (!text.n || text.n >= sizeof(z))
		return false;
	memcpy(z, text.p, text.n);
	z[text.n] = 0;
	if (inet_pton(AF_INET, z, s->ip) == 1)
		return true;
	if (inet_pton(AF_INET6, z, s->ip) != 1)
		return false;
	s->v6 = memcmp(s->ip, mapped, sizeof(mapped)) != 0;
	if (!s->v6)
		memmove(s->ip, s->ip + 12, 4);
	return true;
}

static bool bits_equal(const unsigned char *a, const unsigned char *b, size_t bits)
{
	unsigned rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return !rest || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

/* ---- names and their addresses ---- */

struct prefix {
	size_t v4, v6;
};

/* Section 4.6.4: questions without an answer are counted. */
static int count_void(struct spf *s, const struct dns_answer *found)
{
	if (found->status == DNS_FAILED)
		return s->more ? -(int)SPF_TEMPERROR : error_of(s, SPF_TEMPERROR, "DNS has no answer now");
	if (found->status != DNS_FOUND && ++s->voids > SPF_VOID_MAX)
		return error_of(s, SPF_PERMERROR, "too many questions without an answer");
	return 0;
}

static bool holds_ip(struct spf *s, const struct dns_answer *found, const struct prefix *p)
{
	for (size_t i = 0; found->status == DNS_FOUND && i < found->n; i++)
		if (found->v[i].n == (s->v6 ? 16u : 4u) &&
			bits_equal((const unsigned char *)found->v[i].p, s->ip, s->v6 ? p->v6 : p->v4))
			return true;
	return false;
}

static int match_address(struct spf *s, struct span name, const struct prefix *p)
{
	struct dns_answer found;
	int r;

	spf_ask(s, name, s->v6 ? DNS_AAAA : DNS_A, &found);
	r = count_void(s, &found);
	return r < 0 ? r : holds_ip(s, &found, p);
}

static int match_mx(struct spf *s, struct span name, const struct prefix *p)
{
	struct dns_answer mx, found;
	bool hit = false;
	int r;

	spf_ask(s, name, DNS_MX, &mx);
	r = count_void(s, &mx);
	if (r < 0 || mx.status != DNS_FOUND)
		return r;
	if (mx.n > SPF_NAMES_MAX)
		return error_of(s, SPF_PERMERROR, "too many MX names");
	for (size_t i = 0; i < mx.n && !hit; i++) {     /* all missing ones are asked for at once */
		if (mx.v[i].n < 3)
			continue;
		if (!spf_ask(s, span_from(mx.v[i], 2), s->v6 ? DNS_AAAA : DNS_A, &found))
			continue;
		r = count_void(s, &found);
		if (r < 0)
			return r;
		hit = holds_ip(s, &found, p);
	}
	return s->more ? -(int)SPF_TEMPERROR : hit;
}

static bool is_below(struct span name, struct span domain, bool *same)
{
	*same = span_ieq(name, domain);
	return *same || (name.n > domain.n + 1 && span_ieq(span_from(name, name.n - domain.n), domain) &&
		name.p[name.n - domain.n - 1] == '.');
}

static struct span reverse_name(struct spf *s)
{
	SCOPED_BUF b;

	buf_init(&b, 100);
	for (size_t i = s->v6 ? 16 : 4; i-- > 0;) {
		if (s->v6)
			buf_addf(&b, "%x.%x.", s->ip[i] & 15, s->ip[i] >> 4);
		else
			buf_addf(&b, "%u.", s->ip[i]);
	}
	buf_addz(&b, s->v6 ? "ip6.arpa" : "in-addr.arpa");
	return arena_span(s->arena, buf_span(&b));
}

/* Section 5.5: names whose own address is the client's; the domain itself, then below it, then any. */
struct span spf_validated(struct spf *s, struct span domain, bool below_only)
{
	static const struct prefix whole = { 32, 128 };
	struct dns_answer ptr, found;
	struct span best = SPAN_NONE;
	unsigned rank = 0;

	spf_ask(s, reverse_name(s), DNS_PTR, &ptr);
	for (size_t i = 0; ptr.status == DNS_FOUND && i < ptr.n && i < SPF_NAMES_MAX; i++) {
		bool same, below = is_below(ptr.v[i], domain, &same);
		unsigned mine = same ? 3 : below ? 2 : 1;

		if ((below_only && !below) || mine <= rank)
			continue;
		if (spf_ask(s, ptr.v[i], s->v6 ? DNS_AAAA : DNS_A, &found) && holds_ip(s, &found, &whole)) {
			best = ptr.v[i];
			rank = mine;
		}
	}
	return best;
}

static int match_ptr(struct spf *s, struct span name)
{
	struct span found = spf_validated(s, name, true);

	return s->more ? -(int)SPF_TEMPERROR : found.n > 0;
}

/* ---- terms ---- */

enum mechanism { M_ALL, M_INCLUDE, M_A, M_MX, M_PTR, M_IP4, M_IP6, M_EXISTS };
static const struct {
	const char *name;
	bool asks;
} mechanisms[] = { { "all", false }, { "include", true }, { "a", true }, { "mx", true }, { "ptr", true },
	{ "ip4", false }, { "ip6", false }, { "exists", true } };

struct term {
	enum mechanism kind;
	char qualifier;
	struct span spec;             /* domain-spec or network, none when not given */
	struct prefix prefix;
};
struct record {
	struct term *terms;
	size_t n;
	struct span redirect, exp;
	bool has_redirect, has_exp;
};

static bool prefix_number(struct span s, size_t max, size_t *out)
{
	uint64_t n;

	if (!s.n || (s.n > 1 && s.p[0] == '0') || !span_num(s, &n, 0, max))
		return false;
	*out = (size_t)n;
	return true;
}

/* dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ]; cut off the end of *spec. */
static bool prefix_cut(struct span *spec, struct prefix *out)
{
	size_t n = spec->n;
	struct span tail, four;

	*out = (struct prefix){ 32, 128 };
	while (n && (ascii_digit(spec->p[n - 1]) || spec->p[n - 1] == '/'))
		n--;
	while (n < spec->n && spec->p[n] != '/')
		n++;
	if (n == spec->n)
		return true;
	tail = span_from(*spec, n + 1);
	*spec = span_sub(*spec, 0, n);
	four = span_cut(&tail, '/');
	if (four.n)
		return prefix_number(four, 32, &out->v4) && (!tail.p || (tail.n && tail.p[0] == '/' &&
			prefix_number(span_from(tail, 1), 128, &out->v6)));
	return prefix_number(tail, 128, &out->v6);
}

static bool name_char(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '-' || c == '_' || c == '.';
}

/* domain-end = ( "." toplabel [ "." ] ) / macro-expand; toplabel is not all digits and has no "-" at its ends */
static bool spec_end_ok(struct span spec)
{
	ssize_t dot;
	struct span top;
	bool other = false;

	if (spec.n >= 2 && spec.p[spec.n - 1] == '}')
		return true;
	if (spec.n >= 2 && spec.p[spec.n - 2] == '%' && span_chr(SPAN("%_-"), spec.p[spec.n - 1]) >= 0)
		return true;
	if (spec.n && spec.p[spec.n - 1] == '.')
		spec.n--;
	dot = span_rchr(spec, '.');
	if (dot < 0)
		return false;
	top = span_from(spec, (size_t)dot + 1);
	for (size_t i = 0; i < top.n; i++) {
		if (!ascii_alpha(top.p[i]) && !ascii_digit(top.p[i]) && top.p[i] != '-')
			return false;
		other |= !ascii_digit(top.p[i]);
	}
	return top.n && other && top.p[0] != '-' && top.p[top.n - 1] != '-';
}

/* The macros' own syntax is tried with any values. */
static bool spec_ok(struct spf *s, struct span spec, bool exp)
{
	struct spf trial = *s;
	static const struct spf_request none;
	struct span ignored;

	trial.q = &none;
	trial.dns = &(struct dns_source){ 0 };
	for (size_t i = 0; i + 2 < spec.n; i++)        /* no questions now */
		if (spec.p[i] == '{' && ascii_lower(spec.p[i + 1]) == 'p') {
			char *p = arena_dup(s->arena, spec.p, spec.n);

			for (size_t k = i; k + 2 < spec.n; k++)
				if (p[k] == '{' && ascii_lower(p[k + 1]) == 'p')
					p[k + 1] = 'd';
			spec = SPAN_BYTES(p, spec.n);
			break;
		}
	return spf_expand(&trial, spec, SPAN("d"), exp, &ignored) && (exp || spec_end_ok(spec));
}

static bool network_ok(enum mechanism kind, struct term *t)
{
	unsigned char ip[16];
	ssize_t slash = span_chr(t->spec, '/');
	struct span host = span_sub(t->spec, 0, slash < 0 ? t->spec.n : (size_t)slash);
	char z[INET6_ADDRSTRLEN + 1];

	t->prefix = (struct prefix){ 32, 128 };
	if (slash >= 0 && !prefix_number(span_from(t->spec, (size_t)slash + 1), kind == M_IP4 ? 32 : 128,
		kind == M_IP4 ? &t->prefix.v4 : &t->prefix.v6))
		return false;
	t->spec = host;
	if (!host.n || host.n >= sizeof(z))
		return false;
	memcpy(z, host.p, host.n);
	z[host.n] = 0;
	return inet_pton(kind == M_IP4 ? AF_INET : AF_INET6, z, ip) == 1;
}

/* directive = [ qualifier ] mechanism */
static bool term_parse(struct spf *s, struct span text, struct term *t)
{
	struct span name;
	bool colon;

	t->qualifier = '+';
	if (text.n && span_chr(SPAN("+-?~"), text.p[0]) >= 0) {
		t->qualifier = text.p[0];
		text = span_from(text, 1);
	}
	if (!scan_while(&text, &name, name_char, 1, 20))
		return false;
	for (t->kind = M_ALL; !span_ieqz(name, mechanisms[t->kind].name);)
		if (++t->kind > M_EXISTS)
			return false;
	colon = scan_char(&text, ':');
	t->spec = text;
	if (t->kind == M_ALL)
		return !colon && !text.n;
	if (t->kind == M_IP4 || t->kind == M_IP6)
		return colon && network_ok(t->kind, t);
	if (t->kind == M_A || t->kind == M_MX) {
		if (!prefix_cut(&t->spec, &t->prefix))
			return false;
	}
	if (colon ? !t->spec.n : t->spec.n > 0)
		return false;
	if (!colon && (t->kind == M_INCLUDE || t->kind == M_EXISTS))
		return false;
	return !colon || spec_ok(s, t->spec, false);
}

/* modifier = name "=" macro-string; redirect and exp at most once. 1: it is one and fine, 0: none, -1: wrong. */
static int modifier_parse(struct spf *s, struct span text, struct record *r)
{
	struct span name = SPAN_NONE, rest = text;

	if (!text.n || !ascii_alpha(text.p[0]) || !scan_while(&rest, &name, name_char, 1, text.n) || !scan_char(&rest, '='))
		return 0;
	if (span_ieqz(name, "redirect")) {
		if (r->has_redirect || !spec_ok(s, rest, false))
			return -1;
		r->has_redirect = true;
		r->redirect = rest;
	} else if (span_ieqz(name, "exp")) {
		if (r->has_exp || !spec_ok(s, rest, false))
			return -1;
		r->has_exp = true;
		r->exp = rest;
	} else if (!spec_ok(s, rest, true)) {
		return -1;
	}
	return 1;
}

static bool record_parse(struct spf *s, struct span text, struct record *r)
{
	memset(r, 0, sizeof(*r));
	r->terms = ARENA_ARRAY(s->arena, struct term, text.n / 2 + 1);
	while (text.n) {
		struct span word = span_cut(&text, ' ');
		int m;

		if (!word.n)
			continue;
		m = modifier_parse(s, word, r);
		if (m < 0 || (m == 0 && !term_parse(s, word, &r->terms[r->n++])))
			return false;
	}
	return true;
}

/* ---- evaluation ---- */

static int check_host(struct spf *s, struct span domain, unsigned depth, struct span *exp_domain, struct span *exp);

/* Section 4.5: exactly one TXT record that begins with v=spf1 and a blank or its end. */
static int record_fetch(struct spf *s, struct span domain, struct span *out)
{
	struct dns_answer found;
	unsigned n = 0;

	spf_ask(s, domain, DNS_TXT, &found);
	if (found.status == DNS_FAILED)
		return error_of(s, SPF_TEMPERROR, s->more ? NULL : "DNS has no answer now");
	for (size_t i = 0; found.status == DNS_FOUND && i < found.n; i++) {
		struct span v = found.v[i];

		if (span_istarts(v, SPAN("v=spf1")) && (v.n == 6 || v.p[6] == ' ')) {
			*out = span_from(v, 6);
			n++;
		}
	}
	if (n > 1)
		return error_of(s, SPF_PERMERROR, "more than one record");
	if (n && out->n > SPF_RECORD_MAX)
		return error_of(s, SPF_PERMERROR, "record too long");
	return n == 1;
}

/* Names beyond 253 octets lose labels at the left (section 7.3). */
static int target(struct spf *s, struct span spec, struct span domain, struct span *out)
{
	if (!spec.n) {
		*out = domain;
		return 0;
	}
	if (!spf_expand(s, spec, domain, false, out))
		return error_of(s, SPF_PERMERROR, "macro");
	while (out->n > DNS_NAME_MAX) {
		ssize_t dot = span_chr(*out, '.');

		*out = dot < 0 ? SPAN("") : span_from(*out, (size_t)dot + 1);
	}
	if (out->n && out->p[out->n - 1] == '.')
		out->n--;
	return s->more ? -(int)SPF_TEMPERROR : 0;
}

static int match_include(struct spf *s, struct span name, unsigned depth)
{
	struct span ignored = SPAN_NONE, none = SPAN_NONE;
	int r = check_host(s, name, depth + 1, &none, &ignored);

	switch (r) {
	case SPF_PASS:
		return QUALIFIED_MATCH;
	case SPF_FAIL:
	case SPF_SOFTFAIL:
	case SPF_NEUTRAL:
		return NO_MATCH;
	case SPF_TEMPERROR:
		return -(int)SPF_TEMPERROR;
	default:
		return error_of(s, SPF_PERMERROR, "include of a domain without a sound record");
	}
}

static int match_network(struct spf *s, const struct term *t)
{
	unsigned char ip[16];
	bool six = t->kind == M_IP6;

	if (six != s->v6)
		return NO_MATCH;
	inet_pton(six ? AF_INET6 : AF_INET, arena_strz(s->arena, t->spec), ip);
	return bits_equal(ip, s->ip, six ? t->prefix.v6 : t->prefix.v4);
}

static int match_exists(struct spf *s, struct span name)
{
	struct dns_answer found;
	int r;

	spf_ask(s, name, DNS_A, &found);
	r = count_void(s, &found);
	return r < 0 ? r : found.status == DNS_FOUND;
}

static int match(struct spf *s, const struct term *t, struct span domain, unsigned depth)
{
	struct span name;
	int r;

	if (mechanisms[t->kind].asks && ++s->lookups > SPF_LOOKUPS_MAX)
		return error_of(s, SPF_PERMERROR, "too many terms that ask the DNS");
	if (t->kind == M_ALL)
		return QUALIFIED_MATCH;
	if (t->kind == M_IP4 || t->kind == M_IP6)
		return match_network(s, t);
	r = target(s, t->spec, domain, &name);
	if (r < 0)
		return r;
	switch (t->kind) {
	case M_INCLUDE:
		return match_include(s, name, depth);
	case M_A:
		return match_address(s, name, &t->prefix);
	case M_MX:
		return match_mx(s, name, &t->prefix);
	case M_PTR:
		return match_ptr(s, name);
	default:
		return match_exists(s, name);
	}
}

static int redirect(struct spf *s, const struct record *r, struct span domain, unsigned depth, struct span *exp_domain,
	struct span *exp)
{
	struct span name;
	int code;

	if (++s->lookups > SPF_LOOKUPS_MAX)
		return -error_of(s, SPF_PERMERROR, "too many terms that ask the DNS");
	code = target(s, r->redirect, domain, &name);
	if (code < 0)
		return -code;
	code = check_host(s, name, depth + 1, exp_domain, exp);
	return code == SPF_NONE ? -error_of(s, SPF_PERMERROR, "redirect to a domain without a record") : code;
}

/* check_host() of section 4: the result, and where its explanation is to be found. */
static int check_host(struct spf *s, struct span domain, unsigned depth, struct span *exp_domain, struct span *exp)
{
	struct span text = SPAN_NONE;
	struct record rec;
	int r;

	if (!dns_name_ok(domain) || span_chr(domain, '.') < 0)
		return SPF_NONE;
	r = record_fetch(s, domain, &text);
	if (r <= 0)
		return -r;
	if (depth > SPF_LOOKUPS_MAX || !record_parse(s, text, &rec))
		return -error_of(s, SPF_PERMERROR, "unreadable record");
	*exp_domain = domain;
	*exp = rec.exp;
	for (size_t i = 0; i < rec.n; i++) {
		r = match(s, &rec.terms[i], domain, depth);
		if (r < 0)
			return -r;
		if (r == QUALIFIED_MATCH)
			return rec.terms[i].qualifier == '+' ? SPF_PASS : rec.terms[i].qualifier == '-' ? SPF_FAIL :
				rec.terms[i].qualifier == '~' ? SPF_SOFTFAIL : SPF_NEUTRAL;
	}
	return rec.has_redirect ? redirect(s, &rec, domain, depth, exp_domain, exp) : SPF_NEUTRAL;
}

/* Section 6.2: whatever goes wrong, there is no explanation. */
static struct span explain(struct spf *s, struct span domain, struct span exp)
{
	struct dns_answer found;
	struct span name, text;

	if (!exp.n || target(s, exp, domain, &name) < 0 || !spf_ask(s, name, DNS_TXT, &found) ||
		found.status != DNS_FOUND || found.n != 1)
		return SPAN_NONE;
	for (size_t i = 0; i < found.v[0].n; i++)
		if (found.v[0].p[i] < 32 || found.v[0].p[i] > 126)
			return SPAN_NONE;
	if (!spf_expand(s, found.v[0], domain, true, &text) || text.n > 400)
		return SPAN_NONE;
	for (size_t i = 0; i < text.n; i++)      /* macros bring in what the client said */
		if (text.p[i] < 32 || text.p[i] > 126)
			return SPAN_NONE;
	return text;
}

static struct span without_dot(struct span name)
{
	return span_sub(name, 0, name.n && name.p[name.n - 1] == '.' ? name.n - 1 : name.n);
}

int spf_check(struct arena *a, const struct spf_request *q, const struct dns_source *dns, struct spf_verdict *out)
{
	struct spf s = { .arena = a, .q = q, .dns = dns, .local = SPAN("postmaster"), .helo = q->helo };
	struct span exp = SPAN_NONE, exp_domain = SPAN_NONE;
	ssize_t at = span_rchr(q->sender, '@');

	*out = (struct spf_verdict){ .result = SPF_NONE };
	s.sender_domain = without_dot(q->sender.n ? span_from(q->sender, (size_t)(at + 1)) : q->helo);
	if (at > 0)
		s.local = span_sub(q->sender, 0, (size_t)at);
	out->domain = s.sender_domain;
	if (!address_parse(&s, q->ip))
		return 0;
	out->result = (enum spf_result)check_host(&s, s.sender_domain, 0, &exp_domain, &exp);
	if (s.more)
		return MAILAUTH_MORE;
	if (out->result == SPF_FAIL)
		out->explanation = explain(&s, exp_domain, exp);
	out->why = out->result == SPF_TEMPERROR || out->result == SPF_PERMERROR ? s.why : NULL;
	return s.more ? MAILAUTH_MORE : 0;
}
