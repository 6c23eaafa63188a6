#include "domain/mail/mail_schema.h"

/* An email is one account's copy of a message: its sealed column (account's key, bound to the email's id)
 * holds the blob's key and the summary. A message is an email's place in a mailbox; COPY shares the email.
 * flags: bits 0-4 system flags, 5-62 the mailbox's keywords in the order of its sealed list.
 * expunged: what QRESYNC must tell; kept from mailbox.expunged_modseq on.
 * queue_*: sealed under the house's key. */
#define MESSAGE_TABLE(dialect, tail) \
	dialect "CREATE TABLE message (mailbox_id INTEGER NOT NULL, uid INTEGER NOT NULL, modseq INTEGER NOT NULL," \
	" flags INTEGER NOT NULL, email_id INTEGER NOT NULL, size INTEGER NOT NULL, received_sec INTEGER NOT NULL," \
	" saved_sec INTEGER NOT NULL, PRIMARY KEY (mailbox_id, uid))" tail ";\n"
const char mail_schema_1[] =
	"CREATE TABLE mailbox (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, lookup BLOB NOT NULL,"
	" uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL, modseq INTEGER NOT NULL,"
	" expunged_modseq INTEGER NOT NULL, messages INTEGER NOT NULL, unseen INTEGER NOT NULL,"
	" deleted INTEGER NOT NULL, bytes INTEGER NOT NULL, special INTEGER NOT NULL, created_sec INTEGER NOT NULL,"
	" sealed BLOB NOT NULL, UNIQUE (account_id, lookup));\n"
	"CREATE TABLE subscription (account_id INTEGER NOT NULL, lookup BLOB NOT NULL, sealed BLOB NOT NULL,"
	" PRIMARY KEY (account_id, lookup));\n"
	"CREATE TABLE email (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, blob_id INTEGER NOT NULL,"
	" refs INTEGER NOT NULL, sealed BLOB NOT NULL);\n"
	MESSAGE_TABLE("--sqlite\n", " WITHOUT ROWID")
	MESSAGE_TABLE("--postgresql\n", "")
	"CREATE INDEX message_modseq ON message (mailbox_id, modseq);\n"
	"CREATE TABLE expunged (mailbox_id INTEGER NOT NULL, modseq INTEGER NOT NULL, uid INTEGER NOT NULL,"
	" PRIMARY KEY (mailbox_id, modseq, uid));\n"
	"CREATE TABLE queue_message (id INTEGER PRIMARY KEY, blob_id INTEGER NOT NULL, size INTEGER NOT NULL,"
	" created_sec INTEGER NOT NULL, expires_sec INTEGER NOT NULL, warned INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" account_id INTEGER NOT NULL, sealed BLOB NOT NULL);\n"
	"CREATE TABLE queue_recipient (id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL, state INTEGER NOT NULL,"
	" next_sec INTEGER NOT NULL, lease_sec INTEGER NOT NULL, attempts INTEGER NOT NULL, notify INTEGER NOT NULL,"
	" domain BLOB NOT NULL, sealed BLOB NOT NULL);\n"
	"CREATE INDEX queue_recipient_message ON queue_recipient (message_id);\n"
	"CREATE INDEX queue_recipient_next ON queue_recipient (state, next_sec);\n"
	"CREATE INDEX queue_recipient_domain ON queue_recipient (state, domain, next_sec)";

/* Expunged messages and deleted mailboxes that can be brought back (gone.h). sealed: as it was in the mailbox's row.
 * retention: account 0 is everybody's; mailbox 0 with the use, else the mailbox (retention.h). */
const char mail_schema_gone[] =
	"CREATE TABLE gone_message (mailbox_id INTEGER NOT NULL, uid INTEGER NOT NULL, account_id INTEGER NOT NULL,"
	" flags INTEGER NOT NULL, email_id INTEGER NOT NULL, size INTEGER NOT NULL, received_sec INTEGER NOT NULL,"
	" gone_sec INTEGER NOT NULL, PRIMARY KEY (mailbox_id, uid));\n"
	"CREATE INDEX gone_message_time ON gone_message (gone_sec);\n"
	"CREATE INDEX gone_message_account ON gone_message (account_id, gone_sec);\n"
	"CREATE TABLE gone_mailbox (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, sealed BLOB NOT NULL);\n"
	"CREATE TABLE retention (account_id INTEGER NOT NULL, mailbox_id INTEGER NOT NULL, special INTEGER NOT NULL,"
	" days INTEGER NOT NULL, PRIMARY KEY (account_id, mailbox_id, special))";

/* sealed: name and text under the account's key. changed: another number whenever the text changes. sieve_account: one row
 * for whoever ever had an active script (active_id 0: none now); sent: mails its scripts sent on `day`. */
