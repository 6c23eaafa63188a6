#include "domain/mail/search.h"
#include "codec/imap/imap_date.h"
#include "codec/mime/mime_charset.h"
#include "codec/mime/mime_fold.h"
#include "base/log.h"
#include "base/scan.h"
#include "codec/find/fuzzy.h"
#include "domain/mail/mail_index.h"
#include <stdlib.h>
#include <string.h>

#define NEEDLE_MAX 65536
#define FUZZY_ASKED 8             /* words of a fuzzy key that the index is asked for */
#define INDEX_MIN 50              /* fewer messages are looked at faster than the index is opened */

enum level { LEVEL_ID, LEVEL_ROW, LEVEL_SUMMARY, LEVEL_BODY };
enum verdict { NO, YES, OPEN };   /* OPEN: a later level decides */

struct node {
	enum imap_search_kind kind;
	enum level level;         /* the highest of its leaves: children are asked in this order */
	struct node *child, *next;
	struct imap_set set;
	uint64_t bit, num;
	int64_t day;
	struct span name, needle;
	struct fuzzy *fuzzy;      /* of a FUZZY key with words; else NULL */
	unsigned score;           /* of it, for the message looked at */
	bool narrowed;            /* of the indexed emails only these candidates can fit */
	struct mail_candidates candidates;
};

struct search {
	struct org *org;
	struct tx *tx;
	struct arena *a, *scratch;
	const struct mailbox *box;
	const struct mail_search *how;
	enum level level;
	struct seal_key key;          /* the account's, once needed */
	bool has_key;
	struct mail_index *index;     /* once needed */
	uint64_t indexed;             /* emails up to this id are in it */
	bool damaged;                 /* the index cannot be read: all is looked at plainly */
	struct message *m;
	struct span body, body_text;  /* of this message, once needed */
	bool has_body, has_body_text;
	uint64_t decided, goal;       /* messages */
};

static const char *const summary_fields[] = { "from", "to", "cc", "bcc", "subject", "message-id" };

static bool in_summary(struct span name)
{
	for (size_t i = 0; i < sizeof(summary_fields) / sizeof(*summary_fields); i++)
		if (span_ieqz(name, summary_fields[i]))
			return true;
	return false;
}

static enum level leaf_level(const struct node *n)
{
	switch (n->kind) {
	case IMAP_SEARCH_HEADER:
		return in_summary(n->name) ? LEVEL_SUMMARY : LEVEL_BODY;
	case IMAP_SEARCH_SENTBEFORE:
	case IMAP_SEARCH_SENTON:
	case IMAP_SEARCH_SENTSINCE:
		return LEVEL_SUMMARY;
	case IMAP_SEARCH_BODY:
	case IMAP_SEARCH_TEXT:
		return LEVEL_BODY;
	case IMAP_SEARCH_ALL:
	case IMAP_SEARCH_SEQ:
	case IMAP_SEARCH_UID:
	case IMAP_SEARCH_SAVED:
	case IMAP_SEARCH_EMAILID:
		return LEVEL_ID;
	default:
		return LEVEL_ROW;
	}
}

static uint64_t flag_bit(const struct mailbox *box, struct span name)
{
	static const char *const names[] = { "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft" };

	for (size_t i = 0; i < 5; i++)
		if (span_ieqz(name, names[i]))
			return (uint64_t)1 << i;
	for (size_t i = 0; i < box->n_keywords; i++)
		if (span_ieq(name, box->keywords[i]))
			return (uint64_t)1 << (FLAG_KEYWORD_SHIFT + i);
	return 0;
}

static int node_set(struct search *s, const struct imap_search_key *k, struct node *n, struct err *e)
{
	const struct uid_set *known = s->how->uids;
	uint32_t max = k->kind == IMAP_SEARCH_SEQ ? uid_set_count(known) : uid_set_max(known);
	struct imap_set set;

	if (k->kind == IMAP_SEARCH_SAVED) {
		uid_set_existing(s->a, known, s->how->saved, &n->set);
		return 0;
	}
	if (imap_set_parse(s->a, k->set, max, &set, e) < 0)
		return e->code;
	if (k->kind == IMAP_SEARCH_SEQ)
		uid_set_from_seqs(s->a, known, &set, &n->set);
	else
		uid_set_existing(s->a, known, &set, &n->set);
	return 0;
}

