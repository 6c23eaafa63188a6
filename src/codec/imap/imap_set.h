/* imap_set.h - sequence sets: sorted, merged ranges of message numbers or UIDs.
 *
 * Ownership: arena. Numbers are 1..2^32-1; `max` is what "*" stands for (the largest number in
 * use, 0: mailbox is empty; ranges with "*" then are dropped). Parsing is O(n log n) in the
 * length of the text. Errors: ERR_SYNTAX, ERR_LIMIT (IMAP_SET_RANGES_MAX). Source: RFC 9051
 * section 9, sequence-set. Not good for: "$" (the session's saved result), sets in which the
 * client's order matters. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define IMAP_SET_RANGES_MAX 32768

struct imap_range {
	uint32_t lo, hi; /* both included */
};

struct imap_set {
	struct imap_range *v;
	size_t n, cap;
};

struct imap_partial { /* "3:5" the third to the fifth result, "-1:-10" the last ten (RFC 9394) */
	uint32_t lo, hi;
	bool from_end;
};

struct imap_set_iter {
	const struct imap_set *set;
	size_t at;
	uint64_t next;
};

bool imap_set_valid(struct span s); /* syntax only */
int imap_set_parse(
	struct arena *a, struct span s, uint32_t max, struct imap_set *out, struct err *e);
/* Appends; n must be larger than all before it (assert). Neighbours join into one range. */
void imap_set_add(struct arena *a, struct imap_set *s, uint32_t n);
bool imap_set_contains(const struct imap_set *s, uint32_t n); /* O(log n) */
uint64_t imap_set_count(const struct imap_set *s);	      /* numbers, not ranges */
void imap_set_format(
	struct buf *b, const struct imap_set *s); /* "1:5,9"; nothing for an empty set */
/* What is in both. */
void imap_set_both(struct arena *a, const struct imap_set *x, const struct imap_set *y, struct imap_set *out);
/* Cuts to [lo, hi], in place. */
void imap_set_clip(struct imap_set *s, uint32_t lo, uint32_t hi);
/* partial-range = nz-number ":" nz-number / "-" nz-number ":" "-" nz-number; lo <= hi afterwards */
bool imap_partial_parse(struct span s, struct imap_partial *out);
/* First and last place, from 1, of n results; lo > hi: there is none. */
void imap_partial_bounds(const struct imap_partial *p, size_t n, size_t *lo_out, size_t *hi_out);
/* The numbers at those places. Ranges, not numbers, are walked. */
void imap_partial_cut(struct arena *a, const struct imap_set *s, const struct imap_partial *p, struct imap_set *out);
struct imap_set_iter imap_set_iter(const struct imap_set *s);
bool imap_set_next(struct imap_set_iter *it, uint32_t *out); /* ascending */
