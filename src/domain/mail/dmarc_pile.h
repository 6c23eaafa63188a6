/* dmarc_pile.h - what refused mail tells about domains, until it is written down: alike ones counted together.
 *
 * In memory only, so that a flood of forged mail costs no transaction each: what a killed process had not written is lost,
 * seconds of it. At most DMARC_PILE_MAX different; more are not counted. Thread-safe. Not good for: mail that was taken
 * (dmarc_log_seen, in its transaction). */
#pragma once
#include "base/arena.h"

#define DMARC_PILE_MAX 1000

struct dmarc_pile;
struct dmarc_pile_row {
	struct span packed;               /* dmarc_seen_pack */
	uint64_t count;
};
struct dmarc_pile *dmarc_pile_new(void);
void dmarc_pile_free(struct dmarc_pile *p);
void dmarc_pile_add(struct dmarc_pile *p, struct span packed, uint64_t count);
/* All of it; the pile is empty then. */
void dmarc_pile_take(struct dmarc_pile *p, struct arena *a, struct dmarc_pile_row **out, size_t *n_out);
