/* imap_int.h - inside proto/imap: the session, one command under way, and the helpers of all commands.
 *
 * A handler takes its arguments from c->args, writes untagged data to c->out and returns 0 (c->code and c->text
 * go into the tagged OK) or an error class, which imap_reply.c turns into NO or BAD. Rows with TX_READ or TX_WRITE
 * run inside a transaction (c->tx) and may be run again: their effects on the session come last. After the handler
 * imap_sync.c adds what others changed, then the tagged line follows. Not good for: other protocols. */
#pragma once
#include "codec/imap/imap_args.h"
#include "codec/imap/imap_search.h"
#include "codec/imap/imap_set.h"
#include "codec/imap/imap_utf7.h"
#include "codec/imap/imap_write.h"
#include "codec/sasl.h"
#include "domain/mail/event.h"
#include "domain/mail/mail_view.h"
#include "domain/mail/message.h"
#include "domain/org/sasl_server.h"
#include "proto/imap/imap.h"

enum { ST_GUEST = 1, ST_AUTH = 2, ST_SELECTED = 4, ST_LOGGED_IN = 6, ST_ANY = 7 };
enum { TX_READ = 1, TX_WRITE = 2, HOLD_EXPUNGE = 4, NO_SYNC = 8, BY_UID = 16, READ_WRITE = 32,
	NUMBERS = 64 /* takes message numbers: not with UIDONLY */,
	EXPUNGES = 128 /* answers with EXPUNGE, whatever NOTIFY says */ };
#define IMAP_MORE_LEN (1u << 20)         /* a reply is cut about here and continued with CMD_MORE */
#define IMAP_MESSAGE_LIMIT 1000000u      /* where the house has no other */
#define IMAP_SEGMENT_LEN (512u << 10)    /* a body of this size leaves as a descriptor */
#define IMAP_SEGMENTS_MAX 8

struct imap_call;
struct imap_session {
	uint8_t at;                      /* ST_* */
	bool rev2, condstore, qresync;   /* enabled */
	bool utf8, utf8_accept;          /* names and strings in UTF-8: by IMAP4rev2 or UTF8=ACCEPT */
	bool uidonly;                    /* no message numbers, either way (RFC 9586) */
	bool readonly, box_shared;
	bool compress;                   /* the gate does */
	uint64_t box_id, box_account;
	uint32_t rights;
	size_t n_keywords;               /* as the client was told */
	struct mail_view view;
	struct imap_set saved;           /* SEARCHRES "$": UIDs, malloc'ed */
	struct arena *more;              /* the command that NEXT_MORE continues */
	struct tok *more_tok;
	size_t more_ntok;
	int (*more_run)(struct imap_call *c, struct err *e);
	bool more_missing;
	uint64_t *more_boxes;            /* ESEARCH: the mailboxes it began with */
	size_t more_nboxes;
	struct sasl *sasl;               /* an AUTHENTICATE under way */
	uint64_t state_hash;
	int64_t progress_us;             /* when imap_progress speaks next */
	uint64_t progress_told;
	struct imap_context *contexts;   /* context.h: results kept for the client */
	struct imap_notify *notify;      /* notify.h; NULL: never asked for */
};

struct imap_row {
	const char *verb;
	uint8_t states, flags;
	int (*run)(struct imap_call *c, struct err *e);
	const char *rfc;                 /* where it is defined; shown by docs/protocols.md */
};

struct imap_segment {
	size_t at;                       /* in out */
	int fd;
	uint64_t len;
};

struct imap_lesson {                     /* messages found to be junk, or not */
	uint64_t mailbox_id, account_id;
	struct imap_set uids;            /* in the command's arena; empty: none */
	bool junk;
};

