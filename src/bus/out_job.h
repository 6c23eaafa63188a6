/* out_job.h - what core leases to `out` and what comes back: one message to one destination.
 *
 * Travels in commands of service SVC_OUT: "LEASE" (one TOK_ATOM FRESH while `out` has never had a job: what a
 * predecessor had leased is void) is answered by one encoded job as the first segment (bytes) and the message in a
 * descriptor segment, or by a job with no recipients: nothing is due until next_due_sec (the session then waits for
 * NOTICE_CHANGED or that time). "RESULT" carries the encoded result in cmd.body and is answered by an empty reply
 * once it is durable; with a mood when core could not (sealed, overloaded, disk full): `out` then keeps it and says
 * it again. Decoders distrust their input.
 * Times are real seconds. Errors: ERR_SYNTAX. Not good for: deciding what a failure means (later/retry.h). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define OUT_RCPTS_MAX 100

/* out_job.flags; the same numbers as QUEUE_* of domain/mail/queue.h, which `out` must not see (later/outbound.c asserts
 * it). */
enum { JOB_UTF8 = 1, JOB_8BIT = 2, JOB_BINARY = 4, JOB_RET_HDRS = 8, JOB_RET_FULL = 16, JOB_REQUIRETLS = 64,
	JOB_HTTPS = 128 /* the recipients are URLs: the message is POSTed there as a TLS report (RFC 8460 section 3) */ };

struct out_rcpt {
	uint64_t id;
	struct span address;              /* normalised, U-labels; `out` makes A-labels when the peer needs them */
	struct span orcpt;                /* "rfc822;a@b" decoded, or none */
	unsigned notify;                  /* SMTP_NOTIFY_* of codec/smtp, 0: default */
};
struct out_job {
	uint64_t message_id, size;
	unsigned flags;                   /* JOB_* */
	struct span sender, envid, domain;
	struct span smarthost, smarthost_user, smarthost_password;   /* "host:port" or none */
	bool smarthost_tls;               /* refuse without TLS */
	struct out_rcpt *rcpts;
	size_t n_rcpts;
	/* The domain's MTA-STS policy as core keeps it (codec/mailtls/sts.h), or none; good until sts_until_sec. */
	struct span sts_id, sts_text;
	int64_t sts_until_sec;
	int64_t next_due_sec;             /* without recipients */
};
enum out_outcome { OUT_SENT = 1, OUT_RELAYED /* peer without DSN took it */, OUT_LATER, OUT_REFUSED };
struct out_row {
	uint64_t rcpt_id;
	enum out_outcome outcome;
	struct span status;               /* "5.1.1" */
	struct span reply;                /* the peer's words or ours, one line */
	struct span remote_mta;           /* name or none (never reached) */
};
/* One session's TLS, for reports (RFC 8460): which policy it was under and what was wrong, in the words of section 4.3. */
enum out_policy { OUT_POLICY_NONE = 1, OUT_POLICY_STS, OUT_POLICY_TLSA };
#define OUT_TLS_MAX 32
struct out_tls {
	enum out_policy policy;
	struct span text;                 /* of the policy, "\n" between its lines */
	struct span fault;                /* none: all was well */
	struct span mx, ip;               /* the server, as far as it was reached */
};
struct out_result {
	uint64_t message_id;
	struct out_row *rows;
	size_t n_rows;
	bool tls;
	struct out_tls sessions[OUT_TLS_MAX];
	size_t n_sessions;
	struct span sts_id, sts_text;     /* a policy that was fetched now: core keeps it */
};
void out_job_encode(struct buf *b, const struct out_job *j);
int out_job_decode(struct arena *a, struct span in, struct out_job *j, struct err *e);
void out_result_encode(struct buf *b, const struct out_result *r);
int out_result_decode(struct arena *a, struct span in, struct out_result *r, struct err *e);
