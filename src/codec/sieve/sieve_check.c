/* sieve_check.c - a parsed script made sense of: words found, arguments bound, require obeyed. */
#include "codec/sieve/sieve_int.h"
#include "codec/mime/mime_charset.h"
#include <string.h>

const struct sieve_value *sieve_tag_arg(const struct sieve_node *n, enum sieve_tag_id tag)
{
	if (!(n->tags & 1ULL << tag))
		return NULL;
	for (size_t i = 0; i < n->n_tags; i++)
		if (n->args[i].tag == tag)
			return n->args[i].of;
	return NULL;
}

bool sieve_static(const struct sieve_check *c, struct span s)
{
	return !(c->exts & EXT_BIT(EXT_VARIABLES)) || span_find(s, SPAN("${")) < 0;
}

/* What `ext` brings is used at `at`. */
int sieve_need(struct sieve_check *c, const struct sieve_value *at, enum sieve_ext ext, const char *what)
{
	static const struct { enum sieve_ext ext; const char *name; } also[] = { { EXT_INDEX, "index" }, { EXT_MIME, "mime" },
		{ EXT_VACATION_SEC, "vacation-seconds" }, { EXT_NUMERIC, "comparator-i;ascii-numeric" },
		{ EXT_UNICODE, "comparator-i;unicode-casemap" } };

	if (c->exts & EXT_BIT(ext) || c->ihave)
		return 0;
	for (size_t i = 0; i < sizeof(also) / sizeof(*also); i++)
		if (also[i].ext == ext)
			return check_fail(c, at, "%s needs require \"%s\"", what, also[i].name);
	return check_fail(c, at, "%s needs an extension that is not required", what);
}

static bool fits(const struct sieve_value *v, char want)
{
	return want == 'n' ? v->kind == SIEVE_NUMBER : want == 's' ? v->kind == SIEVE_STRING :
		v->kind == SIEVE_STRING || v->kind == SIEVE_STRINGS;
}

static const char *kind_name(char want)
{
	return want == 'n' ? "a number" : want == 's' ? "a string" : "a string or a list of strings";
}

static int tag_find(struct sieve_check *c, const struct sieve_node *n, const struct sieve_value *v, enum sieve_tag_id *out)
{
	for (int t = 0; t < TAG_ID_COUNT; t++)
		if ((n->word->tags & 1ULL << t) && span_ieqz(v->v[0], sieve_tags[t].name)) {
			*out = (enum sieve_tag_id)t;
			return 0;
		}
	return check_fail(c, v, "\"%s\" has no argument \":%.40s\"", n->word->name, (const char *)arena_strz(c->a, v->v[0]));
}

static int tag_allowed(struct sieve_check *c, const struct sieve_node *n, const struct sieve_value *v, enum sieve_tag_id id)
{
	const struct sieve_tag *t = &sieve_tags[id];

	if (t->ext && !(c->exts & EXT_BIT(t->ext)) && !c->ihave)
		return check_fail(c, v, "\":%s\" needs an extension that is not required", t->name);
	if (n->tags & 1ULL << id)
		return check_fail(c, v, "\":%s\" is there twice", t->name);
	for (int o = 0; t->group && o < TAG_ID_COUNT; o++)
		if ((n->tags & 1ULL << o) && sieve_tags[o].group == t->group)
			return check_fail(c, v, "\":%s\" and \":%s\" exclude each other", sieve_tags[o].name, t->name);
	return 0;
}

/* Tags to the front with their own arguments attached; the rest keeps its order. */
static int bind_tags(struct sieve_check *c, struct sieve_node *n)
{
	struct sieve_value *rest = ARENA_ARRAY(c->a, struct sieve_value, n->n_args + 1);
	struct sieve_value *sorted = ARENA_ARRAY(c->a, struct sieve_value, n->n_args + 1);
	size_t k = 0;

	for (size_t i = 0; i < n->n_args; i++) {
		struct sieve_value *v = &n->args[i];

		if (v->kind != SIEVE_TAG) {
			rest[k++] = *v;
			continue;
		}
		if (tag_find(c, n, v, &v->tag) < 0 || tag_allowed(c, n, v, v->tag) < 0)
			return ERR_SYNTAX;
		n->tags |= 1ULL << v->tag;
		if (sieve_tags[v->tag].arg) {
			char want = sieve_tags[v->tag].arg;

			if (i + 1 == n->n_args || !fits(&n->args[i + 1], want))
				return check_fail(c, v, "\":%s\" must be followed by %s", sieve_tags[v->tag].name, kind_name(want));
			v->of = &n->args[++i];
		}
		sorted[n->n_tags++] = *v;
	}
	if (k)
		memcpy(sorted + n->n_tags, rest, k * sizeof(*rest));
	n->args = sorted;
	n->n_args = n->n_tags + k;
	return 0;
}

