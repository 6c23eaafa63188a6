/* vault_share.h - k-of-n shares (libgfshare) of a 32-byte secret, and the line that a human keeps of each.
 *
 * Line: "share 1: ABCD-EFGH-..." - 64 letters of Crockford's base 32 (no I, L, O, U; case, blanks and
 * dashes do not matter) for set id (3 bytes), number (1), share (32), checksum (4). need-1 shares say nothing
 * about the secret. Errors: ERR_DENIED when a line is mistyped. Not good for: telling a forged share from a
 * true one - vault_keys.c keeps a tag of each. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define SHARE_LEN 32
#define SHARE_SET_MASK 0xffffffu        /* of the random set id */
#define SHARE_TAG_LEN 16

struct share {
	uint32_t set_id;               /* random per splitting, 24 bits */
	uint8_t nr;                    /* from 1 */
	unsigned char p[SHARE_LEN];
};

void share_setup(void);                /* once per process: our randomness into libgfshare */
/* out: array of total; 2 <= need <= total <= 16 (the caller checks). */
void share_split(const unsigned char secret[SHARE_LEN], uint32_t set_id, unsigned need, unsigned total,
	struct share *out);
void share_join(const struct share *shares, unsigned need, unsigned char secret_out[SHARE_LEN]);
void share_print(struct buf *b, const struct share *s);          /* without line end */
int share_parse(struct span line, struct share *out, struct err *e);
/* Tells one share from another without telling what it is. */
void share_tag(const struct share *s, unsigned char out[SHARE_TAG_LEN]);
