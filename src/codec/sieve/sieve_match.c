/* sieve_match.c - comparators and match types, one test at a time. Every octet compared is paid for from the budget. */
#include "codec/sieve/sieve_int.h"
#include "codec/mime/mime_fold.h"
#include <string.h>

enum { CMP_CASEMAP, CMP_OCTET, CMP_NUMERIC, CMP_UNICODE };
enum { REL_GT, REL_GE, REL_LT, REL_LE, REL_EQ, REL_NE };

static int comparator_of(const struct sieve_node *n)
{
	const struct sieve_value *v = sieve_tag_arg(n, TAG_COMPARATOR);

	if (!v)
		return CMP_CASEMAP;
	return span_eqz(v->v[0], "i;octet") ? CMP_OCTET : span_eqz(v->v[0], "i;ascii-numeric") ? CMP_NUMERIC :
		span_eqz(v->v[0], "i;unicode-casemap") ? CMP_UNICODE : CMP_CASEMAP;
}

static int relation_of(const struct sieve_value *v)
{
	static const char *const names[] = { "gt", "ge", "lt", "le", "eq", "ne" };

	for (int i = 0; v && i < 6; i++)
		if (span_ieqz(v->v[0], names[i]))
			return i;
	return REL_EQ;
}

int match_open(struct sieve_match *m, struct sieve_run *r, const struct sieve_node *n, const struct sieve_value *keys)
{
	*m = (struct sieve_match){ .r = r, .node = n, .how = TAG_IS, .comparator = comparator_of(n) };
	for (int t = TAG_IS; t <= TAG_LIST; t++)
		if (n->tags & 1ULL << t)
			m->how = (enum sieve_tag_id)t;
	m->relation = relation_of(sieve_tag_arg(n, m->how == TAG_COUNT ? TAG_COUNT : TAG_VALUE));
	if (run_strs(r, keys, &m->keys, &m->n_keys) < 0)
		return ERR_LIMIT;
	if (m->comparator == CMP_UNICODE && m->how != TAG_REGEX && m->how != TAG_LIST) {
		struct span *folded = ARENA_ARRAY(r->a, struct span, m->n_keys + 1);

		for (size_t i = 0; i < m->n_keys; i++)
			folded[i] = mime_fold(r->a, m->keys[i]);
		m->keys = folded;
	}
	if (m->how != TAG_REGEX)
		return 0;
	m->patterns = ARENA_ARRAY(r->a, void *, m->n_keys + 1);
	for (size_t i = 0; i < m->n_keys; i++)
		if (regex_open(m->keys[i], m->comparator != CMP_OCTET, &m->patterns[i]) < 0) {
			match_end(m, 0);
			return run_fail(r, n, "This is no regular expression");
		}
	return run_spend(r, 64 * m->n_keys);
}

/* RFC 4790 section 9.1: leading digits; a string without any is positive infinity. */
static struct span digits(struct span s)
{
	size_t n = 0;

	while (n < s.n && ascii_digit(s.p[n]))
		n++;
	s.n = n;
	while (s.n > 1 && *s.p == '0')
		s = span_from(s, 1);
	return s;
}

static int compare(int comparator, struct span a, struct span b)
{
	if (comparator == CMP_NUMERIC) {
		a = digits(a);
		b = digits(b);
		if (!a.n || !b.n)
			return !a.n && !b.n ? 0 : !a.n ? 1 : -1;
		return a.n != b.n ? (a.n < b.n ? -1 : 1) : memcmp(a.p, b.p, a.n);
	}
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		unsigned char x = (unsigned char)a.p[i], y = (unsigned char)b.p[i];

		if (comparator == CMP_CASEMAP) {
			x = (unsigned char)ascii_upper((char)x);
			y = (unsigned char)ascii_upper((char)y);
		}
		if (x != y)
			return x < y ? -1 : 1;
	}
	return a.n < b.n ? -1 : a.n > b.n;
}

static bool holds(int relation, int order)
{
	switch (relation) {
	case REL_GT: return order > 0;
	case REL_GE: return order >= 0;
	case REL_LT: return order < 0;
	case REL_LE: return order <= 0;
	case REL_EQ: return order == 0;
	default: return order != 0;
	}
}

static int contains(struct sieve_match *m, struct span value, struct span key)
{
	bool fold = m->comparator == CMP_CASEMAP;

	if (!key.n)
		return 1;
	if (run_spend(m->r, value.n) < 0)
		return ERR_LIMIT;
	for (size_t i = 0; i + key.n <= value.n; i++) {
		size_t k = 0;

		while (k < key.n && (fold ? ascii_lower(value.p[i + k]) == ascii_lower(key.p[k]) : value.p[i + k] == key.p[k]))
			k++;
		if (k == key.n)
			return 1;
		if (k >= 64 && run_spend(m->r, k) < 0)
			return ERR_LIMIT;
	}
	return 0;
}

/* ---- :matches (section 2.7.1): "*" as little as fits, "?" one character; "\\" takes away their meaning ---- */

static size_t utf8_len(struct span s)
{
	size_t n = 1;

	while (n < s.n && ((unsigned char)s.p[n] & 0xC0) == 0x80)
		n++;
	return n;
}