/* Positional arguments against "ss", "?sl" (first may be missing), "s?l" (last may be missing). */
static int bind_args(struct sieve_check *c, struct sieve_node *n)
{
	const char *want = n->word->args;
	size_t have = n->n_args - n->n_tags, i = 0, all = strlen(want), must;
	bool optional = strchr(want, '?') != NULL;

	all -= optional;
	must = all - optional;
	if (have < must || have > all)
		return check_fail(c, n, "\"%s\" takes %zu argument%s%s, not %zu", n->word->name, must, must == 1 ? "" : "s",
			optional ? " or one more" : "", have);
	for (; *want; want++) {
		if (*want == '?') {
			if (have < all)
				want++;
			continue;
		}
		if (!fits(sieve_arg(n, i), *want))
			return check_fail(c, sieve_arg(n, i), "Argument %zu of \"%s\" must be %s", i + 1, n->word->name, kind_name(*want));
		i++;
	}
	return 0;
}

static int check_form(struct sieve_check *c, const struct sieve_node *n)
{
	unsigned form = n->word->form;

	if (form & WORD_ONE_TEST && (!n->tests || n->has_list))
		return check_fail(c, n, "\"%s\" takes exactly one test", n->word->name);
	if (form & WORD_TEST_LIST && !n->has_list)
		return check_fail(c, n, "\"%s\" takes a list of tests in parentheses", n->word->name);
	if (!(form & (WORD_ONE_TEST | WORD_TEST_LIST)) && n->tests)
		return check_fail(c, n->tests, "\"%s\" takes no test; is a semicolon missing?", n->word->name);
	if (form & WORD_COMMAND && !(form & WORD_BLOCK) && n->has_block)
		return check_fail(c, n, "\"%s\" takes no block", n->word->name);
	if (form & WORD_BLOCK && !n->has_block)
		return check_fail(c, n, "\"%s\" needs a block in braces", n->word->name);
	return 0;
}

/* encoded-arb-octets   = "${hex:" hex-pair-seq "}";  encoded-unicode-char = "${unicode:" unicode-hex-seq "}"
 * (section 2.4.2.4). What fits neither stays as it is; an impossible code point is an error. */
static bool decode_one(struct buf *b, struct span in, bool unicode, bool *bad)
{
	bool any = false;

	for (;;) {
		uint32_t v = 0;
		size_t n = 0;

		while (in.n && (*in.p == ' ' || *in.p == '\t' || *in.p == '\r' || *in.p == '\n'))
			in = span_from(in, 1);
		if (!in.n)
			return any;
		for (; in.n && n < 7; n++, in = span_from(in, 1)) {
			char ch = ascii_lower(*in.p);

			if (!ascii_digit(ch) && (ch < 'a' || ch > 'f'))
				break;
			v = v << 4 | (uint32_t)(ascii_digit(ch) ? ch - '0' : ch - 'a' + 10);
		}
		if (!n || n == 7 || (!unicode && n > 2))
			return false;
		any = true;
		if (unicode && (v > 0x10FFFF || (v >= 0xD800 && v < 0xE000))) {
			*bad = true;
		} else if (!unicode || v < 0x80) {
			buf_addc(b, (char)v);
		} else {
			if (v >= 0x10000)
				buf_addc(b, (char)(0xF0 | v >> 18));
			if (v >= 0x800)
				buf_addc(b, (char)(v >= 0x10000 ? 0x80 | (v >> 12 & 63) : 0xE0 | v >> 12));
			buf_addc(b, (char)(v >= 0x800 ? 0x80 | (v >> 6 & 63) : 0xC0 | v >> 6));
			buf_addc(b, (char)(0x80 | (v & 63)));
		}
	}
}

