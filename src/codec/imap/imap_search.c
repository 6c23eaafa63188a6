#include "codec/imap/imap_search.h"
#include "base/scan.h"
#include "codec/imap/imap_date.h"
#include "codec/imap/imap_lex.h"
#include "codec/imap/imap_set.h"

struct parse {
	struct arena *a;
	struct imap_args *g;
	struct imap_search *out;
	size_t count;
	bool fuzzy; /* inside a FUZZY key */
	struct err *e;
};

/* How a key's arguments look. */
enum form { NONE, FLAG, NOT_FLAG, KEYWORD, NOT_KEYWORD, FIELD, VALUE, DAY, SIZE, SECONDS, OBJECT };

struct row {
	const char *name;
	enum imap_search_kind kind;
	enum form form;
	const char *fixed; /* FLAG, NOT_FLAG, FIELD: key->name */
};

static const struct row rows[] = {
	{"ALL", IMAP_SEARCH_ALL, NONE},
	{"RECENT", IMAP_SEARCH_RECENT, NONE},
	{"SAVEDATESUPPORTED", IMAP_SEARCH_SAVEDATESUPPORTED, NONE},
	{"ANSWERED", IMAP_SEARCH_FLAG, FLAG, "\\Answered"},
	{"DELETED", IMAP_SEARCH_FLAG, FLAG, "\\Deleted"},
	{"DRAFT", IMAP_SEARCH_FLAG, FLAG, "\\Draft"},
	{"FLAGGED", IMAP_SEARCH_FLAG, FLAG, "\\Flagged"},
	{"SEEN", IMAP_SEARCH_FLAG, FLAG, "\\Seen"},
	{"UNANSWERED", IMAP_SEARCH_FLAG, NOT_FLAG, "\\Answered"},
	{"UNDELETED", IMAP_SEARCH_FLAG, NOT_FLAG, "\\Deleted"},
	{"UNDRAFT", IMAP_SEARCH_FLAG, NOT_FLAG, "\\Draft"},
	{"UNFLAGGED", IMAP_SEARCH_FLAG, NOT_FLAG, "\\Flagged"},
	{"UNSEEN", IMAP_SEARCH_FLAG, NOT_FLAG, "\\Seen"},
	{"KEYWORD", IMAP_SEARCH_FLAG, KEYWORD},
	{"UNKEYWORD", IMAP_SEARCH_FLAG, NOT_KEYWORD},
	{"BCC", IMAP_SEARCH_HEADER, FIELD, "Bcc"},
	{"CC", IMAP_SEARCH_HEADER, FIELD, "Cc"},
	{"FROM", IMAP_SEARCH_HEADER, FIELD, "From"},
	{"SUBJECT", IMAP_SEARCH_HEADER, FIELD, "Subject"},
	{"TO", IMAP_SEARCH_HEADER, FIELD, "To"},
	{"BODY", IMAP_SEARCH_BODY, VALUE},
	{"TEXT", IMAP_SEARCH_TEXT, VALUE},
	{"BEFORE", IMAP_SEARCH_BEFORE, DAY},
	{"ON", IMAP_SEARCH_ON, DAY},
	{"SINCE", IMAP_SEARCH_SINCE, DAY},
	{"SENTBEFORE", IMAP_SEARCH_SENTBEFORE, DAY},
	{"SENTON", IMAP_SEARCH_SENTON, DAY},
	{"SENTSINCE", IMAP_SEARCH_SENTSINCE, DAY},
	{"SAVEDBEFORE", IMAP_SEARCH_SAVEDBEFORE, DAY},
	{"SAVEDON", IMAP_SEARCH_SAVEDON, DAY},
	{"SAVEDSINCE", IMAP_SEARCH_SAVEDSINCE, DAY},
	{"LARGER", IMAP_SEARCH_LARGER, SIZE},
	{"SMALLER", IMAP_SEARCH_SMALLER, SIZE},
	{"YOUNGER", IMAP_SEARCH_YOUNGER, SECONDS},
	{"OLDER", IMAP_SEARCH_OLDER, SECONDS},
	{"EMAILID", IMAP_SEARCH_EMAILID, OBJECT},
	{"THREADID", IMAP_SEARCH_THREADID, OBJECT},
};

static struct imap_search_key *key_parse(struct parse *p, unsigned depth);

static void *bad(struct parse *p, const char *say)
{
	err_set(p->e, ERR_SYNTAX, say, "token %zu of %zu", p->g->at, p->g->n);
	return NULL;
}

static struct imap_search_key *key_new(struct parse *p, enum imap_search_kind kind)
{
	struct imap_search_key *k;

