#include "core/migrations.h"
#include "domain/mail/mail_schema.h"
#include "domain/mail/mailbox.h"
#include "domain/org/org_schema.h"

const struct migration core_migrations[] = {
	{ "0001_org", org_schema_1 },
	{ "0002_mail", mail_schema_1 },
	{ "0003_sieve", mail_schema_sieve },
	{ "0004_dkim", org_schema_dkim },
};
const size_t core_migrations_n = sizeof(core_migrations) / sizeof(*core_migrations);

int core_account_made(void *org, struct tx *tx, uint64_t account_id, enum account_kind kind, struct span language,
	struct err *e)
{
	if (kind == ACCOUNT_ORG)
		return 0;
	return mailbox_create_first(org, tx, account_id, language, e);
}
