/* imap_frame.h - cut one complete IMAP command out of a byte stream, literals included.
 *
 * Pure and incremental: feed what arrived, look at the result and at f->event, feed the rest
 * from *used. Every byte is looked at once. Small literals stay inside the frame's text; once
 * their sum would pass limits.inline_max the body is handed out in pieces (IMAP_FRAME_SPOOL) and
 * only its place is kept. Only APPEND and REPLACE may spool.
 *
 * What imap_frame returns:
 * - 0 and event MORE: feed more bytes.
 * - 0 and event CONTINUE: a synchronising literal of f->literal_len bytes is announced. Send
 *   "+ OK" and feed on, or answer NO and call imap_frame_drop.
 * - 0 and event SPOOL: append f->spool (it lies in `in`) to the spool file, then feed on.
 * - 1, event COMPLETE: imap_frame_text, imap_frame_literals; valid until the next call.
 * - ERR_TOOBIG, ERR_LIMIT, ERR_SYNTAX: refused, f->why says why. The bad command has been read to
 *   its end and the stream is in step, unless f->fatal: then say BYE and close (RFC 7888 section
 *   4). Its tag, if readable: imap_frame_tag.
 *
 * After 1 or a refusal the next call starts anew; a call with nothing to read then gives a large
 * command's memory back. A line ends with CRLF or LF alone; after a
 * literal header only CRLF will do. Source: RFC 9051 sections 2.2 and 4.3, RFC 7888. Not good for:
 * bare lines (IDLE's DONE, SASL answers): imap_frame_line. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct imap_limits {
	uint32_t line_max;	    /* bytes of text (literal bodies not counted) in one command */
	uint32_t inline_max;	    /* sum of literal bodies kept in the frame */
	uint64_t literal_max;	    /* one literal */
	uint32_t literal_count_max; /* literals in one command */
	uint64_t command_max;	    /* all bytes of a command, refused ones included */
};
extern const struct imap_limits imap_limits_pre_auth, imap_limits_post_auth;

enum imap_frame_event {
	IMAP_FRAME_MORE,
	IMAP_FRAME_CONTINUE,
	IMAP_FRAME_SPOOL,
	IMAP_FRAME_COMPLETE,
};

struct imap_literal {
	size_t at; /* in the text: where the body begins, or where it would be when spooled */
	uint64_t len;
	uint64_t off;		       /* in the spool file */
	bool spooled, binary, has_nul; /* binary: literal8, "~{n}" */
};

struct imap_frame {
	const struct imap_limits *limits; /* may be replaced between commands (sign-in) */
	enum imap_frame_event event;
	struct span spool;    /* SPOOL: bytes for the spool file */
	uint64_t spool_len;   /* bytes spooled for this command, f->spool included */
	uint64_t literal_len; /* CONTINUE: announced size */
	const char *why;      /* after a refusal: constant text fit for a client */
	bool fatal;
	/* private; tail: the last bytes of the line, for the literal header at its end */
	struct buf text, literals;
	uint64_t body_left, total;
	size_t text_len;
	int refused; /* error class while the rest of the command is swallowed */
	bool done, inside, announced, tag_whole;
	uint8_t tail_len;
	char tail[32];
};

void imap_frame_init(struct imap_frame *f, const struct imap_limits *limits);
void imap_frame_fini(struct imap_frame *f);
int imap_frame(struct imap_frame *f, struct span in, size_t *used);
/* One line without tag: 0 more, 1 complete (imap_frame_text), ERR_TOOBIG once its end has been
 * read. */
int imap_frame_line(struct imap_frame *f, struct span in, size_t *used);
/* At CONTINUE: the literal is refused, the client will not send it; the frame is ready for a new
 * command. */
void imap_frame_drop(struct imap_frame *f);
bool imap_frame_idle(const struct imap_frame *f);	 /* no command begun */
struct span imap_frame_text(const struct imap_frame *f); /* without the last line end */
const struct imap_literal *imap_frame_literals(const struct imap_frame *f, size_t *count_out);
struct span imap_frame_tag(const struct imap_frame *f); /* none when not readable */