/* Children in the order of their cost, cheap ones first. */
static void node_adopt(struct node *n, struct node *child)
{
	struct node **at = &n->child;

	while (*at && (*at)->level <= child->level)
		at = &(*at)->next;
	child->next = *at;
	*at = child;
	if (child->level > n->level)
		n->level = child->level;
}

static unsigned where_of(const struct node *n)
{
	if (n->kind == IMAP_SEARCH_BODY)
		return 1 << WHERE_BODY;
	if (n->kind == IMAP_SEARCH_TEXT)
		return 1 << WHERE_HEADER | 1 << WHERE_BODY;
	if (span_ieqz(n->name, "from"))
		return 1 << WHERE_FROM;
	if (span_ieqz(n->name, "subject"))
		return 1 << WHERE_SUBJECT;
	if (span_ieqz(n->name, "to") || span_ieqz(n->name, "cc") || span_ieqz(n->name, "bcc"))
		return 1 << WHERE_TO;
	return 1 << WHERE_HEADER;
}

/* s->indexed: 0 when the index is of no use. */
static int index_ready(struct search *s, struct err *e)
{
	if (s->how->plain || s->damaged || s->box->messages < INDEX_MIN)
		return 0;
	if (!s->index && mail_index_open(s->org, s->tx, s->a, s->box->account_id, &s->index, &s->indexed, e) < 0)
		return e->code;
	return 0;
}

/* A search that is slow is better than none. */
static int without_index(struct search *s, struct err *e)
{
	struct logline l;

	if (e->code != ERR_BROKEN)
		return e->code;
	if (!s->damaged) {
		log_begin(&l, "search_index_damaged");
		log_ki(&l, "account", (int64_t)s->box->account_id);
		log_kz(&l, "msg", e->log);
		log_end(&l);
	}
	s->damaged = true;
	s->indexed = 0;
	err_clear(e);
	return 0;
}

/* What the index knows of a text; verdicts stay those of the messages themselves. */
static int narrow(struct search *s, struct node *n, struct err *e)
{
	if (!mail_index_useful(where_of(n), n->needle))
		return 0;
	if (index_ready(s, e) < 0)
		return e->code;
	if (!s->indexed)
		return 0;
	n->narrowed = true;
	return mail_index_find(s->index, where_of(n), n->needle, &n->candidates, e);
}

static int by_id(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Emails with any of the word's pieces. */
static int narrow_word(struct search *s, unsigned where, const struct fuzzy_word *w, struct mail_candidates *out, struct err *e)
{
	struct mail_candidates part[FUZZY_PIECES];
	size_t n = 0, to = 0;

	for (size_t i = 0; i < w->n_pieces; i++) {
		if (mail_index_find(s->index, where, w->piece[i], &part[i], e) < 0)
			return e->code;
		n += part[i].n;
	}
	*out = (struct mail_candidates){ ARENA_ARRAY(s->a, uint64_t, n + 1), 0, 0 };
	for (size_t i = 0; i < w->n_pieces; i++)
		for (size_t k = 0; k < part[i].n; k++)
			out->v[out->n++] = part[i].v[k] & ~UINT64_C(1); /* a piece is not the word */
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_id);
	for (size_t i = 0; i < out->n; i++)
		if (!to || out->v[to - 1] != out->v[i])
			out->v[to++] = out->v[i];
	out->n = to;
	return 0;
}

static bool pieces_useful(unsigned where, const struct fuzzy_word *w)
{
	for (size_t i = 0; i < w->n_pieces; i++)
		if (!mail_index_useful(where, w->piece[i]))
			return false;
	return true;
}

/* What has no piece of a word cannot fit: with and without the index the answers are the same. */
static int narrow_fuzzy(struct search *s, struct node *n, struct err *e)
{
	struct mail_candidates word;
	size_t to;

	if (index_ready(s, e) < 0)
		return e->code;
	for (size_t k = 0, asked = 0; s->indexed && k < n->fuzzy->n && asked < FUZZY_ASKED; k++) {
		if (!pieces_useful(where_of(n), &n->fuzzy->v[k]))
			continue;
		if (narrow_word(s, where_of(n), &n->fuzzy->v[k], asked ? &word : &n->candidates, e) < 0)
			return e->code;
		n->narrowed = true;
		if (!asked++)
			continue;
		to = 0;
		for (size_t i = 0; i < n->candidates.n; i++)
			if (mail_candidate(&word, n->candidates.v[i] >> 1))
				n->candidates.v[to++] = n->candidates.v[i];
		n->candidates.n = to;
	}
	return 0;
}

