/* filter_int.h - what filter*.c and deliver.c share: the plan of one delivery. */
#pragma once
#include "codec/sieve/sieve.h"
#include "domain/mail/filter.h"
#include "domain/mail/queue.h"
#include "domain/mail/script.h"
#include "domain/mail/sign.h"
#include "domain/org/account.h"
#include "domain/org/address.h"

struct filter_out {                  /* a mail the script sends */
	struct span sender, rcpt, message;
	struct span answered;        /* vacation: noted, so that nobody is answered twice; none otherwise */
	int64_t seconds;
	bool redirect;
	const struct mail_signer *signer;   /* or none */
	struct email_prepared p;
	struct recipients to;        /* not of a redirect: who gets it; those here are `local`, with their plans */
	struct delivery *local;
	size_t n_local;
};
struct filter_put {                  /* a place to store the message in, or a copy of what was sent (fcc) */
	struct span target;          /* none: keep */
	struct span special_use, mailbox_id;
	struct span *flags;
	size_t n_flags;
	bool create;
	size_t out;                  /* fcc: 1 + the mail it belongs to, stored only when that is sent; 0 */
	struct span message;         /* none: the message as it came */
	struct email_prepared p;     /* of `message`, or of the out's */
};
struct filter_plan {
	struct filter_put *puts;
	size_t n_puts;
	struct filter_out *outs;
	size_t n_outs;
	struct sieve_seen *seen;
	size_t n_seen;
	int64_t now_sec;
	unsigned flags;              /* for the queue */
	bool kept;                   /* of an event: the message stays, with these flags */
	struct span *kept_flags;
	size_t n_kept_flags;
};

/* filter_answer.c: a mail from a vacation or notify action; false: this message is not answered. */
struct filter_who {
	const struct filter_mail *mail;
	struct account account;
	struct span rcpt;            /* RCPT TO when it led straight here, or none */
};
bool filter_vacation(struct arena *a, const struct filter_who *w, const struct sieve_action *act, struct span header,
	struct filter_out *out);
void filter_notify(struct arena *a, const struct filter_who *w, const struct sieve_action *act, struct span header,
	struct filter_out *out);
