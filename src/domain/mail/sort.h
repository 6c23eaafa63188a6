/* sort.h - the order of messages for SORT, and their threads for THREAD.
 *
 * Both read the summaries of the messages found (THREAD=REFERENCES also their headers) once, then order in memory:
 * results over whole mailboxes are kept (order_cache.h). O(n log n), also for crafted References (tests: test_thread.c). Errors: those of message.h. Sources: RFC 5256, 5957;
 * REFS: draft-ietf-morg-inthread. Not good for: keeping threads (THREADID). */
#pragma once
#include "codec/imap/imap_sort.h"
#include "domain/mail/message.h"

/* UIDs of `found` in order; ties by UID. scores: of `found` in ascending order, for IMAP_SORT_RELEVANCY only. */
struct mail;
int mail_sort(struct mail *m, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *found,
	const struct imap_sort *how, const uint8_t *scores, uint32_t **uids_out, size_t *n_out, struct err *e);

enum mail_thread_how { THREAD_ORDEREDSUBJECT, THREAD_REFERENCES, THREAD_REFS };
/* What threading needs of a message. refs: message ids of References, else the first of In-Reply-To. */
struct mail_thread_row {
	uint32_t uid;
	int64_t date_sec, received_sec;
	struct span subject;              /* base subject, folded */
	bool reply;
	struct span id, *refs;
	size_t n_refs;
};
#define MAIL_THREAD_REFS_MAX 32          /* the last ones of a message */
/* A forest in the order it is to be told. */
struct mail_thread_node {
	uint32_t uid;                     /* 0: a message that is not there */
	int64_t date_sec;
	int32_t parent, child, next;      /* -1: none */
	uint32_t children;
};
struct mail_threads {
	struct mail_thread_node *v;
	size_t n;
	int32_t first;                    /* root; further roots by next */
};
/* Pure: rows by ascending uid. */
void mail_thread_rows(struct arena *a, const struct mail_thread_row *rows, size_t n, enum mail_thread_how how,
	struct mail_threads *out);
int mail_thread(struct mail *m, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *found,
	enum mail_thread_how how, struct mail_threads *out, struct err *e);
