#include "domain/org/org_schema.h"

/* address.lookup = keyed hash of the normalised address; "@domain" for a catch-all.
 * account.wrapped_key: empty since the vault keeps the keys in its own file (org_keys.c); stores of before are emptied.
 * account.sealed (account's key): address, name, language. address.sealed, domain.sealed, chapter.sealed,
 * address_target.sealed, setting.value: house's key. app_password.lookup: which one was typed, so that only its
 * verifier costs Argon2id (20 random letters need no slow hash to be safe from guessing). */
const char org_schema_1[] =
	"CREATE TABLE account (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, state INTEGER NOT NULL,"
	" chapter_id INTEGER NOT NULL, created_sec INTEGER NOT NULL, send_limit INTEGER NOT NULL,"
	" wrapped_key BLOB, verifier BLOB, sealed BLOB);\n"
	"CREATE INDEX account_chapter ON account (chapter_id);\n"
	"CREATE TABLE usage (account_id INTEGER PRIMARY KEY, quota_bytes INTEGER NOT NULL,"
	" quota_messages INTEGER NOT NULL, used_bytes INTEGER NOT NULL, used_messages INTEGER NOT NULL,"
	" modseq INTEGER NOT NULL);\n"
	"CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL);\n"
	"CREATE TABLE domain (id INTEGER PRIMARY KEY, lookup BLOB NOT NULL UNIQUE, sealed BLOB NOT NULL);\n"
	"CREATE TABLE chapter (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL, sealed BLOB NOT NULL);\n"
	"CREATE TABLE address (id INTEGER PRIMARY KEY, lookup BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL,"
	" account_id INTEGER NOT NULL, domain_id INTEGER NOT NULL, sealed BLOB NOT NULL);\n"
	"CREATE INDEX address_account ON address (account_id);\n"
	"CREATE INDEX address_domain ON address (domain_id);\n"
	"CREATE TABLE address_target (address_id INTEGER NOT NULL, position INTEGER NOT NULL,"
	" sealed BLOB NOT NULL, PRIMARY KEY (address_id, position));\n"
	"CREATE TABLE term (id INTEGER PRIMARY KEY, role_id INTEGER NOT NULL, holder_id INTEGER NOT NULL,"
	" from_sec INTEGER NOT NULL, to_sec INTEGER NOT NULL, rights INTEGER NOT NULL);\n"
	"CREATE INDEX term_role ON term (role_id, holder_id);\n"
	"CREATE INDEX term_holder ON term (holder_id);\n"
	"CREATE TABLE admin_right (account_id INTEGER NOT NULL, chapter_id INTEGER NOT NULL,"
	" rights INTEGER NOT NULL, PRIMARY KEY (account_id, chapter_id));\n"
	"CREATE TABLE app_password (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, created_sec INTEGER NOT NULL,"
	" used_sec INTEGER NOT NULL, lookup BLOB NOT NULL, verifier BLOB NOT NULL, sealed BLOB NOT NULL);\n"
	"CREATE INDEX app_password_account ON app_password (account_id);\n"
	"CREATE TABLE send_count (account_id INTEGER NOT NULL, hour INTEGER NOT NULL, recipients INTEGER NOT NULL,"
	" PRIMARY KEY (account_id, hour))";

/* sealed (house's key): selector, public half. secret: the vault's own, see domain_key.h. */
const char org_schema_dkim[] =
	"CREATE TABLE dkim_key (id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL, kind INTEGER NOT NULL,"
	" from_sec INTEGER NOT NULL, to_sec INTEGER NOT NULL, gone_sec INTEGER NOT NULL, sealed BLOB NOT NULL,"
	" secret BLOB NOT NULL);\n"
	"CREATE INDEX dkim_key_domain ON dkim_key (domain_id)";