static int decode_string(struct sieve_check *c, const struct sieve_value *at, struct span *s)
{
	struct span in = *s;
	ssize_t i;

	if (span_find(in, SPAN("${")) < 0)
		return 0;
	SCOPED_BUF b;
	buf_init(&b, s->n + 1);
	while ((i = span_find(in, SPAN("${"))) >= 0) {
		struct span inner = span_from(in, (size_t)i + 2);
		bool unicode = span_istarts(inner, SPAN("unicode:")), bad = false;
		ssize_t end = span_chr(inner, '}');
		size_t before = b.n;

		buf_add(&b, span_sub(in, 0, (size_t)i));
		before = b.n;
		if (end > 0 && (unicode || span_istarts(inner, SPAN("hex:"))) &&
			decode_one(&b, span_sub(inner, unicode ? 8 : 4, (size_t)end - (unicode ? 8 : 4)), unicode, &bad)) {
			in = span_from(inner, (size_t)end + 1);
		} else {
			b.n = before;
			buf_addz(&b, "${");
			in = inner;
		}
		if (bad)
			return check_fail(c, at, "This is no Unicode character");
	}
	buf_add(&b, in);
	*s = arena_span(c->a, buf_span(&b));
	return mime_utf8_valid(*s) && !span_has_nul(*s) ? 0 : check_fail(c, at, "The encoded characters are no valid text");
}

static int decode_args(struct sieve_check *c, struct sieve_node *n)
{
	for (size_t i = 0; i < n->n_args; i++)
		for (size_t k = 0; n->args[i].kind != SIEVE_TAG && k < n->args[i].n; k++)
			if (decode_string(c, &n->args[i], &n->args[i].v[k]) < 0)
				return ERR_SYNTAX;
	return 0;
}

static int check_node(struct sieve_check *c, struct sieve_node *n, unsigned form);

static int check_tests(struct sieve_check *c, struct sieve_node *n)
{
	for (struct sieve_node *t = n->tests; t; t = t->next)
		if (check_node(c, t, WORD_TEST) < 0)
			return ERR_SYNTAX;
	return 0;
}



static int check_node(struct sieve_check *c, struct sieve_node *n, unsigned form)
{
	n->word = sieve_word_find(n->name, form);
	if (!n->word && c->ihave)
		return 0;            /* RFC 5463 section 4: an error only when it is reached */
	if (!n->word)
		return check_fail(c, n, "There is no %s \"%.60s\"", form == WORD_TEST ? "test" : "command", (const char *)arena_strz(c->a, n->name));
	if (n->word->ext && !(c->exts & EXT_BIT(n->word->ext)) && !c->ihave)
		return check_fail(c, n, "\"%s\" needs an extension that is not required", n->word->name);
	if (c->exts & EXT_BIT(EXT_ENCODED) && decode_args(c, n) < 0)
		return ERR_SYNTAX;
	if (check_form(c, n) < 0 || bind_tags(c, n) < 0 || bind_args(c, n) < 0 || check_tests(c, n) < 0)
		return ERR_SYNTAX;
	if (n->word->check && n->word->check(c, n) < 0)
		return ERR_SYNTAX;
	return n->word->form & WORD_BLOCK && n->word->run != sieve_run_foreverypart ? sieve_check_block(c, n->block) : 0;
}

static bool is(const struct sieve_node *n, const char *name)
{
	return n && span_ieqz(n->name, name);
}

int sieve_check_block(struct sieve_check *c, struct sieve_node *first)
{
	const struct sieve_node *before = NULL;

	for (struct sieve_node *n = first; n; before = n, n = n->next) {
		if (is(n, "require"))
			return check_fail(c, n, "\"require\" must stand at the beginning of the script");
		if ((is(n, "elsif") || is(n, "else")) && !is(before, "if") && !is(before, "elsif"))
			return check_fail(c, n, "There is no \"if\" in front of this");
		if (check_node(c, n, WORD_COMMAND) < 0)
			return ERR_SYNTAX;
	}
	return 0;
}

