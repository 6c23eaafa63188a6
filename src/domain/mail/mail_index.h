/* mail_index.h - the search index of an account: which emails contain a text, and which may (docs/decisions/0003).
 *
 * Runs of three octets of every folded text (mail_text.h) become keyed tokens; segments of up to 65,535 emails keep for
 * each token the emails that have it, in rows sealed under the account's key, and beside them a dictionary of their words. Emails
 * up to the account's position are in segments, later ones are not: who searches looks at those itself.
 * Built afterwards, in small steps by one thread of the process (later/indexer.h); every step is one transaction, or
 * leaves a segment that nobody sees until it is whole. Errors: the store's, ERR_LATER (sealed).
 * Not good for: needles of less than three octets that are no letters. */
#pragma once
#include "domain/mail/mail_text.h"
#include "domain/org/org.h"

/* ---- asking: within one transaction ---- */

/* The setting search_index: off, and nothing is built or asked. */
int mail_index_is_off(struct org *o, struct tx *tx, bool *off_out, struct err *e);

struct mail_index;
struct mail_candidates {
	uint64_t *v;              /* email << 1 | it has the text, ascending */
	size_t n, at;
};
/* *position_out: emails with greater ids are not indexed (0: none is, or the index is off). */
int mail_index_open(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct mail_index **out,
	uint64_t *position_out, struct err *e);
void mail_index_close(struct mail_index *x);           /* wipes keys; NULL is fine */
bool mail_index_useful(unsigned where, struct span folded_needle);
/* Emails that may contain the (useful) needle in one of these places, bits 1 << enum mail_where; of many it is known
 * whether they do, and those that do not are left out. */
int mail_index_find(struct mail_index *x, unsigned where, struct span folded_needle, struct mail_candidates *out,
	struct err *e);
enum mail_candidate { CANDIDATE_NOT, CANDIDATE_MAYBE, CANDIDATE_SURE };
/* Quickest when asked in ascending order. */
enum mail_candidate mail_candidate(struct mail_candidates *c, uint64_t email_id);

/* The kept text of an email's documents, folded; none: it has none, or they were not read yet. */
int mail_index_text(struct tx *tx, struct arena *a, const struct seal_key *account_key, uint64_t email_id, struct span *out,
	struct err *e);

/* ---- building: one thread, outside transactions ---- */

struct mail_index_builder;
struct mail_index_builder *mail_index_builder_new(struct org *o);
void mail_index_builder_free(struct mail_index_builder *b);
/* Called now and then, without locks or transactions: may sleep. False: stop, what is half done is thrown away. */
void mail_index_pace(struct mail_index_builder *b, bool (*pace)(void *arg), void *arg);
/* Who reads the text of a document (PDF, office) that is attached; set before the first build, else nobody does. It is kept
 * (sealed) for searches. ERR_LATER: the email waits; no text: it never has any. */
void mail_index_texts(struct mail_index_builder *b,
	int (*read)(void *arg, struct arena *a, struct span document, struct span *out, struct err *e), void *arg);
/* The next emails of an account become a segment. *done_out: how many, 0: none was waiting (or the pace said stop). */
int mail_index_build(struct mail_index_builder *b, uint64_t account_id, size_t *done_out, struct err *e);
/* Joins segments of like size when there are many; 1: did, and there may be more to join, 0: nothing to do. */
int mail_index_merge(struct mail_index_builder *b, uint64_t account_id, struct err *e);
/* Segments most of whose emails are gone are written anew without them. */
int mail_index_tidy(struct mail_index_builder *b, struct err *e);
/* At the start: what a build that was interrupted has left is dropped. */
int mail_index_recover(struct store *s, struct err *e);
/* Rows of dropped segments, some of them; 1: there are more. */
int mail_index_sweep(struct store *s, struct err *e);
/* Accounts above `after` with at least `min` (1 to 64) emails that wait, ascending, at most 100. */
int mail_index_behind(struct store *s, uint64_t after, unsigned min, uint64_t ids_out[100], size_t *n_out, struct err *e);

/* ---- for administrators ---- */

struct mail_index_state {
	uint64_t emails, waiting, segments, bytes;
};
int mail_index_state(struct tx *tx, uint64_t account_id, struct mail_index_state *out, struct err *e);
/* Forget the index of an account (0: of all); the builder starts again from nothing. */
int mail_index_forget(struct tx *tx, uint64_t account_id, struct err *e);
/* Does every row of every live segment, and every kept text, open and read, and is none left over? Beside the service, in short reads;
 * problems name ids only. ERR_LATER (sealed meanwhile). */
int mail_index_check(struct org *o, struct store *s, void (*say)(void *arg, const char *problem), void *arg, uint64_t *problems_out,
	struct err *e);
/* The builder takes up at once what waits. */
void mail_index_hurry(struct tx *tx);
