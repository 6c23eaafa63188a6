#include "codec/sieve/sieve_lex.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct parse {
	struct arena *a;
	const struct sieve_limits *limits;
	struct sieve_lex lex;
	struct sieve_token t;        /* the one we look at */
	struct sieve_error *why;
	size_t nodes, values;
	unsigned depth;
	struct sieve_value *scratch; /* arguments of the commands being read, a stack */
	size_t n_scratch, cap_scratch;
	struct span *strings;        /* of the list being read */
	size_t cap_strings;
};

int sieve_fail(struct sieve_error *why, int class, unsigned line, unsigned column, const char *fmt, ...)
{
	va_list ap;

	why->line = line;
	why->column = column;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return class;
}

static int fail(const struct parse *p, int class, const char *text)
{
	return sieve_fail(p->why, class, p->t.line, p->t.column, "%s", text);
}

static int advance(struct parse *p)
{
	return sieve_lex_next(&p->lex, &p->t);
}

static bool at_char(const struct parse *p, char c)
{
	return p->t.kind == TOKEN_CHAR && p->t.c == c;
}

/* Grows an array in the arena: old copies die with it, at most as much again. */
static void *grown(struct arena *a, void *old, size_t size, size_t n, size_t *cap)
{
	void *v;

	if (n < *cap)
		return old;
	*cap = *cap ? 2 * *cap : 16;
	v = arena_array(a, size, *cap);
	if (n)
		memcpy(v, old, n * size);
	return v;
}

static int count_value(struct parse *p)
{
	return ++p->values > p->limits->values ? fail(p, ERR_TOOBIG, "The script has too many arguments") : 0;
}

/* string-list = "[" string *("," string) "]" / string */
static int string_list(struct parse *p, struct sieve_value *out)
{
	size_t n = 0;

	out->kind = SIEVE_STRINGS;
	if (advance(p) < 0)
		return ERR_SYNTAX;
	for (;;) {
		if (p->t.kind != TOKEN_STRING)
			return fail(p, ERR_SYNTAX, n ? "A string must follow the comma" : "A list holds strings only, at least one");
		if (count_value(p) < 0)
			return ERR_TOOBIG;
		p->strings = grown(p->a, p->strings, sizeof(*p->strings), n, &p->cap_strings);
		p->strings[n++] = p->t.text;
		if (advance(p) < 0)
			return ERR_SYNTAX;
		if (at_char(p, ']'))
			break;
		if (!at_char(p, ','))
			return fail(p, ERR_SYNTAX, "A comma or the closing bracket of the list is missing");
		if (advance(p) < 0)
			return ERR_SYNTAX;
	}
	out->v = arena_dup(p->a, p->strings, n * sizeof(*p->strings));
	out->n = n;
	return advance(p);
}

/* argument = string-list / number / tag */
static int argument(struct parse *p, struct sieve_value *out)
{
	*out = (struct sieve_value){ .line = p->t.line, .column = p->t.column };
	if (count_value(p) < 0)
		return ERR_TOOBIG;
	if (at_char(p, '['))
		return string_list(p, out);
	if (p->t.kind == TOKEN_NUMBER) {
		out->kind = SIEVE_NUMBER;
		out->number = p->t.number;
	} else {
		out->kind = p->t.kind == TOKEN_TAG ? SIEVE_TAG : SIEVE_STRING;
		out->v = arena_dup(p->a, &p->t.text, sizeof(p->t.text));
		out->n = 1;
	}
	return advance(p);
}

static bool at_argument(const struct parse *p)
{
	return at_char(p, '[') || p->t.kind == TOKEN_NUMBER || p->t.kind == TOKEN_STRING || p->t.kind == TOKEN_TAG;
}

