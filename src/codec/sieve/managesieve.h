/* managesieve.h - frames and tokens of ManageSieve commands, and its strings.
 *
 * A command is a line whose strings may be literals "{n+}" (non-synchronizing only, RFC 5804 section 1.2). The frame
 * gathers it whole: scripts are small. A literal that is larger than allowed is read and dropped (`toobig` then), up to
 * MS_SKIP_MAX; beyond, and for lines without end, the connection is out of step (`fatal`). Memory: the buffer grows with
 * what arrives. Errors: ERR_SYNTAX with `why`. Not good for: synchronizing literals (servers' only in replies). */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "codec/token.h"

#define MS_LINE_MAX 16384            /* all of a command but its literals */
#define MS_LITERALS_MAX 4
#define MS_SKIP_MAX (16u << 20)

struct ms_frame {
	struct buf text;
	uint64_t literal_max;        /* the largest one that is kept */
	uint64_t left;               /* octets of the literal being read */
	size_t line_from;            /* where in text the current line begins */
	unsigned literals;
	bool skip, toobig, fatal;
	const char *why;
};
void ms_frame_init(struct ms_frame *f, uint64_t literal_max);
void ms_frame_fini(struct ms_frame *f);
bool ms_frame_idle(const struct ms_frame *f);        /* nothing begun */
/* 1 complete: ms_frame_text, then ms_frame_reset; 0 needs more; ERR_SYNTAX (fatal). *used: octets taken. */
int ms_frame(struct ms_frame *f, struct span in, size_t *used);
struct span ms_frame_text(const struct ms_frame *f);
void ms_frame_reset(struct ms_frame *f);

struct ms_command {
	struct span verb;            /* upper case, in the arena; none in an answer */
	struct toks args;            /* TOK_STRING, TOK_ATOM */
};
/* command = verb *(SP (string / number)); answer: the same without verb. ERR_SYNTAX: e->say for the client. */
int ms_lex(struct arena *a, struct span text, bool answer, struct ms_command *out, struct err *e);
/* Appends a string for the client: quoted when short and of one line, else a literal. */
void ms_string(struct buf *b, struct span s);