	if (p->count++ >= IMAP_SEARCH_KEYS_MAX) {
		err_set(p->e, ERR_LIMIT, "Too many search keys", "over %d", IMAP_SEARCH_KEYS_MAX);
		return NULL;
	}
	k = ARENA_NEW(p->a, struct imap_search_key);
	k->kind = kind;
	k->fuzzy = p->fuzzy;
	return k;
}

static struct imap_search_key *key_over(
	struct parse *p, enum imap_search_kind kind, struct imap_search_key *child)
{
	struct imap_search_key *k = child ? key_new(p, kind) : NULL;

	if (k)
		k->child = child;
	return k;
}

/* objectid = 1*255(ALPHA / DIGIT / "_" / "-") */
static bool is_object(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '_' || c == '-';
}

/* flag-keyword = atom */
static bool keyword_take(struct imap_args *g, struct span *out)
{
	return imap_args_atom(g, out) && out->p[0] != '\\' && span_chr(*out, '[') != 0;
}

static bool form_take(struct parse *p, const struct row *row, struct imap_search_key *k)
{
	struct span s, word;

	switch (row->form) {
	case NONE:
		return true;
	case FLAG:
	case NOT_FLAG:
		k->name = span_str(row->fixed);
		return true;
	case KEYWORD:
	case NOT_KEYWORD:
		return keyword_take(p->g, &k->name);
	case FIELD:
		k->name = span_str(row->fixed);
		return imap_args_astring(p->g, &k->value);
	case VALUE:
		return imap_args_astring(p->g, &k->value);
	case DAY:
		return imap_args_astring(p->g, &s) && imap_date_parse(s, &k->day, NULL) == 0;
	case SIZE:
		return imap_args_number(p->g, &k->num, 0, INT64_MAX);
	case SECONDS:
		return imap_args_number(p->g, &k->num, 1, UINT32_MAX);
	case OBJECT:
		if (!imap_args_astring(p->g, &s))
			return false;
		k->value = s;
		return scan_while(&s, &word, is_object, 1, 255) && !s.n;
	}
	return false;
}

static struct imap_search_key *row_parse(struct parse *p, const struct row *row)
{
	struct imap_search_key *k = key_new(p, row->kind);

	if (!k)
		return NULL;
	if (!form_take(p, row, k))
		return bad(p, "Bad argument of a search key");
	if (row->form == NOT_FLAG || row->form == NOT_KEYWORD)
		return key_over(p, IMAP_SEARCH_NOT, k);
	return k;
}

/* "HEADER" SP header-fld-name SP astring */
static struct imap_search_key *header_parse(struct parse *p)
{
	struct imap_search_key *k = key_new(p, IMAP_SEARCH_HEADER);

	if (k && (!imap_args_astring(p->g, &k->name) || !k->name.n ||
			 !imap_args_astring(p->g, &k->value)))
		return bad(p, "Bad argument of a search key");
	return k;
}

/* "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer (RFC 7162) */
static struct imap_search_key *modseq_parse(struct parse *p)
{
	struct imap_search_key *k = key_new(p, IMAP_SEARCH_MODSEQ);

	if (!k)
		return NULL;
	p->out->has_modseq = true;
	if (imap_args_string(p->g, &k->name) && !imap_args_word(p->g, "all") &&
		!imap_args_word(p->g, "shared") && !imap_args_word(p->g, "priv"))
		return bad(p, "Bad argument of a search key");
	if (!imap_args_number(p->g, &k->num, 0, INT64_MAX))
		return bad(p, "Bad argument of a search key");
	return k;
}

bool imap_filter_name(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!imap_is_atom(s.p[i]) || s.p[i] == '/')
			return false;
	return s.n;
}

/* "FILTER" SP filter-name (RFC 5466) */
static struct imap_search_key *filter_parse(struct parse *p)
{
	struct imap_search_key *k = key_new(p, IMAP_SEARCH_FILTER);

	if (k && (!imap_args_atom(p->g, &k->name) || !imap_filter_name(k->name)))
		return bad(p, "Name of a filter expected");
	p->out->has_filter = true;
	return k;
}

/* "UIDAFTER" / "UIDBEFORE" SP uniqueid (RFC 9738): a set, or no message at all */
static struct imap_search_key *uid_bound(struct parse *p, bool after)
{
	struct imap_search_key *k = key_new(p, IMAP_SEARCH_UID);
	uint64_t uid;

