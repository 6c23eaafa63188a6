/* message.h - messages in mailboxes: put in, walk, flag, copy, move, expunge.
 *
 * Work that needs no transaction (parsing, sealing, compressing) is done by email_prepare before; the rest is
 * one store_write. Every change gets the account's next modseq and is published (FEED_MAILBOX, object =
 * mailbox id). Errors: ERR_LIMIT (quota, keywords), ERR_MISSING, ERR_LATER, ERR_BROKEN (does not verify).
 * Not good for: what a client has been told (mail_view.h). */
#pragma once
#include "codec/imap/imap_set.h"
#include "codec/mime/mime_summary.h"
#include "domain/mail/mailbox.h"
#include "store/blob.h"

enum { FLAG_SEEN = 1, FLAG_ANSWERED = 2, FLAG_FLAGGED = 4, FLAG_DELETED = 8, FLAG_DRAFT = 16, FLAG_SYSTEM = 31,
	FLAG_KEYWORD_SHIFT = 5 };

/* A message made ready for one or many mailboxes: one blob, its summary. Release with email_prepared_fini. */
struct email_prepared {
	struct blob_staged blob;
	struct span summary;              /* packed, arena */
	uint64_t size;
};
int email_prepare(struct org *o, struct arena *a, struct span message, struct email_prepared *out, struct err *e);
void email_prepared_fini(struct email_prepared *p);

struct message_put {
	uint64_t mailbox_id, account_id;
	uint64_t flags;                   /* keyword bits already resolved */
	int64_t received_sec;             /* INTERNALDATE */
	bool force;                       /* deliver even beyond the quota */
};
/* Puts one prepared message into n mailboxes (of any accounts): one blob with n references. uids_out[i],
 * email_ids_out[i] (may be NULL). Keys of all owners are opened in one trip. */
int message_put(struct org *o, struct tx *tx, struct arena *a, const struct email_prepared *p,
	const struct message_put *to, size_t n, uint32_t *uids_out, uint64_t *email_ids_out, struct err *e);

enum { WANT_META = 0, WANT_SUMMARY = 1 };
struct message {
	uint32_t uid;
	uint64_t modseq, flags, email_id, size;
	int64_t received_sec, saved_sec;
	/* with WANT_SUMMARY; valid until the next step of the walk */
	struct mime_summary summary;
	uint64_t blob_id;
	struct seal_key blob_key;
};
/* Walk uids of `set` (existing or not) in ascending order in one mailbox. The walk's arena is reset per step. */
struct message_walk;
int message_walk_open(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *set,
	unsigned want, struct message_walk **out, struct err *e);
int message_walk_next(struct message_walk *w, struct message *out, struct err *e);   /* 1, 0 end, <0 */
void message_walk_close(struct message_walk *w);
/* Body bytes of a message obtained with WANT_SUMMARY. */
int message_body(struct tx *tx, struct arena *a, const struct message *m, struct span *out, struct err *e);
int message_body_range(struct tx *tx, struct arena *a, const struct message *m, uint64_t off, uint64_t len,
	struct span *out, struct err *e);

enum flag_change { FLAGS_ADD, FLAGS_REMOVE, FLAGS_REPLACE };
struct flags_changed { uint32_t uid; uint64_t modseq, flags, was; };
/* Only flags that box->rights let the viewer change are touched. unchangedsince: UINT64_MAX = no condition; uids that failed it go to modified_out. Unchanged messages get no
 * new modseq and are not in changed_out (but listed when `all`). */
int message_flag(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *uids,
	enum flag_change how, uint64_t flags, uint64_t unchangedsince, struct flags_changed **changed_out, size_t *n_out,
	struct imap_set *modified_out, struct err *e);
/* Removes messages with \Deleted among uids (NULL: all) - or, `any`, whatever their flags (MOVE, POP3). */
int message_expunge(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *uids,
	bool any, struct imap_set *gone_out, uint64_t *modseq_out, struct err *e);
/* COPY (move false) and MOVE. Source and target UIDs in step. Between accounts: keys are wrapped anew, no body is
 * copied. Keywords are carried over by name. */
int message_copy(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *from, struct mailbox *to,
	const struct imap_set *uids, bool move, struct imap_set *from_out, struct imap_set *to_out, struct err *e);
