#include "codec/token.h"
#include <string.h>

void toks_init(struct toks *t, struct arena *a)
{
	*t = (struct toks){ .arena = a };
}

bool toks_add(struct toks *t, struct tok tok)
{
	if (t->failed || t->n >= TOK_MAX || (tok.kind == TOK_OPEN && t->depth >= TOK_DEPTH_MAX) ||
		(tok.kind == TOK_CLOSE && t->depth == 0)) {
		t->failed = true;
		return false;
	}
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 8;
		struct tok *v = ARENA_ARRAY(t->arena, struct tok, cap);

		if (t->n)
			memcpy(v, t->v, t->n * sizeof(*v));
		t->v = v;
		t->cap = cap;
	}
	if (tok.kind == TOK_OPEN)
		t->depth++;
	if (tok.kind == TOK_CLOSE)
		t->depth--;
	t->v[t->n++] = tok;
	return true;
}

bool toks_balanced(const struct toks *t)
{
	return !t->failed && t->depth == 0;
}
