/* ext_variables.c - set, string (RFC 5229) and imap4flags (RFC 5232). */
#include "codec/sieve/sieve_int.h"
#include <string.h>

#define FLAGS_MAX 100

int sieve_check_set(struct sieve_check *c, struct sieve_node *n)
{
	struct span name = sieve_arg(n, 0)->v[0];

	if (!sieve_variable_name(name) || name.n > 64)
		return check_fail(c, sieve_arg(n, 0), "This is no name of a variable");
	if (span_istarts(name, SPAN("global.")) && !(c->exts & EXT_BIT(EXT_INCLUDE)))
		return check_fail(c, sieve_arg(n, 0), "Global variables need require \"include\"");
	return 0;
}

static struct span map(struct sieve_run *r, struct span s, char (*to)(char), size_t n)
{
	char *p = arena_dup(r->a, s.p, s.n);

	for (size_t i = 0; i < s.n && i < n; i++)
		p[i] = to(p[i]);
	return (struct span){ p, s.n };
}

static struct span escape(struct sieve_run *r, struct span s, struct span special)
{
	char *p = arena_alloc(r->a, 2 * s.n + 1);
	size_t w = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (span_chr(special, s.p[i]) >= 0)
			p[w++] = '\\';
		p[w++] = s.p[i];
	}
	return (struct span){ p, w };
}

static struct span encode_url(struct sieve_run *r, struct span s)
{
	static const char hex[] = "0123456789ABCDEF";
	char *p = arena_alloc(r->a, 3 * s.n + 1);
	size_t w = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (ascii_alpha((char)c) || ascii_digit((char)c) || (c && strchr("-._~", c))) {
			p[w++] = (char)c;
		} else {
			p[w++] = '%';
			p[w++] = hex[c >> 4];
			p[w++] = hex[c & 15];
		}
	}
	return (struct span){ p, w };
}

/* Modifiers by precedence (section 4.1): case, first letter, quoting, URL, length. */
static struct span modify(struct sieve_run *r, const struct sieve_node *n, struct span s)
{
	if (n->tags & T(LOWER))
		s = map(r, s, ascii_lower, s.n);
	if (n->tags & T(UPPER))
		s = map(r, s, ascii_upper, s.n);
	if (n->tags & T(LOWERFIRST))
		s = map(r, s, ascii_lower, 1);
	if (n->tags & T(UPPERFIRST))
		s = map(r, s, ascii_upper, 1);
	if (n->tags & T(QUOTEWILDCARD))
		s = escape(r, s, SPAN("*?\\"));
	if (n->tags & T(QUOTEREGEX))
		s = escape(r, s, SPAN("\\.^$*+?()[]{}|"));
	if (n->tags & T(ENCODEURL))
		s = encode_url(r, s);
	if (n->tags & T(LENGTH)) {
		size_t chars = 0;

		for (size_t i = 0; i < s.n; i++)
			chars += ((unsigned char)s.p[i] & 0xC0) != 0x80;
		s = arena_printf(r->a, "%zu", chars);
	}
	return s;
}

int sieve_run_set(struct sieve_run *r, const struct sieve_node *n)
{
	struct span value;

	if (run_str(r, sieve_arg(n, 1)->v[0], &value) < 0 || run_spend(r, value.n) < 0)
		return ERR_LIMIT;
	return run_var_set(r, n, sieve_arg(n, 0)->v[0], modify(r, n, value));
}

int sieve_run_string(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_match m;
	struct span *values;
	size_t n_values;
	int k = match_open(&m, r, n, sieve_arg(n, 1));

	if (k < 0)
		return k;
	if (run_strs(r, sieve_arg(n, 0), &values, &n_values) < 0)
		k = ERR_LIMIT;
	for (size_t i = 0; k == 0 && i < n_values; i++) {
		k = match_add(&m, values[i]);
		m.count -= m.how == TAG_COUNT && !values[i].n;     /* empty strings do not count (section 5) */
	}
	return match_end(&m, k);
}

int sieve_check_extracttext(struct sieve_check *c, struct sieve_node *n)
{
	if (!c->loops)
		return check_fail(c, n, "\"extracttext\" belongs into \"foreverypart\"");
	if (!(c->exts & EXT_BIT(EXT_VARIABLES)))
		return check_fail(c, n, "\"extracttext\" needs require \"variables\"");
	return sieve_variable_name(sieve_arg(n, 0)->v[0]) ? 0 : check_fail(c, sieve_arg(n, 0), "This is no name of a variable");
}

/* ---- flags: blanks separate several in one string; a variable holds them so ---- */

int sieve_check_flags(struct sieve_check *c, struct sieve_node *n)
{
	if (n->n_args < 2)
		return 0;
	if (!(c->exts & EXT_BIT(EXT_VARIABLES)))
		return check_fail(c, n, "Flags in a variable need require \"variables\"");
	return sieve_variable_name(sieve_arg(n, 0)->v[0]) ? 0 : check_fail(c, sieve_arg(n, 0), "This is no name of a variable");
}

