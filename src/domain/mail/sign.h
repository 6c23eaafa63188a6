/* sign.h - whose name a mail of our people bears, and DKIM signatures: which keys, and the fields in front of the message.
 *
 * A mail is signed by the domain of its From when the account may send with that address (address_may_send), so that
 * nobody gets the organisation's word for a name that is not theirs. Errors: ERR_LATER (vault away).
 * Not good for: mail that is only passed on (it keeps what it has), mail to ourselves. */
#pragma once
#include "domain/org/domain_key.h"

#define MAIL_KEYS_MAX 4
#define MAIL_AUTHORS_MAX 20           /* addresses in From of a mail that is submitted */

struct mail_signer {
	struct domain_key keys[MAIL_KEYS_MAX];
	size_t n;                     /* 0: is not signed */
	struct span domain;           /* A-label; From's, or the nearest above it that has keys (aligned for DMARC unless it asks for "adkim=s") */
};
int mail_signer_find(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span header,
	int64_t now_sec, struct mail_signer *out, struct err *e);
/* For mail the house itself writes in this domain of ours, or on this host. */
int mail_signer_of(struct org *o, struct tx *tx, struct arena *a, struct span domain, int64_t now_sec, struct mail_signer *out,
	struct err *e);
/* Are all addresses in From those the account may send with (of a mail sent once more, RFC 5322 section 3.6.6: in Resent-From)? Without From: yes. */
int mail_author_check(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span header, bool *own,
	struct err *e);
/* The message with its signatures in front; asks the vault, so outside any transaction. */
int mail_sign(struct org *o, struct arena *a, const struct mail_signer *s, struct span message, int64_t now_sec,
	struct span *out, struct err *e);