struct imap_call {
	struct call *call;
	struct arena *arena;
	struct buf *out;
	struct imap_session *s;
	const struct imap_row *row;
	struct org *org;
	struct store *store;
	struct tx *tx;                   /* TX_READ, TX_WRITE rows */
	uint64_t who;                    /* account, 0: guest */
	struct imap_args args;
	struct span code;                /* of the tagged OK, without brackets */
	const char *text;
	const char *no_code;             /* instead of the error table's */
	uint32_t limit_uid;              /* not 0: there were too many messages, this is the lowest dealt with (RFC 9738) */
	bool answered;                   /* no sync, no tagged line */
	bool uid;                        /* UID form of the command */
	struct flags_changed *own;       /* flags the client has set itself and been told of (or wants not to hear) */
	size_t n_own;
	uint64_t reached;                /* a write has told the client all changes up to here, once it is durable; 0: sync says */
	struct imap_lesson lesson;       /* learned once the command is done */
	uint64_t event_account;          /* whose scripts have something to do then (domain/mail/event.h) */
	struct span own_name[2];         /* mailboxes whose names the command itself changes */
	size_t n_own_names;
	struct imap_segment seg[IMAP_SEGMENTS_MAX];
	size_t nseg;
};

/* imap.c */
const struct imap_row *imap_row_find(struct span verb);
void imap_unselect(struct imap_call *c);
void imap_session_free(void *session);

/* imap_reply.c */
void imap_tagged(struct imap_call *c, const struct err *e);
void imap_capability(struct imap_call *c, struct buf *b);
int imap_bad(struct err *e, const char *say);
int imap_no(struct err *e, int class, const char *say);
void imap_put_flags(struct buf *b, const struct mailbox *box, uint64_t flags);
void imap_put_flag_lines(struct imap_call *c, const struct mailbox *box);   /* FLAGS and PERMANENTFLAGS */
void imap_put_attributes(struct buf *b, const struct mailbox_row *row, bool children, bool subscribed);
/* "* 3 FETCH (", with UIDONLY "* 25 UIDFETCH (". */
void imap_put_fetch(struct imap_call *c, const struct uid_set *uids, uint32_t uid);
/* INPROGRESS (RFC 9585), when it is time: `done` of `goal`. The first argument is the call; fits mail_search.progress. */
void imap_progress(void *call, uint64_t done, uint64_t goal);
int imap_uid_required(struct imap_call *c, struct err *e);
struct span imap_special_name(enum mailbox_special special);
enum mailbox_special imap_special_parse(struct span name);
bool imap_secure(const struct imap_call *c);

/* imap_arg.c */
int imap_arg_mailbox(struct imap_call *c, struct span *name_out, struct err *e);
int imap_arg_end(struct imap_call *c, struct err *e);
/* Sequence set, or UIDs for the UID form, or "$": UIDs that the client's view has. */
int imap_arg_set(struct imap_call *c, struct imap_set *uids_out, struct err *e);
/* Messages one command deals with (RFC 9738). */
uint64_t imap_limit(const struct imap_call *c);
/* Leaves those with the highest UIDs, as many as one command may deal with; the tagged line tells. */
void imap_limit_cut(struct imap_call *c, struct imap_set *uids);
/* More than that, and all or nothing is asked for: NO. */
int imap_limit_all(struct imap_call *c, const struct imap_set *uids, struct err *e);
/* Flag list or one flag after another -> names. */
int imap_arg_flags(struct imap_call *c, struct span **flags_out, size_t *n_out, struct err *e);
/* Names -> bits; unknown keywords are made when `add` (write transaction), else left out. */
int imap_flag_bits(struct imap_call *c, struct mailbox *box, const struct span *flags, size_t n, bool add,
	uint64_t *bits_out, struct err *e);
int imap_need(struct imap_call *c, uint32_t right, struct err *e);       /* on the selected mailbox */
/* The selected mailbox, name and keywords included, in c->tx. */
int imap_box(struct imap_call *c, struct mailbox *out, struct err *e);
void imap_condstore_on(struct imap_call *c);
/* The command is kept in the session, for NEXT_MORE; and forgotten. */
void imap_more_begin(struct imap_call *c);
void imap_more_end(struct imap_session *s);
int imap_in_read(struct imap_call *c, int (*fn)(struct imap_call *, struct err *), struct err *e);
int imap_in_write(struct imap_call *c, int (*fn)(struct imap_call *, struct err *), struct err *e);

