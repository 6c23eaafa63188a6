/* fuzzy.h - does a text mean what somebody looks for, and how nearly: words instead of octets.
 *
 * All words of the needle must be there, in any order. A word of the text fits one of the needle when both are the same (100),
 * differ in accents or in "ae" for "ä" (95), in a German or English ending (85), when it begins with it (75) or contains it
 * (65: "Rechnung" in "Stromrechnung"), and, from four octets on and without digits, with one typing mistake (50), from eight on with
 * two (30) - but only if half of the word, one of its `pieces`, is there unharmed. So an index of substrings finds all that can fit: a text
 * that lacks every piece of a word does not. The whole needle as one run makes 100. Texts are folded (codec/mime/mime_fold.h).
 * Costs: linear in the text, but for pathological repeats. Errors: ERR_LIMIT (FUZZY_WORDS_MAX). Source: own; RFC 6203 asks for
 * no method. Not good for: the meaning of words, languages without letters (there, words are substrings). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define FUZZY_WORDS_MAX 32
#define FUZZY_PIECES 16

struct fuzzy_word {
	struct span word, bare, stem;   /* bare: without accents and digraphs; stem: bare without its ending */
	struct span piece[FUZZY_PIECES];
	size_t n_pieces;
};
struct fuzzy {
	struct fuzzy_word *v;
	size_t n;                       /* 0: the needle has no word */
	struct span phrase;
};
struct fuzzy_tally {                    /* of one message; begins as { 0 } */
	uint8_t best[FUZZY_WORDS_MAX], phrase;
};

int fuzzy_parse(struct arena *a, struct span folded_needle, struct fuzzy *out, struct err *e);
/* weight: what 100 is worth in this text, 1 to 100. */
void fuzzy_look(const struct fuzzy *f, struct span folded_text, unsigned weight, struct fuzzy_tally *t);
/* 0: does not fit, else 1 to 100. */
unsigned fuzzy_score(const struct fuzzy *f, const struct fuzzy_tally *t);
