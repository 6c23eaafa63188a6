/* gram.h - the different runs of three octets in folded text: what an index of substrings is made of.
 *
 * Whatever is contained in a text has no run that the text has not; so texts that lack one of a needle's runs need not be
 * looked at. A set is used again and again (reset costs what it holds); it keeps 2 MiB of bits for itself. Beyond GRAM_MAX
 * different runs it is `full` and says nothing. Not good for: ranking, words, needles of one or two octets. */
#pragma once
#include "base/span.h"

#define GRAM_LEN 3
#define GRAM_MAX 65536

struct gram_set {
	uint8_t *seen;            /* a bit for each of 2^24 */
	uint32_t *v;              /* in the order of their first appearance */
	size_t n;
	bool full;
};

void gram_init(struct gram_set *g);
void gram_fini(struct gram_set *g);
void gram_reset(struct gram_set *g);
void gram_add(struct gram_set *g, struct span folded_text);
