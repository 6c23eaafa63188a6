/* smtp_int.h - inside proto/smtp: the session, its mail transaction, and how to answer.
 *
 * A handler answers by smtp_say (every reply is one call) and returns; failures of the house go through smtpd_fail,
 * which maps the error class. Not good for: other protocols. */
#pragma once
#include "bus/scan_job.h"
#include "codec/smtp/smtp_address.h"
#include "codec/mailauth/mailauth.h"
#include "domain/mail/dmarc_log.h"
#include "domain/mail/sender.h"
#include "domain/mail/visitors.h"
#include "domain/org/address.h"
#include "domain/org/sasl_server.h"
#include "proto/smtp/smtp.h"

#define SMTP_SIZE_MAX 52428800u          /* announced; the gate's smtp_message_bytes */
#define SMTP_RCPT_MAX 1000
#define SMTP_HOPS_MAX 50                 /* Received fields */
#define SMTP_HEADER_MAX 262144u
#define SMTP_FIELDS_MAX 1000
#define SMTP_LOOP_LEN (2 * SEAL_LOOKUP_LEN)
#define SMTP_LOOP_FIELD "X-Kontor-Loop"  /* keyed, so that nobody learns to whom else a mail went */

struct smtp_rcpt {
	struct span address;             /* as given */
	struct span key;                 /* as addresses are compared */
	uint64_t account_id;             /* leads straight to one account, else 0 */
	struct span orcpt;               /* "rfc822;a@b" decoded, or none */
	unsigned notify;
	bool outside, report;            /* report: the address for reports, no mailbox */
	char loop[SMTP_LOOP_LEN + 1];    /* an alias of ours that leads outside: its mark; else empty */
	int result;                      /* of delivery: 0 or class */
};

struct smtp_mail {                       /* one mail transaction; arena NULL: none */
	struct arena *arena;
	struct span sender, envid;
	unsigned flags;                  /* QUEUE_* */
	uint64_t size;                   /* as declared, 0: not */
	bool utf8, bdat, dsn;
	struct smtp_rcpt *rcpts;
	size_t n, cap;
};

struct smtp_listing {                    /* what the lists of bad addresses say about the peer */
	bool known;
	unsigned weight;
	char zone[DNS_NAME_MAX + 1];     /* the first that has it */
};

struct smtp_session {
	char helo[256];
	bool esmtp, lost;                /* lost: a transaction was open when core died */
	enum { ORIGIN_UNKNOWN, ORIGIN_STRANGER, ORIGIN_TRUSTED } origin;   /* as found at the first question */
	struct smtp_listing listing;
	struct smtp_mail mail;
	struct sasl *sasl;
};

void smtpd_say(struct call *c, unsigned code, const char *status, const char *text);
void smtpd_fail(struct call *c, const struct err *e);
void smtpd_reset(struct smtp_session *s);
void smtpd_save(struct call *c);          /* the state the gate keeps */
static inline struct smtp_session *smtp_session(struct call *c)
{
	return c->session->proto;
}

typedef void smtp_handler(struct call *c);
smtp_handler smtpd_greeting, smtpd_helo, smtpd_ehlo, smtpd_starttls, smtpd_auth, smtpd_continue, smtpd_mail, smtpd_rcpt, smtpd_data,
	smtpd_message, smtpd_bdat;

/* smtp_door.c: who comes, before the mail is taken. */
bool smtpd_stranger(struct call *c);
bool smtpd_find_name(void *call, struct span name, enum dns_type type, struct dns_answer *out);   /* for a dns_source */
bool smtpd_door_mail(struct call *c);                                    /* false: answered */
bool smtpd_door_lists(struct call *c);                                   /* fills session.listing; false: waits for names */
bool smtpd_door_rcpt(struct call *c, struct span address);               /* false: answered */
void smtpd_door_asked(struct call *c, bool known);                       /* was there such a recipient? */

/* smtp_hold.c: is the account of a submission held? false: answered. After a sign-in: from how many networks? */
bool smtpd_hold_mail(struct call *c);
/* So many recipients were refused for the account's send limit: is it held for that now? */
bool smtpd_hold_over(struct call *c, uint64_t recipients);
#define SMTPD_ON_HOLD "Sending from your account is on hold, please ask your postmaster"

/* smtp_check.c: what was found out about a mail from outside. */
struct smtp_checked {
	struct span field;               /* Authentication-Results and scanners' fields with their line ends, or none */
	struct span refuse, defer;       /* text of the refusal, for good or for now; or none */
	struct span authentic;           /* From's domain, when DMARC has confirmed it */
	struct span later;               /* the spam filter's "later": not for senders a recipient knows as good */
	bool junk, spam;                 /* to Junk: what DMARC asks for; what a list or the filter says */
	bool listed;                     /* by a list of bad addresses: Junk is decided */
	struct sender from;              /* of From:; verified by an aligned SPF or DKIM */
	bool proven;                     /* SPF or DKIM passed for some domain, or the DNS was silent */
	struct dmarc_seen *dmarc;        /* what the domain is told about it, or NULL: nothing */
};
struct smtp_verdict {
	uint64_t account_id;
	enum sender_verdict verdict;
};
struct smtp_known {                      /* what the recipients' accounts know of the sender */
	struct smtp_verdict *rows;
	size_t n;
	bool good, refused;              /* one knows it as good; the house's list blocks it for all */
};
struct smtp_kept {                       /* call.keep of a message: from one run to the next */
	struct span body;
	struct smtp_checked checked;
	bool is_checked;
	struct smtp_known known;
	bool is_known;
};
bool smtpd_check(struct call *c, struct span header, struct span body, struct smtp_checked *out);   /* false: waits for names */
/* smtp_known.c: fills k->known; adds refusals to k->checked. False: waits for names. */
bool smtpd_known(struct call *c, struct smtp_kept *k);
enum sender_verdict smtpd_verdict(const struct smtp_known *v, uint64_t account_id);
/* smtp_scan.c: adds what the scanners say. False: waits for them. */
bool smtpd_scan(struct call *c, struct span message, struct smtp_checked *out);
/* smtp_dmarc.c: what the owner of the name in From is told (RFC 9990). disposition: what is done with the mail. */
struct dmarc_seen *smtpd_dmarc_seen(struct call *c, struct span header, const struct mailauth_verdict *v, enum dmarc_policy disposition);
int smtpd_dmarc_taken(struct call *c, struct tx *tx, const struct smtp_checked *v, struct err *e);   /* in the transaction of the mail */
void smtpd_dmarc_refused(struct call *c, const struct smtp_checked *v);                             /* for good */
struct span smtpd_check_strip(struct call *c, struct span header);
/* Is the peer's address in this setting's list? Does the setting have this value? */
bool smtpd_listed(struct call *c, const char *setting);
bool smtpd_setting_is(struct call *c, const char *setting, const char *value);

/* smtp_text.c: the message as it is kept - trace fields in front, what submission lacks added. */
struct smtp_text {
	struct span local, outside;      /* with Return-Path; without. outside none when not asked for */
};
int smtp_text(struct call *c, struct span body, struct span checked, bool outside, struct smtp_text *out, struct err *e);
/* smtp_accept.c: the body is here; puts it where it belongs and answers. False: waits for names or scanners, to be run again. */
bool smtpd_accept(struct call *c, struct smtp_kept *k);
