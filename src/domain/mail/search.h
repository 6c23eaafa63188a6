/* search.h - which messages of a mailbox fit a tree of search keys.
 *
 * Rounds, each only for messages the round before left open: UIDs and texts that the index decides; flags, sizes and dates from rows; addresses,
 * subject and Date: from the summary; other header fields and text from the body. Text is compared folded, after
 * charsets, encoded words and transfer encodings are undone (codec/mime). Memory: one message at a time.
 * Texts are first looked up in the index (mail_index.h), so that only candidates it is not sure of and what is not indexed
 * yet are read; the answer is that of reading everything. box->messages decides whether that is worth it.
 * Keys marked FUZZY compare words (codec/find/fuzzy.h) and give scores: of keys that must all fit the average, of alternatives
 * the best; for TEXT a word in the subject counts 100, in other fields 85, in the body 70 of 100.
 * Errors: those of message.h; ERR_SYNTAX for a bad set; ERR_LIMIT for too many fuzzy words. Sources: RFC 9051 section 6.4.4,
 * RFC 6203. */
#pragma once
#include "codec/imap/imap_search.h"
#include "domain/mail/mail_view.h"
#include "domain/mail/message.h"
#include "domain/mail/order_cache.h"

struct mail_search {
	const struct imap_search *query;  /* its charset must be known (mime_charset_known) */
	const struct uid_set *uids;       /* messages the session knows */
	const struct imap_set *saved;     /* "$" */
	int64_t now_sec;
	uint64_t max;                     /* messages looked at, those with the highest UIDs; 0: all */
	uint32_t *lowest_out;             /* set when there were more: the lowest UID looked at; or NULL */
	void (*progress)(void *arg, uint64_t done, uint64_t goal); /* messages, now and then while texts are read; or NULL */
	void *progress_arg;
	bool plain;                       /* without the index: for tests and measuring */
	struct order_cache *orders;       /* which email each UID is is kept there; NULL: read each time */
	uint8_t **scores_out;             /* with has_fuzzy: 1 to 100 for each UID, in their order; or NULL */
};
/* UIDs in ascending order, and the highest modseq among them (when the query asks for one: has_modseq). box with its keywords (mailbox_get). */
int mail_search(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, const struct mail_search *s,
	struct imap_set *uids_out, uint64_t *modseq_out, struct err *e);
