/* sieve.h - Sieve scripts: text -> checked syntax tree, and the evaluation of one for a message.
 *
 * Pure: what a script wants to know of the world comes through struct sieve_host, what it wants done comes back as a list
 * of actions; the caller acts. A checked script is immutable, lives in its arena and may be run by many threads at once.
 * Bounded: sieve_limits for the text, a budget of steps for a run (one step: a command, a test, or 64 octets looked at).
 * Errors of a script carry line and column (struct sieve_error); its text is constant English with the script's own words
 * in it. sieve_run returns 0, ERR_LIMIT (budget), ERR_PARAM (the script's fault): then the caller keeps the message.
 * Sources: RFC 5228 and the extensions in sieve_word.c. Not good for: storing scripts, sending anything. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct sieve_limits {
	size_t script_len;
	unsigned nodes;              /* commands and tests */
	unsigned depth;              /* blocks in blocks, tests in tests */
	unsigned values;             /* arguments and strings in lists */
};
#define SIEVE_LIMITS ((struct sieve_limits){ 262144, 10000, 32, 50000 })

struct sieve_error {
	unsigned line, column;       /* from 1; 0: no place */
	char text[160];
};
struct sieve_script;

/* Lexer, parser and checks in one. *out lives in a. ERR_SYNTAX, ERR_TOOBIG; *why says where and what. */
int sieve_compile(struct arena *a, struct span text, const struct sieve_limits *limits, struct sieve_script **out,
	struct sieve_error *why);
/* Names after SIEVE in CAPABILITY, blank between; those of NOTIFY. */
void sieve_extensions(struct buf *b);
#define SIEVE_NOTIFY_METHODS "mailto"
#define SIEVE_REDIRECTS_MAX 5
#define SIEVE_ACTIONS_MAX 100

enum sieve_action_kind { SIEVE_KEEP, SIEVE_FILEINTO, SIEVE_REDIRECT, SIEVE_REJECT, SIEVE_VACATION, SIEVE_NOTIFY };
struct sieve_action {
	enum sieve_action_kind kind;
	struct span target;          /* mailbox, address, reason (reject, vacation), method (notify) */
	struct span header;          /* of the message as it is to be stored or sent on (editheader) */
	struct span *flags;          /* keep, fileinto, fcc */
	size_t n_flags;
	bool create, ereject;
	struct span special_use, mailbox_id;   /* fileinto: where if there is such a mailbox */
	/* vacation and notify */
	struct span subject, from, handle, fcc;
	struct span *addresses;      /* vacation: more addresses that are the owner's */
	size_t n_addresses;
	bool mime, fcc_create;
	int64_t seconds;             /* vacation: answer one sender once in this time */
	unsigned importance;
};
struct sieve_seen {
	struct span id;              /* duplicate: to be remembered when the run is acted upon */
	int64_t seconds;
	bool last;                   /* :last - also when it was there already */
};
struct sieve_result {
	struct sieve_action *actions;   /* empty: discarded */
	size_t n_actions;
	struct sieve_seen *seen;
	size_t n_seen;
	uint64_t steps;
	struct sieve_error error;    /* when the run failed */
};

/* All callbacks may be NULL: then the answer is no. They return 1, 0 or a negative class, which ends the run. */
struct sieve_host {
	void *arg;
	struct span message;
	struct span from, to, auth;  /* envelope; from empty: null sender; to: the final recipient */
	int64_t now_sec;
	int zone_min;
	uint64_t budget;             /* steps */
	char separator;              /* of sub-addresses: '+' */
	bool event;                  /* something happened to a stored message (RFC 6785): no delivery, keep says its flags */
	const struct span *flags;    /* with event: those it has */
	size_t n_flags;
	int (*mailbox)(void *arg, struct span name);
	int (*special_use)(void *arg, struct span name_or_none, struct span use);
	int (*mailbox_id)(void *arg, struct span id);
	/* An annotation; mailbox none: of the server. No value (p NULL) is left in out when there is none. */
	int (*metadata)(void *arg, struct span mailbox_or_none, struct span name, struct span *out);
	int (*duplicate)(void *arg, struct span id, int64_t seconds);
	int (*include)(void *arg, struct span name, bool global, const struct sieve_script **out);
	int (*environment)(void *arg, struct span name, struct span *out);
	int (*in_list)(void *arg, struct span list, struct span value_or_none);   /* none: is there such a list? */
};
int sieve_run(struct arena *a, const struct sieve_script *script, const struct sieve_host *host, struct sieve_result *out);
/* Keep alone: what applies without a script, and when one fails. */
void sieve_keep(struct arena *a, const struct sieve_host *host, struct sieve_result *out);
