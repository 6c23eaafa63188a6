/* script_run.h - tests: runs one conversation file against a protocol's handlers in this process: a bus that is a direct
 * call, a real store and vault. The protocol's runner (imap_script.c, smtp_script.c) is its gate: it cuts what the client
 * sends into commands. One file a process. The store is SQLite, or PostgreSQL when KONTOR_TEST_PG holds a URL.
 *
 *   C: line        the client sends line CRLF (C1:, C2: for more connections; each is greeted when first named)
 *   X: octets      the client sends these, with \r \n \0 \xHH, nothing added
 *   S: line        the next line of the answer; {{regex}} pieces, all else as written. Every line must be named.
 *   S: ...         skips lines up to the one the next S: names;  S: (closed)
 *   M: line        the next line of what a directive found out
 *   <<N text>>     text N times; "<#" in it is the number, from 1
 *   @times N       the next S: is N lines
 *   @peer C1 WORDS outside (not loopback), tls, binding (TLS with channel binding; before C1 is first named)
 *   @scram C1 LOGIN PASSWORD   a SCRAM-SHA-256 exchange, -PLUS when there is channel binding
 *   @restart       core forgets all sessions, the gate keeps its states
 *   @damage C1     core refuses the gate's state when it is cut off anywhere or any bit of it is another
 *   @endterm       anna's term as vorstand is over
 *   @messagelimit N   house.message_limit
 *   @seal, @unseal the vault forgets and learns the master key
 *   @fill FIRST LAST STEP   anna's INBOX gets rows with these UIDs (IMAP, SQLite only)
 *   # comment */
#pragma once
#include "script/house.h"

#define SCRIPT_CONNS 4

struct script_conn { /* the first member of the protocol's own */
	bool used, open, closed, outside, tls, binding;
	bool answer;     /* the server waits for an answer, not a command (SASL) */
	uint8_t service;
	struct session s;
	struct buf state, out;
};

struct script_kind {
	const struct proto *proto;
	uint8_t service;
	const char *scram[2]; /* what begins the exchange, without and with binding */
	const char *challenge; /* what a challenge begins with */
	struct script_conn *(*conn)(size_t i);
	void (*start)(struct script_conn *c);
	void (*feed)(struct script_conn *c, struct span octets); /* as they come from the client */
	void (*took)(struct script_conn *c, const struct cmd *cmd, const struct reply *r); /* out and state are taken */
	void (*forgot)(struct script_conn *c);
	void (*idle)(struct script_conn *c); /* nothing is left to read: may make more; or NULL */
	bool (*quiet)(struct script_conn *c); /* what is sent now may follow unread answers; or NULL */
	bool (*peer)(struct script_conn *c, struct span word); /* one more word of @peer; or NULL */
	bool (*directive)(struct arena *a, struct span word, struct span rest, struct buf *looked); /* or NULL */
	void (*end)(struct script_conn *c);
	void (*watch)(struct house *h, uint64_t session, uint64_t object_id);
	void (*changed)(void *arg, const struct change *c, size_t n);
};

extern struct script_house script_house;
void script_wrong(const char *what, struct span detail) __attribute__((noreturn));
void script_ask(struct script_conn *c, struct cmd *cmd); /* one command: begin when needed, run, take the reply */
void script_start(struct script_conn *c);                /* greets, once */
int script_main(const struct script_kind *kind, int argc, char **argv);
