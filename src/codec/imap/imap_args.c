#include "codec/imap/imap_args.h"
#include "base/scan.h"

struct imap_args imap_args(const struct tok *v, size_t n)
{
	return (struct imap_args){v, n, 0};
}

bool imap_args_end(const struct imap_args *g)
{
	return g->at >= g->n || g->v[g->at].kind == TOK_CLOSE;
}

const struct tok *imap_args_peek(const struct imap_args *g)
{
	return imap_args_end(g) ? NULL : &g->v[g->at];
}

/* A lexer of ours never makes such tokens, but it is the bus that brings them. */
static bool printable(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

static const struct tok *next_of(const struct imap_args *g, unsigned kinds)
{
	const struct tok *t = imap_args_peek(g);

	if (!t || t->kind > TOK_PAIR || !(kinds & 1u << t->kind))
		return NULL;
	if (t->kind == TOK_STRING ? span_has_nul(t->text) : !printable(t->text))
		return NULL;
	return t;
}

static bool take(struct imap_args *g, unsigned kinds, struct span *out)
{
	const struct tok *t = next_of(g, kinds);

	if (!t)
		return false;
	*out = t->text.p ? t->text : SPAN("");
	g->at++;
	return true;
}

bool imap_args_atom(struct imap_args *g, struct span *out)
{
	return take(g, 1u << TOK_ATOM, out);
}

bool imap_args_word(struct imap_args *g, const char *word)
{
	const struct tok *t = next_of(g, 1u << TOK_ATOM);

	if (!t || !span_ieqz(t->text, word))
		return false;
	g->at++;
	return true;
}

bool imap_args_astring(struct imap_args *g, struct span *out)
{
	return take(g, 1u << TOK_ATOM | 1u << TOK_STRING | 1u << TOK_NIL, out);
}

bool imap_args_string(struct imap_args *g, struct span *out)
{
	return take(g, 1u << TOK_STRING, out);
}

bool imap_args_nstring(struct imap_args *g, struct span *out)
{
	const struct tok *t = imap_args_peek(g);

	if (!t || t->kind != TOK_NIL)
		return imap_args_string(g, out);
	*out = SPAN_NONE;
	g->at++;
	return true;
}

bool imap_args_number(struct imap_args *g, uint64_t *out, uint64_t min, uint64_t max)
{
	const struct tok *t = next_of(g, 1u << TOK_ATOM);

	if (!t || !span_num(t->text, out, min, max))
		return false;
	g->at++;
	return true;
}

bool imap_args_is_list(const struct imap_args *g)
{
	return g->at < g->n && g->v[g->at].kind == TOK_OPEN;
}

bool imap_args_open(struct imap_args *g)
{
	if (!imap_args_is_list(g))
		return false;
	g->at++;
	return true;
}

bool imap_args_close(struct imap_args *g)
{
	if (g->at >= g->n || g->v[g->at].kind != TOK_CLOSE)
		return false;
	g->at++;
	return true;
}

bool imap_args_list(struct imap_args *g, struct imap_args *out)
{
	size_t depth = 0;

	if (!imap_args_is_list(g))
		return false;
	for (size_t i = g->at; i < g->n; i++) {
		depth += g->v[i].kind == TOK_OPEN;
		depth -= g->v[i].kind == TOK_CLOSE;
		if (!depth) {
			*out = imap_args(g->v + g->at + 1, i - g->at - 1);
			g->at = i + 1;
			return true;
		}
	}
	return false;
}

bool imap_args_skip(struct imap_args *g)
{
	struct imap_args list;

	if (imap_args_end(g))
		return false;
	if (imap_args_is_list(g))
		return imap_args_list(g, &list);
	g->at++;
	return true;
}

int imap_args_done(const struct imap_args *g, struct err *e)
{
	if (g->at >= g->n)
		return 0;
	return err_set(e, ERR_SYNTAX, "Unexpected argument", "%zu of %zu tokens read", g->at, g->n);
}