	if (!k)
		return NULL;
	if (!imap_args_number(p->g, &uid, 1, UINT32_MAX))
		return bad(p, "Bad argument of a search key");
	if (uid == (after ? UINT32_MAX : 1)) {
		k->kind = IMAP_SEARCH_ALL;
		return key_over(p, IMAP_SEARCH_NOT, k);
	}
	k->set = after ? arena_printf(p->a, "%llu:%lu", (unsigned long long)uid + 1, (unsigned long)UINT32_MAX) :
			 arena_printf(p->a, "1:%llu", (unsigned long long)uid - 1);
	return k;
}

/* sequence-set / "$" */
static struct imap_search_key *set_parse(struct parse *p, enum imap_search_kind kind)
{
	struct imap_search_key *k = key_new(p, kind);
	struct span s;

	if (!k)
		return NULL;
	if (!imap_args_atom(p->g, &s))
		return bad(p, "Sequence set expected");
	if (span_eqz(s, "$")) {
		k->kind = IMAP_SEARCH_SAVED;
		p->out->has_saved = true;
		return k;
	}
	if (!imap_set_valid(s))
		return bad(p, "Bad sequence set");
	k->set = s;
	return k;
}

/* search-key *(SP search-key), all of which must hold */
static struct imap_search_key *all_parse(struct parse *p, unsigned depth)
{
	struct imap_search_key *first = NULL, **last = &first;

	do {
		*last = key_parse(p, depth);
		if (!*last)
			return NULL;
		last = &(*last)->next;
	} while (p->g->at < p->g->n);
	return first->next ? key_over(p, IMAP_SEARCH_AND, first) : first;
}

static struct imap_search_key *list_parse(struct parse *p, unsigned depth)
{
	struct imap_args list, *outer = p->g;
	struct imap_search_key *k;

	if (!imap_args_list(outer, &list) || imap_args_end(&list))
		return bad(p, "Search key expected");
	p->g = &list;
	k = all_parse(p, depth);
	p->g = outer;
	return k;
}

static struct imap_search_key *or_parse(struct parse *p, unsigned depth)
{
	struct imap_search_key *a = key_parse(p, depth);

	if (!a)
		return NULL;
	a->next = key_parse(p, depth);
	return a->next ? key_over(p, IMAP_SEARCH_OR, a) : NULL;
}

/* NEW = RECENT UNSEEN, OLD = NOT RECENT */
static struct imap_search_key *recent_parse(struct parse *p, bool want_new)
{
	static const struct row unseen = {"UNSEEN", IMAP_SEARCH_FLAG, NOT_FLAG, "\\Seen"};
	struct imap_search_key *k = key_new(p, IMAP_SEARCH_RECENT);

	if (!k || !want_new)
		return key_over(p, IMAP_SEARCH_NOT, k);
	k->next = row_parse(p, &unseen);
	return k->next ? key_over(p, IMAP_SEARCH_AND, k) : NULL;
}

/* "FUZZY" SP search-key (RFC 6203) */
static struct imap_search_key *fuzzy_parse(struct parse *p, unsigned depth)
{
	struct imap_search_key *k;
	bool outer = p->fuzzy;

	p->fuzzy = p->out->has_fuzzy = true;
	k = key_parse(p, depth);
	p->fuzzy = outer;
	return k;
}

static struct imap_search_key *key_parse(struct parse *p, unsigned depth)
{
	struct imap_args *g = p->g;
	const struct tok *t = imap_args_peek(g);

