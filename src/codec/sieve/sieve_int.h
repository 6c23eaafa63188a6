/* sieve_int.h - what the files of codec/sieve share: tree, tables, a run. */
#pragma once
#include "codec/mime/mime_parse.h"
#include "codec/sieve/sieve.h"

/* ---- extensions: bit = row in sieve_word.c's table ---- */
enum sieve_ext { EXT_NONE, EXT_FILEINTO, EXT_REJECT, EXT_EREJECT, EXT_ENVELOPE, EXT_COPY, EXT_VARIABLES, EXT_RELATIONAL,
	EXT_NUMERIC, EXT_UNICODE, EXT_OCTET, EXT_CASEMAP, EXT_SUBADDRESS, EXT_FLAGS, EXT_BODY, EXT_VACATION, EXT_VACATION_SEC,
	EXT_DATE, EXT_INDEX, EXT_ENVIRONMENT, EXT_IHAVE, EXT_INCLUDE, EXT_DUPLICATE, EXT_EDITHEADER, EXT_REGEX, EXT_MAILBOX,
	EXT_SPECIAL_USE, EXT_MAILBOX_ID, EXT_FCC, EXT_MIME, EXT_FOREVERYPART, EXT_EXTRACTTEXT, EXT_ENOTIFY,
	EXT_EXTLISTS, EXT_MBOXMETADATA, EXT_SERVERMETADATA, EXT_IMAPSIEVE, EXT_SPAMTEST, EXT_SPAMTESTPLUS, EXT_VIRUSTEST, EXT_ENCODED, EXT_COUNT };
#define EXT_BIT(x) (1ULL << (x))

/* ---- tags ---- */
enum sieve_tag_id { TAG_IS, TAG_CONTAINS, TAG_MATCHES, TAG_REGEX, TAG_COUNT, TAG_VALUE, TAG_LIST, TAG_COMPARATOR,
	TAG_LOCALPART, TAG_DOMAIN, TAG_ALL, TAG_USER, TAG_DETAIL, TAG_OVER, TAG_UNDER, TAG_COPY, TAG_CREATE, TAG_FLAGS,
	TAG_SPECIALUSE, TAG_MAILBOXID, TAG_FCC, TAG_DAYS, TAG_SECONDS, TAG_SUBJECT, TAG_FROM, TAG_ADDRESSES, TAG_MIME,
	TAG_HANDLE, TAG_RAW, TAG_CONTENT, TAG_TEXT, TAG_ZONE, TAG_ORIGINALZONE, TAG_INDEX, TAG_LAST, TAG_HEADER,
	TAG_UNIQUEID, TAG_LOWER, TAG_UPPER, TAG_LOWERFIRST, TAG_UPPERFIRST, TAG_QUOTEWILDCARD, TAG_QUOTEREGEX, TAG_LENGTH,
	TAG_ENCODEURL, TAG_ANYCHILD, TAG_TYPE, TAG_SUBTYPE, TAG_CONTENTTYPE, TAG_PARAM, TAG_FIRST, TAG_NAME, TAG_IMPORTANCE,
	TAG_OPTIONS, TAG_MESSAGE, TAG_PERSONAL, TAG_GLOBAL, TAG_ONCE, TAG_OPTIONAL, TAG_PERCENT, TAG_ID_COUNT };
#define T(x) (1ULL << TAG_##x)
#define TAGS_MATCH (T(IS) | T(CONTAINS) | T(MATCHES) | T(REGEX) | T(COUNT) | T(VALUE) | T(LIST) | T(COMPARATOR))
#define TAGS_PART (T(LOCALPART) | T(DOMAIN) | T(ALL) | T(USER) | T(DETAIL))
#define TAGS_INDEX (T(INDEX) | T(LAST))
#define TAGS_MIME (T(MIME) | T(ANYCHILD) | T(TYPE) | T(SUBTYPE) | T(CONTENTTYPE) | T(PARAM))

struct sieve_tag {
	const char *name;
	enum sieve_ext ext;
	char group;                  /* at most one of a group; 0 none */
	char arg;                    /* 0, 's' string, 'l' strings, 'n' number */
};
extern const struct sieve_tag sieve_tags[TAG_ID_COUNT];

