/* vault_proto.h - the messages between core (vault_client.h) and the vault, on a stream socket.
 *
 * A frame is a u32 length and that many bytes; requests and replies carry the request's id, so that many
 * may be under way on one connection and answers come in any order. All requests share one layout, unused
 * fields are empty. Spans point into the frame that was read; frames hold secrets: wipe them after use.
 * Errors: decoding gives ERR_SYNTAX for anything that is not exactly one well-formed message.
 * Not good for: data on disk (no version of its own: both ends are the same binary). */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "seal/vault_client.h"

#define VAULT_FRAME_MAX (64 * 1024)
#define VAULT_KEY_ROW (8 + SEAL_WRAPPED_LEN)           /* u64 account id, wrapped key */
#define VAULT_SECRET_MAX 1024                          /* passphrase, share line, password */
#define VAULT_VERIFIER_MAX 1024
#define VAULT_TEXT_MAX 8192                            /* SCRAM name or auth message */

enum vault_op {
	VAULT_OP_STATUS = 1,
	VAULT_OP_CREATE,
	VAULT_OP_OPEN,
	VAULT_OP_SEAL,
	VAULT_OP_REWRAP,
	VAULT_OP_KEY_NEW,         /* account_id */
	VAULT_OP_KEY_OPEN,        /* keys: ids */
	VAULT_OP_KEY_PUT,         /* keys: rows */
	VAULT_OP_KEY_DESTROY,     /* keys: ids */
	VAULT_OP_KEY_LIST,        /* above account_id */
	VAULT_OP_PASSWORD_SET,
	VAULT_OP_PASSWORD_CHECK,
	VAULT_OP_SCRAM_BEGIN,
	VAULT_OP_SCRAM_CHECK,
	VAULT_OP_DKIM_NEW,        /* mode: kind; account_id: the key's id */
	VAULT_OP_DKIM_SIGN,       /* text: sealed key; proof: hash */
	VAULT_OP_LAST = VAULT_OP_DKIM_SIGN
};

struct vault_request {
	uint32_t id;
	uint8_t op, mode, need, total;
	uint64_t account_id;
	struct span secret, verifier, text, proof;
	struct span keys;      /* KEY_PUT: VAULT_KEY_ROW bytes each; else ids of 8 bytes */
};

struct vault_reply {
	uint32_t id;
	int code;              /* 0 or an error class; say and log go with it */
	struct span say, log;
	struct vault_status status;
	uint32_t number;       /* SCRAM iterations */
	struct span data;      /* keys, ids, verifier, salt, signature or share lines */
};

/* Append one whole frame, length included; b should have room for it, so that no copy stays behind. */
void vault_request_encode(struct buf *b, const struct vault_request *r);
void vault_reply_encode(struct buf *b, const struct vault_reply *r);
/* frame: without the length. */
int vault_request_decode(struct span frame, struct vault_request *out, struct err *e);
int vault_reply_decode(struct span frame, struct vault_reply *out, struct err *e);

/* Blocking; no SIGPIPE. Errors: ERR_GONE, ERR_TOOBIG (length over cap: hang up), ERR_LATER (the socket's
 * own time limit), ERR_BROKEN. */
int vault_frame_send(int fd, struct span s, struct err *e);
int vault_frame_recv(int fd, unsigned char *p, size_t cap, struct span *frame_out, struct err *e);
