/* imap_context.h - a search that is kept: whether it can be, and what changes of its messages do to the result (RFC 5267).
 *
 * Pure; memory is the arena's. Not good for: evaluating keys (domain/mail/search.h), the order of a SORT. */
#pragma once
#include "codec/imap/imap_search.h"

enum imap_context_kind {
	IMAP_CONTEXT_NOT = 0, /* it changes with more than its messages: numbers, $, the clock, "*" that moves */
	IMAP_CONTEXT_FIXED,   /* a message fits always or never */
	IMAP_CONTEXT_FLAGS,   /* its flags and change number count */
};
/* max_uid: the largest in the mailbox, 0: empty. */
enum imap_context_kind imap_context_kind(const struct imap_search *q, uint32_t max_uid);
/* Keys, charset and all they point to. */
void imap_search_copy(struct arena *a, const struct imap_search *q, struct imap_search *out);
/* looked: UIDs that were looked at again, expunged ones included; hits: those of them that fit. */
struct imap_context_change {
	struct imap_set removed, added, now;
};
void imap_context_change(struct arena *a, const struct imap_set *found, const struct imap_set *looked, const struct imap_set *hits,
	struct imap_context_change *out);
