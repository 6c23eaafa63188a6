/* mail_impl.h - what the files of domain/mail share; nobody outside this folder. */
#pragma once
#include "domain/mail/mailbox.h"
#include "domain/mail/message.h"

static inline void mail_key_wipe(struct seal_key *k)
{
	seal_key_wipe(k);
}
#define MAIL_KEY __attribute__((cleanup(mail_key_wipe))) struct seal_key

/* NFC, INBOX folded; ERR_PARAM when such a name may not exist. */
int mailbox_name_normal(struct arena *a, struct span name, struct span *out, struct err *e);
/* One row by (account, inner name). */
int mailbox_lookup(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span inner,
	struct mailbox *out, struct err *e);
/* All rows of one account, unordered, with full names `prefix` + name. Appends to rows. */
struct mailbox_rows {
	struct mailbox_row *v;
	size_t n, cap;
};
int mailbox_rows_of(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, uint32_t rights, struct span prefix,
	struct mailbox_rows *rows, struct err *e);
struct mailbox_row *mailbox_rows_add(struct arena *a, struct mailbox_rows *rows, struct span name);
struct span mailbox_pack(struct arena *a, const struct seal_key *key, const struct mailbox *box);
int mailbox_unpack(struct arena *a, const struct seal_key *key, struct span sealed, struct mailbox *box, struct err *e);
int mailbox_insert(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span inner,
	enum mailbox_special special, struct mailbox *out, struct err *e);
/* The account's next change number, without using quota. */
int account_next_modseq(struct tx *tx, uint64_t account_id, uint64_t *modseq_out, struct err *e);
void mailbox_publish(struct tx *tx, const struct mailbox *box, uint64_t modseq);
/* One row, saved now; counters are the caller's. */
int message_insert(struct tx *tx, uint64_t mailbox_id, uint32_t uid, uint64_t modseq, uint64_t flags, uint64_t email_id,
	uint64_t size, int64_t received_sec, struct err *e);
/* Opens an email's sealed column; the summary points into the arena. */
int email_open(struct arena *a, const struct seal_key *key, uint64_t email_id, struct span sealed, struct seal_key *blob_key_out,
	struct mime_summary *out, struct err *e);
/* Adds to (negative: takes from) a mailbox's counters and stamps it; n UIDs in one step, the first comes back. */
int mailbox_count(struct tx *tx, uint64_t mailbox_id, uint64_t modseq, int64_t messages, int64_t unseen, int64_t deleted, int64_t bytes,
	struct err *e);
int mailbox_reserve(struct tx *tx, uint64_t mailbox_id, size_t n, uint32_t *first_out, struct err *e);
/* Rows of messages (gone.h), still there, are kept for a while; the same for the mailbox, with its last messages. */
int gone_take(struct tx *tx, uint64_t mailbox_id, uint32_t lo, uint32_t hi, struct err *e);
int gone_take_mailbox(struct tx *tx, uint64_t mailbox_id, struct err *e);
/* An email lost `n` messages: when it was the last, its row and blob reference go. */
int email_unref(struct tx *tx, uint64_t email_id, int64_t n, struct err *e);
/* Columns of the mailbox row in mailbox_read's order. */
#define MAILBOX_COLUMNS "id, account_id, uidvalidity, uidnext, modseq, expunged_modseq, messages, unseen, deleted, bytes," \
	" special, created_sec"
void mailbox_read(struct sql *q, struct mailbox *out);
/* Scripts (script.c, script_cache.c): text by id; id and change number by name (1, 0). */
int script_load(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, uint64_t id, struct span *text_out, struct err *e);
int script_named(struct org *o, struct tx *tx, uint64_t account_id, struct span name, uint64_t *id_out, uint64_t *changed_out,
	struct err *e);
/* Copies of one prepared message, put together: one blob. */
struct deliver_puts {
	struct message_put *v;
	size_t n, cap;
};
void deliver_puts_add(struct arena *a, struct deliver_puts *l, struct message_put put);
/* Does what a delivery's script has planned (deliver_plan.c); copies of the message as it came are added to `copies`. */
struct delivery;
/* inbox 0 (an event): what finds no place sets the plan's `kept`. */
int deliver_planned(struct org *o, struct tx *tx, struct arena *a, struct delivery *d, uint64_t inbox, int64_t received_sec,
	struct deliver_puts *copies, struct err *e);
/* A script's flags as bits; keywords are made where there is room. */
int deliver_flag_bits(struct org *o, struct tx *tx, struct arena *a, struct mailbox *box, const struct span *flags, size_t n,
	uint64_t *out, struct err *e);
/* What `kontor store check` has found wrong: told as it is found, and counted (mail_check.c). */
struct findings {
	void (*say)(void *arg, const char *problem);
	void *arg;
	uint64_t n;
};
__attribute__((format(printf, 2, 3))) void findings_add(struct findings *f, const char *fmt, ...);