static int text_make(struct search *s, const struct imap_search_key *k, struct node *n, struct err *e)
{
	n->needle = mime_fold(s->a, mime_charset_utf8(s->a, k->value,
		s->how->query->charset.n ? s->how->query->charset : SPAN("utf-8"), NEEDLE_MAX));
	if (k->fuzzy) {
		n->fuzzy = ARENA_NEW(s->a, struct fuzzy);
		if (fuzzy_parse(s->a, n->needle, n->fuzzy, e) < 0)
			return e->code;
		if (!n->fuzzy->n)
			n->fuzzy = NULL; /* no words: compared as it is */
	}
	if ((n->fuzzy ? narrow_fuzzy(s, n, e) : narrow(s, n, e)) < 0)
		return without_index(s, e);
	return 0;
}

static int node_make(struct search *s, const struct imap_search_key *k, struct node **out, struct err *e)
{
	struct node *n = *out = ARENA_NEW(s->a, struct node), *child;

	n->kind = k->kind;
	n->num = k->num;
	n->day = k->day;
	n->name = k->name;
	switch (k->kind) {
	case IMAP_SEARCH_AND:
	case IMAP_SEARCH_OR:
	case IMAP_SEARCH_NOT:
		for (const struct imap_search_key *i = k->child; i; i = i->next) {
			if (node_make(s, i, &child, e) < 0)
				return e->code;
			node_adopt(n, child);
		}
		return 0;
	case IMAP_SEARCH_SEQ:
	case IMAP_SEARCH_UID:
	case IMAP_SEARCH_SAVED:
		return node_set(s, k, n, e);
	case IMAP_SEARCH_FLAG:
		n->bit = flag_bit(s->box, k->name);
		return 0;
	case IMAP_SEARCH_EMAILID:
		if (k->value.n > 1 && ascii_upper(k->value.p[0]) == 'M')
			(void)span_num(span_from(k->value, 1), &n->num, 0, INT64_MAX);
		return 0;
	case IMAP_SEARCH_HEADER:
	case IMAP_SEARCH_BODY:
	case IMAP_SEARCH_TEXT:
		if (text_make(s, k, n, e) < 0)
			return e->code;
		break;
	default:
		break;
	}
	n->level = leaf_level(n);
	return 0;
}

static int read_body(struct search *s, struct err *e)
{
	if (s->has_body)
		return 0;
	s->has_body = true;
	return message_body(s->tx, s->scratch, s->m, &s->body, e);
}

static int header_has(struct search *s, const struct node *n, struct err *e)
{
	struct mime_field f;
	struct span rest;

	if (read_body(s, e) < 0)
		return e->code;
	rest = span_sub(s->body, 0, mime_header_len(s->body));
	while (mime_header_next(&rest, &f))
		if (span_ieq(f.name, n->name) && mime_fold_contains(mail_text_field(s->scratch, &f), n->needle))
			return YES;
	return NO;
}

/* What is attached: PDF, office files. */
static int read_documents(struct search *s, struct span *text_out, struct err *e)
{
	if (!s->has_key && org_key(s->org, s->tx, s->box->account_id, &s->key, e) < 0)
		return e->code;
	s->has_key = true;
	if (mail_index_text(s->tx, s->scratch, &s->key, s->m->email_id, text_out, e) < 0) {
		*text_out = SPAN_NONE;
		return without_index(s, e);
	}
	return 0;
}

static int documents_have(struct search *s, const struct node *n, struct err *e)
{
	struct span text;

	if (read_documents(s, &text, e) < 0)
		return e->code;
	return mime_fold_contains(text, n->needle) ? YES : NO;
}

