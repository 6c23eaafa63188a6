/* address.h - domains and addresses: who gets what is sent to user@domain.
 *
 * An address belongs to an account (primary, additional), or leads to targets (alias, group: accounts and
 * outside addresses), or is a domain's catch-all ("@domain"). Sub-addresses: user+tag reaches user.
 * Expansion is bounded (ADDRESS_EXPAND_MAX recipients, ADDRESS_DEPTH_MAX levels) and loop-proof: an address
 * is visited once; targets that are gone are skipped. Errors: ERR_MISSING (no such user here), ERR_DENIED (not our domain), ERR_LIMIT, ERR_EXISTS,
 * ERR_PARAM. Source: RFC 5321 3.9.1, RFC 5233. Not good for: mailing lists (domain/lists, step 4). */
#pragma once
#include "domain/org/account.h"

#define ADDRESS_EXPAND_MAX 10000
#define ADDRESS_DEPTH_MAX 10

struct recipient {
	uint64_t account_id;      /* 0: outside */
	struct span address;      /* account's primary address, or the outside address: local part as written,
	                             domain as lower-case U-label */
	struct span tag;          /* sub-address detail as written, or none */
};
struct recipients {
	struct recipient *v;
	size_t n, cap;
};

int domain_add(struct org *o, struct tx *tx, struct span domain, struct err *e);
int domain_remove(struct org *o, struct tx *tx, struct span domain, struct err *e);  /* ERR_EXISTS: has addresses */
int domain_list(struct org *o, struct tx *tx, struct arena *a, struct span **out, size_t *n_out, struct err *e);
int domain_find(struct org *o, struct tx *tx, struct span domain, uint64_t *id_out, struct err *e);   /* ERR_MISSING: not ours */
bool domain_is_local(struct org *o, struct tx *tx, struct span domain);

/* Adds the final recipients of one address (no duplicates among what `out` already holds).
 * `postmaster` without domain and postmaster@ourdomain reach the first administrator unless defined. */
int address_resolve(struct org *o, struct tx *tx, struct arena *a, struct span address,
	struct recipients *out, struct err *e);
/* Only: would it be accepted? Cheap, for RCPT; same errors. *account_id_out: the account when it leads straight
 * to one, else 0. */
int address_accepts(struct org *o, struct tx *tx, struct arena *a, struct span address,
	uint64_t *account_id_out, struct err *e);

/* Additional address of an account. */
int address_add(struct org *o, struct tx *tx, struct span address, uint64_t account_id, struct err *e);
/* Alias or group: targets are addresses, ours or outside; replaces the targets when it exists as one.
 * "@domain" makes a catch-all. */
enum address_kind { ADDRESS_PRIMARY = 1, ADDRESS_ADDITIONAL, ADDRESS_ALIAS, ADDRESS_GROUP };
int address_set(struct org *o, struct tx *tx, enum address_kind kind, struct span address,
	const struct span *targets, size_t n, struct err *e);
int address_remove(struct org *o, struct tx *tx, struct span address, struct err *e);
struct address_row {
	uint64_t id;              /* address_find_group only */
	enum address_kind kind;
	struct span address;
	uint64_t account_id;      /* owner when primary or additional */
	struct span *targets;
	size_t n_targets;
};
int address_list(struct org *o, struct tx *tx, struct arena *a, struct address_row **out, size_t *n_out,
	struct err *e);
int address_find_group(struct org *o, struct tx *tx, struct arena *a, struct span address, struct address_row **out,
	struct err *e);
/* Is the account among those whom address_resolve would give? Stops when it is found. Same errors. */
int address_leads_to(struct org *o, struct tx *tx, struct arena *a, struct span address, uint64_t account_id, bool *yes_out,
	struct err *e);
/* Is the account a member, straight or by way of aliases and groups? No when the group is gone. */
int address_group_has(struct org *o, struct tx *tx, struct arena *a, uint64_t group_id, uint64_t account_id, bool *yes_out,
	struct err *e);
int address_name(struct org *o, struct tx *tx, struct arena *a, uint64_t address_id, struct span *out, struct err *e);
/* The same address in another spelling? */
bool address_same(struct arena *a, struct span x, struct span y);
/* May this account send with this sender address: its own (with any tag), or a role's it holds with RIGHT_SEND. */
int address_may_send(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span address,
	bool *yes_out, struct err *e);
