/* sieve_lex.h - inside codec/sieve: tokens with their places. Pure, linear; strings are decoded into the arena only when
 * they hold something to decode. Source: RFC 5228 section 8.1. */
#pragma once
#include "codec/sieve/sieve_int.h"

enum sieve_token_kind { TOKEN_END, TOKEN_WORD, TOKEN_TAG, TOKEN_NUMBER, TOKEN_STRING, TOKEN_CHAR };
struct sieve_token {
	enum sieve_token_kind kind;
	unsigned line, column;
	struct span text;            /* word, tag without colon, decoded string */
	uint64_t number;
	char c;                      /* one of [ ] { } ( ) , ; */
};
struct sieve_lex {
	struct arena *a;
	struct span rest;
	const char *start_of_line;
	unsigned line;
	struct sieve_error *why;
};
int sieve_lex_open(struct sieve_lex *l, struct arena *a, struct span text, struct sieve_error *why);
int sieve_lex_next(struct sieve_lex *l, struct sieve_token *out);
