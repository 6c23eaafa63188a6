/* demo_text.h - the invented organisation that `kontor demo` makes: all names, offices and letters.
 *
 * Nothing in it is real. Tables end with a row whose first member is NULL. Times are days from now (negative:
 * past). Addresses without '@' belong to DEMO_DOMAIN. Not good for: anything but the demonstration. */
#pragma once
#include <stddef.h>

#define DEMO_DOMAIN "seenplatte.example"
#define DEMO_NAME "Seenplatte Gemeinsam e. V."

struct demo_chapter {
	const char *code, *name, *parent;         /* parent NULL: the organisation */
};
struct demo_account {
	const char *local, *name, *chapter;       /* chapter NULL: the organisation */
};
struct demo_term {
	const char *role, *holder;
	int from_days, to_days;
};
struct demo_alias {
	const char *local, *targets;              /* blanks between them */
	int group;
};
enum { DEMO_SEEN = 1, DEMO_FLAGGED = 2, DEMO_ANSWERED = 4, DEMO_PDF = 8, DEMO_PNG = 16 };
struct demo_mail {
	const char *key, *re;                     /* re: key of the mail it answers, or NULL */
	const char *from, *to;                    /* "to": blanks between several */
	const char *subject, *body;
	int days;
	unsigned flags;
	const char *mailbox;                      /* NULL: the inbox; else made below the recipient's own */
};
/* The same letter to many: %s in subject and body is the row's word. */
struct demo_series {
	const char *key, *from, *to, *subject, *body;
	int days, every_days;
	unsigned flags;
	const char *mailbox, *words;              /* words: '|' between them, one letter for each */
};

extern const struct demo_chapter demo_chapters[];
extern const struct demo_account demo_people[], demo_roles[];
extern const struct demo_term demo_terms[];
extern const struct demo_alias demo_aliases[];
extern const struct demo_mail demo_mails[];
extern const struct demo_series demo_series[];
/* Display name of one of our addresses, or NULL. */
const char *demo_name(const char *local);
