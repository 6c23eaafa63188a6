/* queue.h - the outbound queue: envelopes with per-recipient state, leased by `out`.
 *
 * A recipient is ready (next_sec decides when), leased (until lease_sec: a lost lease is simply ready again),
 * held (an administrator's), or shunted (its handling failed in a way that is ours to look at). Done and failed
 * recipients leave the table in the transaction that puts the DSN where it belongs. Times are real seconds.
 * Errors: ERR_MISSING. Not good for: deciding when to retry (later/retry.h), speaking SMTP (out/). */
#pragma once
#include "domain/mail/message.h"

enum queue_state { QUEUE_READY = 1, QUEUE_LEASED, QUEUE_HELD, QUEUE_SHUNTED };
enum { QUEUE_UTF8 = 1, QUEUE_8BIT = 2, QUEUE_BINARY = 4, QUEUE_RET_HDRS = 8, QUEUE_RET_FULL = 16, QUEUE_DSN = 32 /* is a report itself */,
	QUEUE_REQUIRETLS = 64 /* RFC 8689: goes on over verified TLS only */,
	QUEUE_HTTPS = 128 /* no mail: a packed TLS report, and its recipients are URLs */ };
enum { NOTIFY_DEFAULT = 0, NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };

struct queue_rcpt {
	uint64_t id;
	struct span address, orcpt;       /* orcpt "rfc822;a@b" decoded, or none */
	struct span last_reply;           /* of the last attempt */
	unsigned notify;
	enum queue_state state;
	unsigned attempts;
	int64_t next_sec;
};
struct queue_entry {
	uint64_t id, blob_id, size, account_id;   /* account that submitted it, 0 none */
	struct seal_key blob_key;
	int64_t created_sec, expires_sec;
	unsigned flags, warned;
	struct span sender, envid;
	struct queue_rcpt *rcpts;
	size_t n_rcpts;
};
/* Same blob as a local delivery may be used: refs are added by this call. */
int queue_add(struct org *o, struct tx *tx, struct arena *a, const struct email_prepared *p, bool blob_adopted,
	const struct queue_entry *entry, uint64_t *id_out, struct err *e);
#define QUEUE_GROUP_MAX 100
#define QUEUE_SHARE 20             /* leases of one domain, while others wait */
/* Lease up to max entries: one message's recipients in one domain that are due, at most QUEUE_GROUP_MAX each. The
 * oldest first; when its domain holds its share of leases already, another domain's come before it. A message that
 * cannot be read is shunted. */
int queue_lease(struct org *o, struct tx *tx, struct arena *a, int64_t now_sec, int64_t lease_until_sec, size_t max,
	struct queue_entry **out, size_t *n_out, struct err *e);
/* All leases are void: who held them is gone. */
int queue_release(struct tx *tx, struct err *e);
/* The real clock jumped by this much: the times of messages from before it move along, so that a wait, a lease or a
 * message's life lasts as long as it would have. created_max_sec: younger ones were made by the new clock. */
int queue_shift(struct tx *tx, int64_t by_sec, int64_t created_max_sec, struct err *e);
/* Whoever would wait longer than until then is due now: a clock went back while nobody looked. */
int queue_clamp(struct tx *tx, int64_t now_sec, int64_t until_sec, struct err *e);
/* When is the next one due (INT64_MAX: none)? */
int queue_next_due(struct tx *tx, int64_t *sec_out, struct err *e);
int queue_get(struct org *o, struct tx *tx, struct arena *a, uint64_t message_id, struct queue_entry *out, struct err *e);
/* An entry that cannot be read has its id only. */
int queue_list(struct org *o, struct tx *tx, struct arena *a, uint64_t after_id, size_t max, struct queue_entry **out,
	size_t *n_out, struct err *e);
/* Back to ready at next_sec with the reply noted. */
int queue_defer(struct org *o, struct tx *tx, struct arena *a, uint64_t rcpt_id, int64_t next_sec, struct span reply,
	struct err *e);
/* A lease that was not used: ready again at next_sec, without an attempt. */
int queue_unlease(struct tx *tx, uint64_t rcpt_id, int64_t next_sec, struct err *e);
/* Done or failed: the row goes; the message and blob reference go with the last one. */
int queue_finish(struct org *o, struct tx *tx, uint64_t rcpt_id, struct err *e);
int queue_set_state(struct org *o, struct tx *tx, uint64_t message_id, enum queue_state state, int64_t next_sec,
	struct err *e);       /* hold, release, retry now, shunt: all its recipients */
int queue_set_warned(struct tx *tx, uint64_t message_id, struct err *e);
int queue_remove(struct org *o, struct tx *tx, uint64_t message_id, struct err *e);
int queue_count(struct tx *tx, uint64_t counts_out[5], struct err *e);        /* by enum queue_state */
