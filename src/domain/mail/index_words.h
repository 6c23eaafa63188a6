/* index_words.h - the dictionary of a segment of the search index: its words, each with the emails that have it.
 *
 * Runs of three octets say which emails may contain a text; the dictionary says which do, for needles without blanks in the
 * places it covers. It lies beside the segment's other rows (search_row), in blocks: words in ascending order (codec/find/word.h) in one
 * row, in another one the documents of each (codec/find/posting.h, tokens are numbers of lines). Sealed like those.
 * Not good for: emails in the segment's `unsure`, which have too many words. */
#pragma once
#include "domain/mail/index_impl.h"

bool index_words_cover(enum mail_where where, struct span folded_needle);
/* Marks documents whose words contain the needle; docs: room for the segment's. */
int index_words_find(struct tx *tx, struct arena *scratch, const struct index_keys *k, const struct segment *s, enum mail_where where,
	struct span folded_needle, uint16_t *docs, bool *marks, size_t *marked_out, struct err *e);

/* ---- building ---- */

struct words;                          /* of the emails of a segment */
struct words *words_new(void);
void words_free(struct words *w);
void words_reset(struct words *w);
void words_add(struct words *w, enum mail_where where, struct span folded_text, uint16_t doc);
/* The document is complete; false: it had too many words and none is kept. */
bool words_done(struct words *w);
bool words_full(const struct words *w);

struct words_row {
	struct words_row *next;
	uint32_t bucket;
	struct span sealed;
};
struct words_out {
	struct arena *a;               /* of the rows */
	const struct index_keys *keys;
	const struct segment *s;
	struct buf text, lists;
	struct posting_out list;
	size_t goal;                   /* octets of words in a block */
	uint32_t block, line;
	struct words_row *rows;        /* finished; the caller writes and forgets them */
	uint64_t bytes;
};
void words_out_init(struct words_out *o, struct arena *a, const struct index_keys *k, const struct segment *s, uint64_t bytes);
void words_out_fini(struct words_out *o);
void words_out_add(struct words_out *o, struct span placed_word, const uint16_t *docs, size_t n);
void words_out_end(struct words_out *o);
int words_out_write(struct tx *tx, const struct words_out *o, struct err *e);
void words_write(struct words *w, struct words_out *o);     /* all of them; words are empty afterwards */

/* ---- joining: the words of one segment, in order ---- */

struct words_in {
	struct arena *a;               /* its own */
	const struct segment *s;
	struct span text, word;        /* word: in hand, with its place */
	struct posting_in lists;
	uint32_t block;
	uint16_t *docs;
	size_t n_docs;
	bool have;
};
void words_in_init(struct words_in *i, struct arena *a, const struct segment *s);
void words_in_fini(struct words_in *i);
int words_in_next(struct tx *tx, const struct index_keys *k, struct words_in *i, struct err *e);
