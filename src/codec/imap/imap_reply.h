/* imap_reply.h - what an IMAP server says, read by a client: first whole replies cut out of a byte stream, then what they mean.
 *
 * imap_reply is pure and incremental; every byte is looked at once:
 * - 0 and piece none: feed more bytes. 0 and a piece: octets of a message (it lies in `in`), then feed on.
 * - 1: complete, imap_reply_text is valid until the next call.
 * - ERR_SYNTAX, ERR_TOOBIG: this is no IMAP or beyond the bounds. It does not get back in step: close.
 * The literal behind "BODY[] " is handed out in pieces, of up to 2^32-1 octets; the text keeps "{*}" in its place. All others stay in the text, up to
 * IMAP_REPLY_INLINE_MAX octets each and IMAP_REPLY_TEXT_MAX together with it. Free text of OK, NO, BAD, BYE and tagged replies has no
 * literals, whatever it ends in. LF alone ends a line too: nothing is relayed.
 *
 * imap_answer_parse reads one reply. Unknown ones and unknown items are passed over (IMAP_SAYS_OTHER); ERR_SYNTAX only where one of
 * those named here is broken. Spans point into the text or the arena. Sources: RFC 3501 and 9051 section 7, RFC 2342, 6154, 5258.
 * Not good for: ENVELOPE, BODYSTRUCTURE, SEARCH. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define IMAP_REPLY_TEXT_MAX (1u << 20)
#define IMAP_REPLY_INLINE_MAX 65536
#define IMAP_REPLY_LITERALS_MAX 256

struct imap_reply {
	struct span piece;
	uint64_t body_len;       /* announced */
	bool has_body;
	/* private */
	struct buf text;
	uint64_t left;           /* of the literal under way */
	size_t line_at;          /* where the line behind the last literal begins */
	unsigned literals;
	bool streams, done;
};
void imap_reply_init(struct imap_reply *r);
void imap_reply_fini(struct imap_reply *r);
int imap_reply(struct imap_reply *r, struct span in, size_t *used);
struct span imap_reply_text(const struct imap_reply *r);

enum imap_says { IMAP_SAYS_OTHER, IMAP_SAYS_TAGGED, IMAP_SAYS_CONTINUE, IMAP_SAYS_STATUS, IMAP_SAYS_CAPABILITY, IMAP_SAYS_LIST,
	IMAP_SAYS_LSUB, IMAP_SAYS_NAMESPACE, IMAP_SAYS_COUNTS, IMAP_SAYS_EXISTS, IMAP_SAYS_EXPUNGE, IMAP_SAYS_FETCH };
enum imap_condition { IMAP_COND_OK = 1, IMAP_COND_NO, IMAP_COND_BAD, IMAP_COND_PREAUTH, IMAP_COND_BYE };
enum { IMAP_LIST_NOSELECT = 1, IMAP_LIST_NONEXISTENT = 2, IMAP_LIST_SUBSCRIBED = 4, IMAP_LIST_ALL = 8, IMAP_LIST_FLAGGED = 16,
	IMAP_LIST_DRAFTS = 32, IMAP_LIST_SENT = 64, IMAP_LIST_JUNK = 128, IMAP_LIST_TRASH = 256, IMAP_LIST_ARCHIVE = 512 };
#define IMAP_SPACES_MAX 16

struct imap_space {
	struct span prefix;
	char delimiter;          /* 0: none */
	bool foreign;            /* other people's or shared */
};
struct imap_answer {
	enum imap_says says;
	enum imap_condition condition;               /* TAGGED, STATUS */
	struct span tag, code, code_text, text;      /* "[UIDVALIDITY 7] ok": code, code_text, text */
	uint32_t number;                             /* EXISTS, EXPUNGE, FETCH */
	struct span words;                           /* CAPABILITY, blanks between */
	struct {                                     /* LIST, LSUB; name as on the wire */
		unsigned attributes;
		char delimiter;
		struct span name;
	} list;
	struct {                                     /* STATUS */
		struct span name;
		uint64_t messages, size;
		bool has_size;
	} counts;
	struct imap_space spaces[IMAP_SPACES_MAX];
	size_t n_spaces;
	struct {
		uint32_t uid;                        /* 0: not said */
		unsigned flags;                      /* MOVE_SEEN ... (codec/move/move_item.h) */
		struct span keywords;                /* blanks between */
		bool dated, sized;
		int64_t sec;
		uint64_t size;
		enum { IMAP_BODY_NONE, IMAP_BODY_NIL, IMAP_BODY_TEXT, IMAP_BODY_STREAMED } body;
		struct span body_text;
	} fetch;
};
int imap_answer_parse(struct arena *a, struct span text, struct imap_answer *out, struct err *e);
/* Is word among words, with blanks between, in any case? */
bool imap_words_have(struct span words, const char *word);
/* "..." with what must be escaped; false: CR, LF or NUL in it. */
bool imap_quoted_add(struct buf *b, struct span s);
