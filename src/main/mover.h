/* mover.h - what every import does: mails in batches to core, progress for people, a report.
 *
 * While core stores one batch the next one is filled. Memory: two batches and the largest mail. All functions that give int:
 * 0, or -1 when there is no going on (mover.failure is the reply then). Not good for: threads. */
#pragma once
#include <jansson.h>
#include "base/arena.h"
#include "codec/move/move_item.h"

#define MOVER_MAIL_MAX (128u << 20)      /* as gates take them (docs/limits.md, spool_address_bytes) */

struct mover {
	const char *state;
	json_t *args, *failure;              /* what core is asked with */
	json_t *wishes;                      /* all that was said on the command line; some of it is nobody else's business */
	struct span into;
	int file, pending;                   /* the batch being filled; the connection whose answer is due */
	size_t n, bytes;
	uint64_t imported, there, keywords_left, skipped;
	uint64_t done_bytes, total_bytes, seen_mails, total_mails;    /* of the sources */
	int64_t start_us, shown_us;
	bool terminal, shown;
	json_t *skips;                       /* [{file, why}], the first of them */
};

void mover_begin(struct mover *m, const char *state, json_t *args);
/* item->folder as the source has it; `into` and the rules for names are applied here. */
int mover_add(struct mover *m, const struct move_item *item);
/* Which of n sources core has already. */
int mover_there(struct mover *m, const struct span *sources, size_t n, bool *there_out);
void mover_skip(struct mover *m, const char *what, const char *why);
/* So many octets of the source are behind us; shows it now and then. */
void mover_progress(struct mover *m, uint64_t bytes);
/* Takes the line of progress off the terminal; for those that send nothing. */
void mover_clear(struct mover *m);
/* Sends what is left; gives the whole reply. */
json_t *mover_end(struct mover *m, json_t *failure);
