/* call.h - what a handler gets: one command, its session, an arena, and where to put the reply.
 *
 * Lives in bus so that proto may include it without seeing core. Handlers read top to bottom; their only
 * effects are the transaction(s) they run through store_read/store_write and the reply. */
#pragma once
#include "bus/bus.h"
#include "base/err.h"

struct store;
struct vault_client;
struct seal_key;
struct core;
struct call;
struct dns_answer;
struct name_want;
struct scan;
struct scan_job;
struct scan_result;

#define ACCOUNT_SESSIONS_MAX 100 /* connections signed in to one account, over all gates */
#define WATCH_ACCOUNTS_MAX 64   /* of one session: its own and those that share with it */
#define WATCH_QUEUE 1    /* object id of the outbound queue; real ids are larger */
#define WATCH_NAMES 2    /* questions to the DNS that nobody has taken yet */
#define WATCH_SCANS 3    /* messages for the scanners, likewise */

/* The house's shared things, made once by core; handlers reach them through call->house. */
struct house {
	struct store *store;
	struct vault_client *vault;
	struct org *org;             /* domain/org: caches of accounts, keys */
	struct mail *mail;           /* domain/mail: shared mailbox indexes */
	const char *hostname;        /* for greetings, Received */
	const char *sieve_url;       /* "sieve://host:4190": ManageSieve for clients (RFC 5804 section 3); NULL: its port is not opened */
	const char *tlsa;            /* SHA-256 of our certificates' keys, hex, blanks between; NULL: not known */
	const char *text_path;       /* UNIX socket of the role that reads attachments; NULL in tests: nobody does */
	int dirfd;                   /* the state folder */
	unsigned message_limit;      /* of IMAP: messages one command deals with (RFC 9738) */
	const struct seal_key *ticket_key; /* MACs the session states that gates keep for us */
	/* Ask that the session be told (NOTICE_CHANGED) when an object (a mailbox; WATCH_QUEUE) changes; 0
	 * clears. One object per session. Kept by core/feed.c. */
	void (*watch)(struct house *h, uint64_t session, uint64_t object_id);
	/* NOTIFY: besides the one object, whatever changes in these accounts; n = 0: none any more, beyond WATCH_ACCOUNTS_MAX they
	 * are left out. news: was there a change since it was last asked, or since the accounts were named? */
	void (*watch_accounts)(struct house *h, uint64_t session, const uint64_t *account_ids, size_t n);
	bool (*news)(struct house *h, uint64_t session);
	void (*sealed)(struct house *h); /* tells every client that the house is closed; may be NULL in tests */
	/* May this session be one more of the account's? false: it has ACCOUNT_SESSIONS_MAX. NULL in tests: yes. */
	bool (*admit)(struct house *h, uint64_t session, uint64_t account_id);
	/* POP3: the account's maildrop becomes this session's alone, until it ends or gives it back (account 0). false: it is
	 * another's. NULL in tests: yes. */
	bool (*maildrop)(struct house *h, uint64_t session, uint64_t account_id);
	size_t (*sessions)(const struct house *h);   /* now open, of all gates; may be NULL in tests */
	/* Answers of the DNS (core/names.c); NULL where there is nobody to ask. What is not known yet is asked for and
	 * false comes back: the handler leaves, without a reply and without effects, and is run again from the start
	 * when the answers are there (call.waits) or with call.names_final, when nothing is waited for any more and
	 * what is not known is DNS_FAILED. The answer lives in the call's arena. */
	bool (*name_find)(struct call *c, struct span name, int type, struct dns_answer *out);
	int (*name_wait)(struct call *c, struct err *e);   /* blocks instead: for commands with a thread of their own */
	void (*name_exchange)(struct call *c);             /* with `out`: answers in cmd.body, questions to call->out */
	/* Spam filter and virus scanner (core/scans.c); which of them there are: SCAN_FOR_* of bus/scan_job.h. Used like
	 * name_find, one message a command; without an answer in time the result is SCAN_FAILED. scan_learn only hands over:
	 * false when there is no room now. */
	unsigned scanners;
	bool (*scan)(struct call *c, const struct scan_job *job, struct span message, struct scan_result *out);
	bool (*scan_learn)(struct house *h, unsigned what, struct span message);
	void (*scan_exchange)(struct call *c);             /* with `out` */
	unsigned progress_ms;        /* a command that takes longer may say how far it is, that often; 0: never */
	struct core *core;
};

struct session {                 /* core's view of a connection; owned by exactly one command at a time */
	uint64_t id;
	uint8_t service;
	struct arena *arena;         /* session lifetime */
	struct peer peer;
	uint64_t account_id;         /* 0 before authentication */
	struct span login;           /* name used to sign in */
	void *proto;                 /* the protocol's own session struct, in session->arena or malloc'ed */
	void (*proto_free)(void *proto);
};

struct call {
	struct arena *arena;         /* command lifetime */
	struct house *house;
	struct session *session;
	const struct cmd *cmd;
	struct reply *reply;
	/* Sends this now, while the command runs, from whatever thread; NULL where nobody hears. The protocol must allow it. */
	void (*say_now)(struct call *c, struct span bytes);
	void *runner;                /* core/runner.c's own */
	struct buf *out;             /* bytes of the reply are built here (max 4 MiB); runner turns it into segments */
	struct err err;              /* for the log line */
	const char *log_verb;
	struct name_want *wants;     /* core/names.c: what this run has missed */
	struct scan *scan;           /* core/scans.c: the message that is or was looked at */
	bool waits;                  /* the handler wants to be run again with the answers */
	bool names_final;
	void *keep;                  /* from one run to the next, in the arena */
};

/* One protocol's entry: session begins (state from an earlier core or none), one command, session ends. */
struct proto {
	const char *name;
	/* session->proto is set up here; state MACed by us earlier, or none. <0: state is refused, close. */
	int (*begin)(struct call *c, struct span state);
	void (*run)(struct call *c);          /* finds its table row, answers always */
	/* lane for this verb: LANE_* */
	int (*lane)(struct span verb);
	/* reply when core cannot run the command: sealed / overloaded / internal error */
	void (*refuse)(struct call *c, int err_class, bool sealed);
};
enum { LANE_INTERACTIVE = 0, LANE_PASSWORD, LANE_BULK, LANE_LATER, LANE_COUNT };