/* imap_learn.c */
void imap_lesson(struct imap_call *c, const struct mailbox *box, const struct imap_set *uids, bool junk);
void imap_lesson_moved(struct imap_call *c, const struct mailbox *from, const struct mailbox *to, const struct imap_set *into);
void imap_learn(struct imap_call *c);                                    /* outside transactions */
/* imap_event.c: in c->tx, what scripts want to hear of; then, outside of it, the scripts */
int imap_event(struct imap_call *c, const struct mailbox *box, enum event_cause cause, const struct imap_set *uids, struct err *e);
int imap_event_flags(struct imap_call *c, const struct mailbox *box, const struct flags_changed *changed, size_t n, struct err *e);
void imap_events_run(struct imap_call *c);
/* imap_sync.c */
int imap_sync(struct imap_call *c, bool expunge, struct err *e);         /* in c->tx */
/* imap_state.c */
void imap_state_save(struct imap_call *c);
int imap_state_load(struct imap_call *c, struct span state, struct err *e);
/* cmd_acl.c */
void imap_myrights_put(struct imap_call *c, struct span name, const struct mailbox *box);
/* cmd_metadata.c, for LIST */
int imap_list_metadata_parse(struct imap_call *c, struct imap_args *g, struct span **names_out, size_t *n_out, struct err *e);
int imap_list_metadata_put(struct imap_call *c, struct span name, const struct mailbox *box, const struct span *names, size_t n,
	struct err *e);
/* cmd_status.c */
int imap_status_parse(struct imap_call *c, struct imap_args *g, unsigned *items_out, struct err *e);
void imap_status_put(struct imap_call *c, struct span name, const struct mailbox *box, unsigned items);
/* cmd_search.c: messages of the selected mailbox (also returned) that fit, their highest modseq and scores (or NULL). */
int imap_search_run(struct imap_call *c, struct imap_search *q, struct mailbox *box, struct imap_set *found,
	uint64_t *modseq_out, uint8_t **scores_out, struct err *e);
/* May it be asked? FILTER keys are filled. */
int imap_search_check(struct imap_call *c, struct imap_search *q, struct err *e);
/* imap_filter.c: stored search criteria (RFC 5466) */
int imap_filters_fill(struct imap_call *c, struct imap_search *q, struct err *e);
/* A server's entry that would be set: when it is a filter, is it a good one? */
int imap_filter_check(struct imap_call *c, struct span entry, struct span value, struct err *e);
void imap_search_save(struct imap_call *c, const struct imap_set *uids);  /* "$" */
void imap_search_save_result(struct imap_call *c, const struct imap_search *q, const struct imap_set *uids);
/* `row`: the mailbox it is about, NULL: the selected one. */
void imap_put_esearch(struct imap_call *c, const struct imap_search *q, const struct imap_set *set, uint64_t modseq,
	const uint8_t *scores, const struct mailbox_row *row);
void imap_put_scores(struct buf *b, const uint8_t *scores, size_t from, size_t n);
/* cmd_login.c */
int imap_signed_in(struct imap_call *c, const struct auth_who *who, struct err *e);
int imap_auth_failed(struct imap_call *c, struct err *e);

typedef int imap_handler(struct imap_call *c, struct err *e);
imap_handler imap_getmetadata, imap_setmetadata;
imap_handler imap_deleteacl, imap_getacl, imap_listrights, imap_myrights, imap_setacl;
imap_handler imap_append, imap_authenticate, imap_cancelupdate, imap_cmd_capability, imap_check, imap_close, imap_compress, imap_continue, imap_copy,
	imap_create, imap_delete, imap_done, imap_enable, imap_esearch, imap_examine, imap_expunge, imap_fetch, imap_getquota,
	imap_getquotaroot, imap_greeting, imap_id, imap_idle, imap_list, imap_login, imap_logout, imap_lsub, imap_move,
	imap_namespace, imap_noop, imap_notice, imap_notify, imap_rename, imap_replace, imap_search, imap_select, imap_sort, imap_thread, imap_starttls, imap_status_cmd, imap_store,
	imap_subscribe, imap_sync_idle, imap_uid_expunge, imap_uidbatches, imap_unselect_cmd, imap_unsubscribe;