struct glob {
	struct span value, key;
	bool fold;
	size_t v, k;                 /* where we are */
	size_t star_k, star_v;       /* behind the last star, and where its text ends; star_k 0: none yet */
	unsigned star_group, groups; /* number of the last star's group */
	struct { size_t from, to; } group[10];
};

static void glob_note(struct glob *g, size_t from, size_t to)
{
	if (++g->groups < 10) {
		g->group[g->groups].from = from;
		g->group[g->groups].to = to;
	}
}

/* One step forward; false when the character does not fit. */
static bool glob_step(struct glob *g)
{
	char c;
	size_t k = g->k;

	if (k == g->key.n)
		return false;
	c = g->key.p[k];
	if (c == '?') {
		size_t n = g->v < g->value.n ? utf8_len(span_from(g->value, g->v)) : 0;

		if (!n)
			return false;
		glob_note(g, g->v, g->v + n);
		g->v += n;
		g->k++;
		return true;
	}
	if (c == '\\' && k + 1 < g->key.n)
		c = g->key.p[++k];
	if (g->v == g->value.n)
		return false;
	if (g->fold ? ascii_lower(c) != ascii_lower(g->value.p[g->v]) : c != g->value.p[g->v])
		return false;
	g->v++;
	g->k = k + 1;
	return true;
}

static int matches(struct sieve_match *m, struct span value, struct span key)
{
	struct glob g = { .value = value, .key = key, .fold = m->comparator == CMP_CASEMAP };
	size_t work = 0;

	for (;;) {
		if (++work % 1024 == 0 && run_spend(m->r, 1024) < 0)
			return ERR_LIMIT;
		if (g.v == value.n && g.k == key.n)
			break;
		if (g.k < key.n && key.p[g.k] == '*') {
			glob_note(&g, g.v, g.v);
			g.star_group = g.groups;
			g.star_k = ++g.k;
			g.star_v = g.v;
			if (g.k == key.n)
				g.star_v = g.v = value.n;    /* the last star takes all */
			if (g.k == key.n && g.star_group < 10)
				g.group[g.star_group].to = value.n;
			continue;
		}
		if (glob_step(&g))
			continue;
		if (!g.star_k || g.star_v == value.n)
			return 0;
		g.star_v += utf8_len(span_from(value, g.star_v));   /* the star takes one more */
		if (g.star_group < 10)
			g.group[g.star_group].to = g.star_v;
		g.groups = g.star_group;
		g.v = g.star_v;
		g.k = g.star_k;
	}
	m->r->matched[0] = value;
	m->r->n_matched = 1;
	for (unsigned i = 1; i <= g.groups && i < 10; i++)
		m->r->matched[m->r->n_matched++] = span_sub(value, g.group[i].from, g.group[i].to - g.group[i].from);
	return 1;
}

/* RFC 6134 section 2.2: the value is an entry of the list that the key names. */
static int listed(struct sieve_match *m, struct span value, struct span list)
{
	const struct sieve_host *h = m->r->host;
	int k;

	if (run_spend(m->r, 64 * 100) < 0)
		return ERR_LIMIT;
	k = h->in_list && value.n ? h->in_list(h->arg, list, value) : 0;
	if (k == 1) {
		m->r->matched[0] = value;
		m->r->n_matched = 1;
	}
	return k;
}

static int one(struct sieve_match *m, struct span value, size_t i)
{
	struct span groups[10];
	size_t n;
	int k;

	switch (m->how) {
	case TAG_CONTAINS:
		return contains(m, value, m->keys[i]);
	case TAG_MATCHES:
		return matches(m, value, m->keys[i]);
	case TAG_REGEX:
		if (run_spend(m->r, 64 * 20 + value.n) < 0)
			return ERR_LIMIT;
		k = regex_match(m->patterns[i], value, groups, &n);
		if (k < 0)
			return run_fail(m->r, m->node, "A regular expression takes too long");
		if (k) {
			memcpy(m->r->matched, groups, n * sizeof(*groups));
			m->r->n_matched = n;
		}
		return k;
	case TAG_LIST:
		return listed(m, value, m->keys[i]);
	case TAG_VALUE:
		return holds(m->relation, compare(m->comparator, value, m->keys[i]));
	default:
		return compare(m->comparator, value, m->keys[i]) == 0;
	}
}

int match_add(struct sieve_match *m, struct span value)
{
	m->count++;
	if (m->how == TAG_COUNT)
		return 0;
	if (m->comparator == CMP_UNICODE && m->how != TAG_REGEX && m->how != TAG_LIST)
		value = mime_fold(m->r->a, value);
	else
		value = value.p ? value : SPAN("");
	for (size_t i = 0; i < m->n_keys; i++) {
		int k = run_spend(m->r, value.n < m->keys[i].n ? value.n : m->keys[i].n);

		if (k == 0)
			k = one(m, value, i);
		if (k)
			return k;
	}
	return 0;
}

int match_end(struct sieve_match *m, int so_far)
{
	for (size_t i = 0; m->patterns && i < m->n_keys; i++)
		regex_close(m->patterns[i]);
	m->patterns = NULL;
	if (so_far || m->how != TAG_COUNT)
		return so_far;
	for (size_t i = 0; i < m->n_keys; i++) {
		struct span count = arena_printf(m->r->a, "%llu", (unsigned long long)m->count);

		if (holds(m->relation, compare(CMP_NUMERIC, count, m->keys[i])))
			return 1;
	}
	return 0;
}
