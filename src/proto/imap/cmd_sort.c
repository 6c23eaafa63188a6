/* cmd_sort.c - SORT (RFC 5256, 5957; RETURN: RFC 5267; RELEVANCY: RFC 6203) and THREAD (RFC 5256). Order and threads: domain/mail/sort.h.
 *
 * sort = "SORT" [SP "RETURN" ...] SP sort-criteria SP charset 1*(SP search-key)
 * thread = "THREAD" SP thread-alg SP charset 1*(SP search-key) */
#include <stdlib.h>
#include "domain/mail/sort.h"
#include "proto/imap/context.h"

/* A part of the messages has no order and no threads (RFC 9738 section 3.3). */
static int whole(struct imap_call *c, struct err *e)
{
	if (!c->limit_uid)
		return 0;
	c->no_code = arena_printf(c->arena, "MESSAGELIMIT %llu", (unsigned long long)imap_limit(c)).p;
	return imap_no(e, ERR_LIMIT, "Too many messages to put in order");
}

static uint32_t number(const struct imap_call *c, uint32_t uid)
{
	return c->uid ? uid : uid_set_seq(c->s->view.uids, uid);
}

static void put_numbers(struct imap_call *c, const uint32_t *uids, size_t n, char sep)
{
	for (size_t i = 0; i < n; i++) {
		if (i || sep == ' ')
			buf_addc(c->out, sep);
		buf_addu(c->out, number(c, uids[i]));
	}
}

static void put_part(struct imap_call *c, const struct imap_partial *p, const uint32_t *uids, size_t n)
{
	const char *sign = p->from_end ? "-" : "";
	size_t lo, hi;

	imap_partial_bounds(p, n, &lo, &hi);
	buf_addf(c->out, " PARTIAL (%s%u:%s%u ", sign, p->lo, sign, p->hi);
	if (lo > hi)
		buf_addz(c->out, "NIL");
	else
		put_numbers(c, uids + lo - 1, hi - lo + 1, ',');
	buf_addc(c->out, ')');
}

