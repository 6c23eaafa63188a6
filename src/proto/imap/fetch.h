/* fetch.h - inside proto/imap: one FETCH under way, shared by its walk (cmd_fetch.c) and its writers (fetch_item.c).
 *
 * Not good for: SEARCH, which has its own evaluation in domain/mail. Source: RFC 9051 section 7.5.2. */
#pragma once
#include "codec/imap/imap_section.h"
#include "proto/imap/imap_int.h"

struct fetch {
	struct imap_call *c;
	struct imap_fetch_item *items;
	size_t n;
	struct span *labels;             /* "BODY[1]<0>", one per item */
	struct imap_fetch_mods mods;
	struct span set_text;
	struct imap_set uids, unseen;
	struct mailbox box;
	unsigned want;
	bool first, sets_seen, has_uid, has_modseq, cut;
	uint64_t found, segment_bytes;
	uint32_t last_uid;
	struct arena *scratch;           /* reset for every message */
	struct span whole;               /* this message's bytes, once read */
};

/* Appends "* n FETCH (...)"; ERR_LIMIT when its parts do not fit one reply. */
int fetch_message(struct fetch *f, const struct message *m, struct err *e);
/* What of the part an item means, and its octets cut to <origin.length>. */
enum mime_section fetch_section(const struct imap_fetch_item *it);
void fetch_cut(const struct imap_fetch_item *it, uint64_t *off, uint64_t *len);