/* ---- tree ---- */
enum sieve_kind { SIEVE_NUMBER, SIEVE_STRING, SIEVE_STRINGS, SIEVE_TAG };
struct sieve_value {
	enum sieve_kind kind;
	unsigned line, column;
	uint64_t number;
	struct span *v;              /* strings; a tag's name without colon */
	size_t n;
	enum sieve_tag_id tag;       /* SIEVE_TAG, after the check */
	const struct sieve_value *of;/* the tag's own argument */
};
struct sieve_node {
	const struct sieve_word *word;   /* NULL: unknown, allowed by ihave, fails when it is reached */
	struct span name;
	unsigned line, column;
	struct sieve_value *args;    /* as written; after the check tags first, then positional ones */
	size_t n_args, n_tags;
	uint64_t tags;
	struct sieve_node *tests, *block, *next;
	bool has_list, has_block;    /* tests in parentheses; "{" instead of ";" */
};
struct sieve_script {
	struct sieve_node *first;
	uint64_t exts;
	bool events_only;            /* required "imapsieve" */
	size_t n_nodes;
};

/* ---- words: commands and tests ---- */
struct sieve_run;
enum { WORD_COMMAND = 1, WORD_TEST = 2, WORD_BLOCK = 4, WORD_ONE_TEST = 8, WORD_TEST_LIST = 16 };
struct sieve_check;
struct sieve_word {
	const char *name;
	enum sieve_ext ext;
	unsigned form;
	const char *args;            /* 's', 'l', 'n'; "?l" in front: may be left out */
	uint64_t tags;
	int (*check)(struct sieve_check *c, struct sieve_node *n);  /* more rules; may be NULL */
	int (*run)(struct sieve_run *r, const struct sieve_node *n);  /* tests: 1, 0; <0 fails */
};
const struct sieve_word *sieve_word_find(struct span name, unsigned form);
enum sieve_ext sieve_ext_find(struct span name);             /* EXT_NONE: unknown */

