/* imap_search.h - SEARCH arguments become a tree of keys.
 *
 * Ownership: arena; strings point into the tokens and are in the command's charset, not yet
 * decoded. Keys that are only short for others are rewritten (UNSEEN -> NOT FLAG \Seen, NEW ->
 * AND(RECENT, NOT FLAG \Seen), FROM -> HEADER From), so an evaluator knows few kinds. Sequence
 * sets are checked but kept as text: only the mailbox knows "*". Errors: ERR_SYNTAX, ERR_LIMIT
 * (IMAP_SEARCH_KEYS_MAX keys, IMAP_SEARCH_DEPTH_MAX levels of NOT, OR and lists). Sources: RFC
 * 9051 section 6.4.4, RFC 3501, RFC 4731 and 5182 (RETURN, $), RFC 5032 (YOUNGER, OLDER), RFC
 * 7162 (MODSEQ), RFC 8474 (EMAILID, THREADID), RFC 8514 (SAVED*), RFC 6203 (FUZZY: a mark on all keys
 * of its key; RELEVANCY), RFC 5466 (FILTER: a key whose text the caller puts in with imap_search_fill). Not good for: SORT and THREAD,
 * which have arguments of their own in front (use imap_search_keys for what follows). */
#pragma once
#include "codec/imap/imap_args.h"
#include "codec/imap/imap_set.h"

#define IMAP_SEARCH_KEYS_MAX 1024
#define IMAP_SEARCH_DEPTH_MAX 32

enum imap_search_kind {
	IMAP_SEARCH_ALL = 1,
	IMAP_SEARCH_AND,   /* all of child, child->next, ... */
	IMAP_SEARCH_OR,	   /* exactly two children */
	IMAP_SEARCH_NOT,   /* one child */
	IMAP_SEARCH_SEQ,   /* set: message sequence numbers */
	IMAP_SEARCH_UID,   /* set: UIDs */
	IMAP_SEARCH_SAVED, /* $ - also UID $ */
	IMAP_SEARCH_FLAG,  /* name: "\Seen" or keyword */
	IMAP_SEARCH_RECENT,
	IMAP_SEARCH_HEADER, /* name: field, value: substring, "" = field present */
	IMAP_SEARCH_BODY,   /* value */
	IMAP_SEARCH_TEXT,   /* value */
	IMAP_SEARCH_BEFORE,
	IMAP_SEARCH_ON,
	IMAP_SEARCH_SINCE, /* INTERNALDATE against day */
	IMAP_SEARCH_SENTBEFORE,
	IMAP_SEARCH_SENTON,
	IMAP_SEARCH_SENTSINCE, /* Date: field against day */
	IMAP_SEARCH_SAVEDBEFORE,
	IMAP_SEARCH_SAVEDON,
	IMAP_SEARCH_SAVEDSINCE,
	IMAP_SEARCH_SAVEDATESUPPORTED,
	IMAP_SEARCH_LARGER,
	IMAP_SEARCH_SMALLER, /* num: bytes */
	IMAP_SEARCH_YOUNGER,
	IMAP_SEARCH_OLDER,  /* num: seconds */
	IMAP_SEARCH_MODSEQ, /* num: mod-sequence; name: entry-name or none */
	IMAP_SEARCH_EMAILID,
	IMAP_SEARCH_THREADID, /* value: object id */
	IMAP_SEARCH_FILTER,   /* name: of a stored criterion; no evaluator knows it */
};

struct imap_search_key {
	enum imap_search_kind kind;
	struct imap_search_key *child, *next;
	struct span name, value;
	struct span set; /* checked sequence-set, see imap_set.h */
	uint64_t num;
	int64_t day; /* days since 1970-01-01 */
	bool fuzzy;  /* stands in a FUZZY key */
};

enum imap_search_return {
	IMAP_RETURN_ALL = 1,
	IMAP_RETURN_COUNT = 2,
	IMAP_RETURN_MIN = 4,
	IMAP_RETURN_MAX = 8,
	IMAP_RETURN_SAVE = 16,
	IMAP_RETURN_PARTIAL = 32,
	IMAP_RETURN_RELEVANCY = 64,
	IMAP_RETURN_UPDATE = 128,  /* RFC 5267: tell what changes */
	IMAP_RETURN_CONTEXT = 256, /* a hint only */
};

struct imap_search {
	struct imap_search_key *root;
	struct span charset;	    /* as written; none: US-ASCII or UTF-8 */
	unsigned ret;		    /* IMAP_RETURN_*; "RETURN ()" means ALL */
	struct imap_partial partial; /* valid with IMAP_RETURN_PARTIAL */
	bool has_return;	    /* answer with ESEARCH */
	bool has_modseq, has_saved; /* some key is MODSEQ, is $ */
	bool has_numbers;	    /* some key is a set of message numbers */
	bool has_fuzzy;		    /* some key is FUZZY, so there are scores */
	bool has_filter;	    /* some key is FILTER, or was before it was filled */
	size_t keys;		    /* how many there are */
};

/* RETURN (...), if it is there; also in front of SORT and ESEARCH. Fills ret, partial, has_return. RELEVANCY needs a FUZZY
 * key, which imap_search_keys sees to. */
int imap_return_parse(struct imap_args *g, struct imap_search *out, struct err *e);
/* [RETURN (...)] [CHARSET x] 1*search-key, to the end of the cursor. */
int imap_search_parse(struct arena *a, struct imap_args *g, struct imap_search *out, struct err *e);
/* A stored criterion takes the place of a FILTER key, as one key; its keys count among those of q. The text has no literals. */
int imap_search_fill(
	struct arena *a, struct imap_search *q, struct imap_search_key *filter, struct span text, struct err *e);
/* filter-name = 1*<any ATOM-CHAR except "/"> */
bool imap_filter_name(struct span s);
/* 1*search-key only, to the end of the cursor; fills root, keys and the has_ fields. */
int imap_search_keys(struct arena *a, struct imap_args *g, struct imap_search *out, struct err *e);
