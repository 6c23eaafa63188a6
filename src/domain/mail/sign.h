/* sign.h - DKIM signatures for what our people send out: which keys, and the fields in front of the message.
 *
 * A mail is signed by the domain of its From when the account may send with that address (address_may_send), so that
 * nobody gets the organisation's word for a name that is not theirs. Errors: ERR_LATER (vault away).
 * Not good for: mail that is only passed on (it keeps what it has), mail to ourselves. */
#pragma once
#include "domain/org/domain_key.h"

#define MAIL_KEYS_MAX 4

struct mail_signer {
	struct domain_key keys[MAIL_KEYS_MAX];
	size_t n;                     /* 0: is not signed */
	struct span domain;           /* A-label */
};
int mail_signer_find(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span header,
	int64_t now_sec, struct mail_signer *out, struct err *e);
/* For mail the house itself writes in this domain of ours. */
int mail_signer_of(struct org *o, struct tx *tx, struct arena *a, struct span domain, int64_t now_sec, struct mail_signer *out,
	struct err *e);
/* The message with its signatures in front; asks the vault, so outside any transaction. */
int mail_sign(struct org *o, struct arena *a, const struct mail_signer *s, struct span message, int64_t now_sec,
	struct span *out, struct err *e);
