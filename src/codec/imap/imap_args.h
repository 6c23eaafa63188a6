/* imap_args.h - walk the argument tokens of a command, one kind of argument at a time.
 *
 * A cursor over tokens that came across the bus; nothing is trusted (unbalanced lists end the
 * walk). Functions take one argument and advance; they return false and leave the cursor alone
 * when the next token is something else. Spans stay owned by the command. Source: RFC 9051
 * section 9 (atom, astring, string, nstring, number). Strings with NUL are refused (only a literal8
 * may have it: APPEND looks at the token itself, imap_args_peek); an atom may have wildcards, also
 * where an astring is asked for (LIST patterns; imap_mailbox_check refuses them in names). Not good
 * for: FETCH attributes (imap_section.h), search keys (imap_search.h). */
#pragma once
#include "base/err.h"
#include "codec/token.h"

struct imap_args {
	const struct tok *v;
	size_t n, at;
};

struct imap_args imap_args(const struct tok *v, size_t n);
bool imap_args_end(const struct imap_args *g); /* nothing left, here or in this list */
const struct tok *imap_args_peek(const struct imap_args *g); /* NULL at the end */
bool imap_args_atom(struct imap_args *g, struct span *out);
bool imap_args_word(struct imap_args *g, const char *word); /* this atom, ASCII case folded */
/* atom, quoted or inline literal; NIL is text here */
bool imap_args_astring(struct imap_args *g, struct span *out);
bool imap_args_string(struct imap_args *g, struct span *out);  /* quoted or inline literal */
bool imap_args_nstring(struct imap_args *g, struct span *out); /* string, or NIL: SPAN_NONE */
bool imap_args_number(struct imap_args *g, uint64_t *out, uint64_t min, uint64_t max);
bool imap_args_open(struct imap_args *g);
bool imap_args_close(struct imap_args *g);
/* Takes "(...)"; out walks inside it. */
bool imap_args_list(struct imap_args *g, struct imap_args *out);
bool imap_args_skip(struct imap_args *g); /* one argument, a list with all inside it */
bool imap_args_is_list(const struct imap_args *g);
/* 0, or ERR_SYNTAX "Unexpected argument" when something is left. */
int imap_args_done(const struct imap_args *g, struct err *e);
