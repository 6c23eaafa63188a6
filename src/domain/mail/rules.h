/* rules.h - an absence notice and simple rules without writing Sieve; stored as a Sieve script of their own.
 *
 * The script is called RULES_SCRIPT. Its lines "#:…" say in short what the Sieve below them does, and are what is read
 * back; everything else in it is made anew by rules_save. It becomes the active script when none is active. Errors:
 * ERR_EXISTS (the owner has an own script active: rules would have no effect), ERR_PARAM (a value that cannot be), those
 * of script.h. Not good for: scripts that people write. */
#pragma once
#include "domain/mail/script.h"

#define RULES_SCRIPT "kontor"
#define RULES_MAX 200

enum rule_action { RULE_MOVE = 1, RULE_REDIRECT, RULE_DISCARD, RULE_FLAG };
struct rule {
	struct span name, field, value;      /* field: a header field's name */
	bool is;                             /* the whole value; else it is contained */
	enum rule_action action;
	struct span arg;                     /* mailbox, address, none, flag */
};
struct rules {
	struct rule *v;
	size_t n;
	bool away;
	struct span subject, text;           /* of the notice */
	unsigned days;                       /* one sender is answered once in so many */
	struct span from, until;             /* "2026-08-01", first and last day, or none */
};
int rules_load(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct rules *out, struct err *e);
int rules_save(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, const struct rules *r, struct err *e);
