/* account.h - accounts: people, roles (offices), resources. Everything stored has exactly one owner.
 *
 * Functions that take a tx work in store_read or store_write as their effect demands. Spans they return
 * live in the arena. Addresses are normalised here (codec/smtp/smtp_address.h). Errors: ERR_MISSING,
 * ERR_EXISTS (address taken), ERR_PARAM (no such domain, bad address), ERR_LIMIT (quota, send limit).
 * Not good for: who may act as whom (role.h), signing in (auth.h). */
#pragma once
#include "domain/org/org.h"

enum account_kind { ACCOUNT_ORG = 0, ACCOUNT_PERSON, ACCOUNT_ROLE, ACCOUNT_RESOURCE };
enum account_state { ACCOUNT_ACTIVE = 1, ACCOUNT_LOCKED, ACCOUNT_REMOVED };

struct account {
	uint64_t id;
	enum account_kind kind;
	enum account_state state;
	uint64_t chapter_id;
	int64_t created_sec;
	uint64_t quota_bytes, quota_messages;     /* 0: no limit */
	uint64_t used_bytes, used_messages;
	uint64_t modseq;                          /* account-wide change number (IMAP MODSEQ) */
	uint32_t send_limit;                      /* recipients an hour, 0: no limit */
	bool has_password;
	struct span address, name, language;      /* "de", "en" */
};
struct account_new {
	enum account_kind kind;
	uint64_t chapter_id;                      /* 0: root chapter */
	struct span address, name, language, password;   /* password none: nobody can sign in */
	uint64_t quota_bytes, quota_messages;
	uint32_t send_limit;
};

/* Outside a transaction (asks the vault for key and verifier first), then one store_write. Also makes the
 * account's INBOX & co. through the hook below. */
int account_add(struct org *o, const struct account_new *n, uint64_t *id_out, struct err *e);
/* Called inside account_add's transaction; set once at start by core (domain/mail makes mailboxes). */
void account_on_add(int (*fn)(void *arg, struct tx *tx, uint64_t account_id, enum account_kind kind,
	struct span language, struct err *e), void *arg);

int account_get(struct org *o, struct tx *tx, struct arena *a, uint64_t id, struct account *out, struct err *e);
/* By any of its own addresses (primary or additional; sub-address "+tag" allowed when `tagged`). */
int account_find(struct org *o, struct tx *tx, struct arena *a, struct span address, bool tagged,
	struct account *out, struct err *e);
/* All that are not removed, of one chapter and below (0: all); ordered by address. Without those whose key is destroyed
 * (an older copy of the data base, put in place beside kontor restore). */
int account_list(struct org *o, struct tx *tx, struct arena *a, uint64_t chapter_id, struct account **out,
	size_t *n_out, struct err *e);
int account_set_state(struct org *o, struct tx *tx, uint64_t id, enum account_state state, struct err *e);
int account_set_limits(struct org *o, struct tx *tx, uint64_t id, uint64_t quota_bytes,
	uint64_t quota_messages, uint32_t send_limit, struct err *e);
/* ERR_DENIED here and for locking: the last administrator.
 * Frees the address and marks the account; its key is destroyed by account_remove_key, which the caller calls once
 * the transaction is committed. If nobody comes to that, the sweep (org_keys_sweep) does it. */
int account_remove(struct org *o, struct tx *tx, uint64_t id, struct err *e);
/* When it returns 0 the key is gone from the vault's file. ERR_BUSY: the account is not removed. */
int account_remove_key(struct org *o, uint64_t id, struct err *e);
/* Hashes in the vault first, then stores; outside a transaction. None: nobody can sign in any more.
 * ERR_PARAM: shorter than PASSWORD_MIN letters, control octets, or a role's. */
#define PASSWORD_MIN 8
int account_set_password(struct org *o, uint64_t id, struct span password, struct err *e);

/* Adds to (or takes from) the usage; checks the quota when it grows (ERR_LIMIT "Quota exceeded") unless
 * `force`. Returns the account's next change number. One statement, meant for every write of mail. */
int account_use(struct tx *tx, uint64_t id, int64_t bytes, int64_t messages, bool force, uint64_t *modseq_out,
	struct err *e);
/* Counts recipients sent in this hour; ERR_LIMIT beyond the account's limit. */
int account_send_limit(struct tx *tx, uint64_t id, uint32_t *limit_out, struct err *e);     /* 0: none */
int account_count_sent(struct tx *tx, uint64_t id, uint32_t recipients, int64_t now_sec, struct err *e);
