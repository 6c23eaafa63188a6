/* auth.h - signing in: names to accounts, passwords and app passwords in the vault, lock-out.
 *
 * Outside transactions (asks the vault). The login name is any own address of an active person or resource
 * (a role is entered through its holder). Failures are counted per pair of name and peer address (IPv6: its /64)
 * and per peer; after 10 in a row within 15 minutes (100 of a peer over all names) the vault is not asked any
 * more until the window has passed; the delay of the replies is the gate's. Unknown names cost and look the same as wrong
 * passwords. Errors: ERR_DENIED (wrong, locked: one text for all), ERR_LIMIT (too many failures), ERR_LATER (sealed).
 * Source: RFC 4954, 5802, 7677. Not good for: sessions and tickets (step 3). */
#pragma once
#include "domain/org/account.h"

struct auth_who {
	uint64_t account_id;
	struct span login;        /* primary address, in the arena */
	bool app_password;
};
int auth_password(struct org *o, struct arena *a, struct span login, struct span password, struct span peer,
	struct auth_who *out, struct err *e);

/* SCRAM-SHA-256: begin gives salt and iterations for any name; finish checks the proof. */
struct auth_scram {
	uint64_t account_id;      /* 0: unknown name, will fail */
	struct span login, verifier;
	struct span salt;
	uint32_t iterations;
};
int auth_scram_begin(struct org *o, struct arena *a, struct span login, struct span peer, struct auth_scram *out,
	struct err *e);
int auth_scram_finish(struct org *o, struct arena *a, const struct auth_scram *s, struct span auth_message,
	struct span proof, struct span peer, unsigned char server_signature_out[32], struct auth_who *who_out,
	struct err *e);

/* App passwords: shown once when made (random, 4x5 letters), named, revocable, at most 50 an account. */
int app_password_add(struct org *o, struct arena *a, uint64_t account_id, struct span label, struct span *password_out,
	uint64_t *id_out, struct err *e);
int app_password_remove(struct org *o, uint64_t account_id, uint64_t id, struct err *e);
struct app_password {
	uint64_t id;
	int64_t created_sec, used_sec;
	struct span label;
};
int app_password_list(struct org *o, struct arena *a, uint64_t account_id, struct app_password **out, size_t *n_out,
	struct err *e);
