/* context.h - inside proto/imap: searches and sorts whose results are kept for the client (RFC 5267 UPDATE).
 *
 * Belong to the session and end with its mailbox, with CANCELUPDATE, or with an untagged NO [NOUPDATE]: too many
 * (CONTEXTS_MAX), too large (CONTEXT_BYTES_MAX in all, CONTEXT_SORT_MAX messages in order), results that change with more than
 * their messages (codec/imap/imap_context.h), a restart of core. Looked at where untagged changes are told (imap_sync.c):
 * removals come before EXPUNGE, with the numbers the client has; additions after EXISTS. Not good for: ESEARCH. */
#pragma once
#include "codec/imap/imap_sort.h"
#include "proto/imap/imap_int.h"

#define CONTEXTS_MAX 8
#define CONTEXT_TAG_MAX 16               /* octets: all of them fit into the state that the gate keeps */
#define CONTEXT_BYTES_MAX 1048576
#define CONTEXT_SORT_MAX 20000

/* Of a search (how NULL) or sort just answered; order: of a sort. */
void context_begin(struct imap_call *c, const struct imap_search *q, const struct imap_sort *how, const struct imap_set *found,
	const uint32_t *order, size_t n);
void contexts_free(struct imap_session *s);
/* Looks at what has changed; nothing is told or kept yet. */
struct context_news;
struct context_news *contexts_look(struct imap_call *c, const struct mail_changes *ch);
void contexts_put_removed(struct imap_call *c, const struct context_news *news, const struct uid_set *before);
void contexts_put_added(struct imap_call *c, const struct context_news *news); /* and all is kept */
/* Core has started again. tags: those of contexts_pack. */
void contexts_pack(const struct imap_session *s, struct buf *b);
bool contexts_lost(struct imap_session *s, struct span packed);
void contexts_tell_lost(struct imap_call *c);