	if (depth > IMAP_SEARCH_DEPTH_MAX) {
		err_set(p->e, ERR_LIMIT, "Search keys nested too deep", "over %d",
			IMAP_SEARCH_DEPTH_MAX);
		return NULL;
	}
	if (t && t->kind == TOK_OPEN)
		return list_parse(p, depth + 1);
	if (!t || t->kind != TOK_ATOM || !t->text.n)
		return bad(p, "Search key expected");
	if (ascii_digit(t->text.p[0]) || t->text.p[0] == '*' || t->text.p[0] == '$') {
		p->out->has_numbers |= t->text.p[0] != '$';
		return set_parse(p, IMAP_SEARCH_SEQ);
	}
	if (imap_args_word(g, "UID"))
		return set_parse(p, IMAP_SEARCH_UID);
	if (imap_args_word(g, "UIDAFTER"))
		return uid_bound(p, true);
	if (imap_args_word(g, "UIDBEFORE"))
		return uid_bound(p, false);
	if (imap_args_word(g, "NOT"))
		return key_over(p, IMAP_SEARCH_NOT, key_parse(p, depth + 1));
	if (imap_args_word(g, "FILTER"))
		return filter_parse(p);
	if (imap_args_word(g, "FUZZY"))
		return fuzzy_parse(p, depth + 1);
	if (imap_args_word(g, "OR"))
		return or_parse(p, depth + 1);
	if (imap_args_word(g, "HEADER"))
		return header_parse(p);
	if (imap_args_word(g, "MODSEQ"))
		return modseq_parse(p);
	if (imap_args_word(g, "NEW") || imap_args_word(g, "OLD"))
		return recent_parse(p, span_ieqz(t->text, "NEW"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (imap_args_word(g, rows[i].name))
			return row_parse(p, &rows[i]);
	return bad(p, "Unknown search key");
}

int imap_search_keys(struct arena *a, struct imap_args *g, struct imap_search *out, struct err *e)
{
	struct err own = ERR_INIT;
	struct parse p = {a, g, out, 0, false, e ? e : &own};

	out->root = NULL;
	out->has_modseq = out->has_saved = out->has_numbers = out->has_fuzzy = out->has_filter = false;
	out->root = all_parse(&p, 1);
	out->keys = p.count;
	if (out->root && (out->ret & IMAP_RETURN_RELEVANCY) && !out->has_fuzzy && !out->has_filter)
		return err_set(p.e, ERR_SYNTAX, "RELEVANCY needs a FUZZY key", "none");
	return out->root ? 0 : p.e->code;
}

int imap_search_fill(
	struct arena *a, struct imap_search *q, struct imap_search_key *filter, struct span text, struct err *e)
{
	struct imap_search_key *next = filter->next, *k;
	struct err own = ERR_INIT;
	struct parse p = {a, NULL, q, q->keys, filter->fuzzy, e ? e : &own};
	struct imap_command cmd;
	struct imap_args g;

	if (imap_lex(a, arena_printf(a, "f SEARCH %.*s", SPAN_F(text)), NULL, 0, &cmd, p.e) < 0)
		return p.e->code;
	g = imap_args(cmd.args.v, cmd.args.n);
	p.g = &g;
	k = all_parse(&p, 1);
	q->keys = p.count;
	if (!k)
		return p.e->code;
	*filter = *k;
	filter->next = next;
	return 0;
}

/* search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
 * search-return-opt =/ "PARTIAL" SP partial-range, not together with ALL (RFC 9394) */
int imap_return_parse(struct imap_args *g, struct imap_search *out, struct err *e)
{
	static const struct {
		const char *name;
		unsigned bit;
	} opts[] = {{"ALL", IMAP_RETURN_ALL}, {"COUNT", IMAP_RETURN_COUNT},
		{"MIN", IMAP_RETURN_MIN}, {"MAX", IMAP_RETURN_MAX}, {"SAVE", IMAP_RETURN_SAVE},
		{"PARTIAL", IMAP_RETURN_PARTIAL}, {"RELEVANCY", IMAP_RETURN_RELEVANCY},
		{"UPDATE", IMAP_RETURN_UPDATE}, {"CONTEXT", IMAP_RETURN_CONTEXT}};
	size_t n = sizeof(opts) / sizeof(*opts);
	struct imap_args list;
	struct span range;

	if (!imap_args_word(g, "RETURN"))
		return 0;
	out->has_return = true;
	if (!imap_args_list(g, &list))
		return err_set(e, ERR_SYNTAX, "List expected after RETURN", "none");
	out->ret = list.n ? 0 : IMAP_RETURN_ALL;
	while (list.at < list.n) {
		size_t i = 0;

		while (i < n && !imap_args_word(&list, opts[i].name))
			i++;
		if (i == n)
			return err_set(
				e, ERR_SYNTAX, "Unknown RETURN option", "option %zu", list.at);
		if (opts[i].bit == IMAP_RETURN_PARTIAL &&
			((out->ret & IMAP_RETURN_PARTIAL) || !imap_args_atom(&list, &range) ||
				!imap_partial_parse(range, &out->partial)))
			return err_set(e, ERR_SYNTAX, "PARTIAL takes one range", "option %zu", list.at);
		out->ret |= opts[i].bit;
	}
	if ((out->ret & IMAP_RETURN_PARTIAL) && (out->ret & IMAP_RETURN_ALL))
		return err_set(e, ERR_SYNTAX, "PARTIAL and ALL exclude each other", "both");
	return 0;
}

int imap_search_parse(struct arena *a, struct imap_args *g, struct imap_search *out, struct err *e)
{
	int r;

	*out = (struct imap_search){NULL};
	r = imap_return_parse(g, out, e);
	if (r < 0)
		return r;
	if (imap_args_word(g, "CHARSET") && !imap_args_astring(g, &out->charset))
		return err_set(e, ERR_SYNTAX, "Charset expected", "none");
	return imap_search_keys(a, g, out, e);
}
