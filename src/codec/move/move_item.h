/* move_item.h - mails and folders on their way between the command line and core: records one after the other.
 *
 * A batch is such a run of records in a memory file. Names are UTF-8 with '/' between levels; keywords have a blank between;
 * source is what names the mail where it comes from. Spans read point into the batch. Errors: ERR_SYNTAX.
 * Not good for: keeping (no version), bodies that are not in memory. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum move_kind { MOVE_MESSAGE = 1, MOVE_FOLDER, MOVE_ASK /* is it there already? no body, only among its like */ };
enum { MOVE_SEEN = 1, MOVE_ANSWERED = 2, MOVE_FLAGGED = 4, MOVE_DELETED = 8, MOVE_DRAFT = 16 };
/* flags of a folder: what its source says of subscriptions; neither: subscribed when it is made. */
enum { MOVE_SUBSCRIBED = 1, MOVE_NOT_SUBSCRIBED = 2 };
/* As enum mailbox_special says it. */
enum move_special { MOVE_PLAIN = 0, MOVE_INBOX, MOVE_DRAFTS, MOVE_SENT, MOVE_JUNK, MOVE_TRASH, MOVE_ARCHIVE };

struct move_item {
	enum move_kind kind;
	unsigned flags, special;
	int64_t received_sec;
	struct span folder, source, keywords;
	struct span body;
};

/* All but the body's octets, which must follow: item->body.n of them. */
void move_item_head(struct buf *b, const struct move_item *item);
/* 1: *rest is behind it now; 0: the end. */
int move_item_next(struct span *rest, struct move_item *out, struct err *e);

/* What a folder is for, by the last words people and programs give it; MOVE_PLAIN for all others. Only for top levels and those
 * right below INBOX. */
enum move_special move_special_of(struct span folder);

/* Mails in files have LF at their line ends, the net's have CRLF. A text whose first line ends in CRLF is taken as it is. */
void move_to_crlf(struct buf *b, struct span text);
/* True: appended with LF, and move_to_crlf gives back exactly the text. False (line ends of both kinds, CRs alone): appended
 * as it is. */
bool move_to_lf(struct buf *b, struct span text);
/* When a mail came, by its own fields: the first Received, else Date. False: they do not say. */
bool move_date_of(struct span message, int64_t *sec_out);
