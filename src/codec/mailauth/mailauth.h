/* mailauth.h - all that is to be found out about a mail from outside: SPF, DKIM, ARC, DMARC, and the field that says so.
 *
 * Pure; run again while it says MAILAUTH_MORE. What the domain of From wants done is in dmarc.disposition; a result
 * that hangs on a silent DNS never is a reason to refuse. Sources: RFC 8601 (field), 7208, 6376, 8617, 9989.
 * Ownership: arena. Not good for: mail from our own users. */
#pragma once
#include "codec/mailauth/arc.h"
#include "codec/mailauth/dmarc.h"

struct mailauth_request {
	struct span ip, helo, sender; /* sender empty: a report */
	struct span authserv_id;      /* our name */
	struct dkim_mail mail;
	int64_t now_sec;
};
struct mailauth_verdict {
	struct spf_verdict spf;
	struct dkim_verdict dkim[DKIM_SIGNATURES_MAX];
	size_t n_dkim;
	struct arc_verdict arc;
	struct dmarc_verdict dmarc;
};
int mailauth_check(struct arena *a, const struct mailauth_request *q, const struct dns_source *dns, struct mailauth_verdict *out);
/* Appends "Authentication-Results: ..." with its line end. */
void authres_build(struct buf *b, const struct mailauth_request *q, const struct mailauth_verdict *v);
/* Is this value of an Authentication-Results field in our name, or unreadable? Such fields do not come in. */
bool authres_is_ours(struct span value, struct span authserv_id);
/* Appends the header without such fields and without those of scanners (X-Spam..., X-Rspamd..., X-Virus...), which only
 * our own scanner's may be; blank line included. Nothing is appended when there is none: false. */
bool mailauth_strip(struct buf *b, struct span header, struct span authserv_id);
