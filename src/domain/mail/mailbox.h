/* mailbox.h - mailboxes of an account: names, states, counters, who may see whose.
 *
 * A full name as a client sees it is either a mailbox of its own account ("INBOX", "Archiv/2026") or
 * "shared/ADDRESS/NAME" for a role it holds now or for a mailbox somebody has shared (acl.h); mailbox_locate turns it into the owner and the inner name with
 * the viewer's rights. Delimiter '/'. Names are UTF-8, NFC, checked with imap_mailbox_check; "INBOX" is
 * folded in any case. Spans live in the arena. Errors: ERR_MISSING, ERR_EXISTS, ERR_DENIED, ERR_PARAM, ERR_LIMIT
 * (MAILBOX_MAX per account). Not good for: sessions' views (mail_view.h), messages (message.h). */
#pragma once
#include "domain/org/org.h"
#include "domain/org/role.h"

#define MAILBOX_MAX 10000
#define MAILBOX_KEYWORDS_MAX 58
#define MAILBOX_DELIMITER '/'
#define MAILBOX_SHARED "shared"

enum mailbox_special { SPECIAL_NONE = 0, SPECIAL_INBOX = 1, SPECIAL_DRAFTS, SPECIAL_SENT, SPECIAL_JUNK, SPECIAL_TRASH,
	SPECIAL_ARCHIVE, SPECIAL_FLAGGED, SPECIAL_ALL, SPECIAL_IMPORTANT };

struct mailbox {
	uint64_t id, account_id;
	uint32_t uidvalidity, uidnext;
	uint64_t modseq, expunged_modseq;
	uint32_t messages, unseen, deleted;
	uint64_t bytes;
	enum mailbox_special special;
	int64_t created_sec;
	struct span name;                 /* inner name */
	struct span *keywords;            /* bit 5 + i */
	size_t n_keywords;
	uint32_t rights;                  /* the viewer's (acl.h); RIGHT_OWNER for the owner */
};
struct mailbox_place {                    /* where a name points, whether or not something is there */
	uint64_t account_id;
	uint32_t rights;                  /* in all mailboxes there: the owner's, an office's; entries (acl.h) may add to them */
	struct span name;                 /* inner name; none: the shared root or an address level itself */
	bool shared;
	struct span prefix;               /* "shared/ADDRESS/" or none */
};

/* At account_add: INBOX, Drafts, Sent, Junk, Trash, Archive, subscribed; German names when language is "de"
 * (Entwürfe, Gesendet, Spam, Papierkorb, Archiv). Fits account_on_add. */
int mailbox_create_first(struct org *o, struct tx *tx, uint64_t account_id, struct span language, struct err *e);

int mailbox_locate(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span full_name,
	struct mailbox_place *out, struct err *e);
/* Locate and get. ERR_MISSING also when the viewer may not even see it. */
int mailbox_find(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span full_name,
	struct mailbox *out, struct err *e);
/* 0 when the viewer has these rights in it; else ERR_DENIED, or ERR_MISSING for who may not know of it. */
int mailbox_need(const struct mailbox *box, uint32_t rights, struct err *e);
/* The flags that somebody with these rights may change (RFC 4314 section 4). */
uint64_t mailbox_flags_mask(uint32_t rights);
int mailbox_get(struct org *o, struct tx *tx, struct arena *a, uint64_t mailbox_id, struct mailbox *out, struct err *e);
int mailbox_by_special(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id,
	enum mailbox_special special, struct mailbox *out, struct err *e);
/* Counters only, no key needed: the hot path of NOOP and sync. rights, name, keywords are not filled. */
int mailbox_state(struct tx *tx, uint64_t mailbox_id, struct mailbox *out, struct err *e);

struct mailbox_row {
	struct span name;                 /* full name as the viewer sees it */
	struct mailbox box;               /* box.id 0: \NonExistent (subscribed only, or a level without mailbox) */
	bool subscribed, has_children;
};
/* All the viewer sees, own first (INBOX, then by name), then shared; includes subscribed names that are gone
 * (box.id 0, subscribed) and levels of the shared namespace (box.id 0). */
int mailbox_list(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct mailbox_row **out,
	size_t *n_out, struct err *e);

/* Creates missing parents too. special may be SPECIAL_NONE. */
int mailbox_create(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span full_name,
	enum mailbox_special special, struct mailbox *out, struct err *e);
/* ERR_DENIED for INBOX; a mailbox with children loses its messages but its name stays as \NonExistent level. */
int mailbox_delete(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span full_name, struct err *e);
/* With all below. INBOX: its messages move to the new mailbox, INBOX stays (RFC 9051 6.3.6). */
int mailbox_rename(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span from, struct span to,
	struct err *e);
int mailbox_subscribe(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span full_name, bool on,
	struct err *e);
/* Bit for a keyword; makes it when `add` (needs a write transaction). ERR_LIMIT when all are taken. */
int mailbox_keyword(struct org *o, struct tx *tx, struct arena *a, struct mailbox *box, struct span keyword, bool add,
	uint64_t *bit_out, struct err *e);