static int node_open(struct parse *p, struct sieve_node **out)
{
	if (++p->nodes > p->limits->nodes)
		return fail(p, ERR_TOOBIG, "The script has too many commands and tests");
	if (p->depth > p->limits->depth)
		return fail(p, ERR_TOOBIG, "Blocks or tests are nested too deeply");
	*out = ARENA_NEW(p->a, struct sieve_node);
	(*out)->name = p->t.text;
	(*out)->line = p->t.line;
	(*out)->column = p->t.column;
	return advance(p);
}

static int test(struct parse *p, struct sieve_node **out);

/* test-list = "(" test *("," test) ")" */
static int test_list(struct parse *p, struct sieve_node *n)
{
	struct sieve_node **end = &n->tests;

	n->has_list = true;
	do {
		if (advance(p) < 0)
			return ERR_SYNTAX;
		if (p->t.kind != TOKEN_WORD)
			return fail(p, ERR_SYNTAX, "A test is missing");
		int r = test(p, end);

		if (r < 0)
			return r;
		end = &(*end)->next;
	} while (at_char(p, ','));
	if (!at_char(p, ')'))
		return fail(p, ERR_SYNTAX, "A comma or the closing parenthesis of the tests is missing");
	return advance(p);
}

/* arguments = *argument [ test / test-list ] */
static int arguments(struct parse *p, struct sieve_node *n)
{
	size_t from = p->n_scratch;
	int r = 0;

	while (at_argument(p)) {
		struct sieve_value v;

		r = argument(p, &v);
		if (r < 0)
			return r;
		p->scratch = grown(p->a, p->scratch, sizeof(*p->scratch), p->n_scratch, &p->cap_scratch);
		p->scratch[p->n_scratch++] = v;
	}
	n->n_args = p->n_scratch - from;
	n->args = n->n_args ? arena_dup(p->a, p->scratch + from, n->n_args * sizeof(*n->args)) : NULL;
	p->n_scratch = from;
	p->depth++;
	if (at_char(p, '('))
		r = test_list(p, n);
	else if (p->t.kind == TOKEN_WORD)
		r = test(p, &n->tests);
	p->depth--;
	return r;
}

/* test = identifier arguments */
static int test(struct parse *p, struct sieve_node **out)
{
	int r = node_open(p, out);

	return r < 0 ? r : arguments(p, *out);
}

static int commands(struct parse *p, struct sieve_node **out, bool block);

/* command = identifier arguments (";" / block)
 * block   = "{" commands "}" */
static int command(struct parse *p, struct sieve_node **out)
{
	int r = node_open(p, out);

	if (r == 0)
		r = arguments(p, *out);
	if (r < 0)
		return r;
	if (at_char(p, ';'))
		return advance(p);
	if (!at_char(p, '{'))
		return fail(p, ERR_SYNTAX, "A semicolon or a block in braces is missing");
	(*out)->has_block = true;
	if (advance(p) < 0)
		return ERR_SYNTAX;
	p->depth++;
	r = commands(p, &(*out)->block, true);
	p->depth--;
	return r < 0 ? r : advance(p);
}

/* commands = *command */
static int commands(struct parse *p, struct sieve_node **out, bool block)
{
	while (p->t.kind == TOKEN_WORD) {
		int r = command(p, out);

		if (r < 0)
			return r;
		out = &(*out)->next;
	}
	if (block ? at_char(p, '}') : p->t.kind == TOKEN_END)
		return 0;
	return fail(p, ERR_SYNTAX, block && p->t.kind == TOKEN_END ? "The closing brace of a block is missing" : "A command is missing here");
}

/* start = commands */
int sieve_parse(struct arena *a, struct span text, const struct sieve_limits *l, struct sieve_script *out, struct sieve_error *why)
{
	struct parse p = { .a = a, .limits = l, .why = why };
	int r;

	if (text.n > l->script_len)
		return sieve_fail(why, ERR_TOOBIG, 0, 0, "The script is larger than %zu octets", l->script_len);
	if (sieve_lex_open(&p.lex, a, text, why) < 0 || advance(&p) < 0)
		return ERR_SYNTAX;
	r = commands(&p, &out->first, false);
	out->n_nodes = p.nodes;
	return r;
}
