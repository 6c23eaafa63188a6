/* filter.h - Sieve at delivery: runs the accounts' active scripts and plans what they want, for deliver() to do.
 *
 * Called with the final recipients before the write: reads, compiles, runs and composes; nothing is changed. An account
 * without an active script costs one look-up of one row. A script that fails, takes too long or does not compile: the
 * message is kept as if there were none. Redirects to addresses here become deliveries of their own (each account is
 * reached once by a message, so they end), others go through the queue, marked so that what comes back stops here. What a script
 * writes to people here (vacation, notify) runs their scripts, and what those write runs others', FILTER_DEPTH times.
 * Bounds: SIEVE_REDIRECTS_MAX mails a message, FILTER_SENT_DAY an account and day (beyond: kept instead), steps a run and
 * an account and hour. Errors: ERR_LATER, ERR_BROKEN. */
#pragma once
#include "domain/mail/deliver.h"
#include "domain/mail/mail_view.h"

#define FILTER_DEPTH 2
#define FILTER_STEPS 1000000u
#define FILTER_SENT_DAY 500
#define FILTER_LOOP_FIELD "X-Kontor-Loop"

/* What happened to a stored message (event.h) instead of a delivery. The first row of `to` is the account it belongs to; its
 * plan changes the message where it lies. */
struct filter_event {
	struct span script;          /* its name */
	struct span cause, mailbox, user, changed;   /* items of the environment (RFC 6785 section 4) */
	const struct span *flags;    /* the message has */
	size_t n_flags;
};
struct filter_mail {
	const char *hostname;
	struct span message;         /* as it is stored: with Return-Path and Received */
	struct span sender, auth;    /* envelope; auth: who signed in to send it, or none */
	unsigned flags;              /* QUEUE_UTF8, QUEUE_8BIT ... of the incoming mail */
	int64_t now_sec;
	int zone_min;
	const struct filter_event *event;   /* or NULL */
	bool ours;                   /* written by the house: nobody hears of a refusal, so what is rejected is kept */
	bool apart;                  /* the caller queues the message too: every delivery gets a text of its own */
	bool quiet;                  /* the end of a line of reports: scripts file, they send nothing */
};
int filter_zone_min(int64_t now_sec);    /* of the house */
/* Sets the plans of `to`; the array may grow (redirects to accounts here) and move. Then deliver(), then filter_free. */
int filter_plan(struct mail *m, struct arena *a, const struct filter_mail *fm, struct delivery **to, size_t *n, struct err *e);
void filter_free(struct delivery *to, size_t n);
