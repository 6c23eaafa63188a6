/* migrations.h - every table of the house, in the order the migrations run; one row per migration. */
#pragma once
#include "domain/org/account.h"
#include "store/store.h"

extern const struct migration core_migrations[];
extern const size_t core_migrations_n;
/* What a new account needs from the other domains; fits account_on_add. */
int core_account_made(void *org, struct tx *tx, uint64_t account_id, enum account_kind kind, struct span language,
	struct err *e);