const char mail_schema_sieve[] =
	"CREATE TABLE sieve_script (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, lookup BLOB NOT NULL,"
	" size INTEGER NOT NULL, changed INTEGER NOT NULL, sealed BLOB NOT NULL, UNIQUE (account_id, lookup));\n"
	"CREATE TABLE sieve_account (account_id INTEGER PRIMARY KEY, active_id INTEGER NOT NULL, day INTEGER NOT NULL,"
	" sent INTEGER NOT NULL);\n"
	"CREATE TABLE sieve_seen (account_id INTEGER NOT NULL, kind INTEGER NOT NULL, lookup BLOB NOT NULL,"
	" until_sec INTEGER NOT NULL, PRIMARY KEY (account_id, kind, lookup))";

/* The senders that are too long for an address of ours (forward.h), sealed under the house's key. */
const char mail_schema_forward[] =
	"CREATE TABLE forward_sender (id INTEGER PRIMARY KEY, until_sec INTEGER NOT NULL, sealed BLOB NOT NULL);\n"
	"CREATE INDEX forward_sender_until ON forward_sender (until_sec)";
/* Mails that an import has brought, by a hash of what names them at their source. */
#define IMPORT_TABLE(dialect, tail) \
	dialect "CREATE TABLE import_seen (account_id INTEGER NOT NULL, lookup BLOB NOT NULL, seen_sec INTEGER NOT NULL," \
	" PRIMARY KEY (account_id, lookup))" tail
const char mail_schema_import[] = IMPORT_TABLE("--sqlite\n", " WITHOUT ROWID") ";\n" IMPORT_TABLE("--postgresql\n", "");

/* sts_policy: other domains' MTA-STS policies (sts_keep.h). tls_count: how TLS went, per day since 1970 (tls_log.h); tls_report: days
 * that are settled. Names are keyed hashes, words sealed under the house's key. */
const char mail_schema_transport[] =
	"CREATE TABLE sts_policy (id INTEGER PRIMARY KEY, lookup BLOB NOT NULL, until_sec INTEGER NOT NULL,"
	" refresh_sec INTEGER NOT NULL, sealed BLOB NOT NULL, UNIQUE (lookup));\n"
	"CREATE INDEX sts_policy_refresh ON sts_policy (refresh_sec);\n"
	"CREATE TABLE tls_count (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, lookup BLOB NOT NULL, domain BLOB NOT NULL,"
	" sessions INTEGER NOT NULL, sealed BLOB NOT NULL, UNIQUE (day, lookup));\n"
	"CREATE INDEX tls_count_domain ON tls_count (day, domain);\n"
	"CREATE TABLE tls_report (day INTEGER NOT NULL, domain BLOB NOT NULL, PRIMARY KEY (day, domain))";

/* Mail from outside by the domain whose DMARC policy it fell under (dmarc_log.h). dmarc_seen: one a mail, until it is counted;
 * dmarc_count: alike ones of a day; dmarc_domain: the day's domains, state: enum dmarc_state. Domains and rows are keyed hashes, words
 * sealed under the house's key. */
const char mail_schema_dmarc[] =
	"CREATE TABLE dmarc_seen (id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);\n"
	"CREATE TABLE dmarc_domain (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, domain BLOB NOT NULL, state INTEGER NOT NULL,"
	" kinds INTEGER NOT NULL, missed INTEGER NOT NULL, sealed BLOB NOT NULL, UNIQUE (day, domain));\n"
	"CREATE TABLE dmarc_count (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, lookup BLOB NOT NULL, domain BLOB NOT NULL,"
	" messages INTEGER NOT NULL, sealed BLOB NOT NULL, UNIQUE (day, lookup));\n"
	"CREATE INDEX dmarc_count_domain ON dmarc_count (day, domain)";

/* The search index (docs/decisions/0003). position: emails up to this id are in segments. state: 0 being built, 1 live, 2 dropped;
 * sealed: under the account's key. */
const char mail_schema_search[] =
	"CREATE INDEX email_account ON email (account_id, id);\n"
	"CREATE TABLE search_account (account_id INTEGER PRIMARY KEY, position INTEGER NOT NULL);\n"
	"CREATE TABLE search_segment (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, state INTEGER NOT NULL,"
	" emails INTEGER NOT NULL, bits INTEGER NOT NULL, bytes INTEGER NOT NULL, first_id INTEGER NOT NULL,"
	" last_id INTEGER NOT NULL, sealed BLOB NOT NULL);\n"
	"CREATE INDEX search_segment_account ON search_segment (account_id, state, first_id);\n"
	"CREATE INDEX search_segment_state ON search_segment (state);\n"
	"CREATE TABLE search_row (segment_id INTEGER NOT NULL, bucket INTEGER NOT NULL, sealed BLOB NOT NULL,"
	" PRIMARY KEY (segment_id, bucket))";