static int check_require(struct sieve_check *c, struct sieve_node *n)
{
	n->word = sieve_word_find(n->name, WORD_COMMAND);
	if (check_form(c, n) < 0 || bind_tags(c, n) < 0 || bind_args(c, n) < 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < n->args[0].n; i++) {
		enum sieve_ext ext = sieve_ext_find(n->args[0].v[i]);

		if (!ext)
			return check_fail(c, &n->args[0], "The extension \"%.60s\" is not known here", (const char *)arena_strz(c->a, n->args[0].v[i]));
		c->exts |= EXT_BIT(ext);
		c->events_only |= ext == EXT_IMAPSIEVE;
	}
	return 0;
}

int sieve_check_script(struct sieve_check *c, struct sieve_script *s)
{
	struct sieve_node *n = s->first;

	for (; is(n, "require"); n = n->next)
		if (check_require(c, n) < 0)
			return ERR_SYNTAX;
	s->first = n;
	c->ihave = c->exts & EXT_BIT(EXT_IHAVE);
	if (sieve_check_block(c, n) < 0)
		return ERR_SYNTAX;
	s->exts = c->exts;
	s->events_only = c->events_only;
	return 0;
}

int sieve_compile(struct arena *a, struct span text, const struct sieve_limits *limits, struct sieve_script **out,
	struct sieve_error *why)
{
	struct sieve_check c = { .a = a, .why = why };
	int r;

	*why = (struct sieve_error){ 0 };
	*out = ARENA_NEW(a, struct sieve_script);
	r = sieve_parse(a, text, limits, *out, why);
	return r < 0 ? r : sieve_check_script(&c, *out);
}

/* ---- rules that several words share ---- */

static int check_relation(struct sieve_check *c, const struct sieve_value *v)
{
	static const char *const known[] = { "gt", "ge", "lt", "le", "eq", "ne" };

	for (size_t i = 0; i < 6; i++)
		if (span_ieqz(v->v[0], known[i]))
			return 0;
	return check_fail(c, v, "A relation is one of gt, ge, lt, le, eq, ne");
}

static int check_comparator(struct sieve_check *c, const struct sieve_node *n, const struct sieve_value *v)
{
	if (span_eqz(v->v[0], "i;ascii-numeric")) {
		if (n->tags & (T(CONTAINS) | T(MATCHES) | T(REGEX)))
			return check_fail(c, v, "Numbers can be compared by :is, :value and :count only");
		return sieve_need(c, v, EXT_NUMERIC, "This comparator");
	}
	if (span_eqz(v->v[0], "i;unicode-casemap"))
		return sieve_need(c, v, EXT_UNICODE, "This comparator");
	if (span_eqz(v->v[0], "i;octet") || span_eqz(v->v[0], "i;ascii-casemap"))
		return 0;
	return check_fail(c, v, "This comparator is not known here");
}

/* Comparator and match type; keys are the last argument of every test that matches. */
int sieve_check_match(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *v = sieve_tag_arg(n, TAG_COMPARATOR), *keys = &n->args[n->n_args - 1];
	char why[80];

	if (v && check_comparator(c, n, v) < 0)
		return ERR_SYNTAX;
	v = n->tags & T(COUNT) ? sieve_tag_arg(n, TAG_COUNT) : sieve_tag_arg(n, TAG_VALUE);
	if (v && check_relation(c, v) < 0)
		return ERR_SYNTAX;
	for (size_t i = 0; n->tags & T(REGEX) && i < keys->n; i++)
		if (sieve_static(c, keys->v[i]) && regex_check(keys->v[i], why, sizeof(why)) < 0)
			return check_fail(c, keys, "This is no regular expression: %s", why);
	return 0;
}

int sieve_check_index(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *v = sieve_tag_arg(n, TAG_INDEX);

	if (n->tags & T(LAST) && !v)
		return check_fail(c, n, "\":last\" needs \":index\"");
	if (v && (v->number < 1 || v->number > 100000))
		return check_fail(c, v, "An index is a number from 1 on");
	return v ? sieve_need(c, v, EXT_INDEX, "\":index\"") : 0;
}

int sieve_check_fcc(struct sieve_check *c, struct sieve_node *n)
{
	if (!(n->tags & T(FCC)) && n->tags & (T(CREATE) | T(FLAGS) | T(SPECIALUSE) | T(MAILBOXID)))
		return check_fail(c, n, "\":create\", \":flags\", \":specialuse\" and \":mailboxid\" belong to \":fcc\" here");
	return 0;
}
