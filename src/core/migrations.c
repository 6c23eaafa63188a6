#include "core/migrations.h"
#include "domain/mail/mail_schema.h"
#include "domain/mail/mailbox.h"
#include "domain/org/org_schema.h"

const struct migration core_migrations[] = {
#define MIGRATION(name, domain, text) { name, text },
#include "core/migrations.def"
};
const size_t core_migrations_n = sizeof(core_migrations) / sizeof(*core_migrations);

int core_account_made(void *org, struct tx *tx, uint64_t account_id, enum account_kind kind, struct span language,
	struct err *e)
{
	if (kind == ACCOUNT_ORG)
		return 0;
	return mailbox_create_first(org, tx, account_id, language, e);
}