static int read_texts(struct search *s, struct err *e)
{
	if (read_body(s, e) < 0)
		return e->code;
	if (s->has_body_text)
		return 0;
	s->has_body_text = true;
	return mail_text_body(s->scratch, s->body, SIZE_MAX, &s->body_text, e);
}

static int body_has(struct search *s, const struct node *n, struct err *e)
{
	if (read_texts(s, e) < 0)
		return e->code;
	return mime_fold_contains(s->body_text, n->needle) ? YES : documents_have(s, n, e);
}

static int text_has(struct search *s, const struct node *n, struct err *e)
{
	struct mime_field f;
	struct span rest;

	if (read_body(s, e) < 0)
		return e->code;
	rest = span_sub(s->body, 0, mime_header_len(s->body));
	while (mime_header_next(&rest, &f)) {
		if (mime_fold_contains(mail_text_field(s->scratch, &f), n->needle) ||
			mime_fold_contains(mail_text_field_written(s->scratch, &f), n->needle))
			return YES;
	}
	return body_has(s, n, e);
}

/* A field that the summary has, folded. */
static struct span summary_field(struct search *s, const struct node *n)
{
	const struct mime_summary *y = &s->m->summary;
	const struct span field[] = { y->from, y->to, y->cc, y->bcc, y->subject, y->message_id };
	size_t i = 0;

	while (!span_ieqz(n->name, summary_fields[i]))
		i++;
	return i == 5 && field[i].n ? mime_fold(s->scratch, field[i]) : field[i];
}

static enum verdict summary_has(struct search *s, const struct node *n)
{
	struct span field = summary_field(s, n);

	return field.n && mime_fold_contains(field, n->needle) ? YES : NO;
}

/* Fields of the header of that name, or all. */
static int fuzzy_fields(struct search *s, const struct node *n, struct fuzzy_tally *t, struct err *e)
{
	struct mime_field f;
	struct span rest;

	if (read_body(s, e) < 0)
		return e->code;
	rest = span_sub(s->body, 0, mime_header_len(s->body));
	while (mime_header_next(&rest, &f)) {
		if (n->kind == IMAP_SEARCH_HEADER && !span_ieq(f.name, n->name))
			continue;
		fuzzy_look(n->fuzzy, mail_text_field(s->scratch, &f),
			n->kind == IMAP_SEARCH_HEADER || span_ieqz(f.name, "subject") ? 100 : 85, t);
	}
	return 0;
}

static int fuzzy_body(struct search *s, const struct node *n, struct fuzzy_tally *t, struct err *e)
{
	unsigned weight = n->kind == IMAP_SEARCH_BODY ? 100 : 70;
	struct span documents;

	if (read_texts(s, e) < 0 || read_documents(s, &documents, e) < 0)
		return e->code;
	fuzzy_look(n->fuzzy, s->body_text, weight, t);
	fuzzy_look(n->fuzzy, documents, weight, t);
	return 0;
}

static int fuzzy_has(struct search *s, struct node *n, struct err *e)
{
	struct fuzzy_tally t = { { 0 }, 0 };

	if (n->level == LEVEL_SUMMARY)
		fuzzy_look(n->fuzzy, summary_field(s, n), 100, &t);
	else if (n->kind != IMAP_SEARCH_BODY && fuzzy_fields(s, n, &t, e) < 0)
		return e->code;
	if (n->kind != IMAP_SEARCH_HEADER && fuzzy_body(s, n, &t, e) < 0)
		return e->code;
	n->score = fuzzy_score(n->fuzzy, &t);
	return n->score ? YES : NO;
}

static bool day_fits(enum imap_search_kind kind, int64_t day, int64_t want)
{
	switch (kind) {
	case IMAP_SEARCH_BEFORE:
	case IMAP_SEARCH_SENTBEFORE:
	case IMAP_SEARCH_SAVEDBEFORE:
		return day < want;
	case IMAP_SEARCH_ON:
	case IMAP_SEARCH_SENTON:
	case IMAP_SEARCH_SAVEDON:
		return day == want;
	default:
		return day >= want;
	}
}

