/* mime_dsn.h - compose a delivery status notification (multipart/report) into a buf.
 *
 * The caller gives all texts, dates and ids; nothing is looked up. Spans are made safe for header lines
 * (no CR, LF, NUL). Lines CRLF. Errors: ERR_TOOBIG (buf full). Sources: RFC 3461, 3464, 6522, 6533
 * (utf8: message/global-*). Not good for: DMARC or MDN reports. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum mime_dsn_action { MIME_DSN_FAILED, MIME_DSN_DELAYED, MIME_DSN_DELIVERED, MIME_DSN_RELAYED,
	MIME_DSN_EXPANDED };

struct mime_dsn_recipient {
	struct span address;          /* where we delivered to */
	struct span original;         /* ORCPT decoded: "rfc822;a@b"; none if not given */
	enum mime_dsn_action action;
	struct span status;           /* "5.1.1" */
	struct span remote_mta;       /* name or none */
	struct span diagnostic;       /* the SMTP reply, none if local */
	int64_t last_attempt_sec, retry_until_sec; /* 0: left out */
};
struct mime_dsn {
	struct span reporting_mta, envelope_id, from, to; /* from: "MAILER-DAEMON@host" */
	struct span from_name, subject, text;             /* UTF-8, in the reader's language */
	struct span language;                             /* "de", "en" */
	struct span message_id, boundary;                 /* "<x@host>"; a token not found in the texts */
	int64_t date_sec, arrival_sec;
	const struct mime_dsn_recipient *recipients;
	size_t recipient_count;
	struct span original;         /* the message, or its header */
	bool full;                    /* RET=FULL: return the whole message */
	bool utf8;                    /* the sender's side took SMTPUTF8 */
};

int mime_dsn_compose(struct arena *a, const struct mime_dsn *dsn, struct buf *out, struct err *e);
