/* imap_sort.h - SORT criteria, base subjects, and what SORT and THREAD read out of an envelope's text.
 *
 * Ownership: arena or the caller's bytes. Errors: ERR_SYNTAX, ERR_LIMIT (IMAP_SORT_KEYS_MAX). Sources: RFC 5256 (SORT,
 * THREAD; base subject: section 2.1), RFC 5957 (DISPLAY). Not good for: the order itself (domain/mail/sort.h). */
#pragma once
#include "codec/imap/imap_args.h"

#define IMAP_SORT_KEYS_MAX 32

enum imap_sort_kind { IMAP_SORT_ARRIVAL = 1, IMAP_SORT_CC, IMAP_SORT_DATE, IMAP_SORT_DISPLAYFROM, IMAP_SORT_DISPLAYTO,
	IMAP_SORT_FROM, IMAP_SORT_SIZE, IMAP_SORT_SUBJECT, IMAP_SORT_TO,
	IMAP_SORT_RELEVANCY /* of the search, highest first (RFC 6203) */ };
struct imap_sort_key {
	enum imap_sort_kind kind;
	bool reverse;
};
struct imap_sort {
	struct imap_sort_key key[IMAP_SORT_KEYS_MAX];
	size_t n;
	bool has_relevancy;
};
/* Takes "(" sort-criterion *(SP sort-criterion) ")". */
int imap_sort_parse(struct imap_args *g, struct imap_sort *out, struct err *e);
/* A part of `subject` (case folded, one line); *reply_out: something like "re:" or "(fwd)" was taken away. */
struct span imap_base_subject(struct span subject, bool *reply_out);

/* First address of a list of an ENVELOPE. Unescaped; none where it says NIL. */
struct imap_envelope_address {
	struct span name, mailbox, host;
};
struct imap_envelope_keys {
	struct imap_envelope_address from, to, cc;
	struct span in_reply_to;
};
/* Any bytes are read; what does not look like an envelope gives nothing from there on. */
void imap_envelope_keys(struct arena *a, struct span envelope, struct imap_envelope_keys *out);