static bool row_fits(const struct search *s, const struct node *n)
{
	const struct message *m = s->m;

	switch (n->kind) {
	case IMAP_SEARCH_ALL:
	case IMAP_SEARCH_SAVEDATESUPPORTED:
		return true;
	case IMAP_SEARCH_SEQ:
	case IMAP_SEARCH_UID:
	case IMAP_SEARCH_SAVED:
		return imap_set_contains(&n->set, m->uid);
	case IMAP_SEARCH_FLAG:
		return m->flags & n->bit;
	case IMAP_SEARCH_BEFORE:
	case IMAP_SEARCH_ON:
	case IMAP_SEARCH_SINCE:
		return day_fits(n->kind, imap_day_of(m->received_sec, 0), n->day);
	case IMAP_SEARCH_SAVEDBEFORE:
	case IMAP_SEARCH_SAVEDON:
	case IMAP_SEARCH_SAVEDSINCE:
		return day_fits(n->kind, imap_day_of(m->saved_sec, 0), n->day);
	case IMAP_SEARCH_LARGER:
		return m->size > n->num;
	case IMAP_SEARCH_SMALLER:
		return m->size < n->num;
	case IMAP_SEARCH_YOUNGER:
		return m->received_sec >= s->how->now_sec - (int64_t)n->num;
	case IMAP_SEARCH_OLDER:
		return m->received_sec <= s->how->now_sec - (int64_t)n->num;
	case IMAP_SEARCH_MODSEQ:
		return m->modseq >= n->num;
	case IMAP_SEARCH_EMAILID:
		return n->num && m->email_id == n->num;
	default: /* RECENT, THREADID: no message has it */
		return false;
	}
}

static int leaf(struct search *s, struct node *n, struct err *e)
{
	n->score = 0;
	if (n->narrowed && s->m->email_id <= s->indexed) {
		enum mail_candidate c = mail_candidate(&n->candidates, s->m->email_id);

		if (c != CANDIDATE_MAYBE)
			return c == CANDIDATE_SURE ? YES : NO;
	}
	if (n->level > s->level)
		return OPEN;
	if (n->fuzzy)
		return fuzzy_has(s, n, e);
	switch (n->kind) {
	case IMAP_SEARCH_HEADER:
		return n->level == LEVEL_SUMMARY ? (int)summary_has(s, n) : header_has(s, n, e);
	case IMAP_SEARCH_BODY:
		return body_has(s, n, e);
	case IMAP_SEARCH_TEXT:
		return text_has(s, n, e);
	case IMAP_SEARCH_SENTBEFORE:
	case IMAP_SEARCH_SENTON:
	case IMAP_SEARCH_SENTSINCE:
		return s->m->summary.has_date && day_fits(n->kind,
			imap_day_of(s->m->summary.date_sec, s->m->summary.zone_min), n->day) ? YES : NO;
	default:
		return row_fits(s, n) ? YES : NO;
	}
}

/* Keys that did not fit together, or were not looked at, say nothing of this message. */
static void unscore(struct node *n)
{
	n->score = 0;
	for (struct node *i = n->child; i; i = i->next)
		unscore(i);
}

/* A verdict, or an error class (negative). Depth is bounded by the parser (IMAP_SEARCH_DEPTH_MAX). With FUZZY keys all
 * alternatives are looked at: the best gives the score. */
static int fits(struct search *s, struct node *n, struct err *e)
{
	int r, stop = n->kind == IMAP_SEARCH_OR ? YES : NO, all = stop == YES ? NO : YES;
	bool hit = false;

	if (n->kind == IMAP_SEARCH_NOT) {
		r = fits(s, n->child, e);
		return r == YES ? NO : r == NO ? YES : r;
	}
	if (n->kind != IMAP_SEARCH_AND && n->kind != IMAP_SEARCH_OR)
		return leaf(s, n, e);
	for (struct node *i = n->child; i; i = i->next) {
		r = fits(s, i, e);
		if (r == NO && stop == NO)
			unscore(n);
		if (r < 0 || (r == stop && (stop == NO || !s->how->query->has_fuzzy)))
			return r;
		hit |= r == stop;
		if (r == OPEN)
			all = OPEN;
	}
	return hit ? stop : all;
}

