/* imap_url.h - an IMAP URL that names a message or a part of it, as CATENATE takes them.
 *
 * Only URLs without a server: "/INBOX;UIDVALIDITY=7/;UID=20/;SECTION=1.2/;PARTIAL=0.100", or ";UID=20..." in the selected
 * mailbox. Percent codes are undone; the mailbox's name is UTF-8 and not checked further (imap_mailbox_check). Ownership:
 * arena and the text. Errors: ERR_SYNTAX; ERR_TOOBIG (IMAP_URL_MAX); those of imap_section_parse. Source: RFC 5092
 * sections 6 and 11. Not good for: URLAUTH, lists and searches, other servers. */
#pragma once
#include "codec/imap/imap_section.h"

#define IMAP_URL_MAX 4096

struct imap_url {
	struct span mailbox;            /* none: the selected one */
	uint32_t uidvalidity;           /* 0: not said */
	uint32_t uid;
	struct imap_fetch_item section; /* part and octets */
};

int imap_url_parse(struct arena *a, struct span text, struct imap_url *out, struct err *e);
