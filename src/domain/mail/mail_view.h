/* mail_view.h - what a session knows of its selected mailbox, and how it catches up.
 *
 * Sessions of one mailbox share the current uid_set through a small cache (struct mail); a session's view is
 * one pointer and a few numbers. Thread-safe cache; a view belongs to its session. */
#pragma once
#include "domain/mail/mailbox.h"
#include "domain/mail/uid_set.h"

struct mail;                              /* process-wide: cache of views by mailbox */
struct mail *mail_new(struct org *o);
void mail_free(struct mail *m);
struct org *mail_org(struct mail *m);
struct script_cache *mail_scripts(struct mail *m);   /* script.h */
struct visitors *mail_visitors(struct mail *m);       /* visitors.h */
struct order_cache *mail_orders(struct mail *m);      /* order_cache.h */
struct dmarc_pile *mail_dmarc_pile(struct mail *m);   /* dmarc_pile.h */

struct mail_view {
	uint64_t mailbox_id;              /* 0: none */
	const struct uid_set *uids;       /* one reference held */
	uint64_t modseq;                  /* all changes up to here are known to the client */
	uint32_t uidnext, uidvalidity;
	uint64_t flags_modseq;            /* while expunges are held back: flags and arrivals known up to here; else 0 */
};
/* Fresh view of the present state; fast when another session has it, or the mailbox has no gaps. */
int mail_view_open(struct mail *m, struct tx *tx, uint64_t mailbox_id, struct mail_view *out, struct err *e);
void mail_view_close(struct mail_view *v);

struct mail_changes {
	bool any;
	struct imap_set vanished;         /* UIDs known to the view and gone now */
	struct imap_range *vanished_seqs; /* for EXPUNGE replies: to be sent from the last to the first */
	const struct uid_set *before;     /* = view's old set (borrowed until mail_view_apply) */
	uint32_t exists_before, exists;
	struct imap_set arrived;          /* UIDs new to the view */
	struct message_flags { uint32_t uid; uint64_t modseq, flags; } *flags; /* changed, known before, not vanished, by uid */
	size_t n_flags;
	bool gone;                        /* the mailbox itself was deleted or the right is lost */
	uint64_t modseq;
	const struct uid_set *after;      /* reference owned by this struct until applied */
	uint32_t uidnext;
	uint64_t flags_modseq;
};
/* Compare the view with the store. `expunge` false: vanished messages are held back (FETCH, STORE, SEARCH must
 * not report them); then modseq is not advanced past them. Nothing is changed until mail_view_apply. */
int mail_view_changes(struct mail *m, struct tx *tx, struct arena *a, const struct mail_view *v, bool expunge,
	struct mail_changes *out, struct err *e);
void mail_view_apply(struct mail_view *v, struct mail_changes *c);
/* QRESYNC / VANISHED: UIDs in `within` (NULL: 1:*) that were expunged after modseq; when modseq is older than
 * what is remembered, every number below uidnext that does not exist. */
int mail_vanished_since(struct tx *tx, struct arena *a, const struct mail_view *v, uint64_t modseq,
	const struct imap_set *within, struct imap_set *out, struct err *e);