/* Of a message that fits; -1: these keys say nothing. */
static int score(const struct node *n)
{
	int sum = 0, said = 0, best = -1, now;

	if (n->kind == IMAP_SEARCH_NOT)
		return -1;
	if (n->kind != IMAP_SEARCH_AND && n->kind != IMAP_SEARCH_OR)
		return n->fuzzy ? (int)n->score : -1;
	for (const struct node *i = n->child; i; i = i->next) {
		now = score(i);
		if (now > 0) {
			sum += now;
			said++;
		}
		best = now > best && now > 0 ? now : best;
	}
	return n->kind == IMAP_SEARCH_OR || !said ? best : sum / said;
}

struct hit {
	uint32_t uid;
	uint8_t score;
	uint64_t modseq;
};
struct hits {
	struct hit *v;
	size_t n, cap;
};

static void hit_add(struct arena *a, struct hits *h, const struct message *m, int relevancy)
{
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 64;
		struct hit *v = ARENA_ARRAY(a, struct hit, cap);

		for (size_t i = 0; i < h->n; i++)
			v[i] = h->v[i];
		h->v = v;
		h->cap = cap;
	}
	h->v[h->n++] = (struct hit){ m->uid, (uint8_t)(relevancy > 0 ? relevancy : 100), m->modseq };
}

static int round_run(struct search *s, struct node *root, const struct imap_set *in, struct hits *yes,
	struct imap_set *open, struct err *e)
{
	struct message_walk *w;
	struct message m;
	int r;

	if (message_walk_open(s->org, s->tx, s->a, s->box, in, s->level == LEVEL_ROW ? WANT_META : WANT_SUMMARY, &w,
		e) < 0)
		return e->code;
	while ((r = message_walk_next(w, &m, e)) > 0) {
		s->m = &m;
		s->has_body = s->has_body_text = false;
		if (s->how->progress && s->level == root->level)
			s->how->progress(s->how->progress_arg, s->decided++, s->goal);
		r = fits(s, root, e);
		if (r < 0)
			break;
		if (r == YES && s->how->query->has_fuzzy && s->level < root->level)
			r = OPEN; /* only the last round knows the score */
		if (r == YES)
			hit_add(s->a, yes, &m, score(root));
		else if (r == OPEN)
			imap_set_add(s->a, open, m.uid);
		if (s->level > LEVEL_ROW)
			arena_reset(s->scratch);
	}
	message_walk_close(w);
	return r < 0 ? r : 0;
}

/* Which email each UID of the mailbox is; a mailbox with as many messages and the same UIDNEXT has the same. */
struct email_ids {
	size_t n;
	uint64_t *email;
	uint32_t *uid;
};

static int email_ids_read(struct search *s, size_t n, struct email_ids *out, struct err *e)
{
	struct imap_range whole = { 1, s->box->uidnext };
	struct imap_set all = { .v = &whole, .n = 1 };
	struct message_walk *w;
	struct message m;
	int r;

	if (message_walk_open(s->org, s->tx, s->a, s->box, &all, WANT_META, &w, e) < 0)
		return e->code;
	while ((r = message_walk_next(w, &m, e)) > 0 && out->n < n) {
		out->email[out->n] = m.email_id;
		out->uid[out->n++] = m.uid;
	}
	message_walk_close(w);
	return r < 0 ? r : 0;
}

static int email_ids(struct search *s, struct email_ids *out, struct err *e)
{
	size_t n = s->box->messages, len, need = n * (sizeof(*out->email) + sizeof(*out->uid));
	struct order_key k;
	char *kept;

	memset(&k, 0, sizeof(k));
	k.mailbox_id = s->box->id;
	k.uidvalidity = s->box->uidvalidity;
	k.uidnext = s->box->uidnext;
	k.messages = s->box->messages;
	memcpy(k.what, "emails", 6);
	kept = order_cache_get(s->how->orders, s->a, &k, &len);
	if (kept && len == need) {
		*out = (struct email_ids){ n, (uint64_t *)kept, (uint32_t *)(kept + n * sizeof(*out->email)) };
		return 0;
	}
	kept = arena_alloc(s->a, need + 1);
	*out = (struct email_ids){ 0, (uint64_t *)kept, (uint32_t *)(kept + n * sizeof(*out->email)) };
	if (email_ids_read(s, n, out, e) < 0)
		return e->code;
	if (out->n == n)
		order_cache_put(s->how->orders, &k, kept, need);
	return 0;
}

