/* mbox.h - many mails in one file, as mboxo, mboxrd, mboxcl2 and we write it.
 *
 * A mail begins at a line "From SENDER Mon Jan  2 15:04:05 2006" at the start or behind an empty line; "From " without a date
 * is text. Where Content-Length leads to such a line or to the end, it is believed and nothing in the body is changed; else one
 * '>' is taken from lines ">From ", ">>From " ... (mboxrd; of what mboxo wrote, ">>From " loses one it should keep - rare, and
 * the other way round every quoted line would be wrong). Status, X-Status, X-Keywords, X-Mozilla-* are the file's, not the mail's.
 * Ours begin with "X-Kontor-Mbox: N FORM": N more lines are ours, what follows comes back octet by octet.
 * Sources: RFC 4155; qmail's mbox(5). Spans read point into the file. Not good for: a file that others are writing to. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct mbox {
	struct span in;
	size_t at;
};
struct mbox_mail {
	struct span raw;             /* behind the line "From ", with its own fields */
	size_t off;                  /* of that line */
	int64_t sec;                 /* the line's date */
	bool counted;                /* its end is where Content-Length says */
	unsigned flags;              /* with mbox_unpack: MOVE_SEEN ... */
	bool internal;               /* a program's own notes, no mail */
};
/* Does the file begin like one? */
bool mbox_starts(struct span in);
/* 1 one, 0 the end; ERR_SYNTAX: no mbox. */
int mbox_next(struct mbox *m, struct mbox_mail *out, struct err *e);
/* The mail as it was; its keywords with blanks between are appended to the other. */
void mbox_unpack(struct mbox_mail *m, struct buf *mail, struct buf *keywords);
/* keywords with blanks between. */
void mbox_pack(struct buf *b, struct span mail, unsigned flags, struct span keywords, int64_t sec);