struct sieve_check {
	struct arena *a;
	struct sieve_error *why;
	uint64_t exts;
	bool ihave, events_only;
	unsigned loops;              /* foreverypart around us */
	struct span loop_names[8];
};
int sieve_fail(struct sieve_error *why, int class, unsigned line, unsigned column, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
#define check_fail(c, at, ...) sieve_fail((c)->why, ERR_SYNTAX, (at)->line, (at)->column, __VA_ARGS__)
int sieve_need(struct sieve_check *c, const struct sieve_value *at, enum sieve_ext ext, const char *what);
int sieve_check_script(struct sieve_check *c, struct sieve_script *s);
int sieve_check_block(struct sieve_check *c, struct sieve_node *first);
int sieve_check_match(struct sieve_check *c, struct sieve_node *n);      /* comparator, regex keys, index */
int sieve_check_index(struct sieve_check *c, struct sieve_node *n);
int sieve_check_fcc(struct sieve_check *c, struct sieve_node *n);
const struct sieve_value *sieve_tag_arg(const struct sieve_node *n, enum sieve_tag_id tag);   /* NULL: not there */
static inline const struct sieve_value *sieve_arg(const struct sieve_node *n, size_t i)
{
	return n->n_tags + i < n->n_args ? &n->args[n->n_tags + i] : NULL;
}
int sieve_parse(struct arena *a, struct span text, const struct sieve_limits *l, struct sieve_script *out,
	struct sieve_error *why);
bool sieve_variable_name(struct span name);   /* an identifier, or namespace.identifier */
bool sieve_static(const struct sieve_check *c, struct span s);    /* no ${...} in it */

/* ---- a run ---- */
#define SIEVE_VARIABLES_MAX 256
#define SIEVE_VALUE_MAX 16384
#define SIEVE_INCLUDES_MAX 50
#define SIEVE_INCLUDE_DEPTH 10
struct sieve_var {
	struct span name, value;
	const struct sieve_script *owner;    /* NULL: global */
};
struct sieve_once {
	struct span name;
	bool global;
};
enum { RUN_GO, RUN_STOP, RUN_RETURN, RUN_BREAK };
struct sieve_run {
	struct arena *a;
	const struct sieve_host *host;
	const struct sieve_script *script;
	struct sieve_result *out;
	uint64_t steps;
	int state;
	const struct sieve_node *break_to;   /* RUN_BREAK: this loop */
	bool implicit_keep;
	struct span header, body;
	struct sieve_var *vars;
	size_t n_vars;
	struct span matched[10];
	size_t n_matched;
	struct span *flags;
	size_t n_flags;
	struct mime_part *root, *part;       /* root read when first asked; part of foreverypart */
	unsigned loop_depth;
	const struct sieve_node *loops[8];
	struct sieve_once *once;
	struct { struct span name; const struct sieve_script *owner; } *globals;
	size_t n_globals;
	size_t n_included;
	unsigned include_depth;
	unsigned redirects;
};
int run_spend(struct sieve_run *r, uint64_t octets);
/* Fails where there is no delivery: there is nobody to whom it could be refused or answered (RFC 6785 section 3). */
int run_delivers(struct sieve_run *r, const struct sieve_node *n);
int run_may_begin(struct sieve_run *r, const struct sieve_node *n, const struct sieve_script *script);
int run_fail(struct sieve_run *r, const struct sieve_node *n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int run_block(struct sieve_run *r, const struct sieve_node *first);
int run_test(struct sieve_run *r, const struct sieve_node *n);
/* Strings with their variables filled in. */
int run_str(struct sieve_run *r, struct span s, struct span *out);
int run_strs(struct sieve_run *r, const struct sieve_value *v, struct span **out, size_t *n_out);
int run_tag_str(struct sieve_run *r, const struct sieve_node *n, enum sieve_tag_id tag, struct span *out);  /* none: absent */
int run_var_set(struct sieve_run *r, const struct sieve_node *n, struct span name, struct span value);
struct sieve_action *run_act(struct sieve_run *r, const struct sieve_node *n, enum sieve_action_kind kind);  /* NULL: failed */
int run_flags(struct sieve_run *r, const struct sieve_node *n, struct span **out, size_t *n_out);   /* :flags or the variable */
int run_root(struct sieve_run *r, struct mime_part **out);

/* One test's match: keys once, then value by value until one fits. */
struct sieve_match {
	struct sieve_run *r;
	const struct sieve_node *node;
	enum sieve_tag_id how;
	int comparator;
	int relation;
	struct span *keys;
	size_t n_keys;
	uint64_t count;
	void **patterns;             /* compiled regex, of the keys */
};
int match_open(struct sieve_match *m, struct sieve_run *r, const struct sieve_node *n, const struct sieve_value *keys);
int match_add(struct sieve_match *m, struct span value);     /* 1: fits */
int match_end(struct sieve_match *m, int so_far);            /* the test's answer; :count is decided here. Always call. */
/* header: the values of one field of a header block, decoded; calls until 1. */
struct sieve_pick {
	int64_t index;               /* 0: all; from the front, or from the back when last */
	bool last;
};
struct sieve_pick run_pick(const struct sieve_node *n);
size_t run_fields(struct sieve_run *r, struct span header, struct span name, struct sieve_pick pick, struct span **raw_out);
struct span run_text(struct sieve_run *r, struct span raw);  /* unfolded, words decoded, trimmed */
struct span run_part_header(struct sieve_run *r, const struct mime_part *p);
int regex_check(struct span pattern, char *why, size_t why_len);
int regex_open(struct span pattern, int fold, void **out);
int regex_match(void *re, struct span value, struct span *groups, size_t *n_groups);  /* 1, 0, ERR_LIMIT */
void regex_close(void *re);

/* One row each in sieve_word.c. */
#define W(name) int sieve_run_##name(struct sieve_run *r, const struct sieve_node *n)
#define C(name) int sieve_check_##name(struct sieve_check *c, struct sieve_node *n)
W(if); W(stop); W(keep); W(discard); W(redirect); W(fileinto); W(reject);
W(true); W(false); W(not); W(allof); W(anyof); W(address); W(header); W(envelope); W(exists); W(size);
W(set); W(string); W(setflag); W(addflag); W(removeflag); W(hasflag); W(body); W(vacation); W(date); W(currentdate);
W(environment); W(ihave); W(error); W(include); W(return); W(global); W(duplicate); W(addheader); W(deleteheader);
W(mailboxexists); W(metadata); W(metadataexists); W(servermetadata); W(servermetadataexists); W(specialuse); W(mailboxidexists);
W(foreverypart); W(break); W(extracttext); W(notify); W(validnotify); W(validlist); W(notifycapability); W(spamtest);
W(virustest);
C(size); C(set); C(vacation); C(date); C(include); C(global); C(duplicate); C(foreverypart); C(break); C(extracttext);
C(notify); C(deleteheader); C(header); C(ihave); C(address); C(flags);
#undef W
#undef C
