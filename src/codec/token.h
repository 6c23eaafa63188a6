/* token.h - the lexed form in which a command crosses the bus: a flat array, lists as open/close pairs.
 *
 * Gate lexers produce it, core handlers interpret it (tokens cross, not text). Spans point into the frame
 * or, after decoding, into the bus message. Nesting and counts are bounded by the lexer and again by the
 * bus decoder. Not good for: large bodies - a TOK_SPOOL names a range of the command's spool descriptor. */
#pragma once
#include "base/arena.h"
#include "base/span.h"

enum tok_kind {
	TOK_ATOM = 1,     /* atom, number, flag ("\Seen"), sequence set, SMTP keyword: text as written */
	TOK_STRING,       /* quoted string, unescaped, or a literal kept inline */
	TOK_SPOOL,        /* literal or body in the spool file: off, len */
	TOK_NIL,          /* NIL where the grammar has nstring */
	TOK_OPEN,         /* ( */
	TOK_CLOSE,        /* ) */
	TOK_PAIR,         /* SMTP esmtp-param or similar: text = keyword, value = after '=' (value.p NULL: none) */
};

struct tok {
	uint8_t kind;
	struct span text;
	struct span value;        /* TOK_PAIR; otherwise none */
	uint64_t off, len;        /* TOK_SPOOL */
};

#define TOK_MAX 4096          /* tokens in one command */
#define TOK_DEPTH_MAX 32      /* nested lists */

/* A list under construction; grows in the arena, refuses beyond TOK_MAX / TOK_DEPTH_MAX. */
struct toks {
	struct arena *arena;
	struct tok *v;
	size_t n, cap;
	unsigned depth;
	bool failed;
};

void toks_init(struct toks *t, struct arena *a);
bool toks_add(struct toks *t, struct tok tok);
bool toks_balanced(const struct toks *t);
