/* acl.h - what others may do in a mailbox (RFC 4314), on top of ownership and offices.
 *
 * The owner has every right and cannot lose one. Whoever holds the owning role has what the term says; entries add to
 * it. An entry is for an account (for a role: whoever holds it now), a group (its members now) or everybody who can sign
 * in; negative entries take away what other entries give, never what an office gives. Nothing is remembered: a right
 * ends with the term, the membership or the entry. So a group is gone through at each command, until the viewer is found: measured
 * (tests/mail/bench_mail), 2.7 us of processor a member, 0.3 ms for a hundred, 3 ms for a thousand. A new mailbox begins with its parent's entries.
 * Rights are the RIGHT_* of role.h with those below. Errors: ERR_PARAM (no such identifier, unknown letter), ERR_LIMIT
 * (ACL_ENTRIES_MAX). Not good for: who gets mail (address.h). */
#pragma once
#include "base/buf.h"
#include "domain/mail/mailbox.h"

#define ACL_ENTRIES_MAX 100

/* RIGHT_DELETE is "t" here, RIGHT_READ "r", RIGHT_INSERT "i"; a term's rights have no finer letters. */
uint32_t acl_of_term(uint32_t rights);
int acl_letters_parse(struct span letters, uint32_t *rights_out, struct err *e);
void acl_letters_put(struct buf *b, uint32_t rights); /* with the obsolete c and d */

/* What the viewer may do in this mailbox now. */
int acl_rights(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, uint64_t owner_id, uint64_t mailbox_id,
	uint32_t *rights_out, struct err *e);
/* Mailboxes of others in which entries give the viewer something, by owner. */
struct acl_grant {
	uint64_t mailbox_id, owner_id;
	uint32_t rights;
};
int acl_grants(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct acl_grant **out, size_t *n_out,
	struct err *e);

/* identifier: an address here, "anyone", or one of them after "-". The owner's is ERR_PARAM. No right: the entry goes. */
enum acl_change { ACL_REPLACE, ACL_ADD, ACL_REMOVE };
int acl_set(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, struct span identifier,
	enum acl_change how, uint32_t rights, struct err *e);
struct acl_entry {
	struct span identifier;
	uint32_t rights;
};
int acl_list(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, struct acl_entry **out, size_t *n_out,
	struct err *e); /* the owner first */
int acl_is_owner(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, struct span identifier,
	bool *yes_out, struct err *e); /* ERR_PARAM: no such identifier */
