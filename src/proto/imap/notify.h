/* notify.h - inside proto/imap: what a session has asked for with NOTIFY, and what it was told of its mailboxes (RFC 5465).
 *
 * Belongs to the session. Without NOTIFY the pointer is NULL and the selected mailbox is told of as ever. What was told is
 * kept as a picture of the mailboxes asked for, at most NOTIFY_BYTES_MAX; news are the difference to the present list, so
 * rights are looked at each time. Beyond the bound, and after core has started again, the client hears
 * NOTIFICATIONOVERFLOW and nothing more, as if NOTIFY NONE had come (section 5.8). Not good for: the selected mailbox's
 * messages (imap_sync.c). */
#pragma once
#include "codec/imap/imap_notify.h"
#include "proto/imap/imap_int.h"

#define NOTIFY_BYTES_MAX 262144

struct notify_seen;
struct imap_notify {
	struct arena *asked;             /* the groups and what they point to */
	struct imap_notify_group *group;
	size_t n;
	const struct imap_notify_group *selected; /* one of them, or NULL */
	struct arena *told;              /* seen and its names */
	struct notify_seen *seen;        /* by id, then name */
	size_t n_seen;
	uint64_t accounts[WATCH_ACCOUNTS_MAX];
	size_t n_accounts;
	bool overflow;                   /* is still to be said */
};

/* After a restart of core: what was asked for is lost. */
struct imap_notify *notify_lost(void);
void notify_free(struct imap_notify *n);
/* IMAP_EVENT_* of the selected mailbox that the client wants; all of messages without NOTIFY. */
unsigned notify_selected(const struct imap_session *s);
/* Appends what is new, outside of transactions; does not fail. */
void notify_tell(struct imap_call *c);
/* The rest of the new messages is too much: NOTIFICATIONOVERFLOW comes with notify_tell. */
void notify_overflow(struct imap_call *c);
/* What the session itself does to mailboxes of this name and below is not told to it. */
void notify_own(struct imap_call *c, struct span name);
/* cmd_fetch.c: attributes of messages that are new in the selected mailbox, UID included; 1: not all of them fit. */
int imap_fetch_new(struct imap_call *c, struct imap_fetch_item *items, size_t n, const struct imap_set *uids, struct err *e);