/* The round without rows: what the index says. */
static int round_ids(struct search *s, struct node *root, const struct imap_set *in, struct hits *yes, struct imap_set *open,
	struct err *e)
{
	struct message *m = ARENA_NEW(s->a, struct message);
	struct email_ids ids;
	int r;

	if (email_ids(s, &ids, e) < 0)
		return e->code;
	s->m = m;
	for (size_t i = 0, at = 0; i < ids.n; i++) {
		m->uid = ids.uid[i];
		m->email_id = ids.email[i];
		while (at < in->n && in->v[at].hi < m->uid)
			at++;
		if (at == in->n)
			break;
		if (in->v[at].lo > m->uid)
			continue;
		r = fits(s, root, e);
		if (r < 0)
			return r;
		if (r == YES)
			hit_add(s->a, yes, m, -1);
		else if (r == OPEN)
			imap_set_add(s->a, open, m->uid);
	}
	return 0;
}

/* Where to look: what is in all sets that every result must be in. The newest of them when there are too many. */
static void start_set(struct search *s, const struct node *root, struct imap_set *out)
{
	const struct node *n = root->kind == IMAP_SEARCH_AND ? root->child : root;
	struct imap_partial newest = { 1, (uint32_t)s->how->max, true };
	struct imap_set all;

	uid_set_all(s->a, s->how->uids, out);
	for (; n; n = root->kind == IMAP_SEARCH_AND ? n->next : NULL) {
		if (n->kind != IMAP_SEARCH_SEQ && n->kind != IMAP_SEARCH_UID && n->kind != IMAP_SEARCH_SAVED)
			continue;
		all = *out;
		imap_set_both(s->a, &all, &n->set, out);
	}
	if (!s->how->max || imap_set_count(out) <= s->how->max)
		return;
	all = *out;
	imap_partial_cut(s->a, &all, &newest, out);
	if (s->how->lowest_out)
		*s->how->lowest_out = out->v[0].lo;
}

static int by_uid(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static void hits_sort(struct hits *h)
{
	for (size_t i = 1; i < h->n; i++)
		if (h->v[i - 1].uid > h->v[i].uid) {
			qsort(h->v, h->n, sizeof(*h->v), by_uid);
			return;
		}
}

/* Without what the index knows, or where more than UIDs is asked for, the rows are read at once. */
static enum level first_level(const struct search *s)
{
	return s->indexed && s->how->orders && !s->how->query->has_modseq && !s->how->query->has_fuzzy ? LEVEL_ID : LEVEL_ROW;
}

static int rounds_run(struct search *s, struct hits *yes, struct err *e)
{
	struct imap_set in, open;
	struct node *root;

	if (node_make(s, s->how->query->root, &root, e) < 0)
		return e->code;
	start_set(s, root, &in);
	s->goal = imap_set_count(&in);
	for (s->level = first_level(s); s->level <= LEVEL_BODY && in.n; s->level++) {
		open = (struct imap_set){ 0 };
		s->decided = s->goal - imap_set_count(&in);
		if ((s->level == LEVEL_ID ? round_ids : round_run)(s, root, &in, yes, &open, e) < 0)
			return e->code;
		in = open;
	}
	return 0;
}

int mail_search(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, const struct mail_search *how,
	struct imap_set *uids_out, uint64_t *modseq_out, struct err *e)
{
	SCOPED_ARENA scratch = arena_new();
	struct search s = { .org = o, .tx = tx, .a = a, .scratch = scratch, .box = box, .how = how };
	struct hits yes = { 0 };
	int r = rounds_run(&s, &yes, e);

	mail_index_close(s.index);
	seal_key_wipe(&s.key);
	if (r < 0)
		return r;
	hits_sort(&yes);
	*uids_out = (struct imap_set){ 0 };
	*modseq_out = 0;
	if (how->scores_out)
		*how->scores_out = ARENA_ARRAY(a, uint8_t, yes.n + 1);
	for (size_t i = 0; i < yes.n; i++) {
		imap_set_add(a, uids_out, yes.v[i].uid);
		if (how->scores_out)
			(*how->scores_out)[i] = yes.v[i].score;
		if (yes.v[i].modseq > *modseq_out)
			*modseq_out = yes.v[i].modseq;
	}
	return 0;
}
