/* imap_notify.h - the arguments of NOTIFY: what a client wants to hear of, for which mailboxes (RFC 5465 section 8).
 *
 * Ownership: arena and the tokens' spans; names are as written, not yet decoded. An event that is not offered makes
 * ERR_PARAM with out->bad_event: the answer is NO [BADEVENT (IMAP_NOTIFY_EVENTS)]. Other errors: ERR_SYNTAX, ERR_LIMIT
 * (IMAP_NOTIFY_GROUPS_MAX, IMAP_NOTIFY_NAMES_MAX in all). Not good for: ESEARCH, whose sources have no events. */
#pragma once
#include "codec/imap/imap_args.h"
#include "codec/imap/imap_section.h"

#define IMAP_NOTIFY_GROUPS_MAX 32
#define IMAP_NOTIFY_NAMES_MAX 256
#define IMAP_NOTIFY_EVENTS "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange"

enum imap_filter {
	IMAP_FILTER_SELECTED = 1,
	IMAP_FILTER_SELECTED_DELAYED,
	IMAP_FILTER_INBOXES,
	IMAP_FILTER_PERSONAL,
	IMAP_FILTER_SUBSCRIBED,
	IMAP_FILTER_SUBTREE,
	IMAP_FILTER_SUBTREE_ONE, /* RFC 7377 section 4 */
	IMAP_FILTER_MAILBOXES,
};

enum {
	IMAP_EVENT_NEW = 1,
	IMAP_EVENT_EXPUNGE = 2,
	IMAP_EVENT_FLAGS = 4,
	IMAP_EVENT_NAME = 8,
	IMAP_EVENT_SUBSCRIPTION = 16,
	IMAP_EVENT_MESSAGES = 7,
};

struct imap_notify_group {
	enum imap_filter filter;
	struct span *names; /* of the last three filters */
	size_t n_names;
	unsigned events; /* IMAP_EVENT_*; 0: NONE */
	struct imap_fetch_item *items; /* MessageNew with attributes; the selected mailbox only */
	size_t n_items;
};

struct imap_notify_args {
	bool none; /* NOTIFY NONE */
	bool status;
	bool bad_event;
	struct imap_notify_group *group; /* at most one is of the selected mailbox */
	size_t n;
};

int imap_notify_parse(struct arena *a, struct imap_args *g, struct imap_notify_args *out, struct err *e);
