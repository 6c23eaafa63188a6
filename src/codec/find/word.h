/* word.h - words of folded text, and a dictionary of them in which substrings are looked up.
 *
 * A word is a longest run of letters, digits and octets above 127; in addresses also of @ . - _ +. Words longer than WORD_MAX
 * are given as pieces that overlap. So a needle that word_inside accepts is in a text exactly if it is in one of its words.
 * A dictionary is lines of a place (one octet from 1 to 9) and a word, each ended by a line feed. Pure.
 * Not good for: needles with blanks. */
#pragma once
#include "base/span.h"

#define WORD_MAX 64
#define WORD_NEEDLE_MAX (WORD_MAX / 2)

bool word_inside(struct span folded_needle, bool address);

struct word_cut {
	struct span rest, run;
	bool address;
};
/* From { text, SPAN_NONE, address }; false at the end. */
bool word_next(struct word_cut *w, struct span *out);

struct word_look {
	struct span rest;         /* begins as the dictionary */
	uint32_t line;            /* its number, from 0 */
};
/* The next line of that place whose word contains the needle. */
bool word_find(struct word_look *l, char place, struct span needle, uint32_t *line_out);
