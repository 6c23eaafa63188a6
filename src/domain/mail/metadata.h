/* metadata.h - annotations of mailboxes and of the server (RFC 5464): small texts by name.
 *
 * "/private/…" belongs to whoever sets it and is sealed under their key; "/shared/…" of a mailbox belongs to its owner,
 * of the server (mailbox NULL) to the house: the house's is set by administrators of the whole. Names are folded to
 * lower case. Who may: RFC 5464 section 3.3, and "w" to change what is shared. All that an account owns counts towards
 * METADATA_ACCOUNT_MAX. Errors: ERR_PARAM (not such a name), ERR_TOOBIG (value), ERR_LIMIT (entries of one place),
 * ERR_EXISTS when the account's space is used up. Not good for: large values. */
#pragma once
#include "domain/mail/mailbox.h"

#define METADATA_NAME_MAX 255
#define METADATA_VALUE_MAX 32768
#define METADATA_ENTRIES_MAX 100
#define METADATA_ACCOUNT_MAX (4u << 20)

struct metadata_entry {
	struct span name, value;
};

int metadata_name(struct arena *a, struct span name, struct span *out, struct err *e); /* checked, folded */
/* The viewer's private and the shared entries of one place, by name. */
int metadata_list(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, const struct mailbox *box,
	struct metadata_entry **out, size_t *n_out, struct err *e);
/* value none (p NULL): the entry goes. name as metadata_name gave it. */
int metadata_set(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, const struct mailbox *box,
	const struct metadata_entry *entry, struct err *e);
/* One entry; ERR_MISSING. */
int metadata_get(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, const struct mailbox *box, struct span name,
	struct span *value_out, struct err *e);
