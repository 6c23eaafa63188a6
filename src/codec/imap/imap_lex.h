/* imap_lex.h - a complete command becomes tag, verb and tokens; what the tokens mean is the
 * core's business.
 *
 * Ownership: tag and args point into `text` or the arena (strings with escapes); verb is in the
 * arena. Tokens: atoms as written (flags, numbers, sequence sets, "*", wildcards,
 * "BODY.PEEK[HEADER.FIELDS (A B)]<0.9>" as ONE atom), quoted strings unescaped, literals as
 * TOK_STRING or TOK_SPOOL, NIL as TOK_NIL (text kept: a mailbox may be called NIL). More than
 * one space between arguments is tolerated. Errors: ERR_SYNTAX (err_at = position), ERR_LIMIT
 * (TOK_MAX, TOK_DEPTH_MAX). On error `tag` is set when it was readable, so that BAD can be
 * tagged. Source: RFC 9051 section 9, RFC 3501, RFC 7888, RFC 3516. Not good for: checking that
 * an argument fits the command (imap_args.h and friends). */
#pragma once
#include "base/err.h"
#include "codec/imap/imap_char.h"
#include "codec/imap/imap_frame.h"
#include "codec/token.h"

#define IMAP_VERB_MAX 64

struct imap_command {
	struct span tag;
	struct span verb; /* upper case; "UID FETCH" and its like are one verb */
	struct toks args;
	size_t err_at;
};

int imap_lex(struct arena *a, struct span text, const struct imap_literal *literals,
	size_t literal_count, struct imap_command *out, struct err *e);
