/* imap_section.h - what a FETCH command asks for: attribute tokens become an array of items.
 *
 * Ownership: arena and the tokens' spans. Errors: ERR_SYNTAX (unknown attribute, bad section),
 * ERR_LIMIT (more than IMAP_FETCH_ITEMS_MAX items, part deeper than IMAP_PART_MAX). Macros ALL,
 * FAST, FULL are expanded. One row in a table per attribute. Sources: RFC 9051 sections 6.4.5
 * and 9, RFC 3501 (RFC822, RFC822.HEADER, .TEXT), RFC 3516 (BINARY), RFC 7162 (MODSEQ,
 * modifiers), RFC 8474 (EMAILID, THREADID), RFC 8970 (PREVIEW), RFC 8514 (SAVEDATE). Not good
 * for: finding the part in a message (codec/mime). */
#pragma once
#include "codec/imap/imap_args.h"
#include "codec/imap/imap_set.h"
#include "base/buf.h"

#define IMAP_FETCH_ITEMS_MAX 128
#define IMAP_PART_MAX 32
#define IMAP_FETCH_NAMES_MAX 512
#define IMAP_FETCH_NAME_MAX 998 /* octets of a header field's name: more than a line (RFC 5322) can hold */

enum imap_fetch_kind {
	IMAP_FETCH_FLAGS = 1,
	IMAP_FETCH_UID,
	IMAP_FETCH_INTERNALDATE,
	IMAP_FETCH_SIZE, /* RFC822.SIZE */
	IMAP_FETCH_ENVELOPE,
	IMAP_FETCH_BODY, /* BODY: the structure without extension data */
	IMAP_FETCH_BODYSTRUCTURE,
	IMAP_FETCH_SECTION,	  /* BODY[...], BODY.PEEK[...] */
	IMAP_FETCH_RFC822,	  /* like BODY[] */
	IMAP_FETCH_RFC822_HEADER, /* like BODY.PEEK[HEADER] */
	IMAP_FETCH_RFC822_TEXT,	  /* like BODY[TEXT] */
	IMAP_FETCH_BINARY,	  /* BINARY[part], BINARY.PEEK[part] */
	IMAP_FETCH_BINARY_SIZE,
	IMAP_FETCH_MODSEQ,
	IMAP_FETCH_EMAILID,
	IMAP_FETCH_THREADID,
	IMAP_FETCH_PREVIEW,
	IMAP_FETCH_SAVEDATE,
};

enum imap_section_text {  /* what of the part (or of the message when there is no part path) */
	IMAP_SECTION_ALL, /* BODY[], BODY[1.2] */
	IMAP_SECTION_HEADER,
	IMAP_SECTION_HEADER_FIELDS,
	IMAP_SECTION_HEADER_FIELDS_NOT,
	IMAP_SECTION_TEXT,
	IMAP_SECTION_MIME,
};

struct imap_fetch_item {
	enum imap_fetch_kind kind;
	enum imap_section_text text;
	uint32_t part[IMAP_PART_MAX];
	unsigned part_count;
	struct span *names; /* HEADER.FIELDS: field names as written */
	size_t name_count;
	uint64_t origin, length; /* bytes; valid when partial */
	bool partial;
	bool peek; /* does not set \Seen (also true for all that never does) */
	bool lazy; /* PREVIEW (LAZY) */
};

struct imap_fetch_mods {       /* "(" fetch-modifier *(SP fetch-modifier) ")" */
	uint64_t changedsince; /* mod-sequence; valid when has_changedsince */
	struct imap_partial partial; /* valid when has_partial */
	bool has_changedsince, vanished, has_partial;
};

/* Takes the attribute argument (one item, a macro or a list) from the cursor. */
int imap_fetch_parse(struct arena *a, struct imap_args *g, struct imap_fetch_item **out,
	size_t *count_out, struct err *e);
/* Takes the modifier list if there is one; without one *out is all zero. */
int imap_fetch_mods_parse(struct imap_args *g, struct imap_fetch_mods *out, struct err *e);
/* "1.2.HEADER.FIELDS (A B)" - what stands between [ and ]; also used by URLs and tests. */
int imap_section_parse(
	struct arena *a, struct span text, struct imap_fetch_item *out, struct err *e);
/* The item's name in the reply: "BODY[1.MIME]<0>", "FLAGS", "RFC822.SIZE". */
void imap_fetch_label(struct buf *b, const struct imap_fetch_item *item);
