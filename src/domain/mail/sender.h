/* sender.h - who an account already writes with, whom it does not want, and the grey list for those nobody knows.
 *
 * Senders are addresses in From, normalised (codec/smtp/smtp_address.h). Rows hold keyed hashes of account and address under the
 * house's key, counters and times; only what an administrator lists (allowed, blocked) is kept readable, sealed. A sender is
 * verified when the mail's SPF or DKIM is aligned with it; unverified mail has a memory of its own and is never "good", so nobody
 * gains or loses by a forged name. Lists belong to an account, a domain of ours, or the house (ORG_ACCOUNT_ID).
 * Errors: ERR_PARAM, ERR_MISSING, ERR_LATER. Source of the grey list: RFC 6647. Not good for: judging content. */
#pragma once
#include "base/buf.h"
#include "codec/mailauth/peer_ip.h"
#include "domain/org/address.h"

struct sender {
	struct span address;              /* none: no one sound From */
	bool verified;
};
int sender_parse(struct arena *a, struct span text, struct span *out, struct err *e);   /* address or "@domain" */

struct sender_counts {
	uint64_t kept, answered, junked;  /* came and stayed; was written to by the account; was moved to Junk */
	int64_t first_sec, seen_sec;
};
/* Adds to what the account knows of this sender (negative: takes away, never below 0). */
int sender_note(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, const struct sender *s, int kept, int answered,
	int junked, int64_t now_sec, struct err *e);
int sender_known(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, const struct sender *s,
	struct sender_counts *out, struct err *e);        /* 1, or 0 with zeros: never heard of */

/* The field our own door writes into a stranger's mail, and what it says; false: there is none. */
#define SENDER_FIELD "X-Spam-Sender"      /* one of the X-Spam fields that never come in from outside */
void sender_field(struct buf *b, const struct sender *s);
bool sender_of_mail(struct arena *a, struct span header, struct sender *out);

enum sender_verdict { SENDER_UNKNOWN, SENDER_GOOD, SENDER_BAD, SENDER_ALLOWED, SENDER_BLOCKED };
/* By counts alone. */
enum sender_verdict sender_judge(const struct sender_counts *c, bool verified, int64_t now_sec);
/* Lists first (of the account, its domain, the house; blocked before allowed), then counts. owner_out: whose list it was, or 0.
 * primary: the account's address. Allowed counts for verified mail only. */
int sender_verdict(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span primary, const struct sender *s,
	int64_t now_sec, enum sender_verdict *out, uint64_t *owner_out, struct err *e);

struct sender_row {
	uint64_t owner_id;
	struct span sender;
	enum sender_verdict verdict;      /* SENDER_ALLOWED, SENDER_BLOCKED */
	int64_t created_sec;
};
#define SENDER_LIST_MAX 1000              /* rows of one owner */
int sender_list_put(struct org *o, struct tx *tx, struct arena *a, const struct sender_row *row, struct err *e);
int sender_list_remove(struct org *o, struct tx *tx, struct arena *a, uint64_t owner_id, struct span sender, struct err *e);
int sender_list(struct org *o, struct tx *tx, struct arena *a, uint64_t owner_id, struct sender_row **out, size_t *n_out,
	struct err *e);

#define GREY_WAIT_SEC 60                  /* what the setting smtp.greylist_wait says instead */
#define GREY_WINDOW_SEC (2 * 86400)
#define GREY_KEEP_SEC (40 * 86400)        /* a pair that has passed, since its last mail */
struct grey {
	struct span ip, domain;           /* of the envelope's sender, or of HELO */
	const uint64_t *accounts;
	size_t n;
	int64_t wait_sec, now_sec;
};
/* 1: this network has sent for this domain before, or comes again after its wait; 2: the latter, and it is not noted, for this is no
 * write. 0: not yet; noted when in a write. */
int grey_passes(struct org *o, struct tx *tx, struct arena *a, const struct grey *g, struct err *e);
/* Forgets what is over: grey rows, and senders of whom nothing was heard for SENDER_KEEP_SEC. */
#define SENDER_KEEP_SEC (2 * 365 * (int64_t)86400)
int sender_sweep(struct tx *tx, int64_t now_sec, struct err *e);
