/* journal.h - a copy of every mail that is accepted or sent, with its true envelope, for an account of the house. Off by default.
 *
 * The copy is a mail of its own: a text (sender, recipients and what they were expanded from, time, Message-ID) and the mail as it is kept, as
 * message/rfc822; it carries X-MS-Journal-Report, by which archive programs know such mails. It is delivered beyond quotas, past scripts, sealed
 * under the journal account's key, in the transaction that takes the mail: both or neither. When the journal cannot be had (its address leads nowhere), ERR_LATER: the mail is not taken, so that none is missing.
 * Settings: `journal`, an address that leads to accounts here only (+tag: that mailbox of it); `journal.only`, addresses and domains
 * of which sender or a recipient must be one. What goes to the journal alone, or comes from it, is not copied: no loops.
 * Not good for: reports and automatic answers that the house itself makes, drafts, mail put in by IMAP. */
#pragma once
#include "domain/mail/deliver.h"

struct journal_row {
	struct span rcpt;              /* as given in RCPT TO */
	struct recipient to;           /* who that is; address none: nobody any more */
};
struct journal_mail {
	const char *hostname;
	struct span sender;            /* none: the null sender */
	uint64_t account_id;           /* whose submission, or 0 */
	const struct journal_row *rows;
	size_t n;
	int64_t now_sec;
};
struct journal {
	struct span address;
	struct delivery *to;
	size_t n;                      /* 0: no copy of this mail */
	struct email_prepared email;
};
/* In a transaction; then outside of one; then in the one that takes the mail. journal_fini in any case. */
int journal_find(struct org *o, struct tx *tx, struct arena *a, const struct journal_mail *m, struct journal *out, struct err *e);
int journal_prepare(struct org *o, struct arena *a, const struct journal_mail *m, struct span message, struct journal *j, struct err *e);
int journal_put(struct org *o, struct tx *tx, struct arena *a, const struct journal_mail *m, struct journal *j, struct err *e);
void journal_fini(struct journal *j);
/* May `journal` have this value: does it lead to accounts here and nowhere else? ERR_PARAM. Empty: off. */
int journal_check(struct org *o, struct tx *tx, struct arena *a, struct span address, struct err *e);