static int by_number(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Scores in the order of the answer (RFC 6203 section 6). */
static void put_relevancy(struct imap_call *c, const struct imap_search *q, const struct imap_set *found, const uint8_t *scores,
	const uint32_t *uids, size_t n)
{
	uint8_t *ordered = ARENA_ARRAY(c->arena, uint8_t, n + 1);
	uint32_t *up = ARENA_ARRAY(c->arena, uint32_t, imap_set_count(found) + 1), *at;
	struct imap_set_iter it = imap_set_iter(found);
	size_t lo = 1, hi = n, len = 0;

	while (imap_set_next(&it, &up[len]))
		len++;
	for (size_t i = 0; i < n; i++)
		if ((at = bsearch(&uids[i], up, len, sizeof(*up), by_number)))
			ordered[i] = scores[at - up];
	if (q->ret & IMAP_RETURN_PARTIAL)
		imap_partial_bounds(&q->partial, n, &lo, &hi);
	imap_put_scores(c->out, ordered, lo - 1, hi >= lo ? hi - lo + 1 : 0);
}

/* First and last are those of the order (RFC 5267 section 3). */
static void put_esort(struct imap_call *c, const struct imap_search *q, const struct imap_set *found, const uint8_t *scores,
	const uint32_t *uids, size_t n)
{
	buf_addz(c->out, "* ESEARCH (TAG ");
	imap_write_quoted(c->out, c->call->cmd->tag);
	buf_addz(c->out, c->uid ? ") UID" : ")");
	if ((q->ret & IMAP_RETURN_MIN) && n)
		buf_addf(c->out, " MIN %u", number(c, uids[0]));
	if ((q->ret & IMAP_RETURN_MAX) && n)
		buf_addf(c->out, " MAX %u", number(c, uids[n - 1]));
	if ((q->ret & IMAP_RETURN_ALL) && n) {
		buf_addz(c->out, " ALL ");
		put_numbers(c, uids, n, ',');
	}
	if (q->ret & IMAP_RETURN_PARTIAL)
		put_part(c, &q->partial, uids, n);
	if (q->ret & IMAP_RETURN_RELEVANCY)
		put_relevancy(c, q, found, scores, uids, n);
	if (q->ret & IMAP_RETURN_COUNT)
		buf_addf(c->out, " COUNT %zu", n);
	buf_addz(c->out, "\r\n");
}

int imap_sort(struct imap_call *c, struct err *e)
{
	struct imap_search q = { 0 };
	struct imap_set found;
	struct imap_sort how;
	struct mailbox box;
	uint8_t *scores;
	uint32_t *uids;
	size_t n;

	if (imap_return_parse(&c->args, &q, e) < 0 || imap_sort_parse(&c->args, &how, e) < 0)
		return e->code;
	if (!imap_args_astring(&c->args, &q.charset))
		return imap_bad(e, "Charset expected");
	if (imap_search_keys(c->arena, &c->args, &q, e) < 0)
		return e->code;
	if (how.has_relevancy && !q.has_fuzzy)
		return imap_bad(e, "RELEVANCY needs a FUZZY key");
	if (imap_search_run(c, &q, &box, &found, NULL, &scores, e) < 0 || whole(c, e) < 0 ||
		mail_sort(c->call->house->mail, c->tx, c->arena, &box, &found, &how, scores, &uids, &n, e) < 0)
		return e->code;
	c->text = "SORT completed";
	if (q.ret & IMAP_RETURN_SAVE)
		imap_search_save(c, &found);
	if (q.ret & IMAP_RETURN_UPDATE)
		context_begin(c, &q, &how, &found, uids, n);
	if (q.has_return) {
		if (q.ret != IMAP_RETURN_SAVE)
			put_esort(c, &q, &found, scores, uids, n);
		return 0;
	}
	buf_addz(c->out, "* SORT");
	put_numbers(c, uids, n, ' ');
	buf_addz(c->out, "\r\n");
	return 0;
}

/* thread-members = nz-number *(SP nz-number) [SP thread-nested], thread-nested = 2*thread-list.
 * Without recursion: a thread may be as deep as the mailbox has messages. open: heads of the lists that are open. */
static void put_thread(struct imap_call *c, const struct mail_threads *t, int32_t root, int32_t *open)
{
	int32_t i = root;
	size_t depth = 0;
	bool begin = true;

	while (i >= 0) {
		const struct mail_thread_node *n = &t->v[i];

		if (begin) {
			buf_addc(c->out, '(');
			open[depth++] = i;
		}
		if (n->uid) {
			if (!begin)
				buf_addc(c->out, ' ');
			buf_addu(c->out, number(c, n->uid));
		}
		if (n->children > 1 && n->uid)
			buf_addc(c->out, ' ');
		begin = n->children != 1;
		i = n->child;
		while (i < 0 && depth) { /* a list ends: on with the next beside it, or with what is around it */
			buf_addc(c->out, ')');
			depth--;
			i = depth ? t->v[open[depth]].next : -1;
		}
	}
}

int imap_thread(struct imap_call *c, struct err *e)
{
	struct imap_search q = { 0 };
	enum mail_thread_how how;
	struct mail_threads t;
	struct imap_set found;
	struct mailbox box;
	int32_t *open;

	if (imap_args_word(&c->args, "REFERENCES"))
		how = THREAD_REFERENCES;
	else if (imap_args_word(&c->args, "REFS"))
		how = THREAD_REFS;
	else if (imap_args_word(&c->args, "ORDEREDSUBJECT"))
		how = THREAD_ORDEREDSUBJECT;
	else
		return imap_bad(e, "Unknown way of threading");
	if (!imap_args_astring(&c->args, &q.charset))
		return imap_bad(e, "Charset expected");
	if (imap_search_keys(c->arena, &c->args, &q, e) < 0 || imap_search_run(c, &q, &box, &found, NULL, NULL, e) < 0 ||
		whole(c, e) < 0 || mail_thread(c->call->house->mail, c->tx, c->arena, &box, &found, how, &t, e) < 0)
		return e->code;
	open = ARENA_ARRAY(c->arena, int32_t, 3 * imap_set_count(&found) + 2);
	buf_addz(c->out, "* THREAD");
	if (t.first >= 0)
		buf_addc(c->out, ' ');
	for (int32_t i = t.first; i >= 0; i = t.v[i].next)
		put_thread(c, &t, i, open);
	buf_addz(c->out, "\r\n");
	c->text = "THREAD completed";
	return 0;
}
