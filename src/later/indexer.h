/* indexer.h - keeps the search index: one thread that follows the change feed (domain/mail/mail_index.h).
 *
 * Accounts with 64 emails that wait are taken up within two seconds, fewer within a minute. While the house is busy it
 * works a tenth of the time at most, so that delivery hardly notices. What was interrupted is done again from the stored
 * position. Not good for: answers - what is not indexed yet, a search reads itself. */
#pragma once
#include "store/store.h"

struct house;
void indexer_start(struct house *h);
void indexer_stop(void);
/* From the feed: does not block. */
void indexer_changed(const struct change *c, size_t n);
