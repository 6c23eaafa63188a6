/* role.h - chapters, offices with terms, and what follows from them.
 *
 * A role is an account (kind ACCOUNT_ROLE) with a mailbox of its own. A term says: this person holds it from
 * from_sec (inclusive) to to_sec (exclusive, 0: open). Rights come from the term in force now: the successor
 * has them on the first day, the predecessor loses them; nothing is copied. Errors: ERR_MISSING, ERR_PARAM
 * (end before start), ERR_EXISTS (same holder, overlapping). Not good for: members' register (step 7). */
#pragma once
#include "domain/org/account.h"

enum { /* rights on a mailbox (RFC 4314 letters in comments) and on a role */
	RIGHT_READ = 1,       /* l r */
	RIGHT_SEEN = 2,       /* s */
	RIGHT_WRITE = 4,      /* w */
	RIGHT_INSERT = 8,     /* i p */
	RIGHT_CREATE = 16,    /* k */
	RIGHT_DELETE = 32,    /* t; in a term also e x */
	RIGHT_SEND = 64,      /* send as the role */
	RIGHT_ADMIN = 128,    /* a */
	RIGHT_ALL = 255,      /* of a term */
	RIGHT_EXPUNGE = 256,  /* e; from here on: entries of a mailbox (domain/mail/acl.h) */
	RIGHT_REMOVE = 512,   /* x */
	RIGHT_LOOKUP = 1024,  /* l */
	RIGHT_POST = 2048,    /* p: kept, of no effect */
	RIGHT_OWNER = 4095,
};

struct term {
	uint64_t id, role_id, holder_id;
	int64_t from_sec, to_sec;
	uint32_t rights;
};
int term_add(struct org *o, struct tx *tx, const struct term *t, uint64_t *id_out, struct err *e);
/* to_sec == from_sec: as if it had never been. */
int term_end(struct org *o, struct tx *tx, uint64_t term_id, int64_t to_sec, struct err *e);
/* All terms of a role or (role 0) of a holder, past ones included, by start. */
int term_list(struct org *o, struct tx *tx, struct arena *a, uint64_t role_id, uint64_t holder_id,
	struct term **out, size_t *n_out, struct err *e);
/* What holder may do as role now; 0 rights when nothing, or when the role is locked. */
int role_rights(struct tx *tx, uint64_t role_id, uint64_t holder_id, int64_t now_sec, uint32_t *rights_out,
	struct err *e);
/* Accounts whose mailboxes holder may see now (not itself), with rights, by address. */
struct role_access {
	uint64_t role_id;
	uint32_t rights;
	struct span address, name;
};
int role_access_list(struct org *o, struct tx *tx, struct arena *a, uint64_t holder_id, int64_t now_sec,
	struct role_access **out, size_t *n_out, struct err *e);

#define ORG_ROOT_CHAPTER_ID 1    /* the association as a whole; made by org_create */
struct chapter {
	uint64_t id, parent_id;   /* parent 0: the root itself */
	struct span name, code;
};
/* parent 0: below the root. ERR_EXISTS: name or code is used (case folded). */
int chapter_add(struct org *o, struct tx *tx, uint64_t parent_id, struct span name, struct span code,
	uint64_t *id_out, struct err *e);
int chapter_list(struct org *o, struct tx *tx, struct arena *a, struct chapter **out, size_t *n_out, struct err *e);
/* Code first, then name, case folded. */
int chapter_find(struct org *o, struct tx *tx, struct arena *a, struct span name_or_code, struct chapter *out,
	struct err *e);
/* Is `inner` the chapter `outer` or below it? */
int chapter_within(struct tx *tx, uint64_t inner, uint64_t outer, bool *yes_out, struct err *e);

/* Administration per chapter: holds for the chapter and all below. */
enum { ADMIN_ACCOUNTS = 1, ADMIN_ADDRESSES = 2, ADMIN_ROLES = 4, ADMIN_QUEUE = 8, ADMIN_SEAL = 16, ADMIN_ALL = 31 };
/* rights 0 takes them away. ERR_DENIED: nobody would be left who may do everything. */
int admin_set(struct org *o, struct tx *tx, uint64_t account_id, uint64_t chapter_id, uint32_t rights, struct err *e);
struct admin_row {
	uint64_t account_id, chapter_id;
	uint32_t rights;
};
int admin_list(struct tx *tx, struct arena *a, struct admin_row **out, size_t *n_out, struct err *e);
int admin_rights(struct tx *tx, uint64_t account_id, uint64_t chapter_id, uint32_t *rights_out, struct err *e);