/* Segments got a dictionary: the index is made anew. */
const char mail_schema_words[] =
	"UPDATE search_segment SET state = 2;\n"
	"UPDATE search_account SET position = 0";

/* Keyed hashes only, but for sender_list.sealed (the house's key): see sender.h. */
const char mail_schema_sender[] =
	"CREATE TABLE sender_known (account_id INTEGER NOT NULL, lookup BLOB NOT NULL, kept INTEGER NOT NULL, answered INTEGER NOT NULL,"
	" junked INTEGER NOT NULL, first_sec INTEGER NOT NULL, seen_sec INTEGER NOT NULL, PRIMARY KEY (account_id, lookup));\n"
	"CREATE INDEX sender_known_seen ON sender_known (seen_sec);\n"
	"CREATE TABLE sender_list (owner_id INTEGER NOT NULL, lookup BLOB NOT NULL, verdict INTEGER NOT NULL, created_sec INTEGER NOT NULL,"
	" sealed BLOB NOT NULL, PRIMARY KEY (owner_id, lookup));\n"
	"CREATE TABLE greylist (lookup BLOB PRIMARY KEY, first_sec INTEGER NOT NULL, seen_sec INTEGER NOT NULL, passed INTEGER NOT NULL);\n"
	"CREATE INDEX greylist_seen ON greylist (seen_sec)";

/* Reports of others (report_in.h). size: of what is packed inside; sealed: under the house's key. */
const char mail_schema_reports[] =
	"CREATE TABLE report_in (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, lookup BLOB NOT NULL, received_sec INTEGER NOT NULL,"
	" size INTEGER NOT NULL, sealed BLOB NOT NULL, UNIQUE (lookup));\n"
	"CREATE INDEX report_in_received ON report_in (received_sec)";
/* Entries of mailboxes (acl.h). owner_id: the mailbox's account; grantee_id: account or address (a group's), 0 anyone. */
const char mail_schema_acl[] =
	"CREATE TABLE mailbox_acl (mailbox_id INTEGER NOT NULL, kind INTEGER NOT NULL, grantee_id INTEGER NOT NULL,"
	" negative INTEGER NOT NULL, owner_id INTEGER NOT NULL, rights INTEGER NOT NULL,"
	" PRIMARY KEY (mailbox_id, kind, grantee_id, negative));\n"
	"CREATE INDEX mailbox_acl_grantee ON mailbox_acl (kind, grantee_id);\n"
	"CREATE INDEX mailbox_acl_owner ON mailbox_acl (owner_id)";


/* Text of an email's attached documents, sealed under the account's key. */
const char mail_schema_text[] = "CREATE TABLE search_text (email_id INTEGER PRIMARY KEY, sealed BLOB NOT NULL)";

/* Annotations (metadata.h). mailbox_id 0: of the server. owner_id: whose key seals name and value. kind: 1 private. */
const char mail_schema_metadata[] =
	"CREATE TABLE metadata (id INTEGER PRIMARY KEY, mailbox_id INTEGER NOT NULL, owner_id INTEGER NOT NULL,"
	" kind INTEGER NOT NULL, lookup BLOB NOT NULL, size INTEGER NOT NULL, sealed BLOB NOT NULL,"
	" UNIQUE (mailbox_id, owner_id, lookup));\n"
	"CREATE INDEX metadata_owner ON metadata (owner_id)";
/* Recipients an account tried beyond its send limit (hold.h). */
const char mail_schema_over[] =
	"CREATE TABLE outgoing_over (account_id INTEGER NOT NULL, hour INTEGER NOT NULL, recipients INTEGER NOT NULL,"
	" PRIMARY KEY (account_id, hour))";
/* What happened in IMAP and waits for a script (event.h): messages uid_lo to uid_hi of a mailbox. */
const char mail_schema_event[] =
	"CREATE TABLE mail_event (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, mailbox_id INTEGER NOT NULL,"
	" uid_lo INTEGER NOT NULL, uid_hi INTEGER NOT NULL, actor_id INTEGER NOT NULL, cause INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" created_sec INTEGER NOT NULL);\n"
	"CREATE INDEX mail_event_account ON mail_event (account_id, id)";
/* See hold.h: ids, counters, times. */
const char mail_schema_hold[] =
	"CREATE TABLE outgoing_hold (account_id INTEGER PRIMARY KEY, reason INTEGER NOT NULL, since_sec INTEGER NOT NULL,"
	" told INTEGER NOT NULL);\n"
	"CREATE TABLE outgoing_watch (account_id INTEGER NOT NULL, hour INTEGER NOT NULL, fresh INTEGER NOT NULL, refused INTEGER NOT NULL,"
	" PRIMARY KEY (account_id, hour));\n"
	"CREATE INDEX queue_message_account ON queue_message (account_id)";
