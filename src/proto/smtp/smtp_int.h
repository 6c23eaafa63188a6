/* smtp_int.h - inside proto/smtp: the session, its open mail transaction, one command under way.
 *
 * A handler writes its reply with smtp_say and returns 0, or returns an error class: smtp_reply.c then says the
 * class's code, or the one that smtp_no has chosen. Replies leave after the handler has returned, so after the
 * commit. The mail transaction (struct smtp_mail) lives in core only: a core that is started anew knows HELO and
 * login (smtp_state.c) and answers 451 until the client begins again. Not good for: other protocols. */
#pragma once
#include <uthash.h>
#include "domain/mail/deliver.h"
#include "domain/mail/queue.h"
#include "domain/org/address.h"
#include "domain/org/sasl_server.h"
#include "proto/smtp/smtp.h"

#define SMTP_RCPTS_MAX 1000              /* announced as LIMITS RCPTMAX */
#define SMTP_MAILS_MAX 100000            /* a session; announced as LIMITS MAILMAX */
#define SMTP_SIZE_MAX 52428800u          /* announced; the gate's smtp_message_bytes */
#define SMTP_HEADER_MAX (256u << 10)
#define SMTP_FIELDS_MAX 1000
#define SMTP_HOPS_MAX 50
#define SMTP_LOOP_LEN 32                 /* X-Kontor-Loop: hex of a keyed look-up of the alias */

enum smtp_body { BODY_7BIT = 0, BODY_8BIT, BODY_BINARY };

struct smtp_rcpt {                       /* one RCPT */
	struct span address;             /* as given */
	struct span orcpt;               /* "rfc822;a@b" decoded, or none */
	unsigned notify;
	uint64_t account_id;             /* leads straight to one account, else 0 */
	size_t first, n;                 /* its new targets */
	bool here;                       /* a local address */
	char loop[SMTP_LOOP_LEN + 1];    /* alias that leads outside: its marker, else empty */
	UT_hash_handle hh;               /* by key */
};
struct smtp_target {                     /* one final recipient, each once a transaction */
	uint64_t account_id;             /* 0: outside */
	struct span address, tag;
	size_t rcpt;                     /* the RCPT that led here first */
	int failed;                      /* class, of the last attempt to deliver */
	UT_hash_handle hh;
};
struct smtp_mail {
	struct arena *arena;             /* lives until the transaction ends */
	struct span sender;              /* empty: null sender */
	struct span envid;
	bool utf8, ret_full, ret_hdrs, bdat;
	enum smtp_body body;
	uint64_t size;                   /* as declared, 0: not */
	uint64_t bdat_len;
	struct smtp_rcpt **rcpts;
	size_t n_rcpts, cap_rcpts;
	struct smtp_target **targets;
	size_t n_targets, cap_targets;
	struct smtp_rcpt *by_key;
	struct smtp_target *by_target;
};

struct smtp_session {
	char helo[256];
	size_t helo_len;                 /* 0: nobody has said HELO yet */
	bool esmtp;
	bool reopened;                   /* by a new core: an open transaction is lost */
	uint32_t mails;
	struct smtp_mail *mail;          /* NULL: no transaction */
	struct sasl_server *sasl;        /* an AUTH under way */
};

struct smtp_call;
struct smtp_row {
	const char *verb;
	unsigned services, needs;
	int (*run)(struct smtp_call *c, struct err *e);
	const char *rfc;                 /* shown by docs/protocols.md */
};
struct smtp_call {
	struct call *call;
	struct arena *arena;
	struct buf *out;
	struct smtp_session *s;
	struct org *org;
	struct store *store;
	const struct tok *tok;
	size_t ntok;
	uint8_t service;
	unsigned code;                   /* of the error reply, instead of the table's */
	const char *status;
};

/* smtp_reply.c */
int smtp_say(struct smtp_call *c, unsigned code, const char *status, const char *text);
int smtp_no(struct smtp_call *c, int class, unsigned code, const char *status, const char *say, struct err *e);
void smtp_error(struct smtp_call *c, const struct err *e);
void smtp_error_line(struct smtp_call *c, int class);   /* LMTP: one recipient's */

/* smtp_mail.c */
void smtp_mail_begin(struct smtp_call *c);
void smtp_mail_end(struct smtp_session *s);
/* 503 (or 451 after core was started anew) without an open transaction. */
int smtp_mail_need(struct smtp_call *c, struct err *e);
struct smtp_rcpt *smtp_mail_rcpt(struct smtp_mail *m, struct span key);          /* NULL: new */
void smtp_mail_add(struct smtp_mail *m, const struct smtp_rcpt *rcpt, struct span key, const struct recipients *to,
	struct arena *scratch);
struct smtp_target *smtp_mail_account(struct smtp_mail *m, uint64_t account_id);
/* Non-ASCII addresses need the SMTPUTF8 parameter. */
int smtp_address_check(struct smtp_call *c, struct span address, bool utf8, struct err *e);

/* smtp_state.c */
void smtp_state_save(struct smtp_call *c);
int smtp_state_load(struct smtp_call *c, struct span state, struct err *e);

/* message.c: the text that is stored. */
struct smtp_text {
	struct span local;               /* Return-Path, Received, message */
	struct span queued;              /* the same memory, without Return-Path, with loop markers */
	struct span message;             /* as it came, for reports */
	bool eight_bit;
};
int smtp_message_text(struct smtp_call *c, uint64_t id, struct smtp_text *out, struct err *e);

/* take.c: *MESSAGE or BDAT LAST: responsibility is taken or refused, and the reply said. */
int smtp_take(struct smtp_call *c, struct err *e);

static inline bool smtp_is_submission(const struct smtp_call *c)
{
	return c->service == SVC_SUBMISSION;
}
static inline bool smtp_is_lmtp(const struct smtp_call *c)
{
	return c->service == SVC_LMTP;
}
bool smtp_secure(const struct smtp_call *c);
extern const struct smtp_row smtp_rows[];
extern const size_t smtp_rows_n;

typedef int smtp_handler(struct smtp_call *c, struct err *e);
smtp_handler cmd_auth, cmd_bdat, cmd_continue, cmd_data, cmd_ehlo, cmd_expn, cmd_greeting, cmd_helo, cmd_help,
	cmd_lhlo, cmd_mail, cmd_message, cmd_noop, cmd_quit, cmd_rcpt, cmd_rset, cmd_starttls, cmd_vrfy;