static const struct sieve_value *last_arg(const struct sieve_node *n)
{
	return &n->args[n->n_args - 1];
}

struct flags {
	struct span v[FLAGS_MAX];
	size_t n;
};

static bool flag_known(struct span f)
{
	static const char *const system[] = { "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft" };

	for (size_t i = 0; i < 5; i++)
		if (span_ieqz(f, system[i]))
			return true;
	for (size_t i = 0; i < f.n; i++)
		if ((unsigned char)f.p[i] <= ' ' || (unsigned char)f.p[i] >= 127 || strchr("(){%*\"\\]", f.p[i]))
			return false;
	return f.n > 0 && f.n <= 64;
}

static ssize_t flags_at(const struct flags *l, struct span f)
{
	for (size_t i = 0; i < l->n; i++)
		if (span_ieq(l->v[i], f))
			return (ssize_t)i;
	return -1;
}

/* Unknown system flags and what is no keyword are left out (section 2: ignored). */
static void flags_read(struct flags *l, struct span text, bool remove)
{
	while (text.n) {
		struct span f;
		ssize_t at;

		text = span_trim(text);
		f = span_cut(&text, ' ');
		at = flags_at(l, f);
		if (remove && at >= 0)
			l->v[at] = l->v[--l->n];
		else if (!remove && at < 0 && flag_known(f) && l->n < FLAGS_MAX)
			l->v[l->n++] = f;
	}
}

static struct span flags_text(struct sieve_run *r, const struct flags *l)
{
	SCOPED_BUF b;

	buf_init(&b, 65536);
	for (size_t i = 0; i < l->n; i++) {
		buf_addz(&b, i ? " " : "");
		buf_add(&b, l->v[i]);
	}
	return arena_span(r->a, buf_span(&b));
}

enum { FLAGS_SET, FLAGS_ADD, FLAGS_REMOVE };

static int change(struct sieve_run *r, const struct sieve_node *n, int how)
{
	struct flags l = { .n = 0 };
	struct span *given, name = n->n_args > 1 ? sieve_arg(n, 0)->v[0] : SPAN_NONE, now;
	size_t n_given;

	if (run_strs(r, last_arg(n), &given, &n_given) < 0)
		return ERR_LIMIT;
	if (how != FLAGS_SET && name.n) {
		if (run_str(r, arena_printf(r->a, "${%.*s}", SPAN_F(name)), &now) < 0)
			return ERR_LIMIT;
		flags_read(&l, now, false);
	}
	for (size_t i = 0; how != FLAGS_SET && !name.n && i < r->n_flags; i++)
		flags_read(&l, r->flags[i], false);
	for (size_t i = 0; i < n_given; i++) {
		if (run_spend(r, given[i].n * (1 + l.n / 8)) < 0)
			return ERR_LIMIT;
		flags_read(&l, given[i], how == FLAGS_REMOVE);
	}
	if (name.n)
		return run_var_set(r, n, name, flags_text(r, &l));
	r->flags = arena_dup(r->a, l.v, l.n * sizeof(*l.v));
	r->n_flags = l.n;
	return 0;
}

int sieve_run_setflag(struct sieve_run *r, const struct sieve_node *n)
{
	return change(r, n, FLAGS_SET);
}

int sieve_run_addflag(struct sieve_run *r, const struct sieve_node *n)
{
	return change(r, n, FLAGS_ADD);
}

int sieve_run_removeflag(struct sieve_run *r, const struct sieve_node *n)
{
	return change(r, n, FLAGS_REMOVE);
}

int sieve_run_hasflag(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_match m;
	struct flags l = { .n = 0 };
	struct span now;
	int k = match_open(&m, r, n, last_arg(n));

	if (k < 0)
		return k;
	if (n->n_args - n->n_tags == 1)
		for (size_t i = 0; i < r->n_flags; i++)
			flags_read(&l, r->flags[i], false);
	for (size_t i = 0; n->n_args - n->n_tags == 2 && i < sieve_arg(n, 0)->n; i++) {
		if (run_str(r, arena_printf(r->a, "${%.*s}", SPAN_F(sieve_arg(n, 0)->v[i])), &now) < 0)
			return match_end(&m, ERR_LIMIT);
		flags_read(&l, now, false);
	}
	for (size_t i = 0; k == 0 && i < l.n; i++)
		k = match_add(&m, l.v[i]);
	return match_end(&m, k);
}

int run_flags(struct sieve_run *r, const struct sieve_node *n, struct span **out, size_t *n_out)
{
	const struct sieve_value *v = sieve_tag_arg(n, TAG_FLAGS);
	struct flags l = { .n = 0 };
	struct span *given;
	size_t n_given;

	*out = r->flags;
	*n_out = r->n_flags;
	if (!v)
		return 0;
	if (run_strs(r, v, &given, &n_given) < 0)
		return ERR_LIMIT;
	for (size_t i = 0; i < n_given; i++)
		flags_read(&l, given[i], false);
	*out = arena_dup(r->a, l.v, l.n * sizeof(*l.v));
	*n_out = l.n;
	return 0;
}
