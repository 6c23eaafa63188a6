/* smtp_xtext.h - xtext and the values of the DSN parameters ORCPT, ENVID, NOTIFY, RET.
 *
 * Results in the arena. Errors: ERR_SYNTAX (reply 501 5.5.4), ERR_TOOBIG. Decoded values hold no
 * control octets. Sources: RFC 3461 sections 4 to 5, RFC 6533 section 3 (utf-8-addr-xtext,
 * -unitext). Not good for: deciding whether the parameter is allowed (DSN announced, NOTIFY=NEVER
 * alone is checked). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define SMTP_ENVID_MAX 100 /* RFC 3461 4.4, decoded */
#define SMTP_ORCPT_MAX 500 /* RFC 3461 4.2, as sent */

bool smtp_xtext_encode(struct buf *b, struct span s);
int smtp_xtext_decode(struct arena *a, struct span s, struct span *out, struct err *e);

struct smtp_orcpt {
	struct span type;    /* "rfc822", "utf-8", as written */
	struct span address; /* decoded; UTF-8 when type is utf-8 */
};
int smtp_orcpt_parse(struct arena *a, struct span value, struct smtp_orcpt *out, struct err *e);
/* "rfc822;xtext", or for a non-ASCII address "utf-8;" + utf-8-addr-unitext (needs SMTPUTF8 at the
 * peer) or utf-8-addr-xtext ("\x{E4}" spelling) when !utf8. */
bool smtp_orcpt_write(struct buf *b, const struct smtp_orcpt *orcpt, bool utf8);
int smtp_envid_parse(struct arena *a, struct span value, struct span *out, struct err *e);

enum {
	SMTP_NOTIFY_NEVER = 1,
	SMTP_NOTIFY_SUCCESS = 2,
	SMTP_NOTIFY_FAILURE = 4,
	SMTP_NOTIFY_DELAY = 8
};
int smtp_notify_parse(struct span value, unsigned *flags_out, struct err *e);
int smtp_ret_parse(struct span value, bool *full_out, struct err *e);
